//! Why directories cannot be formatted or opened.

use std::io;
use std::path::{Path, PathBuf};

use medallion_log::checkpoint_file::CheckpointError;

/// Why directories cannot be formatted or opened; the texts say what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StorageError {
    /// The operating system refused.
    #[error("cannot {operation} {}: {source}", path.display())]
    Io {
        /// What was tried.
        operation: &'static str,
        /// On what.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// One of the small files is damaged.
    #[error("{0}")]
    File(#[from] CheckpointError),
    /// A snapshot cannot be written.
    #[error("{}: {reason}", path.display())]
    Snapshot {
        /// The directory.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// Another process works in the directory.
    #[error(
        "{} is in use by another process, an Apache Kafka server or another medallion: stop that first",
        path.display()
    )]
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// Some directories are formatted and others are not.
    #[error(
        "{} is not formatted while {} is: if a disk is not mounted, mount it; to add a new, empty directory run \
         `medallion format --ignore-formatted`",
        path.display(),
        formatted.display()
    )]
    PartlyFormatted {
        /// The directory without `meta.properties`.
        path: PathBuf,
        /// One that has it.
        formatted: PathBuf,
    },
    /// A directory is not formatted, but not empty either.
    #[error(
        "{} has no meta.properties but holds {found:?}: it belongs to something else, or its meta.properties was lost; \
         name an empty directory in log.dirs",
        path.display()
    )]
    NotEmpty {
        /// The directory.
        path: PathBuf,
        /// One thing in it.
        found: String,
    },
    /// A directory is formatted already.
    #[error("{} is formatted already: use --ignore-formatted to format only those that are not", path.display())]
    AlreadyFormatted {
        /// The directory.
        path: PathBuf,
    },
    /// A directory is sound, but not for this node.
    #[error("{}: {reason}", path.display())]
    Refused {
        /// The directory.
        path: PathBuf,
        /// Why, and what to do.
        reason: String,
    },
    /// Two directories hold the same partition.
    #[error(
        "partition {partition} lies in {} and in {}: a move between directories was cut short; remove the one that the \
         metadata does not name, or the emptier one",
        first.display(),
        second.display()
    )]
    DuplicatePartition {
        /// The partition.
        partition: String,
        /// One folder.
        first: PathBuf,
        /// The other.
        second: PathBuf,
    },
    /// An option of `format` is wrong.
    #[error("{0}")]
    InvalidOption(String),
}

impl StorageError {
    pub(crate) fn io(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { operation, path: path.to_owned(), source }
    }

    pub(crate) fn refused(path: &Path, reason: impl Into<String>) -> Self {
        Self::Refused { path: path.to_owned(), reason: reason.into() }
    }
}
