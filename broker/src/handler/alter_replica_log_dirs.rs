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

/// The longest name of a folder.
const FOLDER_NAME_LEN_MAX: usize = 255;
/// What a folder's name has behind that of the partition while it is filled: a dot, 32 digits and `-future`.
const FUTURE_SUFFIX_LEN: usize = 40;

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
        let mut topics: BTreeMap<TopicName, BTreeMap<i32, AlterReplicaLogDirPartitionResult>> =
            BTreeMap::new();
        for directory in &request.dirs {
            for topic in &directory.topics {
                for index in &topic.partitions {
                    let outcome =
                        authorized.and_then(|()| start_move(&state, &directory.path, &topic.name, *index));
                    let result = AlterReplicaLogDirPartitionResult::default()
                        .with_partition_index(*index)
                        .with_error_code(outcome.err().map_or(0, |error| error.code()));
                    topics.entry(topic.name.clone()).or_default().insert(*index, result);
                }
            }
        }
        let results = topics.into_iter().map(|(name, partitions)| {
            AlterReplicaLogDirTopicResult::default()
                .with_topic_name(name)
                .with_partitions(partitions.into_values().collect())
        });
        AlterReplicaLogDirsResponse::default().with_results(results.collect())
    }
}

/// Begins a move. What is wrong with the name and the folder comes before what is wrong with the partition, as in Kafka.
fn start_move(state: &BrokerState, directory: &str, topic: &str, index: i32) -> Result<(), ResponseError> {
    if topic.len() + format!("-{index}").len() + FUTURE_SUFFIX_LEN > FOLDER_NAME_LEN_MAX {
        return Err(ResponseError::InvalidTopicException);
    }
    let directory = Path::new(directory);
    if !state.replicas.has_directory(directory) {
        return Err(ResponseError::LogDirNotFound);
    }
    let image = state.image();
    let topic = image.topics.by_name(topic).ok_or(ResponseError::UnknownTopicOrPartition)?;
    let index = PartitionIndex(index);
    if !topic.partitions.contains_key(&index) {
        return Err(ResponseError::UnknownTopicOrPartition);
    }
    state.replicas.start_move(topic.id, index, directory)
}
