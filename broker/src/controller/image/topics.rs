//! Topics and their partitions.

use std::sync::Arc;

use imbl::{HashMap, OrdMap};
use medallion_wire::types::{LeaderEpoch, PartitionIndex, TopicId, Uuid};

/// The leader of a partition that has none.
pub(crate) const NO_LEADER: i32 = -1;

/// All topics, by name and by id.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct TopicsImage {
    by_id: HashMap<TopicId, Arc<TopicImage>>,
    by_name: OrdMap<Arc<str>, TopicId>,
}

impl TopicsImage {
    /// A topic by name.
    pub(crate) fn by_name(&self, name: &str) -> Option<&Arc<TopicImage>> {
        self.by_id.get(self.by_name.get(name)?)
    }

    /// A topic by id.
    pub(crate) fn by_id(&self, id: TopicId) -> Option<&Arc<TopicImage>> {
        self.by_id.get(&id)
    }

    /// One partition of a topic.
    pub(crate) fn partition(
        &self,
        id: TopicId,
        partition: PartitionIndex,
    ) -> Option<&Arc<PartitionRegistration>> {
        self.by_id.get(&id)?.partitions.get(&partition)
    }

    /// All topics in the order of their names.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<TopicImage>> {
        self.by_name.values().filter_map(|id| self.by_id.get(id))
    }

    /// The names from `first` on (inclusive), in order; for paged listings.
    pub(crate) fn iter_from(&self, first: &str) -> impl Iterator<Item = &Arc<TopicImage>> {
        self.by_name.range(Arc::<str>::from(first)..).filter_map(|(_, id)| self.by_id.get(id))
    }

    /// Whether there is no topic.
    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    pub(super) fn insert(&mut self, topic: Arc<TopicImage>) {
        self.by_name.insert(Arc::clone(&topic.name), topic.id);
        self.by_id.insert(topic.id, topic);
    }

    pub(super) fn remove(&mut self, id: TopicId) -> Option<Arc<TopicImage>> {
        let topic = self.by_id.remove(&id)?;
        self.by_name.remove(&topic.name);
        Some(topic)
    }

    /// The topic for a change in place: copied when an older image shares it.
    pub(super) fn get_mut(&mut self, id: TopicId) -> Option<&mut TopicImage> {
        self.by_id.get_mut(&id).map(Arc::make_mut)
    }
}

/// One topic.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TopicImage {
    /// The topic's name.
    pub(crate) name: Arc<str>,
    /// The topic's id.
    pub(crate) id: TopicId,
    /// Its partitions.
    pub(crate) partitions: OrdMap<PartitionIndex, Arc<PartitionRegistration>>,
}

/// Whether a partition's leader may have lost records (KIP-704).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum LeaderRecoveryState {
    /// The leader was elected cleanly, or has recovered.
    #[default]
    Recovered,
    /// The leader was elected from outside of the ISR and has not finished to recover.
    Recovering,
}

impl LeaderRecoveryState {
    /// The state with Kafka's number `code`; an unknown one counts as recovered.
    pub(crate) fn from_code(code: i8) -> Self {
        if code == 1 { Self::Recovering } else { Self::Recovered }
    }

    /// Kafka's number of this state.
    pub(crate) fn code(self) -> i8 {
        match self {
            Self::Recovered => 0,
            Self::Recovering => 1,
        }
    }
}

/// The replicas of a partition and who leads it. Kafka: `org.apache.kafka.metadata.PartitionRegistration`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct PartitionRegistration {
    /// The brokers that hold the partition, the preferred leader first.
    pub(crate) replicas: Vec<i32>,
    /// The log directory of each replica, in the order of `replicas`.
    pub(crate) directories: Vec<Uuid>,
    /// The replicas that are in sync.
    pub(crate) isr: Vec<i32>,
    /// Replicas on their way out by a reassignment.
    pub(crate) removing_replicas: Vec<i32>,
    /// Replicas on their way in by a reassignment.
    pub(crate) adding_replicas: Vec<i32>,
    /// Replicas outside of the ISR that may still lead (KIP-966).
    pub(crate) elr: Vec<i32>,
    /// The last known eligible replicas; holds the last leader while there is none.
    pub(crate) last_known_elr: Vec<i32>,
    /// The leader, or [`NO_LEADER`].
    pub(crate) leader: i32,
    /// Whether the leader has recovered from an unclean election.
    pub(crate) leader_recovery_state: LeaderRecoveryState,
    /// Rises with each leader.
    pub(crate) leader_epoch: LeaderEpoch,
    /// Rises with each change.
    pub(crate) partition_epoch: i32,
}

impl PartitionRegistration {
    /// The directory of `broker`'s replica; `None` when it holds none.
    pub(crate) fn directory(&self, broker: i32) -> Option<Uuid> {
        let position = self.replicas.iter().position(|replica| *replica == broker)?;
        self.directories.get(position).copied()
    }

    /// Whether a reassignment is under way.
    pub(crate) fn is_reassigning(&self) -> bool {
        !self.removing_replicas.is_empty() || !self.adding_replicas.is_empty()
    }

    /// Whether there is a leader.
    pub(crate) fn has_leader(&self) -> bool {
        self.leader != NO_LEADER
    }

    /// Whether the first replica leads.
    pub(crate) fn has_preferred_leader(&self) -> bool {
        self.replicas.first() == Some(&self.leader)
    }
}
