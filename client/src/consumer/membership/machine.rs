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

use crate::backoff::Backoff;
use crate::error::{Error, ErrorClass};

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
    /// `max.poll.interval.ms`: who does not poll for so long gives its partitions back.
    pub(crate) max_poll_interval: Duration,
    pub(crate) backoff: Backoff,
}

/// Which topics are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Subscription {
    Names(BTreeSet<Arc<str>>),
    /// An RE2 expression, which the coordinator resolves.
    Pattern(Arc<str>),
}

/// What happens to it.
#[derive(Debug)]
pub(crate) enum Event {
    Subscribe(Subscription),
    /// The user wants to leave.
    Leave,
    /// The coordinator has answered a heartbeat, or has not.
    Answered(Result<Answer, Error>),
    /// The names of topics.
    Named(Vec<(TopicId, Arc<str>)>),
    /// The user has taken the change that was announced last.
    Changed,
    /// The user polls.
    Polled,
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
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Heartbeat(Heartbeat),
    /// Find out the names of these topics.
    Name(BTreeSet<TopicId>),
    /// Tell the user; then [`Event::Changed`].
    Change(Change),
    /// It is out of the group for good; [`Membership::failure`] says why.
    Fail,
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

/// A change of what is owned.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) revoked: BTreeSet<TopicPartition>,
    pub(crate) added: BTreeSet<TopicPartition>,
    /// Whether others may have what is revoked already, so that nothing of it can be committed.
    pub(crate) is_lost: bool,
}

/// Whether it is in the group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Not, and not on its way.
    Out,
    /// It is, or joins.
    In,
    /// It has been thrown out, and joins again once the user knows.
    Fenced,
    /// It leaves; whether it joins again with the next poll.
    Leaving { comes_back: bool },
    /// It has left because nobody polls.
    Stale,
}

/// What is under way with the user.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Changing {
    /// To this.
    To(Assignment),
    /// To nothing, since all is lost.
    Lost,
    /// To nothing, before leaving.
    Leaving,
}

/// The machine.
#[derive(Debug)]
pub(crate) struct Membership {
    policy: Policy,
    phase: Phase,
    epoch: i32,
    subscription: Option<Subscription>,
    owned: Assignment,
    target: Option<Assignment>,
    names: BTreeMap<TopicId, Arc<str>>,
    /// Topics whose names are asked for.
    naming: BTreeSet<TopicId>,
    changing: Option<Changing>,
    /// What the coordinator was told last.
    told: Option<(Option<Subscription>, Assignment)>,
    is_asked: bool,
    interval: Duration,
    due: Option<Instant>,
    failures: u32,
    last_poll: Option<Instant>,
    failure: Option<Error>,
}

impl Membership {
    pub(crate) fn new(policy: Policy) -> Self {
        Self {
            policy,
            phase: Phase::Out,
            epoch: JOIN_EPOCH,
            subscription: None,
            owned: Assignment::new(),
            target: None,
            names: BTreeMap::new(),
            naming: BTreeSet::new(),
            changing: None,
            told: None,
            is_asked: false,
            interval: Duration::ZERO,
            due: None,
            failures: 0,
            last_poll: None,
            failure: None,
        }
    }

    /// Takes an event; `random` is from 0 to 1.
    pub(crate) fn handle(&mut self, event: Event, now: Instant, random: f64) -> Vec<Command> {
        let mut commands = Vec::new();
        match event {
            Event::Subscribe(subscription) => {
                self.subscription = Some(subscription);
                self.last_poll = Some(now);
                if matches!(self.phase, Phase::Out | Phase::Leaving { .. }) {
                    self.phase = if self.phase == Phase::Out {
                        Phase::In
                    } else {
                        Phase::Leaving { comes_back: true }
                    };
                }
            }
            Event::Leave => self.leave(false),
            Event::Answered(Ok(answer)) => self.take_answer(answer, now, &mut commands),
            Event::Answered(Err(error)) => self.take_error(error, now, random, &mut commands),
            Event::Named(names) => {
                for (id, name) in names {
                    self.naming.remove(&id);
                    self.names.insert(id, name);
                }
            }
            Event::Changed => self.take_changed(),
            Event::Polled => {
                self.last_poll = Some(now);
                if self.phase == Phase::Stale {
                    self.phase = Phase::In;
                }
            }
            Event::Tick => {}
        }
        self.go_stale(now);
        self.change(&mut commands);
        self.beat(now, &mut commands);
        commands
    }

    /// When [`Event::Tick`] is due.
    pub(crate) fn due(&self) -> Option<Instant> {
        let stale = self.last_poll.filter(|_| self.phase == Phase::In);
        let stale = stale.map(|at| at + self.policy.max_poll_interval);
        let beat =
            self.due.filter(|_| !self.is_asked && matches!(self.phase, Phase::In | Phase::Leaving { .. }));
        beat.into_iter().chain(stale).min()
    }

    /// The epoch, which commits have to name.
    pub(crate) fn epoch(&self) -> i32 {
        self.epoch
    }

    /// Why it is out.
    pub(crate) fn failure(&self) -> Option<&Error> {
        self.failure.as_ref()
    }

    fn leave(&mut self, comes_back: bool) {
        match self.phase {
            Phase::In => self.phase = Phase::Leaving { comes_back },
            Phase::Leaving { .. } => self.phase = Phase::Leaving { comes_back: false },
            Phase::Stale | Phase::Fenced | Phase::Out => {
                if !comes_back {
                    self.phase = Phase::Leaving { comes_back: false };
                }
            }
        }
    }

    fn go_stale(&mut self, now: Instant) {
        let is_silent = self.last_poll.is_some_and(|at| at + self.policy.max_poll_interval <= now);
        if self.phase == Phase::In && is_silent {
            tracing::warn!("nobody polls (max.poll.interval.ms): leaving the group until somebody does");
            self.leave(true);
        }
    }

    fn take_answer(&mut self, answer: Answer, now: Instant, commands: &mut Vec<Command>) {
        self.is_asked = false;
        self.failures = 0;
        self.interval = answer.interval;
        self.due = Some(now + answer.interval);
        if answer.member_epoch < JOIN_EPOCH {
            self.left(commands);
            return;
        }
        self.epoch = answer.member_epoch;
        if answer.assignment.is_some() {
            self.target = answer.assignment;
        }
    }

    /// The coordinator knows that it has left.
    fn left(&mut self, commands: &mut Vec<Command>) {
        let comes_back = matches!(self.phase, Phase::Leaving { comes_back: true });
        (self.epoch, self.told, self.target) = (JOIN_EPOCH, None, None);
        if comes_back {
            self.phase = Phase::Stale;
        } else {
            self.phase = Phase::Out;
            commands.push(Command::Left);
        }
    }

    fn take_error(&mut self, error: Error, now: Instant, random: f64, commands: &mut Vec<Command>) {
        self.is_asked = false;
        self.told = None;
        let is_leaving = matches!(self.phase, Phase::Leaving { .. });
        match error.code() {
            Some(ResponseError::FencedMemberEpoch | ResponseError::UnknownMemberId) if is_leaving => {
                self.left(commands);
            }
            Some(ResponseError::FencedMemberEpoch | ResponseError::UnknownMemberId) => {
                tracing::info!(%error, "fenced: joining again");
                (self.phase, self.epoch, self.target) = (Phase::Fenced, JOIN_EPOCH, None);
            }
            _ if error.class() == ErrorClass::Retriable => {
                self.failures += 1;
                self.due = Some(now + self.policy.backoff.after(self.failures, random));
            }
            _ => {
                (self.phase, self.epoch, self.target) = (Phase::Out, JOIN_EPOCH, None);
                self.failure = Some(error);
                commands.push(Command::Fail);
            }
        }
    }

    fn take_changed(&mut self) {
        match self.changing.take() {
            Some(Changing::To(owned)) => self.owned = owned,
            Some(Changing::Lost | Changing::Leaving) => self.owned.clear(),
            None => {}
        }
        if self.phase == Phase::Fenced {
            self.phase = Phase::In;
            self.due = None;
        }
    }

    /// Announces a change, one after another.
    fn change(&mut self, commands: &mut Vec<Command>) {
        if self.changing.is_some() {
            return;
        }
        let before = self.partitions(&self.owned);
        let (change, changing) = match self.phase {
            Phase::Fenced => {
                let change = Change { revoked: before, is_lost: true, ..Change::default() };
                (change, Changing::Lost)
            }
            Phase::Leaving { .. } | Phase::Out | Phase::Stale => {
                if self.owned.is_empty() {
                    return;
                }
                let is_lost = !matches!(self.phase, Phase::Leaving { .. });
                (Change { revoked: before, is_lost, ..Change::default() }, Changing::Leaving)
            }
            Phase::In => {
                let Some(target) = self.target.clone() else { return };
                self.name(&target, commands);
                let known = |(id, _): &(&TopicId, &BTreeSet<PartitionIndex>)| self.names.contains_key(*id);
                let next: Assignment =
                    target.iter().filter(known).map(|(id, indexes)| (*id, indexes.clone())).collect();
                if next == self.owned {
                    return;
                }
                let after = self.partitions(&next);
                let change = Change {
                    revoked: before.difference(&after).cloned().collect(),
                    added: after.difference(&before).cloned().collect(),
                    is_lost: false,
                };
                (change, Changing::To(next))
            }
        };
        self.changing = Some(changing);
        commands.push(Command::Change(change));
    }

    /// Asks for the names of topics, each once.
    fn name(&mut self, target: &Assignment, commands: &mut Vec<Command>) {
        let unknown = target.keys().filter(|id| !self.names.contains_key(*id) && !self.naming.contains(*id));
        let unknown: BTreeSet<TopicId> = unknown.copied().collect();
        if !unknown.is_empty() {
            self.naming.extend(&unknown);
            commands.push(Command::Name(unknown));
        }
    }

    fn beat(&mut self, now: Instant, commands: &mut Vec<Command>) {
        if self.is_asked {
            return;
        }
        let epoch = match self.phase {
            Phase::In => self.epoch,
            // What is owned is given back before.
            Phase::Leaving { .. } if self.changing.is_some() => return,
            Phase::Leaving { comes_back } if self.policy.is_static && comes_back => LEAVE_FOR_A_WHILE_EPOCH,
            Phase::Leaving { .. } => LEAVE_EPOCH,
            Phase::Out | Phase::Fenced | Phase::Stale => return,
        };
        let is_due = self.due.is_none_or(|due| due <= now);
        let is_full = self.told.is_none();
        let state = (self.subscription.clone(), self.owned.clone());
        let is_news = self.failures == 0 && self.told.as_ref() != Some(&state);
        if !is_due && !is_news && !(epoch < JOIN_EPOCH && self.failures == 0) {
            return;
        }
        let told = self.told.replace(state.clone());
        let (subscription, owned) = told.map_or((None, None), |(one, two)| (Some(one), Some(two)));
        self.is_asked = true;
        commands.push(Command::Heartbeat(Heartbeat {
            member_epoch: epoch,
            is_full,
            subscription: state.0.clone().filter(|_| subscription != Some(state.0.clone())),
            owned: Some(state.1.clone()).filter(|_| owned != Some(state.1)),
        }));
    }

    fn partitions(&self, assignment: &Assignment) -> BTreeSet<TopicPartition> {
        let named = assignment.iter().filter_map(|(id, indexes)| Some((self.names.get(id)?, indexes)));
        named
            .flat_map(|(name, indexes)| {
                indexes.iter().map(|index| TopicPartition::new(Arc::clone(name), *index))
            })
            .collect()
    }
}
