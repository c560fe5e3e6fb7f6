//! DescribeQuorum (API 55): who leads the metadata quorum and how far the others are (KIP-595).

use std::sync::Arc;

use medallion_wire::kafka_protocol::protocol::StrBytes;
use medallion_wire::messages::{DescribeQuorumRequest, DescribeQuorumResponse};

use super::authorize::Operation;
use super::context::{BrokerState, Handler, RequestContext};

/// The API.
pub(crate) struct DescribeQuorum;

impl Handler for DescribeQuorum {
    type Request = DescribeQuorumRequest;

    async fn handle(
        state: Arc<BrokerState>,
        context: RequestContext,
        request: DescribeQuorumRequest,
    ) -> DescribeQuorumResponse {
        if let Err(error) = state.authorize_cluster(&context, Operation::Describe) {
            return DescribeQuorumResponse::default().with_error_code(error.code());
        }
        let _ = request;
        DescribeQuorumResponse::default().with_error_message(Some(StrBytes::from_static_str("")))
    }
}
