//! SyncGroup (API 14): a member asks for its assignment; the leader brings all of them.

use std::sync::Arc;

use medallion_group::Request;
use medallion_wire::ResponseError;
use medallion_wire::messages::{SyncGroupRequest, SyncGroupResponse};

use super::authorize::Operation;
use super::context::{BrokerState, Handler, RequestContext};
use super::group_requests::{ask, authorize_group, check_named, reply_of};

/// The first version that names the protocol.
const PROTOCOL_MIN: i16 = 5;

/// The API.
pub(crate) struct SyncGroup;

impl Handler for SyncGroup {
    type Request = SyncGroupRequest;

    fn error_codes(response: &SyncGroupResponse) -> Vec<i16> {
        vec![response.error_code]
    }

    async fn handle(
        state: Arc<BrokerState>,
        context: RequestContext,
        request: SyncGroupRequest,
    ) -> SyncGroupResponse {
        let answer = sync(&state, &context, request).await;
        answer.unwrap_or_else(|error| SyncGroupResponse::default().with_error_code(error.code()))
    }
}

async fn sync(
    state: &BrokerState,
    context: &RequestContext,
    request: SyncGroupRequest,
) -> Result<SyncGroupResponse, ResponseError> {
    let is_named = request.protocol_type.is_some() && request.protocol_name.is_some();
    if context.version >= PROTOCOL_MIN && !is_named {
        return Err(ResponseError::InconsistentGroupProtocol);
    }
    authorize_group(state, context, Operation::Read, &request.group_id)?;
    check_named(&request.group_id)?;
    let group = request.group_id.clone();
    let answer = ask(state, context, &group, Request::SyncGroup(request), reply_of!(SyncGroup)).await;
    answer.map_err(|refusal| refusal.error)
}
