//! Moving partitions to other brokers (KIP-455).

use m::alter_partition_reassignments_request::ReassignablePartition;
use m::alter_partition_reassignments_response::{ReassignablePartitionResponse, ReassignableTopicResponse};
use m::list_partition_reassignments_response::{OngoingPartitionReassignment, OngoingTopicReassignment};
use medallion_wire::messages as m;
use medallion_wire::types::PartitionIndex;
use medallion_wire::{ResponseError, messages::BrokerId};

use super::decision::{ControllerSettings, Decision, ReplicationRules};
use super::partition_change::{Election, PartitionChange};
use super::{ApiError, partitions};
use crate::controller::image::{MetadataImage, PartitionRegistration, TopicImage};
use crate::controller::records::MetadataRecord;

/// Starts or cancels reassignments; each partition succeeds or fails for itself.
pub(crate) fn alter(
    image: &MetadataImage,
    settings: &ControllerSettings,
    request: &m::AlterPartitionReassignmentsRequest,
) -> Decision<m::AlterPartitionReassignmentsResponse> {
    let rules = settings.replication_rules(image);
    let mut records: Vec<MetadataRecord> = Vec::new();
    let mut responses = Vec::new();
    for topic in &request.topics {
        let mut outcomes = Vec::new();
        for partition in &topic.partitions {
            let outcome = alter_one(
                image,
                &rules,
                topic.name.as_str(),
                partition,
                request.allow_replication_factor_change,
            );
            let (code, message) = match outcome {
                Ok(record) => {
                    records.extend(record);
                    (0, None)
                }
                Err(error) => (error.code(), error.message),
            };
            outcomes.push(
                ReassignablePartitionResponse::default()
                    .with_partition_index(partition.partition_index)
                    .with_error_code(code)
                    .with_error_message(message.map(Into::into)),
            );
        }
        responses.push(
            ReassignableTopicResponse::default().with_name(topic.name.clone()).with_partitions(outcomes),
        );
    }
    let reply = m::AlterPartitionReassignmentsResponse::default()
        .with_error_message(None)
        .with_allow_replication_factor_change(request.allow_replication_factor_change)
        .with_responses(responses);
    Decision { records, reply }
}

fn alter_one(
    image: &MetadataImage,
    rules: &ReplicationRules<'_>,
    name: &str,
    target: &ReassignablePartition,
    allow_factor_change: bool,
) -> Result<Option<MetadataRecord>, ApiError> {
    let unknown = |message| ApiError::new(ResponseError::UnknownTopicOrPartition, message);
    let topic =
        image.topics.by_name(name).ok_or_else(|| unknown(format!("Unable to find a topic named {name}.")))?;
    let index = PartitionIndex(target.partition_index);
    let partition = topic
        .partitions
        .get(&index)
        .ok_or_else(|| unknown(format!("Unable to find partition {name}:{index}.")))?;
    let min_isr = rules.min_isr(name, partition.replicas.len());
    let change = PartitionChange::new(image, partition, min_isr);
    let change = match &target.replicas {
        None => cancelled(rules, topic, index, partition, change)?,
        Some(replicas) => {
            let replicas: Vec<i32> = replicas.iter().map(|broker| broker.0).collect();
            partitions::check_assignment(image, &replicas, None)?;
            if !allow_factor_change {
                check_factor(partition, &replicas)?;
            }
            started(partition, &replicas, change)
        }
    };
    Ok(change.build(topic.id, index).map(Into::into))
}

/// KIP-860: the number of replicas stays unless the request allows it to change.
fn check_factor(partition: &PartitionRegistration, replicas: &[i32]) -> Result<(), ApiError> {
    let stays = |replica: &&i32| !partition.removing_replicas.contains(replica);
    let current = partition.replicas.iter().filter(stays).count();
    if current == replicas.len() {
        return Ok(());
    }
    Err(ApiError::new(
        ResponseError::InvalidReplicationFactor,
        format!("The replication factor is changed from {current} to {}", replicas.len()),
    ))
}

fn original_replicas(partition: &PartitionRegistration) -> Vec<i32> {
    let was_there = |replica: &i32| !partition.adding_replicas.contains(replica);
    partition.replicas.iter().copied().filter(was_there).collect()
}

fn started<'a>(
    partition: &PartitionRegistration,
    target: &[i32],
    change: PartitionChange<'a>,
) -> PartitionChange<'a> {
    let without = |all: &[i32], some: &[i32]| {
        let mut rest: Vec<i32> = all.iter().copied().filter(|replica| !some.contains(replica)).collect();
        rest.sort_unstable();
        rest
    };
    let removing = without(&partition.replicas, target);
    let adding = without(target, &partition.replicas);
    let replicas = target.iter().chain(&removing).copied().collect();
    change.assignment(replicas, adding, removing)
}

fn cancelled<'a>(
    rules: &ReplicationRules<'_>,
    topic: &TopicImage,
    index: PartitionIndex,
    partition: &PartitionRegistration,
    change: PartitionChange<'a>,
) -> Result<PartitionChange<'a>, ApiError> {
    if !partition.is_reassigning() {
        return Err(ApiError::bare(ResponseError::NoReassignmentInProgress));
    }
    let replicas = original_replicas(partition);
    let mut isr: Vec<i32> = partition.isr.iter().copied().filter(|r| replicas.contains(r)).collect();
    let unclean = rules.unclean_election(&topic.name);
    if isr.is_empty() {
        let invalid = |message| ApiError::new(ResponseError::InvalidReplicaAssignment, message);
        let Some(first) = replicas.first() else {
            let message = "Invalid replica assignment: addingReplicas contains all replicas.";
            return Err(invalid(message.to_owned()));
        };
        if !unclean {
            return Err(invalid(format!(
                "Unable to revert partition assignment for {}:{index} because it would require an unclean leader \
                 election.",
                topic.name
            )));
        }
        isr.push(*first);
    }
    let election = if unclean { Election::Unclean } else { Election::Online };
    Ok(change.election(election).isr(isr).assignment(replicas, Vec::new(), Vec::new()))
}

/// The reassignments under way, of the named topics or of all.
pub(crate) fn list(
    image: &MetadataImage,
    request: &m::ListPartitionReassignmentsRequest,
) -> m::ListPartitionReassignmentsResponse {
    let mut topics = Vec::new();
    match &request.topics {
        None => topics.extend(image.topics.iter().filter_map(|topic| {
            let all: Vec<i32> = topic.partitions.keys().map(|index| index.get()).collect();
            ongoing(topic, &all)
        })),
        Some(named) => topics.extend(named.iter().filter_map(|wanted| {
            ongoing(image.topics.by_name(wanted.name.as_str())?, &wanted.partition_indexes)
        })),
    }
    m::ListPartitionReassignmentsResponse::default().with_error_message(None).with_topics(topics)
}

fn ongoing(topic: &TopicImage, partitions: &[i32]) -> Option<OngoingTopicReassignment> {
    let ids = |brokers: &[i32]| brokers.iter().copied().map(BrokerId).collect::<Vec<_>>();
    let partitions: Vec<_> = partitions
        .iter()
        .filter_map(|index| {
            let partition = topic.partitions.get(&PartitionIndex(*index))?;
            partition.is_reassigning().then(|| {
                OngoingPartitionReassignment::default()
                    .with_partition_index(*index)
                    .with_replicas(ids(&partition.replicas))
                    .with_adding_replicas(ids(&partition.adding_replicas))
                    .with_removing_replicas(ids(&partition.removing_replicas))
            })
        })
        .collect();
    let name = m::TopicName(topic.name.to_string().into());
    (!partitions.is_empty())
        .then(|| OngoingTopicReassignment::default().with_name(name).with_partitions(partitions))
}
