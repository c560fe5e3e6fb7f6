//! New partitions, and the directories of those that are there.

use m::create_partitions_request::CreatePartitionsTopic;
use m::create_partitions_response::CreatePartitionsTopicResult;
use medallion_wire::messages as m;
use medallion_wire::types::{PartitionIndex, TopicId, Uuid};
use medallion_wire::{ResponseError, messages::TopicName};

use super::decision::{ControllerSettings, Decision, Inputs, ReplicationRules};
use super::partition_change::PartitionChange;
use super::{ApiError, brokers, replica_placement};
use crate::controller::image::brokers::UNASSIGNED_DIRECTORY;
use crate::controller::image::{MetadataImage, TopicImage};
use crate::controller::records::{self, MetadataRecord, PartitionRecord};

/// More new partitions than this in one request are refused, as in Kafka (`MAX_PARTITIONS_PER_BATCH`).
pub(crate) const MAX_PARTITIONS_PER_REQUEST: i64 = 10_000;

/// A partition to be created: its replicas, where they lie and which are in sync.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NewPartition {
    /// The brokers that hold it.
    pub(crate) replicas: Vec<i32>,
    directories: Vec<Uuid>,
    isr: Vec<i32>,
}

impl NewPartition {
    /// A partition on `replicas`; `None` when none of them is active.
    pub(crate) fn new(image: &MetadataImage, replicas: Vec<i32>) -> Option<Self> {
        let isr: Vec<i32> = replicas.iter().copied().filter(|broker| image.is_active(*broker)).collect();
        let directory = |broker: &i32| {
            image.brokers.get(broker).map_or(UNASSIGNED_DIRECTORY, |broker| broker.default_directory())
        };
        let directories = if records::has_directories(image) {
            replicas.iter().map(directory).collect()
        } else {
            Vec::new()
        };
        (!isr.is_empty()).then_some(Self { replicas, directories, isr })
    }

    /// The record that creates it.
    pub(crate) fn record(&self, topic: TopicId, partition: PartitionIndex) -> PartitionRecord {
        PartitionRecord {
            topic_id: topic.0,
            partition_id: partition.get(),
            replicas: self.replicas.clone(),
            isr: self.isr.clone(),
            leader: self.isr[0],
            leader_epoch: 0,
            partition_epoch: 0,
            directories: self.directories.clone(),
            ..PartitionRecord::default()
        }
    }
}

/// Checks an assignment that a client made by hand.
///
/// # Errors
/// `INVALID_REPLICA_ASSIGNMENT` with Kafka's message.
pub(crate) fn check_assignment(
    image: &MetadataImage,
    replicas: &[i32],
    replication_factor: Option<usize>,
) -> Result<(), ApiError> {
    let invalid = |message: String| Err(ApiError::new(ResponseError::InvalidReplicaAssignment, message));
    if replicas.is_empty() {
        return invalid("The manual partition assignment includes an empty replica list.".to_owned());
    }
    let mut sorted = replicas.to_vec();
    sorted.sort_unstable();
    let mut previous = None;
    for broker in sorted {
        if !image.brokers.contains_key(&broker) {
            return invalid(format!(
                "The manual partition assignment includes broker {broker}, but no such broker is registered."
            ));
        }
        if previous == Some(broker) {
            return invalid(format!(
                "The manual partition assignment includes the broker {broker} more than once."
            ));
        }
        previous = Some(broker);
    }
    match replication_factor {
        Some(factor) if factor != replicas.len() => invalid(format!(
            "The manual partition assignment includes a partition with {} replica(s), but this is not consistent \
             with previous partitions, which have {factor} replica(s).",
            replicas.len()
        )),
        _ => Ok(()),
    }
}

/// Adds partitions; each topic succeeds or fails for itself.
pub(crate) fn create(
    image: &MetadataImage,
    request: &m::CreatePartitionsRequest,
    inputs: &mut Inputs<'_>,
) -> Decision<m::CreatePartitionsResponse> {
    let mut records = Vec::new();
    let mut results = Vec::new();
    for (position, topic) in request.topics.iter().enumerate() {
        let earlier = request.topics[..position].iter().any(|other| other.name == topic.name);
        let later = request.topics[position + 1..].iter().any(|other| other.name == topic.name);
        let outcome = match (earlier, later) {
            (true, _) => continue,
            (_, true) => Err(ApiError::new(ResponseError::InvalidRequest, "Duplicate topic name.")),
            _ => create_one(image, topic, inputs, &mut records),
        };
        results.push(partitions_result(&topic.name, outcome.err()));
    }
    if request.validate_only {
        records.clear();
    }
    Decision { records, reply: m::CreatePartitionsResponse::default().with_results(results) }
}

fn partitions_result(name: &TopicName, error: Option<ApiError>) -> CreatePartitionsTopicResult {
    let (code, message) = error.map_or((0, None), |error| (error.code(), error.message));
    CreatePartitionsTopicResult::default()
        .with_name(name.clone())
        .with_error_code(code)
        .with_error_message(message.map(Into::into))
}

fn create_one(
    image: &MetadataImage,
    request: &CreatePartitionsTopic,
    inputs: &mut Inputs<'_>,
    records: &mut Vec<MetadataRecord>,
) -> Result<(), ApiError> {
    let name = request.name.as_str();
    let topic =
        image.topics.by_name(name).ok_or_else(|| ApiError::bare(ResponseError::UnknownTopicOrPartition))?;
    let present = i32::try_from(topic.partitions.len()).unwrap_or(i32::MAX);
    let invalid = |message| Err(ApiError::new(ResponseError::InvalidPartitions, message));
    if request.count == present {
        return invalid(format!("Topic already has {present} partition(s)."));
    }
    if request.count < present {
        return invalid(format!(
            "The topic {name} currently has {present} partition(s); {} would not be an increase.",
            request.count
        ));
    }
    let additional = request.count - present;
    if i64::from(additional) > MAX_PARTITIONS_PER_REQUEST {
        return Err(ApiError::too_large()); // before they are placed
    }
    let count = usize::try_from(additional).unwrap_or(0);
    check_assignment_count(request, count)?;
    inputs.take_partitions(count)?;
    let partitions = new_partitions(image, request, topic, count, inputs)?;
    for (index, partition) in (present..).zip(partitions) {
        records.push(partition.record(topic.id, PartitionIndex(index)).into());
    }
    Ok(())
}

fn check_assignment_count(request: &CreatePartitionsTopic, count: usize) -> Result<(), ApiError> {
    match &request.assignments {
        Some(assignments) if assignments.len() != count => Err(ApiError::new(
            ResponseError::InvalidReplicaAssignment,
            format!(
                "Attempted to add {count} additional partition(s), but only {} assignment(s) were specified.",
                assignments.len()
            ),
        )),
        _ => Ok(()),
    }
}

fn new_partitions(
    image: &MetadataImage,
    request: &CreatePartitionsTopic,
    topic: &TopicImage,
    count: usize,
    inputs: &mut Inputs<'_>,
) -> Result<Vec<NewPartition>, ApiError> {
    let first = topic.partitions.values().next().ok_or_else(|| {
        ApiError::new(
            ResponseError::UnknownServerError,
            format!("Invalid state: topic {} appears to have no partitions.", topic.name),
        )
    })?;
    let factor = first.replicas.len();
    let Some(assignments) = &request.assignments else {
        let refused = |message| ApiError::new(ResponseError::InvalidReplicationFactor, message);
        let short = i16::try_from(factor).unwrap_or(i16::MAX);
        let placements = replica_placement::place(image, inputs, count, short).map_err(refused)?;
        let inactive = || {
            refused(format!(
                "Unable to replicate the partition {factor} time(s): All brokers are currently fenced or in \
                 controlled shutdown."
            ))
        };
        let new = |replicas| NewPartition::new(image, replicas).ok_or_else(inactive);
        return placements.into_iter().map(new).collect();
    };
    let invalid = |message| ApiError::new(ResponseError::InvalidReplicaAssignment, message);
    let from = topic.partitions.len();
    let new = |(index, assignment): (usize, &m::create_partitions_request::CreatePartitionsAssignment)| {
        let replicas: Vec<i32> = assignment.broker_ids.iter().map(|broker| broker.0).collect();
        check_assignment(image, &replicas, Some(factor))?;
        NewPartition::new(image, replicas).ok_or_else(|| {
            invalid(format!(
                "All brokers specified in the manual partition assignment for partition {index} are fenced or in \
                 controlled shutdown."
            ))
        })
    };
    (from..).zip(assignments).map(new).collect()
}

/// Notes the directories of a broker's replicas (KIP-858).
///
/// # Errors
/// `STALE_BROKER_EPOCH`, or `UNSUPPORTED_VERSION` under an old `metadata.version`.
pub(crate) fn assign_to_directories(
    image: &MetadataImage,
    settings: &ControllerSettings,
    request: &m::AssignReplicasToDirsRequest,
) -> Result<Decision<m::AssignReplicasToDirsResponse>, ApiError> {
    use m::assign_replicas_to_dirs_response::{DirectoryData, PartitionData, TopicData};
    if !records::has_directories(image) {
        let message = "Directory assignment is not supported yet.";
        return Err(ApiError::new(ResponseError::UnsupportedVersion, message));
    }
    let broker = request.broker_id.0;
    brokers::check_epoch(image, broker, request.broker_epoch)?;
    let rules = settings.replication_rules(image);
    let mut records = Vec::new();
    let mut directories = Vec::new();
    for directory in &request.directories {
        let mut topics = Vec::new();
        for topic in &directory.topics {
            let mut results = Vec::new();
            for partition in &topic.partitions {
                let place = (TopicId(topic.topic_id), PartitionIndex(partition.partition_index));
                let outcome = assign_one(image, &rules, broker, directory.id, place);
                let code = outcome.as_ref().err().map_or(0, ResponseError::code);
                records.extend(outcome.ok().flatten());
                results.push(
                    PartitionData::default()
                        .with_partition_index(partition.partition_index)
                        .with_error_code(code),
                );
            }
            topics.push(TopicData::default().with_topic_id(topic.topic_id).with_partitions(results));
        }
        directories.push(DirectoryData::default().with_id(directory.id).with_topics(topics));
    }
    Ok(Decision { records, reply: m::AssignReplicasToDirsResponse::default().with_directories(directories) })
}

fn assign_one(
    image: &MetadataImage,
    rules: &ReplicationRules<'_>,
    broker: i32,
    directory: Uuid,
    (topic, index): (TopicId, PartitionIndex),
) -> Result<Option<MetadataRecord>, ResponseError> {
    let topic = image.topics.by_id(topic).ok_or(ResponseError::UnknownTopicId)?;
    let partition = topic.partitions.get(&index).ok_or(ResponseError::UnknownTopicOrPartition)?;
    if !partition.replicas.contains(&broker) {
        return Err(ResponseError::NotLeaderOrFollower);
    }
    let min_isr = rules.min_isr(&topic.name, partition.replicas.len());
    let change = PartitionChange::new(image, partition, min_isr).directory(broker, directory);
    Ok(change.build(topic.id, index).map(Into::into))
}
