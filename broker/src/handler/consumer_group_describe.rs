//! ConsumerGroupDescribe (API 69): consumer groups with their members, what these have and what they are to have.

use std::sync::Arc;

use medallion_group::Request;
use medallion_wire::ResponseError;
use medallion_wire::messages::consumer_group_describe_response::{
    Assignment, DescribedGroup, TopicPartitions,
};
use medallion_wire::messages::{ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse, GroupId};

use super::authorize::{Operation, Resource};
use super::context::{BrokerState, Handler, RequestContext};
use super::group_requests::{ask, authorize_group, check_consumer_groups, check_named, operations, reply_of};

/// The API.
pub(crate) struct ConsumerGroupDescribe;

impl Handler for ConsumerGroupDescribe {
    type Request = ConsumerGroupDescribeRequest;

    fn error_codes(response: &ConsumerGroupDescribeResponse) -> Vec<i16> {
        response.groups.iter().map(|group| group.error_code).collect()
    }

    async fn handle(
        state: Arc<BrokerState>,
        context: RequestContext,
        request: ConsumerGroupDescribeRequest,
    ) -> ConsumerGroupDescribeResponse {
        let mut groups = Vec::with_capacity(request.group_ids.len());
        for group in request.group_ids {
            let described = describe(&state, &context, &group).await;
            let mut described = described.unwrap_or_else(|error| refused(group.clone(), error));
            let are_asked = request.include_authorized_operations && described.error_code == 0;
            described.authorized_operations = operations(&state, &context, &group, are_asked);
            groups.push(described);
        }
        ConsumerGroupDescribeResponse::default().with_groups(groups)
    }
}

async fn describe(
    state: &BrokerState,
    context: &RequestContext,
    group: &GroupId,
) -> Result<DescribedGroup, ResponseError> {
    check_consumer_groups(state)?;
    authorize_group(state, context, Operation::Describe, group)?;
    check_named(group)?;
    let request = Request::ConsumerGroupDescribe(group.as_str().into());
    let answer = ask(state, context, group, request, reply_of!(ConsumerGroupDescribe)).await;
    let described = answer.map_err(|refusal| refusal.error)?;
    let is_hidden = |topic: &TopicPartitions| {
        !state.allows(context, Operation::Describe, Resource::Topic(&topic.topic_name))
    };
    let hides = |assignment: &Assignment| assignment.topic_partitions.iter().any(is_hidden);
    if described.members.iter().any(|member| hides(&member.assignment) || hides(&member.target_assignment)) {
        return Err(ResponseError::TopicAuthorizationFailed);
    }
    Ok(described)
}

fn refused(group: GroupId, error: ResponseError) -> DescribedGroup {
    DescribedGroup::default().with_group_id(group).with_error_code(error.code())
}
