//! A formatted set of directories, checked and locked for one process.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use medallion_log::clean_shutdown::{self, LastShutdown};
use medallion_log::meta_properties::{self, MetaProperties};
use medallion_os::FileSystem;
use medallion_wire::types::{BrokerId, TopicId, Uuid};

use super::StorageError;
use super::format::{FormatOptions, check_empty, format_locked};
use super::locks::DirectoryLocks;
use crate::controller::fresh_id;

/// Which directories to open, and for whom.
#[derive(Debug, Clone)]
pub(crate) struct DirectorySettings {
    /// `log.dirs`.
    pub(crate) log_dirs: Vec<PathBuf>,
    /// `metadata.log.dir`, or the first of `log.dirs`.
    pub(crate) metadata_log_dir: PathBuf,
    /// `node.id`.
    pub(crate) node_id: BrokerId,
}

/// One directory.
#[derive(Debug)]
pub(crate) struct LogDirectory {
    /// Where it is.
    pub(crate) path: PathBuf,
    /// Its id, in `meta.properties`.
    pub(crate) id: Uuid,
    /// How the last process left it.
    pub(crate) last_shutdown: LastShutdown,
}

/// All directories of this node, locked for as long as this value lives.
#[derive(Debug)]
pub(crate) struct LogDirectories {
    /// Those of `log.dirs`, in their order.
    pub(crate) log_dirs: Vec<LogDirectory>,
    /// The directory of the metadata log; often one of `log_dirs`.
    pub(crate) metadata_log_dir: PathBuf,
    /// Its id.
    pub(crate) metadata_directory_id: Uuid,
    /// The cluster's id.
    pub(crate) cluster_id: String,
    fs: Arc<dyn FileSystem>,
    _locks: DirectoryLocks,
}

/// Whether directories hold a broker's data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DirectoryState {
    /// All are formatted.
    Formatted,
    /// All are empty or absent: a first start may format them.
    Empty,
}

impl DirectorySettings {
    /// `log.dirs`, and `metadata.log.dir` where it is none of them.
    fn all(&self) -> Vec<&Path> {
        let mut all: Vec<&Path> = self.log_dirs.iter().map(PathBuf::as_path).collect();
        if !all.contains(&self.metadata_log_dir.as_path()) {
            all.push(&self.metadata_log_dir);
        }
        all
    }

    /// Whether the directories are formatted or empty. Nothing is changed.
    ///
    /// # Errors
    /// A mixture: a disk that failed to mount must not become a new cluster, nor a new part of one.
    pub(crate) fn state(&self, fs: &dyn FileSystem) -> Result<DirectoryState, StorageError> {
        let mut formatted = None;
        let mut unformatted = None;
        for directory in self.all() {
            match meta_properties::read(fs, directory)? {
                Some(_) => formatted = Some(directory),
                None => unformatted = Some(directory),
            }
        }
        match (formatted, unformatted) {
            (Some(formatted), Some(path)) => {
                Err(StorageError::PartlyFormatted { path: path.to_owned(), formatted: formatted.to_owned() })
            }
            (Some(_), None) => Ok(DirectoryState::Formatted),
            (None, _) => {
                for directory in self.all() {
                    check_empty(fs, directory)?;
                }
                Ok(DirectoryState::Empty)
            }
        }
    }
}

impl LogDirectories {
    /// Locks and checks directories; when all of them are empty they are formatted first, as `new_cluster` says.
    ///
    /// # Errors
    /// Directories in use, of another node or cluster, of `ZooKeeper` times, or not formatted while others are.
    pub(crate) fn open(
        fs: Arc<dyn FileSystem>,
        settings: &DirectorySettings,
        new_cluster: impl FnOnce() -> FormatOptions,
        now_ms: i64,
        random: &mut dyn FnMut() -> u128,
    ) -> Result<Self, StorageError> {
        let locks = lock(&*fs, settings)?;
        // Only now: what was empty a moment ago may have been another process's at work.
        if settings.state(&*fs)? == DirectoryState::Empty {
            let outcome = format_locked(&*fs, &new_cluster(), now_ms, random)?;
            tracing::info!(
                cluster_id = outcome.cluster_id,
                "all of log.dirs were empty: a new cluster is made"
            );
        }
        let mut opened: Vec<(LogDirectory, String)> = Vec::new();
        for path in settings.all() {
            let properties = meta_properties::read(&*fs, path)?.ok_or_else(|| {
                StorageError::refused(path, "not formatted: run `medallion format` with this configuration")
            })?;
            let cluster_id = check_properties(settings, path, &properties)?;
            let id = directory_id(&*fs, path, properties, now_ms, random)?;
            let last_shutdown = clean_shutdown::read(&*fs, path)?;
            opened.push((LogDirectory { path: path.to_owned(), id, last_shutdown }, cluster_id));
        }
        check_together(&opened)?;
        let cluster_id = opened.first().map(|(_, cluster_id)| cluster_id.clone()).unwrap_or_default();
        let metadata = opened.iter().find(|(directory, _)| directory.path == settings.metadata_log_dir);
        let metadata_directory_id = metadata.map_or(Uuid::nil(), |(directory, _)| directory.id);
        let log_dirs =
            opened.into_iter().map(|(directory, _)| directory).take(settings.log_dirs.len()).collect();
        Ok(Self {
            log_dirs,
            metadata_log_dir: settings.metadata_log_dir.clone(),
            metadata_directory_id,
            cluster_id,
            fs,
            _locks: locks,
        })
    }

    /// Whether every directory was closed in order, so that nothing needs to be recovered.
    pub(crate) fn was_clean_shutdown(&self) -> bool {
        self.log_dirs.iter().all(|directory| directory.last_shutdown != LastShutdown::Unclean)
    }

    /// The broker epoch at the last stop, when every directory was closed in order with the same one.
    pub(crate) fn previous_broker_epoch(&self) -> Option<i64> {
        let mut epochs = self.log_dirs.iter().map(|directory| match directory.last_shutdown {
            LastShutdown::Clean { broker_epoch } => broker_epoch,
            LastShutdown::Unclean => None,
        });
        let first = epochs.next()??;
        epochs.all(|epoch| epoch == Some(first)).then_some(first)
    }

    /// Removes the marks of a clean shutdown: from here on the directories change, and a crash must be seen.
    ///
    /// # Errors
    /// What the operating system says; nothing may then be written.
    pub(crate) fn remove_clean_shutdown_marks(&self) -> Result<(), StorageError> {
        for directory in &self.log_dirs {
            clean_shutdown::remove(&*self.fs, &directory.path)?;
        }
        Ok(())
    }

    /// Marks one directory as closed in order; only when all of its logs and checkpoints are.
    ///
    /// # Errors
    /// What the operating system says; the next start then recovers.
    pub(crate) fn mark_clean_shutdown(&self, path: &Path, broker_epoch: i64) -> Result<(), StorageError> {
        Ok(clean_shutdown::write(&*self.fs, path, broker_epoch)?)
    }
}

/// Locks all directories. What does not fit is refused before anything is made in a directory that nobody has locked yet.
fn lock(fs: &dyn FileSystem, settings: &DirectorySettings) -> Result<DirectoryLocks, StorageError> {
    let all = settings.all();
    let mut locks = DirectoryLocks::default();
    locks.take_present(fs, &all)?;
    if let Err(error) = settings.state(fs) {
        // A process that formats them right now is a better reason than what it has not made yet.
        locks.take_present(fs, &all)?;
        return Err(error);
    }
    locks.take_all(fs, &all)?;
    Ok(locks)
}

/// The directory's cluster, if it is this node's and of a release that is understood.
fn check_properties(
    settings: &DirectorySettings,
    path: &Path,
    properties: &MetaProperties,
) -> Result<String, StorageError> {
    let refuse = |reason: String| Err(StorageError::refused(path, reason));
    if properties.version() == 0 {
        return refuse(
            "meta.properties of version 0: a broker that used ZooKeeper wrote it; migrate the cluster to KRaft with \
             Apache Kafka 3.9 first, then open the directory here"
                .to_owned(),
        );
    }
    match (properties.node_id(), properties.cluster_id()) {
        (Some(node), Some(_)) if node != settings.node_id => refuse(format!(
            "the directory belongs to node.id={node}, but the configuration says node.id={}: name that node's own \
             directory in log.dirs, or set node.id={node}",
            settings.node_id
        )),
        (Some(_), Some(cluster_id)) => Ok(cluster_id.to_owned()),
        _ => refuse("meta.properties names no node.id or no cluster.id".to_owned()),
    }
}

/// The directory's id; one without (Kafka before 3.7) gets one, as in Kafka.
fn directory_id(
    fs: &dyn FileSystem,
    path: &Path,
    mut properties: MetaProperties,
    now_ms: i64,
    random: &mut dyn FnMut() -> u128,
) -> Result<Uuid, StorageError> {
    if let Some(id) = properties.directory_id() {
        return Ok(id);
    }
    let id = fresh_id(random);
    properties.set_directory_id(id);
    meta_properties::write(fs, path, &properties, now_ms)?;
    tracing::info!(directory = %path.display(), id = %TopicId(id), "gave the log directory an id");
    Ok(id)
}

/// Directories of one node have one cluster and an id each.
fn check_together(opened: &[(LogDirectory, String)]) -> Result<(), StorageError> {
    let Some(((first, cluster_id), _)) = opened.split_first() else { return Ok(()) };
    for (position, (directory, other)) in opened.iter().enumerate() {
        if other != cluster_id {
            let reason = format!(
                "the directory belongs to the cluster {other}, but {} to {cluster_id}: one of log.dirs is another \
                 cluster's",
                first.path.display()
            );
            return Err(StorageError::refused(&directory.path, reason));
        }
        if let Some((twin, _)) = opened[..position].iter().find(|(earlier, _)| earlier.id == directory.id) {
            let reason = format!(
                "the directory has the same directory.id as {}: one is a copy of the other, or both are one disk",
                twin.path.display()
            );
            return Err(StorageError::refused(&directory.path, reason));
        }
    }
    Ok(())
}
