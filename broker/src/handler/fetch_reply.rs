//! Builds fetch responses whose records stay in their files until they are sent.

use medallion_log::LogSlice;
use medallion_wire::ResponseError;
use medallion_wire::fetch_response::{
    Chunk as WireChunk, EncodedFetchResponse, FetchPartition, FetchResponse, FetchTopic, Records,
};
use medallion_wire::messages::ApiKey;
use medallion_wire::types::{BrokerId, LeaderEpoch, Offset, PartitionIndex, TopicId};

use super::context::{BrokerState, RequestContext};
use super::fetch_partition::ReadOutcome;
use crate::replica::fetch_session::{PartitionKey, TopicKey};
use crate::server::reply::{Chunk, FileRange, Reply};

/// The first version whose responses tell the leader where it is another (KIP-951).
const CURRENT_LEADER_MIN: i16 = 16;

impl Records for FileRange {
    fn byte_len(&self) -> usize {
        self.len
    }
}

/// A response that refuses the whole request.
pub(crate) fn error(
    state: &BrokerState,
    context: &RequestContext,
    error: ResponseError,
    throttle_ms: i32,
) -> Reply {
    state.metrics.request_failed(ApiKey::Fetch, error);
    let response = response(0, error.code(), Vec::new());
    send(context, FetchResponse { throttle_time_ms: throttle_ms, ..response }).throttled(throttle_ms)
}

/// The empty response to a client that is above a quota.
pub(crate) fn throttled(context: &RequestContext, session_id: i32, throttle_ms: i32) -> Reply {
    let response = response(session_id, 0, Vec::new());
    send(context, FetchResponse { throttle_time_ms: throttle_ms, ..response }).throttled(throttle_ms)
}

/// The response for the partitions of `outcomes`, neighbours of one topic put together.
pub(crate) fn encode(
    state: &BrokerState,
    context: &RequestContext,
    session_id: i32,
    outcomes: Vec<(PartitionKey, ReadOutcome)>,
) -> Reply {
    let mut topics: Vec<FetchTopic<Vec<FileRange>>> = Vec::new();
    let mut last: Option<TopicKey> = None;
    for (key, outcome) in outcomes {
        if let Some(error) = outcome.error {
            state.metrics.request_failed(ApiKey::Fetch, error);
        }
        let partition = partition(state, context.version, &key, outcome);
        match topics.last_mut() {
            Some(topic) if last.as_ref() == Some(&key.topic) => topic.partitions.push(partition),
            _ => topics.push(topic(&key.topic, partition)),
        }
        last = Some(key.topic);
    }
    send(context, response(session_id, 0, topics))
}

fn response(
    session_id: i32,
    error_code: i16,
    topics: Vec<FetchTopic<Vec<FileRange>>>,
) -> FetchResponse<Vec<FileRange>> {
    FetchResponse { throttle_time_ms: 0, error_code, session_id, topics, node_endpoints: Vec::new() }
}

fn send(context: &RequestContext, response: FetchResponse<Vec<FileRange>>) -> Reply {
    match response.encode(context.version, context.correlation_id) {
        Ok(EncodedFetchResponse { chunks, .. }) => {
            let mut sent = Vec::with_capacity(chunks.len());
            for chunk in chunks {
                match chunk {
                    WireChunk::Bytes(bytes) => sent.push(Chunk::Bytes(bytes)),
                    WireChunk::Records(ranges) => sent.extend(ranges.into_iter().map(Chunk::File)),
                }
            }
            Reply::Send(sent)
        }
        Err(error) => Reply::Close(format!("fetch response of version {}: {error}", context.version)),
    }
}

fn topic(key: &TopicKey, partition: FetchPartition<Vec<FileRange>>) -> FetchTopic<Vec<FileRange>> {
    let (topic, topic_id) = match key {
        TopicKey::Name(name) => (name.to_string(), TopicId::NONE),
        TopicKey::Id(id) => (String::new(), TopicId(*id)),
    };
    FetchTopic { topic, topic_id, partitions: vec![partition] }
}

fn partition(
    state: &BrokerState,
    version: i16,
    key: &PartitionKey,
    outcome: ReadOutcome,
) -> FetchPartition<Vec<FileRange>> {
    let moved = version >= CURRENT_LEADER_MIN
        && matches!(
            outcome.error,
            Some(ResponseError::NotLeaderOrFollower | ResponseError::FencedLeaderEpoch)
        );
    // Kafka lists none, rather than nothing, where there is no partition to read.
    let is_unknown =
        matches!(outcome.error, Some(ResponseError::UnknownTopicOrPartition | ResponseError::UnknownTopicId));
    let aborted = outcome.aborted.or(is_unknown.then(Vec::new)).map(|transactions| {
        transactions.iter().map(|transaction| (transaction.producer_id, transaction.first_offset)).collect()
    });
    FetchPartition {
        partition_index: PartitionIndex(key.partition),
        error_code: outcome.error.map_or(0, |error| error.code()),
        high_watermark: Offset(outcome.high_watermark),
        last_stable_offset: Offset(outcome.last_stable_offset),
        log_start_offset: Offset(outcome.log_start_offset),
        diverging_epoch: outcome.diverging,
        current_leader: if moved { current_leader(state, key) } else { None },
        aborted_transactions: aborted,
        preferred_read_replica: None,
        records: Some(outcome.slice.map(file_range).into_iter().collect()),
    }
}

fn file_range(slice: LogSlice) -> FileRange {
    FileRange { file: slice.file, position: slice.position, len: slice.len }
}

fn current_leader(state: &BrokerState, key: &PartitionKey) -> Option<(BrokerId, LeaderEpoch)> {
    let image = state.image();
    let topic = match &key.topic {
        TopicKey::Name(name) => image.topics.by_name(name),
        TopicKey::Id(id) => image.topics.by_id(TopicId(*id)),
    }?;
    let registration = topic.partitions.get(&PartitionIndex(key.partition))?;
    Some((BrokerId(registration.leader), registration.leader_epoch))
}
