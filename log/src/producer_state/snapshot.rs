//! The bytes of an `<offset>.snapshot` file: the producers of a log that ends at that offset.
//!
//! Big-endian: version (2 bytes, 1), CRC-32C of all that follows it (4 bytes), the count of entries (4 bytes), then 46
//! bytes an entry: producer id, epoch, last sequence, last offset, offset delta, timestamp, coordinator epoch, first
//! offset of the open transaction. -1 stands for what there is none of. Of each producer only the last batch is kept.
//!
//! Source: Kafka's `ProducerSnapshot` schema, version 1, the only one of Kafka 4.3.

use bytes::{Buf, BufMut};
use medallion_wire::{Offset, ProducerEpoch, ProducerId};

use super::entry::{BatchMetadata, ProducerStateEntry};

const VERSION: i16 = 1;
const HEADER_BYTES: usize = 10;
/// Where the part that the CRC covers begins.
const ENTRIES_OFFSET: usize = 6;
const ENTRY_BYTES: usize = 46;

/// Why a snapshot file cannot be used. The log rebuilds its producers from an older one and the records behind it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SnapshotError {
    /// The version is not known.
    #[error("producer snapshot of unknown version {0}")]
    UnknownVersion(i16),
    /// The bytes end too early or too late.
    #[error("producer snapshot of {found} bytes, expected {expected}")]
    Length {
        /// Bytes that are there.
        found: usize,
        /// Bytes that the count of entries asks for.
        expected: usize,
    },
    /// The checksum does not match.
    #[error("producer snapshot with checksum {computed:#010x}, {stored:#010x} is stored")]
    Checksum {
        /// What the file says.
        stored: u32,
        /// What its bytes give.
        computed: u32,
    },
}

/// The content of a snapshot file.
pub fn encode<'a>(entries: impl ExactSizeIterator<Item = &'a ProducerStateEntry>) -> Vec<u8> {
    let mut content = Vec::with_capacity(HEADER_BYTES + entries.len() * ENTRY_BYTES);
    content.put_i16(VERSION);
    content.put_u32(0);
    content.put_i32(i32::try_from(entries.len()).expect("producers of one partition are fewer than 2^31"));
    for entry in entries {
        let last = entry.last_batch();
        content.put_i64(entry.producer_id().0);
        content.put_i16(entry.producer_epoch().0);
        content.put_i32(entry.last_sequence());
        content.put_i64(last.map_or(-1, |batch| batch.last_offset.0));
        content.put_i32(last.map_or(0, |batch| batch.offset_delta));
        content.put_i64(entry.last_timestamp_ms());
        content.put_i32(entry.coordinator_epoch());
        content.put_i64(entry.current_transaction_first_offset().map_or(-1, |offset| offset.0));
    }
    let checksum = crc32c::crc32c(&content[ENTRIES_OFFSET..]);
    content[2..ENTRIES_OFFSET].copy_from_slice(&checksum.to_be_bytes());
    content
}

/// The producers in a snapshot file, in the file's order.
///
/// # Errors
/// [`SnapshotError`] when the content is damaged.
pub fn decode(content: &[u8]) -> Result<Vec<ProducerStateEntry>, SnapshotError> {
    let found = content.len();
    if found < HEADER_BYTES {
        return Err(SnapshotError::Length { found, expected: HEADER_BYTES });
    }
    let mut rest = content;
    let version = rest.get_i16();
    if version != VERSION {
        return Err(SnapshotError::UnknownVersion(version));
    }
    let stored = rest.get_u32();
    let computed = crc32c::crc32c(rest);
    if stored != computed {
        return Err(SnapshotError::Checksum { stored, computed });
    }
    let count = usize::try_from(rest.get_i32()).unwrap_or(usize::MAX);
    let expected = count.saturating_mul(ENTRY_BYTES).saturating_add(HEADER_BYTES);
    if found != expected {
        return Err(SnapshotError::Length { found, expected });
    }
    Ok(rest.chunks_exact(ENTRY_BYTES).map(decode_entry).collect())
}

fn decode_entry(mut rest: &[u8]) -> ProducerStateEntry {
    let producer_id = ProducerId(rest.get_i64());
    let producer_epoch = ProducerEpoch(rest.get_i16());
    let last_sequence = rest.get_i32();
    let last_offset = Offset(rest.get_i64());
    let offset_delta = rest.get_i32();
    let timestamp_ms = rest.get_i64();
    let coordinator_epoch = rest.get_i32();
    let first_offset = Offset(rest.get_i64());
    ProducerStateEntry::from_snapshot(
        producer_id,
        producer_epoch,
        coordinator_epoch,
        timestamp_ms,
        (first_offset >= Offset::ZERO).then_some(first_offset),
        (last_offset >= Offset::ZERO).then_some(BatchMetadata {
            last_sequence,
            last_offset,
            offset_delta,
            timestamp_ms,
        }),
    )
}
