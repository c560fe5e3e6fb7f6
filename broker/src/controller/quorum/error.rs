//! What can go wrong with the metadata log.

use std::io;
use std::path::{Path, PathBuf};

use medallion_log::checkpoint_file::CheckpointError;
use medallion_log::{AppendError, LogError, ReadError};
use medallion_wire::Offset;
use medallion_wire::internal_records::{DecodeError, EncodeError};
use medallion_wire::records::{BuildError, RecordError};

use crate::controller::image::ApplyError;

/// Why the metadata cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum MetadataError {
    /// The operating system refused.
    #[error("cannot {operation} {}", path.display())]
    Io {
        /// What was tried.
        operation: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// The log refused.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The log refused an append.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// The log cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// One of the small files cannot be read or written.
    #[error(transparent)]
    File(#[from] CheckpointError),
    /// A batch is damaged.
    #[error("{}, batch after offset {offset}: damaged", path.display())]
    Batch {
        /// The file or folder.
        path: PathBuf,
        /// Where the reader stood.
        offset: Offset,
        /// What is wrong.
        #[source]
        source: RecordError,
    },
    /// A record is damaged or of a newer release.
    #[error("{}, offset {offset}: unreadable metadata record", path.display())]
    Record {
        /// The file or folder.
        path: PathBuf,
        /// The record's offset.
        offset: Offset,
        /// What is wrong.
        #[source]
        source: DecodeError,
    },
    /// A record does not fit what is there.
    #[error("{}, offset {offset}: {source}", path.display())]
    Apply {
        /// The file or folder.
        path: PathBuf,
        /// The record's offset.
        offset: Offset,
        /// Why.
        source: ApplyError,
    },
    /// A record cannot be written.
    #[error("a metadata record cannot be written")]
    Encode(#[from] EncodeError),
    /// A batch cannot be written.
    #[error("a metadata batch cannot be written")]
    Build(#[from] BuildError),
    /// The disk is full at a start, which has to write.
    #[error(
        "{}: the disk is full, and a start writes some kilobytes here: free some space on it (files of others, or \
         folders named `*-stray` that nobody needs), then start again",
        folder.display()
    )]
    NoRoomToStart {
        /// The metadata log's folder.
        folder: PathBuf,
        /// What could not be written.
        #[source]
        source: Box<MetadataError>,
    },
    /// The directory is sound but not for this node; the text says why and what to do.
    #[error("{}: {reason}", path.display())]
    Refused {
        /// The directory or file.
        path: PathBuf,
        /// Why, and what to do.
        reason: String,
    },
}

impl MetadataError {
    pub(crate) fn io(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { operation, path: path.to_owned(), source }
    }

    pub(crate) fn refused(path: &Path, reason: impl Into<String>) -> Self {
        Self::Refused { path: path.to_owned(), reason: reason.into() }
    }

    /// Whether the disk was full, so that the same may work later.
    pub(crate) fn is_disk_full(&self) -> bool {
        match self {
            Self::Append(AppendError::Log(LogError::DiskFull { .. }))
            | Self::Log(LogError::DiskFull { .. }) => true,
            Self::File(CheckpointError::Io { source, .. }) | Self::Io { source, .. } => {
                matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
            }
            _ => false,
        }
    }
}
