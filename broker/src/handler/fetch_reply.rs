//! Builds fetch responses whose records stay in their files until they are sent.

use bytes::Bytes;
use medallion_wire::ResponseError;
use medallion_wire::messages::fetch_response::{
    AbortedTransaction, EpochEndOffset, FetchableTopicResponse, LeaderIdAndEpoch, PartitionData,
};
use medallion_wire::messages::{FetchResponse, ProducerId};
use medallion_wire::types::{PartitionIndex, TopicId};

use super::context::{BrokerState, RequestContext};
use super::fetch_partition::ReadOutcome;
use crate::replica::fetch_session::{PartitionKey, TopicKey};
use crate::server::reply::Reply;

/// A response that refuses the whole request.
pub(crate) fn error(context: &RequestContext, error: ResponseError) -> Reply {
    let response = FetchResponse::default().with_error_code(error.code());
    Reply::encode(&response, context.version, context.correlation_id)
}

/// The response for the partitions of `outcomes`, neighbours of one topic put together.
pub(crate) fn encode(
    state: &BrokerState,
    context: &RequestContext,
    session_id: i32,
    outcomes: Vec<(PartitionKey, ReadOutcome)>,
) -> Reply {
    let mut topics: Vec<FetchableTopicResponse> = Vec::new();
    let mut last: Option<TopicKey> = None;
    for (key, outcome) in outcomes {
        let data = partition_data(state, &key, outcome);
        match topics.last_mut() {
            Some(topic) if last.as_ref() == Some(&key.topic) => topic.partitions.push(data),
            _ => topics.push(topic_response(&key.topic).with_partitions(vec![data])),
        }
        last = Some(key.topic);
    }
    let response = FetchResponse::default().with_session_id(session_id).with_responses(topics);
    Reply::encode(&response, context.version, context.correlation_id)
}

fn topic_response(key: &TopicKey) -> FetchableTopicResponse {
    match key {
        TopicKey::Name(name) => FetchableTopicResponse::default().with_topic(name.clone()),
        TopicKey::Id(id) => FetchableTopicResponse::default().with_topic_id(*id),
    }
}

fn partition_data(state: &BrokerState, key: &PartitionKey, outcome: ReadOutcome) -> PartitionData {
    let records = outcome.slice.as_ref().map(|slice| slice.read_to_vec().unwrap_or_default());
    let mut data = PartitionData::default()
        .with_partition_index(key.partition)
        .with_error_code(outcome.error.map_or(0, |error| error.code()))
        .with_high_watermark(outcome.high_watermark)
        .with_last_stable_offset(outcome.last_stable_offset)
        .with_log_start_offset(outcome.log_start_offset)
        .with_aborted_transactions(outcome.aborted.map(|list| list.iter().map(aborted).collect()))
        .with_records(Some(Bytes::from(records.unwrap_or_default())));
    if let Some((epoch, end)) = outcome.diverging {
        data = data.with_diverging_epoch(
            EpochEndOffset::default().with_epoch(epoch.get()).with_end_offset(end.get()),
        );
    }
    if matches!(outcome.error, Some(ResponseError::NotLeaderOrFollower | ResponseError::FencedLeaderEpoch)) {
        data = data.with_current_leader(current_leader(state, key));
    }
    data
}

fn aborted(transaction: &medallion_log::AbortedTransaction) -> AbortedTransaction {
    AbortedTransaction::default()
        .with_producer_id(ProducerId(transaction.producer_id.get()))
        .with_first_offset(transaction.first_offset.get())
}

fn current_leader(state: &BrokerState, key: &PartitionKey) -> LeaderIdAndEpoch {
    let image = state.image();
    let topic = match &key.topic {
        TopicKey::Name(name) => image.topics.by_name(name),
        TopicKey::Id(id) => image.topics.by_id(TopicId(*id)),
    };
    match topic.and_then(|topic| topic.partitions.get(&PartitionIndex(key.partition))) {
        Some(registration) => LeaderIdAndEpoch::default()
            .with_leader_id(registration.leader.into())
            .with_leader_epoch(registration.leader_epoch.get()),
        None => LeaderIdAndEpoch::default(),
    }
}
