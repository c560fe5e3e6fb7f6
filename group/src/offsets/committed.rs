//! One committed offset, and its record.

use std::sync::Arc;

use medallion_wire::internal_records::GroupRecordKey;
use medallion_wire::internal_records::group::{OffsetCommitKey, OffsetCommitValue};
use medallion_wire::types::Uuid;

use crate::ids::GroupId;
use crate::record::Record;

/// The version of `OffsetCommitValue` that still has an expiry time of its own.
const VERSION_WITH_EXPIRY: i16 = 1;
/// The version that is written otherwise: with a leader epoch and the topic's id.
const VERSION: i16 = 4;
/// What stands for "none" in records.
const NONE: i64 = -1;

/// What a group has committed for one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommittedOffset {
    /// The next offset to read.
    pub offset: i64,
    /// The leader epoch of the last record that was read.
    pub leader_epoch: Option<i32>,
    /// The consumer's own text.
    pub metadata: Arc<str>,
    /// When it was committed, in milliseconds since 1970.
    pub commit_timestamp_ms: i64,
    /// When it expires, if the client has said so (`OffsetCommit` up to version 4).
    pub expire_timestamp_ms: Option<i64>,
    /// The topic's id; nil where it was not known.
    pub topic_id: Uuid,
}

impl CommittedOffset {
    /// As a record says.
    pub fn from_value(value: &OffsetCommitValue) -> Self {
        Self {
            offset: value.offset,
            leader_epoch: Some(value.leader_epoch).filter(|epoch| *epoch != -1),
            metadata: Arc::from(value.metadata.as_str()),
            commit_timestamp_ms: value.commit_timestamp,
            expire_timestamp_ms: Some(value.expire_timestamp).filter(|time| *time != NONE),
            topic_id: value.topic_id,
        }
    }

    /// The record that commits it.
    pub fn to_record(&self, group: &GroupId, topic: &str, partition: i32) -> Record {
        let value = OffsetCommitValue {
            offset: self.offset,
            leader_epoch: self.leader_epoch.unwrap_or(-1),
            metadata: self.metadata.to_string(),
            commit_timestamp: self.commit_timestamp_ms,
            expire_timestamp: self.expire_timestamp_ms.unwrap_or(NONE),
            topic_id: self.topic_id,
            ..OffsetCommitValue::default()
        };
        let version = if self.expire_timestamp_ms.is_some() { VERSION_WITH_EXPIRY } else { VERSION };
        Record::set(key(group, topic, partition), value, version)
    }
}

/// The key of a partition's commits.
fn key(group: &GroupId, topic: &str, partition: i32) -> GroupRecordKey {
    OffsetCommitKey { group: group.to_string(), topic: topic.to_owned(), partition }.into()
}

/// The record that takes a commit away.
pub(super) fn tombstone(group: &GroupId, topic: &str, partition: i32) -> Record {
    Record::tombstone(key(group, topic, partition))
}
