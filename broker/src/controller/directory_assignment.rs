//! Telling the metadata in which directory of this node a partition lies (KIP-858).
//!
//! A node with several `log.dirs` chooses a new partition's directory itself, so the metadata learns of it afterwards.
//! Apache Kafka reads it there when it opens the directories again.

use std::collections::BTreeMap;

use medallion_wire::messages::assign_replicas_to_dirs_request::{DirectoryData, PartitionData, TopicData};
use medallion_wire::messages::{AssignReplicasToDirsRequest, BrokerId};
use medallion_wire::types::{PartitionIndex, TopicId, Uuid};

use super::image::MetadataDelta;
use super::records;

/// The request that puts right what the metadata says of the partitions in `delta`; `None` where all is right.
///
/// `directory_of` tells where this node holds a partition.
pub(crate) fn correction(
    delta: &MetadataDelta,
    node_id: i32,
    directory_of: impl Fn(TopicId, PartitionIndex) -> Option<Uuid>,
) -> Option<AssignReplicasToDirsRequest> {
    let image = &delta.after;
    if !records::has_directories(image) || !image.is_active(node_id) {
        return None;
    }
    let epoch = image.brokers.get(&node_id)?.epoch;
    let mut misplaced: BTreeMap<Uuid, BTreeMap<TopicId, Vec<PartitionData>>> = BTreeMap::new();
    for change in delta.changed_partitions() {
        let Some(found) = directory_of(change.topic.id, change.partition) else { continue };
        if change.after.directory(node_id).is_some_and(|registered| registered != found) {
            let partition = PartitionData::default().with_partition_index(change.partition.get());
            misplaced.entry(found).or_default().entry(change.topic.id).or_default().push(partition);
        }
    }
    let topic = |(id, partitions): (TopicId, Vec<PartitionData>)| {
        TopicData::default().with_topic_id(id.0).with_partitions(partitions)
    };
    let directories: Vec<_> = misplaced
        .into_iter()
        .map(|(id, topics)| {
            DirectoryData::default().with_id(id).with_topics(topics.into_iter().map(topic).collect())
        })
        .collect();
    (!directories.is_empty()).then(|| {
        AssignReplicasToDirsRequest::default()
            .with_broker_id(BrokerId(node_id))
            .with_broker_epoch(epoch)
            .with_directories(directories)
    })
}
