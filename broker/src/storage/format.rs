//! Formatting of new directories, with the same files as Kafka's `kafka-storage format`.
//!
//! Each directory gets `bootstrap.checkpoint` (the features of the new cluster) and then `meta.properties`, which makes
//! it a formatted one. The directory of the metadata log gets, with `--standalone`, a first snapshot with the voters.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use medallion_log::meta_properties::{self, META_PROPERTIES, MetaProperties};
use medallion_os::FileSystem;
use medallion_wire::internal_records::metadata_records::FeatureLevelRecord;
use medallion_wire::internal_records::{Feature, MetadataRecord, MetadataVersion};
use medallion_wire::types::{BrokerId, LeaderEpoch, TopicId, Uuid};

use super::StorageError;
use super::locks::DirectoryLocks;
use crate::config::BrokerConfig;
use crate::controller::fresh_id;
use crate::controller::quorum::metadata_log::METADATA_FOLDER;
use crate::controller::quorum::snapshot::{self, BOOTSTRAP_CHECKPOINT, Header, SnapshotId};
use crate::controller::quorum::{MetadataError, VoterSet};

/// How the quorum's voters are named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VoterKind {
    /// By `controller.quorum.voters`; nothing is written about them.
    Static,
    /// By a record in the metadata log (KIP-853), this node alone: its controller's listener.
    Standalone {
        /// The listener's name.
        listener: String,
        /// Its host.
        host: String,
        /// Its port.
        port: u16,
    },
}

/// What is formatted, and how.
#[derive(Debug, Clone)]
pub struct FormatOptions {
    /// `log.dirs`, and `metadata.log.dir` where it is none of them.
    pub directories: Vec<PathBuf>,
    /// Which of them gets the metadata log.
    pub metadata_directory: PathBuf,
    /// `node.id`.
    pub node_id: BrokerId,
    /// The cluster's id, 22 characters of base64url; `None` for that of the directories that are formatted already, or
    /// else for a random one.
    pub cluster_id: Option<String>,
    /// How the voters are named.
    pub voters: VoterKind,
    /// `metadata.version` of the new cluster.
    pub metadata_version: MetadataVersion,
    /// Levels of other features that differ from the defaults of that version.
    pub features: BTreeMap<Feature, i16>,
    /// Whether directories that are formatted already are left as they are, instead of an error.
    pub ignore_formatted: bool,
}

/// What became of one directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Formatted {
    /// It was formatted, with this id.
    Now(Uuid),
    /// It was formatted before.
    Before,
}

/// What [`format()`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormatOutcome {
    /// The cluster's id.
    pub cluster_id: String,
    /// Each directory with what became of it.
    pub directories: Vec<(PathBuf, Formatted)>,
}

impl FormatOptions {
    /// What a node with this configuration would be formatted with: static voters where it names some, else itself.
    pub fn for_config(config: &BrokerConfig) -> Self {
        let mut directories = config.log_dirs.clone();
        if !directories.contains(&config.metadata_log_dir) {
            directories.push(config.metadata_log_dir.clone());
        }
        let voters = match config.controller_listeners().next() {
            Some(listener) if config.controller_quorum_voters.is_empty() => VoterKind::Standalone {
                listener: listener.name.clone(),
                host: if listener.host.is_empty() { "localhost".to_owned() } else { listener.host.clone() },
                port: listener.port,
            },
            _ => VoterKind::Static,
        };
        Self {
            directories,
            metadata_directory: config.metadata_log_dir.clone(),
            node_id: config.node_id,
            cluster_id: None,
            voters,
            metadata_version: MetadataVersion::LATEST,
            features: BTreeMap::new(),
            ignore_formatted: false,
        }
    }

    pub(crate) fn levels(&self) -> Result<Vec<MetadataRecord>, StorageError> {
        let record = |feature: Feature, level: i16| -> MetadataRecord {
            FeatureLevelRecord {
                name: feature.name().to_owned(),
                feature_level: level,
                ..FeatureLevelRecord::default()
            }
            .into()
        };
        let version = self.metadata_version;
        let level_of = |feature: Feature| match feature {
            Feature::MetadataVersion => version.level(),
            other => self.features.get(&other).copied().unwrap_or_else(|| other.default_level(version)),
        };
        let mut records = vec![record(Feature::MetadataVersion, version.level())];
        let mut others: Vec<Feature> = Feature::ALL.into_iter().filter(|f| is_recorded(*f)).collect();
        others.sort_unstable_by_key(|feature| feature.name());
        for feature in others {
            let level = level_of(feature);
            let range = feature.minimum()..=feature.maximum();
            if !range.contains(&level) {
                return Err(StorageError::InvalidOption(format!(
                    "{} cannot be {level}: this release supports {} to {}",
                    feature.name(),
                    range.start(),
                    range.end()
                )));
            }
            if let Some(reason) = feature.missing_dependency(level, level_of) {
                return Err(StorageError::InvalidOption(reason));
            }
            if level > 0 {
                records.push(record(feature, level));
            }
        }
        Ok(records)
    }
}

/// `metadata.version` comes first by itself, and `kraft.version` follows from how the voters are named.
fn is_recorded(feature: Feature) -> bool {
    !matches!(feature, Feature::MetadataVersion | Feature::KRaftVersion)
}

/// Formats directories. A crash in between leaves some unformatted, which a second run with `ignore_formatted` mends.
///
/// # Errors
/// [`StorageError`], above all for directories that are formatted already, hold something else or are in use.
pub fn format(
    fs: &dyn FileSystem,
    options: &FormatOptions,
    now_ms: i64,
    random: &mut dyn FnMut() -> u128,
) -> Result<FormatOutcome, StorageError> {
    plan(fs, options)?; // what is refused leaves no traces
    let mut locks = DirectoryLocks::default();
    let unformatted = |directory: &&Path| matches!(meta_properties::read(fs, directory), Ok(None));
    let directories: Vec<&Path> =
        options.directories.iter().map(PathBuf::as_path).filter(unformatted).collect();
    locks.take_all(fs, &directories)?;
    format_locked(fs, options, now_ms, random)
}

/// As [`format()`], for directories that this process has locked.
pub(super) fn format_locked(
    fs: &dyn FileSystem,
    options: &FormatOptions,
    now_ms: i64,
    random: &mut dyn FnMut() -> u128,
) -> Result<FormatOutcome, StorageError> {
    let Plan { levels, cluster_id, is_formatted } = plan(fs, options)?;
    let cluster_id = cluster_id.unwrap_or_else(|| TopicId(fresh_id(random)).to_string());
    let mut outcomes = Vec::new();
    for (directory, is_formatted) in options.directories.iter().zip(is_formatted) {
        if is_formatted {
            outcomes.push((directory.clone(), Formatted::Before));
            continue;
        }
        let id = fresh_id(random);
        format_one(fs, options, &cluster_id, directory, id, levels.clone(), now_ms)?;
        outcomes.push((directory.clone(), Formatted::Now(id)));
    }
    Ok(FormatOutcome { cluster_id, directories: outcomes })
}

/// What is to be written.
struct Plan {
    levels: Vec<MetadataRecord>,
    /// `None` for a random one.
    cluster_id: Option<String>,
    /// In the order of the directories.
    is_formatted: Vec<bool>,
}

/// Checks the options and looks at the directories; nothing is changed.
fn plan(fs: &dyn FileSystem, options: &FormatOptions) -> Result<Plan, StorageError> {
    options.cluster_id.as_deref().map_or(Ok(()), check_cluster_id)?;
    let levels = options.levels()?;
    let mut cluster_id = options.cluster_id.clone();
    let mut is_formatted = Vec::new();
    for directory in &options.directories {
        let properties = meta_properties::read(fs, directory)?;
        match &properties {
            Some(_) if !options.ignore_formatted => {
                return Err(StorageError::AlreadyFormatted { path: directory.clone() });
            }
            Some(properties) => {
                let found = same_cluster(options.node_id, cluster_id.as_deref(), directory, properties)?;
                cluster_id = found.or(cluster_id);
            }
            None => check_empty(fs, directory)?,
        }
        is_formatted.push(properties.is_some());
    }
    Ok(Plan { levels, cluster_id, is_formatted })
}

/// Kafka takes what its `Uuid` parses: 22 characters of base64url.
fn check_cluster_id(id: &str) -> Result<(), StorageError> {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if id.len() == 22 && id.chars().all(legal) {
        return Ok(());
    }
    Err(StorageError::InvalidOption(format!(
        "the cluster id {id:?} is not one: it takes 22 characters of base64url; leave it out for a random one"
    )))
}

/// The cluster of a directory that is formatted already, which those that are not join.
fn same_cluster(
    node_id: BrokerId,
    expected: Option<&str>,
    directory: &Path,
    properties: &MetaProperties,
) -> Result<Option<String>, StorageError> {
    let node = properties.node_id();
    if node.is_some_and(|node| node != node_id) {
        let reason = std::format!("formatted for node.id {}, not {node_id}", node.map_or(-1, BrokerId::get));
        return Err(StorageError::refused(directory, reason));
    }
    match (properties.cluster_id(), expected) {
        (Some(found), Some(expected)) if found != expected => {
            let reason = std::format!(
                "formatted for the cluster {found}, not {expected}: leave the cluster's id out to add directories to \
                 the one that is there"
            );
            Err(StorageError::refused(directory, reason))
        }
        (found, _) => Ok(found.map(str::to_owned)),
    }
}

/// Whether nothing but what an unfinished format or a mounted file system leaves lies in a directory.
pub(super) fn check_empty(fs: &dyn FileSystem, directory: &Path) -> Result<(), StorageError> {
    if !fs.exists(directory).map_err(StorageError::io("find", directory))? {
        return Ok(());
    }
    let entries = fs.read_directory(directory).map_err(StorageError::io("list", directory))?;
    let harmless = |name: &str| {
        matches!(name, "lost+found" | ".lock" | BOOTSTRAP_CHECKPOINT)
            || name.starts_with(META_PROPERTIES)
            || name.starts_with(BOOTSTRAP_CHECKPOINT)
    };
    for entry in entries.iter().filter(|entry| !harmless(&entry.name)) {
        if entry.name == METADATA_FOLDER && only_bootstrap_snapshot(fs, &entry.path)? {
            continue;
        }
        return Err(StorageError::NotEmpty { path: directory.to_owned(), found: entry.name.clone() });
    }
    Ok(())
}

fn only_bootstrap_snapshot(fs: &dyn FileSystem, folder: &Path) -> Result<bool, StorageError> {
    let bootstrap = SnapshotId::BOOTSTRAP.file_name();
    let entries = fs.read_directory(folder).map_err(StorageError::io("list", folder))?;
    Ok(entries.iter().all(|entry| entry.name.starts_with(&bootstrap)))
}

fn format_one(
    fs: &dyn FileSystem,
    options: &FormatOptions,
    cluster_id: &str,
    directory: &Path,
    id: Uuid,
    levels: Vec<MetadataRecord>,
    now_ms: i64,
) -> Result<(), StorageError> {
    let failed = |error: MetadataError| StorageError::Snapshot {
        path: directory.to_owned(),
        reason: error.to_string(),
    };
    let version = options.metadata_version;
    let epoch = LeaderEpoch(0);
    let nobody = VoterSet::Static(Vec::new());
    let header = Header { last_timestamp_ms: 0, now_ms };
    let bootstrap = directory.join(BOOTSTRAP_CHECKPOINT);
    snapshot::write(fs, &bootstrap, epoch, header, &nobody, version, levels.into_iter()).map_err(failed)?;
    if let (VoterKind::Standalone { listener, host, port }, true) =
        (&options.voters, directory == options.metadata_directory)
    {
        let folder = directory.join(METADATA_FOLDER);
        fs.create_directories_durably(&folder).map_err(StorageError::io("create", &folder))?;
        let voters = VoterSet::standalone(options.node_id.get(), id, listener, host, *port);
        let path = folder.join(SnapshotId::BOOTSTRAP.file_name());
        let header = Header { last_timestamp_ms: now_ms, now_ms };
        snapshot::write(fs, &path, epoch, header, &voters, version, std::iter::empty()).map_err(failed)?;
    }
    // Written last: with it the directory counts as formatted.
    let properties = MetaProperties::new(cluster_id, options.node_id, id);
    meta_properties::write(fs, directory, &properties, now_ms)?;
    Ok(())
}
