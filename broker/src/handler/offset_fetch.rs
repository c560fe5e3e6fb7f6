//! OffsetFetch (API 9): the positions that groups have committed.

use std::sync::Arc;

use bytes::Bytes;
use medallion_group::Request;
use medallion_wire::kafka_protocol::protocol::StrBytes;
use medallion_wire::messages::offset_fetch_request::{OffsetFetchRequestGroup, OffsetFetchRequestTopics};
use medallion_wire::messages::offset_fetch_response::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponsePartitions,
    OffsetFetchResponseTopic, OffsetFetchResponseTopics,
};
use medallion_wire::messages::{OffsetFetchRequest, OffsetFetchResponse};
use medallion_wire::newer_messages::offset_fetch;
use medallion_wire::{ResponseError, TopicId};

use super::authorize::{Operation, Resource};
use super::context::{BrokerState, Handler, RequestContext};
use super::group_requests::{ask, authorize_group, reply_of};
use super::topic_lookup::topic_name;

/// The first version with an error for the whole response.
const GROUP_ERROR_MIN: i16 = 2;
/// The first version that asks for many groups.
const MANY_MIN: i16 = 8;
/// The first version that names topics by id.
const TOPIC_IDS_MIN: i16 = 10;

/// The API.
pub(crate) struct OffsetFetch;

impl Handler for OffsetFetch {
    type Request = OffsetFetchRequest;

    fn decode(version: i16, body: &mut Bytes) -> Result<OffsetFetchRequest, String> {
        offset_fetch::decode_request(version, body).map_err(|error| error.to_string())
    }

    fn error_codes(response: &OffsetFetchResponse) -> Vec<i16> {
        let groups = response.groups.iter().map(|group| group.error_code);
        std::iter::once(response.error_code).chain(groups).collect()
    }

    async fn handle(
        state: Arc<BrokerState>,
        context: RequestContext,
        request: OffsetFetchRequest,
    ) -> OffsetFetchResponse {
        let require_stable = request.require_stable;
        if context.version >= MANY_MIN {
            let mut groups = Vec::with_capacity(request.groups.len());
            for group in request.groups {
                groups.push(answer(&state, &context, group, require_stable).await);
            }
            return OffsetFetchResponse::default().with_groups(groups);
        }
        let group = only_group(request);
        let answer = answer(&state, &context, group, require_stable).await;
        older(answer, context.version)
    }
}

/// The one group of older versions in the form of newer ones.
fn only_group(request: OffsetFetchRequest) -> OffsetFetchRequestGroup {
    let topics = request.topics.map(|topics| {
        let topics = topics.into_iter().map(|topic| {
            OffsetFetchRequestTopics::default()
                .with_name(topic.name)
                .with_partition_indexes(topic.partition_indexes)
        });
        topics.collect()
    });
    OffsetFetchRequestGroup::default()
        .with_group_id(request.group_id)
        .with_topics(topics)
        .with_member_epoch(-1)
}

/// Version 1 has no error of its own for the group: its partitions have it.
fn older(group: OffsetFetchResponseGroup, version: i16) -> OffsetFetchResponse {
    let topics = group.topics.into_iter().map(|topic| {
        let partitions = topic.partitions.into_iter().map(|partition| {
            OffsetFetchResponsePartition::default()
                .with_partition_index(partition.partition_index)
                .with_committed_offset(partition.committed_offset)
                .with_committed_leader_epoch(partition.committed_leader_epoch)
                .with_metadata(partition.metadata)
                .with_error_code(partition.error_code)
        });
        OffsetFetchResponseTopic::default().with_name(topic.name).with_partitions(partitions.collect())
    });
    let response = OffsetFetchResponse::default().with_topics(topics.collect());
    if version >= GROUP_ERROR_MIN { response.with_error_code(group.error_code) } else { response }
}

async fn answer(
    state: &BrokerState,
    context: &RequestContext,
    group: OffsetFetchRequestGroup,
    require_stable: bool,
) -> OffsetFetchResponseGroup {
    let asked = group.clone();
    match fetch(state, context, group, require_stable).await {
        Ok(response) => response,
        Err(error) => group_refused(asked, error, context.version),
    }
}

async fn fetch(
    state: &BrokerState,
    context: &RequestContext,
    mut group: OffsetFetchRequestGroup,
    require_stable: bool,
) -> Result<OffsetFetchResponseGroup, ResponseError> {
    authorize_group(state, context, Operation::Describe, &group.group_id)?;
    let all = group.topics.is_none();
    let mut refused = Vec::new();
    if let Some(topics) = group.topics.take() {
        let checked = topics.into_iter().filter_map(|topic| check(state, context, topic, &mut refused));
        group.topics = Some(checked.collect());
    }
    let id = group.group_id.clone();
    let request = Request::OffsetFetch { group, require_stable };
    let answer = ask(state, context, &id, request, reply_of!(OffsetFetch)).await;
    let mut response = answer.map_err(|refusal| refusal.error)?;
    if all {
        response
            .topics
            .retain(|topic| state.allows(context, Operation::Describe, Resource::Topic(&topic.name)));
        if context.version >= TOPIC_IDS_MIN {
            name_by_id(state, &mut response);
        }
    }
    response.topics.append(&mut refused);
    Ok(response)
}

/// Topics that are gone have no id, and are left out.
fn name_by_id(state: &BrokerState, response: &mut OffsetFetchResponseGroup) {
    let image = state.image();
    response.topics.retain_mut(|topic| match image.topics.by_name(&topic.name) {
        Some(found) => {
            topic.topic_id = found.id.0;
            true
        }
        None => false,
    });
}

/// A topic that may be asked for, by its name; others go to `refused`.
fn check(
    state: &BrokerState,
    context: &RequestContext,
    mut topic: OffsetFetchRequestTopics,
    refused: &mut Vec<OffsetFetchResponseTopics>,
) -> Option<OffsetFetchRequestTopics> {
    if context.version >= TOPIC_IDS_MIN {
        match state.image().topics.by_id(TopicId(topic.topic_id)) {
            Some(found) => topic.name = topic_name(&found.name),
            None => {
                refused.push(topic_refused(&topic, ResponseError::UnknownTopicId));
                return None;
            }
        }
    }
    if state.allows(context, Operation::Describe, Resource::Topic(&topic.name)) {
        return Some(topic);
    }
    refused.push(topic_refused(&topic, ResponseError::TopicAuthorizationFailed));
    None
}

fn topic_refused(topic: &OffsetFetchRequestTopics, error: ResponseError) -> OffsetFetchResponseTopics {
    let partitions = topic.partition_indexes.iter().map(|index| {
        OffsetFetchResponsePartitions::default()
            .with_partition_index(*index)
            .with_error_code(error.code())
            .with_committed_offset(-1)
            .with_committed_leader_epoch(-1)
            .with_metadata(Some(StrBytes::default()))
    });
    OffsetFetchResponseTopics::default()
        .with_name(topic.name.clone())
        .with_topic_id(topic.topic_id)
        .with_partitions(partitions.collect())
}

fn group_refused(
    group: OffsetFetchRequestGroup,
    error: ResponseError,
    version: i16,
) -> OffsetFetchResponseGroup {
    let response = OffsetFetchResponseGroup::default().with_group_id(group.group_id);
    if version >= GROUP_ERROR_MIN {
        return response.with_error_code(error.code());
    }
    let topics = group.topics.unwrap_or_default();
    response.with_topics(topics.iter().map(|topic| topic_refused(topic, error)).collect())
}
