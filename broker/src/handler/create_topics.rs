//! CreateTopics (API 19).

use std::sync::Arc;

use medallion_wire::ResponseError;
use medallion_wire::kafka_protocol::protocol::StrBytes;
use medallion_wire::messages::create_topics_response::CreatableTopicResult;
use medallion_wire::messages::{CreateTopicsRequest, CreateTopicsResponse};

use super::authorize::{Operation, Resource};
use super::context::{BrokerState, Handler, RequestContext};
use super::throttle::{mutation_quota, mutation_throttle_ms};

/// The first version whose responses tell the new topics' configs (KIP-525).
const CONFIGS_MIN: i16 = 5;
/// The first version whose clients know that partitions beyond their quota are refused (KIP-599).
const STRICT_MIN: i16 = 6;

/// The API.
pub(crate) struct CreateTopics;

impl Handler for CreateTopics {
    type Request = CreateTopicsRequest;

    fn error_codes(response: &CreateTopicsResponse) -> Vec<i16> {
        response.topics.iter().map(|topic| topic.error_code).collect()
    }

    async fn handle(
        state: Arc<BrokerState>,
        context: RequestContext,
        mut request: CreateTopicsRequest,
    ) -> CreateTopicsResponse {
        let mut refused = Vec::new();
        if !state.allows(&context, Operation::Create, Resource::Cluster) {
            request.topics.retain(|topic| {
                let allowed = state.allows(&context, Operation::Create, Resource::Topic(&topic.name));
                if !allowed {
                    let result = CreatableTopicResult::default().with_name(topic.name.clone());
                    refused.push(result.with_error_code(ResponseError::TopicAuthorizationFailed.code()));
                }
                allowed
            });
        }
        let asked: Vec<_> = request.topics.iter().map(|topic| topic.name.clone()).collect();
        let quota = mutation_quota(&state, &context, STRICT_MIN);
        let mut response =
            state.controller.create_topics(request, quota.clone()).await.unwrap_or_else(|error| {
                let message = error.message.clone().map(StrBytes::from_string);
                let results = asked.into_iter().map(|name| {
                    let result =
                        CreatableTopicResult::default().with_name(name).with_error_code(error.code());
                    result.with_error_message(message.clone())
                });
                CreateTopicsResponse::default().with_topics(results.collect())
            });
        response.topics.extend(refused);
        response.throttle_time_ms = mutation_throttle_ms(&state, quota);
        if context.version < CONFIGS_MIN {
            response.topics.iter_mut().for_each(|topic| topic.configs = None);
        }
        response
    }
}
