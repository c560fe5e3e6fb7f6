//! DeleteGroups (API 42): groups without members, and their offsets.

use std::collections::HashSet;
use std::sync::Arc;

use medallion_group::Request;
use medallion_wire::ResponseError;
use medallion_wire::messages::delete_groups_response::DeletableGroupResult;
use medallion_wire::messages::{DeleteGroupsRequest, DeleteGroupsResponse, GroupId};

use super::authorize::Operation;
use super::context::{BrokerState, Handler, RequestContext};
use super::group_requests::{ask, authorize_group, reply_of};

/// The API.
pub(crate) struct DeleteGroups;

impl Handler for DeleteGroups {
    type Request = DeleteGroupsRequest;

    fn error_codes(response: &DeleteGroupsResponse) -> Vec<i16> {
        response.results.iter().map(|result| result.error_code).collect()
    }

    async fn handle(
        state: Arc<BrokerState>,
        context: RequestContext,
        request: DeleteGroupsRequest,
    ) -> DeleteGroupsResponse {
        let mut seen = HashSet::new();
        let mut results = Vec::with_capacity(request.groups_names.len());
        for group in request.groups_names {
            if !seen.insert(group.clone()) {
                continue;
            }
            let result = delete(&state, &context, &group).await;
            results.push(result.unwrap_or_else(|error| {
                DeletableGroupResult::default().with_group_id(group).with_error_code(error.code())
            }));
        }
        DeleteGroupsResponse::default().with_results(results)
    }
}

async fn delete(
    state: &BrokerState,
    context: &RequestContext,
    group: &GroupId,
) -> Result<DeletableGroupResult, ResponseError> {
    authorize_group(state, context, Operation::Delete, group)?;
    let request = Request::DeleteGroup(group.as_str().into());
    let answer = ask(state, context, group, request, reply_of!(DeleteGroup)).await;
    answer.map_err(|refusal| refusal.error)
}
