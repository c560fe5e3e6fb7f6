//! The records that make an image again, in the order in which Kafka writes them into a snapshot.

use std::sync::Arc;

use medallion_wire::types::{PartitionIndex, TopicId};

use super::features::METADATA_VERSION;
use super::{
    BrokerRegistration, ControllerRegistration, MetadataImage, PartitionRegistration, QuotaEntity, TopicImage,
};
use crate::controller::records::{
    self, AccessControlEntryRecord, ClientQuotaRecord, ConfigRecord, DelegationTokenRecord,
    FeatureLevelRecord, MetadataRecord, PartitionRecord, ProducerIdsRecord, RegisterBrokerRecord,
    RegisterControllerRecord, TopicRecord, UserScramCredentialRecord, ZkMigrationStateRecord,
    broker_endpoint, broker_feature, controller_endpoint, controller_feature, quota_entity,
};

impl MetadataImage {
    /// All records of a snapshot: features first, `metadata.version` before any other.
    pub(crate) fn snapshot_records(&self) -> impl Iterator<Item = MetadataRecord> {
        let features = self.feature_records();
        let brokers = self.brokers.values().map(|broker| broker_record(broker));
        let controllers = self
            .controllers
            .values()
            .filter(|_| records::has_controller_registration(self))
            .map(|controller| controller_record(controller));
        let has_directories = records::has_directories(self);
        let topics = self.topics.iter().flat_map(move |topic| topic_records(topic, has_directories));
        let producer_ids = self.next_producer_id.map(|next_producer_id| {
            let nobody =
                ProducerIdsRecord { broker_id: -1, broker_epoch: -1, ..ProducerIdsRecord::default() };
            ProducerIdsRecord { next_producer_id, ..nobody }.into()
        });
        features
            .into_iter()
            .chain(brokers)
            .chain(controllers)
            .chain(topics)
            .chain(self.config_records())
            .chain(self.quota_records())
            .chain(producer_ids)
            .chain(self.security_records())
    }

    fn feature_records(&self) -> Vec<MetadataRecord> {
        let record = |(name, level): (&Arc<str>, &i16)| -> MetadataRecord {
            FeatureLevelRecord {
                name: name.to_string(),
                feature_level: *level,
                ..FeatureLevelRecord::default()
            }
            .into()
        };
        let is_version = |(name, _): &(&Arc<str>, &i16)| &***name == METADATA_VERSION;
        let mut records: Vec<_> = self.features.finalized.iter().filter(is_version).map(record).collect();
        if let Some(zk_migration_state) = self.features.zk_migration_state {
            let state = ZkMigrationStateRecord { zk_migration_state, ..ZkMigrationStateRecord::default() };
            records.push(state.into());
        }
        records.extend(self.features.finalized.iter().filter(|entry| !is_version(entry)).map(record));
        records
    }

    fn config_records(&self) -> impl Iterator<Item = MetadataRecord> {
        self.configs.iter().flat_map(|(resource, configs)| {
            configs.iter().map(|(name, value)| {
                ConfigRecord {
                    resource_type: resource.kind.code(),
                    resource_name: resource.name.to_string(),
                    name: name.to_string(),
                    value: Some(value.to_string()),
                    ..ConfigRecord::default()
                }
                .into()
            })
        })
    }

    fn quota_records(&self) -> impl Iterator<Item = MetadataRecord> {
        let record = |entity: &QuotaEntity, key: &str, value: f64| {
            ClientQuotaRecord {
                entity: quota_entity(entity),
                key: key.to_owned(),
                value,
                ..ClientQuotaRecord::default()
            }
            .into()
        };
        self.client_quotas.iter().flat_map(move |(entity, quotas)| {
            quotas.iter().map(move |(key, value)| record(entity, key, *value))
        })
    }

    fn security_records(&self) -> impl Iterator<Item = MetadataRecord> {
        let scram = self.scram_credentials.iter().map(|((mechanism, name), credential)| {
            UserScramCredentialRecord {
                name: name.to_string(),
                mechanism: *mechanism,
                salt: credential.salt.clone(),
                stored_key: credential.stored_key.clone(),
                server_key: credential.server_key.clone(),
                iterations: credential.iterations,
                ..UserScramCredentialRecord::default()
            }
            .into()
        });
        let acls = self.acls.values().map(|entry| {
            AccessControlEntryRecord {
                id: entry.id,
                resource_type: entry.resource_type,
                resource_name: entry.resource_name.to_string(),
                pattern_type: entry.pattern_type,
                principal: entry.principal.to_string(),
                host: entry.host.to_string(),
                operation: entry.operation,
                permission_type: entry.permission_type,
                ..AccessControlEntryRecord::default()
            }
            .into()
        });
        let tokens = self.delegation_tokens.values().map(|token| {
            DelegationTokenRecord {
                owner: token.owner.to_string(),
                requester: token.requester.to_string(),
                renewers: token.renewers.iter().map(ToString::to_string).collect(),
                issue_timestamp: token.issue_timestamp_ms,
                max_timestamp: token.max_timestamp_ms,
                expiration_timestamp: token.expiration_timestamp_ms,
                token_id: token.token_id.to_string(),
                ..DelegationTokenRecord::default()
            }
            .into()
        });
        acls.chain(scram).chain(tokens)
    }
}

fn broker_record(broker: &BrokerRegistration) -> MetadataRecord {
    RegisterBrokerRecord {
        broker_id: broker.id,
        is_migrating_zk_broker: broker.is_migrating_zk_broker,
        incarnation_id: broker.incarnation_id,
        broker_epoch: broker.epoch,
        end_points: broker
            .endpoints
            .iter()
            .map(|e| broker_endpoint(&e.name, &e.host, e.port, e.security_protocol))
            .collect(),
        features: broker
            .features
            .iter()
            .map(|(name, range)| broker_feature(name, range.min, range.max))
            .collect(),
        rack: broker.rack.as_ref().map(ToString::to_string),
        fenced: broker.fenced,
        in_controlled_shutdown: broker.in_controlled_shutdown,
        log_dirs: broker.directories.clone(),
        cordoned_log_dirs: broker.cordoned_directories.clone(),
        ..RegisterBrokerRecord::default()
    }
    .into()
}

fn controller_record(controller: &ControllerRegistration) -> MetadataRecord {
    RegisterControllerRecord {
        controller_id: controller.id,
        incarnation_id: controller.incarnation_id,
        zk_migration_ready: controller.zk_migration_ready,
        end_points: controller
            .endpoints
            .iter()
            .map(|e| controller_endpoint(&e.name, &e.host, e.port, e.security_protocol))
            .collect(),
        features: controller
            .features
            .iter()
            .map(|(name, range)| controller_feature(name, range.min, range.max))
            .collect(),
        ..RegisterControllerRecord::default()
    }
    .into()
}

fn topic_records(topic: &TopicImage, has_directories: bool) -> impl Iterator<Item = MetadataRecord> {
    let record = TopicRecord { name: topic.name.to_string(), topic_id: topic.id.0, ..TopicRecord::default() };
    let partitions = topic.partitions.iter();
    let partitions = partitions.map(move |(index, p)| partition_record(topic.id, *index, p, has_directories));
    std::iter::once(record.into()).chain(partitions)
}

/// Below the level that brought directories, none is known and none can be written.
fn partition_record(
    topic: TopicId,
    index: PartitionIndex,
    p: &PartitionRegistration,
    has_directories: bool,
) -> MetadataRecord {
    let unless_empty = |replicas: &Vec<i32>| (!replicas.is_empty()).then(|| replicas.clone());
    PartitionRecord {
        partition_id: index.get(),
        topic_id: topic.0,
        replicas: p.replicas.clone(),
        isr: p.isr.clone(),
        removing_replicas: p.removing_replicas.clone(),
        adding_replicas: p.adding_replicas.clone(),
        leader: p.leader,
        leader_recovery_state: p.leader_recovery_state.code(),
        leader_epoch: p.leader_epoch.get(),
        partition_epoch: p.partition_epoch,
        directories: if has_directories { p.directories.clone() } else { Vec::new() },
        eligible_leader_replicas: unless_empty(&p.elr),
        last_known_elr: unless_empty(&p.last_known_elr),
        ..PartitionRecord::default()
    }
    .into()
}
