//! What to fetch from whom, and where the user stands: a machine without I/O.
//!
//! Each assigned partition has a position, a phase ([`partition`]) and what was fetched of it and not polled yet. Each broker has a
//! session ([`session`]) and at most one request under way, while what came before is polled. User calls and events change
//! the state; [`Fetcher::commands`] then says all that is to be done ([`ask`]). What comes back too late belongs to an older version
//! of its partition and is thrown away ([`answers`]). Batches are taken out to be decoded, and settled ([`poll`]).

mod answer_size;
mod answers;
mod ask;
mod event;
mod group;
mod partition;
mod poll;
mod session;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use medallion_wire::{BrokerId, TopicId, TopicPartition};
use tokio::time::Instant;

pub(crate) use event::{
    Command, Content, Event, FetchAnswer, Item, Lease, PartitionAnswer, Question, Settlement, Watermarks,
};
pub(crate) use session::SessionRequest;

use super::position::{Place, Position};
use crate::backoff::Backoff;
use crate::config::OffsetReset;
use crate::error::Error;
use crate::metadata::Cluster;
use answer_size::{AnswerSize, Sharing};
use partition::{Leader, Partition, Phase};
use session::Session;

/// How many errors may wait to be polled. More say nothing new: what lasts is told again.
const ERRORS_MAX: usize = 100;

/// The settings that it goes by.
#[derive(Debug, Clone)]
pub(crate) struct Policy {
    /// `auto.offset.reset`.
    pub(crate) reset: OffsetReset,
    /// Whether partitions begin where their group has committed.
    pub(crate) has_group: bool,
    /// `max.partition.fetch.bytes`. Where many of a broker's partitions have records waiting they are asked for less each; with a quarter of
    /// that waiting, no more of a partition is fetched.
    pub(crate) partition_bytes_max: usize,
    /// `fetch.max.bytes`.
    pub(crate) fetch_bytes_max: i32,
    /// `fetch.max.wait.ms`.
    pub(crate) fetch_max_wait: Duration,
    /// `queued.max.messages.kbytes`: what may wait in all.
    pub(crate) bytes_max: usize,
    /// `metadata.max.age.ms`: for how long a preferred replica is used before the leader is asked again.
    pub(crate) preferred_age: Duration,
    pub(crate) backoff: Backoff,
}

/// The machine.
#[derive(Debug)]
pub(crate) struct Fetcher {
    policy: Policy,
    partitions: BTreeMap<TopicPartition, Partition>,
    /// Those that are not ready.
    unsettled: BTreeSet<TopicPartition>,
    /// Those that have something to poll, in the order in which they are polled.
    ready: VecDeque<TopicPartition>,
    brokers: BTreeMap<BrokerId, Broker>,
    live: BTreeSet<BrokerId>,
    /// What waits to be polled.
    bytes: usize,
    next_version: u64,
    errors: VecDeque<Error>,
    wants_metadata: bool,
    /// What the last poll has returned.
    polled: Vec<TopicPartition>,
    /// Times at which something may become possible.
    alarms: BTreeSet<Instant>,
}

/// A broker that partitions are fetched from.
#[derive(Debug, Default)]
struct Broker {
    session: Session,
    /// Since when a request is under way.
    asked_at: Option<Instant>,
    answer_size: AnswerSize,
    /// Among how many of its partitions what may wait is shared.
    sharing: Sharing,
    /// The largest batch that has come from it.
    batch_bytes_max: usize,
    failures: u32,
    not_before: Option<Instant>,
}

impl Fetcher {
    pub(crate) fn new(policy: Policy) -> Self {
        Self {
            policy,
            partitions: BTreeMap::new(),
            unsettled: BTreeSet::new(),
            ready: VecDeque::new(),
            brokers: BTreeMap::new(),
            live: BTreeSet::new(),
            bytes: 0,
            next_version: 1,
            errors: VecDeque::new(),
            wants_metadata: false,
            polled: Vec::new(),
            alarms: BTreeSet::new(),
        }
    }

    /// Takes an event; `random` is from 0 to 1.
    pub(crate) fn handle(&mut self, event: Event, now: Instant, random: f64) {
        match event {
            Event::Fetched { broker, outcome } => self.take_fetched(broker, outcome, now, random),
            Event::Placed { question, outcome } => self.take_place(question, outcome, now, random),
            Event::Committed { question, outcome } => self.take_committed(&question, outcome, now, random),
            Event::Validated { question, outcome } => self.take_validated(&question, outcome, now, random),
        }
    }

    /// Assigns these partitions and no others. Those that were assigned before go on where they are.
    pub(crate) fn assign(&mut self, partitions: &BTreeSet<TopicPartition>) {
        let gone: Vec<_> = self.partitions.keys().filter(|one| !partitions.contains(*one)).cloned().collect();
        for partition in gone {
            self.remove(&partition);
        }
        for partition in partitions {
            if let Some(state) = self.partitions.get_mut(partition) {
                (state.is_of_group, state.is_frozen) = (false, false);
                self.enqueue(partition);
            } else {
                self.add(partition);
            }
        }
    }

    fn add(&mut self, partition: &TopicPartition) {
        let phase = match Place::of(self.policy.reset) {
            _ if self.policy.has_group => Phase::Committed,
            Some(place) => Phase::Place(place),
            None => Phase::Stopped(Error::NoOffset { partition: partition.clone() }),
        };
        let version = self.version();
        self.partitions.insert(partition.clone(), Partition::new(version, phase));
        self.unsettled.insert(partition.clone());
        self.wants_metadata = true;
    }

    fn remove(&mut self, partition: &TopicPartition) {
        self.unsettled.remove(partition);
        self.bytes -= self.partitions.remove(partition).map_or(0, |state| state.bytes);
    }

    /// The assigned partitions.
    pub(crate) fn assignment(&self) -> impl Iterator<Item = &TopicPartition> {
        self.partitions.keys()
    }

    /// The topics of the assigned partitions, each once.
    pub(crate) fn topics(&self) -> impl Iterator<Item = &Arc<str>> {
        let mut last = None;
        let topics = self.partitions.keys().map(|partition| &partition.topic);
        topics.filter(move |topic| last.replace(*topic) != Some(*topic))
    }

    /// Goes to a known position.
    pub(crate) fn seek(&mut self, partition: &TopicPartition, position: Position) -> Result<(), Error> {
        self.restart(partition, |state, version| state.restart_at(version, position))
    }

    /// Goes to a place that has to be asked for.
    pub(crate) fn seek_to(&mut self, partition: &TopicPartition, place: Place) -> Result<(), Error> {
        self.restart(partition, |state, version| state.restart(version, Phase::Place(place)))
    }

    /// Neither fetches nor hands out, until told otherwise. What was fetched is kept.
    pub(crate) fn pause(&mut self, partition: &TopicPartition, is_paused: bool) -> Result<(), Error> {
        let state = self.partitions.get_mut(partition).ok_or_else(|| not_assigned(partition))?;
        state.is_paused = is_paused;
        self.enqueue(partition);
        Ok(())
    }

    /// The partitions that are paused.
    pub(crate) fn paused(&self) -> impl Iterator<Item = &TopicPartition> {
        self.partitions.iter().filter(|(_, state)| state.is_paused).map(|(partition, _)| partition)
    }

    /// Where the user stands; `None` while that is asked.
    pub(crate) fn position(&self, partition: &TopicPartition) -> Result<Option<Position>, Error> {
        let state = self.partitions.get(partition).ok_or_else(|| not_assigned(partition))?;
        match &state.phase {
            Phase::Committed | Phase::Place(_) => Ok(None),
            Phase::Validate | Phase::Ready => Ok(Some(state.position)),
            Phase::Stopped(error) => Err(error.clone()),
        }
    }

    /// What the leader has told last, with the user's position where that is known.
    pub(crate) fn watermarks(
        &self,
        partition: &TopicPartition,
    ) -> Result<(Watermarks, Option<Position>), Error> {
        let state = self.partitions.get(partition).ok_or_else(|| not_assigned(partition))?;
        Ok((state.watermarks, self.position(partition).unwrap_or(None)))
    }

    /// Who leads what, as the cluster says now.
    pub(crate) fn learn(&mut self, cluster: &Cluster) {
        self.live = cluster.brokers.keys().copied().collect();
        self.brokers.retain(|id, broker| broker.asked_at.is_some() || self.live.contains(id));
        let (mut changed, mut untold) = (Vec::new(), Vec::new());
        for (partition, state) in &mut self.partitions {
            let topic = cluster.topic(&partition.topic);
            let known = topic.and_then(|topic| topic.partition(partition.partition));
            let leader = known.and_then(|one| Some(Leader { id: one.leader?, epoch: one.leader_epoch }));
            let topic_id = topic.map(|topic| topic.id).unwrap_or_default();
            self.wants_metadata |= leader.is_none();
            if known.is_some() {
                state.is_reported = false;
            } else if let Some(error) = topic.and_then(|topic| missing(topic, partition))
                && !std::mem::replace(&mut state.is_reported, true)
            {
                untold.push(error);
            }
            if leader.is_some() && (leader != state.leader || topic_id != state.topic_id) {
                changed.push((partition.clone(), leader, topic_id));
            }
        }
        for error in untold {
            self.report(error);
        }
        for (partition, leader, topic_id) in changed {
            self.take_leader(&partition, leader, topic_id);
        }
    }

    fn take_leader(&mut self, partition: &TopicPartition, leader: Option<Leader>, topic_id: TopicId) {
        let version = self.version();
        let Some(state) = self.partitions.get_mut(partition) else { return };
        let was_recreated = !state.topic_id.is_none() && state.topic_id != topic_id;
        let has_new_epoch = state.leader.map(|one| one.epoch) != leader.map(|one| one.epoch);
        let has_position = matches!(state.phase, Phase::Ready | Phase::Validate);
        (state.leader, state.topic_id, state.preferred) = (leader, topic_id, None);
        (state.not_before, state.failures) = (None, 0);
        if was_recreated && has_position {
            // Records and epochs of another topic of the same name mean nothing.
            state.position.leader_epoch = None;
            state.fetched = state.position;
            self.bytes -= state.restart(version, Phase::Ready);
            self.set_phase(partition, Phase::Ready);
        } else if has_new_epoch || was_recreated {
            // What the old leader was asked is answered to nobody: answers are compared by epoch.
            state.is_asked = false;
            if has_position {
                let phase = state.phase_at_leader();
                self.set_phase(partition, phase);
            }
        }
    }

    fn restart(
        &mut self,
        partition: &TopicPartition,
        restart: impl FnOnce(&mut Partition, u64) -> usize,
    ) -> Result<(), Error> {
        let version = self.version();
        let state = self.partitions.get_mut(partition).ok_or_else(|| not_assigned(partition))?;
        self.bytes -= restart(state, version);
        let phase = state.phase.clone();
        self.set_phase(partition, phase);
        Ok(())
    }

    fn set_phase(&mut self, partition: &TopicPartition, phase: Phase) {
        let Some(state) = self.partitions.get_mut(partition) else { return };
        state.phase = phase;
        if state.is_ready() {
            self.unsettled.remove(partition);
            self.enqueue(partition);
        } else {
            self.unsettled.insert(partition.clone());
        }
    }

    /// Puts a partition among those that have something to poll, if it has.
    fn enqueue(&mut self, partition: &TopicPartition) {
        let Some(state) = self.partitions.get_mut(partition) else { return };
        let has_something = state.is_ready() && !state.is_held() && !state.items.is_empty();
        if has_something && !state.is_leased && !state.is_queued {
            state.is_queued = true;
            // A batch that was polled in part is decompressed: it is polled to its end before another is.
            if state.begins_with_rest() {
                self.ready.push_front(partition.clone());
            } else {
                self.ready.push_back(partition.clone());
            }
        }
    }

    /// Keeps an error for the user.
    pub(crate) fn report(&mut self, error: Error) {
        if self.errors.len() < ERRORS_MAX {
            self.errors.push_back(error);
        }
    }

    fn version(&mut self) -> u64 {
        self.next_version += 1;
        self.next_version - 1
    }

    /// What waits to be polled.
    pub(crate) fn buffered_bytes(&self) -> usize {
        self.bytes
    }

    /// The sessions that brokers keep.
    pub(crate) fn sessions(&self) -> impl Iterator<Item = (BrokerId, i32)> {
        self.brokers.iter().filter_map(|(id, broker)| Some((*id, broker.session.id()?)))
    }

    /// What must always hold.
    #[cfg(test)]
    fn check_invariants(&self) {
        let mut bytes = 0;
        for (partition, state) in &self.partitions {
            assert_eq!(!state.is_ready(), self.unsettled.contains(partition), "{partition}: {state:?}");
            let held = state.items.iter().map(|item| item.bytes).sum::<usize>() + state.leased_bytes;
            assert_eq!(state.bytes, held, "{partition}: bytes are counted with their items");
            bytes += held;
            assert!(state.position.offset <= state.fetched.offset, "{partition}: {state:?}");
            if let Some(last) = state.items.back() {
                assert_eq!(last.next, state.fetched, "{partition}: items end where fetching goes on");
            }
            let is_waiting = state.is_ready() && !state.is_held() && !state.items.is_empty();
            assert!(!is_waiting || state.is_queued || state.is_leased, "{partition} would never be polled");
        }
        assert_eq!(self.bytes, bytes, "all bytes are counted");
        assert!(self.unsettled.iter().all(|one| self.partitions.contains_key(one)));
    }
}

fn not_assigned(partition: &TopicPartition) -> Error {
    Error::NotAssigned { partition: partition.clone() }
}

/// Why a partition of a topic that something is known of is not there, where waiting alone does not help.
fn missing(topic: &crate::metadata::Topic, partition: &TopicPartition) -> Option<Error> {
    if topic.is_known() {
        let count = topic.partitions.len();
        return Some(Error::UnknownPartition { partition: partition.clone(), count });
    }
    let code = topic.error?.code();
    let error = Error::check(code, || format!("topic {}", partition.topic), None).err()?;
    Some(error).filter(|error| !error.is_retriable())
}
