//! Metadata (API 3): brokers, topics, partitions and their leaders; creates topics on demand.

use std::collections::BTreeSet;
use std::sync::Arc;

use medallion_wire::kafka_protocol::protocol::StrBytes;
use medallion_wire::messages::create_topics_request::CreatableTopic;
use medallion_wire::messages::metadata_request::MetadataRequestTopic;
use medallion_wire::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use medallion_wire::messages::{CreateTopicsRequest, MetadataRequest, MetadataResponse};
use medallion_wire::{PartitionIndex, ResponseError, TopicId};

use super::authorize::{Operation, Resource, authorized_operations};
use super::context::{BrokerState, Handler, RequestContext};
use super::internal_topics::{CREATION_TIMEOUT_MS, creatable};
use super::throttle::mutation_quota;
use super::topic_lookup::topic_name;
use crate::controller::image::{MetadataImage, PartitionRegistration, TopicImage};
use crate::topics;

/// Means "operations were not asked for".
const OPERATIONS_NOT_ASKED: i32 = i32::MIN;

/// The first version in which topics may be asked for by their ids.
const BY_ID_MIN: i16 = 12;

/// The API.
pub(crate) struct Metadata;

impl Handler for Metadata {
    type Request = MetadataRequest;

    fn error_codes(response: &MetadataResponse) -> Vec<i16> {
        response.topics.iter().map(|topic| topic.error_code).collect()
    }

    async fn handle(
        state: Arc<BrokerState>,
        context: RequestContext,
        request: MetadataRequest,
    ) -> MetadataResponse {
        if context.version < BY_ID_MIN && request.topics.iter().flatten().any(|topic| !is_by_name(topic)) {
            return refusal(&request, ResponseError::InvalidRequest);
        }
        if names_nothing(&request) {
            return refusal(&request, ResponseError::UnknownServerError);
        }
        let all = asks_for_all(context.version, &request);
        let may_create = context.version < 4 || request.allow_auto_topic_creation;
        if !all && may_create && state.config.load().auto_create_topics_enable {
            create_missing(&state, &context, request.topics.as_deref().unwrap_or_default()).await;
        }
        let image = state.image();
        let operations = request.include_topic_authorized_operations;
        let topics = if all {
            all_topics(&state, &context, &image, operations)
        } else {
            let asked = request.topics.as_deref().unwrap_or_default();
            // Where there are ids, only they count; a topic that is named twice is told once.
            let by_id = asked.iter().any(|topic| !topic.topic_id.is_nil());
            let asked = asked.iter().filter(|topic| topic.topic_id.is_nil() != by_id);
            let mut told = BTreeSet::new();
            let name = |topic: &MetadataRequestTopic| topic.name.clone().filter(|_| !by_id);
            let asked = asked.filter(|topic| told.insert((topic.topic_id, name(topic))));
            asked.map(|topic| asked_topic(&state, &context, &image, topic, operations)).collect()
        };
        let cluster_operations = if request.include_cluster_authorized_operations
            && state.allows(&context, Operation::Describe, Resource::Cluster)
        {
            authorized_operations(&*state.authorizer, &context.principal, Resource::Cluster)
        } else {
            OPERATIONS_NOT_ASKED
        };
        MetadataResponse::default()
            .with_brokers(brokers(&context, &image))
            .with_cluster_id(Some(state.cluster_id.clone()))
            .with_controller_id(state.node_id.into())
            .with_topics(topics)
            .with_cluster_authorized_operations(cluster_operations)
    }
}

fn is_by_name(topic: &MetadataRequestTopic) -> bool {
    topic.name.is_some() && topic.topic_id.is_nil()
}

/// Whether a topic is asked for by neither id nor name, where nothing is asked for by id. Kafka fails on that.
fn names_nothing(request: &MetadataRequest) -> bool {
    let topics = || request.topics.iter().flatten();
    topics().all(|topic| topic.topic_id.is_nil()) && topics().any(|topic| topic.name.is_none())
}

/// The same error for all that is asked.
fn refusal(request: &MetadataRequest, error: ResponseError) -> MetadataResponse {
    let error = error.code();
    let topics = request.topics.iter().flatten().map(|topic| {
        MetadataResponseTopic::default()
            .with_error_code(error)
            .with_name(Some(topic.name.clone().unwrap_or_default()))
            .with_topic_id(topic.topic_id)
            .with_topic_authorized_operations(OPERATIONS_NOT_ASKED)
    });
    MetadataResponse::default()
        .with_error_code(error)
        .with_controller_id((-1).into())
        .with_cluster_id(None)
        .with_cluster_authorized_operations(OPERATIONS_NOT_ASKED)
        .with_topics(topics.collect())
}

/// In version 0 an empty list stands for all topics, later a null does.
fn asks_for_all(version: i16, request: &MetadataRequest) -> bool {
    match &request.topics {
        None => true,
        Some(topics) => version == 0 && topics.is_empty(),
    }
}

/// The brokers that can be reached by the listener on which the request came.
fn brokers(context: &RequestContext, image: &MetadataImage) -> Vec<MetadataResponseBroker> {
    let active = image.brokers.values().filter(|broker| !broker.fenced);
    active
        .filter_map(|broker| {
            let endpoint = broker.endpoint(&context.listener.name)?;
            let response = MetadataResponseBroker::default()
                .with_node_id(broker.id.into())
                .with_host(StrBytes::from_string(endpoint.host.to_string()))
                .with_port(i32::from(endpoint.port))
                .with_rack(broker.rack.as_ref().map(|rack| StrBytes::from_string(rack.to_string())));
            Some(response)
        })
        .collect()
}

/// Creates the asked topics that are missing, have a valid name and may be created. What goes wrong shows in the
/// response, where the topic stays unknown.
async fn create_missing(state: &BrokerState, context: &RequestContext, asked: &[MetadataRequestTopic]) {
    let missing: Vec<CreatableTopic> = {
        let (image, config) = (state.image(), state.config.load());
        let names =
            asked.iter().filter(|topic| topic.topic_id.is_nil()).filter_map(|topic| topic.name.as_deref());
        names
            .filter(|name| topics::check_name(name).is_ok() && image.topics.by_name(name).is_none())
            .collect::<BTreeSet<_>>()
            .into_iter()
            .filter(|name| {
                state.allows(context, Operation::Create, Resource::Cluster)
                    || state.allows(context, Operation::Create, Resource::Topic(name))
            })
            .filter_map(|name| creatable(&config, name))
            .collect()
    };
    if missing.is_empty() {
        return;
    }
    let request = CreateTopicsRequest::default().with_topics(missing).with_timeout_ms(CREATION_TIMEOUT_MS);
    // As in Kafka the client asks for the topics by the newest request, whose quota refuses.
    let quota = mutation_quota(state, context, 0);
    match state.controller.create_topics(request, quota).await {
        Ok(response) => {
            for topic in response.topics.iter().filter(|topic| topic.error_code != 0) {
                tracing::warn!(topic = %topic.name.0, code = topic.error_code, reason = ?topic.error_message,
                    "topic was not created on demand");
            }
        }
        Err(error) => tracing::warn!(%error, "topics were not created on demand"),
    }
}

fn all_topics(
    state: &BrokerState,
    context: &RequestContext,
    image: &MetadataImage,
    operations: bool,
) -> Vec<MetadataResponseTopic> {
    let visible = image
        .topics
        .iter()
        .filter(|topic| state.allows(context, Operation::Describe, Resource::Topic(&topic.name)));
    visible.map(|topic| describe(state, context, image, topic, operations)).collect()
}

fn asked_topic(
    state: &BrokerState,
    context: &RequestContext,
    image: &MetadataImage,
    asked: &MetadataRequestTopic,
    operations: bool,
) -> MetadataResponseTopic {
    let refused = |error: ResponseError| {
        // A name that may be described is told with what may be done to it, whether there is such a topic or not.
        let name = asked.name.clone().filter(|_| asked.topic_id.is_nil());
        let operations = match &name {
            Some(name) if operations && error != ResponseError::TopicAuthorizationFailed => {
                authorized_operations(&*state.authorizer, &context.principal, Resource::Topic(name))
            }
            _ => OPERATIONS_NOT_ASKED,
        };
        MetadataResponseTopic::default()
            .with_error_code(error.code())
            .with_name(name)
            .with_topic_id(asked.topic_id)
            .with_topic_authorized_operations(operations)
    };
    match find(state, context, image, asked) {
        Ok(topic) => describe(state, context, image, topic, operations),
        Err(error) => refused(error),
    }
}

fn find<'a>(
    state: &BrokerState,
    context: &RequestContext,
    image: &'a MetadataImage,
    asked: &MetadataRequestTopic,
) -> Result<&'a Arc<TopicImage>, ResponseError> {
    if !asked.topic_id.is_nil() {
        let topic = image.topics.by_id(TopicId(asked.topic_id)).ok_or(ResponseError::UnknownTopicId)?;
        let visible = state.allows(context, Operation::Describe, Resource::Topic(&topic.name));
        return if visible { Ok(topic) } else { Err(ResponseError::UnknownTopicId) };
    }
    let name = asked.name.as_deref().ok_or(ResponseError::InvalidRequest)?;
    if !state.allows(context, Operation::Describe, Resource::Topic(name)) {
        return Err(ResponseError::TopicAuthorizationFailed);
    }
    topics::check_name(name).map_err(|_| ResponseError::InvalidTopicException)?;
    image.topics.by_name(name).ok_or(ResponseError::UnknownTopicOrPartition)
}

fn describe(
    state: &BrokerState,
    context: &RequestContext,
    image: &MetadataImage,
    topic: &TopicImage,
    operations: bool,
) -> MetadataResponseTopic {
    let partitions =
        topic.partitions.iter().map(|(index, partition)| describe_partition(image, *index, partition));
    let operations = if operations {
        authorized_operations(&*state.authorizer, &context.principal, Resource::Topic(&topic.name))
    } else {
        OPERATIONS_NOT_ASKED
    };
    MetadataResponseTopic::default()
        .with_name(Some(topic_name(&topic.name)))
        .with_topic_id(topic.id.0)
        .with_is_internal(topics::is_internal(&topic.name))
        .with_partitions(partitions.collect())
        .with_topic_authorized_operations(operations)
}

fn describe_partition(
    image: &MetadataImage,
    index: PartitionIndex,
    partition: &PartitionRegistration,
) -> MetadataResponsePartition {
    let leader_missing = !image.is_active(partition.leader);
    let error = if leader_missing { ResponseError::LeaderNotAvailable.code() } else { 0 };
    let ids = |brokers: &[i32]| brokers.iter().map(|id| (*id).into()).collect();
    MetadataResponsePartition::default()
        .with_error_code(error)
        .with_partition_index(index.get())
        .with_leader_id(if leader_missing { -1 } else { partition.leader }.into())
        .with_leader_epoch(partition.leader_epoch.get())
        .with_replica_nodes(ids(&partition.replicas))
        .with_isr_nodes(ids(&partition.isr))
        .with_offline_replicas(ids(&offline_replicas(image, partition)))
}

/// The replicas on brokers that are gone or whose directory is.
pub(crate) fn offline_replicas(image: &MetadataImage, partition: &PartitionRegistration) -> Vec<i32> {
    let online = |id: i32| {
        let directory = partition.directory(id).unwrap_or_default();
        image.brokers.get(&id).is_some_and(|broker| !broker.fenced && broker.has_online_directory(directory))
    };
    partition.replicas.iter().copied().filter(|id| !online(*id)).collect()
}
