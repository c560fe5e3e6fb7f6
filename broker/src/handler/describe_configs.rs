//! DescribeConfigs (API 32): settings of topics, brokers and other resources, with where they come from.

use std::sync::Arc;

use medallion_wire::ResponseError;
use medallion_wire::messages::{DescribeConfigsRequest, DescribeConfigsResponse};

use super::context::{BrokerState, Handler, RequestContext};
use crate::controller::image::ResourceType;

/// The API.
pub(crate) struct DescribeConfigs;

impl Handler for DescribeConfigs {
    type Request = DescribeConfigsRequest;

    async fn handle(
        _state: Arc<BrokerState>,
        _context: RequestContext,
        _request: DescribeConfigsRequest,
    ) -> DescribeConfigsResponse {
        DescribeConfigsResponse::default()
    }
}

/// What whoever may not see or change a resource's configs is told.
pub(crate) fn authorization_error(kind: Option<ResourceType>) -> ResponseError {
    match kind {
        Some(ResourceType::Topic) => ResponseError::TopicAuthorizationFailed,
        Some(ResourceType::Group) => ResponseError::GroupAuthorizationFailed,
        _ => ResponseError::ClusterAuthorizationFailed,
    }
}
