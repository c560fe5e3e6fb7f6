//! DescribeTopicPartitions (API 75): topics page by page (KIP-966).

use std::collections::BTreeSet;
use std::sync::Arc;

use medallion_wire::messages::describe_topic_partitions_response::{
    Cursor, DescribeTopicPartitionsResponsePartition, DescribeTopicPartitionsResponseTopic,
};
use medallion_wire::messages::{BrokerId, DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse};
use medallion_wire::{PartitionIndex, ResponseError};

use super::authorize::{Operation, Resource, authorized_operations};
use super::context::{BrokerState, Handler, RequestContext};
use super::metadata::offline_replicas;
use super::topic_lookup::topic_name;
use crate::controller::image::{MetadataImage, PartitionRegistration, TopicImage};
use crate::topics;

/// The API.
pub(crate) struct DescribeTopicPartitions;

impl Handler for DescribeTopicPartitions {
    type Request = DescribeTopicPartitionsRequest;

    fn error_codes(response: &DescribeTopicPartitionsResponse) -> Vec<i16> {
        response.topics.iter().map(|topic| topic.error_code).collect()
    }

    async fn handle(
        state: Arc<BrokerState>,
        context: RequestContext,
        request: DescribeTopicPartitionsRequest,
    ) -> DescribeTopicPartitionsResponse {
        let image = state.image();
        let (first_topic, first_partition) = match &request.cursor {
            Some(cursor) => (cursor.topic_name.to_string(), cursor.partition_index),
            None => (String::new(), 0),
        };
        let names: BTreeSet<String> = if request.topics.is_empty() {
            image.topics.iter_from(&first_topic).map(|topic| topic.name.to_string()).collect()
        } else {
            let asked = request.topics.iter().map(|topic| topic.name.to_string());
            asked.filter(|name| *name >= first_topic).collect()
        };
        let allowed = state.config.load().max_request_partition_size_limit;
        let mut left = usize::try_from(request.response_partition_limit).unwrap_or(1).min(allowed).max(1);
        let mut response = DescribeTopicPartitionsResponse::default();
        for name in names {
            let begin = if name == first_topic { first_partition } else { 0 };
            if left == 0 {
                response.next_cursor = Some(cursor(&name, begin));
                break;
            }
            if !state.allows(&context, Operation::Describe, Resource::Topic(&name)) {
                if !request.topics.is_empty() {
                    response.topics.push(refused(&name, ResponseError::TopicAuthorizationFailed));
                }
                continue;
            }
            let Some(topic) = image.topics.by_name(&name) else {
                let valid = topics::check_name(&name).is_ok();
                let error = if valid {
                    ResponseError::UnknownTopicOrPartition
                } else {
                    ResponseError::InvalidTopicException
                };
                response.topics.push(refused(&name, error));
                continue;
            };
            let (described, next) = describe(&state, &context, &image, topic, begin, left);
            left -= described.partitions.len();
            response.topics.push(described);
            if let Some(next) = next {
                response.next_cursor = Some(cursor(&name, next));
                break;
            }
        }
        response
    }
}

fn cursor(topic: &str, partition: i32) -> Cursor {
    Cursor::default().with_topic_name(topic_name(topic)).with_partition_index(partition)
}

fn refused(name: &str, error: ResponseError) -> DescribeTopicPartitionsResponseTopic {
    DescribeTopicPartitionsResponseTopic::default()
        .with_error_code(error.code())
        .with_name(Some(topic_name(name)))
        .with_topic_authorized_operations(i32::MIN)
}

/// Describes at most `limit` partitions from `begin` on; gives the next one when not all fitted.
fn describe(
    state: &BrokerState,
    context: &RequestContext,
    image: &MetadataImage,
    topic: &TopicImage,
    begin: i32,
    limit: usize,
) -> (DescribeTopicPartitionsResponseTopic, Option<i32>) {
    let mut rest = topic.partitions.range(PartitionIndex(begin)..);
    let partitions: Vec<_> = rest
        .by_ref()
        .take(limit)
        .map(|(index, partition)| describe_partition(image, *index, partition))
        .collect();
    let next = rest.next().map(|(index, _)| index.get());
    let operations =
        authorized_operations(&*state.authorizer, &context.principal, Resource::Topic(&topic.name));
    let described = DescribeTopicPartitionsResponseTopic::default()
        .with_name(Some(topic_name(&topic.name)))
        .with_topic_id(topic.id.0)
        .with_is_internal(topics::is_internal(&topic.name))
        .with_partitions(partitions)
        .with_topic_authorized_operations(operations);
    (described, next)
}

fn describe_partition(
    image: &MetadataImage,
    index: PartitionIndex,
    partition: &PartitionRegistration,
) -> DescribeTopicPartitionsResponsePartition {
    let ids = |brokers: &[i32]| -> Vec<BrokerId> { brokers.iter().map(|id| (*id).into()).collect() };
    let leader_missing = !image.is_active(partition.leader);
    DescribeTopicPartitionsResponsePartition::default()
        .with_error_code(if leader_missing { ResponseError::LeaderNotAvailable.code() } else { 0 })
        .with_partition_index(index.get())
        .with_leader_id(if leader_missing { -1 } else { partition.leader }.into())
        .with_leader_epoch(partition.leader_epoch.get())
        .with_replica_nodes(ids(&partition.replicas))
        .with_isr_nodes(ids(&partition.isr))
        .with_eligible_leader_replicas(Some(ids(&partition.elr)))
        .with_last_known_elr(Some(ids(&partition.last_known_elr)))
        .with_offline_replicas(ids(&offline_replicas(image, partition)))
}
