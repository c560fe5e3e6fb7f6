//! What shards see of the metadata and the settings.

use std::sync::Arc;

use medallion_group::environment::{ClassicSettings, ConsumerSettings, MigrationPolicy, OffsetSettings};
use medallion_group::{ConsumerOverrides, Settings, TopicView, Topics};
use medallion_wire::{PartitionIndex, TopicId};

use crate::config::BrokerConfig;
use crate::controller::image::{MetadataImage, ResourceType, TopicImage};

/// The topics of an image.
pub(super) struct ImageTopics<'a>(pub(super) &'a MetadataImage);

impl Topics for ImageTopics<'_> {
    fn by_name(&self, name: &str) -> Option<TopicView> {
        self.0.topics.by_name(name).map(|topic| view(topic))
    }

    fn by_id(&self, id: TopicId) -> Option<TopicView> {
        self.0.topics.by_id(id).map(|topic| view(topic))
    }

    fn for_each(&self, visit: &mut dyn FnMut(&TopicView)) {
        for topic in self.0.topics.iter() {
            visit(&view(topic));
        }
    }

    fn racks(&self, id: TopicId, partition: i32) -> Vec<Arc<str>> {
        let registration = self.0.topics.partition(id, PartitionIndex(partition));
        let replicas = registration.into_iter().flat_map(|registration| &registration.replicas);
        replicas.filter_map(|broker| self.0.brokers.get(broker)?.rack.clone()).collect()
    }

    fn version(&self) -> i64 {
        self.0.provenance.last_offset.get()
    }
}

fn view(topic: &TopicImage) -> TopicView {
    TopicView {
        id: topic.id,
        name: Arc::clone(&topic.name),
        partitions: i32::try_from(topic.partitions.len()).unwrap_or(i32::MAX),
    }
}

/// The settings of single groups in an image.
pub(super) fn overrides(image: &MetadataImage, group: &str) -> ConsumerOverrides {
    let own = image.configs_of(ResourceType::Group, group);
    let number = |name: &str| own.get(name).and_then(|value| value.parse().ok());
    ConsumerOverrides {
        session_timeout_ms: number("consumer.session.timeout.ms"),
        heartbeat_interval_ms: number("consumer.heartbeat.interval.ms"),
        assignment_interval_ms: number("consumer.assignment.interval.ms"),
    }
}

/// The broker's settings that groups obey.
pub(super) fn settings(config: &BrokerConfig) -> Settings {
    let members_max = |value: i32| usize::try_from(value).unwrap_or(usize::MAX);
    Settings {
        classic: ClassicSettings {
            session_timeout_ms_min: config.group_min_session_timeout_ms,
            session_timeout_ms_max: config.group_max_session_timeout_ms,
            initial_rebalance_delay_ms: config.group_initial_rebalance_delay_ms,
            members_max: members_max(config.group_max_size),
        },
        consumer: ConsumerSettings {
            session_timeout_ms: config.group_consumer_session_timeout_ms,
            heartbeat_interval_ms: config.group_consumer_heartbeat_interval_ms,
            assignment_interval_ms: config.group_consumer_assignment_interval_ms,
            members_max: members_max(config.group_consumer_max_size),
            assignors: config.group_consumer_assignors.clone(),
            migration: migration(&config.group_consumer_migration_policy),
        },
        offsets: OffsetSettings {
            metadata_bytes_max: members_max(config.offset_metadata_max_bytes),
            retention_ms: i64::from(config.offsets_retention_minutes) * 60_000,
            retention_check_interval_ms: config.offsets_retention_check_interval_ms,
        },
    }
}

fn migration(policy: &str) -> MigrationPolicy {
    match policy.to_ascii_lowercase().as_str() {
        "disabled" => MigrationPolicy::Disabled,
        "upgrade" => MigrationPolicy::Upgrade,
        "downgrade" => MigrationPolicy::Downgrade,
        _ => MigrationPolicy::Bidirectional,
    }
}
