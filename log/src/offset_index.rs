//! `.index`: from offsets to positions in the segment, sparse.
//!
//! An entry is 8 bytes, big endian: the last offset of a batch minus the segment's base offset (`i32`), and where that
//! batch begins in the `.log` file (`i32`). Both rise strictly. Source: Kafka's `OffsetIndex`.

use std::sync::Arc;

use medallion_wire::Offset;

use crate::error::LogError;
use crate::file_names::FileKind;
use crate::index_file::{IndexFile, relative_offset};
use crate::log_directory::LogDirectory;

/// Size of an entry.
pub(crate) const ENTRY_BYTES: usize = 8;

/// Where a batch is: its last offset and the position of its first byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OffsetPosition {
    pub(crate) offset: Offset,
    pub(crate) position: u64,
}

/// The bytes of an entry; `None` for what the format cannot hold.
pub(crate) fn encode(base_offset: Offset, entry: OffsetPosition) -> Option<[u8; ENTRY_BYTES]> {
    let relative = relative_offset(base_offset, entry.offset)?;
    let position = i32::try_from(entry.position).ok()?;
    let mut bytes = [0; ENTRY_BYTES];
    bytes[..4].copy_from_slice(&relative.to_be_bytes());
    bytes[4..].copy_from_slice(&position.to_be_bytes());
    Some(bytes)
}

/// A segment's offset index.
#[derive(Debug)]
pub(crate) struct OffsetIndex {
    base_offset: Offset,
    file: IndexFile<ENTRY_BYTES>,
}

impl OffsetIndex {
    pub(crate) fn new(directory: &Arc<LogDirectory>, base_offset: Offset) -> Self {
        Self { base_offset, file: IndexFile::new(directory, base_offset, FileKind::OffsetIndex) }
    }

    pub(crate) fn file(&self) -> &IndexFile<ENTRY_BYTES> {
        &self.file
    }

    /// The entry with the largest offset at or below `offset`; the segment's begin when there is none.
    pub(crate) fn lookup(&self, offset: Offset) -> Result<OffsetPosition, LogError> {
        let entry = self.file.last_where(|entry| self.decode(*entry).offset <= offset)?;
        Ok(self.decode_or_start(entry))
    }

    /// The entry with the largest position at or below `position`; the segment's begin when there is none.
    pub(crate) fn lookup_position(&self, position: u64) -> Result<OffsetPosition, LogError> {
        let entry = self.file.last_where(|entry| self.decode(*entry).position <= position)?;
        Ok(self.decode_or_start(entry))
    }

    pub(crate) fn last(&self) -> Result<OffsetPosition, LogError> {
        Ok(self.decode_or_start(self.file.last()?))
    }

    pub(crate) fn entries(&self) -> Result<Vec<OffsetPosition>, LogError> {
        Ok(self.file.entries()?.iter().map(|entry| self.decode(*entry)).collect())
    }

    /// Appends an entry; one that does not fit the format or does not rise is left out, which costs time only.
    pub(crate) fn append(&self, entry: OffsetPosition) -> Result<(), LogError> {
        let Some(bytes) = encode(self.base_offset, entry) else { return Ok(()) };
        let last = self.last()?;
        if entry.position <= last.position || (entry.offset <= last.offset && self.file.len()? > 0) {
            return Ok(());
        }
        self.file.append(bytes)
    }

    /// Drops the entries at or above `offset`.
    pub(crate) fn truncate_to(&self, offset: Offset) -> Result<(), LogError> {
        let count = self.file.count_where(|entry| self.decode(*entry).offset < offset)?;
        self.file.truncate(count)
    }

    pub(crate) fn is_full(&self, index_bytes_max: u32) -> Result<bool, LogError> {
        Ok(self.file.len()? >= index_bytes_max as usize / ENTRY_BYTES)
    }

    fn decode_or_start(&self, entry: Option<[u8; ENTRY_BYTES]>) -> OffsetPosition {
        entry.map_or(OffsetPosition { offset: self.base_offset, position: 0 }, |entry| self.decode(entry))
    }

    fn decode(&self, entry: [u8; ENTRY_BYTES]) -> OffsetPosition {
        let fields = u64::from_be_bytes(entry);
        let relative = i64::try_from(fields >> 32).expect("32 bits fit");
        OffsetPosition { offset: self.base_offset + relative, position: fields & u64::from(u32::MAX) }
    }
}
