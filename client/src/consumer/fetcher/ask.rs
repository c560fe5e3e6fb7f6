//! What is to be asked of whom.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use medallion_wire::{BrokerId, LeaderEpoch, TopicPartition};
use tokio::time::Instant;

use super::partition::{Partition, Phase};
use super::session::{Asked, SessionRequest};
use super::{Broker, Command, Fetcher, Policy, Question};

/// Below so much room nothing is fetched: small answers cost as much as large ones.
const ROOM_BYTES_MIN: usize = 64 << 10;

/// What an answer may have for each partition that is asked for, at least: a question about a thousand costs much more than one about ten.
const WORTH_BYTES_MIN: usize = 8 << 10;

/// A partition is fetched again when less than this part of what may be asked of it waits to be polled.
const REFETCH_SHARE: usize = 4;

/// How long a broker may hold an answer back at least while some of its partitions are left out of the question.
const SHORT_WAIT: Duration = Duration::from_millis(2);

/// The answer is to come within this part of the time for which a partition has been full. Who polls fast waits no longer than that for
/// what could be fetched; who polls slowly does not have the broker asked all the time.
const SHARE_OF_FULL_TIME: u32 = 8;

impl Broker {
    /// What it may be asked for of a partition. Not less than a batch: of all but the first partition it would answer nothing then.
    pub(super) fn partition_bytes_max(&self, policy: &Policy) -> usize {
        let share = self.answer_size.partition_bytes_max(self.sharing);
        share.max(self.batch_bytes_max).min(policy.partition_bytes_max)
    }
    /// The next request for these partitions, and the most bytes of its answer.
    fn question(
        &mut self,
        mut partitions: BTreeMap<TopicPartition, Asked>,
        share: usize,
        policy: &Policy,
    ) -> (SessionRequest, i32) {
        let partition_max = self.partition_bytes_max(policy);
        for asked in partitions.values_mut() {
            asked.bytes_max = partition_max;
        }
        let worth_asking = partitions.len().saturating_mul(WORTH_BYTES_MIN);
        let answer_max = self.answer_size.bytes_max().max(partition_max).max(worth_asking).min(share);
        let bytes_max = i32::try_from(answer_max).unwrap_or(i32::MAX).min(policy.fetch_bytes_max);
        (self.session.request(partitions), bytes_max)
    }
}

impl Fetcher {
    /// All that is to be done now.
    pub(crate) fn commands(&mut self, now: Instant) -> Vec<Command> {
        self.alarms = self.alarms.split_off(&now);
        self.alarms.remove(&now);
        let mut commands = Vec::new();
        self.ask_offsets(now, &mut commands);
        self.fetch(now, &mut commands);
        if std::mem::take(&mut self.wants_metadata) {
            commands.push(Command::RefreshMetadata);
        }
        commands
    }

    /// When to ask for commands again though nothing has happened.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.alarms.first().copied()
    }

    /// Positions to look for and to validate, together for each leader.
    fn ask_offsets(&mut self, now: Instant, commands: &mut Vec<Command>) {
        let mut committed = Vec::new();
        let (mut places, mut epochs) = (BTreeMap::<_, Vec<_>>::new(), BTreeMap::<_, Vec<_>>::new());
        for partition in &self.unsettled {
            let Some(state) = self.partitions.get_mut(partition).filter(|state| state.may_ask(now)) else {
                continue;
            };
            if matches!(state.phase, Phase::Committed) {
                state.is_asked = true;
                committed.push(Question {
                    partition: partition.clone(),
                    current_leader_epoch: LeaderEpoch::NONE,
                    about: (),
                    version: state.version,
                });
                continue;
            }
            let Some(leader) = state.leader else { continue };
            match (&state.phase, state.fetched.leader_epoch) {
                (Phase::Place(place), _) => {
                    places.entry(leader.id).or_default().push(Question {
                        partition: partition.clone(),
                        current_leader_epoch: leader.epoch,
                        about: *place,
                        version: state.version,
                    });
                }
                (Phase::Validate, Some(epoch)) => {
                    epochs.entry(leader.id).or_default().push(Question {
                        partition: partition.clone(),
                        current_leader_epoch: leader.epoch,
                        about: epoch,
                        version: state.version,
                    });
                }
                _ => continue,
            }
            state.is_asked = true;
        }
        if !committed.is_empty() {
            commands.push(Command::Committed { questions: committed });
        }
        commands.extend(places.into_iter().map(|(broker, questions)| Command::Place { broker, questions }));
        commands
            .extend(epochs.into_iter().map(|(broker, questions)| Command::Validate { broker, questions }));
    }

    fn fetch(&mut self, now: Instant, commands: &mut Vec<Command>) {
        let is_free = |id: &BrokerId| {
            let broker = self.brokers.get(id);
            broker.is_none_or(|one| one.asked_at.is_none() && one.not_before.is_none_or(|at| at <= now))
        };
        let free: Vec<BrokerId> = self.live.iter().copied().filter(|id| is_free(id)).collect();
        if free.is_empty() {
            return;
        }
        let room = self.room();
        if room < ROOM_BYTES_MIN.min(self.policy.bytes_max / 4) {
            return;
        }
        let mut wanted: BTreeMap<BrokerId, BTreeMap<TopicPartition, Asked>> = BTreeMap::new();
        let (mut sources, mut max_waits) = (BTreeSet::new(), BTreeMap::new());
        let mut waiting: BTreeMap<BrokerId, usize> = BTreeMap::new();
        for (partition, state) in &mut self.partitions {
            let Some(source) = source(state, &self.live, now) else { continue };
            *waiting.entry(source).or_default() += usize::from(state.bytes > 0);
            let has_room = self.brokers.get(&source).is_none_or(|broker| {
                let bytes_max = broker.partition_bytes_max(&self.policy) / REFETCH_SHARE;
                state.has_room(bytes_max, broker.sharing.is_among_many())
            });
            if !has_room {
                let full_for = now.duration_since(*state.full_since.get_or_insert(now));
                let max_wait = (full_for / SHARE_OF_FULL_TIME).max(SHORT_WAIT);
                let shortest = max_waits.entry(source).or_insert(self.policy.fetch_max_wait);
                *shortest = (*shortest).min(max_wait);
                continue;
            }
            state.full_since = None;
            sources.insert(source);
            let Some(leader) = state.leader else { continue };
            if free.contains(&source) {
                let asked = Asked {
                    topic_id: state.topic_id,
                    offset: state.fetched.offset,
                    current_leader_epoch: leader.epoch,
                    bytes_max: self.policy.partition_bytes_max,
                    version: state.version,
                };
                wanted.entry(source).or_default().insert(partition.clone(), asked);
            }
        }
        // Every broker gets its share, so that none of them starves while another waits for records.
        let share = room / sources.len().max(1);
        for (id, partitions) in wanted {
            let broker = self.brokers.entry(id).or_default();
            broker.asked_at = Some(now);
            broker.sharing.note(waiting.get(&id).copied().unwrap_or(0));
            let (request, bytes_max) = broker.question(partitions, share, &self.policy);
            let max_wait = max_waits.get(&id).copied().unwrap_or(self.policy.fetch_max_wait);
            commands.push(Command::Fetch { broker: id, request, bytes_max, max_wait });
        }
    }

    /// What may be fetched in all. What waits of partitions that are held does not count: nobody polls it, and those that go on would
    /// stand for good.
    fn room(&self) -> usize {
        let held = self.partitions.values().filter(|state| state.is_held()).map(|state| state.bytes);
        self.policy.bytes_max.saturating_sub(self.bytes - held.sum::<usize>())
    }
}

/// Who a partition is to be fetched from now, if it is and once it has room.
fn source(state: &mut Partition, live: &BTreeSet<BrokerId>, now: Instant) -> Option<BrokerId> {
    if !state.is_ready() || state.is_held() || state.is_broken || !state.may_ask(now) {
        return None;
    }
    let leader = state.leader?;
    state.preferred = state.preferred.filter(|(id, until)| *until > now && live.contains(id));
    let source = state.preferred.map_or(leader.id, |(id, _)| id);
    live.contains(&source).then_some(source)
}
