//! What to believe: an answer may be older than what is known already, because brokers learn of changes one after another.

use std::collections::HashMap;
use std::sync::Arc;

use medallion_wire::messages::MetadataResponse;
use medallion_wire::messages::metadata_response::{MetadataResponsePartition, MetadataResponseTopic};
use medallion_wire::{BrokerId, LeaderEpoch, PartitionIndex, ResponseError, TopicId};

use super::cluster::{Broker, Cluster, Partition, Topic};

/// The picture behind `response`: within one topic id, no partition goes back to an older leadership (KIP-320).
pub(super) fn merge(known: &Cluster, response: &MetadataResponse) -> Cluster {
    let brokers = response.brokers.iter().filter_map(|broker| {
        let id = BrokerId(broker.node_id.0);
        let port = u16::try_from(broker.port).ok()?;
        let rack = broker.rack.as_deref().map(Arc::from);
        Some((id, Broker { id, host: (&*broker.host).into(), port, rack }))
    });
    let mut topics = HashMap::with_capacity(response.topics.len());
    for topic in &response.topics {
        let Some(merged) = merge_topic(known, topic) else { continue };
        topics.insert(Arc::clone(&merged.name), Arc::new(merged));
    }
    Cluster {
        id: response.cluster_id.as_deref().map(Arc::from),
        controller: Some(BrokerId(response.controller_id.0)).filter(|id| id.get() >= 0),
        brokers: brokers.collect(),
        topics,
    }
}

fn merge_topic(known: &Cluster, topic: &MetadataResponseTopic) -> Option<Topic> {
    let name = topic.name.as_ref()?;
    let id = TopicId(topic.topic_id);
    let before = known.topic(name);
    let name = before.map_or_else(|| name.as_str().into(), |before| Arc::clone(&before.name));
    let error = ResponseError::try_from_code(topic.error_code);
    if let (Some(error), Some(before)) = (error, before)
        && error.is_retriable()
    {
        // The broker may not know the topic yet; what was known is the better guess.
        return Some(Topic { error: Some(error), ..Topic::clone(before) });
    }
    let before = before.filter(|before| before.id == id);
    let mut partitions: Vec<Partition> = topic.partitions.iter().map(partition).collect();
    partitions.sort_by_key(|partition| partition.index);
    for partition in &mut partitions {
        let Some(older) = before.and_then(|before| before.partition(partition.index)) else { continue };
        if partition.leader_epoch < older.leader_epoch && partition.leader_epoch != LeaderEpoch::NONE {
            *partition = older.clone();
        }
    }
    // A gap would shift indexes.
    let is_whole = partitions.iter().enumerate().all(|(at, one)| usize::try_from(one.index.get()) == Ok(at));
    if !is_whole {
        partitions.clear();
    }
    Some(Topic { name, id, is_internal: topic.is_internal, partitions, error })
}

fn partition(partition: &MetadataResponsePartition) -> Partition {
    let ids =
        |nodes: &[medallion_wire::messages::BrokerId]| nodes.iter().map(|node| BrokerId(node.0)).collect();
    Partition {
        index: PartitionIndex(partition.partition_index),
        leader: Some(BrokerId(partition.leader_id.0)).filter(|id| id.get() >= 0),
        leader_epoch: LeaderEpoch(partition.leader_epoch),
        replicas: ids(&partition.replica_nodes),
        in_sync_replicas: ids(&partition.isr_nodes),
        offline_replicas: ids(&partition.offline_replicas),
    }
}
