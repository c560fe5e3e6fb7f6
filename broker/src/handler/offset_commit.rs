//! OffsetCommit (API 8): a group's positions.

use std::sync::Arc;

use bytes::Bytes;
use medallion_group::Request;
use medallion_wire::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use medallion_wire::messages::offset_commit_response::{
    OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};
use medallion_wire::messages::{OffsetCommitRequest, OffsetCommitResponse};
use medallion_wire::newer_messages::offset_commit;
use medallion_wire::types::Uuid;
use medallion_wire::{PartitionIndex, ResponseError, TopicId};

use super::authorize::{Operation, Resource};
use super::context::{BrokerState, Handler, RequestContext};
use super::group_requests::{ask, authorize_group, merge_topics, reply_of};
use super::topic_lookup::topic_name;
use crate::controller::image::MetadataImage;

/// The first version that names topics by id.
const TOPIC_IDS_MIN: i16 = 10;
/// The last version in which a commit says how long it is kept.
const RETENTION_MAX: i16 = 4;

/// The API.
pub(crate) struct OffsetCommit;

impl Handler for OffsetCommit {
    type Request = OffsetCommitRequest;

    fn decode(version: i16, body: &mut Bytes) -> Result<OffsetCommitRequest, String> {
        offset_commit::decode_request(version, body).map_err(|error| error.to_string())
    }

    fn error_codes(response: &OffsetCommitResponse) -> Vec<i16> {
        let partitions = response.topics.iter().flat_map(|topic| &topic.partitions);
        partitions.map(|partition| partition.error_code).collect()
    }

    async fn handle(
        state: Arc<BrokerState>,
        context: RequestContext,
        mut request: OffsetCommitRequest,
    ) -> OffsetCommitResponse {
        if let Err(error) = authorize_group(&state, &context, Operation::Read, &request.group_id) {
            return all_refused(&request.topics, error);
        }
        if context.version > RETENTION_MAX {
            request.retention_time_ms = -1;
        }
        let asked = std::mem::take(&mut request.topics);
        let mut refused = Vec::new();
        request.topics = {
            let image = state.image();
            let checked = asked.into_iter().map(|topic| check(&state, &context, &image, topic, &mut refused));
            checked.flatten().collect()
        };
        let answered = if request.topics.is_empty() {
            Vec::new()
        } else {
            let (group, topics) = (request.group_id.clone(), request.topics.clone());
            let answer =
                ask(&state, &context, &group, Request::OffsetCommit(request), reply_of!(OffsetCommit)).await;
            answer.unwrap_or_else(|refusal| all_refused(&topics, refusal.error)).topics
        };
        let key = |topic: &OffsetCommitResponseTopic| (topic.name.clone(), topic.topic_id);
        let add = |topic: &mut OffsetCommitResponseTopic, mut same: OffsetCommitResponseTopic| {
            topic.partitions.append(&mut same.partitions);
        };
        OffsetCommitResponse::default().with_topics(merge_topics(refused, answered, key, add))
    }
}

/// What of a topic may be committed, with its name and its id; the rest goes to `refused`.
fn check(
    state: &BrokerState,
    context: &RequestContext,
    image: &MetadataImage,
    mut topic: OffsetCommitRequestTopic,
    refused: &mut Vec<OffsetCommitResponseTopic>,
) -> Option<OffsetCommitRequestTopic> {
    let by_id = context.version >= TOPIC_IDS_MIN;
    if by_id {
        match image.topics.by_id(TopicId(topic.topic_id)) {
            Some(found) => topic.name = topic_name(&found.name),
            None => {
                refused.push(topic_refused(&topic, ResponseError::UnknownTopicId));
                return None;
            }
        }
    } else {
        topic.topic_id = Uuid::nil();
    }
    if !state.allows(context, Operation::Read, Resource::Topic(&topic.name)) {
        refused.push(topic_refused(&topic, ResponseError::TopicAuthorizationFailed));
        return None;
    }
    let Some(found) = image.topics.by_name(&topic.name) else {
        refused.push(topic_refused(&topic, ResponseError::UnknownTopicOrPartition));
        return None;
    };
    topic.topic_id = found.id.0;
    let partitions = std::mem::take(&mut topic.partitions);
    let exists = |partition: &OffsetCommitRequestPartition| {
        found.partitions.contains_key(&PartitionIndex(partition.partition_index))
    };
    let (there, missing): (Vec<_>, Vec<_>) = partitions.into_iter().partition(exists);
    if !missing.is_empty() {
        let missing = topic.clone().with_partitions(missing);
        refused.push(topic_refused(&missing, ResponseError::UnknownTopicOrPartition));
    }
    topic.partitions = there;
    (!topic.partitions.is_empty()).then_some(topic)
}

fn topic_refused(topic: &OffsetCommitRequestTopic, error: ResponseError) -> OffsetCommitResponseTopic {
    let partitions = topic.partitions.iter().map(|partition| {
        OffsetCommitResponsePartition::default()
            .with_partition_index(partition.partition_index)
            .with_error_code(error.code())
    });
    OffsetCommitResponseTopic::default()
        .with_name(topic.name.clone())
        .with_topic_id(topic.topic_id)
        .with_partitions(partitions.collect())
}

fn all_refused(topics: &[OffsetCommitRequestTopic], error: ResponseError) -> OffsetCommitResponse {
    let topics = topics.iter().map(|topic| topic_refused(topic, error));
    OffsetCommitResponse::default().with_topics(topics.collect())
}
