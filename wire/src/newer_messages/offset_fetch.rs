//! `OffsetFetch`, versions 1 to 10. Responses: `kafka_protocol` has all of them.

use bytes::Bytes;

use super::{MessageError, decode_by_crate, decode_with, nullable_text, tagged_fields, text};
use crate::internal_records::DecodeError;
use crate::internal_records::codec::Reader;
use crate::messages::OffsetFetchRequest;
use crate::messages::offset_fetch_request::{OffsetFetchRequestGroup, OffsetFetchRequestTopics};

/// The last version.
pub const LAST_VERSION: i16 = 10;

/// Reads a request. In version 10 the topics have ids and no names.
///
/// # Errors
///
/// For a version that does not exist and for bytes that are no such request.
pub fn decode_request(version: i16, buf: &mut Bytes) -> Result<OffsetFetchRequest, MessageError> {
    if version != LAST_VERSION {
        return decode_by_crate("OffsetFetchRequest", version, buf);
    }
    decode_with(buf, |reader| {
        Ok(OffsetFetchRequest::default()
            .with_groups(reader.array(true, 8, "OffsetFetchRequest.Groups", group)?)
            .with_require_stable(reader.bool("OffsetFetchRequest.RequireStable")?)
            .with_unknown_tagged_fields(tagged_fields(reader, "OffsetFetchRequest")?))
    })
}

fn group(reader: &mut Reader<'_>) -> Result<OffsetFetchRequestGroup, DecodeError> {
    Ok(OffsetFetchRequestGroup::default()
        .with_group_id(text(reader, "OffsetFetchRequestGroup.GroupId")?.into())
        .with_member_id(nullable_text(reader, "OffsetFetchRequestGroup.MemberId")?)
        .with_member_epoch(reader.int32("OffsetFetchRequestGroup.MemberEpoch")?)
        .with_topics(reader.nullable_array(true, true, 18, "OffsetFetchRequestGroup.Topics", topic)?)
        .with_unknown_tagged_fields(tagged_fields(reader, "OffsetFetchRequestGroup")?))
}

fn topic(reader: &mut Reader<'_>) -> Result<OffsetFetchRequestTopics, DecodeError> {
    Ok(OffsetFetchRequestTopics::default()
        .with_topic_id(reader.uuid("OffsetFetchRequestTopics.TopicId")?)
        .with_partition_indexes(reader.array(
            true,
            4,
            "OffsetFetchRequestTopics.PartitionIndexes",
            |reader| reader.int32("OffsetFetchRequestTopics.PartitionIndexes"),
        )?)
        .with_unknown_tagged_fields(tagged_fields(reader, "OffsetFetchRequestTopics")?))
}
