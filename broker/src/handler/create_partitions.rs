//! CreatePartitions (API 37).

use std::sync::Arc;

use medallion_wire::ResponseError;
use medallion_wire::kafka_protocol::protocol::StrBytes;
use medallion_wire::messages::create_partitions_request::CreatePartitionsTopic;
use medallion_wire::messages::create_partitions_response::CreatePartitionsTopicResult;
use medallion_wire::messages::{CreatePartitionsRequest, CreatePartitionsResponse};

use super::authorize::{Operation, Resource};
use super::context::{BrokerState, Handler, RequestContext};
use super::throttle::{mutation_quota, mutation_throttle_ms};

/// The first version whose clients know that partitions beyond their quota are refused (KIP-599).
const STRICT_MIN: i16 = 3;

/// The API.
pub(crate) struct CreatePartitions;

impl Handler for CreatePartitions {
    type Request = CreatePartitionsRequest;

    fn error_codes(response: &CreatePartitionsResponse) -> Vec<i16> {
        response.results.iter().map(|topic| topic.error_code).collect()
    }

    async fn handle(
        state: Arc<BrokerState>,
        context: RequestContext,
        mut request: CreatePartitionsRequest,
    ) -> CreatePartitionsResponse {
        let asked = std::mem::take(&mut request.topics);
        let (allowed, refused): (Vec<_>, Vec<_>) = asked
            .into_iter()
            .partition(|topic| state.allows(&context, Operation::Alter, Resource::Topic(&topic.name)));
        request.topics = allowed.clone();
        let quota = mutation_quota(&state, &context, STRICT_MIN);
        let mut response =
            state.controller.create_partitions(request, quota.clone()).await.unwrap_or_else(|error| {
                CreatePartitionsResponse::default().with_results(refuse(allowed, error.error, error.message))
            });
        response.results.extend(refuse(refused, ResponseError::TopicAuthorizationFailed, None));
        response.throttle_time_ms = mutation_throttle_ms(&state, quota);
        response
    }
}

fn refuse(
    topics: Vec<CreatePartitionsTopic>,
    error: ResponseError,
    message: Option<String>,
) -> Vec<CreatePartitionsTopicResult> {
    let message = message.map(StrBytes::from_string);
    let refused = topics.into_iter().map(|topic| {
        let result =
            CreatePartitionsTopicResult::default().with_name(topic.name).with_error_code(error.code());
        result.with_error_message(message.clone())
    });
    refused.collect()
}
