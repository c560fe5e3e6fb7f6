//! OffsetDelete (API 47): takes single positions of a group away.

use std::sync::Arc;

use medallion_group::Request;
use medallion_wire::messages::offset_delete_request::{
    OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
};
use medallion_wire::messages::offset_delete_response::{
    OffsetDeleteResponsePartition, OffsetDeleteResponseTopic,
};
use medallion_wire::messages::{OffsetDeleteRequest, OffsetDeleteResponse};
use medallion_wire::{PartitionIndex, ResponseError};

use super::authorize::{Operation, Resource};
use super::context::{BrokerState, Handler, RequestContext};
use super::group_requests::{ask, authorize_group, check_named, merge_topics, reply_of};
use crate::controller::image::MetadataImage;

/// The API.
pub(crate) struct OffsetDelete;

impl Handler for OffsetDelete {
    type Request = OffsetDeleteRequest;

    fn error_codes(response: &OffsetDeleteResponse) -> Vec<i16> {
        let partitions = response.topics.iter().flat_map(|topic| &topic.partitions);
        std::iter::once(response.error_code).chain(partitions.map(|at| at.error_code)).collect()
    }

    async fn handle(
        state: Arc<BrokerState>,
        context: RequestContext,
        request: OffsetDeleteRequest,
    ) -> OffsetDeleteResponse {
        let answer = delete(&state, &context, request).await;
        answer.unwrap_or_else(|error| OffsetDeleteResponse::default().with_error_code(error.code()))
    }
}

async fn delete(
    state: &BrokerState,
    context: &RequestContext,
    mut request: OffsetDeleteRequest,
) -> Result<OffsetDeleteResponse, ResponseError> {
    authorize_group(state, context, Operation::Delete, &request.group_id)?;
    let mut refused = Vec::new();
    let asked = std::mem::take(&mut request.topics);
    request.topics = {
        let image = state.image();
        asked.into_iter().filter_map(|topic| check(state, context, &image, topic, &mut refused)).collect()
    };
    check_named(&request.group_id)?;
    let group = request.group_id.clone();
    let answer = ask(state, context, &group, Request::OffsetDelete(request), reply_of!(OffsetDelete)).await;
    let mut response = answer.map_err(|refusal| refusal.error)?;
    if response.error_code == 0 {
        let add = |topic: &mut OffsetDeleteResponseTopic, mut same: OffsetDeleteResponseTopic| {
            topic.partitions.append(&mut same.partitions);
        };
        response.topics = merge_topics(refused, response.topics, |topic| topic.name.clone(), add);
    }
    Ok(response)
}

/// What of a topic exists and may be touched; the rest goes to `refused`.
fn check(
    state: &BrokerState,
    context: &RequestContext,
    image: &MetadataImage,
    mut topic: OffsetDeleteRequestTopic,
    refused: &mut Vec<OffsetDeleteResponseTopic>,
) -> Option<OffsetDeleteRequestTopic> {
    if !state.allows(context, Operation::Read, Resource::Topic(&topic.name)) {
        refused.push(topic_refused(&topic, ResponseError::TopicAuthorizationFailed));
        return None;
    }
    let Some(found) = image.topics.by_name(&topic.name) else {
        refused.push(topic_refused(&topic, ResponseError::UnknownTopicOrPartition));
        return None;
    };
    let partitions = std::mem::take(&mut topic.partitions);
    let exists = |at: &OffsetDeleteRequestPartition| {
        found.partitions.contains_key(&PartitionIndex(at.partition_index))
    };
    let (there, missing): (Vec<_>, Vec<_>) = partitions.into_iter().partition(exists);
    if !missing.is_empty() {
        let missing = topic.clone().with_partitions(missing);
        refused.push(topic_refused(&missing, ResponseError::UnknownTopicOrPartition));
    }
    topic.partitions = there;
    (!topic.partitions.is_empty()).then_some(topic)
}

fn topic_refused(topic: &OffsetDeleteRequestTopic, error: ResponseError) -> OffsetDeleteResponseTopic {
    let partitions = topic.partitions.iter().map(|partition| {
        OffsetDeleteResponsePartition::default()
            .with_partition_index(partition.partition_index)
            .with_error_code(error.code())
    });
    OffsetDeleteResponseTopic::default().with_name(topic.name.clone()).with_partitions(partitions.collect())
}
