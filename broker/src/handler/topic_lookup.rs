//! From what a request names to a partition of this broker, with Kafka's errors in between.

use std::sync::Arc;

use medallion_wire::kafka_protocol::protocol::StrBytes;
use medallion_wire::messages::TopicName;
use medallion_wire::types::Uuid;
use medallion_wire::{PartitionIndex, ResponseError, TopicId};

use super::authorize::{Operation, Resource};
use super::context::{BrokerState, RequestContext};
use crate::controller::image::{MetadataImage, PartitionRegistration, TopicImage};
use crate::replica::Partition;

/// A topic's name as requests and responses carry it.
pub(crate) fn topic_name(name: &str) -> TopicName {
    TopicName(StrBytes::from_string(name.to_owned()))
}

/// The topic that a request names: by id where there is one, else by name.
///
/// # Errors
/// `UNKNOWN_TOPIC_ID`, `UNKNOWN_TOPIC_OR_PARTITION`, `TOPIC_AUTHORIZATION_FAILED`.
pub(crate) fn find_topic<'a>(
    state: &BrokerState,
    context: &RequestContext,
    image: &'a MetadataImage,
    name: &str,
    id: Uuid,
    operation: Operation,
) -> Result<&'a Arc<TopicImage>, ResponseError> {
    if id.is_nil() {
        if !state.allows(context, operation, Resource::Topic(name)) {
            return Err(ResponseError::TopicAuthorizationFailed);
        }
        return image.topics.by_name(name).ok_or(ResponseError::UnknownTopicOrPartition);
    }
    let topic = image.topics.by_id(TopicId(id)).ok_or(ResponseError::UnknownTopicId)?;
    if !state.allows(context, operation, Resource::Topic(&topic.name)) {
        return Err(ResponseError::TopicAuthorizationFailed);
    }
    Ok(topic)
}

/// The partition `index` of `topic`, of which this broker must be the leader in the epoch that the client knows
/// (-1: the client knows none).
///
/// # Errors
/// `UNKNOWN_TOPIC_OR_PARTITION`, `NOT_LEADER_OR_FOLLOWER`, `FENCED_LEADER_EPOCH`, `UNKNOWN_LEADER_EPOCH`.
pub(crate) fn led_partition(
    state: &BrokerState,
    topic: &TopicImage,
    index: i32,
    current_leader_epoch: i32,
) -> Result<Arc<Partition>, ResponseError> {
    let index = PartitionIndex(index);
    let registration: &PartitionRegistration =
        topic.partitions.get(&index).ok_or(ResponseError::UnknownTopicOrPartition)?;
    let partition = state.replicas.get(topic.id, index).ok_or(ResponseError::NotLeaderOrFollower)?;
    if registration.leader != state.node_id {
        return Err(ResponseError::NotLeaderOrFollower);
    }
    check_leader_epoch(current_leader_epoch, partition.leader_epoch().get())?;
    Ok(partition)
}

fn check_leader_epoch(claimed: i32, actual: i32) -> Result<(), ResponseError> {
    match claimed {
        -1 => Ok(()),
        older if older < actual => Err(ResponseError::FencedLeaderEpoch),
        newer if newer > actual => Err(ResponseError::UnknownLeaderEpoch),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn epochs_fence_in_both_directions() {
        assert_eq!(check_leader_epoch(-1, 5), Ok(()));
        assert_eq!(check_leader_epoch(5, 5), Ok(()));
        assert_eq!(check_leader_epoch(4, 5), Err(ResponseError::FencedLeaderEpoch));
        assert_eq!(check_leader_epoch(6, 5), Err(ResponseError::UnknownLeaderEpoch));
    }
}
