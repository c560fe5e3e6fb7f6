//! What a producer's handles and tasks share.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use arc_swap::ArcSwap;
use medallion_wire::{PartitionIndex, TopicPartition};
use parking_lot::Mutex;

use super::accumulator::{Accumulator, Slot};
use super::fence::Fence;
use super::interceptor::ProducerInterceptor;
use super::metrics::Counters;
use super::partitioner::{SharedPartitioner, Sticky, pick};
use super::transaction::Transactions;
use crate::client::Client;
use crate::config::ProducerSettings;
use crate::metadata::Topic;

/// The queues of a topic's partitions.
pub(super) struct TopicQueues {
    pub(super) name: Arc<str>,
    pub(super) slots: Vec<Arc<Slot>>,
    pub(super) sticky: Sticky,
    /// Whether something was sent since this was looked at last.
    pub(super) is_used: AtomicBool,
}

impl TopicQueues {
    /// A partition at random, where `adaptive` less often one with a long queue.
    pub(super) fn pick(&self, adaptive: bool) -> usize {
        pick(self.slots.len(), adaptive, |index| self.slots[index].load(), |below| fastrand::usize(..below))
    }
}

type Topics = HashMap<Arc<str>, Arc<TopicQueues>>;

/// Everything but the handle itself.
pub(super) struct Shared {
    pub(super) client: Client,
    pub(super) settings: ProducerSettings,
    pub(super) accumulator: Accumulator,
    pub(super) topics: ArcSwap<Topics>,
    /// Held while a table of topics is exchanged.
    changing_topics: Mutex<()>,
    pub(super) partitioner: SharedPartitioner,
    pub(super) interceptors: Vec<Arc<dyn ProducerInterceptor>>,
    pub(super) counters: Counters,
    /// `None` for a producer that fences nobody.
    pub(super) fence: Option<Fence>,
    /// `None` without `transactional.id`.
    pub(super) transactions: Option<Transactions>,
    /// How many wait for all batches to end.
    pub(super) flushing: AtomicUsize,
}

impl Shared {
    pub(super) fn new(
        client: Client,
        settings: ProducerSettings,
        accumulator: Accumulator,
        partitioner: SharedPartitioner,
        interceptors: Vec<Arc<dyn ProducerInterceptor>>,
        fence: Option<Arc<str>>,
    ) -> Self {
        let id = settings.transactional_id.as_deref();
        let transactions = id.map(|id| Transactions::new(id, &settings));
        Self {
            fence: fence.map(|name| Fence::new(&name, &settings)),
            transactions,
            client,
            settings,
            accumulator,
            topics: ArcSwap::default(),
            changing_topics: Mutex::default(),
            partitioner,
            interceptors,
            counters: Counters::default(),
            flushing: AtomicUsize::new(0),
        }
    }

    /// Makes queues for a topic, or for partitions that it has got since.
    pub(super) fn add_topic(&self, topic: &Topic) {
        let _changing = self.changing_topics.lock();
        let topics = self.topics.load();
        let known = topics.get(&topic.name);
        let known_slots = known.map_or(&[][..], |known| &known.slots);
        if topic.partitions.len() <= known_slots.len() {
            return;
        }
        let mut slots = known_slots.to_vec();
        for partition in &topic.partitions[slots.len()..] {
            let name = TopicPartition::new(Arc::clone(&topic.name), partition.index);
            slots.push(self.accumulator.add_slot(name, partition.leader.is_some()));
        }
        let sticky = Sticky::starting_at(fastrand::usize(..slots.len()));
        let name = Arc::clone(&topic.name);
        let queues = TopicQueues { name, slots, sticky, is_used: AtomicBool::new(true) };
        let mut next = Topics::clone(&topics);
        next.insert(Arc::clone(&topic.name), Arc::new(queues));
        self.topics.store(Arc::new(next));
    }

    pub(super) fn is_flushing(&self) -> bool {
        self.flushing.load(Ordering::Acquire) > 0 || self.accumulator.is_closed()
    }
}

/// The place of a partition in its topic.
pub(super) fn position(partition: PartitionIndex) -> usize {
    usize::try_from(partition.get()).unwrap_or(usize::MAX)
}
