//! Kafka's text checkpoints: a version line, a count line, then one entry a line.
//!
//! ```text
//! 0
//! 2
//! trips 0 1042
//! trips 1 977
//! ```
//!
//! The offset checkpoints of a log directory hold `topic partition offset`, the `leader-epoch-checkpoint` of a
//! partition holds `epoch startOffset`. Files are replaced as a whole: written beside as `.tmp`, made durable, renamed,
//! and the directory made durable, so that a crash leaves the old or the new content, never a mixture.
//!
//! Source: Kafka's `CheckpointFile`, `OffsetCheckpointFile` and `LeaderEpochCheckpointFile`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};

use medallion_os::{FileSystem, OpenMode};
use medallion_wire::{LeaderEpoch, Offset, TopicPartition};

use crate::leader_epochs::EpochEntry;

/// Offsets below which everything is durable, one entry a partition.
pub const RECOVERY_POINT_CHECKPOINT: &str = "recovery-point-offset-checkpoint";
/// High watermarks, one entry a partition.
pub const REPLICATION_OFFSET_CHECKPOINT: &str = "replication-offset-checkpoint";
/// Log start offsets, for partitions whose start is not the base offset of their first segment.
pub const LOG_START_OFFSET_CHECKPOINT: &str = "log-start-offset-checkpoint";
/// First dirty offsets of compacted partitions.
pub const CLEANER_OFFSET_CHECKPOINT: &str = "cleaner-offset-checkpoint";
/// Leader epochs and their start offsets, in a partition's folder.
pub const LEADER_EPOCH_CHECKPOINT: &str = "leader-epoch-checkpoint";

/// The only version of the format.
const VERSION: i32 = 0;
/// Checkpoints hold some tens of bytes a partition; a larger file is not one.
const FILE_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// Why one of the small files beside the segments could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// The operating system refused.
    #[error("cannot read or write {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// The content is not what Kafka or this server writes.
    #[error("{}, line {line}: {reason}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
}

impl CheckpointError {
    pub(crate) fn io(path: &Path, source: io::Error) -> Self {
        Self::Io { path: path.to_path_buf(), source }
    }

    pub(crate) fn malformed(path: &Path, line: usize, reason: impl Into<String>) -> Self {
        Self::Malformed { path: path.to_path_buf(), line, reason: reason.into() }
    }
}

/// Reads an offset checkpoint; an absent or empty file holds no entry.
///
/// # Errors
/// [`CheckpointError`] when the file cannot be read, or names file and line when it is damaged.
pub fn read_offsets(
    file_system: &dyn FileSystem,
    path: &Path,
) -> Result<BTreeMap<TopicPartition, Offset>, CheckpointError> {
    match read_file(file_system, path)? {
        Some(content) => parse_offsets(path, &content),
        None => Ok(BTreeMap::new()),
    }
}

/// Replaces an offset checkpoint, durably.
///
/// # Errors
/// [`CheckpointError::Io`]; the old content is then still there.
pub fn write_offsets<'a>(
    file_system: &dyn FileSystem,
    path: &Path,
    offsets: impl IntoIterator<Item = (&'a TopicPartition, Offset)>,
) -> Result<(), CheckpointError> {
    write_atomically(file_system, path, format_offsets(offsets).as_bytes())
}

/// The entries of an offset checkpoint's content; `path` is for the error alone.
///
/// # Errors
/// [`CheckpointError::Malformed`] with the line.
pub fn parse_offsets(
    path: &Path,
    content: &[u8],
) -> Result<BTreeMap<TopicPartition, Offset>, CheckpointError> {
    let entries = parse(path, content, "topic partition offset", |fields| match fields {
        [topic, partition, offset] => {
            let partition: i32 = partition.parse().ok()?;
            Some((TopicPartition::new(*topic, partition), Offset(offset.parse().ok()?)))
        }
        _ => None,
    })?;
    Ok(entries.into_iter().collect())
}

/// The content of an offset checkpoint.
pub fn format_offsets<'a>(offsets: impl IntoIterator<Item = (&'a TopicPartition, Offset)>) -> String {
    format(offsets.into_iter().map(|(at, offset)| format!("{} {} {offset}", at.topic, at.partition)))
}

/// The entries of a leader epoch checkpoint's content; `path` is for the error alone.
///
/// # Errors
/// [`CheckpointError::Malformed`] with the line.
pub fn parse_leader_epochs(path: &Path, content: &[u8]) -> Result<Vec<EpochEntry>, CheckpointError> {
    parse(path, content, "epoch startOffset", |fields| match fields {
        [epoch, start_offset] => Some(EpochEntry {
            epoch: LeaderEpoch(epoch.parse().ok().filter(|epoch| *epoch >= 0)?),
            start_offset: Offset(start_offset.parse().ok().filter(|offset| *offset >= 0)?),
        }),
        _ => None,
    })
}

/// The content of a leader epoch checkpoint.
pub fn format_leader_epochs(entries: &[EpochEntry]) -> String {
    format(entries.iter().map(|entry| format!("{} {}", entry.epoch, entry.start_offset)))
}

/// The whole of a small file, `None` when it is absent.
///
/// # Errors
/// [`CheckpointError`] when it cannot be read, or is too large to be such a file.
pub fn read_file(file_system: &dyn FileSystem, path: &Path) -> Result<Option<Vec<u8>>, CheckpointError> {
    let failed = |source| CheckpointError::io(path, source);
    let file = match file_system.open(path, OpenMode::Read) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let len = file.len().map_err(failed)?;
    if len > FILE_BYTES_MAX {
        return Err(CheckpointError::malformed(path, 1, format!("the file has {len} bytes")));
    }
    let mut content = vec![0; usize::try_from(len).unwrap_or(0)];
    let read = file.read_at(&mut content, 0).map_err(failed)?;
    content.truncate(read);
    Ok(Some(content))
}

/// Replaces a file by way of `<name>.tmp`; the new content is durable when this returns.
///
/// # Errors
/// [`CheckpointError::Io`]; the old content is then still there.
pub fn write_atomically(
    file_system: &dyn FileSystem,
    path: &Path,
    content: &[u8],
) -> Result<(), CheckpointError> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".tmp");
    let temporary = PathBuf::from(temporary);
    let write = || {
        let file = file_system.open(&temporary, OpenMode::CreateOrTruncate)?;
        file.write_all_at(&[content], 0)?;
        file.sync_data()?;
        file_system.rename(&temporary, path)?;
        match path.parent() {
            Some(directory) => file_system.sync_directory(directory),
            None => Ok(()),
        }
    };
    write().map_err(|source| CheckpointError::io(path, source))
}

fn parse<T>(
    path: &Path,
    content: &[u8],
    shape: &str,
    entry: impl Fn(&[&str]) -> Option<T>,
) -> Result<Vec<T>, CheckpointError> {
    let text =
        std::str::from_utf8(content).map_err(|_| CheckpointError::malformed(path, 1, "not text in UTF-8"))?;
    let mut lines = text.lines();
    let number = |line: usize, text: &str| -> Result<i32, CheckpointError> {
        text.parse()
            .map_err(|_| CheckpointError::malformed(path, line, format!("expected a number, found {text:?}")))
    };
    // Kafka creates the file empty before it has anything to write, so an empty one is no damage.
    let Some(version) = lines.next() else { return Ok(Vec::new()) };
    let version = number(1, version)?;
    if version != VERSION {
        return Err(CheckpointError::malformed(path, 1, format!("unknown version {version}")));
    }
    let Some(count) = lines.next() else { return Ok(Vec::new()) };
    let count = number(2, count)?;
    let mut entries = Vec::new();
    for (index, line) in lines.enumerate() {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let parsed = entry(&fields).ok_or_else(|| {
            CheckpointError::malformed(path, index + 3, format!("expected \"{shape}\", found {line:?}"))
        })?;
        entries.push(parsed);
    }
    if usize::try_from(count) != Ok(entries.len()) {
        let reason = format!("{count} entries announced, {} found", entries.len());
        return Err(CheckpointError::malformed(path, 2, reason));
    }
    Ok(entries)
}

fn format(entries: impl Iterator<Item = String>) -> String {
    let lines: Vec<String> = entries.collect();
    let mut text = String::new();
    let _ = writeln!(text, "{VERSION}\n{}", lines.len());
    for line in lines {
        text.push_str(&line);
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offsets(content: &str) -> Result<BTreeMap<TopicPartition, Offset>, CheckpointError> {
        parse_offsets(Path::new("recovery-point-offset-checkpoint"), content.as_bytes())
    }

    #[test]
    fn offsets_survive_a_round_trip() {
        let text = "0\n3\n__consumer_offsets 49 0\ntrips 0 1042\ntrips 10 977\n";
        let read = offsets(text).unwrap();
        assert_eq!(read[&TopicPartition::new("trips", 10)], Offset(977));
        assert_eq!(format_offsets(read.iter().map(|(at, offset)| (at, *offset))), text);
    }

    #[test]
    fn an_empty_file_holds_nothing() {
        assert!(offsets("").unwrap().is_empty());
        assert!(offsets("0\n").unwrap().is_empty());
        assert!(offsets("0\n0\n").unwrap().is_empty());
    }

    #[test]
    fn damage_is_named_by_line() {
        for (content, place) in [
            ("1\n0\n", "line 1: unknown version 1"),
            ("x\n0\n", "line 1: expected a number, found \"x\""),
            ("0\nmany\n", "line 2: expected a number"),
            ("0\n2\ntrips 0 1\n", "line 2: 2 entries announced, 1 found"),
            ("0\n-1\n", "line 2: -1 entries announced"),
            ("0\n1\ntrips 0\n", "line 3: expected \"topic partition offset\", found \"trips 0\""),
            ("0\n2\ntrips 0 1\ntrips 1 x\n", "line 4: expected"),
        ] {
            let message = offsets(content).unwrap_err().to_string();
            assert!(message.contains(place), "{content:?} gave {message:?}");
            assert!(message.starts_with("recovery-point-offset-checkpoint, "), "{message:?}");
        }
        assert!(parse_offsets(Path::new("x"), &[0x30, 0x0a, 0xff]).is_err());
    }

    #[test]
    fn leader_epochs_survive_a_round_trip() {
        let text = "0\n2\n0 0\n5 1042\n";
        let path = Path::new("leader-epoch-checkpoint");
        let read = parse_leader_epochs(path, text.as_bytes()).unwrap();
        assert_eq!(read.len(), 2);
        assert_eq!(format_leader_epochs(&read), text);
        let message = parse_leader_epochs(path, b"0\n1\n-1 0\n").unwrap_err().to_string();
        assert!(message.contains("line 3"), "{message:?}");
    }
}
