//! `.timeindex`: from timestamps to offsets, sparse.
//!
//! An entry is 12 bytes, big endian: the largest timestamp so far (`i64`, milliseconds), and the last offset of the
//! first batch that has it, minus the segment's base offset (`i32`). Timestamps rise strictly, offsets do not fall.
//! When a segment is closed, its last entry holds the segment's largest timestamp. Source: Kafka's `TimeIndex`.

use std::sync::Arc;

use medallion_wire::Offset;

use crate::error::LogError;
use crate::file_names::FileKind;
use crate::index_file::{IndexFile, relative_offset};
use crate::log_directory::LogDirectory;

/// Size of an entry.
pub(crate) const ENTRY_BYTES: usize = 12;
/// The timestamp of an empty index.
pub(crate) const NO_TIMESTAMP: i64 = -1;

/// A largest timestamp, and the last offset of the batch that has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TimestampOffset {
    pub(crate) timestamp_ms: i64,
    pub(crate) offset: Offset,
}

/// The bytes of an entry; `None` for what the format cannot hold.
pub(crate) fn encode(base_offset: Offset, entry: TimestampOffset) -> Option<[u8; ENTRY_BYTES]> {
    let relative = relative_offset(base_offset, entry.offset)?;
    let mut bytes = [0; ENTRY_BYTES];
    bytes[..8].copy_from_slice(&entry.timestamp_ms.to_be_bytes());
    bytes[8..].copy_from_slice(&relative.to_be_bytes());
    Some(bytes)
}

/// A segment's time index.
#[derive(Debug)]
pub(crate) struct TimeIndex {
    base_offset: Offset,
    file: IndexFile<ENTRY_BYTES>,
}

impl TimeIndex {
    pub(crate) fn new(directory: &Arc<LogDirectory>, base_offset: Offset) -> Self {
        Self { base_offset, file: IndexFile::new(directory, base_offset, FileKind::TimeIndex) }
    }

    pub(crate) fn file(&self) -> &IndexFile<ENTRY_BYTES> {
        &self.file
    }

    /// The entry with the largest timestamp below `timestamp_ms`; all records up to its offset, exclusive, are older.
    pub(crate) fn lookup_below(&self, timestamp_ms: i64) -> Result<TimestampOffset, LogError> {
        let entry = self.file.last_where(|entry| self.decode(entry).timestamp_ms < timestamp_ms)?;
        Ok(self.decode_or_start(entry))
    }

    pub(crate) fn last(&self) -> Result<TimestampOffset, LogError> {
        Ok(self.decode_or_start(self.file.last()?))
    }

    pub(crate) fn entries(&self) -> Result<Vec<TimestampOffset>, LogError> {
        Ok(self.file.entries()?.iter().map(|entry| self.decode(entry)).collect())
    }

    /// Appends an entry if its timestamp is above the last one's.
    pub(crate) fn maybe_append(&self, entry: TimestampOffset) -> Result<(), LogError> {
        let last = self.last()?;
        let Some(bytes) = encode(self.base_offset, entry) else { return Ok(()) };
        if entry.timestamp_ms <= last.timestamp_ms || entry.offset < last.offset {
            return Ok(());
        }
        self.file.append(bytes)
    }

    /// Drops the entries at or above `offset`.
    pub(crate) fn truncate_to(&self, offset: Offset) -> Result<(), LogError> {
        let count = self.file.count_where(|entry| self.decode(entry).offset < offset)?;
        self.file.truncate(count)
    }

    /// Full one entry early, so that the one of closing finds room.
    pub(crate) fn is_full(&self, index_bytes_max: u32) -> Result<bool, LogError> {
        Ok(self.file.len()? + 1 >= index_bytes_max as usize / ENTRY_BYTES)
    }

    fn decode_or_start(&self, entry: Option<[u8; ENTRY_BYTES]>) -> TimestampOffset {
        let none = TimestampOffset { timestamp_ms: NO_TIMESTAMP, offset: self.base_offset };
        entry.map_or(none, |entry| self.decode(&entry))
    }

    fn decode(&self, entry: &[u8; ENTRY_BYTES]) -> TimestampOffset {
        let (mut timestamp, mut relative) = ([0; 8], [0; 4]);
        timestamp.copy_from_slice(&entry[..8]);
        relative.copy_from_slice(&entry[8..]);
        TimestampOffset {
            timestamp_ms: i64::from_be_bytes(timestamp),
            offset: self.base_offset + i64::from(i32::from_be_bytes(relative)),
        }
    }
}
