//! AlterReplicaLogDirs (API 34): moves a partition between `log.dirs` (KIP-113).

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use medallion_wire::ResponseError;
use medallion_wire::messages::alter_replica_log_dirs_response::{
    AlterReplicaLogDirPartitionResult, AlterReplicaLogDirTopicResult,
};
use medallion_wire::messages::{AlterReplicaLogDirsRequest, AlterReplicaLogDirsResponse, TopicName};
use medallion_wire::types::PartitionIndex;

use super::authorize::Operation;
use super::context::{BrokerState, Handler, RequestContext};

/// The API.
pub(crate) struct AlterReplicaLogDirs;

impl Handler for AlterReplicaLogDirs {
    type Request = AlterReplicaLogDirsRequest;

    fn error_codes(response: &AlterReplicaLogDirsResponse) -> Vec<i16> {
        let partitions = response.results.iter().flat_map(|topic| &topic.partitions);
        partitions.map(|partition| partition.error_code).collect()
    }

    async fn handle(
        state: Arc<BrokerState>,
        context: RequestContext,
        request: AlterReplicaLogDirsRequest,
    ) -> AlterReplicaLogDirsResponse {
        let authorized = state.authorize_cluster(&context, Operation::Alter);
        let mut topics: BTreeMap<TopicName, Vec<AlterReplicaLogDirPartitionResult>> = BTreeMap::new();
        for directory in &request.dirs {
            for topic in &directory.topics {
                for index in &topic.partitions {
                    let outcome =
                        authorized.and_then(|()| start_move(&state, &directory.path, &topic.name, *index));
                    let result = AlterReplicaLogDirPartitionResult::default()
                        .with_partition_index(*index)
                        .with_error_code(outcome.err().map_or(0, |error| error.code()));
                    topics.entry(topic.name.clone()).or_default().push(result);
                }
            }
        }
        let results = topics.into_iter().map(|(name, partitions)| {
            AlterReplicaLogDirTopicResult::default().with_topic_name(name).with_partitions(partitions)
        });
        AlterReplicaLogDirsResponse::default().with_results(results.collect())
    }
}

fn start_move(state: &BrokerState, directory: &str, topic: &str, index: i32) -> Result<(), ResponseError> {
    let image = state.image();
    let topic = image.topics.by_name(topic).ok_or(ResponseError::UnknownTopicOrPartition)?;
    let index = PartitionIndex(index);
    if !topic.partitions.contains_key(&index) {
        return Err(ResponseError::UnknownTopicOrPartition);
    }
    state.replicas.start_move(topic.id, index, Path::new(directory))
}
