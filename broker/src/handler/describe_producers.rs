//! DescribeProducers (API 61): who has state in a partition (KIP-664).

use std::sync::Arc;

use medallion_log::ActiveProducer;
use medallion_wire::kafka_protocol::protocol::StrBytes;
use medallion_wire::messages::describe_producers_response::{
    PartitionResponse, ProducerState, TopicResponse,
};
use medallion_wire::messages::{DescribeProducersRequest, DescribeProducersResponse};
use medallion_wire::types::Uuid;
use medallion_wire::{Offset, ResponseError};

use super::authorize::Operation;
use super::context::{BrokerState, Handler, RequestContext};
use super::topic_lookup::{find_topic, led_partition};
use crate::controller::ApiError;
use crate::error::partition_code;

/// The API.
pub(crate) struct DescribeProducers;

impl Handler for DescribeProducers {
    type Request = DescribeProducersRequest;

    fn error_codes(response: &DescribeProducersResponse) -> Vec<i16> {
        let partitions = response.topics.iter().flat_map(|topic| &topic.partitions);
        partitions.map(|partition| partition.error_code).collect()
    }

    async fn handle(
        state: Arc<BrokerState>,
        context: RequestContext,
        request: DescribeProducersRequest,
    ) -> DescribeProducersResponse {
        let mut topics = Vec::with_capacity(request.topics.len());
        for topic in request.topics {
            let mut partitions = Vec::with_capacity(topic.partition_indexes.len());
            for index in topic.partition_indexes {
                let response = PartitionResponse::default().with_partition_index(index);
                if let Err(refusal) = check_topic(&state, &context, &topic.name) {
                    let response = response.with_error_code(refusal.code());
                    partitions.push(response.with_error_message(refusal.message.map(StrBytes::from_string)));
                    continue;
                }
                partitions.push(match describe(&state, &context, &topic.name, index).await {
                    Ok(producers) => {
                        response.with_active_producers(producers.iter().map(describe_one).collect())
                    }
                    Err(error) => response.with_error_code(error.code()),
                });
            }
            topics.push(TopicResponse::default().with_name(topic.name).with_partitions(partitions));
        }
        DescribeProducersResponse::default().with_topics(topics)
    }
}

/// What is wrong with a topic is told in words, what is wrong with a partition is not.
fn check_topic(state: &BrokerState, context: &RequestContext, topic: &str) -> Result<(), ApiError> {
    crate::topics::check_name(topic)
        .map_err(|reason| ApiError::new(ResponseError::InvalidTopicException, reason))?;
    let found = find_topic(state, context, &state.image(), topic, Uuid::nil(), Operation::Read).map(drop);
    found.map_err(ApiError::with_default_message)
}

async fn describe(
    state: &BrokerState,
    context: &RequestContext,
    topic: &str,
    index: i32,
) -> Result<Vec<ActiveProducer>, ResponseError> {
    let partition = {
        let image = state.image();
        let topic = find_topic(state, context, &image, topic, Uuid::nil(), Operation::Read)?;
        led_partition(state, topic, index, -1)?
    };
    let reader = partition.reader_soon().await.map_err(|error| partition_code(&error))?;
    Ok(reader.active_producers())
}

fn describe_one(producer: &ActiveProducer) -> ProducerState {
    ProducerState::default()
        .with_producer_id(producer.producer_id.get().into())
        .with_producer_epoch(i32::from(producer.producer_epoch.get()))
        .with_last_sequence(producer.last_sequence)
        .with_last_timestamp(producer.last_timestamp_ms)
        .with_coordinator_epoch(producer.coordinator_epoch)
        .with_current_txn_start_offset(producer.current_transaction_start_offset.map_or(-1, Offset::get))
}
