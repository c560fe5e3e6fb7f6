//! ListGroups (API 16): all groups that this broker coordinates.

use std::sync::Arc;

use medallion_group::{Reply, Request};
use medallion_wire::ResponseError;
use medallion_wire::messages::{ListGroupsRequest, ListGroupsResponse};

use super::authorize::{Operation, Resource};
use super::context::{BrokerState, Handler, RequestContext};
use super::group_requests::caller;

/// The API.
pub(crate) struct ListGroups;

impl Handler for ListGroups {
    type Request = ListGroupsRequest;

    fn error_codes(response: &ListGroupsResponse) -> Vec<i16> {
        vec![response.error_code]
    }

    async fn handle(
        state: Arc<BrokerState>,
        context: RequestContext,
        request: ListGroupsRequest,
    ) -> ListGroupsResponse {
        let request = Request::ListGroups { states: request.states_filter, types: request.types_filter };
        let all = state.allows(&context, Operation::Describe, Resource::Cluster);
        let mut groups = Vec::new();
        for (_, reply) in state.groups.ask_all(&caller(&context), &request).await {
            match reply {
                Reply::ListGroups(listed) => groups.extend(listed),
                // A shard that has moved away meanwhile has no groups here.
                Reply::Refused(refusal) if refusal.error == ResponseError::NotCoordinator => {}
                Reply::Refused(refusal) => {
                    return ListGroupsResponse::default().with_error_code(refusal.error.code());
                }
                _ => {}
            }
        }
        groups.retain(|group| {
            all || state.allows(&context, Operation::Describe, Resource::Group(&group.group_id))
        });
        ListGroupsResponse::default().with_groups(groups)
    }
}
