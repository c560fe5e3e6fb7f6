//! JoinGroup (API 11): a member joins the next generation of a classic group.

use std::sync::Arc;

use medallion_group::Request;
use medallion_wire::ResponseError;
use medallion_wire::kafka_protocol::protocol::StrBytes;
use medallion_wire::messages::{JoinGroupRequest, JoinGroupResponse};

use super::authorize::Operation;
use super::context::{BrokerState, Handler, RequestContext};
use super::group_requests::{ask, authorize_group, check_named, reply_of};

/// The first version in which the protocol's name may be missing.
const NULLABLE_PROTOCOL_MIN: i16 = 7;

/// The API.
pub(crate) struct JoinGroup;

impl Handler for JoinGroup {
    type Request = JoinGroupRequest;

    fn error_codes(response: &JoinGroupResponse) -> Vec<i16> {
        vec![response.error_code]
    }

    async fn handle(
        state: Arc<BrokerState>,
        context: RequestContext,
        request: JoinGroupRequest,
    ) -> JoinGroupResponse {
        let member_id = request.member_id.clone();
        let mut response = match join(&state, &context, request).await {
            Ok(response) => response,
            Err((error, with_member)) => {
                refused(error, if with_member { member_id } else { StrBytes::default() })
            }
        };
        let name = response.protocol_name.take().filter(|name| !name.is_empty());
        let none = (context.version < NULLABLE_PROTOCOL_MIN).then(StrBytes::default);
        response.protocol_name = name.or(none);
        response
    }
}

/// The error, and whether the member's id is repeated in the answer.
async fn join(
    state: &BrokerState,
    context: &RequestContext,
    mut request: JoinGroupRequest,
) -> Result<JoinGroupResponse, (ResponseError, bool)> {
    authorize_group(state, context, Operation::Read, &request.group_id).map_err(|error| (error, false))?;
    check_named(&request.group_id).map_err(|error| (error, true))?;
    let allowed = {
        let config = state.config.load();
        config.group_min_session_timeout_ms..=config.group_max_session_timeout_ms
    };
    if !allowed.contains(&request.session_timeout_ms) {
        return Err((ResponseError::InvalidSessionTimeout, true));
    }
    if context.version == 0 {
        request.rebalance_timeout_ms = request.session_timeout_ms;
    }
    let group = request.group_id.clone();
    let answer = ask(state, context, &group, Request::JoinGroup(request), reply_of!(JoinGroup)).await;
    answer.map_err(|refusal| (refusal.error, false))
}

fn refused(error: ResponseError, member_id: StrBytes) -> JoinGroupResponse {
    JoinGroupResponse::default()
        .with_error_code(error.code())
        .with_generation_id(-1)
        .with_member_id(member_id)
}
