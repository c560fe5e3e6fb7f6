//! What changed between two images.

use std::collections::BTreeSet;
use std::sync::Arc;

use medallion_wire::types::{PartitionIndex, TopicId};

use super::{ConfigResource, MetadataImage, PartitionRegistration, TopicImage};

/// The difference between two images, as far as the rest of the broker acts on it.
///
/// A topic that was deleted and created again under its name shows as one deleted and one changed topic.
#[derive(Debug, Clone)]
pub(crate) struct MetadataDelta {
    /// The image before.
    pub(crate) before: Arc<MetadataImage>,
    /// The image after; already published when a listener is called.
    pub(crate) after: Arc<MetadataImage>,
    /// Which things were touched.
    pub(crate) changes: Changes,
}

/// Names of what a run of records touched.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "independent marks, one a kind of change")]
pub(crate) struct Changes {
    /// Partitions that were created or changed, of topics that still exist.
    pub(crate) partitions: BTreeSet<(TopicId, PartitionIndex)>,
    /// Topics that were removed.
    pub(crate) removed_topics: BTreeSet<TopicId>,
    /// Resources with a config that was set or deleted.
    pub(crate) configs: BTreeSet<ConfigResource>,
    /// Whether a broker or controller was registered, changed or removed.
    pub(crate) cluster: bool,
    /// Whether a feature level changed.
    pub(crate) features: bool,
    /// Whether a client quota changed.
    pub(crate) client_quotas: bool,
    /// Whether an ACL, a SCRAM credential or a delegation token changed.
    pub(crate) security: bool,
}

/// One partition that was created or changed.
#[derive(Debug, Clone)]
pub(crate) struct ChangedPartition<'a> {
    /// Its topic, after the change.
    pub(crate) topic: &'a Arc<TopicImage>,
    /// Its index.
    pub(crate) partition: PartitionIndex,
    /// How it was; `None` for a new one.
    #[cfg_attr(not(test), expect(dead_code, reason = "followers will compare leaders"))]
    pub(crate) before: Option<&'a Arc<PartitionRegistration>>,
    /// How it is.
    pub(crate) after: &'a Arc<PartitionRegistration>,
}

impl MetadataDelta {
    /// The partitions that were created or changed.
    pub(crate) fn changed_partitions(&self) -> impl Iterator<Item = ChangedPartition<'_>> {
        self.changes.partitions.iter().filter_map(|(id, partition)| {
            let topic = self.after.topics.by_id(*id)?;
            let after = topic.partitions.get(partition)?;
            let before = self.before.topics.partition(*id, *partition);
            Some(ChangedPartition { topic, partition: *partition, before, after })
        })
    }

    /// The topics that are gone, as they were.
    pub(crate) fn removed_topics(&self) -> impl Iterator<Item = &Arc<TopicImage>> {
        self.changes.removed_topics.iter().filter_map(|id| self.before.topics.by_id(*id))
    }
}
