//! The machine against a coordinator that loses requests and answers, moves partitions between members, and throws members out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use medallion_wire::types::Uuid;
use medallion_wire::{PartitionIndex, ResponseError, TopicId, TopicPartition};
use tokio::time::Instant;

use super::consumer::*;
use super::{Change, Subscription};
use crate::backoff::Backoff;
use crate::error::Error;

fn policy() -> Policy {
    Policy {
        is_static: false,
        max_poll_interval: Duration::from_secs(300),
        backoff: Backoff { first: Duration::from_millis(100), max: Duration::from_secs(1) },
    }
}

fn id() -> TopicId {
    TopicId(Uuid::from_u128(7))
}

fn of(indexes: &[i32]) -> Assignment {
    if indexes.is_empty() {
        return Assignment::new();
    }
    BTreeMap::from([(id(), indexes.iter().map(|index| PartitionIndex(*index)).collect())])
}

fn set(indexes: &[i32]) -> BTreeSet<TopicPartition> {
    indexes.iter().map(|index| TopicPartition::new("t", *index)).collect()
}

fn subscription() -> Subscription {
    Subscription::Names(BTreeSet::from([Arc::from("t")]))
}

fn answer(member_epoch: i32, assignment: Option<Assignment>) -> Event {
    Event::Answered(Ok(Answer { member_epoch, interval: Duration::from_secs(5), assignment }))
}

fn refused(code: ResponseError) -> Event {
    Event::Answered(Err(Error::check(code.code(), || "group g".to_owned(), None).unwrap_err()))
}

fn beat(commands: &[Command]) -> Option<&Heartbeat> {
    commands.iter().find_map(|command| match command {
        Command::Heartbeat(beat) => Some(beat),
        _ => None,
    })
}

fn change(commands: &[Command]) -> Option<&Change> {
    commands.iter().find_map(|command| match command {
        Command::Change(change) => Some(change),
        _ => None,
    })
}

/// A member in epoch 3 that owns partitions 0 and 1.
fn member() -> (Membership, Instant) {
    let (mut member, now) = (Membership::new(policy()), Instant::now());
    let commands = member.handle(Event::Subscribe(subscription()), now, 0.5);
    let first = beat(&commands).unwrap();
    assert!(first.is_full && first.member_epoch == 0 && first.subscription == Some(subscription()));
    assert_eq!(first.owned, Some(Assignment::new()));
    let commands = member.handle(answer(3, Some(of(&[0, 1]))), now, 0.5);
    assert!(matches!(&commands[..], [Command::Name(ids)] if *ids == BTreeSet::from([id()])));
    let commands = member.handle(Event::Named(vec![(id(), "t".into())]), now, 0.5);
    assert_eq!(change(&commands).unwrap().added, set(&[0, 1]));
    let commands = member.handle(Event::Changed, now, 0.5);
    assert_eq!(beat(&commands).unwrap().owned, Some(of(&[0, 1])), "what is owned is said at once");
    assert!(member.handle(answer(3, None), now, 0.5).is_empty());
    (member, now)
}

#[tokio::test]
async fn partitions_are_given_back_before_that_is_said() {
    let (mut member, now) = member();
    let later = now + Duration::from_secs(5);
    assert_eq!(member.due(), Some(later));
    let commands = member.handle(Event::Tick, later, 0.5);
    let quiet = Heartbeat { member_epoch: 3, ..Heartbeat::default() };
    assert_eq!(beat(&commands), Some(&quiet), "nothing new, nothing said");
    let commands = member.handle(answer(4, Some(of(&[1, 2]))), later, 0.5);
    let announced = change(&commands).unwrap();
    assert_eq!((&announced.revoked, &announced.added), (&set(&[0]), &set(&[2])));
    assert!(beat(&commands).is_none(), "the user may still need what is taken");
    // Heartbeats go on while the user takes its time, and say nothing of it.
    let commands = member.handle(Event::Tick, later + Duration::from_secs(5), 0.5);
    assert_eq!(beat(&commands).unwrap().owned, None);
    assert!(member.handle(answer(4, None), later, 0.5).is_empty());
    let commands = member.handle(Event::Changed, later, 0.5);
    assert_eq!(beat(&commands).unwrap().owned, Some(of(&[1, 2])));
}

#[tokio::test]
async fn who_is_fenced_loses_all_and_joins_again() {
    let (mut member, now) = member();
    let later = now + Duration::from_secs(5);
    member.handle(Event::Tick, later, 0.5);
    let commands = member.handle(refused(ResponseError::FencedMemberEpoch), later, 0.5);
    let lost = change(&commands).unwrap();
    assert!(lost.is_lost && lost.revoked == set(&[0, 1]));
    assert!(beat(&commands).is_none());
    let commands = member.handle(Event::Changed, later, 0.5);
    let first = beat(&commands).unwrap();
    assert!(first.is_full && first.member_epoch == 0 && first.owned == Some(Assignment::new()));
}

#[tokio::test]
async fn who_leaves_gives_back_first() {
    let (mut member, now) = member();
    let commands = member.handle(Event::Leave, now, 0.5);
    assert!(change(&commands).unwrap().revoked == set(&[0, 1]) && beat(&commands).is_none());
    // It stays a member as long as the user takes.
    let later = now + Duration::from_secs(5);
    assert_eq!(member.due(), Some(later));
    assert_eq!(beat(&member.handle(Event::Tick, later, 0.5)).unwrap().member_epoch, 3);
    assert!(member.handle(answer(3, None), later, 0.5).is_empty());
    let commands = member.handle(Event::Changed, later, 0.5);
    assert_eq!(beat(&commands).unwrap().member_epoch, -1);
    assert!(matches!(member.handle(answer(-1, None), later, 0.5)[..], [Command::Left]));
    assert_eq!((member.due(), member.is_in()), (None, false));
}

#[tokio::test]
async fn who_does_not_poll_leaves_at_once_and_comes_back() {
    let (mut member, now) = member();
    let late = now + Duration::from_secs(300);
    let commands = member.handle(Event::Tick, late, 0.5);
    let lost = change(&commands).unwrap();
    assert!(lost.is_lost && lost.revoked == set(&[0, 1]));
    assert_eq!(beat(&commands).unwrap().member_epoch, -1, "others do not wait for a program that hangs");
    assert!(member.handle(answer(-1, None), late, 0.5).is_empty() && member.is_stale());
    assert!(member.handle(Event::Polled(late), late, 0.5).is_empty());
    let commands = member.handle(Event::Changed, late, 0.5);
    assert!(member.is_in() && !member.is_stale());
    let commands = if commands.is_empty() { member.handle(Event::Tick, late, 0.5) } else { commands };
    assert!(beat(&commands).is_some_and(|beat| beat.is_full && beat.member_epoch == 0));
}

#[tokio::test]
async fn what_nobody_has_taken_yet_is_taken_back_when_all_is_lost() {
    let (mut member, now) = member();
    member.handle(Event::Tick, now + Duration::from_secs(5), 0.5);
    let commands = member.handle(answer(4, Some(of(&[1]))), now + Duration::from_secs(5), 0.5);
    assert!(!change(&commands).unwrap().is_lost);
    let commands = member.handle(Event::Tick, now + Duration::from_secs(300), 0.5);
    assert!(matches!(commands[..], [Command::Withdraw, Command::Heartbeat(_)]), "{commands:?}");
    let commands = member.handle(Event::Withdrawn, now + Duration::from_secs(300), 0.5);
    let lost = change(&commands).unwrap();
    assert!(lost.is_lost && lost.revoked == set(&[0, 1]));
}

#[tokio::test]
async fn errors_that_pass_are_waited_for_and_others_are_told() {
    let (mut member, now) = member();
    let later = now + Duration::from_secs(5);
    member.handle(Event::Tick, later, 0.5);
    assert!(member.handle(refused(ResponseError::NotCoordinator), later, 0.5).is_empty());
    assert_eq!(member.due(), Some(later + Duration::from_millis(100)));
    let commands = member.handle(Event::Tick, later + Duration::from_millis(100), 0.5);
    let again = beat(&commands).unwrap();
    assert!(again.is_full && again.member_epoch == 3 && again.owned == Some(of(&[0, 1])));
    let commands = member.handle(refused(ResponseError::GroupAuthorizationFailed), later, 0.5);
    assert!(matches!(commands[0], Command::Report(_)) && change(&commands).unwrap().is_lost);
    assert!(member.handle(Event::Changed, later, 0.5).is_empty());
    let again = later + Duration::from_secs(1);
    assert_eq!(member.due(), Some(again), "it may be allowed later");
    assert!(beat(&member.handle(Event::Tick, again, 0.5)).is_some_and(|beat| beat.is_full));
    let commands = member.handle(refused(ResponseError::FencedInstanceId), again, 0.5);
    assert!(matches!(commands[..], [Command::Report(_)]));
    assert_eq!(member.due(), None, "two that fence each other would never end");
}

/// A coordinator's view of a member.
#[derive(Default)]
struct Seen {
    epoch: i32,
    previous_epoch: i32,
    /// What it may have.
    assigned: BTreeSet<i32>,
    /// What it has to give back, until it says that it has.
    pending: BTreeSet<i32>,
}

/// A member, what is on its way to it, and what its user reads.
struct Actor {
    machine: Membership,
    request: Option<(Heartbeat, u32)>,
    change: Option<Change>,
    owned: BTreeSet<TopicPartition>,
    is_gone: bool,
}

struct World {
    random: fastrand::Rng,
    now: Instant,
    partitions: i32,
    group_epoch: i32,
    seen: BTreeMap<usize, Seen>,
    actors: Vec<Actor>,
    is_faulty: bool,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let partitions = random.i32(1..9);
        let (seen, actors) = (BTreeMap::new(), Vec::new());
        Self { random, now: Instant::now(), partitions, group_epoch: 0, seen, actors, is_faulty: true }
    }

    fn join(&mut self) {
        let machine = Membership::new(policy());
        let owned = BTreeSet::new();
        self.actors.push(Actor { machine, request: None, change: None, owned, is_gone: false });
        self.tell(self.actors.len() - 1, Event::Subscribe(subscription()));
    }

    fn tell(&mut self, at: usize, event: Event) {
        let random = self.random.f64();
        for command in self.actors[at].machine.handle(event, self.now, random) {
            let delay = self.random.u32(0..4);
            let actor = &mut self.actors[at];
            match command {
                Command::Heartbeat(beat) => {
                    assert!(actor.request.is_none(), "one heartbeat at a time");
                    actor.request = Some((beat, delay));
                }
                Command::Name(ids) if delay == 0 => {
                    assert_eq!(ids, BTreeSet::from([id()]));
                    self.tell(at, Event::Named(Vec::new()));
                }
                Command::Name(_) => self.tell(at, Event::Named(vec![(id(), "t".into())])),
                Command::Change(change) => {
                    assert!(actor.change.is_none(), "one change after another");
                    actor.change = Some(change);
                }
                Command::Withdraw => {
                    if actor.change.is_some() && delay < 2 {
                        actor.change = None;
                        self.tell(at, Event::Withdrawn);
                    }
                }
                Command::Report(error) => panic!("{error}"),
                Command::Left => actor.is_gone = true,
            }
        }
    }

    /// As Kafka's coordinator decides: first a member gives up, then it gets what nobody has any more.
    fn answer(&mut self, at: usize, beat: &Heartbeat) -> Result<Answer, Error> {
        if self.is_faulty && self.random.u32(0..10) == 0 {
            return Err(Error::disconnected(&"b:1".into(), "the request was lost"));
        }
        if beat.member_epoch < 0 {
            self.seen.remove(&at);
            self.group_epoch += 1;
            return Ok(Answer { member_epoch: beat.member_epoch, ..Answer::default() });
        }
        if beat.member_epoch == 0 {
            self.seen.insert(at, Seen::default());
            self.group_epoch += 1;
        }
        let members: Vec<usize> = self.seen.keys().copied().collect();
        let place = members.iter().position(|member| *member == at);
        let place = place.ok_or_else(|| refusal(ResponseError::UnknownMemberId))?;
        let mut target = BTreeSet::new();
        for index in 0..self.partitions {
            if usize::try_from(index).unwrap() % members.len() == place {
                target.insert(index);
            }
        }
        let others = self.seen.iter().filter(|(other, _)| **other != at);
        let held: BTreeSet<i32> =
            others.flat_map(|(_, other)| other.pending.union(&other.assigned).copied()).collect();
        let group_epoch = self.group_epoch;
        let me = self.seen.get_mut(&at).unwrap();
        if ![me.epoch, me.previous_epoch].contains(&beat.member_epoch) {
            return Err(refusal(ResponseError::FencedMemberEpoch));
        }
        if let Some(owned) = &beat.owned {
            let owned: BTreeSet<i32> = owned.values().flatten().map(|index| index.get()).collect();
            if owned.is_disjoint(&me.pending) {
                me.pending.clear();
            }
        }
        let before = me.assigned.clone();
        if me.pending.is_empty() {
            me.pending = me.assigned.difference(&target).copied().collect();
            if me.pending.is_empty() {
                if me.epoch != group_epoch {
                    (me.previous_epoch, me.epoch) = (me.epoch, group_epoch);
                }
                me.assigned = target.difference(&held).copied().collect();
            } else {
                me.assigned.retain(|index| target.contains(index));
            }
        }
        let is_told = beat.is_full || me.assigned != before;
        let assignment = is_told.then(|| of(&me.assigned.iter().copied().collect::<Vec<_>>()));
        let answer = Answer { member_epoch: me.epoch, interval: Duration::from_secs(1), assignment };
        if self.is_faulty && self.random.u32(0..10) == 0 {
            return Err(Error::disconnected(&"b:1".into(), "the answer was lost"));
        }
        Ok(answer)
    }

    fn step(&mut self) {
        self.now += Duration::from_millis(self.random.u64(1..400));
        for at in 0..self.actors.len() {
            self.tell(at, Event::Polled(self.now));
            if self.actors[at].machine.due().is_some_and(|due| due <= self.now) {
                self.tell(at, Event::Tick);
            }
            if self.actors[at].change.is_some() && self.random.u32(0..3) == 0 {
                let actor = &mut self.actors[at];
                let change = actor.change.take().unwrap();
                assert!(
                    change.revoked.iter().all(|one| actor.owned.remove(one)),
                    "only what is owned is taken"
                );
                assert!(
                    change.added.iter().all(|one| actor.owned.insert(one.clone())),
                    "only what is not is added"
                );
                self.tell(at, Event::Changed);
            }
            match self.actors[at].request.take() {
                Some((beat, 0)) => {
                    let outcome = self.answer(at, &beat);
                    self.tell(at, Event::Answered(outcome));
                }
                Some((beat, delay)) => self.actors[at].request = Some((beat, delay - 1)),
                None => {}
            }
        }
        let mut owners = BTreeMap::new();
        for (at, actor) in self.actors.iter().enumerate().filter(|(at, _)| self.seen.contains_key(at)) {
            for partition in actor.owned.iter().filter(|_| actor.machine.epoch() > 0) {
                assert_eq!(owners.insert(partition, at), None, "{partition} has two owners");
            }
        }
    }
}

fn refusal(code: ResponseError) -> Error {
    Error::check(code.code(), || "group g".to_owned(), None).unwrap_err()
}

/// Members come, go and are thrown out; no partition ever has two owners, and when it gets quiet all partitions are read.
#[tokio::test]
async fn groups_settle() {
    for seed in 0..300 {
        let mut world = World::new(seed);
        world.join();
        for _ in 0..150 {
            match world.random.u32(0..25) {
                0 if world.actors.len() < 6 => world.join(),
                1 => {
                    let at = world.random.usize(..world.actors.len());
                    if !world.actors[at].is_gone && at > 0 {
                        world.tell(at, Event::Leave);
                    }
                }
                2 => {
                    let seen: Vec<usize> = world.seen.keys().copied().collect();
                    if let Some(at) = world.random.choice(&seen) {
                        world.seen.remove(at);
                        world.group_epoch += 1;
                    }
                }
                _ => {}
            }
            world.step();
        }
        world.is_faulty = false;
        for _ in 0..400 {
            world.step();
            // The sessions of those who have left without being heard.
            let gone: Vec<usize> =
                world.seen.keys().copied().filter(|at| world.actors[*at].is_gone).collect();
            for at in gone {
                world.seen.remove(&at);
                world.group_epoch += 1;
            }
        }
        let owned: BTreeSet<_> = world.actors.iter().flat_map(|actor| actor.owned.clone()).collect();
        assert_eq!(owned, set(&(0..world.partitions).collect::<Vec<_>>()), "seed {seed}");
        let sum: usize = world.actors.iter().map(|actor| actor.owned.len()).sum();
        assert_eq!(sum, owned.len(), "seed {seed}: each has one owner");
    }
}
