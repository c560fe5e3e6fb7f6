//! Commits and deletions: what they are answered, and the records that they make.

use std::sync::Arc;

use medallion_wire::ResponseError;
use medallion_wire::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use medallion_wire::messages::offset_commit_response::{
    OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};
use medallion_wire::messages::offset_delete_response::{
    OffsetDeleteResponsePartition, OffsetDeleteResponseTopic,
};
use medallion_wire::messages::{
    OffsetCommitRequest, OffsetCommitResponse, OffsetDeleteRequest, OffsetDeleteResponse,
};
use medallion_wire::types::Uuid;

use super::committed::{CommittedOffset, tombstone};
use super::state::Offsets;
use crate::environment::Environment;
use crate::ids::GroupId;
use crate::record::Record;

/// Says of one partition (topic, its id, index) whether the member may commit it.
pub type PartitionCheck<'a> = dyn Fn(&str, Uuid, i32) -> Result<(), ResponseError> + 'a;

impl Offsets {
    /// Commits offsets of a member that was checked; `check` says of single partitions whether it may.
    ///
    /// # Errors
    /// The first partition's error that `check` gives: the request as a whole is refused then, as in Kafka.
    pub fn commit(
        request: &OffsetCommitRequest,
        environment: &Environment<'_>,
        check: &PartitionCheck<'_>,
    ) -> Result<(Vec<Record>, OffsetCommitResponse), ResponseError> {
        let group = GroupId::from(&request.group_id.0);
        let expire = (request.retention_time_ms != -1)
            .then(|| environment.now_ms.saturating_add(request.retention_time_ms));
        let mut records = Vec::new();
        let mut topics = Vec::with_capacity(request.topics.len());
        for topic in &request.topics {
            let mut partitions = Vec::with_capacity(topic.partitions.len());
            for partition in &topic.partitions {
                let index = partition.partition_index;
                let mut answer = OffsetCommitResponsePartition::default().with_partition_index(index);
                if is_too_large(partition, environment.settings.offsets.metadata_bytes_max) {
                    answer.error_code = ResponseError::OffsetMetadataTooLarge.code();
                } else {
                    check(&topic.name, topic.topic_id, index)?;
                    let committed = from_request(topic, partition, environment.now_ms, expire);
                    records.push(committed.to_record(&group, &topic.name, index));
                }
                partitions.push(answer);
            }
            topics.push(
                OffsetCommitResponseTopic::default()
                    .with_name(topic.name.clone())
                    .with_topic_id(topic.topic_id)
                    .with_partitions(partitions),
            );
        }
        Ok((records, OffsetCommitResponse::default().with_topics(topics)))
    }

    /// Deletes single offsets of a group that was checked; topics that it is subscribed to are refused.
    pub fn delete(
        &self,
        request: &OffsetDeleteRequest,
        is_subscribed: &dyn Fn(&str) -> bool,
    ) -> (Vec<Record>, OffsetDeleteResponse) {
        let group = GroupId::from(&request.group_id.0);
        let mut records = Vec::new();
        let mut topics = Vec::with_capacity(request.topics.len());
        for topic in &request.topics {
            let subscribed = is_subscribed(&topic.name);
            let mut partitions = Vec::with_capacity(topic.partitions.len());
            for partition in &topic.partitions {
                let index = partition.partition_index;
                let mut answer = OffsetDeleteResponsePartition::default().with_partition_index(index);
                if subscribed {
                    answer.error_code = ResponseError::GroupSubscribedToTopic.code();
                } else if self.is_known(&group, &topic.name, index) {
                    records.push(tombstone(&group, &topic.name, index));
                }
                partitions.push(answer);
            }
            topics.push(
                OffsetDeleteResponseTopic::default()
                    .with_name(topic.name.clone())
                    .with_partitions(partitions),
            );
        }
        (records, OffsetDeleteResponse::default().with_topics(topics))
    }

    fn is_known(&self, group: &GroupId, topic: &str, partition: i32) -> bool {
        self.committed(group, topic, partition).is_some() || self.pending.contains(group, topic, partition)
    }

    /// Takes all offsets of a group away, those of open transactions too.
    pub fn delete_group(&self, group: &GroupId) -> Vec<Record> {
        let committed = self.of_group(group).map(|(topic, partition, _)| (topic, partition));
        let pending = self.pending.of_group(group);
        let pending = pending.filter(|(topic, partition)| self.committed(group, topic, *partition).is_none());
        committed.chain(pending).map(|(topic, partition)| tombstone(group, topic, partition)).collect()
    }

    /// Takes away the offsets of topics, given by id and name, that were deleted. A commit that names another id is of a
    /// later topic of the same name, and stays.
    pub fn delete_topics(&self, topics: &[(Uuid, Arc<str>)]) -> Vec<Record> {
        let is_of = |name: &str, id: Uuid| {
            topics.iter().any(|(deleted, topic)| &**topic == name && (id.is_nil() || id == *deleted))
        };
        let mut records = Vec::new();
        for group in self.groups() {
            let gone = self.of_group(group).filter(|(topic, _, commit)| is_of(topic, commit.topic_id));
            records.extend(gone.map(|(topic, partition, _)| tombstone(group, topic, partition)));
        }
        for ((group, topic, partition), placed) in self.pending.iter() {
            if is_of(topic, placed.committed.topic_id) {
                records.push(tombstone(group, topic, *partition));
            }
        }
        records
    }
}

/// Kafka counts UTF-16 units, so that a text of `max` characters may have more bytes.
fn is_too_large(partition: &OffsetCommitRequestPartition, max: usize) -> bool {
    let Some(metadata) = &partition.committed_metadata else { return false };
    metadata.len() > max && metadata.encode_utf16().count() > max
}

fn from_request(
    topic: &OffsetCommitRequestTopic,
    partition: &OffsetCommitRequestPartition,
    now_ms: i64,
    expire_timestamp_ms: Option<i64>,
) -> CommittedOffset {
    CommittedOffset {
        offset: partition.committed_offset,
        leader_epoch: Some(partition.committed_leader_epoch).filter(|epoch| *epoch != -1),
        metadata: Arc::from(partition.committed_metadata.as_deref().unwrap_or_default()),
        commit_timestamp_ms: now_ms,
        expire_timestamp_ms,
        topic_id: topic.topic_id,
    }
}
