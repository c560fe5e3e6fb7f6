//! DescribeQuorum (API 55): who leads the metadata quorum and how far the others are (KIP-595).

use std::sync::Arc;

use medallion_wire::messages::{DescribeQuorumRequest, DescribeQuorumResponse};
use medallion_wire::types::Uuid;

use super::authorize::Operation;
use super::context::{BrokerState, Handler, RequestContext};

/// The first version whose responses tell nodes and directories (KIP-853).
const NODES_MIN: i16 = 2;

/// The API.
pub(crate) struct DescribeQuorum;

impl Handler for DescribeQuorum {
    type Request = DescribeQuorumRequest;

    fn error_codes(response: &DescribeQuorumResponse) -> Vec<i16> {
        let partitions = response.topics.iter().flat_map(|topic| &topic.partitions);
        partitions.map(|partition| partition.error_code).chain([response.error_code]).collect()
    }

    async fn handle(
        state: Arc<BrokerState>,
        context: RequestContext,
        request: DescribeQuorumRequest,
    ) -> DescribeQuorumResponse {
        if let Err(error) = state.authorize_cluster(&context, Operation::Describe) {
            return DescribeQuorumResponse::default().with_error_code(error.code());
        }
        let mut response = state.controller.describe_quorum(&request, state.clock.now_ms());
        if context.version < NODES_MIN {
            response.nodes.clear();
            let replicas = response.topics.iter_mut().flat_map(|topic| &mut topic.partitions);
            for replica in replicas
                .flat_map(|partition| partition.current_voters.iter_mut().chain(&mut partition.observers))
            {
                replica.replica_directory_id = Uuid::nil();
            }
        }
        response
    }
}
