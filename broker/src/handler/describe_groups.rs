//! DescribeGroups (API 15): classic groups with their members.

use std::sync::Arc;

use medallion_group::Request;
use medallion_wire::ResponseError;
use medallion_wire::kafka_protocol::protocol::StrBytes;
use medallion_wire::messages::describe_groups_response::DescribedGroup;
use medallion_wire::messages::{DescribeGroupsRequest, DescribeGroupsResponse, GroupId};

use super::authorize::Operation;
use super::context::{BrokerState, Handler, RequestContext};
use super::group_requests::{ask, authorize_group, operations, reply_of};

/// The API.
pub(crate) struct DescribeGroups;

impl Handler for DescribeGroups {
    type Request = DescribeGroupsRequest;

    fn error_codes(response: &DescribeGroupsResponse) -> Vec<i16> {
        response.groups.iter().map(|group| group.error_code).collect()
    }

    async fn handle(
        state: Arc<BrokerState>,
        context: RequestContext,
        request: DescribeGroupsRequest,
    ) -> DescribeGroupsResponse {
        let mut groups = Vec::with_capacity(request.groups.len());
        for group in request.groups {
            let described = describe(&state, &context, &group).await;
            let mut described = described.unwrap_or_else(|error| refused(group.clone(), error));
            let are_asked = request.include_authorized_operations && described.error_code == 0;
            described.authorized_operations = operations(&state, &context, &group, are_asked);
            groups.push(described);
        }
        DescribeGroupsResponse::default().with_groups(groups)
    }
}

async fn describe(
    state: &BrokerState,
    context: &RequestContext,
    group: &GroupId,
) -> Result<DescribedGroup, ResponseError> {
    authorize_group(state, context, Operation::Describe, group)?;
    let request = Request::DescribeGroup(group.as_str().into());
    let answer = ask(state, context, group, request, reply_of!(DescribeGroup)).await;
    answer.map_err(|refusal| refusal.error)
}

fn refused(group: GroupId, error: ResponseError) -> DescribedGroup {
    DescribedGroup::default()
        .with_group_id(group)
        .with_error_code(error.code())
        .with_group_state(StrBytes::default())
}
