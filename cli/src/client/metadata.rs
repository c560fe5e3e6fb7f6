//! The brokers and topics of a cluster at one moment.

use std::collections::BTreeMap;
use std::sync::Arc;

use medallion_wire::messages::metadata_response::{MetadataResponsePartition, MetadataResponseTopic};
use medallion_wire::messages::{self, MetadataResponse};
use medallion_wire::{BrokerId, LeaderEpoch, PartitionIndex, ResponseError, TopicId, TopicPartition};

use super::ClientError;

/// A broker's address as the cluster advertises it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Node {
    /// The broker's id.
    pub(crate) id: BrokerId,
    /// `host:port`.
    pub(crate) address: String,
    /// The broker's rack.
    pub(crate) rack: Option<String>,
}

/// One partition of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PartitionMetadata {
    /// Its index.
    pub(crate) partition: PartitionIndex,
    /// Who leads it, where somebody does.
    pub(crate) leader: Option<BrokerId>,
    /// The epoch of that leadership.
    pub(crate) leader_epoch: LeaderEpoch,
    /// Who holds it.
    pub(crate) replicas: Vec<BrokerId>,
    /// Who of them is in sync.
    pub(crate) isr: Vec<BrokerId>,
}

/// One topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TopicMetadata {
    /// Its name.
    pub(crate) name: Arc<str>,
    /// Its id; none from a very old broker.
    pub(crate) id: TopicId,
    /// Whether it is Kafka's own.
    pub(crate) is_internal: bool,
    /// Its partitions by index.
    pub(crate) partitions: Vec<PartitionMetadata>,
}

impl TopicMetadata {
    /// The partition with that index.
    pub(crate) fn partition(&self, index: PartitionIndex) -> Result<&PartitionMetadata, ClientError> {
        let unknown = || ClientError::UnknownPartition {
            topic: self.name.to_string(),
            partition: index.get(),
            count: self.partitions.len(),
        };
        self.partitions.iter().find(|partition| partition.partition == index).ok_or_else(unknown)
    }
}

/// A cluster's brokers and topics at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Metadata {
    /// The cluster's id.
    pub(crate) cluster_id: Option<String>,
    /// The brokers by id.
    pub(crate) brokers: Vec<Node>,
    /// The topics that were asked for, by name.
    pub(crate) topics: Vec<TopicMetadata>,
}

impl Metadata {
    /// The topic of that name.
    pub(crate) fn topic(&self, name: &str) -> Result<&TopicMetadata, ClientError> {
        let unknown = || ClientError::UnknownTopic { topic: name.to_owned() };
        self.topics.iter().find(|topic| &*topic.name == name).ok_or_else(unknown)
    }

    /// Who leads a partition.
    pub(crate) fn leader(&self, partition: &TopicPartition) -> Result<BrokerId, ClientError> {
        self.topic(&partition.topic)?.partition(partition.partition)?.leader.ok_or_else(|| {
            ClientError::NoLeader { topic: partition.topic.to_string(), partition: partition.partition.get() }
        })
    }
}

/// The partitions by who leads them.
pub(crate) fn group_by_leader(
    metadata: &Metadata,
    partitions: impl Iterator<Item = TopicPartition>,
) -> Result<BTreeMap<BrokerId, Vec<TopicPartition>>, ClientError> {
    let mut groups: BTreeMap<BrokerId, Vec<TopicPartition>> = BTreeMap::new();
    for partition in partitions {
        groups.entry(metadata.leader(&partition)?).or_default().push(partition);
    }
    Ok(groups)
}

/// Takes an answer apart; topics that the cluster does not know are left out.
pub(super) fn read_metadata(response: &MetadataResponse) -> Result<Metadata, ClientError> {
    let node = |broker: &messages::metadata_response::MetadataResponseBroker| Node {
        id: BrokerId(broker.node_id.0),
        address: format!("{}:{}", broker.host, broker.port),
        rack: broker.rack.as_ref().map(ToString::to_string),
    };
    let mut brokers: Vec<Node> = response.brokers.iter().map(node).collect();
    brokers.sort_by_key(|node| node.id);
    let mut topics = Vec::new();
    for topic in &response.topics {
        let unknown = ResponseError::UnknownTopicOrPartition.code();
        let being_made = ResponseError::LeaderNotAvailable.code();
        if topic.error_code == unknown || (topic.error_code == being_made && topic.partitions.is_empty()) {
            continue;
        }
        topics.push(read_topic(topic)?);
    }
    topics.sort_by(|left, right| left.name.cmp(&right.name));
    Ok(Metadata { cluster_id: response.cluster_id.as_ref().map(ToString::to_string), brokers, topics })
}

fn read_topic(topic: &MetadataResponseTopic) -> Result<TopicMetadata, ClientError> {
    let name: Arc<str> = topic.name.as_ref().map_or("", |name| name.as_str()).into();
    let leaderless = ResponseError::LeaderNotAvailable.code();
    if topic.error_code != leaderless {
        ClientError::check(topic.error_code, || format!("topic {name}"), None)?;
    }
    let mut partitions: Vec<_> = topic.partitions.iter().map(read_partition).collect();
    partitions.sort_by_key(|partition| partition.partition);
    Ok(TopicMetadata { name, id: TopicId(topic.topic_id), is_internal: topic.is_internal, partitions })
}

fn read_partition(partition: &MetadataResponsePartition) -> PartitionMetadata {
    let ids = |ids: &[messages::BrokerId]| ids.iter().map(|id| BrokerId(id.0)).collect();
    PartitionMetadata {
        partition: PartitionIndex(partition.partition_index),
        leader: (partition.leader_id.0 >= 0).then_some(BrokerId(partition.leader_id.0)),
        leader_epoch: LeaderEpoch(partition.leader_epoch),
        replicas: ids(&partition.replica_nodes),
        isr: ids(&partition.isr_nodes),
    }
}
