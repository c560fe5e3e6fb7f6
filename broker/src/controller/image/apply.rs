//! What each metadata record does to the image.

use std::sync::Arc;

use medallion_wire::internal_records::metadata_records as r;
use medallion_wire::internal_records::{Feature, MetadataRecord};
use medallion_wire::types::{LeaderEpoch, PartitionIndex, TopicId, Uuid};

use super::delta::Changes;
use super::{
    AccessControlEntry, BrokerRegistration, ConfigResource, ControllerRegistration, DelegationToken,
    Endpoint, LeaderRecoveryState, MetadataImage, PartitionRegistration, QuotaEntity, ResourceType,
    ScramCredential, TopicImage, VersionRange,
};

/// A record that cannot be applied: the log is of a newer release, or damaged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum ApplyError {
    /// A record of a type that this release does not know.
    #[error("metadata record of unknown type {0}: the directory was written by a newer release")]
    UnknownRecord(i16),
    /// A feature level that this release does not know.
    #[error("{feature} is finalized at level {level}, but this release supports levels {min} to {max} only")]
    UnsupportedFeature {
        /// The feature.
        feature: String,
        /// Its level.
        level: i16,
        /// The lowest supported level.
        min: i16,
        /// The highest supported level.
        max: i16,
    },
    /// A record about a topic that is not there.
    #[error("{record} for topic id {topic}, which does not exist")]
    UnknownTopic {
        /// The record's name.
        record: &'static str,
        /// The topic.
        topic: TopicId,
    },
    /// A record about a partition that is not there.
    #[error("{record} for partition {topic}:{partition}, which does not exist")]
    UnknownPartition {
        /// The record's name.
        record: &'static str,
        /// The topic.
        topic: TopicId,
        /// The partition.
        partition: PartitionIndex,
    },
    /// A record about a broker that is not there, or in another epoch.
    #[error("{record} for broker {broker} in epoch {epoch}, which is not registered so")]
    UnknownBroker {
        /// The record's name.
        record: &'static str,
        /// The broker.
        broker: i32,
        /// Its epoch.
        epoch: i64,
    },
    /// A config of a kind of resource that this release does not know.
    #[error("config {name} of a resource of unknown type {kind}")]
    UnknownResource {
        /// Kafka's number of the kind.
        kind: i8,
        /// The config.
        name: String,
    },
}

type Applied = Result<(), ApplyError>;

impl MetadataImage {
    /// Applies one record and notes what it touched. Transaction markers are the log reader's business and do nothing.
    ///
    /// # Errors
    /// A record that does not fit the image; the image is then unchanged.
    pub(crate) fn apply(&mut self, record: &MetadataRecord, changes: &mut Changes) -> Applied {
        use MetadataRecord as R;
        match record {
            R::Topic(record) => self.apply_topic(record),
            R::RemoveTopic(record) => return self.remove_topic(record, changes),
            R::Partition(record) => return self.apply_partition(record, changes),
            R::PartitionChange(record) => return self.change_partition(record, changes),
            R::ClearElr(record) => self.clear_elr(record, changes),
            R::Config(record) => return self.apply_config(record, changes),
            R::FeatureLevel(record) => return self.apply_feature(record, changes),
            R::ZkMigrationState(record) => {
                self.features.zk_migration_state = Some(record.zk_migration_state);
            }
            R::ProducerIds(record) => self.next_producer_id = Some(record.next_producer_id),
            R::ClientQuota(record) => self.apply_quota(record, changes),
            R::NoOp(_) | R::BeginTransaction(_) | R::EndTransaction(_) | R::AbortTransaction(_) => {}
            R::Unknown { key, .. } => return Err(ApplyError::UnknownRecord(*key)),
            _ => return self.apply_node_or_security(record, changes),
        }
        Ok(())
    }

    fn apply_node_or_security(&mut self, record: &MetadataRecord, changes: &mut Changes) -> Applied {
        use MetadataRecord as R;
        match record {
            R::RegisterBroker(record) => self.register_broker(record, changes),
            R::RegisterController(record) => self.register_controller(record, changes),
            R::UnregisterBroker(record) => {
                self.broker(record.broker_id, record.broker_epoch, "UnregisterBrokerRecord")?;
                self.brokers.remove(&record.broker_id);
                changes.cluster = true;
            }
            R::BrokerRegistrationChange(record) => return self.change_broker(record, changes),
            R::FenceBroker(record) => return self.set_fenced(record.id, record.epoch, true, changes),
            R::UnfenceBroker(record) => return self.set_fenced(record.id, record.epoch, false, changes),
            _ => self.apply_security(record, changes),
        }
        Ok(())
    }

    fn apply_security(&mut self, record: &MetadataRecord, changes: &mut Changes) {
        use MetadataRecord as R;
        changes.security = true;
        match record {
            R::AccessControlEntry(record) => {
                self.acls.insert(record.id, Arc::new(access_control_entry(record)));
            }
            R::RemoveAccessControlEntry(record) => {
                self.acls.remove(&record.id);
            }
            R::UserScramCredential(record) => {
                let key = (record.mechanism, record.name.as_str().into());
                self.scram_credentials.insert(key, Arc::new(scram_credential(record)));
            }
            R::RemoveUserScramCredential(record) => {
                self.scram_credentials.remove(&(record.mechanism, record.name.as_str().into()));
            }
            R::DelegationToken(record) => {
                let token = delegation_token(record);
                self.delegation_tokens.insert(Arc::clone(&token.token_id), Arc::new(token));
            }
            R::RemoveDelegationToken(record) => {
                self.delegation_tokens.remove(record.token_id.as_str());
            }
            _ => {}
        }
    }

    fn apply_topic(&mut self, record: &r::TopicRecord) {
        let (name, id) = (record.name.as_str().into(), TopicId(record.topic_id));
        self.topics.insert(Arc::new(TopicImage { name, id, partitions: imbl::OrdMap::new() }));
    }

    /// A topic takes its configs with it.
    fn remove_topic(&mut self, record: &r::RemoveTopicRecord, changes: &mut Changes) -> Applied {
        let id = TopicId(record.topic_id);
        let unknown = ApplyError::UnknownTopic { record: r::RemoveTopicRecord::NAME, topic: id };
        let topic = self.topics.remove(id).ok_or(unknown)?;
        let resource = ConfigResource::new(ResourceType::Topic, Arc::clone(&topic.name));
        if self.configs.remove(&resource).is_some() {
            changes.configs.insert(resource);
        }
        changes.partitions.retain(|(topic, _)| *topic != id);
        changes.removed_topics.insert(id);
        Ok(())
    }

    fn apply_partition(&mut self, record: &r::PartitionRecord, changes: &mut Changes) -> Applied {
        let (id, index) = (TopicId(record.topic_id), PartitionIndex(record.partition_id));
        let unknown = ApplyError::UnknownTopic { record: r::PartitionRecord::NAME, topic: id };
        let topic = self.topics.get_mut(id).ok_or(unknown)?;
        topic.partitions.insert(index, Arc::new(registration(record)));
        changes.partitions.insert((id, index));
        Ok(())
    }

    fn change_partition(&mut self, record: &r::PartitionChangeRecord, changes: &mut Changes) -> Applied {
        let (id, index) = (TopicId(record.topic_id), PartitionIndex(record.partition_id));
        let name = r::PartitionChangeRecord::NAME;
        let topic = self.topics.get_mut(id).ok_or(ApplyError::UnknownTopic { record: name, topic: id })?;
        let unknown = ApplyError::UnknownPartition { record: name, topic: id, partition: index };
        let partition = topic.partitions.get_mut(&index).ok_or(unknown)?;
        merge(Arc::make_mut(partition), record);
        changes.partitions.insert((id, index));
        Ok(())
    }

    /// Forgets the eligible leader replicas of one topic, or of all (the empty name).
    fn clear_elr(&mut self, record: &r::ClearElrRecord, changes: &mut Changes) {
        let all = record.topic_name.is_empty();
        let topics: Vec<TopicId> = if all {
            self.topics.iter().map(|topic| topic.id).collect()
        } else {
            self.topics.by_name(&record.topic_name).map(|topic| topic.id).into_iter().collect()
        };
        for id in topics {
            let Some(topic) = self.topics.get_mut(id) else { continue };
            let has_elr = |p: &PartitionRegistration| !p.elr.is_empty() || !p.last_known_elr.is_empty();
            let concerned: Vec<PartitionIndex> =
                topic.partitions.iter().filter(|(_, p)| has_elr(p)).map(|(index, _)| *index).collect();
            for index in concerned {
                let Some(partition) = topic.partitions.get_mut(&index).map(Arc::make_mut) else { continue };
                partition.elr.clear();
                partition.last_known_elr.clear();
                partition.partition_epoch += 1;
                changes.partitions.insert((id, index));
            }
        }
    }

    fn apply_config(&mut self, record: &r::ConfigRecord, changes: &mut Changes) -> Applied {
        let unknown = ApplyError::UnknownResource { kind: record.resource_type, name: record.name.clone() };
        let kind = ResourceType::from_code(record.resource_type).ok_or(unknown)?;
        let resource = ConfigResource::new(kind, record.resource_name.as_str());
        let configs = self.configs.entry(resource.clone()).or_default();
        match &record.value {
            Some(value) => configs.insert(record.name.as_str().into(), value.as_str().into()),
            None => configs.remove(record.name.as_str()),
        };
        if configs.is_empty() {
            self.configs.remove(&resource);
        }
        changes.configs.insert(resource);
        Ok(())
    }

    fn apply_feature(&mut self, record: &r::FeatureLevelRecord, changes: &mut Changes) -> Applied {
        let level = record.feature_level;
        let known = Feature::from_name(&record.name);
        let (min, max) = known.map_or((0, 0), |feature| (feature.minimum(), feature.maximum()));
        if level != 0 && !(min..=max).contains(&level) {
            return Err(ApplyError::UnsupportedFeature { feature: record.name.clone(), level, min, max });
        }
        if level == 0 {
            self.features.finalized.remove(record.name.as_str());
        } else {
            self.features.finalized.insert(record.name.as_str().into(), level);
        }
        changes.features = true;
        Ok(())
    }

    fn apply_quota(&mut self, record: &r::ClientQuotaRecord, changes: &mut Changes) {
        let part = |part: &r::client_quota_record::EntityData| {
            (part.entity_type.as_str().into(), part.entity_name.as_deref().map(Into::into))
        };
        let entity = QuotaEntity(record.entity.iter().map(part).collect());
        let quotas = self.client_quotas.entry(entity.clone()).or_default();
        if record.remove {
            quotas.remove(record.key.as_str());
        } else {
            quotas.insert(record.key.as_str().into(), record.value);
        }
        if quotas.is_empty() {
            self.client_quotas.remove(&entity);
        }
        changes.client_quotas = true;
    }

    fn register_broker(&mut self, record: &r::RegisterBrokerRecord, changes: &mut Changes) {
        let endpoint = |e: &r::register_broker_record::BrokerEndpoint| {
            listener(&e.name, &e.host, e.port, e.security_protocol)
        };
        let feature = |f: &r::register_broker_record::BrokerFeature| {
            (
                Arc::<str>::from(f.name.as_str()),
                VersionRange { min: f.min_supported_version, max: f.max_supported_version },
            )
        };
        let broker = BrokerRegistration {
            id: record.broker_id,
            epoch: record.broker_epoch,
            incarnation_id: record.incarnation_id,
            endpoints: record.end_points.iter().map(endpoint).collect(),
            features: record.features.iter().map(feature).collect(),
            rack: record.rack.as_deref().map(Into::into),
            fenced: record.fenced,
            in_controlled_shutdown: record.in_controlled_shutdown,
            is_migrating_zk_broker: record.is_migrating_zk_broker,
            directories: record.log_dirs.clone(),
            cordoned_directories: record.cordoned_log_dirs.clone(),
        };
        self.brokers.insert(broker.id, Arc::new(broker));
        changes.cluster = true;
    }

    fn register_controller(&mut self, record: &r::RegisterControllerRecord, changes: &mut Changes) {
        let endpoint = |e: &r::register_controller_record::ControllerEndpoint| {
            listener(&e.name, &e.host, e.port, e.security_protocol)
        };
        let feature = |f: &r::register_controller_record::ControllerFeature| {
            (
                Arc::<str>::from(f.name.as_str()),
                VersionRange { min: f.min_supported_version, max: f.max_supported_version },
            )
        };
        let controller = ControllerRegistration {
            id: record.controller_id,
            incarnation_id: record.incarnation_id,
            zk_migration_ready: record.zk_migration_ready,
            endpoints: record.end_points.iter().map(endpoint).collect(),
            features: record.features.iter().map(feature).collect(),
        };
        self.controllers.insert(controller.id, Arc::new(controller));
        changes.cluster = true;
    }

    fn broker(
        &mut self,
        id: i32,
        epoch: i64,
        record: &'static str,
    ) -> Result<&mut BrokerRegistration, ApplyError> {
        match self.brokers.get_mut(&id) {
            Some(broker) if broker.epoch == epoch => Ok(Arc::make_mut(broker)),
            _ => Err(ApplyError::UnknownBroker { record, broker: id, epoch }),
        }
    }

    fn change_broker(
        &mut self,
        record: &r::BrokerRegistrationChangeRecord,
        changes: &mut Changes,
    ) -> Applied {
        let name = r::BrokerRegistrationChangeRecord::NAME;
        let broker = self.broker(record.broker_id, record.broker_epoch, name)?;
        match record.fenced {
            1 => broker.fenced = true,
            -1 => broker.fenced = false,
            _ => {}
        }
        if record.in_controlled_shutdown == 1 {
            broker.in_controlled_shutdown = true;
        }
        if !record.log_dirs.is_empty() {
            broker.directories.clone_from(&record.log_dirs);
        }
        if record.cordoned_log_dirs.is_some() {
            broker.cordoned_directories.clone_from(&record.cordoned_log_dirs);
        }
        changes.cluster = true;
        Ok(())
    }

    fn set_fenced(&mut self, id: i32, epoch: i64, fenced: bool, changes: &mut Changes) -> Applied {
        let name = if fenced { r::FenceBrokerRecord::NAME } else { r::UnfenceBrokerRecord::NAME };
        self.broker(id, epoch, name)?.fenced = fenced;
        changes.cluster = true;
        Ok(())
    }
}

fn listener(name: &str, host: &str, port: u16, security_protocol: i16) -> Endpoint {
    Endpoint { name: name.into(), host: host.into(), port, security_protocol }
}

fn registration(record: &r::PartitionRecord) -> PartitionRegistration {
    let mut directories = record.directories.clone();
    if directories.is_empty() {
        directories = vec![Uuid::nil(); record.replicas.len()];
    }
    PartitionRegistration {
        replicas: record.replicas.clone(),
        directories,
        isr: record.isr.clone(),
        removing_replicas: record.removing_replicas.clone(),
        adding_replicas: record.adding_replicas.clone(),
        elr: record.eligible_leader_replicas.clone().unwrap_or_default(),
        last_known_elr: record.last_known_elr.clone().unwrap_or_default(),
        leader: record.leader,
        leader_recovery_state: LeaderRecoveryState::from_code(record.leader_recovery_state),
        leader_epoch: LeaderEpoch(record.leader_epoch),
        partition_epoch: record.partition_epoch,
    }
}

/// A change keeps what the record leaves out; each one raises the partition epoch, a named leader the leader epoch.
fn merge(partition: &mut PartitionRegistration, record: &r::PartitionChangeRecord) {
    let replicas_before = partition.replicas.clone();
    if let Some(replicas) = &record.replicas {
        partition.replicas.clone_from(replicas);
    }
    match &record.directories {
        Some(directories) if !directories.is_empty() => partition.directories.clone_from(directories),
        _ if record.replicas.is_some() => {
            let before: Vec<Uuid> = std::mem::take(&mut partition.directories);
            let kept = |replica: &i32| {
                let position = replicas_before.iter().position(|other| other == replica)?;
                before.get(position).copied()
            };
            partition.directories =
                partition.replicas.iter().map(|replica| kept(replica).unwrap_or_default()).collect();
        }
        _ => {}
    }
    let set = |target: &mut Vec<i32>, value: &Option<Vec<i32>>| {
        if let Some(value) = value {
            target.clone_from(value);
        }
    };
    set(&mut partition.isr, &record.isr);
    set(&mut partition.removing_replicas, &record.removing_replicas);
    set(&mut partition.adding_replicas, &record.adding_replicas);
    set(&mut partition.elr, &record.eligible_leader_replicas);
    set(&mut partition.last_known_elr, &record.last_known_elr);
    if record.leader >= -1 {
        partition.leader = record.leader;
        partition.leader_epoch = LeaderEpoch(partition.leader_epoch.get() + 1);
    }
    if record.leader_recovery_state >= 0 {
        partition.leader_recovery_state = LeaderRecoveryState::from_code(record.leader_recovery_state);
    }
    partition.partition_epoch += 1;
}

fn access_control_entry(record: &r::AccessControlEntryRecord) -> AccessControlEntry {
    AccessControlEntry {
        id: record.id,
        resource_type: record.resource_type,
        resource_name: record.resource_name.as_str().into(),
        pattern_type: record.pattern_type,
        principal: record.principal.as_str().into(),
        host: record.host.as_str().into(),
        operation: record.operation,
        permission_type: record.permission_type,
    }
}

fn scram_credential(record: &r::UserScramCredentialRecord) -> ScramCredential {
    ScramCredential {
        salt: record.salt.clone(),
        stored_key: record.stored_key.clone(),
        server_key: record.server_key.clone(),
        iterations: record.iterations,
    }
}

fn delegation_token(record: &r::DelegationTokenRecord) -> DelegationToken {
    DelegationToken {
        token_id: record.token_id.as_str().into(),
        owner: record.owner.as_str().into(),
        requester: record.requester.as_str().into(),
        renewers: record.renewers.iter().map(|renewer| renewer.as_str().into()).collect(),
        issue_timestamp_ms: record.issue_timestamp,
        max_timestamp_ms: record.max_timestamp,
        expiration_timestamp_ms: record.expiration_timestamp,
    }
}
