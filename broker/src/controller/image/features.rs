//! Finalized feature levels.

use std::sync::Arc;

use imbl::OrdMap;

/// The feature that names the format of metadata records.
pub(crate) const METADATA_VERSION: &str = "metadata.version";
/// The feature that lets a partition's ISR be empty (KIP-966).
pub(crate) const ELR_VERSION: &str = "eligible.leader.replicas.version";
/// The feature of dynamic voters (KIP-853); its level lives in control records, not in the image.
pub(crate) const KRAFT_VERSION: &str = "kraft.version";

/// The levels that the cluster agreed upon.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct FeaturesImage {
    /// Feature -> level, `metadata.version` included, level 0 left out.
    pub(crate) finalized: OrdMap<Arc<str>, i16>,
    /// The state of the migration from `ZooKeeper`, as found; kept for snapshots.
    pub(crate) zk_migration_state: Option<i8>,
}

impl FeaturesImage {
    /// The level of a feature; 0 where it is off.
    pub(crate) fn level(&self, feature: &str) -> i16 {
        self.finalized.get(feature).copied().unwrap_or(0)
    }

    /// The level of `metadata.version`; 0 before the first record.
    pub(crate) fn metadata_version(&self) -> i16 {
        self.level(METADATA_VERSION)
    }

    /// Whether partitions track eligible leader replicas.
    pub(crate) fn is_elr_enabled(&self) -> bool {
        self.level(ELR_VERSION) >= 1
    }
}
