//! What is written down beside the logs, and how all of them are closed.

use std::collections::HashMap;

use medallion_log::LogReader;
use medallion_wire::{Offset, TopicPartition};
use tracing::error;

use super::ReplicaManager;
use crate::replica::LogDirectory;

impl ReplicaManager {
    /// Writes up to where partitions are compacted.
    pub(crate) fn write_cleaner_checkpoints(&self) {
        for (index, directory) in self.settings.directories.iter().enumerate() {
            let partitions = self.partitions_in(index).into_iter();
            let compacted = partitions.filter(|partition| partition.first_dirty_offset() > Offset::ZERO);
            let offsets = compacted.map(|partition| (partition.id().clone(), partition.first_dirty_offset()));
            if let Err(error) = directory.write_cleaner_checkpoint(&offsets.collect()) {
                error!(directory = %directory.path().display(), %error, "the cleaner's checkpoint cannot be written");
            }
        }
    }

    /// Writes the checkpoints of every directory.
    pub(crate) fn write_checkpoints(&self) {
        for (index, directory) in self.settings.directories.iter().enumerate() {
            let logs = self.readers_in(index);
            if let Err(error) = directory.write_checkpoints(&logs) {
                error!(directory = %directory.path().display(), %error, "checkpoints cannot be written");
            }
        }
    }

    fn readers_in(&self, directory: usize) -> HashMap<TopicPartition, Option<LogReader>> {
        let partitions = self.partitions_in(directory);
        partitions.iter().map(|partition| (partition.id().clone(), partition.peek_reader())).collect()
    }

    /// Stops everything: logs are closed, checkpoints written. Gives the directories that were left clean.
    pub(crate) fn stop(&self) -> Vec<&LogDirectory> {
        self.begin_stop();
        self.opening.stop();
        self.stop_moves();
        let mut clean = Vec::new();
        for (index, directory) in self.settings.directories.iter().enumerate() {
            let mut readers = HashMap::new();
            let mut all_closed = true;
            for partition in self.partitions_in(index) {
                let reader = partition.peek_reader();
                match partition.stop().map(|mut log| log.close()) {
                    Some(Ok(())) => {}
                    Some(Err(reason)) => {
                        error!(partition = %partition.id(), %reason, "log cannot be closed cleanly");
                        all_closed = false;
                    }
                    None => all_closed = false,
                }
                readers.insert(partition.id().clone(), reader);
            }
            match directory.write_checkpoints(&readers) {
                Ok(()) if all_closed => clean.push(directory),
                Ok(()) => {}
                Err(error) => {
                    error!(directory = %directory.path().display(), %error, "checkpoints cannot be written");
                }
            }
        }
        clean
    }
}
