//! Partitions are made, changed and removed as the metadata says, on the controller's thread.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use medallion_log::OpenOptions;
use medallion_wire::types::Uuid;
use medallion_wire::{PartitionIndex, TopicId};
use tracing::warn;

use super::ReplicaManager;
use crate::controller::image::{
    MetadataDelta, MetadataImage, PartitionRegistration, ResourceType, TopicImage,
};
use crate::replica::{LogDirectory, Partition};
use crate::storage::folders::{FolderKind, marked_name};

impl ReplicaManager {
    /// Acts on a change of the metadata. When it returns, created partitions take records.
    pub(crate) fn apply(&self, delta: &MetadataDelta) {
        for topic in delta.removed_topics() {
            for index in topic.partitions.keys() {
                self.remove(topic.id, *index);
            }
            self.settings.surroundings.metrics.topic_deleted(&topic.name);
        }
        for change in delta.changed_partitions() {
            let key = (change.topic.id, change.partition);
            let ours = change.after.replicas.contains(&self.settings.node_id);
            match (self.get(key.0, key.1), ours) {
                (None, true) => self.create(&delta.after, change.topic, change.partition, change.after),
                (Some(partition), true) => partition.follow(change.after),
                (Some(_), false) => self.remove(key.0, key.1),
                (None, false) => {}
            }
        }
        self.apply_settings(delta);
    }

    fn create(
        &self,
        image: &MetadataImage,
        topic: &TopicImage,
        index: PartitionIndex,
        registration: &PartitionRegistration,
    ) {
        let settings = (self.settings.topic_settings)(image, &topic.name);
        let (partition, directory) = self.add(topic, index, registration, settings);
        // What the checkpoints of the start say under this name was said of an earlier topic.
        let options = OpenOptions {
            topic_id: Some(partition.topic_id()),
            ..OpenOptions::new(self.settings.surroundings.clock.now_ms())
        };
        self.open_with(&partition, &self.settings.directories[directory], options);
    }

    fn remove(&self, topic: TopicId, index: PartitionIndex) {
        let Some(replica) = self.partitions.write().remove(&(topic, index)) else { return };
        let (partition, directory) = (&replica.partition, &self.settings.directories[replica.directory]);
        directory.remove_partition();
        if let Some(moving) = &replica.moving {
            moving.cancel();
        }
        partition.delete();
        self.opening.withdraw(partition);
        let delay_ms = partition.settings().log.file_delete_delay_ms;
        match self.retire_folder(partition, directory) {
            Ok(Some(folder)) => {
                let now_ms = self.settings.surroundings.clock.now_ms();
                self.deleted.push(folder, now_ms.saturating_add(delay_ms));
            }
            Ok(None) => {}
            Err(reason) => warn!(partition = %partition.id(), %reason, "deleted log stays in place"),
        }
    }

    /// Takes a deleted partition's folder out of the way, also where its log is not open or takes no writes, so that a
    /// topic of the same name finds its place free. Gives the folder's new path; `None` where there is no folder.
    fn retire_folder(&self, partition: &Partition, directory: &LogDirectory) -> io::Result<Option<PathBuf>> {
        let name = marked_name(partition.id(), FolderKind::Deleted, Uuid::new_v4());
        let mut folder = directory.folder(partition.id());
        if let Some(mut log) = partition.take_log() {
            folder = log.directory();
            let target = folder.with_file_name(&name);
            match log.rename_directory(&target) {
                Ok(()) => return Ok(Some(target)),
                Err(reason) => warn!(partition = %partition.id(), %reason, "a deleted log is in disorder"),
            }
        }
        let fs = &self.settings.environment.fs;
        if !fs.exists(&folder)? {
            return Ok(None);
        }
        let target = folder.with_file_name(&name);
        fs.rename(&folder, &target)?;
        fs.sync_directory(directory.path())?;
        Ok(Some(target))
    }

    fn apply_settings(&self, delta: &MetadataDelta) {
        let changed = &delta.changes.configs;
        let broker_wide = changed.iter().any(|resource| resource.kind == ResourceType::Broker);
        let topics: Vec<&Arc<TopicImage>> = if broker_wide {
            delta.after.topics.iter().collect()
        } else {
            let named = changed.iter().filter(|resource| resource.kind == ResourceType::Topic);
            named.filter_map(|resource| delta.after.topics.by_name(&resource.name)).collect()
        };
        for topic in topics {
            let settings = (self.settings.topic_settings)(&delta.after, &topic.name);
            for index in topic.partitions.keys() {
                if let Some(partition) = self.get(topic.id, *index) {
                    partition.set_settings(Arc::clone(&settings));
                }
            }
        }
    }
}
