//! ListOffsets (API 2): offsets by time and by special timestamps.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use medallion_log::{LogReader, ReadError, TimestampedOffset};
use medallion_wire::kafka_protocol::protocol::HeaderVersion;
use medallion_wire::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use medallion_wire::messages::list_offsets_response::{
    ListOffsetsPartitionResponse, ListOffsetsTopicResponse,
};
use medallion_wire::messages::{ListOffsetsRequest, ListOffsetsResponse, TopicName};
use medallion_wire::newer_messages::list_offsets;
use medallion_wire::types::Uuid;
use medallion_wire::{LeaderEpoch, Offset, ResponseError};

use super::authorize::Operation;
use super::context::{BrokerState, Handler, RequestContext};
use super::topic_lookup::{find_topic, led_partition};
use crate::error::{partition_code, read_code};
use crate::replica::Partition;
use crate::server::reply::Reply;

const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
const MAX_TIMESTAMP: i64 = -3;
const EARLIEST_LOCAL: i64 = -4;
const LATEST_TIERED: i64 = -5;
const EARLIEST_PENDING_UPLOAD: i64 = -6;
/// The first version whose responses tell leader epochs.
const LEADER_EPOCH_MIN: i16 = 4;
/// The replica id of a tool that may see the log's end.
const DEBUGGING_CONSUMER: i32 = -2;

/// The API.
pub(crate) struct ListOffsets;

/// The end of what the client may see.
#[derive(Debug, Clone, Copy)]
enum Visible {
    LogEnd,
    HighWatermark,
    LastStable,
}

impl Handler for ListOffsets {
    type Request = ListOffsetsRequest;

    fn error_codes(response: &ListOffsetsResponse) -> Vec<i16> {
        let partitions = response.topics.iter().flat_map(|topic| &topic.partitions);
        partitions.map(|partition| partition.error_code).collect()
    }

    fn decode(version: i16, body: &mut Bytes) -> Result<ListOffsetsRequest, String> {
        list_offsets::decode_request(version, body).map_err(|error| error.to_string())
    }

    fn encode(response: &ListOffsetsResponse, version: i16, correlation_id: i32) -> Reply {
        let header_version = ListOffsetsResponse::header_version(version);
        Reply::encode_by(header_version, version, correlation_id, |frame| {
            list_offsets::encode_response(version, response, frame).map_err(|error| error.to_string())
        })
    }

    async fn handle(
        state: Arc<BrokerState>,
        context: RequestContext,
        request: ListOffsetsRequest,
    ) -> ListOffsetsResponse {
        let visible = match (request.replica_id.0, request.isolation_level) {
            (DEBUGGING_CONSUMER, _) => Visible::LogEnd,
            (_, 1) => Visible::LastStable,
            _ => Visible::HighWatermark,
        };
        let mut topics = Vec::new();
        for (name, asked) in by_topic(request.topics) {
            let mut partitions = Vec::with_capacity(asked.len());
            for (index, asked) in asked {
                let answer = match asked {
                    Some(asked) => look_up(&state, &context, &name, asked, visible).await,
                    None => Err(ResponseError::InvalidRequest),
                };
                partitions.push(partition_response(context.version, index, answer));
            }
            topics.push(ListOffsetsTopicResponse::default().with_name(name).with_partitions(partitions));
        }
        ListOffsetsResponse::default().with_topics(topics)
    }
}

/// What is asked of each topic, the topics once each; `None` for a partition that is asked for twice.
fn by_topic(
    topics: Vec<ListOffsetsTopic>,
) -> BTreeMap<TopicName, BTreeMap<i32, Option<ListOffsetsPartition>>> {
    let mut asked: BTreeMap<TopicName, BTreeMap<i32, Option<ListOffsetsPartition>>> = BTreeMap::new();
    for topic in topics {
        for partition in topic.partitions {
            let of_topic = asked.entry(topic.name.clone()).or_default();
            let place = of_topic.entry(partition.partition_index);
            place.and_modify(|earlier| *earlier = None).or_insert(Some(partition));
        }
    }
    asked
}

fn partition_response(
    version: i16,
    index: i32,
    answer: Result<Option<TimestampedOffset>, ResponseError>,
) -> ListOffsetsPartitionResponse {
    let response = ListOffsetsPartitionResponse::default()
        .with_partition_index(index)
        .with_offset(-1)
        .with_timestamp(-1)
        .with_leader_epoch(-1);
    match answer {
        Ok(Some(found)) => {
            let epoch = found.leader_epoch.filter(|_| version >= LEADER_EPOCH_MIN);
            response
                .with_offset(found.offset.get())
                .with_timestamp(found.timestamp_ms)
                .with_leader_epoch(epoch.map_or(-1, LeaderEpoch::get))
        }
        Ok(None) => response,
        Err(error) => response.with_error_code(error.code()),
    }
}

async fn look_up(
    state: &BrokerState,
    context: &RequestContext,
    topic: &str,
    asked: ListOffsetsPartition,
    visible: Visible,
) -> Result<Option<TimestampedOffset>, ResponseError> {
    let is_unsupported = asked.timestamp < 0 && context.version < oldest_version(asked.timestamp);
    let partition = {
        let image = state.image();
        match find_topic(state, context, &image, topic, Uuid::nil(), Operation::Describe) {
            Err(ResponseError::TopicAuthorizationFailed) => {
                return Err(ResponseError::TopicAuthorizationFailed);
            }
            _ if is_unsupported => return Err(ResponseError::UnsupportedVersion),
            found => led_partition(state, found?, asked.partition_index, asked.current_leader_epoch)?,
        }
    };
    let reader = partition.reader_soon().await.map_err(|error| partition_code(&error))?;
    if asked.timestamp >= 0 || asked.timestamp == MAX_TIMESTAMP {
        return scan(&partition, reader, asked.timestamp, visible).await;
    }
    Ok(special(&reader, partition.leader_epoch(), asked.timestamp, visible))
}

/// The first version in which a special timestamp may be asked for; none of the others is known.
fn oldest_version(timestamp: i64) -> i16 {
    match timestamp {
        LATEST | EARLIEST => 1,
        MAX_TIMESTAMP => 7,
        EARLIEST_LOCAL => 8,
        LATEST_TIERED => 9,
        EARLIEST_PENDING_UPLOAD => 11,
        _ => i16::MAX,
    }
}

/// The end of a log has the epoch of its leader, also where nothing was written in it yet.
fn special(
    reader: &LogReader,
    leader_epoch: LeaderEpoch,
    timestamp: i64,
    visible: Visible,
) -> Option<TimestampedOffset> {
    let at =
        |offset: Offset, leader_epoch| Some(TimestampedOffset { offset, timestamp_ms: -1, leader_epoch });
    match timestamp {
        LATEST => at(end(reader, visible), Some(leader_epoch)),
        EARLIEST | EARLIEST_LOCAL => {
            let start = reader.log_start_offset();
            at(start, reader.epoch_for_offset(start))
        }
        // Nothing is tiered, so there is neither a last tiered offset nor one that waits for its upload.
        _ => None,
    }
}

fn end(reader: &LogReader, visible: Visible) -> Offset {
    match visible {
        Visible::LogEnd => reader.log_end_offset(),
        Visible::HighWatermark => reader.high_watermark(),
        Visible::LastStable => reader.last_stable_offset(),
    }
}

/// Looks into segments, so it runs on the I/O pool.
async fn scan(
    partition: &Partition,
    reader: LogReader,
    timestamp: i64,
    visible: Visible,
) -> Result<Option<TimestampedOffset>, ResponseError> {
    let bound = end(&reader, visible);
    let found = tokio::task::spawn_blocking(move || {
        if timestamp == MAX_TIMESTAMP {
            reader.max_timestamp()
        } else {
            reader.offset_for_timestamp(timestamp)
        }
    })
    .await
    .map_err(|_| ResponseError::UnknownServerError)?;
    match found {
        Ok(found) => Ok(found.filter(|found| found.offset < bound)),
        Err(error) => {
            log_read_error(partition, &error);
            Err(read_code(&error))
        }
    }
}

fn log_read_error(partition: &Partition, error: &ReadError) {
    tracing::error!(partition = %partition.id(), %error, "looking up an offset by time failed");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_timestamps_have_a_first_version() {
        assert_eq!(oldest_version(LATEST), 1);
        assert_eq!(oldest_version(MAX_TIMESTAMP), 7);
        assert_eq!(oldest_version(EARLIEST_PENDING_UPLOAD), 11);
        assert_eq!(oldest_version(-7), i16::MAX, "an unknown one is never served");
    }
}
