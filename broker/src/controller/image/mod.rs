//! The cluster's metadata at one offset of `__cluster_metadata-0`.
//!
//! A [`MetadataImage`] is immutable once published. Its maps are persistent: a clone costs nothing and a change costs
//! its own size, so the controller changes a private copy record by record ([`apply`]) and publishes it whole.
//! Kafka's counterpart is `org.apache.kafka.image.MetadataImage`.

mod apply;
pub(crate) mod brokers;
pub(crate) mod client_quotas;
pub(crate) mod configs;
pub(crate) mod delta;
pub(crate) mod features;
#[cfg(test)]
mod invariants;
pub(crate) mod security;
mod snapshot;
pub(crate) mod topics;

use std::sync::Arc;

use imbl::OrdMap;
use medallion_wire::types::{LeaderEpoch, Offset, Uuid};

pub(crate) use apply::ApplyError;
pub(crate) use brokers::{BrokerRegistration, ControllerRegistration, Endpoint, VersionRange};
pub(crate) use client_quotas::QuotaEntity;
pub(crate) use configs::{ConfigResource, ResourceType};
pub(crate) use delta::MetadataDelta;
pub(crate) use features::FeaturesImage;
pub(crate) use security::{AccessControlEntry, DelegationToken, ScramCredential};
pub(crate) use topics::{LeaderRecoveryState, NO_LEADER, PartitionRegistration, TopicImage, TopicsImage};

/// Where in the metadata log an image stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_field_names, reason = "all three are of the last record")]
pub(crate) struct Provenance {
    /// The last offset that the image contains; -1 for an empty one.
    pub(crate) last_offset: Offset,
    /// The leader epoch of that offset.
    pub(crate) last_epoch: LeaderEpoch,
    /// The append time of that offset's batch, in milliseconds since the epoch.
    pub(crate) last_timestamp_ms: i64,
}

impl Default for Provenance {
    fn default() -> Self {
        Self { last_offset: Offset(-1), last_epoch: LeaderEpoch(0), last_timestamp_ms: 0 }
    }
}

/// All metadata of a cluster, at one offset.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct MetadataImage {
    /// The cluster's id, from `meta.properties`.
    pub(crate) cluster_id: Arc<str>,
    /// The position in the log.
    pub(crate) provenance: Provenance,
    /// Finalized feature levels, `metadata.version` among them.
    pub(crate) features: FeaturesImage,
    /// Topics by name and by id.
    pub(crate) topics: TopicsImage,
    /// Registered brokers by id.
    pub(crate) brokers: OrdMap<i32, Arc<BrokerRegistration>>,
    /// Registered controllers by id.
    pub(crate) controllers: OrdMap<i32, Arc<ControllerRegistration>>,
    /// Dynamic configs of topics, brokers, groups and client metrics.
    pub(crate) configs: OrdMap<ConfigResource, OrdMap<Arc<str>, Arc<str>>>,
    /// Client quotas: entity -> quota key -> value.
    pub(crate) client_quotas: OrdMap<QuotaEntity, OrdMap<Arc<str>, f64>>,
    /// The first producer id that no block holds yet; `None` before the first block was given out.
    pub(crate) next_producer_id: Option<i64>,
    /// Access control entries by id.
    pub(crate) acls: OrdMap<Uuid, Arc<AccessControlEntry>>,
    /// SCRAM credentials by mechanism and user.
    pub(crate) scram_credentials: OrdMap<(i8, Arc<str>), Arc<ScramCredential>>,
    /// Delegation tokens by token id.
    pub(crate) delegation_tokens: OrdMap<Arc<str>, Arc<DelegationToken>>,
}

impl MetadataImage {
    /// An image of nothing, for the cluster `cluster_id`.
    pub(crate) fn empty(cluster_id: &str) -> Self {
        Self { cluster_id: cluster_id.into(), ..Self::default() }
    }

    /// The dynamic configs of one resource, by name; empty where none was set.
    pub(crate) fn configs_of(&self, kind: ResourceType, name: &str) -> OrdMap<Arc<str>, Arc<str>> {
        self.configs.get(&ConfigResource::new(kind, name)).cloned().unwrap_or_default()
    }

    /// One dynamic config of one resource.
    pub(crate) fn config(&self, kind: ResourceType, name: &str, key: &str) -> Option<Arc<str>> {
        self.configs.get(&ConfigResource::new(kind, name))?.get(key).cloned()
    }

    /// Whether `broker` is registered, not fenced and not shutting down.
    pub(crate) fn is_active(&self, broker: i32) -> bool {
        self.brokers.get(&broker).is_some_and(|b| !b.fenced && !b.in_controlled_shutdown)
    }
}
