//! DeleteTopics (API 20), by name and by id.

use std::sync::Arc;

use medallion_wire::kafka_protocol::protocol::StrBytes;
use medallion_wire::messages::delete_topics_request::DeleteTopicState;
use medallion_wire::messages::delete_topics_response::DeletableTopicResult;
use medallion_wire::messages::{DeleteTopicsRequest, DeleteTopicsResponse};
use medallion_wire::{ResponseError, TopicId};

use super::authorize::{Operation, Resource};
use super::context::{BrokerState, Handler, RequestContext};
use super::throttle::{mutation_quota, mutation_throttle_ms};

/// From this version on topics may be named by id.
const TOPIC_STATES_MIN: i16 = 6;
/// The first version whose clients know that partitions beyond their quota are refused (KIP-599).
const STRICT_MIN: i16 = 5;

/// The API.
pub(crate) struct DeleteTopics;

impl Handler for DeleteTopics {
    type Request = DeleteTopicsRequest;

    fn error_codes(response: &DeleteTopicsResponse) -> Vec<i16> {
        response.responses.iter().map(|topic| topic.error_code).collect()
    }

    async fn handle(
        state: Arc<BrokerState>,
        context: RequestContext,
        mut request: DeleteTopicsRequest,
    ) -> DeleteTopicsResponse {
        if context.version < TOPIC_STATES_MIN {
            let names = std::mem::take(&mut request.topic_names).into_iter();
            request.topics = names.map(|name| DeleteTopicState::default().with_name(Some(name))).collect();
        }
        let asked = std::mem::take(&mut request.topics);
        if !state.config.load().delete_topic_enable {
            let error = if context.version < 3 {
                ResponseError::InvalidRequest
            } else {
                ResponseError::TopicDeletionDisabled
            };
            return DeleteTopicsResponse::default().with_responses(refuse(asked, error, None));
        }
        let (allowed, refused) = authorize(&state, &context, asked);
        request.topics = allowed.clone();
        let quota = mutation_quota(&state, &context, STRICT_MIN);
        let mut response =
            state.controller.delete_topics(request, quota.clone()).await.unwrap_or_else(|error| {
                DeleteTopicsResponse::default().with_responses(refuse(allowed, error.error, error.message))
            });
        response.responses.extend(refused);
        response.throttle_time_ms = mutation_throttle_ms(&state, quota);
        response
    }
}

fn authorize(
    state: &BrokerState,
    context: &RequestContext,
    asked: Vec<DeleteTopicState>,
) -> (Vec<DeleteTopicState>, Vec<DeletableTopicResult>) {
    let image = state.image();
    let (allowed, refused): (Vec<_>, Vec<_>) = asked.into_iter().partition(|topic| {
        let by_id = || Some(&*image.topics.by_id(TopicId(topic.topic_id))?.name);
        let name = topic.name.as_ref().map(|name| name.as_str()).or_else(by_id);
        // A topic that is not there has nothing to protect: the controller says so.
        name.is_none_or(|name| state.allows(context, Operation::Delete, Resource::Topic(name)))
    });
    (allowed, refuse(refused, ResponseError::TopicAuthorizationFailed, None))
}

fn refuse(
    asked: Vec<DeleteTopicState>,
    error: ResponseError,
    message: Option<String>,
) -> Vec<DeletableTopicResult> {
    let message = message.map(StrBytes::from_string);
    let refused = asked.into_iter().map(|topic| {
        DeletableTopicResult::default()
            .with_name(topic.name)
            .with_topic_id(topic.topic_id)
            .with_error_code(error.code())
            .with_error_message(message.clone())
    });
    refused.collect()
}
