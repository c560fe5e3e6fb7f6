//! ListPartitionReassignments (API 46): what is on the move (KIP-455).

use std::sync::Arc;

use medallion_wire::kafka_protocol::protocol::StrBytes;
use medallion_wire::messages::{ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse};

use super::authorize::Operation;
use super::context::{BrokerState, Handler, RequestContext};

/// The API.
pub(crate) struct ListPartitionReassignments;

impl Handler for ListPartitionReassignments {
    type Request = ListPartitionReassignmentsRequest;

    fn error_codes(response: &ListPartitionReassignmentsResponse) -> Vec<i16> {
        vec![response.error_code]
    }

    async fn handle(
        state: Arc<BrokerState>,
        context: RequestContext,
        request: ListPartitionReassignmentsRequest,
    ) -> ListPartitionReassignmentsResponse {
        if let Err(error) = state.authorize_cluster(&context, Operation::Describe) {
            return ListPartitionReassignmentsResponse::default().with_error_code(error.code());
        }
        state.controller.list_partition_reassignments(request).await.unwrap_or_else(|error| {
            ListPartitionReassignmentsResponse::default()
                .with_error_code(error.code())
                .with_error_message(error.message.map(StrBytes::from_string))
        })
    }
}
