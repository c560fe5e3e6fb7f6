//! A leader's changes of its partitions' ISR (KIP-497).

use m::alter_partition_request::PartitionData as Request;
use m::alter_partition_response::{PartitionData as Outcome, TopicData};
use medallion_wire::messages as m;
use medallion_wire::types::{PartitionIndex, TopicId};
use medallion_wire::{ResponseError, messages::BrokerId};

use super::decision::{ControllerSettings, Decision, ReplicationRules};
use super::partition_change::{Election, PartitionChange};
use super::{ApiError, brokers};
use crate::controller::image::delta::Changes;
use crate::controller::image::{LeaderRecoveryState, MetadataImage, PartitionRegistration, TopicImage};
use crate::controller::records::MetadataRecord;

/// Changes ISRs; each partition succeeds or fails for itself.
///
/// # Errors
/// `STALE_BROKER_EPOCH`.
pub(crate) fn alter(
    image: &MetadataImage,
    settings: &ControllerSettings,
    request: &m::AlterPartitionRequest,
) -> Result<Decision<m::AlterPartitionResponse>, ApiError> {
    brokers::check_epoch(image, request.broker_id.0, request.broker_epoch)?;
    let rules = settings.replication_rules(image);
    let mut records = Vec::new();
    let mut topics = Vec::new();
    for topic in &request.topics {
        let found = image.topics.by_id(TopicId(topic.topic_id));
        let outcomes = topic.partitions.iter().map(|partition| {
            let outcome = Outcome::default().with_partition_index(partition.partition_index);
            let changed = found
                .ok_or(ResponseError::UnknownTopicId)
                .and_then(|found| alter_one(image, &rules, request.broker_id.0, found, partition));
            match changed {
                Ok((record, after)) => {
                    records.extend(record);
                    accepted(outcome, request.broker_id.0, &after)
                }
                Err(error) => outcome.with_error_code(error.code()),
            }
        });
        let outcomes = outcomes.collect();
        topics.push(TopicData::default().with_topic_id(topic.topic_id).with_partitions(outcomes));
    }
    Ok(Decision { records, reply: m::AlterPartitionResponse::default().with_topics(topics) })
}

fn accepted(outcome: Outcome, asking: i32, after: &PartitionRegistration) -> Outcome {
    if after.leader != asking {
        // The change completed a reassignment that took the leadership away.
        return outcome.with_error_code(ResponseError::NewLeaderElected.code());
    }
    outcome
        .with_leader_id(BrokerId(after.leader))
        .with_leader_epoch(after.leader_epoch.get())
        .with_isr(after.isr.iter().copied().map(BrokerId).collect())
        .with_leader_recovery_state(after.leader_recovery_state.code())
        .with_partition_epoch(after.partition_epoch)
}

type Altered = (Option<MetadataRecord>, PartitionRegistration);

fn alter_one(
    image: &MetadataImage,
    rules: &ReplicationRules<'_>,
    broker: i32,
    topic: &TopicImage,
    request: &Request,
) -> Result<Altered, ResponseError> {
    let index = PartitionIndex(request.partition_index);
    let partition = topic.partitions.get(&index).ok_or(ResponseError::UnknownTopicOrPartition)?;
    check(image, broker, partition, request)?;
    let unclean = rules.unclean_election(&topic.name);
    let min_isr = rules.min_isr(&topic.name, partition.replicas.len());
    let change = PartitionChange::new(image, partition, min_isr)
        .election(if unclean { Election::Unclean } else { Election::Online })
        .isr(request.new_isr_with_epochs.iter().map(|state| state.broker_id.0).collect())
        .recovery_state(LeaderRecoveryState::from_code(request.leader_recovery_state));
    let Some(record) = change.build(topic.id, index) else {
        return Ok((None, partition.as_ref().clone()));
    };
    let record = MetadataRecord::from(record);
    let mut after = image.clone();
    after.apply(&record, &mut Changes::default()).map_err(|_| ResponseError::UnknownServerError)?;
    let after = after.topics.partition(topic.id, index).ok_or(ResponseError::UnknownServerError)?;
    Ok((Some(record), after.as_ref().clone()))
}

fn check(
    image: &MetadataImage,
    broker: i32,
    partition: &PartitionRegistration,
    request: &Request,
) -> Result<(), ResponseError> {
    let leader_epoch = partition.leader_epoch.get();
    if request.leader_epoch > leader_epoch || request.partition_epoch > partition.partition_epoch {
        return Err(ResponseError::NotController);
    }
    if request.leader_epoch < leader_epoch {
        return Err(ResponseError::FencedLeaderEpoch);
    }
    if broker != partition.leader {
        return Err(ResponseError::InvalidRequest);
    }
    if request.partition_epoch < partition.partition_epoch {
        return Err(ResponseError::InvalidUpdateVersion);
    }
    let isr: Vec<i32> = request.new_isr_with_epochs.iter().map(|state| state.broker_id.0).collect();
    let known = !isr.is_empty() && isr.iter().all(|replica| partition.replicas.contains(replica));
    let recovering = LeaderRecoveryState::from_code(request.leader_recovery_state);
    let distinct = (1..isr.len()).all(|at| !isr[..at].contains(&isr[at]));
    if !known || !distinct || !isr.contains(&partition.leader) {
        return Err(ResponseError::InvalidRequest);
    }
    if recovering == LeaderRecoveryState::Recovering
        && (isr.len() > 1 || partition.leader_recovery_state == LeaderRecoveryState::Recovered)
    {
        return Err(ResponseError::InvalidRequest);
    }
    let eligible = request.new_isr_with_epochs.iter().all(|state| {
        image.is_active(state.broker_id.0)
            && (state.broker_epoch == -1
                || image.brokers.get(&state.broker_id.0).is_some_and(|b| b.epoch == state.broker_epoch))
    });
    if eligible { Ok(()) } else { Err(ResponseError::IneligibleReplica) }
}
