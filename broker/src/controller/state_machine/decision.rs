//! What a command comes to.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

use medallion_wire::types::Uuid;
use medallion_wire::{ResponseError, messages as m};

use super::ApiError;
use crate::controller::image::{ConfigResource, MetadataImage, ResourceType, VersionRange};
use crate::controller::records::MetadataRecord;

/// Records to append, as one batch, and the reply once they are committed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Decision<T> {
    /// What changes; empty when nothing does.
    pub(crate) records: Vec<MetadataRecord>,
    /// What the client is told.
    pub(crate) reply: T,
}

impl<T> Decision<T> {
    /// A reply without a change.
    pub(crate) fn read(reply: T) -> Self {
        Self { records: Vec::new(), reply }
    }

    /// The same records with another reply.
    pub(crate) fn map<U>(self, reply: impl FnOnce(T) -> U) -> Decision<U> {
        Decision { records: self.records, reply: reply(self.reply) }
    }
}

/// What a decision needs from outside.
pub(crate) struct Inputs<'a> {
    /// The offset that the first record of the decision would get.
    pub(crate) next_offset: i64,
    /// A source of fresh random 128-bit numbers, for ids and placement.
    pub(crate) random: &'a mut dyn FnMut() -> u128,
    /// Asked before this many partitions are made or removed: whether the client's quota lets them (KIP-599).
    pub(crate) take_partitions: &'a mut dyn FnMut(usize) -> bool,
}

impl Inputs<'_> {
    /// Takes partitions from the client's quota.
    ///
    /// # Errors
    /// `THROTTLING_QUOTA_EXCEEDED`.
    pub(crate) fn take_partitions(&mut self, count: usize) -> Result<(), ApiError> {
        if (self.take_partitions)(count) {
            return Ok(());
        }
        Err(ApiError::with_default_message(ResponseError::ThrottlingQuotaExceeded))
    }
}

/// What the controller was started with.
#[derive(Debug, Clone)]
pub(crate) struct ControllerSettings {
    /// This node's id.
    pub(crate) node_id: i32,
    /// `num.partitions`.
    pub(crate) num_partitions: i32,
    /// `default.replication.factor`.
    pub(crate) default_replication_factor: i16,
    /// The feature levels that this build supports.
    pub(crate) supported_features: BTreeMap<String, VersionRange>,
    /// How configs are checked and completed.
    pub(crate) schema: Arc<dyn ConfigSchema>,
}

/// What the controller needs to know about config names and values.
pub(crate) trait ConfigSchema: Send + Sync + Debug {
    /// Checks all dynamic configs that a resource would have.
    ///
    /// # Errors
    /// `INVALID_CONFIG` or `INVALID_REQUEST` with Kafka's message.
    fn validate(&self, resource: &ConfigResource, configs: &BTreeMap<String, String>)
    -> Result<(), ApiError>;

    /// Whether a config's value is a list, so that values can be appended.
    fn is_list(&self, kind: ResourceType, name: &str) -> bool;

    /// Whether there is such a config.
    fn is_known(&self, kind: ResourceType, name: &str) -> bool;

    /// A config's value where no dynamic one is set, for appending to it.
    fn default_value(&self, kind: ResourceType, name: &str) -> Option<String>;

    /// The value that a topic's config has when the topic itself sets none: broker configs, then the default.
    fn inherited_topic_value(&self, image: &MetadataImage, name: &str) -> Option<String>;

    /// All configs that a topic with `own` ones has, for the answer to `CreateTopics`, in the order of their names.
    fn effective_topic_configs(
        &self,
        image: &MetadataImage,
        own: &BTreeMap<String, String>,
    ) -> Vec<m::create_topics_response::CreatableTopicConfigs>;
}

impl ControllerSettings {
    /// What decides about leaders and ISRs of topics in `image`. What topics inherit is looked up once, not by topic.
    pub(crate) fn replication_rules<'a>(&self, image: &'a MetadataImage) -> ReplicationRules<'a> {
        let inherited = |name| self.schema.inherited_topic_value(image, name);
        ReplicationRules {
            image,
            min_isr: inherited(MIN_ISR).and_then(|value| value.parse().ok()).unwrap_or(1),
            unclean_election: inherited(UNCLEAN_ELECTION).as_deref() == Some("true"),
        }
    }
}

/// The setting of how many replicas must be in sync.
pub(super) const MIN_ISR: &str = "min.insync.replicas";
const UNCLEAN_ELECTION: &str = "unclean.leader.election.enable";

/// The settings of topics that decide about leaders and ISRs.
#[derive(Debug)]
pub(crate) struct ReplicationRules<'a> {
    image: &'a MetadataImage,
    min_isr: usize,
    unclean_election: bool,
}

impl ReplicationRules<'_> {
    /// How many replicas of a topic must be in sync: `min.insync.replicas`, at most the replication factor.
    pub(crate) fn min_isr(&self, topic: &str, replication_factor: usize) -> usize {
        let own = self.image.config(ResourceType::Topic, topic, MIN_ISR).and_then(|value| value.parse().ok());
        own.unwrap_or(self.min_isr).min(replication_factor)
    }

    /// `unclean.leader.election.enable` of a topic.
    pub(crate) fn unclean_election(&self, topic: &str) -> bool {
        let own = self.image.config(ResourceType::Topic, topic, UNCLEAN_ELECTION);
        own.map_or(self.unclean_election, |value| &*value == "true")
    }
}

/// A fresh id that Kafka would give out: none of the reserved ones, and none whose text starts with a dash.
pub(crate) fn fresh_id(random: &mut dyn FnMut() -> u128) -> Uuid {
    loop {
        let id = uuid::Builder::from_random_bytes(random().to_be_bytes()).into_uuid();
        if id.as_u128() > 100 && !medallion_wire::TopicId(id).to_string().starts_with('-') {
            return id;
        }
    }
}
