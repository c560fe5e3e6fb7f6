//! All partitions of which this broker has a replica: how they are found and opened.
//!
//! - [`metadata_changes`]: made, changed and removed as the metadata says;
//! - [`moves`]: from one of `log.dirs` to another, and what lies in each;
//! - [`checkpoints`]: what is written down beside the logs, and how they are closed;
//! - [`deleted_folders`]: what waits to be removed.

mod checkpoints;
mod deleted_folders;
mod metadata_changes;
mod moves;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use medallion_log::{LogEnvironment, LogReader, OpenOptions, PartitionLog};
use medallion_wire::{PartitionIndex, TopicId, TopicPartition};
use parking_lot::RwLock;
use tracing::{error, info, warn};

use self::deleted_folders::DeletedFolders;
use self::moves::{Move, Movers};
use super::log_directory::LogDirectory;
use super::opening::OpeningQueue;
use super::partition::{Partition, Surroundings};
use crate::config::TopicConfig;
use crate::controller::image::{MetadataImage, PartitionRegistration, TopicImage};

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
    deleted: DeletedFolders,
    movers: Movers,
}

#[derive(Debug, Clone)]
struct Replica {
    partition: Arc<Partition>,
    directory: usize,
    moving: Option<Arc<Move>>,
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
            deleted: DeletedFolders::default(),
            movers: Movers::default(),
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
        let first_dirty_offset = self.settings.directories[directory].first_dirty_offset(partition.id());
        partition.set_first_dirty_offset(first_dirty_offset);
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
            if !self.is_stopping() {
                self.open(&partition, directory);
            }
            self.opening.finished(&partition);
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

    /// Opens logs anew that take no writes since a write or a flush of theirs failed.
    pub(crate) fn reopen_poisoned(&self) {
        let replicas: Vec<Replica> = self.partitions.read().values().cloned().collect();
        for Replica { partition, directory, .. } in replicas {
            let Some(reader) = partition.peek_reader().filter(LogReader::is_poisoned) else { continue };
            self.opening.begin(&partition); // its topic may be deleted meanwhile, which waits then
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
            self.opening.finished(&partition);
        }
    }

    /// The broker stops: nobody waits for data or for a log any longer, and no other log is opened.
    pub(crate) fn begin_stop(&self) {
        self.settings.surroundings.stopping.store(true, Ordering::Release);
        for replica in self.partitions.read().values() {
            replica.partition.wake_all();
        }
    }

    /// Whether the broker stops.
    pub(crate) fn is_stopping(&self) -> bool {
        self.settings.surroundings.stopping.load(Ordering::Acquire)
    }
}
