//! The machine in single steps, and many of them around a coordinator that loses requests and answers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use fastrand::Rng;
use medallion_wire::{ResponseError, TopicPartition};
use tokio::time::Instant;

use super::Change;
use super::classic::*;
use super::protocol::{Said, assigned, assignment, member, subscription};
use crate::backoff::Backoff;
use crate::config::PartitionAssignor;
use crate::error::Error;

fn policy(assignors: &[PartitionAssignor]) -> Policy {
    Policy {
        is_static: false,
        rack: None,
        assignors: assignors.to_vec(),
        heartbeat_interval: Duration::from_secs(3),
        max_poll_interval: Duration::from_secs(300),
        backoff: Backoff { first: Duration::from_millis(100), max: Duration::from_secs(1) },
    }
}

fn set(indexes: &[i32]) -> BTreeSet<TopicPartition> {
    indexes.iter().map(|index| TopicPartition::new("t", *index)).collect()
}

/// So many partitions, whose racks are not known.
fn partitions(count: i32) -> Arc<[BTreeSet<Arc<str>>]> {
    (0..count).map(|_| BTreeSet::new()).collect()
}

fn topics() -> BTreeSet<Arc<str>> {
    BTreeSet::from([Arc::from("t")])
}

fn refusal(code: ResponseError) -> Error {
    Error::check(code.code(), || "group g".to_owned(), None).unwrap_err()
}

fn change(commands: &[Command]) -> Option<&Change> {
    commands.iter().find_map(|command| match command {
        Command::Change(change) => Some(change),
        _ => None,
    })
}

fn has_join(commands: &[Command]) -> bool {
    commands.iter().any(|command| matches!(command, Command::Join { .. }))
}

fn joined(generation: i32) -> Event {
    let joined = Joined { generation, member_id: "m".into(), protocol: "range".into(), ..Joined::default() };
    Event::Joined(Ok(joined))
}

fn synced(indexes: &[i32]) -> Event {
    Event::Synced(assignment(&set(indexes)))
}

/// A member in generation 3 that follows another's lead and owns partitions 0 and 1.
fn follower(assignors: &[PartitionAssignor]) -> (Membership, Instant) {
    let (mut member, now) = (Membership::new(policy(assignors)), Instant::now());
    let commands = member.handle(Event::Subscribe(topics()), now, 0.5);
    assert!(has_join(&commands) && matches!(&commands[0], Command::Watch(watched) if *watched == topics()));
    let id = Joined { generation: -1, member_id: "m".into(), ..Joined::default() };
    let commands = member.handle(Event::Joined(Ok(id)), now, 0.5);
    assert!(matches!(&commands[..], [Command::Join { member_id, .. }] if **member_id == *"m"));
    let commands = member.handle(joined(3), now, 0.5);
    assert!(matches!(&commands[..], [Command::Sync { assignments, .. }] if assignments.is_empty()));
    let commands = member.handle(synced(&[0, 1]), now, 0.5);
    assert_eq!(change(&commands).unwrap().added, set(&[0, 1]));
    assert!(member.handle(Event::Changed, now, 0.5).is_empty());
    (member, now)
}

#[tokio::test]
async fn eager_members_give_all_back_before_they_join() {
    let (mut member, now) = follower(&[PartitionAssignor::Range, PartitionAssignor::CooperativeSticky]);
    let later = now + Duration::from_secs(3);
    assert_eq!(member.due(), Some(later));
    assert!(matches!(member.handle(Event::Tick, later, 0.5)[..], [Command::Heartbeat { .. }]));
    let beaten = Event::Beaten(Err(refusal(ResponseError::RebalanceInProgress)));
    let commands = member.handle(beaten, later, 0.5);
    let given = change(&commands).unwrap();
    assert!(given.revoked == set(&[0, 1]) && !given.is_lost && !has_join(&commands));
    // The user takes its time: heartbeats go on.
    let still_later = later + Duration::from_secs(3);
    assert_eq!(member.due(), Some(still_later));
    assert!(matches!(member.handle(Event::Tick, still_later, 0.5)[..], [Command::Heartbeat { .. }]));
    let beaten = Event::Beaten(Err(refusal(ResponseError::RebalanceInProgress)));
    assert!(member.handle(beaten, still_later, 0.5).is_empty());
    let mut commands = member.handle(Event::Changed, still_later, 0.5);
    if commands.is_empty() {
        commands = member.handle(Event::Tick, member.due().unwrap(), 0.5);
    }
    assert!(has_join(&commands));
}

#[tokio::test]
async fn cooperative_members_keep_what_stays_and_join_twice() {
    let (mut member, now) = follower(&[PartitionAssignor::CooperativeSticky]);
    let later = now + Duration::from_secs(3);
    member.handle(Event::Tick, later, 0.5);
    let beaten = Event::Beaten(Err(refusal(ResponseError::RebalanceInProgress)));
    let commands = member.handle(beaten, later, 0.5);
    let commands =
        if commands.is_empty() { member.handle(Event::Tick, member.due().unwrap(), 0.5) } else { commands };
    assert!(has_join(&commands) && change(&commands).is_none(), "nothing is taken away: {commands:?}");
    let Command::Join { protocols, .. } = &commands[0] else { panic!("{commands:?}") };
    let said =
        super::protocol::member("m", None, &protocols[0].1, PartitionAssignor::CooperativeSticky).unwrap();
    assert_eq!((said.owned, said.generation), (set(&[0, 1]), 3));
    member.handle(joined(4), later, 0.5);
    let commands = member.handle(synced(&[1]), later, 0.5);
    assert_eq!((&change(&commands).unwrap().revoked, has_join(&commands)), (&set(&[0]), false));
    assert!(has_join(&member.handle(Event::Changed, later, 0.5)), "so that others get what was given back");
}

#[tokio::test]
async fn who_is_fenced_is_told_of_the_loss_and_joins_again() {
    for (code, id) in [(ResponseError::UnknownMemberId, ""), (ResponseError::IllegalGeneration, "m")] {
        let (mut member, now) = follower(&[PartitionAssignor::Range]);
        let later = now + Duration::from_secs(3);
        member.handle(Event::Tick, later, 0.5);
        let commands = member.handle(Event::Beaten(Err(refusal(code))), later, 0.5);
        assert!(change(&commands).is_some_and(|change| change.is_lost && change.revoked == set(&[0, 1])));
        let commands = member.handle(Event::Changed, later, 0.5);
        assert!(
            matches!(&commands[..], [Command::Join { member_id, .. }] if **member_id == *id),
            "{commands:?}"
        );
    }
    let (mut member, now) = follower(&[PartitionAssignor::Range]);
    let later = now + Duration::from_secs(3);
    member.handle(Event::Tick, later, 0.5);
    let commands = member.handle(Event::Beaten(Err(refusal(ResponseError::FencedInstanceId))), later, 0.5);
    assert!(commands.iter().any(|command| matches!(command, Command::Report(_))));
    assert!(member.handle(Event::Changed, later, 0.5).is_empty());
    assert_eq!(member.due(), None, "two that fence each other would never end");
}

#[tokio::test]
async fn leaders_wait_for_topics_and_join_again_when_those_grow() {
    let (mut leader, now) = (Membership::new(policy(&[PartitionAssignor::Range])), Instant::now());
    leader.handle(Event::Subscribe(topics()), now, 0.5);
    let others: BTreeSet<Arc<str>> = BTreeSet::from(["s".into(), "t".into()]);
    let (nothing, own) = (BTreeSet::new(), topics());
    let said = |topics| Said { topics, owned: &nothing, last: &nothing, generation: -1, rack: None };
    let bytes = |topics| subscription(&said(topics), PartitionAssignor::Range).unwrap();
    let members = vec![("m".into(), None, bytes(&own)), ("n".into(), None, bytes(&others))];
    let lead = Joined {
        generation: 1,
        member_id: "m".into(),
        protocol: "range".into(),
        members: Some(members),
        keeps_assignment: false,
    };
    let commands = leader.handle(Event::Joined(Ok(lead)), now, 0.5);
    assert!(matches!(&commands[..], [Command::Watch(watched)] if *watched == others), "{commands:?}");
    assert!(
        leader
            .handle(Event::Topics(BTreeMap::from([("t".into(), Some(partitions(3)))])), now, 0.5)
            .is_empty()
    );
    let commands = leader.handle(Event::Topics(BTreeMap::from([("s".into(), None)])), now, 0.5);
    let [Command::Sync { assignments, .. }] = &commands[..] else { panic!("{commands:?}") };
    assert_eq!(assigned(&assignments[0].1).unwrap(), set(&[0, 1]));
    assert_eq!(assigned(&assignments[1].1).unwrap(), set(&[2]));
    leader.handle(synced(&[0, 1]), now, 0.5);
    leader.handle(Event::Changed, now, 0.5);
    // A topic of another member is made.
    let commands =
        leader.handle(Event::Topics(BTreeMap::from([("s".into(), Some(partitions(1)))])), now, 0.5);
    assert_eq!(change(&commands).unwrap().revoked, set(&[0, 1]));
}

/// As in Java, for leaders that are somewhere themselves.
#[tokio::test]
async fn leaders_join_again_when_partitions_move_to_other_racks() {
    for rack in [None, Some("a")] {
        let own = Policy { rack: rack.map(str::to_owned), ..policy(&[PartitionAssignor::Range]) };
        let (mut leader, now) = (Membership::new(own), Instant::now());
        leader.handle(Event::Subscribe(topics()), now, 0.5);
        let (nothing, all) = (BTreeSet::new(), topics());
        let bytes = |rack| {
            let said = Said { topics: &all, owned: &nothing, last: &nothing, generation: -1, rack };
            subscription(&said, PartitionAssignor::Range).unwrap()
        };
        let members = vec![("m".into(), None, bytes(rack)), ("n".into(), None, bytes(Some("b")))];
        let lead = Joined {
            generation: 1,
            member_id: "m".into(),
            protocol: "range".into(),
            members: Some(members),
            keeps_assignment: false,
        };
        leader.handle(Event::Joined(Ok(lead)), now, 0.5);
        let placed = |racks: [&str; 2]| {
            let racks = racks.map(|rack| BTreeSet::from([Arc::from(rack)]));
            Event::Topics(BTreeMap::from([("t".into(), Some(racks.into()))]))
        };
        let commands = leader.handle(placed(["b", "a"]), now, 0.5);
        let [Command::Sync { assignments, .. }] = &commands[..] else { panic!("{commands:?}") };
        // Without a rack it is near to both, and comes first.
        let own = i32::from(rack.is_some());
        assert_eq!(assigned(&assignments[0].1).unwrap(), set(&[own]), "{rack:?}");
        leader.handle(synced(&[own]), now, 0.5);
        leader.handle(Event::Changed, now, 0.5);
        let commands = leader.handle(placed(["a", "b"]), now, 0.5);
        assert_eq!(change(&commands).is_some(), rack.is_some(), "{commands:?}");
    }
}

#[tokio::test]
async fn who_does_not_poll_leaves_at_once_and_comes_back() {
    let (mut member, now) = follower(&[PartitionAssignor::Range]);
    let late = now + Duration::from_secs(300);
    let commands = member.handle(Event::Tick, late, 0.5);
    assert!(
        matches!(&commands[..], [Command::Depart { .. }, Command::Change(lost)] if lost.is_lost),
        "{commands:?}"
    );
    assert!(member.handle(Event::Departed, late, 0.5).is_empty() && member.is_stale());
    assert!(member.handle(Event::Polled(late), late, 0.5).is_empty());
    assert!(has_join(&member.handle(Event::Changed, late, 0.5)));
    // Leaving on purpose: all is given back first.
    let (mut member, now) = follower(&[PartitionAssignor::Range]);
    let commands = member.handle(Event::Leave, now, 0.5);
    assert!(matches!(&commands[..], [Command::Change(given)] if !given.is_lost));
    assert!(matches!(member.handle(Event::Changed, now, 0.5)[..], [Command::Depart { .. }]));
    assert!(matches!(member.handle(Event::Departed, now, 0.5)[..], [Command::Left]));
    assert!(!member.is_in() && member.due().is_none());
}

/// What a simulated coordinator does with a group.
#[derive(Default)]
struct Coordinator {
    generation: i32,
    next_id: u32,
    /// Members, with their subscriptions once they have joined this round.
    members: BTreeMap<Arc<str>, Option<Bytes>>,
    is_rebalancing: bool,
    assignments: Option<BTreeMap<Arc<str>, Bytes>>,
    leader: Arc<str>,
}

/// A member and what is on its way to it.
struct Actor {
    machine: Membership,
    /// Its request, with the number of steps until it is dealt with.
    request: Option<(Command, u32)>,
    change: Option<Change>,
    owned: BTreeSet<TopicPartition>,
    is_gone: bool,
}

struct World {
    random: Rng,
    now: Instant,
    assignor: PartitionAssignor,
    coordinator: Coordinator,
    actors: Vec<Actor>,
    partitions: i32,
    is_faulty: bool,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut random = Rng::with_seed(seed);
        let assignor = PartitionAssignor::ALL[random.usize(..4)];
        let partitions = random.i32(1..9);
        Self {
            random,
            now: Instant::now(),
            assignor,
            coordinator: Coordinator::default(),
            actors: Vec::new(),
            partitions,
            is_faulty: true,
        }
    }

    fn join(&mut self) {
        let machine = Membership::new(policy(&[self.assignor]));
        let actor = Actor { machine, request: None, change: None, owned: BTreeSet::new(), is_gone: false };
        self.actors.push(actor);
        self.tell(self.actors.len() - 1, Event::Subscribe(topics()));
    }

    fn tell(&mut self, at: usize, event: Event) {
        let random = self.random.f64();
        let commands = self.actors[at].machine.handle(event, self.now, random);
        for command in commands {
            let (delay, partitions) = (self.random.u32(0..4), self.partitions);
            let actor = &mut self.actors[at];
            match command {
                Command::Watch(_) => {
                    self.tell(
                        at,
                        Event::Topics(BTreeMap::from([("t".into(), Some(self::partitions(partitions)))])),
                    );
                }
                Command::Change(change) => {
                    assert!(actor.change.is_none(), "one change after another");
                    actor.change = Some(change);
                }
                Command::Report(error) => panic!("{error}"),
                Command::Withdraw => {
                    // Half of the users have begun with it already.
                    if actor.change.is_some() && delay < 2 {
                        actor.change = None;
                        self.tell(at, Event::Withdrawn);
                    }
                }
                Command::Left => actor.is_gone = true,
                request => {
                    let is_departure = matches!(request, Command::Depart { .. });
                    assert!(actor.request.is_none() || is_departure, "one request at a time");
                    actor.request = Some((request, delay));
                }
            }
        }
    }

    /// Whether the coordinator, or the way to it, fails this time.
    fn fails(&mut self) -> bool {
        self.is_faulty && self.random.u32(0..12) == 0
    }

    fn start_rebalance(&mut self) {
        let coordinator = &mut self.coordinator;
        if !std::mem::replace(&mut coordinator.is_rebalancing, true) {
            coordinator.members.values_mut().for_each(|joined| *joined = None);
        }
    }

    /// Deals with a request; `None` while it waits for others.
    fn answer(&mut self, command: &Command) -> Option<Event> {
        let lost = || Error::disconnected(&"b:1".into(), "lost");
        match command {
            Command::Join { member_id, protocols } => {
                if member_id.is_empty() {
                    self.coordinator.next_id += 1;
                    let member_id: Arc<str> = format!("m{}", self.coordinator.next_id).into();
                    self.coordinator.members.insert(Arc::clone(&member_id), None);
                    self.start_rebalance();
                    return Some(Event::Joined(Ok(Joined {
                        generation: -1,
                        member_id,
                        ..Joined::default()
                    })));
                }
                if !self.coordinator.members.contains_key(member_id) {
                    return Some(Event::Joined(Err(refusal(ResponseError::UnknownMemberId))));
                }
                self.start_rebalance();
                self.coordinator.members.insert(Arc::clone(member_id), Some(protocols[0].1.clone()));
                None
            }
            Command::Sync { id, assignments, .. } => {
                if !self.coordinator.members.contains_key(&id.member_id) {
                    return Some(Event::Synced(Err(refusal(ResponseError::UnknownMemberId))));
                }
                if self.coordinator.is_rebalancing {
                    return Some(Event::Synced(Err(refusal(ResponseError::RebalanceInProgress))));
                }
                if id.generation != self.coordinator.generation {
                    return Some(Event::Synced(Err(refusal(ResponseError::IllegalGeneration))));
                }
                if id.member_id == self.coordinator.leader && self.coordinator.assignments.is_none() {
                    self.coordinator.assignments = Some(assignments.iter().cloned().collect());
                }
                let all = self.coordinator.assignments.as_ref()?;
                Some(Event::Synced(Ok(all.get(&id.member_id).cloned().unwrap_or_default())))
            }
            Command::Heartbeat { id } => Some(Event::Beaten(if self.fails() {
                Err(lost())
            } else if !self.coordinator.members.contains_key(&id.member_id) {
                Err(refusal(ResponseError::UnknownMemberId))
            } else if self.coordinator.is_rebalancing {
                Err(refusal(ResponseError::RebalanceInProgress))
            } else if id.generation == self.coordinator.generation {
                Ok(())
            } else {
                Err(refusal(ResponseError::IllegalGeneration))
            })),
            Command::Depart { member_id } => {
                self.coordinator.members.remove(member_id);
                self.start_rebalance();
                Some(Event::Departed)
            }
            _ => unreachable!(),
        }
    }

    /// Ends a round of joining once all have.
    fn complete(&mut self) {
        let coordinator = &mut self.coordinator;
        let is_whole = coordinator.members.values().all(Option::is_some);
        if !coordinator.is_rebalancing || !is_whole || coordinator.members.is_empty() {
            return;
        }
        coordinator.is_rebalancing = false;
        coordinator.generation += 1;
        coordinator.assignments = None;
        let of_member =
            |(id, bytes): (&Arc<str>, &Option<Bytes>)| (Arc::clone(id), None, bytes.clone().unwrap());
        let members: Vec<JoinedMember> = coordinator.members.iter().map(of_member).collect();
        coordinator.leader = Arc::clone(&members[0].0);
        for at in 0..self.actors.len() {
            let Some((Command::Join { member_id, .. }, _)) = &self.actors[at].request else { continue };
            let member_id = Arc::clone(member_id);
            if !self.coordinator.members.contains_key(&member_id) {
                continue;
            }
            self.actors[at].request = None;
            let joined = Joined {
                generation: self.coordinator.generation,
                protocol: self.assignor.name().into(),
                members: (self.coordinator.leader == member_id).then(|| members.clone()),
                keeps_assignment: false,
                member_id,
            };
            self.tell(at, Event::Joined(Ok(joined)));
        }
    }

    fn step(&mut self) {
        self.now += Duration::from_millis(self.random.u64(1..400));
        for at in 0..self.actors.len() {
            self.tell(at, Event::Polled(self.now));
            let due = self.actors[at].machine.due();
            if due.is_some_and(|due| due <= self.now) {
                self.tell(at, Event::Tick);
            }
            if self.actors[at].change.is_some() && self.random.u32(0..3) == 0 {
                self.take_change(at);
            }
            match &mut self.actors[at].request {
                Some((_, delay)) if *delay > 0 => *delay -= 1,
                Some((command, _)) => {
                    // What waits keeps its place.
                    let command = std::mem::replace(command, Command::Left);
                    let event = self.answer(&command);
                    if let Some(event) = event {
                        self.actors[at].request = None;
                        self.tell(at, event);
                    } else {
                        self.actors[at].request = Some((command, 0));
                    }
                }
                None => {}
            }
            self.complete();
        }
        self.check_owners();
    }

    fn take_change(&mut self, at: usize) {
        let actor = &mut self.actors[at];
        let change = actor.change.take().unwrap();
        for partition in &change.revoked {
            assert!(actor.owned.remove(partition), "only what is owned is taken away");
        }
        for partition in &change.added {
            assert!(actor.owned.insert(partition.clone()), "only what is not owned is added");
        }
        self.tell(at, Event::Changed);
    }

    /// No partition has two owners, of whom none knows that it is out.
    fn check_owners(&self) {
        let mut owners: BTreeMap<&TopicPartition, usize> = BTreeMap::new();
        for (at, actor) in self.actors.iter().enumerate() {
            let is_member = self.coordinator.members.contains_key(&actor.machine.identity().member_id);
            let is_in = is_member && actor.machine.identity().generation >= 0;
            for partition in actor.owned.iter().filter(|_| is_in) {
                let other = owners.insert(partition, at);
                assert_eq!(other, None, "{partition} of {:?} has two owners", self.assignor);
            }
        }
    }

    /// Removes a member behind its back, as when its session ends.
    fn expire(&mut self) {
        let ids: Vec<_> = self.coordinator.members.keys().cloned().collect();
        if let Some(id) = self.random.choice(&ids) {
            self.coordinator.members.remove(id);
            self.start_rebalance();
        }
    }

    /// Sessions of those whose machine goes by another id.
    fn expire_the_unknown(&mut self) {
        let known: BTreeSet<_> =
            self.actors.iter().map(|actor| Arc::clone(&actor.machine.identity().member_id)).collect();
        let before = self.coordinator.members.len();
        self.coordinator.members.retain(|id, _| known.contains(id));
        if self.coordinator.members.len() < before {
            self.start_rebalance();
        }
    }
}

/// Members come, go and are thrown out; no partition ever has two owners, and when it gets quiet all partitions are read.
#[tokio::test]
async fn groups_settle_by_every_assignor() {
    for seed in 0..300 {
        let mut world = World::new(seed);
        world.join();
        for _ in 0..120 {
            match world.random.u32(0..25) {
                0 if world.actors.len() < 6 => world.join(),
                1 => {
                    let at = world.random.usize(..world.actors.len());
                    if !world.actors[at].is_gone && at > 0 {
                        world.tell(at, Event::Leave);
                    }
                }
                2 => world.expire(),
                _ => {}
            }
            world.step();
        }
        world.is_faulty = false;
        for _ in 0..400 {
            world.step();
            world.expire_the_unknown();
        }
        let owned: BTreeSet<_> = world.actors.iter().flat_map(|actor| actor.owned.clone()).collect();
        let all: Vec<i32> = (0..world.partitions).collect();
        assert_eq!(owned, set(&all), "seed {seed} with {:?}", world.assignor);
        let sum: usize = world.actors.iter().map(|actor| actor.owned.len()).sum();
        assert_eq!(sum, all.len(), "seed {seed}: each has one owner");
    }
}

#[test]
fn members_that_cannot_be_read_are_named() {
    let error = member("m-7", None, &Bytes::from_static(b"\0"), PartitionAssignor::Range).unwrap_err();
    assert!(error.to_string().contains("m-7"), "{error}");
}
