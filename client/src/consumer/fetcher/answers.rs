//! What comes back from brokers.

use std::time::Duration;

use medallion_wire::{BrokerId, LeaderEpoch, ResponseError, TopicPartition};
use tokio::time::Instant;

use super::event::{Content, FetchAnswer, PartitionAnswer, Question};
use super::partition::Phase;
use super::{Broker, Fetcher, Place, Policy, Position};
use crate::error::Error;

impl Broker {
    /// Learns from what has come how much to ask for.
    fn note_size(&mut self, answer: &FetchAnswer, after: Duration, policy: &Policy) {
        let partition_bytes_max = self.partition_bytes_max(policy);
        let (mut bytes, mut was_more) = (0, false);
        for (_, partition) in &answer.partitions {
            let of_partition: usize = partition.items.iter().map(|item| item.bytes).sum();
            let largest = partition.items.iter().map(|item| item.bytes).max().unwrap_or(0);
            self.batch_bytes_max = self.batch_bytes_max.max(largest);
            bytes += of_partition;
            was_more |= of_partition >= partition_bytes_max.max(2) / 2;
        }
        self.answer_size.note(bytes, was_more, after);
    }
}

impl Fetcher {
    pub(super) fn take_fetched(
        &mut self,
        id: BrokerId,
        outcome: Result<FetchAnswer, Error>,
        now: Instant,
        random: f64,
    ) {
        let Some(broker) = self.brokers.get_mut(&id) else { return };
        let asked_at = broker.asked_at.take().unwrap_or(now);
        let error = match outcome {
            Ok(answer) if answer.error.is_none() => {
                broker.session.answered(answer.session_id);
                (broker.failures, broker.not_before) = (0, None);
                broker.note_size(&answer, now.duration_since(asked_at), &self.policy);
                for (partition, answer) in answer.partitions {
                    self.take_partition(id, &partition, answer, now, random);
                }
                return;
            }
            Ok(answer) => {
                let code = answer.error.map_or(0, |error| error.code());
                if answer.error == Some(ResponseError::FetchSessionIdNotFound) {
                    broker.session.lost();
                } else {
                    broker.session.failed();
                }
                if is_about_session(answer.error) {
                    return;
                }
                Error::check(code, || format!("fetching from broker {id}"), None).err()
            }
            Err(error) => {
                broker.session.failed();
                Some(error)
            }
        };
        broker.failures += 1;
        let at = now + self.policy.backoff.after(broker.failures, random);
        broker.not_before = Some(at);
        for state in self.partitions.values_mut() {
            // A follower that cannot be asked is no help: back to the leader.
            state.preferred = state.preferred.filter(|(preferred, _)| *preferred != id);
        }
        self.alarms.insert(at);
        self.wants_metadata = true;
        // What does not pass by itself is the user's.
        if let Some(error) = error.filter(|error| !error.is_retriable()) {
            self.report(error);
        }
    }

    fn take_partition(
        &mut self,
        broker: BrokerId,
        partition: &TopicPartition,
        answer: PartitionAnswer,
        now: Instant,
        random: f64,
    ) {
        let asked = self.brokers.get(&broker).and_then(|broker| broker.session.asked(partition));
        let (Some(asked), Some(state)) = (asked, self.partitions.get_mut(partition)) else { return };
        let is_current = asked.version == state.version
            && asked.offset == state.fetched.offset
            && asked.topic_id == state.topic_id
            && state.is_led_in(asked.current_leader_epoch);
        if !is_current || !state.is_ready() || state.is_broken {
            return;
        }
        if let Some(error) = answer.error {
            self.take_refusal(broker, partition, error, now, random);
            return;
        }
        state.failures = 0;
        state.watermarks.update(answer.watermarks);
        if let Some(preferred) = answer.preferred {
            let until = now + self.policy.preferred_age;
            state.preferred = Some((preferred, until));
            // One that metadata does not have now can only be asked later.
            if !self.live.contains(&preferred) {
                self.wants_metadata = true;
                return self.retry_later(partition, now, random);
            }
        }
        for mut item in answer.items {
            let is_broken = matches!(item.content, Content::Broken(_));
            if item.next.offset <= state.fetched.offset && !is_broken {
                continue;
            }
            if is_broken {
                item.next = state.fetched;
            }
            state.bytes += item.bytes;
            self.bytes += item.bytes;
            state.is_broken = is_broken;
            state.fetched = item.next;
            state.items.push_back(item);
        }
        self.enqueue(partition);
    }

    /// A broker refuses a partition (`FetchCollector.handleInitializeErrors`).
    fn take_refusal(
        &mut self,
        broker: BrokerId,
        partition: &TopicPartition,
        error: ResponseError,
        now: Instant,
        random: f64,
    ) {
        let Some(state) = self.partitions.get_mut(partition) else { return };
        let from_leader = state.leader.is_some_and(|leader| leader.id == broker);
        let (was_preferred, offset) = (state.preferred.take().is_some(), state.fetched.offset);
        if error == ResponseError::OffsetOutOfRange {
            if was_preferred || !from_leader {
                // A follower may be behind: the leader decides.
                return self.retry_later(partition, now, random);
            }
            if state.items.is_empty() && !state.is_leased {
                let error = Error::OffsetOutOfRange { partition: partition.clone(), offset };
                return self.reset(partition, error);
            }
            // What was fetched comes first.
            return self.retry_later(partition, now, random);
        }
        let error = Error::check(error.code(), || partition.to_string(), None).err();
        if let Some(error) = error.filter(|error| !error.is_retriable()) {
            self.report(error);
        }
        self.wants_metadata = true;
        self.retry_later(partition, now, random);
    }

    pub(super) fn take_place(
        &mut self,
        question: Question<Place>,
        outcome: Result<Option<Position>, Error>,
        now: Instant,
        random: f64,
    ) {
        let partition = &question.partition;
        let Some(state) = self.partitions.get_mut(partition) else { return };
        let is_current = state.version == question.version && state.is_led_in(question.current_leader_epoch);
        if !is_current || !matches!(state.phase, Phase::Place(_)) {
            return;
        }
        state.is_asked = false;
        match outcome {
            Ok(Some(position)) => {
                (state.position, state.fetched) = (position, position);
                state.failures = 0;
                self.set_phase(partition, Phase::Ready);
            }
            // No record is late enough: the next one will be.
            Ok(None) => self.set_phase(partition, Phase::Place(Place::Latest)),
            Err(error) => self.take_failure(partition, error, now, random),
        }
    }

    pub(super) fn take_committed(
        &mut self,
        question: &Question<()>,
        outcome: Result<Option<Position>, Error>,
        now: Instant,
        random: f64,
    ) {
        let (partition, version) = (&question.partition, self.version());
        let Some(state) = self.partitions.get_mut(partition) else { return };
        if state.version != question.version || !matches!(state.phase, Phase::Committed) {
            return;
        }
        state.is_asked = false;
        match outcome {
            Ok(Some(position)) => {
                state.committed = Some(position);
                self.bytes -= state.restart_at(version, position);
                let phase = state.phase.clone();
                self.set_phase(partition, phase);
            }
            Ok(None) => self.reset(partition, Error::NoOffset { partition: partition.clone() }),
            Err(error) => self.take_failure(partition, error, now, random),
        }
    }

    pub(super) fn take_validated(
        &mut self,
        question: &Question<LeaderEpoch>,
        outcome: Result<Option<Position>, Error>,
        now: Instant,
        random: f64,
    ) {
        let partition = &question.partition;
        let Some(state) = self.partitions.get_mut(partition) else { return };
        let is_current = state.version == question.version && state.is_led_in(question.current_leader_epoch);
        if !is_current || !matches!(state.phase, Phase::Validate) {
            return;
        }
        state.is_asked = false;
        match outcome {
            Ok(Some(end)) if end.offset >= state.fetched.offset => {
                state.failures = 0;
                self.set_phase(partition, Phase::Ready);
            }
            Ok(end) => self.take_truncation(partition, end),
            // A broker from before 2.0 knows no epochs.
            Err(Error::UnsupportedVersion { .. }) => self.set_phase(partition, Phase::Ready),
            Err(error) => self.take_failure(partition, error, now, random),
        }
    }

    /// Records that were fetched are not the leader's any more; from `end` on, where that is known.
    fn take_truncation(&mut self, partition: &TopicPartition, end: Option<Position>) {
        let version = self.version();
        let Some(state) = self.partitions.get_mut(partition) else { return };
        let position = state.position;
        if let Some(end) = end.filter(|end| end.offset >= position.offset) {
            // Nothing that was polled is lost.
            tracing::info!(%partition, diverging_offset = end.offset.get(), "fetched records were truncated");
            state.fetched = position;
            self.bytes -= state.restart(version, Phase::Ready);
            return self.set_phase(partition, Phase::Ready);
        }
        let diverging_offset = end.map(|end| end.offset);
        let error =
            Error::Truncated { partition: partition.clone(), offset: position.offset, diverging_offset };
        let Some(end) = end.filter(|_| Place::of(self.policy.reset).is_some()) else {
            return self.reset(partition, error);
        };
        tracing::warn!(%error, "going back to where the log diverges");
        (state.position, state.fetched) = (end, end);
        self.bytes -= state.restart(version, Phase::Ready);
        self.set_phase(partition, Phase::Ready);
    }

    fn take_failure(&mut self, partition: &TopicPartition, error: Error, now: Instant, random: f64) {
        self.wants_metadata = true;
        if error.is_retriable() {
            tracing::debug!(%partition, %error, "no offset");
        } else {
            self.report(error);
        }
        self.retry_later(partition, now, random);
    }

    /// Goes where `auto.offset.reset` leads, or stops with `error` where it leads nowhere.
    fn reset(&mut self, partition: &TopicPartition, error: Error) {
        let version = self.version();
        let Some(state) = self.partitions.get_mut(partition) else { return };
        let phase = match Place::of(self.policy.reset) {
            Some(place) => {
                tracing::info!(%error, ?place, "resetting the offset");
                Phase::Place(place)
            }
            None => Phase::Stopped(error),
        };
        state.fetched = state.position;
        self.bytes -= state.restart(version, phase.clone());
        self.set_phase(partition, phase);
    }

    fn retry_later(&mut self, partition: &TopicPartition, now: Instant, random: f64) {
        let Some(state) = self.partitions.get_mut(partition) else { return };
        state.failures += 1;
        let at = now + self.policy.backoff.after(state.failures, random);
        state.not_before = Some(at);
        self.alarms.insert(at);
    }
}

/// Whether a request failed for its session alone, so that it can go again at once.
fn is_about_session(error: Option<ResponseError>) -> bool {
    matches!(error, Some(ResponseError::FetchSessionIdNotFound | ResponseError::InvalidFetchSessionEpoch))
}
