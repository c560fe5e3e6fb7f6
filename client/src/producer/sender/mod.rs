//! What a producer sends when, and what it does with the answers: a machine without I/O.
//!
//! The machine looks at the queues of partitions through [`BatchSource`]; a batch is its own from the time when it takes it. It hands
//! batches out in [`Command::Produce`] and gets them back in [`Event::Answered`]. For each broker there is a list of
//! partitions that are ready, and for each partition one timer (linger, backoff or the deadline of its oldest batch), so that
//! an event costs what it concerns, however many partitions there are.

mod identity;
mod partition;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use medallion_wire::{BrokerId, ProducerEpoch, ProducerId, ResponseError, TopicPartition};
use tokio::time::Instant;

use super::batch::Batch;
use super::completion::{Ack, Completion};
use crate::backoff::Backoff;
use crate::error::Error;
use identity::Identity;
use partition::{Partition, Readiness, Verdict};

/// The settings that it goes by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Policy {
    pub(super) is_idempotent: bool,
    /// Ids and epochs come from a transaction coordinator: whoever asks it tells them.
    pub(super) is_transactional: bool,
    /// Epochs come from the coordinator, and whoever is behind one can write no more.
    pub(super) is_fenced: bool,
    pub(super) linger: Duration,
    pub(super) delivery_timeout: Duration,
    pub(super) retries: u32,
    pub(super) max_in_flight: usize,
    pub(super) max_request_size: usize,
    pub(super) backoff: Backoff,
}

/// The first batch of a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    /// Whether it takes no more records.
    pub(super) is_full: bool,
    pub(super) created: Instant,
    /// About what it takes in a request.
    pub(super) bytes: usize,
}

/// Queues of batches, by partition.
pub(super) trait BatchSource {
    fn head(&self, slot: usize) -> Option<Head>;

    fn take(&mut self, slot: usize) -> Option<Batch>;

    /// Whether somebody waits for memory: then what is there is sent at once.
    fn is_short(&self) -> bool;
}

/// A batch that comes back, with its partition and what became of it.
pub(super) type Outcome = (usize, Batch, Result<Ack, Error>);

/// What happens to it.
#[derive(Debug)]
pub(super) enum Event {
    /// In these queues batches were begun or filled, or memory has run short.
    Announced(Vec<usize>),
    /// Somebody waits for all batches to end, or does not any more.
    Flush(bool),
    /// The answer to [`Command::InitProducerId`]; or as whom to write the next transaction.
    Identified(Result<(ProducerId, ProducerEpoch), Error>),
    /// The transaction is aborted: what is not sent fails, and nothing is sent until the next one has its producer.
    GiveUp(Error),
    /// A request's batches come back.
    Answered { broker: BrokerId, outcomes: Vec<Outcome> },
    /// Batches of a request come back before the others.
    Returned { outcomes: Vec<Outcome> },
    /// Partitions have other leaders.
    Leaders(Vec<(usize, Option<BrokerId>)>),
    /// Time has passed.
    Tick,
}

/// What is to be done.
#[derive(Debug)]
pub(super) enum Command {
    /// Ask for a producer id.
    InitProducerId,
    /// Send these batches, at most one a partition, to the broker that leads them.
    Produce { broker: BrokerId, batches: Vec<(usize, Batch)> },
    /// A batch has ended.
    Finish { batch: Box<Batch>, outcome: Result<Ack, Error> },
    /// A batch was too large: two with its records go in its place.
    Split { whole: u64, parts: [(u64, Arc<Completion>); 2] },
    /// A batch that is under way has run out of time: its records have failed, though it may be written.
    Expire { completion: Arc<Completion>, records: i32, error: Error },
    /// Ask who leads what.
    RefreshMetadata,
}

/// Decides what is sent.
#[derive(Debug)]
pub(super) struct Sender {
    policy: Policy,
    partitions: Vec<Partition>,
    brokers: BTreeMap<BrokerId, Broker>,
    timers: BTreeSet<(Instant, usize)>,
    identity: Identity,
    /// Why nothing of this transaction is sent any more.
    doomed: Option<Error>,
    is_flushing: bool,
    was_short: bool,
    epoch_bumps: u64,
    commands: Vec<Command>,
}

#[derive(Debug, Default)]
struct Broker {
    /// Requests under way.
    in_flight: usize,
    /// Partitions that have something to send, first come first served.
    ready: VecDeque<usize>,
}

impl Sender {
    pub(super) fn new(policy: Policy) -> Self {
        Self {
            identity: match policy {
                // Somebody else has asked, or will.
                Policy { is_transactional: true, .. } => Identity::Asked,
                Policy { is_idempotent: true, .. } => Identity::Unknown,
                _ => Identity::NotNeeded,
            },
            policy,
            doomed: None,
            partitions: Vec::new(),
            brokers: BTreeMap::new(),
            timers: BTreeSet::new(),
            is_flushing: false,
            was_short: false,
            epoch_bumps: 0,
            commands: Vec::new(),
        }
    }

    /// One more partition; its place is the next one.
    pub(super) fn add(&mut self, name: TopicPartition, leader: Option<BrokerId>) {
        self.partitions.push(Partition::new(name, leader));
    }

    /// How often a partition has moved to a new epoch.
    pub(super) fn epoch_bumps(&self) -> u64 {
        self.epoch_bumps
    }

    /// When [`Event::Tick`] is due next.
    pub(super) fn due(&self) -> Option<Instant> {
        self.timers.first().map(|(due, _)| *due)
    }

    /// Takes an event; `random` is from 0 to 1.
    pub(super) fn handle(
        &mut self,
        event: Event,
        source: &mut impl BatchSource,
        now: Instant,
        random: f64,
    ) -> Vec<Command> {
        match event {
            Event::Announced(slots) => {
                for slot in slots {
                    self.poll(slot, source, now);
                }
                if source.is_short() && !std::mem::replace(&mut self.was_short, true) {
                    self.poll_all(source, now);
                }
                self.was_short &= source.is_short();
            }
            Event::Flush(is_flushing) => {
                self.is_flushing = is_flushing;
                if is_flushing {
                    self.poll_all(source, now);
                }
            }
            Event::Identified(outcome) => {
                self.identity = match outcome {
                    Ok((id, epoch)) => Identity::Known(id, epoch),
                    Err(error) if error.is_retriable() => Identity::Unknown,
                    Err(error) => Identity::Failed(error),
                };
                if self.policy.is_transactional {
                    self.doomed = None;
                    self.partitions.iter_mut().for_each(Partition::forget_gap);
                }
                self.poll_all(source, now);
            }
            Event::GiveUp(error) => {
                self.doomed.get_or_insert(error);
                self.poll_all(source, now);
            }
            Event::Returned { outcomes } => self.take_outcomes(outcomes, source, now, random),
            Event::Answered { broker, outcomes } => {
                if let Some(broker) = self.brokers.get_mut(&broker) {
                    broker.in_flight -= 1;
                }
                self.take_outcomes(outcomes, source, now, random);
            }
            Event::Leaders(leaders) => {
                for (slot, leader) in leaders {
                    self.partitions[slot].move_to(leader);
                    self.poll(slot, source, now);
                }
            }
            Event::Tick => {
                while let Some((due, slot)) = self.timers.first().copied().filter(|(due, _)| *due <= now) {
                    self.timers.remove(&(due, slot));
                    self.partitions[slot].timer = None;
                    self.poll(slot, source, now);
                }
            }
        }
        self.drain(source, now);
        self.check_invariants();
        std::mem::take(&mut self.commands)
    }

    /// Looks at all partitions that have anything: each of them has a timer, for the deadline of its first batch.
    fn poll_all(&mut self, source: &mut impl BatchSource, now: Instant) {
        let slots: Vec<usize> = self.timers.iter().map(|(_, slot)| *slot).collect();
        for slot in slots {
            self.poll(slot, source, now);
        }
    }

    /// Looks at a partition: what has run out of time, whether it is ready, and when to look again.
    fn poll(&mut self, slot: usize, source: &mut impl BatchSource, now: Instant) {
        if let Identity::Failed(error) = &self.identity {
            let error = error.clone();
            return self.fail_all(slot, source, &error);
        }
        self.expire(slot, source, now);
        if let Some(error) = &self.doomed {
            let error = error.clone();
            return self.fail_all(slot, source, &error);
        }
        let partition = &mut self.partitions[slot];
        if partition.reset_if_possible(&mut self.identity, self.policy.is_fenced) {
            self.epoch_bumps += 1;
        }
        let head = source.head(slot);
        let readiness = self.readiness(slot, head, source.is_short(), now);
        let partition = &mut self.partitions[slot];
        let mut due = partition.first_deadline(head, self.policy.delivery_timeout);
        match (readiness, partition.leader) {
            (Readiness::Ready, Some(leader)) => {
                if partition.queued_at.replace(leader) != Some(leader) {
                    self.brokers.entry(leader).or_default().ready.push_back(slot);
                }
            }
            (Readiness::At(time), _) => due = due.map(|due| due.min(time)).or(Some(time)),
            (Readiness::NeedsIdentity, _) => {
                if matches!(self.identity, Identity::Unknown) {
                    self.identity = Identity::Asked;
                    self.commands.push(Command::InitProducerId);
                }
            }
            (Readiness::NeedsLeader, _) => self.refresh_metadata(),
            (Readiness::Idle | Readiness::Blocked | Readiness::Ready, _) => {}
        }
        self.set_timer(slot, due);
    }

    fn readiness(&self, slot: usize, head: Option<Head>, is_short: bool, now: Instant) -> Readiness {
        let is_urgent = is_short || self.is_flushing;
        let linger = if is_urgent { Duration::ZERO } else { self.policy.linger };
        self.partitions[slot].readiness(head, &self.identity, linger, self.policy.max_in_flight, now)
    }

    fn set_timer(&mut self, slot: usize, due: Option<Instant>) {
        let partition = &mut self.partitions[slot];
        if partition.timer == due {
            return;
        }
        if let Some(before) = partition.timer.take() {
            self.timers.remove(&(before, slot));
        }
        if let Some(due) = due {
            self.timers.insert((due, slot));
            partition.timer = Some(due);
        }
    }

    /// Sends what is ready, as far as brokers take more requests.
    fn drain(&mut self, source: &mut impl BatchSource, now: Instant) {
        let with_work = self.brokers.iter().filter(|(_, broker)| !broker.ready.is_empty());
        for id in with_work.map(|(id, _)| *id).collect::<Vec<_>>() {
            while let Some(batches) = self.next_request(id, source, now) {
                let slots: Vec<usize> = batches.iter().map(|(slot, _)| *slot).collect();
                self.commands.push(Command::Produce { broker: id, batches });
                if let Some(broker) = self.brokers.get_mut(&id) {
                    broker.in_flight += 1;
                }
                for slot in slots {
                    self.poll(slot, source, now);
                }
            }
        }
    }

    /// The batches of one request, at most one of each partition; `None` when there is nothing to send now.
    fn next_request(
        &mut self,
        id: BrokerId,
        source: &mut impl BatchSource,
        now: Instant,
    ) -> Option<Vec<(usize, Batch)>> {
        let broker = self.brokers.get(&id).filter(|broker| broker.in_flight < self.policy.max_in_flight)?;
        let (mut batches, mut bytes) = (Vec::new(), 0);
        for _ in 0..broker.ready.len() {
            let broker = self.brokers.get_mut(&id)?;
            let Some(slot) = broker.ready.pop_front() else { break };
            // It may have moved away, and stand here twice after it has come back.
            if self.partitions[slot].queued_at.take_if(|at| *at == id).is_none() {
                continue;
            }
            let head = source.head(slot);
            let readiness = self.readiness(slot, head, source.is_short(), now);
            let partition = &mut self.partitions[slot];
            if readiness != Readiness::Ready || partition.leader != Some(id) {
                self.poll(slot, source, now);
                continue;
            }
            let next_bytes = partition.next_bytes(head);
            if !batches.is_empty() && bytes + next_bytes > self.policy.max_request_size {
                partition.queued_at = Some(id);
                self.brokers.get_mut(&id)?.ready.push_front(slot);
                break;
            }
            let deadline = self.policy.delivery_timeout;
            if let Some(batch) = partition.take_next(id, source, slot, &self.identity, deadline) {
                bytes += next_bytes;
                batches.push((slot, batch));
            }
        }
        (!batches.is_empty()).then_some(batches)
    }

    fn take_outcomes(
        &mut self,
        outcomes: Vec<Outcome>,
        source: &mut impl BatchSource,
        now: Instant,
        random: f64,
    ) {
        let slots: Vec<usize> = outcomes.iter().map(|(slot, ..)| *slot).collect();
        let was_doomed = self.doomed.is_some();
        for (slot, batch, outcome) in outcomes {
            self.take_outcome(slot, batch, outcome, now, random);
        }
        for slot in slots {
            self.poll(slot, source, now);
        }
        if self.doomed.is_some() && !was_doomed {
            self.poll_all(source, now);
        }
    }

    fn take_outcome(
        &mut self,
        slot: usize,
        mut batch: Batch,
        outcome: Result<Ack, Error>,
        now: Instant,
        random: f64,
    ) {
        let is_duplicate = |error: &Error| error.code() == Some(ResponseError::DuplicateSequenceNumber);
        let error = match outcome {
            Err(error) if !is_duplicate(&error) => error,
            outcome => {
                self.partitions[slot].succeeded(&batch);
                let unknown = Ack { base_offset: None, log_append_time: None };
                let outcome = Ok(outcome.unwrap_or(unknown));
                return self.commands.push(Command::Finish { batch: Box::new(batch), outcome });
            }
        };
        let is_shut_out = self.policy.is_fenced && is_old_epoch(&error);
        if is_shut_out || error.code() == Some(ResponseError::ClusterAuthorizationFailed) {
            self.identity = Identity::Failed(error.clone());
        }
        if is_stale_leader(&error) {
            self.refresh_metadata();
        }
        if is_too_large(&error)
            && self.doomed.is_none()
            && let Some(parts) = self.partitions[slot].split(&mut batch)
        {
            return self.commands.push(Command::Split { whole: batch.id, parts });
        }
        let backoff = self.policy.backoff;
        let may_retry = batch.attempts <= self.policy.retries
            && now < batch.created + self.policy.delivery_timeout
            && self.doomed.is_none()
            && error.is_retriable();
        let verdict = self.partitions[slot].failed(&mut batch, &error, may_retry);
        // Without transactions a producer that is not known goes on in another epoch.
        let is_lost = self.policy.is_transactional && error.code() == Some(ResponseError::UnknownProducerId);
        match if is_lost { Verdict::Fail } else { verdict } {
            Verdict::Retry => {
                batch.last_error = Some(error);
                self.partitions[slot].retry(batch, backoff, now, random);
            }
            Verdict::Fail => {
                self.doom(&error);
                self.commands.push(Command::Finish { batch: Box::new(batch), outcome: Err(error) });
            }
        }
    }

    /// Fails what has run out of `delivery.timeout.ms`.
    fn expire(&mut self, slot: usize, source: &mut impl BatchSource, now: Instant) {
        let (timeout, before) = (self.policy.delivery_timeout, self.commands.len());
        let partition = &mut self.partitions[slot];
        for (completion, records, last) in partition.expire_in_flight(now) {
            let error = partition.timed_out(timeout, last);
            self.commands.push(Command::Expire { completion, records, error });
        }
        while let Some(mut batch) = partition.take_expired_retry(now, timeout) {
            let error = partition.timed_out(timeout, batch.last_error.take());
            self.commands.push(Command::Finish { batch: Box::new(batch), outcome: Err(error) });
        }
        while source.head(slot).is_some_and(|head| head.created + timeout <= now) {
            let Some(batch) = source.take(slot) else { break };
            let error = self.partitions[slot].timed_out(timeout, None);
            self.commands.push(Command::Finish { batch: Box::new(batch), outcome: Err(error) });
        }
        if let Some(Command::Expire { error, .. } | Command::Finish { outcome: Err(error), .. }) =
            self.commands.get(before)
        {
            let error = error.clone();
            self.doom(&error);
        }
    }

    /// A record of the transaction has failed, so that it will be aborted.
    fn doom(&mut self, error: &Error) {
        if self.policy.is_transactional && self.doomed.is_none() {
            self.doomed = Some(Error::TransactionDoomed { cause: Box::new(error.clone()) });
        }
    }

    /// The producer, or its transaction, cannot go on.
    fn fail_all(&mut self, slot: usize, source: &mut impl BatchSource, error: &Error) {
        let waiting = std::iter::from_fn(|| source.take(slot));
        let batches: Vec<Batch> = self.partitions[slot].take_retries().into_iter().chain(waiting).collect();
        for batch in batches {
            self.commands.push(Command::Finish { batch: Box::new(batch), outcome: Err(error.clone()) });
        }
        self.set_timer(slot, None);
    }

    fn refresh_metadata(&mut self) {
        if !self.commands.iter().any(|command| matches!(command, Command::RefreshMetadata)) {
            self.commands.push(Command::RefreshMetadata);
        }
    }

    /// What must always hold.
    pub(super) fn check_invariants(&self) {
        if !cfg!(debug_assertions) {
            return;
        }
        for (id, broker) in &self.brokers {
            let limit = self.policy.max_in_flight;
            assert!(broker.in_flight <= limit, "{} requests to {id}, above {limit}", broker.in_flight);
        }
        if cfg!(test) {
            self.partitions.iter().for_each(Partition::check_invariants);
        }
    }
}

/// Whether somebody else writes under a later epoch.
fn is_old_epoch(error: &Error) -> bool {
    matches!(error.code(), Some(ResponseError::ProducerFenced | ResponseError::InvalidProducerEpoch))
}

/// Whether a broker would take the same records in smaller batches.
fn is_too_large(error: &Error) -> bool {
    matches!(error.code(), Some(ResponseError::MessageTooLarge | ResponseError::RecordListTooLarge))
}

/// Whether another broker may lead what this error is about.
fn is_stale_leader(error: &Error) -> bool {
    match error {
        Error::Unreachable { .. } | Error::Disconnected { .. } | Error::RequestTimeout { .. } => true,
        Error::Broker { code, .. } => matches!(
            code,
            ResponseError::NotLeaderOrFollower
                | ResponseError::LeaderNotAvailable
                | ResponseError::UnknownTopicOrPartition
                | ResponseError::UnknownTopicId
                | ResponseError::FencedLeaderEpoch
                | ResponseError::UnknownLeaderEpoch
                | ResponseError::KafkaStorageError
                | ResponseError::ReplicaNotAvailable
        ),
        _ => false,
    }
}
