//! One segment: a stretch of the log in one file of batches, with its indexes.
//!
//! The writer appends to the newest segment and publishes the new end only when the bytes are in the file; readers take
//! a copy of the end under a short lock and never wait for the writer's disk.

mod check;
mod search;

use std::path::PathBuf;
use std::sync::Arc;

use medallion_os::{File, OpenMode};
use medallion_wire::Offset;
use medallion_wire::records::{AnyBatch, BATCH_HEADER_SIZE, BatchHeader};
use parking_lot::Mutex;

use crate::aborted_transactions::AbortedTransactions;
use crate::batch_scanner::{BatchEntry, BatchScanner, ScanError};
use crate::error::LogError;
use crate::file_names::FileKind;
use crate::log_directory::LogDirectory;
use crate::offset_index::{OffsetIndex, OffsetPosition};
use crate::time_index::{NO_TIMESTAMP, TimeIndex, TimestampOffset};

/// Largest file of batches: positions in the index have 31 bits.
pub(crate) const SEGMENT_BYTES_MAX: u64 = i32::MAX as u64;

/// A batch as it is written: a header of its own in front of a body that nobody copies.
#[derive(Debug, Clone)]
pub(crate) struct PreparedBatch {
    pub(crate) header_bytes: [u8; BATCH_HEADER_SIZE],
    pub(crate) body: bytes::Bytes,
    pub(crate) header: BatchHeader,
}

impl PreparedBatch {
    pub(crate) fn size_bytes(&self) -> usize {
        self.header_bytes.len() + self.body.len()
    }
}

/// How far a segment reaches.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SegmentEnd {
    /// Bytes of whole batches in the file.
    pub(crate) size_bytes: u64,
    /// The offset behind the last record; in a closed segment the next one's base offset.
    pub(crate) next_offset: Offset,
    /// The largest timestamp and its batch; `None` until it is read from the time index.
    pub(crate) max_timestamp: Option<TimestampOffset>,
    /// The largest timestamp of the first batch, from which the segment's age counts.
    pub(crate) first_timestamp_ms: Option<i64>,
    /// Where recovery has met damage that it must not cut; what lies behind is not handed out.
    damaged_at: Option<u64>,
    bytes_since_index_entry: u64,
}

/// A segment. Shared by the writer and all readers.
#[derive(Debug)]
pub(crate) struct Segment {
    directory: Arc<LogDirectory>,
    base_offset: Offset,
    file: Arc<dyn File>,
    offset_index: OffsetIndex,
    time_index: TimeIndex,
    aborted: AbortedTransactions,
    end: Mutex<SegmentEnd>,
}

impl Segment {
    /// Makes an empty segment; files of a segment that was there are cut to nothing.
    pub(crate) fn create(directory: &Arc<LogDirectory>, base_offset: Offset) -> Result<Self, LogError> {
        for kind in [FileKind::OffsetIndex, FileKind::TimeIndex] {
            directory.open(&directory.file(base_offset, kind), OpenMode::CreateOrTruncate)?;
        }
        let path = directory.file(base_offset, FileKind::Log);
        let file = directory.open(&path, OpenMode::CreateOrTruncate)?;
        directory.remove_if_there(&directory.file(base_offset, FileKind::TransactionIndex))?;
        Ok(Self::new(directory, base_offset, file, 0, base_offset, false))
    }

    /// Opens a segment that is there. `next_offset` may be too low until [`Segment::find_end`] was called.
    pub(crate) fn open(
        directory: &Arc<LogDirectory>,
        base_offset: Offset,
        has_transaction_index: bool,
    ) -> Result<Self, LogError> {
        let path = directory.file(base_offset, FileKind::Log);
        let file = directory.open(&path, OpenMode::ReadWrite)?;
        let size_bytes = file.len().map_err(|error| LogError::io("measure", &path, error))?;
        Ok(Self::new(directory, base_offset, file, size_bytes, base_offset, has_transaction_index))
    }

    fn new(
        directory: &Arc<LogDirectory>,
        base_offset: Offset,
        file: Arc<dyn File>,
        size_bytes: u64,
        next_offset: Offset,
        has_transaction_index: bool,
    ) -> Self {
        let none = TimestampOffset { timestamp_ms: NO_TIMESTAMP, offset: base_offset };
        Self {
            directory: Arc::clone(directory),
            base_offset,
            file,
            offset_index: OffsetIndex::new(directory, base_offset),
            time_index: TimeIndex::new(directory, base_offset),
            aborted: AbortedTransactions::new(directory, base_offset, has_transaction_index),
            end: Mutex::new(SegmentEnd {
                size_bytes,
                next_offset,
                max_timestamp: (size_bytes == 0).then_some(none),
                first_timestamp_ms: None,
                damaged_at: None,
                bytes_since_index_entry: 0,
            }),
        }
    }

    pub(crate) fn base_offset(&self) -> Offset {
        self.base_offset
    }

    pub(crate) fn file(&self) -> &Arc<dyn File> {
        &self.file
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.directory.file(self.base_offset, FileKind::Log)
    }

    pub(crate) fn end(&self) -> SegmentEnd {
        *self.end.lock()
    }

    pub(crate) fn size_bytes(&self) -> u64 {
        self.end.lock().size_bytes
    }

    pub(crate) fn offset_index(&self) -> &OffsetIndex {
        &self.offset_index
    }

    pub(crate) fn time_index(&self) -> &TimeIndex {
        &self.time_index
    }

    pub(crate) fn aborted(&self) -> &AbortedTransactions {
        &self.aborted
    }

    /// Whether `offset` can stand in an index of this segment.
    pub(crate) fn takes_offset(&self, offset: Offset) -> bool {
        i32::try_from(offset - self.base_offset).is_ok_and(|relative| relative >= 0)
    }

    /// The largest timestamp, read from the time index when it is not known yet.
    pub(crate) fn max_timestamp(&self) -> Result<TimestampOffset, LogError> {
        if let Some(known) = self.end.lock().max_timestamp {
            return Ok(known);
        }
        let last = self.time_index.last()?;
        Ok(*self.end.lock().max_timestamp.get_or_insert(last))
    }

    /// The timestamp from which the segment's age counts: that of its first batch, `None` while it is empty.
    pub(crate) fn first_timestamp_ms(&self) -> Result<Option<i64>, LogError> {
        let end = self.end();
        if end.first_timestamp_ms.is_some() || end.size_bytes == 0 {
            return Ok(end.first_timestamp_ms);
        }
        let first = BatchScanner::new(self.file.as_ref(), 0, end.size_bytes).next();
        let first = first.map_err(|error| self.scan_error(error))?.map(|entry| entry.max_timestamp_ms);
        self.end.lock().first_timestamp_ms = first;
        Ok(first)
    }

    /// Writes batches behind the last one. After [`LogError::DiskFull`] the segment is as it was before.
    pub(crate) fn append(
        &self,
        batches: &[PreparedBatch],
        index_interval_bytes: u32,
    ) -> Result<(), LogError> {
        let start = self.size_bytes();
        let mut buffers: Vec<&[u8]> = Vec::with_capacity(2 * batches.len());
        for batch in batches {
            buffers.push(&batch.header_bytes);
            buffers.push(&batch.body);
        }
        if let Err(error) = self.file.write_all_at(&buffers, start) {
            return Err(self.undo_write(start, LogError::io("write", &self.path(), error)));
        }
        let mut position = start;
        for batch in batches {
            let entry = BatchEntry::of_header(batch.header, position);
            position = entry.end();
            self.note(&entry, index_interval_bytes)?;
        }
        Ok(())
    }

    /// Cuts a write that did not succeed. Only a full disk is survived, and only when the cut succeeds.
    fn undo_write(&self, start: u64, error: LogError) -> LogError {
        if !matches!(error, LogError::DiskFull { .. }) {
            return error;
        }
        // Durable at once: when the next roll makes this a closed segment, nobody looks at its end again.
        match self.file.set_len(start).and_then(|()| self.file.sync_data()) {
            Ok(()) => error,
            Err(source) => LogError::io("cut", &self.path(), source),
        }
    }

    /// Takes a batch that stands in the file into the indexes and into the published end.
    pub(crate) fn note(&self, entry: &BatchEntry, index_interval_bytes: u32) -> Result<(), LogError> {
        let mut max = self.max_timestamp()?;
        if entry.max_timestamp_ms > max.timestamp_ms {
            max = TimestampOffset { timestamp_ms: entry.max_timestamp_ms, offset: entry.last_offset };
        }
        let mut bytes_since_index_entry = self.end.lock().bytes_since_index_entry;
        if bytes_since_index_entry > u64::from(index_interval_bytes) {
            self.offset_index
                .append(OffsetPosition { offset: entry.last_offset, position: entry.position })?;
            self.time_index.maybe_append(max)?;
            bytes_since_index_entry = 0;
        }
        let mut end = self.end.lock();
        end.bytes_since_index_entry = bytes_since_index_entry + entry.size_bytes as u64;
        end.max_timestamp = Some(max);
        if end.size_bytes == 0 || entry.position == 0 {
            end.first_timestamp_ms = Some(entry.max_timestamp_ms);
        }
        end.size_bytes = entry.end();
        end.next_offset = entry.last_offset.next();
        Ok(())
    }

    /// Forgets what is published from `position` on, so that a scan can note it anew. Indexes keep their entries below
    /// `position` and `next_offset`.
    pub(crate) fn rewind(&self, position: u64, next_offset: Offset) -> Result<(), LogError> {
        self.offset_index.truncate_to(next_offset)?;
        self.time_index.truncate_to(next_offset)?;
        let indexed = self.offset_index.last()?.position;
        let max_timestamp = self.time_index.last()?;
        let mut end = self.end.lock();
        end.size_bytes = position;
        end.next_offset = next_offset;
        end.max_timestamp = Some(max_timestamp);
        end.damaged_at = None;
        end.bytes_since_index_entry = position.saturating_sub(indexed);
        if position == 0 {
            end.first_timestamp_ms = None;
        }
        Ok(())
    }

    /// Writes a batch once more where it stands. When the operating system has failed to write a page it may keep it in
    /// memory as if it had, so that a later flush would promise what is not on disk.
    pub(crate) fn write_again(&self, entry: &BatchEntry, batch: &AnyBatch) -> Result<(), LogError> {
        match self.file.write_all_at(&[batch.as_bytes()], entry.position) {
            Ok(()) => Ok(()),
            Err(error) => match LogError::io("write", &self.path(), error) {
                // Only a file system that copies on write needs room for this; opening the log must not need any.
                LogError::DiskFull { .. } => Ok(()),
                other => Err(other),
            },
        }
    }

    /// Publishes the whole file, though what lies behind the noted batches is damaged: reads of it name the damage.
    pub(crate) fn keep_file_size(&self, size_bytes: u64) {
        let mut end = self.end.lock();
        end.damaged_at = (end.size_bytes < size_bytes).then_some(end.size_bytes);
        end.size_bytes = size_bytes;
    }

    /// Cuts the file at a batch's begin.
    pub(crate) fn cut_file(&self, position: u64) -> Result<(), LogError> {
        self.file.set_len(position).map_err(|error| LogError::io("cut", &self.path(), error))
    }

    /// Finds the last offset and the largest timestamp of a segment whose indexes are sound, by reading the headers
    /// behind the last index entries.
    pub(crate) fn find_end(&self) -> Result<(), ScanError> {
        let size_bytes = self.size_bytes();
        let last = self.offset_index.last()?;
        let mut max = self.time_index.last()?;
        let after_max = self.offset_index.lookup(max.offset)?;
        let mut scanner =
            BatchScanner::new(self.file.as_ref(), last.position.min(after_max.position), size_bytes);
        let mut next_offset = self.base_offset;
        while let Some(entry) = scanner.next()? {
            next_offset = entry.last_offset.next();
            if entry.max_timestamp_ms > max.timestamp_ms {
                max = TimestampOffset { timestamp_ms: entry.max_timestamp_ms, offset: entry.last_offset };
            }
        }
        let mut end = self.end.lock();
        end.next_offset = next_offset;
        end.max_timestamp = Some(max);
        end.bytes_since_index_entry = size_bytes - last.position;
        Ok(())
    }

    /// The offset behind the last record that is there, by the headers at the end.
    pub(crate) fn records_end(&self) -> Result<Offset, ScanError> {
        let last = self.offset_index.last()?;
        let mut scanner = BatchScanner::new(self.file.as_ref(), last.position, self.size_bytes());
        let mut end = self.base_offset;
        while let Some(entry) = scanner.next()? {
            end = entry.last_offset.next();
        }
        Ok(end)
    }

    /// Notes where the next segment begins.
    pub(crate) fn set_next_offset(&self, next_offset: Offset) {
        self.end.lock().next_offset = next_offset;
    }

    /// Ends appends: the time index gets the largest timestamp, index files their true sizes, and both go to disk, because
    /// nobody checks the indexes of a closed segment again.
    pub(crate) fn close_indexes(&self) -> Result<(), LogError> {
        let max = self.max_timestamp()?;
        if max.timestamp_ms > NO_TIMESTAMP {
            self.time_index.maybe_append(max)?;
        }
        self.offset_index.file().trim()?;
        self.time_index.file().trim()?;
        self.sync_indexes()
    }

    /// Makes both indexes durable.
    pub(crate) fn sync_indexes(&self) -> Result<(), LogError> {
        self.offset_index.file().sync()?;
        self.time_index.file().sync()
    }

    /// Opens (or reads) all index files, so that what they hold stays reachable when they go under another name.
    pub(crate) fn open_indexes(&self) -> Result<(), LogError> {
        self.offset_index.file().len()?;
        self.time_index.file().len()?;
        self.aborted.entries()?;
        Ok(())
    }

    /// Brings index entries that wait in memory into the files.
    pub(crate) fn write_pending_index_entries(&self) -> Result<(), LogError> {
        self.offset_index.file().write_pending()?;
        self.time_index.file().write_pending()
    }

    /// Makes batches and aborted transactions durable, and with `with_indexes` the other indexes too.
    pub(crate) fn sync(&self, with_indexes: bool) -> Result<(), LogError> {
        self.file.sync_data().map_err(|error| LogError::io("flush", &self.path(), error))?;
        // Unlike the other indexes this one is not written anew below the recovery point.
        self.aborted.sync()?;
        if with_indexes { self.sync_indexes() } else { Ok(()) }
    }

    /// Wraps the reason for which a scan of this segment stopped.
    pub(crate) fn scan_error(&self, error: ScanError) -> LogError {
        match error {
            ScanError::Io(source) => LogError::io("read", &self.path(), source),
            ScanError::Log(error) => error,
            ScanError::Damaged { position, reason } => {
                LogError::Damaged { path: self.path(), reason: format!("at byte {position}: {reason}") }
            }
        }
    }
}
