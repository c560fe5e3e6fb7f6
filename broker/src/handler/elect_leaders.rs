//! ElectLeaders (API 43): preferred and unclean elections (KIP-460).

use std::sync::Arc;

use medallion_wire::kafka_protocol::protocol::StrBytes;
use medallion_wire::messages::elect_leaders_request::TopicPartitions;
use medallion_wire::messages::elect_leaders_response::{PartitionResult, ReplicaElectionResult};
use medallion_wire::messages::{ElectLeadersRequest, ElectLeadersResponse};

use super::authorize::Operation;
use super::context::{BrokerState, Handler, RequestContext};
use crate::controller::ApiError;

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
        if request.topic_partitions.as_ref().is_some_and(Vec::is_empty) {
            return ElectLeadersResponse::default();
        }
        let asked = request.topic_partitions.clone().unwrap_or_default();
        state.controller.elect_leaders(request).await.unwrap_or_else(|error| refusal(&asked, &error))
    }
}

/// The error for the request and for each of its partitions: version 0 has no other place for it.
fn refusal(asked: &[TopicPartitions], error: &ApiError) -> ElectLeadersResponse {
    let message = error.message.as_deref().map(|text| StrBytes::from_string(text.to_owned()));
    let topics = asked.iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|index| {
            PartitionResult::default()
                .with_partition_id(*index)
                .with_error_code(error.code())
                .with_error_message(message.clone())
        });
        ReplicaElectionResult::default()
            .with_topic(topic.topic.clone())
            .with_partition_result(partitions.collect())
    });
    ElectLeadersResponse::default()
        .with_error_code(error.code())
        .with_replica_election_results(topics.collect())
}
