//! Membership in a classic group: a machine without I/O. Members join, the coordinator names one of them the leader, the leader hands
//! out partitions by the assignor that all members have, and the coordinator passes that on.
//!
//! By an eager assignor a member gives all back before it joins; with `cooperative-sticky` alone it keeps what it has, gives back
//! afterwards what it is not assigned any more, and joins once more so that others get that (KIP-429).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use medallion_wire::{ResponseError, TopicPartition};
use tokio::time::Instant;

use super::super::assignor::{Racks, Topics, assign};
use super::Change;
use super::protocol::{Said, assigned, assignment, member, subscription};
use crate::backoff::Backoff;
use crate::config::PartitionAssignor;
use crate::error::Error;

/// Who has not joined.
const NO_GENERATION: i32 = -1;

/// The settings that it goes by.
#[derive(Debug, Clone)]
pub(crate) struct Policy {
    /// `group.instance.id`.
    pub(crate) is_static: bool,
    /// `client.rack`.
    pub(crate) rack: Option<String>,
    /// `partition.assignment.strategy`.
    pub(crate) assignors: Vec<PartitionAssignor>,
    /// `heartbeat.interval.ms`.
    pub(crate) heartbeat_interval: Duration,
    /// `max.poll.interval.ms`: who does not poll for so long leaves until it does.
    pub(crate) max_poll_interval: Duration,
    pub(crate) backoff: Backoff,
}

impl Policy {
    /// Whether what is owned is kept while joining: only if all assignors do so.
    fn is_cooperative(&self) -> bool {
        self.assignors.iter().all(|assignor| *assignor == PartitionAssignor::CooperativeSticky)
    }
}

/// What is known of topics: their partitions, and where these are; `None` for a topic that does not exist.
pub(crate) type Known = BTreeMap<Arc<str>, Option<Arc<[Racks]>>>;

/// What happens to it.
#[derive(Debug)]
pub(crate) enum Event {
    /// The topics that are wanted, patterns resolved.
    Subscribe(BTreeSet<Arc<str>>),
    /// The user wants to leave.
    Leave,
    Joined(Result<Joined, Error>),
    /// What this member is assigned.
    Synced(Result<Bytes, Error>),
    /// A heartbeat was answered, or not.
    Beaten(Result<(), Error>),
    /// The coordinator knows that it has left, or cannot be told.
    Departed,
    /// Something new is known of topics.
    Topics(Known),
    /// The user has taken the change that was announced last.
    Changed,
    /// The user will not see the change that was announced last.
    Withdrawn,
    /// The user has polled at this time.
    Polled(Instant),
    /// Time has passed.
    Tick,
}

/// A member of whom the leader is told: id, instance id, subscription.
pub(crate) type JoinedMember = (Arc<str>, Option<Arc<str>>, Bytes);

/// An answer to JoinGroup; without a generation it has only given an id to join with.
#[derive(Debug, Clone, Default)]
pub(crate) struct Joined {
    pub(crate) generation: i32,
    pub(crate) member_id: Arc<str>,
    /// The assignor that was chosen.
    pub(crate) protocol: Arc<str>,
    /// All members, where this one leads.
    pub(crate) members: Option<Vec<JoinedMember>>,
    /// Whether the assignment that the coordinator has is to stay (KIP-814).
    pub(crate) keeps_assignment: bool,
}

/// What is to be done.
#[derive(Debug)]
pub(crate) enum Command {
    /// Join with these subscriptions, by assignor.
    Join {
        member_id: Arc<str>,
        protocols: Vec<(PartitionAssignor, Bytes)>,
    },
    /// Ask for the assignment; the leader gives all.
    Sync {
        id: Identity,
        protocol: Arc<str>,
        assignments: Vec<(Arc<str>, Bytes)>,
    },
    Heartbeat {
        id: Identity,
    },
    Depart {
        member_id: Arc<str>,
    },
    /// Watch these topics; then [`Event::Topics`].
    Watch(BTreeSet<Arc<str>>),
    /// Tell the user; then [`Event::Changed`].
    Change(Change),
    /// Take back what was announced, unless the user has begun with it; then [`Event::Withdrawn`].
    Withdraw,
    /// Tell the user what keeps it from being a member.
    Report(Error),
    /// It has left.
    Left,
}

/// Who it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) member_id: Arc<str>,
    pub(crate) generation: i32,
}

/// Where it is in the group's life.
#[derive(Debug)]
enum Phase {
    /// Not in it.
    Out,
    /// It gives back what it must before it joins.
    Preparing,
    Joining,
    /// It leads, and waits to know all topics.
    Assigning(Joined),
    Syncing,
    Stable,
    /// It has been thrown out, and joins again once the user knows; unless another has taken its place.
    Fenced {
        for_good: bool,
    },
    /// Nobody polls: it leaves, and joins again once somebody has.
    Stale {
        has_polled: bool,
    },
    /// It gives back what it owns, and leaves then.
    Leaving {
        returns: bool,
    },
}

/// The machine.
#[derive(Debug)]
pub(crate) struct Membership {
    policy: Policy,
    phase: Phase,
    id: Identity,
    subscription: BTreeSet<Arc<str>>,
    /// What the coordinator was told of the subscription.
    joined: BTreeSet<Arc<str>>,
    owned: BTreeSet<TopicPartition>,
    /// The last assignment, also when it was given back.
    last: (BTreeSet<TopicPartition>, i32),
    /// What will be owned once the user has taken the change.
    changing: Option<BTreeSet<TopicPartition>>,
    known: Known,
    /// What was known of all members' topics when this member made the assignment as leader.
    led: Option<Known>,
    watched: BTreeSet<Arc<str>>,
    protocol: Arc<str>,
    must_rejoin: bool,
    is_asked: bool,
    is_departing: bool,
    /// The next heartbeat.
    beat_due: Option<Instant>,
    /// Before that it does not join.
    join_due: Option<Instant>,
    failures: u32,
    last_poll: Option<Instant>,
}

impl Membership {
    pub(crate) fn new(policy: Policy) -> Self {
        Self {
            policy,
            phase: Phase::Out,
            id: Identity { member_id: "".into(), generation: NO_GENERATION },
            subscription: BTreeSet::new(),
            joined: BTreeSet::new(),
            owned: BTreeSet::new(),
            last: (BTreeSet::new(), NO_GENERATION),
            changing: None,
            known: Known::new(),
            led: None,
            watched: BTreeSet::new(),
            protocol: "".into(),
            must_rejoin: false,
            is_asked: false,
            is_departing: false,
            beat_due: None,
            join_due: None,
            failures: 0,
            last_poll: None,
        }
    }

    /// Takes an event; `random` is from 0 to 1.
    pub(crate) fn handle(&mut self, event: Event, now: Instant, random: f64) -> Vec<Command> {
        let mut commands = Vec::new();
        let was_out = self.is_thrown_out();
        match event {
            Event::Subscribe(topics) => self.subscribe(topics, now),
            Event::Leave if matches!(self.phase, Phase::Out) => commands.push(Command::Left),
            Event::Leave => self.phase = Phase::Leaving { returns: false },
            Event::Joined(outcome) => self.take_joined(outcome, now, random, &mut commands),
            Event::Synced(outcome) => self.take_synced(outcome, now, random, &mut commands),
            Event::Beaten(outcome) => self.take_beaten(outcome, now, random, &mut commands),
            Event::Departed => {
                self.is_departing = false;
                self.forget(true);
            }
            Event::Topics(known) => self.known.extend(known),
            Event::Changed => self.owned = self.changing.take().unwrap_or_default(),
            Event::Withdrawn => self.changing = None,
            Event::Polled(at) => {
                self.last_poll = self.last_poll.max(Some(at));
                if let Phase::Stale { has_polled } = &mut self.phase {
                    *has_polled = true;
                }
            }
            Event::Tick => {}
        }
        self.go_stale(now);
        if !was_out && self.is_thrown_out() && self.changing.is_some() {
            // What was to be given back or taken is lost now.
            commands.push(Command::Withdraw);
        }
        self.watch(&mut commands);
        self.move_on(now, &mut commands);
        self.check_invariants();
        commands
    }

    /// When [`Event::Tick`] is due.
    pub(crate) fn due(&self) -> Option<Instant> {
        let is_in = !matches!(
            self.phase,
            Phase::Out | Phase::Stale { .. } | Phase::Leaving { .. } | Phase::Fenced { .. }
        );
        let stale = self.last_poll.filter(|_| is_in).map(|at| at + self.policy.max_poll_interval);
        let next = self.next_due().filter(|_| !self.is_asked);
        [stale, next].into_iter().flatten().min()
    }

    /// When it does something by itself.
    fn next_due(&self) -> Option<Instant> {
        let is_idle = self.changing.is_none();
        let beat = self.beat_due.filter(|_| self.id.generation != NO_GENERATION);
        match self.phase {
            Phase::Out | Phase::Joining | Phase::Syncing | Phase::Stale { .. } => None,
            Phase::Preparing if is_idle => self.join_due,
            Phase::Fenced { for_good } => self.join_due.filter(|_| is_idle && !for_good),
            Phase::Leaving { .. } if is_idle => None,
            Phase::Preparing | Phase::Assigning(_) | Phase::Stable | Phase::Leaving { .. } => beat,
        }
    }

    /// Who it is, which commits have to name.
    pub(crate) fn identity(&self) -> &Identity {
        &self.id
    }

    /// Whether it waits for the user to poll.
    pub(crate) fn is_stale(&self) -> bool {
        matches!(self.phase, Phase::Stale { .. })
    }

    fn is_thrown_out(&self) -> bool {
        matches!(self.phase, Phase::Fenced { .. } | Phase::Stale { .. })
    }

    fn subscribe(&mut self, topics: BTreeSet<Arc<str>>, now: Instant) {
        self.subscription = topics;
        match &mut self.phase {
            Phase::Out => {
                (self.phase, self.last_poll, self.join_due) = (Phase::Preparing, Some(now), None);
            }
            Phase::Leaving { returns } => *returns = true,
            Phase::Fenced { for_good } => *for_good = false,
            _ => {}
        }
    }

    /// Whether it is in the group, or is to be.
    pub(crate) fn is_in(&self) -> bool {
        !matches!(self.phase, Phase::Out)
    }

    fn go_stale(&mut self, now: Instant) {
        let is_silent = self.last_poll.is_some_and(|at| at + self.policy.max_poll_interval <= now);
        let is_in = !matches!(
            self.phase,
            Phase::Out | Phase::Stale { .. } | Phase::Leaving { .. } | Phase::Fenced { .. }
        );
        if is_in && is_silent {
            tracing::warn!("nobody polls (max.poll.interval.ms): leaving the group until somebody does");
            self.phase = Phase::Stale { has_polled: false };
        }
    }

    fn take_joined(
        &mut self,
        outcome: Result<Joined, Error>,
        now: Instant,
        random: f64,
        commands: &mut Vec<Command>,
    ) {
        self.is_asked = false;
        let joined = match outcome {
            Ok(joined) => joined,
            Err(error) => return self.take_error(error, now, random, commands),
        };
        self.failures = 0;
        self.id = Identity { member_id: Arc::clone(&joined.member_id), generation: joined.generation };
        if joined.generation == NO_GENERATION && matches!(self.phase, Phase::Joining) {
            (self.phase, self.join_due) = (Phase::Preparing, None);
            return;
        }
        if !matches!(self.phase, Phase::Joining) {
            return;
        }
        self.protocol = Arc::clone(&joined.protocol);
        self.led = None;
        self.beat_due = Some(now + self.policy.heartbeat_interval);
        if joined.members.is_some() {
            self.phase = Phase::Assigning(joined);
        } else {
            self.sync(Vec::new(), commands);
        }
    }

    fn sync(&mut self, assignments: Vec<(Arc<str>, Bytes)>, commands: &mut Vec<Command>) {
        (self.phase, self.is_asked) = (Phase::Syncing, true);
        let (id, protocol) = (self.id.clone(), Arc::clone(&self.protocol));
        commands.push(Command::Sync { id, protocol, assignments });
    }

    fn take_synced(
        &mut self,
        outcome: Result<Bytes, Error>,
        now: Instant,
        random: f64,
        commands: &mut Vec<Command>,
    ) {
        self.is_asked = false;
        if !matches!(self.phase, Phase::Syncing) {
            return;
        }
        match outcome.and_then(|bytes| assigned(&bytes)) {
            Ok(next) => {
                self.phase = Phase::Stable;
                self.beat_due = Some(now + self.policy.heartbeat_interval);
                (self.last, self.failures) = ((next.clone(), self.id.generation), 0);
                self.announce(next, false, commands);
            }
            Err(error) => self.take_error(error, now, random, commands),
        }
    }

    fn take_beaten(
        &mut self,
        outcome: Result<(), Error>,
        now: Instant,
        random: f64,
        commands: &mut Vec<Command>,
    ) {
        self.is_asked = false;
        self.beat_due = Some(now + self.policy.heartbeat_interval);
        match outcome {
            Ok(()) => self.failures = 0,
            Err(error) => self.take_error(error, now, random, commands),
        }
    }

    fn take_error(&mut self, error: Error, now: Instant, random: f64, commands: &mut Vec<Command>) {
        let code = error.code();
        let was_joining = matches!(self.phase, Phase::Joining | Phase::Syncing);
        match code {
            Some(ResponseError::RebalanceInProgress) if !was_joining => self.must_rejoin = true,
            Some(ResponseError::RebalanceInProgress) => {
                (self.phase, self.join_due) = (Phase::Preparing, None);
            }
            Some(ResponseError::UnknownMemberId | ResponseError::IllegalGeneration) => {
                tracing::info!(%error, "fenced: joining again");
                self.forget(code == Some(ResponseError::UnknownMemberId));
                self.fence(false, now);
            }
            _ if error.is_retriable() => {
                self.failures += 1;
                let again = Some(now + self.policy.backoff.after(self.failures, random));
                if was_joining {
                    (self.phase, self.join_due) = (Phase::Preparing, again);
                } else {
                    self.beat_due = again;
                }
            }
            _ => {
                self.forget(true);
                self.fence(code == Some(ResponseError::FencedInstanceId), now);
                self.join_due = Some(now + self.policy.backoff.max.max(self.policy.backoff.first));
                commands.push(Command::Report(error));
            }
        }
    }

    fn fence(&mut self, for_good: bool, now: Instant) {
        if !matches!(self.phase, Phase::Out | Phase::Stale { .. } | Phase::Leaving { .. }) {
            (self.phase, self.join_due) = (Phase::Fenced { for_good }, Some(now));
        }
    }

    /// The coordinator does not know of it any more; by its id perhaps.
    fn forget(&mut self, also_id: bool) {
        self.id.generation = NO_GENERATION;
        if also_id {
            self.id.member_id = "".into();
        }
        (self.led, self.must_rejoin, self.failures) = (None, false, 0);
    }

    /// Announces a change to `next`, where it is one.
    fn announce(&mut self, next: BTreeSet<TopicPartition>, is_lost: bool, commands: &mut Vec<Command>) {
        let change = Change {
            revoked: self.owned.difference(&next).cloned().collect(),
            added: next.difference(&self.owned).cloned().collect(),
            is_lost,
        };
        if change.is_empty() {
            return;
        }
        // Others get what is given back by another rebalance.
        self.must_rejoin |= matches!(self.phase, Phase::Stable) && !change.revoked.is_empty();
        self.changing = Some(next);
        commands.push(Command::Change(change));
    }

    /// Keeps an eye on the topics that matter, which for the leader are those of all members.
    fn watch(&mut self, commands: &mut Vec<Command>) {
        let mut topics = self.subscription.clone();
        if let Phase::Assigning(joined) = &self.phase {
            topics.extend(self.members(joined).into_iter().flat_map(|member| member.topics));
        }
        topics.extend(self.led.iter().flat_map(|led| led.keys().cloned()));
        if topics != self.watched {
            self.watched.clone_from(&topics);
            commands.push(Command::Watch(topics));
        }
        // Where they are matters to who is somewhere itself, as in Java.
        let has_rack = self.policy.rack.is_some();
        let is_other = |(topic, then): (&Arc<str>, &Option<Arc<[Racks]>>)| {
            let Some(Some(now)) = self.known.get(topic) else { return false };
            then.as_ref().is_none_or(|then| if has_rack { then != now } else { then.len() != now.len() })
        };
        let has_moved = self.led.as_ref().is_some_and(|led| led.iter().any(is_other));
        if matches!(self.phase, Phase::Stable) {
            self.must_rejoin |= has_moved || self.joined != self.subscription;
        }
    }

    /// All members, where this one leads. Who cannot be understood subscribes to nothing.
    fn members(&self, joined: &Joined) -> Vec<super::super::assignor::Member> {
        let assignor = self.assignor();
        let read = |(id, instance_id, bytes): &JoinedMember| {
            let read = member(id, instance_id.as_deref(), bytes, assignor);
            read.inspect_err(|error| tracing::warn!(%error, "a member gets nothing")).ok()
        };
        joined.members.iter().flatten().filter_map(read).collect()
    }

    fn assignor(&self) -> PartitionAssignor {
        let chosen = self.policy.assignors.iter().find(|assignor| *assignor.name() == *self.protocol);
        *chosen.unwrap_or(&PartitionAssignor::Range)
    }

    /// Does what the phase allows now.
    fn move_on(&mut self, now: Instant, commands: &mut Vec<Command>) {
        let has_passed = |due: Option<Instant>| due.is_none_or(|due| due <= now);
        let (may_beat, may_join) = (has_passed(self.beat_due), has_passed(self.join_due));
        let is_idle = self.changing.is_none();
        if let Phase::Stable = self.phase
            && self.must_rejoin
            && is_idle
        {
            (self.phase, self.join_due) = (Phase::Preparing, None);
        }
        match &self.phase {
            Phase::Preparing if is_idle && !self.is_asked => self.prepare(now, commands),
            Phase::Assigning(joined) if self.knows_all(joined) => {
                if let Phase::Assigning(joined) = std::mem::replace(&mut self.phase, Phase::Syncing) {
                    self.lead(&joined, now, commands);
                }
            }
            Phase::Fenced { .. } if is_idle && !self.owned.is_empty() => {
                self.announce(BTreeSet::new(), true, commands);
            }
            Phase::Fenced { for_good: false } if is_idle && may_join => self.join_anew(now, commands),
            Phase::Stale { has_polled } => {
                let has_polled = *has_polled;
                self.depart(commands);
                if is_idle && !self.owned.is_empty() {
                    self.announce(BTreeSet::new(), true, commands);
                } else if has_polled && is_idle && !self.is_departing && !self.is_asked {
                    self.join_anew(now, commands);
                }
            }
            Phase::Leaving { .. } if is_idle && !self.owned.is_empty() => {
                self.announce(BTreeSet::new(), false, commands);
            }
            Phase::Leaving { returns } if is_idle => {
                let returns = *returns;
                self.leave(returns, now, commands);
            }
            // Who takes its time stays a member meanwhile.
            Phase::Preparing | Phase::Assigning(_) | Phase::Stable | Phase::Leaving { .. } => {
                if may_beat && !self.is_asked && self.id.generation != NO_GENERATION {
                    self.is_asked = true;
                    commands.push(Command::Heartbeat { id: self.id.clone() });
                }
            }
            Phase::Out | Phase::Joining | Phase::Syncing | Phase::Fenced { .. } => {}
        }
    }

    fn join_anew(&mut self, now: Instant, commands: &mut Vec<Command>) {
        (self.phase, self.join_due, self.last_poll) = (Phase::Preparing, None, Some(now));
        self.prepare(now, commands);
    }

    /// Gives back what has to be, then joins.
    fn prepare(&mut self, now: Instant, commands: &mut Vec<Command>) {
        let kept: BTreeSet<_> = if self.policy.is_cooperative() {
            self.owned.iter().filter(|one| self.subscription.contains(&one.topic)).cloned().collect()
        } else {
            BTreeSet::new()
        };
        if kept != self.owned {
            self.announce(kept, false, commands);
            return;
        }
        if self.is_asked || self.join_due.is_some_and(|due| due > now) {
            return;
        }
        let said = Said {
            topics: &self.subscription,
            owned: &self.owned,
            last: &self.last.0,
            generation: self.last.1,
            rack: self.policy.rack.as_deref(),
        };
        let protocols = self.policy.assignors.iter().map(|one| Ok((*one, subscription(&said, *one)?)));
        match protocols.collect::<Result<Vec<_>, Error>>() {
            Ok(protocols) => {
                self.joined.clone_from(&self.subscription);
                (self.phase, self.is_asked, self.must_rejoin) = (Phase::Joining, true, false);
                commands.push(Command::Join { member_id: Arc::clone(&self.id.member_id), protocols });
            }
            Err(error) => {
                self.fence(true, now);
                commands.push(Command::Report(error));
            }
        }
    }

    fn knows_all(&self, joined: &Joined) -> bool {
        joined.keeps_assignment
            || self
                .members(joined)
                .iter()
                .flat_map(|member| &member.topics)
                .all(|topic| self.known.contains_key(topic))
    }

    /// Hands out partitions as the leader.
    fn lead(&mut self, joined: &Joined, now: Instant, commands: &mut Vec<Command>) {
        let members = self.members(joined);
        let wanted = members.iter().flat_map(|member| &member.topics);
        let known = |topic: &Arc<str>| (Arc::clone(topic), self.known.get(topic).cloned().flatten());
        let led: Known = wanted.map(known).collect();
        let topics: Topics =
            led.iter().filter_map(|(topic, found)| Some((Arc::clone(topic), found.clone()?))).collect();
        let shares = if joined.keeps_assignment {
            Ok(Vec::new())
        } else {
            let shares = assign(self.assignor(), &members, &topics).into_iter();
            shares.map(|(id, own)| Ok((id, assignment(&own)?))).collect::<Result<Vec<_>, Error>>()
        };
        match shares {
            Ok(shares) => {
                self.led = Some(led);
                self.sync(shares, commands);
            }
            Err(error) => {
                self.phase = Phase::Preparing;
                self.fence(true, now);
                commands.push(Command::Report(error));
            }
        }
    }

    /// Says that it leaves, unless it is static and will be back.
    fn depart(&mut self, commands: &mut Vec<Command>) {
        if self.is_departing || self.id.member_id.is_empty() {
            return;
        }
        let member_id = Arc::clone(&self.id.member_id);
        if self.policy.is_static {
            self.forget(true);
        } else {
            self.is_departing = true;
            commands.push(Command::Depart { member_id });
        }
    }

    fn leave(&mut self, returns: bool, now: Instant, commands: &mut Vec<Command>) {
        self.depart(commands);
        // An answer to a join would make it a member again.
        if self.is_departing || self.is_asked {
            return;
        }
        self.phase = Phase::Out;
        self.forget(true);
        commands.push(Command::Left);
        if returns {
            self.join_anew(now, commands);
        }
    }

    /// What must always hold.
    fn check_invariants(&self) {
        debug_assert!(!matches!(self.phase, Phase::Out) || self.owned.is_empty(), "nothing is owned outside");
        debug_assert!(
            !matches!(self.phase, Phase::Assigning(_)) || self.id.generation >= 0,
            "a leader has joined"
        );
    }
}
