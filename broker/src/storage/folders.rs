//! The partition folders in the log directories, held against the metadata.
//!
//! A folder is `<topic>-<partition>`, or that with a unique id and what it is about: `-delete` waits for its removal,
//! `-future` is the copy of a move between directories, `-stray` was found without a partition in the metadata. Strays
//! are put aside under that name, as Kafka does, and never removed by us: they may be all that is left of a topic.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use medallion_log::partition_metadata;
use medallion_os::FileSystem;
use medallion_wire::types::{PartitionIndex, TopicId, TopicPartition, Uuid};

use super::StorageError;
use super::directories::LogDirectory;
use crate::controller::MetadataImage;
use crate::controller::quorum::metadata_log::METADATA_FOLDER;

/// The longest file name that Kafka makes.
const MAX_NAME_BYTES: usize = 255;

/// What a folder is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FolderKind {
    /// A partition's log.
    Live,
    /// A log that waits for its removal.
    Deleted,
    /// The copy of a log on its way into this directory.
    Future,
    /// A log without a partition.
    Stray,
}

/// One folder of a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PartitionFolder {
    /// Where it is.
    pub(crate) path: PathBuf,
    /// The position of its directory in `log.dirs`.
    pub(crate) directory: usize,
    /// What it is.
    pub(crate) kind: FolderKind,
    /// The partition that it is named after.
    pub(crate) partition: TopicPartition,
    /// The topic's id, in `partition.metadata`; `None` where the file never came to be.
    pub(crate) topic_id: Option<TopicId>,
}

/// Which partition a folder's name stands for; `None` for other folders.
pub(crate) fn parse_name(name: &str) -> Option<(TopicPartition, FolderKind)> {
    let suffixes =
        [("-delete", FolderKind::Deleted), ("-future", FolderKind::Future), ("-stray", FolderKind::Stray)];
    let marked = suffixes.into_iter().find_map(|(suffix, kind)| {
        let (partition, id) = name.strip_suffix(suffix)?.rsplit_once('.')?;
        (id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some((partition, kind))
    });
    let (partition, kind) = marked.unwrap_or((name, FolderKind::Live));
    let (topic, index) = partition.rsplit_once('-')?;
    let index: i32 = index.parse().ok().filter(|index| *index >= 0)?;
    (!topic.is_empty()).then(|| (TopicPartition::new(topic, index), kind))
}

/// The name under which a partition's folder is put aside, of a kind and with a unique id.
pub(crate) fn marked_name(partition: &TopicPartition, kind: FolderKind, unique: Uuid) -> String {
    let suffix = match kind {
        FolderKind::Live => return partition.to_string(),
        FolderKind::Deleted => "delete",
        FolderKind::Future => "future",
        FolderKind::Stray => "stray",
    };
    let end = format!(".{}-{suffix}", unique.simple());
    let mut name = partition.to_string();
    let mut length = name.len().min(MAX_NAME_BYTES - end.len());
    while !name.is_char_boundary(length) {
        length -= 1; // topic names are ASCII, but a folder of others may be named anyhow
    }
    name.truncate(length);
    name + &end
}

/// All partition folders in `directories`. Other folders are named in the log and left alone.
///
/// # Errors
/// What the operating system says, and a damaged `partition.metadata`.
pub(crate) fn scan(
    fs: &dyn FileSystem,
    directories: &[LogDirectory],
) -> Result<Vec<PartitionFolder>, StorageError> {
    let mut folders = Vec::new();
    for (directory, LogDirectory { path, .. }) in directories.iter().enumerate() {
        let entries = fs.read_directory(path).map_err(StorageError::io("list", path))?;
        for entry in entries.into_iter().filter(|entry| entry.is_directory && entry.name != METADATA_FOLDER) {
            let Some((partition, kind)) = parse_name(&entry.name) else {
                if entry.name != "lost+found" {
                    tracing::warn!(
                        folder = %entry.path.display(),
                        "no partition's folder: Apache Kafka would refuse to start with it"
                    );
                }
                continue;
            };
            let topic_id = partition_metadata::read(fs, &entry.path)?;
            folders.push(PartitionFolder { path: entry.path, directory, kind, partition, topic_id });
        }
    }
    Ok(folders)
}

/// What the folders are in the light of the metadata.
#[derive(Debug, Default)]
pub(crate) struct SettledFolders {
    /// Logs of partitions that this node holds.
    pub(crate) live: BTreeMap<(TopicId, PartitionIndex), PartitionFolder>,
    /// Copies under way into another directory.
    pub(crate) future: BTreeMap<(TopicId, PartitionIndex), PartitionFolder>,
    /// Folders to be removed.
    pub(crate) deleted: Vec<PathBuf>,
    /// Folders put aside, now or earlier.
    pub(crate) stray: Vec<PathBuf>,
}

/// Sorts folders by what `image` says of them, and puts aside those without a partition on this node.
///
/// # Errors
/// Two logs of one partition, and what the operating system says.
pub(crate) fn settle(
    fs: &dyn FileSystem,
    folders: Vec<PartitionFolder>,
    directories: &[LogDirectory],
    image: &MetadataImage,
    node_id: i32,
    unique: &mut dyn FnMut() -> Uuid,
) -> Result<SettledFolders, StorageError> {
    check_metadata_is_there(&folders, image)?;
    let mut settled = SettledFolders::default();
    for folder in folders {
        let key = owner(&folder, image, node_id);
        match (folder.kind, key) {
            (FolderKind::Deleted, _) => settled.deleted.push(folder.path),
            (FolderKind::Stray, _) => settled.stray.push(folder.path),
            (FolderKind::Live | FolderKind::Future, None) => {
                settled.stray.push(put_aside(fs, &folder, unique())?);
            }
            (FolderKind::Future, Some(key)) => {
                if let Some(older) = settled.future.insert(key, folder) {
                    settled.deleted.push(older.path);
                }
            }
            (FolderKind::Live, Some(key)) => {
                if let Some(other) = settled.live.get(&key) {
                    return Err(duplicate(&folder.path, &other.path, &folder.partition));
                }
                settled.live.insert(key, folder);
            }
        }
    }
    promote_orphans(fs, &mut settled, directories)?;
    Ok(settled)
}

/// Logs without any metadata mean that the metadata was lost, not that all of them are strays.
fn check_metadata_is_there(folders: &[PartitionFolder], image: &MetadataImage) -> Result<(), StorageError> {
    let live = folders.iter().find(|folder| folder.kind == FolderKind::Live);
    match live {
        Some(folder) if image.features.metadata_version() == 0 => Err(StorageError::refused(
            &folder.path,
            format!(
                "a partition's log lies here, but the metadata log is empty: put {METADATA_FOLDER} back into \
                 metadata.log.dir (or the first of log.dirs), from the disk or the backup that has it"
            ),
        )),
        _ => Ok(()),
    }
}

fn duplicate(first: &Path, second: &Path, partition: &TopicPartition) -> StorageError {
    StorageError::DuplicatePartition {
        partition: partition.to_string(),
        first: second.to_owned(),
        second: first.to_owned(),
    }
}

/// The partition that a folder belongs to, if this node holds it. A folder without an id is taken by its name.
fn owner(folder: &PartitionFolder, image: &MetadataImage, node_id: i32) -> Option<(TopicId, PartitionIndex)> {
    let topic = match folder.topic_id {
        Some(id) => image.topics.by_id(id)?,
        None => image.topics.by_name(&folder.partition.topic)?,
    };
    let index = folder.partition.partition;
    let registration = topic.partitions.get(&index)?;
    registration.replicas.contains(&node_id).then_some((topic.id, index))
}

fn put_aside(fs: &dyn FileSystem, folder: &PartitionFolder, unique: Uuid) -> Result<PathBuf, StorageError> {
    let parent = folder.path.parent().unwrap_or(Path::new("."));
    let to = parent.join(marked_name(&folder.partition, FolderKind::Stray, unique));
    fs.rename(&folder.path, &to).map_err(StorageError::io("rename", &folder.path))?;
    fs.sync_directory(parent).map_err(StorageError::io("flush", parent))?;
    tracing::warn!(
        from = %folder.path.display(),
        to = %to.display(),
        "the metadata knows no such partition here: its folder is put aside"
    );
    Ok(to)
}

/// A copy whose original is gone was about to take its place: it does now.
fn promote_orphans(
    fs: &dyn FileSystem,
    settled: &mut SettledFolders,
    directories: &[LogDirectory],
) -> Result<(), StorageError> {
    let orphans: Vec<_> =
        settled.future.keys().filter(|key| !settled.live.contains_key(*key)).copied().collect();
    for key in orphans {
        let Some(mut folder) = settled.future.remove(&key) else { continue };
        let parent = &directories[folder.directory].path;
        let to = parent.join(folder.partition.to_string());
        fs.rename(&folder.path, &to).map_err(StorageError::io("rename", &folder.path))?;
        fs.sync_directory(parent).map_err(StorageError::io("flush", parent))?;
        folder.path = to;
        folder.kind = FolderKind::Live;
        settled.live.insert(key, folder);
    }
    Ok(())
}
