//! AlterPartitionReassignments (API 45): which brokers hold a partition (KIP-455).

use std::sync::Arc;

use medallion_wire::kafka_protocol::protocol::StrBytes;
use medallion_wire::messages::{AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse};

use super::authorize::Operation;
use super::context::{BrokerState, Handler, RequestContext};

/// The API.
pub(crate) struct AlterPartitionReassignments;

impl Handler for AlterPartitionReassignments {
    type Request = AlterPartitionReassignmentsRequest;

    fn error_codes(response: &AlterPartitionReassignmentsResponse) -> Vec<i16> {
        let partitions = response.responses.iter().flat_map(|topic| &topic.partitions);
        partitions.map(|partition| partition.error_code).chain([response.error_code]).collect()
    }

    async fn handle(
        state: Arc<BrokerState>,
        context: RequestContext,
        request: AlterPartitionReassignmentsRequest,
    ) -> AlterPartitionReassignmentsResponse {
        if let Err(error) = state.authorize_cluster(&context, Operation::Alter) {
            return AlterPartitionReassignmentsResponse::default().with_error_code(error.code());
        }
        if request.topics.is_empty() {
            return AlterPartitionReassignmentsResponse::default();
        }
        state.controller.alter_partition_reassignments(request).await.unwrap_or_else(|error| {
            AlterPartitionReassignmentsResponse::default()
                .with_error_code(error.code())
                .with_error_message(error.message.map(StrBytes::from_string))
        })
    }
}
