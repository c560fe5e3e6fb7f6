//! One partition's batches under way, and their sequence numbers.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use medallion_wire::records::increment_sequence;
use medallion_wire::{BrokerId, ProducerEpoch, ProducerId, ResponseError, TopicPartition};
use tokio::time::Instant;

use super::identity::Identity;
use super::{BatchSource, Head};
use crate::backoff::Backoff;
use crate::error::Error;
use crate::producer::batch::{Batch, Stamp};
use crate::producer::completion::Completion;

/// Batches of one partition: first those under way, then those that failed and go again, then the queue.
#[derive(Debug)]
pub(super) struct Partition {
    name: TopicPartition,
    pub(super) leader: Option<BrokerId>,
    /// Sent and not answered, in order.
    in_flight: VecDeque<InFlight>,
    /// To be sent again, in the order of their ids, which is that of their sequences.
    retries: VecDeque<Batch>,
    /// When the retries may go; `None` for at once.
    retry_at: Option<Instant>,
    /// Failed attempts in a row.
    failures: u32,
    /// As whom the last new batch was sent.
    identity: Option<(ProducerId, ProducerEpoch)>,
    next_sequence: i32,
    /// Whose batches the partition has taken. A leader takes any number from a producer that it does not know (KIP-360), so
    /// that of several batches a later one could be written first, and the first one never.
    pub(super) known_as: Option<ProducerId>,
    /// A batch with a sequence has failed for good: the numbers must begin anew in another epoch.
    has_gap: bool,
    /// In whose list of ready partitions it stands.
    pub(super) queued_at: Option<BrokerId>,
    pub(super) timer: Option<Instant>,
}

#[derive(Debug)]
struct InFlight {
    batch: u64,
    broker: BrokerId,
    deadline: Instant,
    completion: Arc<Completion>,
    records: i32,
    last_error: Option<Error>,
    /// Whether it was sent before.
    is_retry: bool,
    /// Its records have failed already, because time has run out.
    is_abandoned: bool,
}

/// Whether something can be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Readiness {
    /// There is nothing.
    Idle,
    Ready,
    /// Not before this time.
    At(Instant),
    /// Not before an answer.
    Blocked,
    NeedsLeader,
    NeedsIdentity,
}

/// What to do with a batch that has failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Retry,
    Fail,
}

impl Partition {
    pub(super) fn new(name: TopicPartition, leader: Option<BrokerId>) -> Self {
        Self {
            name,
            leader,
            in_flight: VecDeque::new(),
            retries: VecDeque::new(),
            retry_at: None,
            failures: 0,
            identity: None,
            next_sequence: 0,
            known_as: None,
            has_gap: false,
            queued_at: None,
            timer: None,
        }
    }

    /// Another broker leads it, which is worth an attempt at once.
    pub(super) fn move_to(&mut self, leader: Option<BrokerId>) {
        if self.leader != leader {
            self.leader = leader;
            self.retry_at = None;
            // Where it stands in the former leader's list, that does not count any more.
            self.queued_at = None;
        }
    }

    /// Whether something can be sent to the leader.
    pub(super) fn readiness(
        &self,
        head: Option<Head>,
        identity: &Identity,
        linger: Duration,
        max_in_flight: usize,
        now: Instant,
    ) -> Readiness {
        if self.retries.is_empty() && head.is_none() {
            return Readiness::Idle;
        }
        let Some(leader) = self.leader else { return Readiness::NeedsLeader };
        if let Some(first) = self.in_flight.front() {
            let has_moved = first.broker != leader;
            let is_stale = identity.known().is_some_and(|known| self.identity != Some(known));
            // Behind a batch that goes again nothing follows: the leader remembers the last five batches only, and would not
            // know that one any more if others were written in between.
            let is_unknown = self.identity.is_some_and(|(id, _)| self.known_as != Some(id));
            let waits = !self.retries.is_empty() || self.has_gap || first.is_retry || is_unknown;
            if has_moved || is_stale || waits || self.in_flight.len() >= max_in_flight {
                return Readiness::Blocked;
            }
        }
        let needs_stamp = self.next_retry().is_none_or(|next| self.retries[next].stamp.is_none());
        if needs_stamp && identity.known().is_none() && !matches!(identity, Identity::NotNeeded) {
            return Readiness::NeedsIdentity;
        }
        let at = match head {
            _ if !self.retries.is_empty() => self.retry_at.unwrap_or(now),
            Some(head) if !head.is_full => head.created + linger,
            _ => now,
        };
        if at <= now { Readiness::Ready } else { Readiness::At(at) }
    }

    /// Which retry is next: the first; but while the numbers have a gap, the first whose outcome must become known.
    fn next_retry(&self) -> Option<usize> {
        if self.has_gap
            && let Some(unknown) = self.retries.iter().position(|batch| batch.is_outcome_unknown)
        {
            return Some(unknown);
        }
        (!self.retries.is_empty()).then_some(0)
    }

    /// What the next batch takes in a request.
    pub(super) fn next_bytes(&self, head: Option<Head>) -> usize {
        match self.next_retry() {
            Some(next) => self.retries[next].size_bytes(),
            None => head.map_or(0, |head| head.bytes),
        }
    }

    /// The next batch to send, with its sequence.
    pub(super) fn take_next(
        &mut self,
        broker: BrokerId,
        source: &mut impl BatchSource,
        slot: usize,
        identity: &Identity,
        delivery_timeout: Duration,
    ) -> Option<Batch> {
        let mut batch = match self.next_retry() {
            Some(next) => self.retries.remove(next)?,
            None => source.take(slot)?,
        };
        if let (None, Some(known)) = (batch.stamp, identity.known()) {
            if self.identity != Some(known) {
                debug_assert!(self.in_flight.is_empty(), "an epoch ends before the next begins");
                self.identity = Some(known);
                self.next_sequence = 0;
            }
            let (producer_id, producer_epoch) = known;
            batch.stamp = Some(Stamp { producer_id, producer_epoch, base_sequence: self.next_sequence });
            self.next_sequence = increment_sequence(self.next_sequence, batch.record_count());
        }
        batch.attempts += 1;
        self.in_flight.push_back(InFlight {
            batch: batch.id,
            broker,
            deadline: batch.created + delivery_timeout,
            completion: Arc::clone(&batch.completion),
            records: batch.record_count(),
            last_error: batch.last_error.clone(),
            is_retry: batch.attempts > 1,
            is_abandoned: false,
        });
        Some(batch)
    }

    /// A batch was written.
    pub(super) fn succeeded(&mut self, batch: &Batch) {
        self.failures = 0;
        self.known_as = batch.stamp.map(|stamp| stamp.producer_id);
        self.remove(batch.id);
    }

    /// A batch was refused, or its outcome is unknown.
    pub(super) fn failed(&mut self, batch: &mut Batch, error: &Error, may_retry: bool) -> Verdict {
        let is_abandoned = self.remove(batch.id).is_some_and(|entry| entry.is_abandoned);
        let has_stamp = batch.stamp.is_some();
        batch.is_outcome_unknown |= error.is_outcome_unknown();
        let verdict = match error.code() {
            _ if is_abandoned => Verdict::Fail,
            Some(ResponseError::OutOfOrderSequenceNumber) if has_stamp => {
                // The leader knows the sequences before: had the batch been written, it would say so.
                batch.is_outcome_unknown = false;
                let is_behind_another = self.has_gap
                    || self.retries.front().is_some_and(|earlier| earlier.id < batch.id)
                    || self.in_flight.front().is_some_and(|earlier| earlier.batch < batch.id);
                if is_behind_another { Verdict::Retry } else { Verdict::Fail }
            }
            Some(ResponseError::UnknownProducerId) if has_stamp => {
                batch.is_outcome_unknown = false;
                self.has_gap = true;
                Verdict::Retry
            }
            _ if may_retry => Verdict::Retry,
            _ => Verdict::Fail,
        };
        self.has_gap |= has_stamp && verdict == Verdict::Fail;
        verdict
    }

    /// Puts two batches in the place of one that a broker finds too large, to go at once; gives their ids. `None` where it cannot be
    /// split, or may have been written by an earlier attempt, whose sequence numbers its parts would not have.
    pub(super) fn split(&mut self, batch: &mut Batch) -> Option<[(u64, Arc<Completion>); 2]> {
        let entry = self.in_flight.iter().find(|entry| entry.batch == batch.id)?;
        if entry.is_abandoned || batch.is_outcome_unknown {
            return None;
        }
        let parts = batch.split()?;
        self.remove(batch.id);
        let names = parts.each_ref().map(|part| (part.id, Arc::clone(&part.completion)));
        let at = self.retries.partition_point(|earlier| earlier.id < batch.id);
        if at == 0 {
            self.retry_at = None;
        }
        for (at, part) in (at..).zip(parts) {
            self.retries.insert(at, part);
        }
        Some(names)
    }

    /// Queues a batch to be sent again, behind those that were begun before it.
    pub(super) fn retry(&mut self, batch: Batch, backoff: Backoff, now: Instant, random: f64) {
        if self.retries.is_empty() {
            self.failures += 1;
            self.retry_at = Some(now + backoff.after(self.failures, random));
        }
        let at = self.retries.partition_point(|earlier| earlier.id < batch.id);
        self.retries.insert(at, batch);
    }

    /// Begins the numbers anew where they have a gap: in the next epoch, once nothing is under way and no outcome is unknown. A batch
    /// that may have been written must never get another number.
    pub(super) fn reset_if_possible(&mut self, identity: &mut Identity, is_fenced: bool) -> bool {
        let has_unknown = self.retries.iter().any(|batch| batch.is_outcome_unknown);
        if !self.has_gap || !self.in_flight.is_empty() || has_unknown {
            return false;
        }
        self.has_gap = false;
        if self.identity.is_some() && self.identity == identity.known() {
            if is_fenced {
                *identity = Identity::Unknown;
            } else {
                identity.bump();
            }
        }
        self.identity = None;
        self.retries.iter_mut().for_each(|batch| batch.stamp = None);
        true
    }

    /// The numbers begin anew with the next transaction, whose epoch is another.
    pub(super) fn forget_gap(&mut self) {
        self.has_gap = false;
    }

    /// The records of batches under way whose time is over; the batches themselves come back later.
    pub(super) fn expire_in_flight(&mut self, now: Instant) -> Vec<(Arc<Completion>, i32, Option<Error>)> {
        let late = self.in_flight.iter_mut().filter(|entry| !entry.is_abandoned && entry.deadline <= now);
        late.map(|entry| {
            entry.is_abandoned = true;
            (Arc::clone(&entry.completion), entry.records, entry.last_error.take())
        })
        .collect()
    }

    /// The first batch that waits to be sent again, if its time is over.
    pub(super) fn take_expired_retry(&mut self, now: Instant, timeout: Duration) -> Option<Batch> {
        let first = self.retries.front().filter(|batch| batch.created + timeout <= now)?;
        self.has_gap |= first.stamp.is_some();
        self.retries.pop_front()
    }

    /// All batches that wait to be sent again, because the producer cannot go on.
    pub(super) fn take_retries(&mut self) -> VecDeque<Batch> {
        std::mem::take(&mut self.retries)
    }

    /// The error of a batch whose time is over.
    pub(super) fn timed_out(&self, after: Duration, last: Option<Error>) -> Error {
        Error::DeliveryTimeout { partition: self.name.clone(), after, last: last.map(Box::new) }
    }

    /// When the first of its batches runs out of time.
    pub(super) fn first_deadline(&self, head: Option<Head>, timeout: Duration) -> Option<Instant> {
        let in_flight = self.in_flight.iter().find(|entry| !entry.is_abandoned).map(|entry| entry.deadline);
        let retry = self.retries.front().map(|batch| batch.created + timeout);
        let waiting = head.map(|head| head.created + timeout);
        [in_flight, retry, waiting].into_iter().flatten().min()
    }

    fn remove(&mut self, batch: u64) -> Option<InFlight> {
        let at = self.in_flight.iter().position(|entry| entry.batch == batch)?;
        self.in_flight.remove(at)
    }

    /// What must always hold.
    pub(super) fn check_invariants(&self) {
        let ids: Vec<u64> = self.retries.iter().map(|batch| batch.id).collect();
        assert!(ids.is_sorted(), "{}: retries in order: {ids:?}", self.name);
        let brokers: Vec<_> = self.in_flight.iter().map(|entry| entry.broker).collect();
        assert!(brokers.windows(2).all(|pair| pair[0] == pair[1]), "{}: one broker at a time", self.name);
    }
}
