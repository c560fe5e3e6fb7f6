//! A segment that a compaction writes, under `.cleaned` names until it is whole.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use medallion_os::{File, OpenMode};
use medallion_wire::Offset;
use medallion_wire::records::AnyBatch;

use crate::error::LogError;
use crate::file_names::{CLEANED, FileKind, with_suffix};
use crate::log_directory::LogDirectory;
use crate::offset_index::{self, OffsetPosition};
use crate::time_index::{self, NO_TIMESTAMP, TimestampOffset};
use crate::transaction_index::{self, AbortedTransactionEntry};

/// How many bytes are written at once.
const WRITE_BYTES: usize = 1 << 20;

/// The files of a new segment. Removed again when it is dropped before [`CleanedSegment::finish`].
#[derive(Debug)]
pub(crate) struct CleanedSegment<'a> {
    directory: &'a LogDirectory,
    base_offset: Offset,
    index_interval_bytes: u32,
    file: Arc<dyn File>,
    path: PathBuf,
    written: u64,
    pending: Vec<u8>,
    offset_index: Vec<u8>,
    time_index: Vec<u8>,
    max_timestamp: TimestampOffset,
    last_time_entry_ms: i64,
    bytes_since_index_entry: u64,
    is_finished: bool,
}

fn path_of(directory: &LogDirectory, base_offset: Offset, kind: FileKind) -> PathBuf {
    with_suffix(&directory.file(base_offset, kind), CLEANED)
}

impl<'a> CleanedSegment<'a> {
    pub(crate) fn create(
        directory: &'a LogDirectory,
        base_offset: Offset,
        index_interval_bytes: u32,
    ) -> Result<Self, LogError> {
        let path = path_of(directory, base_offset, FileKind::Log);
        Ok(Self {
            directory,
            base_offset,
            index_interval_bytes,
            file: directory.open(&path, OpenMode::CreateOrTruncate)?,
            path,
            written: 0,
            pending: Vec::new(),
            offset_index: Vec::new(),
            time_index: Vec::new(),
            max_timestamp: TimestampOffset { timestamp_ms: NO_TIMESTAMP, offset: base_offset },
            last_time_entry_ms: NO_TIMESTAMP,
            bytes_since_index_entry: 0,
            is_finished: false,
        })
    }

    /// Puts a batch behind the others.
    pub(crate) fn append(&mut self, batch: &AnyBatch) -> Result<(), LogError> {
        let position = self.written + self.pending.len() as u64;
        let last_offset = batch.last_offset();
        if batch.max_timestamp() > self.max_timestamp.timestamp_ms {
            self.max_timestamp = TimestampOffset { timestamp_ms: batch.max_timestamp(), offset: last_offset };
        }
        if self.bytes_since_index_entry > u64::from(self.index_interval_bytes) {
            let entry = OffsetPosition { offset: last_offset, position };
            self.offset_index.extend(offset_index::encode(self.base_offset, entry).iter().flatten());
            self.add_time_entry();
            self.bytes_since_index_entry = 0;
        }
        self.bytes_since_index_entry += batch.size_bytes() as u64;
        self.pending.extend_from_slice(batch.as_bytes());
        if self.pending.len() >= WRITE_BYTES {
            self.write_out()?;
        }
        Ok(())
    }

    fn add_time_entry(&mut self) {
        if self.max_timestamp.timestamp_ms > self.last_time_entry_ms {
            self.last_time_entry_ms = self.max_timestamp.timestamp_ms;
            self.time_index.extend(time_index::encode(self.base_offset, self.max_timestamp).iter().flatten());
        }
    }

    fn write_out(&mut self) -> Result<(), LogError> {
        self.file
            .write_all_at(&[&self.pending], self.written)
            .map_err(|error| LogError::io("write", &self.path, error))?;
        self.written += self.pending.len() as u64;
        self.pending.clear();
        Ok(())
    }

    /// Makes all files durable; whether there is a transaction index.
    pub(crate) fn finish(mut self, aborted: &[AbortedTransactionEntry]) -> Result<bool, LogError> {
        self.write_out()?;
        self.add_time_entry();
        self.write_file(FileKind::OffsetIndex, &self.offset_index)?;
        self.write_file(FileKind::TimeIndex, &self.time_index)?;
        if !aborted.is_empty() {
            self.write_file(FileKind::TransactionIndex, &transaction_index::encode(aborted))?;
        }
        sync(self.file.as_ref(), &self.path)?;
        self.is_finished = true;
        Ok(!aborted.is_empty())
    }

    fn write_file(&self, kind: FileKind, content: &[u8]) -> Result<(), LogError> {
        let path = path_of(self.directory, self.base_offset, kind);
        let file = self.directory.open(&path, OpenMode::CreateOrTruncate)?;
        file.write_all_at(&[content], 0).map_err(|error| LogError::io("write", &path, error))?;
        sync(file.as_ref(), &path)
    }

    /// Removes the `.cleaned` files; those that cannot be removed go when the log is opened.
    pub(crate) fn remove(directory: &LogDirectory, base_offset: Offset) {
        for kind in FileKind::OF_SEGMENT {
            let path = path_of(directory, base_offset, kind);
            if let Err(error) = directory.remove_if_there(&path) {
                tracing::warn!(%error, "a compaction's file stays until the log is opened");
            }
        }
    }
}

impl Drop for CleanedSegment<'_> {
    fn drop(&mut self) {
        if !self.is_finished {
            Self::remove(self.directory, self.base_offset);
        }
    }
}

fn sync(file: &dyn File, path: &Path) -> Result<(), LogError> {
    file.sync_data().map_err(|error| LogError::io("flush", path, error))
}
