//! DescribeLogDirs (API 35): what lies in each of `log.dirs`.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use bytes::Bytes;
use medallion_wire::ResponseError;
use medallion_wire::kafka_protocol::protocol::{HeaderVersion, StrBytes};
use medallion_wire::messages::describe_log_dirs_response::{
    DescribeLogDirsPartition, DescribeLogDirsResult, DescribeLogDirsTopic,
};
use medallion_wire::messages::{DescribeLogDirsRequest, DescribeLogDirsResponse};
use medallion_wire::newer_messages::describe_log_dirs;

use super::authorize::Operation;
use super::context::{BrokerState, Handler, RequestContext};
use super::topic_lookup::topic_name;
use crate::replica::LogDirectory;
use crate::server::reply::Reply;

/// The API.
pub(crate) struct DescribeLogDirs;

impl Handler for DescribeLogDirs {
    type Request = DescribeLogDirsRequest;

    fn error_codes(response: &DescribeLogDirsResponse) -> Vec<i16> {
        let directories = response.results.iter().map(|directory| directory.error_code);
        directories.chain([response.error_code]).collect()
    }

    fn decode(version: i16, body: &mut Bytes) -> Result<DescribeLogDirsRequest, String> {
        describe_log_dirs::decode_request(version, body).map_err(|error| error.to_string())
    }

    fn encode(response: &DescribeLogDirsResponse, version: i16, correlation_id: i32) -> Reply {
        let header_version = DescribeLogDirsResponse::header_version(version);
        let cordoned = |_: &DescribeLogDirsResult| false; // `cordoned.log.dirs` is refused
        Reply::encode_by(header_version, version, correlation_id, |frame| {
            describe_log_dirs::encode_response(version, response, cordoned, frame)
                .map_err(|error| error.to_string())
        })
    }

    async fn handle(
        state: Arc<BrokerState>,
        context: RequestContext,
        request: DescribeLogDirsRequest,
    ) -> DescribeLogDirsResponse {
        if let Err(error) = state.authorize_cluster(&context, Operation::Describe) {
            return DescribeLogDirsResponse::default().with_error_code(error.code());
        }
        let described = tokio::task::spawn_blocking(move || describe_all(&state, &request)).await;
        match described {
            Ok(results) => DescribeLogDirsResponse::default().with_results(results),
            Err(_) => {
                DescribeLogDirsResponse::default().with_error_code(ResponseError::UnknownServerError.code())
            }
        }
    }
}

fn describe_all(state: &BrokerState, request: &DescribeLogDirsRequest) -> Vec<DescribeLogDirsResult> {
    let asked = request.topics.as_ref().map(|topics| {
        let mut asked: HashMap<&str, HashSet<i32>> = HashMap::with_capacity(topics.len());
        for topic in topics {
            asked.entry(&topic.topic).or_default().extend(&topic.partitions);
        }
        asked
    });
    let directories = state.replicas.directories().iter().enumerate();
    directories.map(|(index, directory)| describe(state, asked.as_ref(), index, directory)).collect()
}

fn describe(
    state: &BrokerState,
    asked: Option<&HashMap<&str, HashSet<i32>>>,
    index: usize,
    directory: &LogDirectory,
) -> DescribeLogDirsResult {
    let result = DescribeLogDirsResult::default()
        .with_log_dir(StrBytes::from_string(directory.path().display().to_string()));
    let space = match directory.space() {
        Ok(space) => space,
        Err(error) => {
            tracing::error!(directory = %directory.path().display(), %error, "cannot be described");
            return result
                .with_error_code(ResponseError::KafkaStorageError.code())
                .with_total_bytes(-1)
                .with_usable_bytes(-1);
        }
    };
    let mut topics: BTreeMap<Arc<str>, Vec<DescribeLogDirsPartition>> = BTreeMap::new();
    for log in state.replicas.describe_directory(index) {
        let (topic, index) = (&*log.partition.topic, log.partition.partition.get());
        if asked.is_none_or(|asked| asked.get(topic).is_some_and(|indexes| indexes.contains(&index))) {
            let partition = DescribeLogDirsPartition::default()
                .with_partition_index(index)
                .with_partition_size(i64::try_from(log.size_bytes).unwrap_or(i64::MAX))
                .with_offset_lag(log.offset_lag)
                .with_is_future_key(log.is_future);
            topics.entry(log.partition.topic).or_default().push(partition);
        }
    }
    let topics = topics.into_iter().map(|(name, mut partitions)| {
        partitions.sort_by_key(|partition| partition.partition_index);
        DescribeLogDirsTopic::default().with_name(topic_name(&name)).with_partitions(partitions)
    });
    result
        .with_topics(topics.collect())
        .with_total_bytes(i64::try_from(space.total_bytes).unwrap_or(i64::MAX))
        .with_usable_bytes(i64::try_from(space.usable_bytes).unwrap_or(i64::MAX))
}
