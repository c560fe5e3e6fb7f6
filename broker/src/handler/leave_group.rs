//! LeaveGroup (API 13): members leave a group, by themselves or taken out by an administrator.

use std::sync::Arc;

use medallion_group::Request;
use medallion_wire::ResponseError;
use medallion_wire::messages::leave_group_request::MemberIdentity;
use medallion_wire::messages::leave_group_response::MemberResponse;
use medallion_wire::messages::{LeaveGroupRequest, LeaveGroupResponse};

use super::authorize::Operation;
use super::context::{BrokerState, Handler, RequestContext};
use super::group_requests::{ask, authorize_group, check_named, reply_of};

/// The first version that takes many members at once.
const MANY_MIN: i16 = 3;

/// The API.
pub(crate) struct LeaveGroup;

impl Handler for LeaveGroup {
    type Request = LeaveGroupRequest;

    fn error_codes(response: &LeaveGroupResponse) -> Vec<i16> {
        let members = response.members.iter().map(|member| member.error_code);
        std::iter::once(response.error_code).chain(members).collect()
    }

    async fn handle(
        state: Arc<BrokerState>,
        context: RequestContext,
        mut request: LeaveGroupRequest,
    ) -> LeaveGroupResponse {
        if context.version < MANY_MIN {
            let member = MemberIdentity::default().with_member_id(std::mem::take(&mut request.member_id));
            request.members = vec![member];
        }
        let members = request.members.clone();
        let response = match leave(&state, &context, request).await {
            Ok(response) => response,
            Err(ResponseError::UnknownMemberId) => nobody_known(members),
            Err(error) => LeaveGroupResponse::default().with_error_code(error.code()),
        };
        if context.version < MANY_MIN { for_one(&response) } else { response }
    }
}

async fn leave(
    state: &BrokerState,
    context: &RequestContext,
    request: LeaveGroupRequest,
) -> Result<LeaveGroupResponse, ResponseError> {
    authorize_group(state, context, Operation::Read, &request.group_id)?;
    check_named(&request.group_id)?;
    let group = request.group_id.clone();
    let answer = ask(state, context, &group, Request::LeaveGroup(request), reply_of!(LeaveGroup)).await;
    answer.map_err(|refusal| refusal.error)
}

fn nobody_known(members: Vec<MemberIdentity>) -> LeaveGroupResponse {
    let unknown = |member: MemberIdentity| {
        MemberResponse::default()
            .with_member_id(member.member_id)
            .with_group_instance_id(member.group_instance_id)
            .with_error_code(ResponseError::UnknownMemberId.code())
    };
    LeaveGroupResponse::default().with_members(members.into_iter().map(unknown).collect())
}

/// Older versions have one error for their one member.
fn for_one(response: &LeaveGroupResponse) -> LeaveGroupResponse {
    let of_member = response.members.first().map_or(0, |member| member.error_code);
    let code = if response.error_code == 0 { of_member } else { response.error_code };
    LeaveGroupResponse::default().with_error_code(code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use medallion_wire::kafka_protocol::protocol::StrBytes;

    #[test]
    fn one_member_has_the_error_of_the_whole_or_its_own() {
        let member = MemberIdentity::default().with_member_id(StrBytes::from_static_str("m"));
        let unknown = nobody_known(vec![member]);
        assert_eq!(for_one(&unknown).error_code, ResponseError::UnknownMemberId.code());
        let whole = unknown.with_error_code(ResponseError::NotCoordinator.code());
        assert_eq!(for_one(&whole).error_code, ResponseError::NotCoordinator.code());
        assert_eq!(for_one(&LeaveGroupResponse::default()).error_code, 0);
    }
}
