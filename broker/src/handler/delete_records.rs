//! DeleteRecords (API 21): raises the log start offset.

use std::collections::BTreeMap;
use std::sync::Arc;

use medallion_wire::messages::delete_records_response::{
    DeleteRecordsPartitionResult, DeleteRecordsTopicResult,
};
use medallion_wire::messages::{DeleteRecordsRequest, DeleteRecordsResponse, TopicName};
use medallion_wire::types::Uuid;
use medallion_wire::{Offset, ResponseError};

use super::authorize::Operation;
use super::context::{BrokerState, Handler, RequestContext};
use super::topic_lookup::{find_topic, led_partition};
use crate::error::{log_code, partition_code};
use crate::replica::Partition;

/// Stands for the high watermark.
const HIGH_WATERMARK: i64 = -1;

/// The API.
pub(crate) struct DeleteRecords;

impl Handler for DeleteRecords {
    type Request = DeleteRecordsRequest;

    fn error_codes(response: &DeleteRecordsResponse) -> Vec<i16> {
        let partitions = response.topics.iter().flat_map(|topic| &topic.partitions);
        partitions.map(|partition| partition.error_code).collect()
    }

    async fn handle(
        state: Arc<BrokerState>,
        context: RequestContext,
        request: DeleteRecordsRequest,
    ) -> DeleteRecordsResponse {
        // What is said last of a partition counts.
        let mut by_topic: BTreeMap<TopicName, BTreeMap<i32, i64>> = BTreeMap::new();
        for topic in request.topics {
            for asked in topic.partitions {
                by_topic.entry(topic.name.clone()).or_default().insert(asked.partition_index, asked.offset);
            }
        }
        let mut topics = Vec::with_capacity(by_topic.len());
        for (name, asked) in by_topic {
            let mut partitions = Vec::with_capacity(asked.len());
            for (index, offset) in asked {
                let outcome = match find(&state, &context, &name, index) {
                    Ok(partition) => delete(partition, offset).await,
                    Err(error) => Err(error),
                };
                let result = DeleteRecordsPartitionResult::default().with_partition_index(index);
                partitions.push(match outcome {
                    Ok(low_watermark) => result.with_low_watermark(low_watermark.get()),
                    Err(error) => result.with_error_code(error.code()).with_low_watermark(-1),
                });
            }
            topics.push(DeleteRecordsTopicResult::default().with_name(name).with_partitions(partitions));
        }
        DeleteRecordsResponse::default().with_topics(topics)
    }
}

fn find(
    state: &BrokerState,
    context: &RequestContext,
    topic: &str,
    index: i32,
) -> Result<Arc<Partition>, ResponseError> {
    let image = state.image();
    let topic = find_topic(state, context, &image, topic, Uuid::nil(), Operation::Delete)?;
    if crate::topics::is_internal(&topic.name) {
        return Err(ResponseError::InvalidTopicException);
    }
    led_partition(state, topic, index, -1)
}

async fn delete(partition: Arc<Partition>, offset: i64) -> Result<Offset, ResponseError> {
    partition.reader_soon().await.map_err(|error| partition_code(&error))?;
    let policy = partition.settings().log.cleanup_policy;
    if policy.compact && !policy.delete {
        return Err(ResponseError::PolicyViolation);
    }
    if offset < HIGH_WATERMARK {
        return Err(ResponseError::OffsetOutOfRange);
    }
    let deleted = tokio::task::spawn_blocking(move || {
        partition.with_log(|log| {
            let before = match offset {
                HIGH_WATERMARK => log.reader().high_watermark(),
                asked => Offset(asked),
            };
            log.delete_records(before)
        })
    });
    match deleted.await {
        Ok(Ok(Ok(low_watermark))) => Ok(low_watermark),
        Ok(Ok(Err(error))) => Err(log_code(&error)),
        Ok(Err(error)) => Err(partition_code(&error)),
        Err(_) => Err(ResponseError::UnknownServerError),
    }
}
