//! When to ask for metadata: a machine without I/O.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use medallion_wire::messages::MetadataResponse;
use medallion_wire::{BrokerId, LeaderEpoch, PartitionIndex};
use tokio::time::Instant;

use super::cluster::{Broker, Cluster};
use super::merge::merge;
use crate::backoff::Backoff;

/// The settings that it goes by.
#[derive(Debug, Clone)]
pub(crate) struct MetadataPolicy {
    /// `metadata.max.age.ms`.
    pub(crate) max_age: Duration,
    /// `metadata.max.idle.ms`.
    pub(crate) max_idle: Duration,
    /// `retry.backoff.ms` and its maximum.
    pub(crate) backoff: Backoff,
    /// `metadata.recovery.rebootstrap.trigger.ms`; `None` where the strategy is `none`.
    pub(crate) rebootstrap_after: Option<Duration>,
}

/// A leader that a broker names in a refusal (KIP-951).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LeaderHint {
    pub(crate) topic: Arc<str>,
    pub(crate) partition: PartitionIndex,
    pub(crate) leader: BrokerId,
    pub(crate) leader_epoch: LeaderEpoch,
    /// How the leader is reached, where the refusal says so.
    pub(crate) broker: Option<Broker>,
}

/// What happens to it.
#[derive(Debug)]
pub(crate) enum Event {
    /// Somebody uses the topic.
    Use(Arc<str>),
    /// What is known has proved wrong, or is waited for.
    Stale,
    /// A broker has named a leader.
    Hint(LeaderHint),
    /// An answer has come.
    Answered(Box<MetadataResponse>),
    /// No broker could be asked, or none answered.
    Failed,
    /// Time has passed.
    Tick,
}

/// What is to be done.
#[derive(Debug, PartialEq)]
pub(crate) enum Command {
    /// Ask any broker about these topics.
    Ask(Vec<Arc<str>>),
    /// The picture has changed, or was confirmed.
    Publish(Arc<Cluster>),
    /// Forget the known brokers and begin with `bootstrap.servers`.
    Rebootstrap,
}

/// Decides when to ask, and holds what is known.
#[derive(Debug)]
pub(crate) struct MetadataMachine {
    policy: MetadataPolicy,
    cluster: Arc<Cluster>,
    /// Topics in use, with the time of their last use.
    used: BTreeMap<Arc<str>, Instant>,
    /// Whether somebody wants an answer newer than the last.
    is_wanted: bool,
    /// Whether a topic was never asked about, which is worth no wait.
    has_new_topic: bool,
    is_asked: bool,
    /// When the last answer came or failed to.
    last_attempt: Option<Instant>,
    last_success: Option<Instant>,
    /// Attempts without a change for the better, for the backoff.
    failures: u32,
    failing_since: Option<Instant>,
}

impl MetadataMachine {
    pub(crate) fn new(policy: MetadataPolicy) -> Self {
        Self {
            policy,
            cluster: Arc::default(),
            used: BTreeMap::new(),
            is_wanted: true,
            has_new_topic: true,
            is_asked: false,
            last_attempt: None,
            last_success: None,
            failures: 0,
            failing_since: None,
        }
    }

    /// Takes an event; `random` is from 0 to 1.
    pub(crate) fn handle(&mut self, event: Event, now: Instant, random: f64) -> Vec<Command> {
        let mut commands = Vec::new();
        match event {
            Event::Use(topic) => {
                if self.used.insert(topic, now).is_none() {
                    self.has_new_topic = true;
                    self.is_wanted = true;
                }
            }
            Event::Stale => self.is_wanted = true,
            Event::Hint(hint) => {
                if let Some(cluster) = self.with_hint(&hint) {
                    self.cluster = Arc::new(cluster);
                    commands.push(Command::Publish(Arc::clone(&self.cluster)));
                }
                // The hint names one partition; others will have moved as well.
                self.is_wanted = true;
            }
            Event::Answered(response) => self.take_answer(&response, now, &mut commands),
            Event::Failed => {
                self.is_asked = false;
                self.is_wanted = true;
                self.last_attempt = Some(now);
                self.failures += 1;
                self.failing_since.get_or_insert(now);
            }
            Event::Tick => {}
        }
        self.rebootstrap_if_due(now, &mut commands);
        if self.due(now, random).is_some_and(|due| due <= now) {
            self.is_asked = true;
            self.is_wanted = false;
            self.has_new_topic = false;
            let max_idle = self.policy.max_idle;
            self.used.retain(|_, last_used| now.saturating_duration_since(*last_used) <= max_idle);
            commands.push(Command::Ask(self.used.keys().cloned().collect()));
        }
        self.check_invariants();
        commands
    }

    /// When [`Event::Tick`] is due next; `None` while an answer is awaited.
    pub(crate) fn due(&self, now: Instant, random: f64) -> Option<Instant> {
        if self.is_asked {
            return None;
        }
        let Some(last_attempt) = self.last_attempt else { return Some(now) };
        if self.has_new_topic && self.failing_since.is_none() {
            return Some(now);
        }
        if self.is_wanted {
            return Some(last_attempt + self.policy.backoff.after(self.failures.max(1), random));
        }
        Some(self.last_success.unwrap_or(last_attempt) + self.policy.max_age.min(NEVER))
    }

    fn take_answer(&mut self, response: &MetadataResponse, now: Instant, commands: &mut Vec<Command>) {
        self.is_asked = false;
        self.last_attempt = Some(now);
        self.last_success = Some(now);
        self.failing_since = None;
        let merged = merge(&self.cluster, response);
        // Waiting for a topic to be made or a leader to be elected: every time a little longer.
        let is_whole = merged.topics.values().all(|topic| {
            topic.error.is_none() && topic.partitions.iter().all(|partition| partition.leader.is_some())
        });
        self.failures = if is_whole { 0 } else { self.failures + 1 };
        self.cluster = Arc::new(merged);
        commands.push(Command::Publish(Arc::clone(&self.cluster)));
    }

    fn rebootstrap_if_due(&mut self, now: Instant, commands: &mut Vec<Command>) {
        let (Some(after), Some(since)) = (self.policy.rebootstrap_after, self.failing_since) else { return };
        if now.saturating_duration_since(since) >= after && !self.cluster.brokers.is_empty() {
            self.cluster = Arc::new(Cluster { brokers: BTreeMap::new(), ..Cluster::clone(&self.cluster) });
            self.failing_since = Some(now);
            commands.push(Command::Rebootstrap);
            commands.push(Command::Publish(Arc::clone(&self.cluster)));
        }
    }

    /// The picture with a newer leader; `None` where the hint tells nothing new.
    fn with_hint(&self, hint: &LeaderHint) -> Option<Cluster> {
        let known = self.cluster.partition(&hint.topic, hint.partition)?;
        let is_reachable = hint.broker.is_some() || self.cluster.brokers.contains_key(&hint.leader);
        if hint.leader.get() < 0 || hint.leader_epoch <= known.leader_epoch || !is_reachable {
            return None;
        }
        let mut cluster = Cluster::clone(&self.cluster);
        if let Some(broker) = &hint.broker {
            cluster.brokers.insert(broker.id, broker.clone());
        }
        let topic = Arc::make_mut(cluster.topics.get_mut(&hint.topic)?);
        let partition = topic.partitions.get_mut(usize::try_from(hint.partition.get()).ok()?)?;
        partition.leader = Some(hint.leader);
        partition.leader_epoch = hint.leader_epoch;
        Some(cluster)
    }

    /// What must always hold.
    pub(crate) fn check_invariants(&self) {
        debug_assert!(!self.has_new_topic || self.is_wanted || self.is_asked, "a new topic is wanted");
        debug_assert!(self.last_success <= self.last_attempt, "success is an attempt");
    }
}

/// An interval that never passes, and does not overflow.
const NEVER: Duration = Duration::from_secs(100 * 365 * 86_400);
