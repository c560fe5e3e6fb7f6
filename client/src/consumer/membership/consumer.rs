//! Membership in a group by the consumer protocol (KIP-848): a machine without I/O. The coordinator decides who reads what; a member
//! says by heartbeats what it wants and what it owns.
//!
//! Partitions change hands in one order: the coordinator names a target, the user gives back what is not in it (and may take
//! time for that: [`Command::Change`] until [`Event::Changed`]), the member says what it owns now, and only then the coordinator
//! gives what others have given back. Heartbeats go on meanwhile.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use medallion_wire::{PartitionIndex, ResponseError, TopicId, TopicPartition};
use tokio::time::Instant;

use super::{Change, Subscription};
use crate::backoff::Backoff;
use crate::error::Error;

/// The epoch of who wants to join.
const JOIN_EPOCH: i32 = 0;
/// The epoch of who leaves for good.
const LEAVE_EPOCH: i32 = -1;
/// The epoch of a static member that will be back (KIP-345).
const LEAVE_FOR_A_WHILE_EPOCH: i32 = -2;

/// Partitions by topic id, as the protocol has them.
pub(crate) type Assignment = BTreeMap<TopicId, BTreeSet<PartitionIndex>>;

/// The settings that it goes by.
#[derive(Debug, Clone)]
pub(crate) struct Policy {
    /// `group.instance.id`.
    pub(crate) is_static: bool,
    /// `max.poll.interval.ms`: who does not poll for so long leaves until it does.
    pub(crate) max_poll_interval: Duration,
    pub(crate) backoff: Backoff,
}

/// What happens to it.
#[derive(Debug)]
pub(crate) enum Event {
    Subscribe(Subscription),
    /// The user wants to leave.
    Leave,
    /// The coordinator has answered a heartbeat, or has not.
    Answered(Result<Answer, Error>),
    /// The names of topics; those that are not among them are to be asked for again.
    Named(Vec<(TopicId, Arc<str>)>),
    /// The user has taken the change that was announced last.
    Changed,
    /// The user will not see the change that was announced last.
    Withdrawn,
    /// The user has polled at this time.
    Polled(Instant),
    /// Time has passed.
    Tick,
}

/// An answer to a heartbeat.
#[derive(Debug, Clone, Default)]
pub(crate) struct Answer {
    pub(crate) member_epoch: i32,
    pub(crate) interval: Duration,
    /// The target, where it has changed.
    pub(crate) assignment: Option<Assignment>,
}

/// What is to be done.
#[derive(Debug)]
pub(crate) enum Command {
    Heartbeat(Heartbeat),
    /// Find out the names of these topics; then [`Event::Named`].
    Name(BTreeSet<TopicId>),
    /// Tell the user; then [`Event::Changed`].
    Change(Change),
    /// Take back what was announced, unless the user has begun with it; then [`Event::Withdrawn`].
    Withdraw,
    /// Tell the user what keeps it from being a member.
    Report(Error),
    /// It has left.
    Left,
}

/// A heartbeat. What has not changed since the last one is left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Heartbeat {
    pub(crate) member_epoch: i32,
    /// Whether everything is said: when joining, and after errors.
    pub(crate) is_full: bool,
    pub(crate) subscription: Option<Subscription>,
    pub(crate) owned: Option<Assignment>,
}

/// Whether it is in the group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Not, and not on its way.
    Out,
    /// It is, or joins.
    In,
    /// It has been thrown out, and joins again once the user knows; unless another has taken its place.
    Fenced { for_good: bool },
    /// Nobody polls: it leaves, and joins again once somebody has.
    Stale { has_polled: bool },
    /// It gives back what it owns, and leaves then.
    Leaving,
}

/// What a request under way is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    Beat,
    Departure,
}

/// The machine.
#[derive(Debug)]
pub(crate) struct Membership {
    policy: Policy,
    phase: Phase,
    epoch: i32,
    /// Whether the coordinator may know of it.
    is_member: bool,
    /// Whether the user has subscribed again while it leaves.
    returns: bool,
    subscription: Option<Subscription>,
    owned: Assignment,
    target: Option<Assignment>,
    names: BTreeMap<TopicId, Arc<str>>,
    /// Topics whose names are asked for, with the time at which they may be asked for again.
    naming: BTreeMap<TopicId, Instant>,
    /// What will be owned once the user has taken the change.
    changing: Option<Assignment>,
    /// What the coordinator was told last.
    told: Option<(Option<Subscription>, Assignment)>,
    /// Whether a target waits for a word on what is owned, even where that has not changed: the coordinator waits for it.
    owes_owned: bool,
    asked: Option<Asked>,
    due: Option<Instant>,
    failures: u32,
    last_poll: Option<Instant>,
}

impl Membership {
    pub(crate) fn new(policy: Policy) -> Self {
        Self {
            policy,
            phase: Phase::Out,
            epoch: JOIN_EPOCH,
            is_member: false,
            returns: false,
            subscription: None,
            owned: Assignment::new(),
            target: None,
            names: BTreeMap::new(),
            naming: BTreeMap::new(),
            changing: None,
            told: None,
            owes_owned: false,
            asked: None,
            due: None,
            failures: 0,
            last_poll: None,
        }
    }

    /// Takes an event; `random` is from 0 to 1.
    pub(crate) fn handle(&mut self, event: Event, now: Instant, random: f64) -> Vec<Command> {
        let mut commands = Vec::new();
        let was_in = self.phase == Phase::In;
        match event {
            Event::Subscribe(subscription) => {
                self.subscription = Some(subscription);
                match &mut self.phase {
                    Phase::Out => (self.phase, self.last_poll, self.due) = (Phase::In, Some(now), None),
                    Phase::Leaving => self.returns = true,
                    Phase::Fenced { for_good } => *for_good = false,
                    Phase::In | Phase::Stale { .. } => {}
                }
            }
            Event::Leave if self.phase == Phase::Out => commands.push(Command::Left),
            Event::Leave => (self.phase, self.returns) = (Phase::Leaving, false),
            Event::Answered(outcome) => self.take(outcome, now, random, &mut commands),
            Event::Named(names) => {
                for (id, name) in names {
                    self.naming.remove(&id);
                    self.names.insert(id, name);
                }
            }
            Event::Changed => self.owned = self.changing.take().unwrap_or_default(),
            Event::Withdrawn => self.changing = None,
            Event::Polled(at) => {
                self.last_poll = self.last_poll.max(Some(at));
                if self.phase == (Phase::Stale { has_polled: false }) {
                    self.phase = Phase::Stale { has_polled: true };
                }
            }
            Event::Tick => {}
        }
        self.go_stale(now);
        let is_out = matches!(self.phase, Phase::Fenced { .. } | Phase::Stale { .. });
        if was_in && is_out && self.changing.is_some() {
            // What was to be given back or taken is lost now.
            commands.push(Command::Withdraw);
        }
        self.change(now, &mut commands);
        self.move_on(now, &mut commands);
        self.beat(now, &mut commands);
        self.check_invariants();
        commands
    }

    /// When [`Event::Tick`] is due.
    pub(crate) fn due(&self) -> Option<Instant> {
        let is_in = self.phase == Phase::In;
        let stale = self.last_poll.filter(|_| is_in).map(|at| at + self.policy.max_poll_interval);
        let is_waiting = match self.phase {
            Phase::In => true,
            Phase::Fenced { for_good } => !for_good && self.changing.is_none(),
            Phase::Leaving => self.is_member,
            Phase::Out | Phase::Stale { .. } => false,
        };
        let beat = self.due.filter(|_| self.asked.is_none() && is_waiting);
        let name = self.naming.values().min().copied().filter(|_| is_in && self.changing.is_none());
        [stale, beat, name].into_iter().flatten().min()
    }

    /// The epoch, which commits have to name.
    pub(crate) fn epoch(&self) -> i32 {
        self.epoch
    }

    /// Whether it waits for the user to poll.
    pub(crate) fn is_stale(&self) -> bool {
        matches!(self.phase, Phase::Stale { .. })
    }

    /// Whether it is in the group, or is to be.
    pub(crate) fn is_in(&self) -> bool {
        self.phase != Phase::Out
    }

    fn go_stale(&mut self, now: Instant) {
        let is_silent = self.last_poll.is_some_and(|at| at + self.policy.max_poll_interval <= now);
        if self.phase == Phase::In && is_silent {
            tracing::warn!("nobody polls (max.poll.interval.ms): leaving the group until somebody does");
            self.phase = Phase::Stale { has_polled: false };
        }
    }

    fn take(
        &mut self,
        outcome: Result<Answer, Error>,
        now: Instant,
        random: f64,
        commands: &mut Vec<Command>,
    ) {
        let was_departure = self.asked.take() == Some(Asked::Departure);
        if was_departure {
            // Where it is not told, the coordinator finds out by itself.
            return self.forget();
        }
        match outcome {
            Ok(answer) => {
                (self.failures, self.due) = (0, Some(now + answer.interval));
                self.epoch = answer.member_epoch;
                if answer.assignment.is_some() {
                    self.owes_owned = true;
                    self.target = answer.assignment;
                }
            }
            Err(error) => self.take_error(error, now, random, commands),
        }
    }

    fn take_error(&mut self, error: Error, now: Instant, random: f64, commands: &mut Vec<Command>) {
        self.told = None;
        let code = error.code();
        if error.is_retriable() {
            self.failures += 1;
            self.due = Some(now + self.policy.backoff.after(self.failures, random));
            return;
        }
        self.forget();
        let for_good = code == Some(ResponseError::FencedInstanceId);
        if matches!(code, Some(ResponseError::FencedMemberEpoch | ResponseError::UnknownMemberId)) {
            tracing::info!(%error, "fenced: joining again");
            self.due = Some(now);
        } else {
            self.due = Some(now + self.policy.backoff.max.max(self.policy.backoff.first));
            commands.push(Command::Report(error));
        }
        if self.phase == Phase::In {
            self.phase = Phase::Fenced { for_good };
        }
    }

    /// The coordinator does not know of it any more.
    fn forget(&mut self) {
        (self.is_member, self.epoch, self.told, self.target) = (false, JOIN_EPOCH, None, None);
        (self.failures, self.owes_owned) = (0, false);
    }

    /// Announces a change, one after another.
    fn change(&mut self, now: Instant, commands: &mut Vec<Command>) {
        if self.changing.is_some() {
            return;
        }
        let before = self.partitions(&self.owned);
        let (next, is_lost) = match self.phase {
            Phase::Out => return,
            Phase::Fenced { .. } | Phase::Stale { .. } => (Assignment::new(), true),
            Phase::Leaving => (Assignment::new(), false),
            Phase::In => {
                let Some(target) = self.target.clone() else { return };
                self.name(&target, now, commands);
                let known = |(id, _): &(&TopicId, &BTreeSet<PartitionIndex>)| self.names.contains_key(*id);
                (target.iter().filter(known).map(|(id, indexes)| (*id, indexes.clone())).collect(), false)
            }
        };
        if next == self.owned {
            return;
        }
        let after = self.partitions(&next);
        let change = Change {
            revoked: before.difference(&after).cloned().collect(),
            added: after.difference(&before).cloned().collect(),
            is_lost,
        };
        if change.is_empty() {
            // The topic was made anew: the same names, another id.
            self.owned = next;
            return;
        }
        self.changing = Some(next);
        commands.push(Command::Change(change));
    }

    /// Asks for the names of topics, each once in a while.
    fn name(&mut self, target: &Assignment, now: Instant, commands: &mut Vec<Command>) {
        let is_due = |id: &TopicId| self.naming.get(id).is_none_or(|at| *at <= now);
        let unknown = target.keys().filter(|id| !self.names.contains_key(*id) && is_due(id));
        let unknown: BTreeSet<TopicId> = unknown.copied().collect();
        self.naming.retain(|id, _| target.contains_key(id));
        if !unknown.is_empty() {
            let again = now + self.policy.backoff.max.max(self.policy.backoff.first);
            self.naming.extend(unknown.iter().map(|id| (*id, again)));
            commands.push(Command::Name(unknown));
        }
    }

    /// Goes on once the user knows.
    fn move_on(&mut self, now: Instant, commands: &mut Vec<Command>) {
        let knows = self.changing.is_none() && self.owned.is_empty();
        match self.phase {
            Phase::Fenced { for_good: false } if knows && self.due.is_none_or(|due| due <= now) => {
                (self.phase, self.due) = (Phase::In, None);
            }
            Phase::Stale { has_polled: true } if knows && !self.is_member => {
                (self.phase, self.due, self.last_poll) = (Phase::In, None, Some(now));
            }
            Phase::Leaving if knows && !self.is_member => {
                self.phase = Phase::Out;
                if std::mem::take(&mut self.returns) {
                    (self.phase, self.last_poll, self.due) = (Phase::In, Some(now), None);
                }
                commands.push(Command::Left);
            }
            _ => {}
        }
    }

    fn beat(&mut self, now: Instant, commands: &mut Vec<Command>) {
        if self.asked.is_some() {
            return;
        }
        let is_going = match self.phase {
            Phase::Stale { .. } => true,
            Phase::Leaving => self.changing.is_none() && self.owned.is_empty(),
            _ => false,
        };
        if is_going && self.is_member {
            let member_epoch = if self.policy.is_static { LEAVE_FOR_A_WHILE_EPOCH } else { LEAVE_EPOCH };
            self.asked = Some(Asked::Departure);
            commands.push(Command::Heartbeat(Heartbeat { member_epoch, ..Heartbeat::default() }));
            return;
        }
        // Who leaves stays until all is given back.
        if self.phase != Phase::In && !(self.phase == Phase::Leaving && self.is_member) {
            return;
        }
        let state = (self.subscription.clone(), self.owned_as_told());
        let is_due = self.due.is_none_or(|due| due <= now);
        let has_arrived = self.changing.is_none() && self.target.as_ref() == Some(&self.owned);
        let owes_owned = self.owes_owned && has_arrived;
        let is_news = self.failures == 0 && (owes_owned || self.told.as_ref() != Some(&state));
        if !is_due && !is_news {
            return;
        }
        let (subscription, owned) = state.clone();
        let told = self.told.replace(state);
        let has_changed = told.as_ref().is_none_or(|told| told.0 != subscription);
        let has_moved = owes_owned || told.as_ref().is_none_or(|told| told.1 != owned);
        self.owes_owned &= !has_arrived;
        (self.asked, self.is_member) = (Some(Asked::Beat), true);
        commands.push(Command::Heartbeat(Heartbeat {
            member_epoch: self.epoch,
            is_full: told.is_none(),
            subscription: subscription.filter(|_| has_changed),
            owned: Some(owned).filter(|_| has_moved),
        }));
    }

    /// What is owned. Where all has to be said anew, that is also what the user is about to take: others could get it otherwise,
    /// were the target another by now.
    fn owned_as_told(&self) -> Assignment {
        let mut all = self.owned.clone();
        for (id, indexes) in self.changing.iter().flatten() {
            all.entry(*id).or_default().extend(indexes);
        }
        let says_all = self.told.as_ref().is_none_or(|told| told.1 == all);
        if says_all { all } else { self.owned.clone() }
    }

    fn partitions(&self, assignment: &Assignment) -> BTreeSet<TopicPartition> {
        let named = assignment.iter().filter_map(|(id, indexes)| Some((self.names.get(id)?, indexes)));
        named
            .flat_map(|(name, indexes)| {
                indexes.iter().map(|index| TopicPartition::new(Arc::clone(name), *index))
            })
            .collect()
    }

    /// What must always hold.
    fn check_invariants(&self) {
        debug_assert!(self.owned.keys().all(|id| self.names.contains_key(id)), "what is owned has a name");
        debug_assert!(self.phase != Phase::Out || self.owned.is_empty(), "nothing is owned outside");
        debug_assert!(self.is_member || self.epoch == JOIN_EPOCH, "who is no member has no epoch");
    }
}
