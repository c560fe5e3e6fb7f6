//! All partitions of which this broker has a replica.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use medallion_log::{LogEnvironment, LogReader, OpenOptions, PartitionLog};
use medallion_wire::{Offset, PartitionIndex, ResponseError, TopicId, TopicPartition};
use parking_lot::{Mutex, RwLock};
use tracing::{error, info, warn};

use super::directory_move::{self, MoveProgress};
use super::log_directory::LogDirectory;
use super::opening::OpeningQueue;
use super::partition::{Partition, Surroundings};
use crate::config::TopicConfig;
use crate::controller::image::{
    MetadataDelta, MetadataImage, PartitionRegistration, ResourceType, TopicImage,
};
use crate::storage::folders::SettledFolders;

/// A partition's key: a topic that is created again under its name is another one.
pub(crate) type PartitionKey = (TopicId, PartitionIndex);
/// Gives the settings of a topic's logs.
pub(crate) type TopicSettings = dyn Fn(&MetadataImage, &str) -> Arc<TopicConfig> + Send + Sync;

/// Told when a partition has moved to another directory.
pub(crate) type OnMoved = dyn Fn(&Partition, &LogDirectory) + Send + Sync;

/// What a replica manager is built from.
pub(crate) struct ReplicaSettings {
    /// This broker's id.
    pub(crate) node_id: i32,
    /// Where the files are.
    pub(crate) environment: LogEnvironment,
    /// What all partitions share.
    pub(crate) surroundings: Surroundings,
    /// `log.dirs`.
    pub(crate) directories: Vec<LogDirectory>,
    /// Gives the settings of a topic's logs.
    pub(crate) topic_settings: Box<TopicSettings>,
    /// Told when a partition has moved to another directory.
    pub(crate) on_moved: Box<OnMoved>,
    /// Threads that open logs at start.
    pub(crate) recovery_threads: usize,
}

/// The partitions of this broker.
pub(crate) struct ReplicaManager {
    settings: ReplicaSettings,
    partitions: RwLock<HashMap<PartitionKey, Replica>>,
    opening: Arc<OpeningQueue>,
    deleted: Mutex<Vec<DeletedFolder>>,
    stopping: AtomicBool,
}

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

#[derive(Debug, Clone)]
struct Replica {
    partition: Arc<Partition>,
    directory: usize,
    moving: Option<Arc<Move>>,
}

/// A move into another directory.
#[derive(Debug)]
struct Move {
    to: usize,
    progress: MoveProgress,
}

/// A folder of a deleted partition that is removed after a while.
#[derive(Debug)]
struct DeletedFolder {
    path: PathBuf,
    remove_at_ms: i64,
}

impl std::fmt::Debug for ReplicaManager {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReplicaManager").field("node_id", &self.settings.node_id).finish_non_exhaustive()
    }
}

impl ReplicaManager {
    /// A manager without partitions.
    pub(crate) fn new(settings: ReplicaSettings) -> Arc<Self> {
        assert!(!settings.directories.is_empty(), "log.dirs is empty");
        Arc::new(Self {
            settings,
            partitions: RwLock::new(HashMap::new()),
            opening: Arc::new(OpeningQueue::default()),
            deleted: Mutex::new(Vec::new()),
            stopping: AtomicBool::new(false),
        })
    }

    /// Takes all partitions of `image` and opens them in the background, those that are asked for first.
    pub(crate) fn start(self: &Arc<Self>, image: &MetadataImage) {
        for topic in image.topics.iter() {
            for (index, registration) in &topic.partitions {
                if registration.replicas.contains(&self.settings.node_id) {
                    let settings = (self.settings.topic_settings)(image, &topic.name);
                    self.add_opening(topic, *index, registration, settings);
                }
            }
        }
        let threads = self.settings.recovery_threads.clamp(1, self.opening.len().max(1));
        for number in 0..threads {
            let manager = Arc::clone(self);
            let worker = std::thread::Builder::new().name(format!("log-recovery-{number}"));
            if let Err(error) = worker.spawn(move || manager.open_waiting()) {
                error!(%error, "cannot start a thread that opens logs");
            }
        }
    }

    fn add_opening(
        &self,
        topic: &TopicImage,
        index: PartitionIndex,
        registration: &PartitionRegistration,
        settings: Arc<TopicConfig>,
    ) {
        let (partition, directory) = self.add(topic, index, registration, settings);
        self.opening.push(partition, directory);
    }

    fn add(
        &self,
        topic: &TopicImage,
        index: PartitionIndex,
        registration: &PartitionRegistration,
        settings: Arc<TopicConfig>,
    ) -> (Arc<Partition>, usize) {
        let id = TopicPartition::new(Arc::clone(&topic.name), index);
        let directory = self.choose_directory(&id, registration);
        let surroundings = self.settings.surroundings.clone();
        let partition = Partition::opening(id, topic.id, registration, settings, surroundings);
        self.settings.directories[directory].add_partition();
        partition
            .set_first_dirty_offset(self.settings.directories[directory].first_dirty_offset(partition.id()));
        let replica = Replica { partition: Arc::clone(&partition), directory, moving: None };
        self.partitions.write().insert((topic.id, index), replica);
        (partition, directory)
    }

    /// The directory that holds the folder; else the one that the metadata names; else the one with the fewest.
    fn choose_directory(&self, id: &TopicPartition, registration: &PartitionRegistration) -> usize {
        let directories = &self.settings.directories;
        if directories.len() == 1 {
            return 0;
        }
        let fs = &self.settings.environment.fs;
        let holds = |directory: &LogDirectory| fs.exists(&directory.folder(id)).unwrap_or(false);
        let assigned = registration.directory(self.settings.node_id);
        let is_assigned = |directory: &LogDirectory| Some(directory.id()) == assigned;
        let found = directories.iter().position(holds).or_else(|| directories.iter().position(is_assigned));
        found.unwrap_or_else(|| {
            let fewest = directories.iter().enumerate().min_by_key(|(_, directory)| directory.partitions());
            fewest.map_or(0, |(index, _)| index)
        })
    }

    fn open_waiting(&self) {
        while let Some((partition, directory)) = self.opening.take() {
            if !self.stopping.load(Ordering::Relaxed) {
                self.open(&partition, directory);
            }
            self.opening.finished();
        }
    }

    fn open(&self, partition: &Arc<Partition>, directory: usize) {
        let directory = &self.settings.directories[directory];
        let now_ms = self.settings.surroundings.clock.now_ms();
        let options = directory.open_options(partition.id(), partition.topic_id(), now_ms);
        self.open_with(partition, directory, options);
    }

    fn open_with(&self, partition: &Arc<Partition>, directory: &LogDirectory, options: OpenOptions) {
        let folder = directory.folder(partition.id());
        let settings = Arc::new(partition.settings().log.clone());
        let known_recovery_point = options.recovery_point;
        match PartitionLog::open(&self.settings.environment, &folder, settings, options) {
            Ok((log, report)) => {
                if report.scanned_bytes > 0 || report.damaged.is_some() {
                    info!(partition = %partition.id(), ?report, "log recovered");
                }
                let recovery_point = log.reader().recovery_point();
                partition.open(log);
                if recovery_point < known_recovery_point {
                    // A checkpoint that claims more than is there would hide what a power failure takes.
                    self.write_checkpoints();
                }
            }
            Err(reason) => {
                error!(partition = %partition.id(), %reason, "log cannot be opened");
                partition.fail(&reason.to_string());
            }
        }
    }

    /// A partition by topic id.
    pub(crate) fn get(&self, topic: TopicId, index: PartitionIndex) -> Option<Arc<Partition>> {
        self.partitions.read().get(&(topic, index)).map(|replica| Arc::clone(&replica.partition))
    }

    /// The directory of a partition.
    pub(crate) fn directory_of(&self, topic: TopicId, index: PartitionIndex) -> Option<&LogDirectory> {
        let directory = self.partitions.read().get(&(topic, index))?.directory;
        self.settings.directories.get(directory)
    }

    /// All of `log.dirs`.
    pub(crate) fn directories(&self) -> &[LogDirectory] {
        &self.settings.directories
    }

    /// The partitions in the directory with this index.
    pub(crate) fn partitions_in(&self, directory: usize) -> Vec<Arc<Partition>> {
        let partitions = self.partitions.read();
        let inside = partitions.values().filter(|replica| replica.directory == directory);
        inside.map(|replica| Arc::clone(&replica.partition)).collect()
    }

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

    /// Begins to move a partition into another of `log.dirs`; a move that was under way is given up.
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
        let replica = partitions.get_mut(&(topic, index)).ok_or(ResponseError::ReplicaNotAvailable)?;
        if let Some(other) = replica.moving.take() {
            other.progress.cancel();
        }
        if replica.directory == target {
            return Ok(());
        }
        let moving = Arc::new(Move { to: target, progress: MoveProgress::default() });
        replica.moving = Some(Arc::clone(&moving));
        let (manager, partition) = (Arc::clone(self), Arc::clone(&replica.partition));
        drop(partitions);
        let name = format!("move-{}", partition.id());
        let worker = std::thread::Builder::new().name(name);
        let spawned = worker.spawn(move || manager.run_move(&partition, &moving));
        spawned.map(|_| ()).map_err(|_| ResponseError::KafkaStorageError)
    }

    fn run_move(&self, partition: &Arc<Partition>, moving: &Arc<Move>) {
        let target = &self.settings.directories[moving.to];
        let now_ms = self.settings.surroundings.clock.now_ms();
        let environment = &self.settings.environment;
        let outcome = directory_move::run(environment, partition, target.path(), now_ms, &moving.progress);
        let key = (partition.topic_id(), partition.id().partition);
        let mut partitions = self.partitions.write();
        let Some(replica) = partitions.get_mut(&key) else { return };
        if replica.moving.as_ref().is_some_and(|current| Arc::ptr_eq(current, moving)) {
            replica.moving = None;
        }
        match outcome {
            Ok(retired) => {
                self.settings.directories[replica.directory].remove_partition();
                target.add_partition();
                replica.directory = moving.to;
                drop(partitions);
                let delay_ms = partition.settings().log.file_delete_delay_ms;
                self.adopt_deleted(retired, now_ms.saturating_add(delay_ms));
                info!(partition = %partition.id(), directory = %target.path().display(), "partition moved");
                (self.settings.on_moved)(partition, target);
            }
            Err(reason) => warn!(partition = %partition.id(), %reason, "partition was not moved"),
        }
    }

    /// All partitions.
    pub(crate) fn all(&self) -> Vec<Arc<Partition>> {
        self.partitions.read().values().map(|replica| Arc::clone(&replica.partition)).collect()
    }

    /// Every partition with whether its log is offline, for metrics.
    pub(crate) fn states(&self) -> Vec<(Arc<Partition>, bool)> {
        let partitions = self.all();
        partitions.into_iter().map(|partition| (Arc::clone(&partition), partition.is_offline())).collect()
    }

    /// How many logs are still to be opened.
    pub(crate) fn opening(&self) -> usize {
        self.opening.len()
    }

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
        self.open(&partition, directory);
    }

    fn remove(&self, topic: TopicId, index: PartitionIndex) {
        let Some(replica) = self.partitions.write().remove(&(topic, index)) else { return };
        self.settings.directories[replica.directory].remove_partition();
        if let Some(moving) = &replica.moving {
            moving.progress.cancel();
        }
        let Some(mut log) = replica.partition.delete() else { return };
        let delay_ms = log.config().file_delete_delay_ms;
        let target = log.directory().with_file_name(directory_move::suffixed(&replica.partition, "delete"));
        match log.rename_directory(&target) {
            Ok(()) => {
                let remove_at_ms = self.settings.surroundings.clock.now_ms().saturating_add(delay_ms);
                self.deleted.lock().push(DeletedFolder { path: target, remove_at_ms });
            }
            Err(reason) => warn!(partition = %replica.partition.id(), %reason, "deleted log stays in place"),
        }
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

    /// Removes folders of deleted partitions whose time has come.
    pub(crate) fn remove_deleted(&self, now_ms: i64) {
        let mut deleted = self.deleted.lock();
        let (due, later): (Vec<_>, Vec<_>) =
            deleted.drain(..).partition(|folder| folder.remove_at_ms <= now_ms);
        *deleted = later;
        drop(deleted);
        for folder in due {
            if let Err(error) = self.settings.environment.fs.remove_directory_all(&folder.path) {
                warn!(folder = %folder.path.display(), %error, "a deleted partition's folder cannot be removed");
            }
        }
    }

    /// Takes over what an earlier process left: folders that it meant to delete go now, moves between directories that
    /// it had begun are begun anew.
    pub(crate) fn adopt(self: &Arc<Self>, settled: SettledFolders) {
        for folder in settled.deleted {
            self.adopt_deleted(folder, 0);
        }
        for ((topic, index), folder) in settled.future {
            self.adopt_deleted(folder.path, 0);
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

    /// Adds a folder that an earlier process meant to delete.
    pub(crate) fn adopt_deleted(&self, path: PathBuf, remove_at_ms: i64) {
        self.deleted.lock().push(DeletedFolder { path, remove_at_ms });
    }

    /// Lets all parked fetches answer with what there is.
    pub(crate) fn wake_all(&self) {
        for replica in self.partitions.read().values() {
            replica.partition.waiters().wake_all();
        }
    }

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

    /// Opens logs anew that take no writes since a write or a flush of theirs failed.
    pub(crate) fn reopen_poisoned(&self) {
        let replicas: Vec<Replica> = self.partitions.read().values().cloned().collect();
        for Replica { partition, directory, .. } in replicas {
            let Some(reader) = partition.peek_reader().filter(LogReader::is_poisoned) else { continue };
            warn!(partition = %partition.id(), "a write or flush failed: the log is opened anew");
            let now_ms = self.settings.surroundings.clock.now_ms();
            let known = &self.settings.directories[directory];
            let mut options = known.open_options(partition.id(), partition.topic_id(), now_ms);
            options.recovery_point = reader.recovery_point();
            options.log_start_offset = reader.log_start_offset();
            options.clean_shutdown = false;
            if partition.reopen().is_some() {
                self.open_with(&partition, known, options);
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
        self.stopping.store(true, Ordering::Relaxed);
        self.opening.stop();
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
