//! ElectLeaders (API 43): preferred and unclean elections (KIP-460).

use std::sync::Arc;

use medallion_wire::messages::{ElectLeadersRequest, ElectLeadersResponse};

use super::authorize::Operation;
use super::context::{BrokerState, Handler, RequestContext};

/// The API.
pub(crate) struct ElectLeaders;

impl Handler for ElectLeaders {
    type Request = ElectLeadersRequest;

    fn error_codes(response: &ElectLeadersResponse) -> Vec<i16> {
        let partitions = response.replica_election_results.iter().flat_map(|topic| &topic.partition_result);
        partitions.map(|partition| partition.error_code).chain([response.error_code]).collect()
    }

    async fn handle(
        state: Arc<BrokerState>,
        context: RequestContext,
        request: ElectLeadersRequest,
    ) -> ElectLeadersResponse {
        if let Err(error) = state.authorize_cluster(&context, Operation::Alter) {
            return ElectLeadersResponse::default().with_error_code(error.code());
        }
        let elected = state.controller.elect_leaders(request).await;
        elected.unwrap_or_else(|error| ElectLeadersResponse::default().with_error_code(error.code()))
    }
}
