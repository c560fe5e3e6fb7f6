//! Opens what lies in `log.dirs`: the directories, the metadata, the partitions.

use std::sync::{Arc, OnceLock};

use medallion_log::clean_shutdown::LastShutdown;
use medallion_log::{LogEnvironment, LogLimits};
use medallion_os::{Clock, FileSystem};
use medallion_wire::types::Uuid;
use tokio::runtime::Handle;

use super::error::StartError;
use super::follower::{assign_directory, set_limits};
use crate::config::BrokerConfig;
use crate::controller::{
    Controller, ControllerHandle, ControllerSettings, MetadataImage, MetadataLogSettings, supported_features,
};
use crate::live_config::LiveConfig;
use crate::metrics::Metrics;
use crate::random::random_bits;
use crate::replica::inline_append::InlineAppends;
use crate::replica::partition::Surroundings;
use crate::replica::{LogDirectory, ReplicaManager, ReplicaSettings};
use crate::storage::directories::{DirectorySettings, LogDirectories};
use crate::storage::folders::{self, SettledFolders};
use crate::storage::{FormatOptions, StorageError};

/// What all stores are opened with.
pub(super) struct Opener<'a> {
    pub(super) fs: Arc<dyn FileSystem>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) config: &'a BrokerConfig,
}

impl Opener<'_> {
    /// Locks the directories; formats them first when all of them are empty.
    ///
    /// # Errors
    /// What is wrong with a directory, or with what lies in it.
    pub(super) fn directories(&self) -> Result<LogDirectories, StartError> {
        let (config, now_ms) = (self.config, self.clock.now_ms());
        let settings = DirectorySettings {
            log_dirs: config.log_dirs.clone(),
            metadata_log_dir: config.metadata_log_dir.clone(),
            node_id: config.node_id,
        };
        let new_cluster = || FormatOptions::for_config(config);
        Ok(LogDirectories::open(Arc::clone(&self.fs), &settings, new_cluster, now_ms, &mut random_bits)?)
    }

    /// Holds the folders of partitions against the metadata.
    ///
    /// # Errors
    /// Folders that contradict it, and what the operating system says.
    pub(super) fn settle_folders(
        &self,
        directories: &LogDirectories,
        image: &MetadataImage,
    ) -> Result<SettledFolders, StartError> {
        let found = folders::scan(&*self.fs, &directories.log_dirs)?;
        let node_id = self.config.node_id.get();
        Ok(folders::settle(&*self.fs, found, &directories.log_dirs, image, node_id, &mut Uuid::new_v4)?)
    }

    /// Reads the metadata's snapshot and log.
    ///
    /// # Errors
    /// What is wrong with them.
    pub(super) fn controller(
        &self,
        directories: &LogDirectories,
        live: &LiveConfig,
    ) -> Result<Controller, StartError> {
        let config = self.config;
        let settings = ControllerSettings {
            node_id: config.node_id.get(),
            num_partitions: config.num_partitions,
            default_replication_factor: i16::try_from(config.default_replication_factor).unwrap_or(i16::MAX),
            supported_features: supported_features(),
            schema: Arc::new(live.schema()),
        };
        let log_settings = MetadataLogSettings {
            directory: directories.metadata_log_dir.clone(),
            directory_id: directories.metadata_directory_id,
            node_id: config.node_id.get(),
            cluster_id: directories.cluster_id.clone(),
            static_voters: config.controller_quorum_voters.iter().map(|voter| voter.id.get()).collect(),
            clean_shutdown: directories.was_clean_shutdown(),
            segment_bytes: config.metadata_log_segment_bytes,
            segment_ms: config.metadata_log_segment_ms,
            snapshot_bytes: config.metadata_log_max_record_bytes_between_snapshots,
            snapshot_interval_ms: i64::try_from(config.metadata_log_max_snapshot_interval_ms)
                .unwrap_or(i64::MAX),
            retention_bytes: config.metadata_max_retention_bytes,
            retention_ms: config.metadata_max_retention_ms,
        };
        let (fs, clock) = (Arc::clone(&self.fs), Arc::clone(&self.clock));
        Ok(Controller::open(fs, clock, Box::new(random_bits), settings, log_settings)?)
    }

    /// Makes the manager of partitions, without any yet.
    ///
    /// # Errors
    /// A damaged checkpoint.
    pub(super) fn replicas(
        &self,
        directories: &LogDirectories,
        live: &Arc<LiveConfig>,
        metrics: &Arc<Metrics>,
        limits: &Arc<LogLimits>,
        controller: &Arc<OnceLock<ControllerHandle>>,
    ) -> Result<Arc<ReplicaManager>, StartError> {
        let mut loaded = Vec::new();
        for directory in &directories.log_dirs {
            let clean = directory.last_shutdown != LastShutdown::Unclean;
            let directory = LogDirectory::load(Arc::clone(&self.fs), &directory.path, directory.id, clean);
            loaded.push(directory.map_err(StorageError::from)?);
        }
        set_limits(limits, &live.load());
        let live = Arc::clone(live);
        let (node_id, runtime, handle) =
            (self.config.node_id.get(), Handle::current(), Arc::clone(controller));
        let recovery_threads = self.config.num_recovery_threads_per_data_dir * loaded.len();
        Ok(ReplicaManager::new(ReplicaSettings {
            node_id,
            environment: LogEnvironment {
                limits: Arc::clone(limits),
                ..LogEnvironment::new(Arc::clone(&self.fs))
            },
            surroundings: Surroundings {
                clock: Arc::clone(&self.clock),
                runtime: runtime.clone(),
                metrics: Arc::clone(metrics),
                stopping: Arc::default(),
                inline: InlineAppends::start(&runtime),
            },
            directories: loaded,
            topic_settings: Box::new(move |image: &MetadataImage, topic: &str| {
                Arc::new(live.topic(image, topic))
            }),
            on_moved: Box::new(move |partition, directory| {
                if let Some(controller) = handle.get() {
                    assign_directory(controller, &runtime, node_id, partition, directory.id());
                }
            }),
            recovery_threads,
        }))
    }
}
