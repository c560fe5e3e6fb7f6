//! The directories of `log.dirs`: formatting, opening, locking, and what lies in them.
//!
//! - [`mod@format`]: what `medallion format` and the first start of a new broker write;
//! - [`directories`]: a formatted set of directories, checked and locked for one process;
//! - [`locks`]: what keeps a directory to one process;
//! - [`folders`]: the partition folders in them, held against the metadata.

pub(crate) mod directories;
pub mod error;
pub(crate) mod folders;
pub mod format;
mod locks;

#[cfg(test)]
mod tests;

pub use error::StorageError;
pub use format::{FormatOptions, FormatOutcome, Formatted, VoterKind, format};
