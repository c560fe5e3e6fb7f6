//! `OffsetCommit`, versions 2 to 10. Responses: `kafka_protocol` has all of them.

use bytes::Bytes;

use super::{MessageError, decode_by_crate, decode_with, nullable_text, tagged_fields, text};
use crate::internal_records::DecodeError;
use crate::internal_records::codec::Reader;
use crate::messages::OffsetCommitRequest;
use crate::messages::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};

/// The last version.
pub const LAST_VERSION: i16 = 10;

/// Reads a request. In version 10 the topics have ids and no names.
///
/// # Errors
///
/// For a version that does not exist and for bytes that are no such request.
pub fn decode_request(version: i16, buf: &mut Bytes) -> Result<OffsetCommitRequest, MessageError> {
    if version != LAST_VERSION {
        return decode_by_crate("OffsetCommitRequest", version, buf);
    }
    decode_with(buf, |reader| {
        Ok(OffsetCommitRequest::default()
            .with_group_id(text(reader, "OffsetCommitRequest.GroupId")?.into())
            .with_generation_id_or_member_epoch(
                reader.int32("OffsetCommitRequest.GenerationIdOrMemberEpoch")?,
            )
            .with_member_id(text(reader, "OffsetCommitRequest.MemberId")?)
            .with_group_instance_id(nullable_text(reader, "OffsetCommitRequest.GroupInstanceId")?)
            .with_topics(reader.array(true, 18, "OffsetCommitRequest.Topics", topic)?)
            .with_unknown_tagged_fields(tagged_fields(reader, "OffsetCommitRequest")?))
    })
}

fn topic(reader: &mut Reader<'_>) -> Result<OffsetCommitRequestTopic, DecodeError> {
    Ok(OffsetCommitRequestTopic::default()
        .with_topic_id(reader.uuid("OffsetCommitRequestTopic.TopicId")?)
        .with_partitions(reader.array(true, 18, "OffsetCommitRequestTopic.Partitions", partition)?)
        .with_unknown_tagged_fields(tagged_fields(reader, "OffsetCommitRequestTopic")?))
}

fn partition(reader: &mut Reader<'_>) -> Result<OffsetCommitRequestPartition, DecodeError> {
    Ok(OffsetCommitRequestPartition::default()
        .with_partition_index(reader.int32("OffsetCommitRequestPartition.PartitionIndex")?)
        .with_committed_offset(reader.int64("OffsetCommitRequestPartition.CommittedOffset")?)
        .with_committed_leader_epoch(reader.int32("OffsetCommitRequestPartition.CommittedLeaderEpoch")?)
        .with_committed_metadata(nullable_text(reader, "OffsetCommitRequestPartition.CommittedMetadata")?)
        .with_unknown_tagged_fields(tagged_fields(reader, "OffsetCommitRequestPartition")?))
}
