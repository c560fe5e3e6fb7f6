//! Heartbeat (API 12): a member of a classic group lives.

use std::sync::Arc;

use medallion_group::Request;
use medallion_wire::ResponseError;
use medallion_wire::messages::{HeartbeatRequest, HeartbeatResponse};

use super::authorize::Operation;
use super::context::{BrokerState, Handler, RequestContext};
use super::group_requests::{ask, authorize_group, check_named, reply_of};

/// The API.
pub(crate) struct Heartbeat;

impl Handler for Heartbeat {
    type Request = HeartbeatRequest;

    fn error_codes(response: &HeartbeatResponse) -> Vec<i16> {
        vec![response.error_code]
    }

    async fn handle(
        state: Arc<BrokerState>,
        context: RequestContext,
        request: HeartbeatRequest,
    ) -> HeartbeatResponse {
        match beat(&state, &context, request).await {
            Ok(response) => response,
            // Members must not leave because their group is being loaded.
            Err(ResponseError::CoordinatorLoadInProgress) => HeartbeatResponse::default(),
            Err(error) => HeartbeatResponse::default().with_error_code(error.code()),
        }
    }
}

async fn beat(
    state: &BrokerState,
    context: &RequestContext,
    request: HeartbeatRequest,
) -> Result<HeartbeatResponse, ResponseError> {
    authorize_group(state, context, Operation::Read, &request.group_id)?;
    check_named(&request.group_id)?;
    let group = request.group_id.clone();
    let answer = ask(state, context, &group, Request::Heartbeat(request), reply_of!(Heartbeat)).await;
    answer.map_err(|refusal| refusal.error)
}
