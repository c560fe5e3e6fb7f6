//! Partitions move between `log.dirs` (KIP-113, KIP-858).

use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use medallion_log::LogReader;
use medallion_wire::types::Uuid;
use medallion_wire::{Offset, PartitionIndex, ResponseError, TopicId, TopicPartition};
use parking_lot::Mutex;
use tracing::{info, warn};

use super::ReplicaManager;
use crate::replica::Partition;
use crate::replica::directory_move::{self, MoveFolders, MoveProgress};
use crate::storage::folders::{FolderKind, SettledFolders, marked_name};

/// One log in a directory, for `DescribeLogDirs`.
#[derive(Debug, Clone)]
pub(crate) struct LogDescription {
    /// The partition.
    pub(crate) partition: TopicPartition,
    /// Bytes of records.
    pub(crate) size_bytes: u64,
    /// How far the log is behind.
    pub(crate) offset_lag: i64,
    /// Whether it is a copy on its way into the directory.
    pub(crate) is_future: bool,
}

/// A move into another directory.
#[derive(Debug)]
pub(super) struct Move {
    to: usize,
    progress: MoveProgress,
}

impl Move {
    /// Gives the move up at its next step.
    pub(super) fn cancel(&self) {
        self.progress.cancel();
    }
}

/// The threads of all moves, also of those that were given up and have not noticed yet.
#[derive(Debug, Default)]
pub(super) struct Movers(Mutex<Vec<JoinHandle<()>>>);

impl Movers {
    fn push(&self, mover: JoinHandle<()>) {
        let mut movers = self.0.lock();
        movers.retain(|mover| !mover.is_finished());
        movers.push(mover);
    }

    /// Waits until all have ended.
    pub(super) fn join(&self) {
        let movers = std::mem::take(&mut *self.0.lock());
        for mover in movers {
            let _ = mover.join(); // what it met is in the log
        }
    }
}

impl ReplicaManager {
    /// What lies in the directory with this index.
    pub(crate) fn describe_directory(&self, directory: usize) -> Vec<LogDescription> {
        let partitions = self.partitions.read();
        let mut logs = Vec::new();
        for replica in partitions.values() {
            let reader = replica.partition.peek_reader();
            let id = replica.partition.id().clone();
            if replica.directory == directory {
                let size_bytes = reader.as_ref().map_or(0, LogReader::size_bytes);
                logs.push(LogDescription {
                    partition: id.clone(),
                    size_bytes,
                    offset_lag: 0,
                    is_future: false,
                });
            }
            if let Some(moving) = replica.moving.as_ref().filter(|moving| moving.to == directory) {
                let end = reader.map_or(Offset::ZERO, |reader| reader.log_end_offset());
                logs.push(LogDescription {
                    partition: id,
                    size_bytes: moving.progress.copied_bytes(),
                    offset_lag: (end - moving.progress.end_offset()).max(0),
                    is_future: true,
                });
            }
        }
        logs
    }

    /// Whether a folder is one of `log.dirs`.
    pub(crate) fn has_directory(&self, path: &Path) -> bool {
        self.settings.directories.iter().any(|directory| directory.path() == path)
    }

    /// Begins to move a partition into another of `log.dirs`; a move to a third one that was under way is given up.
    ///
    /// # Errors
    /// `LOG_DIR_NOT_FOUND`, `REPLICA_NOT_AVAILABLE`, `KAFKA_STORAGE_ERROR`.
    pub(crate) fn start_move(
        self: &Arc<Self>,
        topic: TopicId,
        index: PartitionIndex,
        to: &Path,
    ) -> Result<(), ResponseError> {
        let target = self.settings.directories.iter().position(|directory| directory.path() == to);
        let target = target.ok_or(ResponseError::LogDirNotFound)?;
        let mut partitions = self.partitions.write();
        if self.is_stopping() {
            return Err(ResponseError::KafkaStorageError);
        }
        let replica = partitions.get_mut(&(topic, index)).ok_or(ResponseError::ReplicaNotAvailable)?;
        if replica.moving.as_ref().is_some_and(|moving| moving.to == target) {
            return Ok(());
        }
        if let Some(other) = replica.moving.take() {
            other.cancel();
        }
        if replica.directory == target {
            return Ok(());
        }
        let moving = Arc::new(Move { to: target, progress: MoveProgress::default() });
        let (manager, partition) = (Arc::clone(self), Arc::clone(&replica.partition));
        let worker = std::thread::Builder::new().name(format!("move-{}", partition.id()));
        let this = Arc::clone(&moving);
        let mover = worker
            .spawn(move || manager.run_move(&partition, &this))
            .map_err(|_| ResponseError::KafkaStorageError)?;
        replica.moving = Some(moving);
        self.movers.push(mover);
        Ok(())
    }

    fn run_move(&self, partition: &Arc<Partition>, moving: &Arc<Move>) {
        let target = &self.settings.directories[moving.to];
        let now_ms = self.settings.surroundings.clock.now_ms();
        let marked = |kind| marked_name(partition.id(), kind, Uuid::new_v4());
        let folders = MoveFolders {
            future: target.path().join(marked(FolderKind::Future)),
            retired_name: marked(FolderKind::Deleted),
        };
        let environment = &self.settings.environment;
        let outcome = directory_move::run(environment, partition, &folders, now_ms, &moving.progress);
        if let Ok(retired) = &outcome {
            let delay_ms = partition.settings().log.file_delete_delay_ms;
            self.deleted.push(retired.clone(), now_ms.saturating_add(delay_ms));
        }
        let key = (partition.topic_id(), partition.id().partition);
        let mut partitions = self.partitions.write();
        let Some(replica) = partitions.get_mut(&key) else { return };
        if replica.moving.as_ref().is_some_and(|current| Arc::ptr_eq(current, moving)) {
            replica.moving = None;
        }
        match outcome {
            Ok(_) => {
                self.settings.directories[replica.directory].remove_partition();
                target.add_partition();
                replica.directory = moving.to;
                drop(partitions);
                info!(partition = %partition.id(), directory = %target.path().display(), "partition moved");
                (self.settings.on_moved)(partition, target);
            }
            Err(reason) => warn!(partition = %partition.id(), %reason, "partition was not moved"),
        }
    }

    /// Gives up all moves and waits for their threads.
    pub(super) fn stop_moves(&self) {
        for replica in self.partitions.read().values() {
            if let Some(moving) = &replica.moving {
                moving.cancel();
            }
        }
        self.movers.join();
    }

    /// Takes over what an earlier process left: folders that it meant to delete go now, moves between directories that
    /// it had begun are begun anew.
    pub(crate) fn adopt(self: &Arc<Self>, settled: SettledFolders) {
        for folder in settled.deleted {
            self.deleted.push(folder, 0);
        }
        for ((topic, index), folder) in settled.future {
            self.deleted.push(folder.path, 0);
            let (manager, to) =
                (Arc::clone(self), self.settings.directories[folder.directory].path().to_owned());
            let Some(partition) = self.get(topic, index) else { continue };
            self.settings.surroundings.runtime.spawn(async move {
                if partition.opened_reader().await.is_ok()
                    && let Err(error) = manager.start_move(topic, index, &to)
                {
                    warn!(partition = %partition.id(), %error, "a move that was cut short cannot go on");
                }
            });
        }
        self.remove_deleted(0);
    }
}
