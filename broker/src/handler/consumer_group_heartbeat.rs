//! ConsumerGroupHeartbeat (API 68): a member of a consumer group joins, lives, and leaves (KIP-848).

use std::sync::Arc;

use medallion_group::Request;
use medallion_group::request::Refusal;
use medallion_wire::ResponseError;
use medallion_wire::kafka_protocol::protocol::StrBytes;
use medallion_wire::messages::{ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse};

use super::authorize::{Operation, Resource};
use super::context::{BrokerState, Handler, RequestContext};
use super::group_requests::{ask, authorize_group, check_consumer_groups, reply_of};

/// The API.
pub(crate) struct ConsumerGroupHeartbeat;

impl Handler for ConsumerGroupHeartbeat {
    type Request = ConsumerGroupHeartbeatRequest;

    fn error_codes(response: &ConsumerGroupHeartbeatResponse) -> Vec<i16> {
        vec![response.error_code]
    }

    async fn handle(
        state: Arc<BrokerState>,
        context: RequestContext,
        request: ConsumerGroupHeartbeatRequest,
    ) -> ConsumerGroupHeartbeatResponse {
        beat(&state, &context, request).await.unwrap_or_else(refused)
    }
}

async fn beat(
    state: &BrokerState,
    context: &RequestContext,
    request: ConsumerGroupHeartbeatRequest,
) -> Result<ConsumerGroupHeartbeatResponse, Refusal> {
    check_consumer_groups(state)?;
    authorize_group(state, context, Operation::Read, &request.group_id)?;
    let topics = request.subscribed_topic_names.iter().flatten();
    if !topics.into_iter().all(|topic| state.allows(context, Operation::Describe, Resource::Topic(topic))) {
        return Err(ResponseError::TopicAuthorizationFailed.into());
    }
    let group = request.group_id.clone();
    ask(state, context, &group, Request::ConsumerGroupHeartbeat(request), reply_of!(ConsumerGroupHeartbeat))
        .await
}

fn refused(refusal: Refusal) -> ConsumerGroupHeartbeatResponse {
    ConsumerGroupHeartbeatResponse::default()
        .with_error_code(refusal.error.code())
        .with_error_message(refusal.message.map(StrBytes::from_string))
}
