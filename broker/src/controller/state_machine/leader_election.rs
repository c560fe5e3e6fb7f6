//! Elections that someone asks for.

use m::elect_leaders_response::{PartitionResult, ReplicaElectionResult};
use medallion_wire::messages as m;
use medallion_wire::types::PartitionIndex;
use medallion_wire::{ResponseError, messages::TopicName};

use super::ApiError;
use super::decision::{ControllerSettings, Decision, ReplicationRules};
use super::partition_change::{Election, PartitionChange};
use crate::controller::image::MetadataImage;
use crate::controller::records::MetadataRecord;

/// Elects the preferred or any leader of the named partitions, or of all.
///
/// # Errors
/// `INVALID_REQUEST` for an unknown election type.
pub(crate) fn elect(
    image: &MetadataImage,
    settings: &ControllerSettings,
    request: &m::ElectLeadersRequest,
) -> Result<Decision<m::ElectLeadersResponse>, ApiError> {
    let election = match request.election_type {
        0 => Election::Preferred,
        1 => Election::Unclean,
        other => {
            let message = format!("Unknown election type {other}");
            return Err(ApiError::new(ResponseError::InvalidRequest, message));
        }
    };
    let rules = settings.replication_rules(image);
    let mut records = Vec::new();
    let mut results = Vec::new();
    let mut elect = |topic: &str, partition: i32| {
        elect_one(image, &rules, election, topic, PartitionIndex(partition))
            .map(|record| records.push(record))
    };
    if let Some(topics) = &request.topic_partitions {
        for topic in topics {
            let outcomes =
                topic.partitions.iter().map(|p| partition_result(*p, elect(topic.topic.as_str(), *p).err()));
            results.push(topic_result(topic.topic.clone(), outcomes.collect()));
        }
    } else {
        for topic in image.topics.iter() {
            let mut outcomes = Vec::new();
            for index in topic.partitions.keys() {
                let error = elect(&topic.name, index.get()).err();
                // Asked for all, Kafka is silent about those that have the leader already.
                if error.as_ref().is_none_or(|error| error.error != ResponseError::ElectionNotNeeded) {
                    outcomes.push(partition_result(index.get(), error));
                }
            }
            results.push(topic_result(TopicName(topic.name.to_string().into()), outcomes));
        }
    }
    let reply = m::ElectLeadersResponse::default().with_replica_election_results(results);
    Ok(Decision { records, reply })
}

fn topic_result(topic: TopicName, partitions: Vec<PartitionResult>) -> ReplicaElectionResult {
    ReplicaElectionResult::default().with_topic(topic).with_partition_result(partitions)
}

fn partition_result(partition: i32, error: Option<ApiError>) -> PartitionResult {
    let (code, message) = error.map_or((0, None), |error| (error.code(), error.message));
    PartitionResult::default()
        .with_partition_id(partition)
        .with_error_code(code)
        .with_error_message(message.map(Into::into))
}

fn elect_one(
    image: &MetadataImage,
    rules: &ReplicationRules<'_>,
    election: Election,
    name: &str,
    index: PartitionIndex,
) -> Result<MetadataRecord, ApiError> {
    let unknown = |message| ApiError::new(ResponseError::UnknownTopicOrPartition, message);
    let topic = image.topics.by_name(name).ok_or_else(|| unknown(format!("No such topic as {name}")))?;
    let partition = topic
        .partitions
        .get(&index)
        .ok_or_else(|| unknown(format!("No such partition as {name}-{index}")))?;
    let needless = match election {
        Election::Preferred => partition.has_preferred_leader(),
        Election::Online | Election::Unclean => partition.has_leader(),
    };
    if needless {
        return Err(ApiError::with_default_message(ResponseError::ElectionNotNeeded));
    }
    let min_isr = rules.min_isr(name, partition.replicas.len());
    let change = PartitionChange::new(image, partition, min_isr).election(election);
    let record = change.build(topic.id, index).ok_or_else(|| {
        ApiError::with_default_message(match election {
            Election::Preferred => ResponseError::PreferredLeaderNotAvailable,
            Election::Online | Election::Unclean => ResponseError::EligibleLeadersNotAvailable,
        })
    })?;
    Ok(record.into())
}
