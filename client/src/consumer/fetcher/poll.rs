//! What the user polls.

use medallion_wire::TopicPartition;
use tokio::time::Instant;

use super::event::{Lease, Settlement};
use super::partition::Phase;
use super::{Fetcher, Position};
use crate::error::Error;

impl Fetcher {
    /// Whether [`Fetcher::lease`] or [`Fetcher::take_error`] may have something.
    pub(crate) fn has_news(&self, now: Instant) -> bool {
        !self.ready.is_empty()
            || !self.errors.is_empty()
            || self.unsettled.iter().any(|one| {
                let state = self.partitions.get(one);
                state.is_some_and(|state| matches!(state.phase, Phase::Stopped(_)) && state.may_ask(now))
            })
    }

    /// Takes pieces of one partition out to be decoded: up to `items_max`, and until they hold `records_max` records.
    pub(crate) fn lease(&mut self, records_max: usize, items_max: usize) -> Option<Lease> {
        while let Some(partition) = self.ready.pop_front() {
            let Some(state) = self.partitions.get_mut(&partition) else { continue };
            state.is_queued = false;
            if !state.is_ready() || state.is_held() || state.is_leased {
                continue;
            }
            let (mut items, mut records) = (Vec::new(), 0);
            // The rest of a batch goes out alone: it has come before its turn.
            let items_max = if state.begins_with_rest() { 1 } else { items_max };
            while items.len() < items_max
                && records < records_max
                && let Some(item) = state.items.pop_front()
            {
                records += item.content.record_count();
                state.leased_bytes += item.bytes;
                items.push(item);
            }
            if items.is_empty() {
                continue;
            }
            state.is_leased = true;
            let (version, from) = (state.version, state.position);
            return Some(Lease { partition, from, items, version });
        }
        None
    }

    /// Takes back what was not used, and moves the position. False where the partition has been taken away or moved
    /// meanwhile: what was decoded must not be handed out then.
    pub(crate) fn settle(
        &mut self,
        partition: &TopicPartition,
        version: u64,
        settlement: Settlement,
    ) -> bool {
        let Some(state) = self.partitions.get_mut(partition) else { return false };
        if state.version != version {
            return false;
        }
        state.is_leased = false;
        let leased_bytes = std::mem::take(&mut state.leased_bytes);
        state.bytes -= leased_bytes;
        self.bytes -= leased_bytes;
        state.position = settlement.position;
        if self.policy.has_group {
            self.polled.push(partition.clone());
        }
        for item in settlement.rest.into_iter().rev() {
            state.bytes += item.bytes;
            self.bytes += item.bytes;
            state.items.push_front(item);
        }
        if let Some(error) = settlement.error {
            state.fetched = state.position;
            let version = self.next_version;
            self.next_version += 1;
            let phase = Phase::Stopped(error);
            self.bytes -= state.restart(version, phase.clone());
            self.set_phase(partition, phase);
        } else {
            self.enqueue(partition);
        }
        true
    }

    /// The user polls again, and is so done with what the last poll has returned.
    pub(crate) fn acknowledge(&mut self) {
        for partition in self.polled.drain(..) {
            if let Some(state) = self.partitions.get_mut(&partition) {
                state.done = Some(state.position);
            }
        }
    }

    /// What the user is done with and is not committed.
    pub(crate) fn to_commit(&self) -> Vec<(TopicPartition, Position)> {
        let done = self.partitions.iter().filter(|(_, state)| state.done != state.committed);
        done.filter_map(|(partition, state)| Some((partition.clone(), state.done?))).collect()
    }

    /// Where the user stands in all partitions in which that is known.
    pub(crate) fn positions(&self) -> Vec<(TopicPartition, Position)> {
        let known = self.partitions.keys().filter_map(|partition| {
            let position = self.position(partition).unwrap_or(None)?;
            Some((partition.clone(), position))
        });
        known.collect()
    }

    /// A position has been committed.
    pub(crate) fn committed(&mut self, partition: &TopicPartition, position: Position) {
        if let Some(state) = self.partitions.get_mut(partition) {
            state.committed = Some(position);
            // Who commits more than is done with, does not want the lesser behind it.
            state.done = state.done.filter(|done| done.offset > position.offset);
        }
    }

    /// What the user must know. A partition that stands is told of again after the longest backoff.
    pub(crate) fn take_error(&mut self, now: Instant) -> Option<Error> {
        if let Some(error) = self.errors.pop_front() {
            return Some(error);
        }
        for partition in &self.unsettled {
            let Some(state) = self.partitions.get_mut(partition) else { continue };
            let is_due = state.not_before.is_none_or(|at| at <= now);
            if let Phase::Stopped(error) = &state.phase
                && is_due
            {
                let at = now + self.policy.backoff.max.max(self.policy.backoff.first);
                state.not_before = Some(at);
                self.alarms.insert(at);
                return Some(error.clone());
            }
        }
        None
    }
}

impl Lease {
    /// Of which of the partition's lives it is.
    pub(crate) fn version(&self) -> u64 {
        self.version
    }
}
