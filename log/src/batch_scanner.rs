//! Steps through the batches of a segment's file by their headers.

use std::io;

use bytes::Bytes;
use medallion_os::File;
use medallion_wire::records::header::MAGIC_V2;
use medallion_wire::records::{AnyBatch, BATCH_HEADER_SIZE, BatchHeader, LegacyHeader, LogEntryHeader};
use medallion_wire::{LeaderEpoch, Offset};

use crate::error::LogError;

/// How much one read takes in while batches are small.
const WINDOW_BYTES: usize = 8 << 10;
/// Behind a batch of this size only the next header is read.
const LARGE_BATCH_BYTES: usize = 4 << 10;

/// One batch (or message of an old format) by its header.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BatchEntry {
    pub(crate) position: u64,
    pub(crate) size_bytes: usize,
    /// For old formats the same as the last offset, since the header does not tell.
    pub(crate) base_offset: Offset,
    pub(crate) last_offset: Offset,
    pub(crate) max_timestamp_ms: i64,
    pub(crate) leader_epoch: LeaderEpoch,
    /// The whole header; `None` for old formats.
    pub(crate) header: Option<BatchHeader>,
}

impl BatchEntry {
    pub(crate) fn end(&self) -> u64 {
        self.position + self.size_bytes as u64
    }

    fn parse(bytes: &[u8], position: u64) -> Result<Self, String> {
        let entry = LogEntryHeader::parse(bytes).map_err(|error| error.to_string())?;
        if entry.magic == MAGIC_V2 {
            let header = BatchHeader::parse(bytes).map_err(|error| error.to_string())?;
            return Ok(Self::of_header(header, position));
        }
        let header = LegacyHeader::parse(bytes).map_err(|error| error.to_string())?;
        Ok(Self {
            position,
            size_bytes: entry.size_bytes,
            base_offset: entry.offset,
            last_offset: header.last_offset(),
            max_timestamp_ms: header.max_timestamp(),
            leader_epoch: LeaderEpoch::NONE,
            header: None,
        })
    }

    pub(crate) fn of_header(header: BatchHeader, position: u64) -> Self {
        Self {
            position,
            size_bytes: header.size_bytes(),
            base_offset: header.base_offset,
            last_offset: header.last_offset(),
            max_timestamp_ms: header.max_timestamp,
            leader_epoch: header.partition_leader_epoch,
            header: Some(header),
        }
    }
}

/// Why a scan went no further.
#[derive(Debug)]
pub(crate) enum ScanError {
    /// The bytes at `position` are no batch.
    Damaged { position: u64, reason: String },
    /// The file could not be read.
    Io(io::Error),
    /// An index could not be read.
    Log(LogError),
}

impl From<LogError> for ScanError {
    fn from(error: LogError) -> Self {
        Self::Log(error)
    }
}

/// A walk over `position..end` of a file.
#[derive(Debug)]
pub(crate) struct BatchScanner<'a> {
    file: &'a dyn File,
    position: u64,
    end: u64,
    window: Vec<u8>,
    window_start: u64,
    last_size_bytes: usize,
}

impl<'a> BatchScanner<'a> {
    pub(crate) fn new(file: &'a dyn File, position: u64, end: u64) -> Self {
        Self { file, position, end, window: Vec::new(), window_start: position, last_size_bytes: 0 }
    }

    /// The next batch; `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<BatchEntry>, ScanError> {
        if self.position >= self.end {
            return Ok(None);
        }
        let position = self.position;
        let end = self.end;
        let header = self.header_bytes().map_err(ScanError::Io)?;
        let entry =
            BatchEntry::parse(header, position).map_err(|reason| ScanError::Damaged { position, reason })?;
        if entry.end() > end {
            let reason = format!(
                "a batch of {} bytes begins {} bytes before the end",
                entry.size_bytes,
                end - position
            );
            return Err(ScanError::Damaged { position, reason });
        }
        self.position = entry.end();
        self.last_size_bytes = entry.size_bytes;
        Ok(Some(entry))
    }

    /// Goes back to `position`; what was read there is not read again.
    pub(crate) fn rewind(&mut self, position: u64) {
        self.position = position;
    }

    /// At least a header's bytes at the current position, where the file has them.
    fn header_bytes(&mut self) -> io::Result<&[u8]> {
        let wanted = to_usize(self.end - self.position).min(BATCH_HEADER_SIZE);
        let inside = self.position.checked_sub(self.window_start).map(to_usize);
        let have = inside.is_some_and(|start| self.window.len() >= start.saturating_add(wanted));
        if !have {
            let size =
                if self.last_size_bytes > LARGE_BATCH_BYTES { BATCH_HEADER_SIZE } else { WINDOW_BYTES };
            let size = size.min(to_usize(self.end - self.position));
            self.window.resize(size, 0);
            let read = self.file.read_at(&mut self.window, self.position)?;
            self.window.truncate(read);
            self.window_start = self.position;
        }
        let start = to_usize(self.position - self.window_start);
        Ok(&self.window[start.min(self.window.len())..])
    }
}

/// Reads all bytes of a batch and checks them against the checksum.
pub(crate) fn read_verified(file: &dyn File, entry: &BatchEntry) -> Result<AnyBatch, ScanError> {
    let batch = read_batch(file, entry)?;
    let position = entry.position;
    batch.verify_crc().map_err(|error| ScanError::Damaged { position, reason: error.to_string() })?;
    Ok(batch)
}

/// Reads all bytes of a batch.
pub(crate) fn read_batch(file: &dyn File, entry: &BatchEntry) -> Result<AnyBatch, ScanError> {
    let position = entry.position;
    let mut bytes = vec![0; entry.size_bytes];
    let read = file.read_at(&mut bytes, position).map_err(ScanError::Io)?;
    bytes.truncate(read);
    AnyBatch::split_from(&mut Bytes::from(bytes))
        .map_err(|error| ScanError::Damaged { position, reason: error.to_string() })
}

fn to_usize(value: u64) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}
