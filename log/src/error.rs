//! What can go wrong with a log, by who asked.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use medallion_wire::{Offset, TopicId};

use crate::append_validation::ValidationError;
use crate::checkpoint_file::CheckpointError;
use crate::producer_state::{ProducerBatchError, ProducerStateError};

/// A log could not be opened, written or kept.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// The operating system refused.
    #[error("cannot {operation} {}", path.display())]
    Io {
        /// What was tried, as a verb: "open", "write", ...
        operation: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: Arc<io::Error>,
    },
    /// The volume is full; what was half written is cut off again and the log stays usable.
    #[error("no room left to {operation} {}", path.display())]
    DiskFull {
        /// What was tried, as a verb.
        operation: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// An earlier write or flush failed, so nothing is known about the disk: the log must be opened anew.
    #[error("the log in {} takes no writes until it is opened anew: {cause}", directory.display())]
    Poisoned {
        /// The partition's folder.
        directory: PathBuf,
        /// The first failure.
        cause: String,
    },
    /// The log was closed.
    #[error("the log in {} is closed", directory.display())]
    Closed {
        /// The partition's folder.
        directory: PathBuf,
    },
    /// A file says something that cannot be.
    #[error("{} is damaged: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The folder belongs to another topic of the same name.
    #[error("{} belongs to topic id {found}, not to {expected}", directory.display())]
    TopicIdMismatch {
        /// The partition's folder.
        directory: PathBuf,
        /// The id in `partition.metadata`.
        found: TopicId,
        /// The id that was asked for.
        expected: TopicId,
    },
    /// An offset outside of the log was named.
    #[error("offset {offset} is outside of the log {start}..{end} in {}", directory.display())]
    OffsetOutOfRange {
        /// The partition's folder.
        directory: PathBuf,
        /// The offset that was asked for.
        offset: Offset,
        /// The first offset that is there.
        start: Offset,
        /// The bound, exclusive.
        end: Offset,
    },
}

impl LogError {
    /// Wraps the operating system's error; a full disk becomes [`LogError::DiskFull`].
    pub(crate) fn io(operation: &'static str, path: &Path, source: io::Error) -> Self {
        let is_full = matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
        match source.kind() {
            // A flush that finds no room has lost what was written before: that is not survived.
            _ if is_full && operation != "flush" => Self::DiskFull { operation, path: path.to_owned() },
            _ => Self::Io { operation, path: path.to_owned(), source: Arc::new(source) },
        }
    }
}

impl From<CheckpointError> for LogError {
    fn from(error: CheckpointError) -> Self {
        match error {
            CheckpointError::Io { path, source } => Self::io("read or write", &path, source),
            CheckpointError::Malformed { path, line, reason } => {
                Self::Damaged { path, reason: format!("line {line}: {reason}") }
            }
        }
    }
}

/// Records were not appended. Nothing of the request is in the log.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AppendError {
    /// The log itself failed.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The batches together are larger than a segment may be (`RECORD_LIST_TOO_LARGE`).
    #[error("{size_bytes} bytes of records do not fit into a segment of {segment_bytes} bytes")]
    LargerThanSegment {
        /// Size of the request's records.
        size_bytes: usize,
        /// The limit, `segment.bytes`.
        segment_bytes: u32,
    },
    /// The batch breaks a rule of the format or of the topic.
    #[error(transparent)]
    Validation(#[from] ValidationError),
    /// A transaction marker that cannot be read (`CORRUPT_MESSAGE`).
    #[error(transparent)]
    Marker(#[from] ProducerBatchError),
    /// The producer's sequence, epoch or transaction does not allow it.
    #[error(transparent)]
    Producer(#[from] ProducerStateError),
    /// A follower was given records that do not continue its log.
    #[error("records start at offset {first_offset}, the log ends at {end_offset}")]
    UnexpectedOffset {
        /// The first offset of the records.
        first_offset: Offset,
        /// Where the log ends.
        end_offset: Offset,
    },
    /// Bytes that are not whole batches, or whose checksum is wrong (`CORRUPT_MESSAGE`).
    #[error("the records are damaged: {reason}")]
    Corrupt {
        /// What is wrong.
        reason: String,
    },
}

/// Records could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The offset is below the log's start or above its end (`OFFSET_OUT_OF_RANGE`).
    #[error("offset {offset} is outside of the log {log_start_offset}..={log_end_offset}")]
    OffsetOutOfRange {
        /// The offset that was asked for.
        offset: Offset,
        /// The first offset that is there.
        log_start_offset: Offset,
        /// The end, exclusive.
        log_end_offset: Offset,
    },
    /// The file is damaged here; everything below stays readable.
    #[error("{} is damaged at byte {position}, offset {offset} or later: {reason}", file.display())]
    Corrupt {
        /// The segment's file.
        file: PathBuf,
        /// Where in the file.
        position: u64,
        /// The first offset that cannot be read.
        offset: Offset,
        /// What is wrong.
        reason: String,
    },
    /// The operating system refused.
    #[error(transparent)]
    Log(#[from] LogError),
}
