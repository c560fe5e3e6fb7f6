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
        if let Err(error) = check_cursor(&request) {
            return all_refused(&request, error);
        }
        let image = state.image();
        let allowed = state.config.load().max_request_partition_size_limit;
        let limit = usize::try_from(request.response_partition_limit).unwrap_or(1).min(allowed).max(1);
        let page = Page { state: &state, context: &context, image: &image, request: &request };
        let (first_topic, _) = page.begin();
        if request.topics.is_empty() {
            let names = image.topics.iter_from(&first_topic).map(|topic| &*topic.name);
            return page.fill(names, limit);
        }
        let names = request.topics.iter().map(|topic| topic.name.as_str());
        let names: BTreeSet<&str> = names.filter(|name| *name >= first_topic.as_str()).collect();
        if names.contains("") {
            return all_refused(&request, ResponseError::UnknownServerError);
        }
        page.fill(names.into_iter(), limit)
    }
}

/// Source: Kafka's `DescribeTopicPartitionsRequestHandler`.
fn check_cursor(request: &DescribeTopicPartitionsRequest) -> Result<(), ResponseError> {
    let Some(cursor) = &request.cursor else { return Ok(()) };
    let is_asked_for =
        request.topics.is_empty() || request.topics.iter().any(|topic| topic.name == cursor.topic_name);
    if is_asked_for && cursor.partition_index >= 0 { Ok(()) } else { Err(ResponseError::InvalidRequest) }
}

/// One response, from the cursor on.
struct Page<'a> {
    state: &'a BrokerState,
    context: &'a RequestContext,
    image: &'a MetadataImage,
    request: &'a DescribeTopicPartitionsRequest,
}

impl Page<'_> {
    /// The first topic and its first partition.
    fn begin(&self) -> (String, i32) {
        let cursor = self.request.cursor.as_ref();
        cursor.map_or_else(Default::default, |cursor| (cursor.topic_name.to_string(), cursor.partition_index))
    }

    /// Describes the topics of `names`, which are sorted, up to `limit` partitions.
    fn fill<'n>(
        &self,
        names: impl Iterator<Item = &'n str>,
        limit: usize,
    ) -> DescribeTopicPartitionsResponse {
        let (first_topic, first_partition) = self.begin();
        let mut response = DescribeTopicPartitionsResponse::default();
        let mut hidden = Vec::new();
        let mut left = limit;
        for name in names {
            if !self.state.allows(self.context, Operation::Describe, Resource::Topic(name)) {
                hidden.push(refused(name, ResponseError::TopicAuthorizationFailed));
                continue;
            }
            if left == 0 {
                response.next_cursor = Some(cursor(name, 0));
                break;
            }
            let Some(topic) = self.image.topics.by_name(name) else {
                response.topics.push(self.unknown(name));
                continue;
            };
            let begin = if name == first_topic { first_partition } else { 0 };
            let (described, next) = describe(self.state, self.context, self.image, topic, begin, left);
            left -= described.partitions.len();
            response.topics.push(described);
            if let Some(next) = next {
                response.next_cursor = Some(cursor(name, next));
                break;
            }
        }
        if !self.request.topics.is_empty() {
            response.topics.extend(hidden);
        }
        response
    }

    /// A name that no topic has; what may be done to it is told all the same.
    fn unknown(&self, name: &str) -> DescribeTopicPartitionsResponseTopic {
        let error = match topics::check_name(name) {
            Ok(()) => ResponseError::UnknownTopicOrPartition,
            Err(_) => ResponseError::InvalidTopicException,
        };
        let resource = Resource::Topic(name);
        refused(name, error).with_is_internal(topics::is_internal(name)).with_topic_authorized_operations(
            authorized_operations(&*self.state.authorizer, &self.context.principal, resource),
        )
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

/// All topics of a request with one error. Kafka refuses so what it cannot describe at all; a topic without a name, whose
/// operations it cannot tell, with its error for everything unforeseen.
fn all_refused(
    request: &DescribeTopicPartitionsRequest,
    error: ResponseError,
) -> DescribeTopicPartitionsResponse {
    let refused = request.topics.iter().map(|topic| refused(&topic.name, error));
    DescribeTopicPartitionsResponse::default().with_topics(refused.collect())
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
