//! Reads of a log, concurrent with its writer.

use std::path::PathBuf;
use std::sync::Arc;

use medallion_os::File;
use medallion_wire::{LeaderEpoch, Offset, ProducerEpoch, ProducerId};

use crate::error::{LogError, ReadError};

/// A view of one log for reading: cheap to clone, never waits for the writer's disk.
#[derive(Debug, Clone)]
pub struct LogReader {}

/// Whole batches in a segment's file, as read asks for them.
#[derive(Debug, Clone)]
pub struct LogSlice {
    /// The segment's file; stays readable when the segment is deleted meanwhile.
    pub file: Arc<dyn File>,
    /// Where the first batch begins.
    pub position: u64,
    /// Bytes of whole batches; 0 when nothing is readable yet.
    pub len: usize,
    /// The base offset of the first batch (may lie below the asked offset); the asked offset when empty.
    pub first_offset: Offset,
    /// The log's start offset at the time of the read.
    pub log_start_offset: Offset,
}

/// An offset found by time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimestampedOffset {
    /// The record's offset.
    pub offset: Offset,
    /// The record's timestamp in milliseconds.
    pub timestamp_ms: i64,
    /// The leader epoch under which it was written, where known.
    pub leader_epoch: Option<LeaderEpoch>,
}

/// A transaction that was aborted, as fetch responses name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AbortedTransaction {
    /// Who wrote it.
    pub producer_id: ProducerId,
    /// Its first offset.
    pub first_offset: Offset,
}

/// A producer with state in this log, as `DescribeProducers` shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ActiveProducer {
    /// The producer's id.
    pub producer_id: ProducerId,
    /// Its newest epoch.
    pub producer_epoch: ProducerEpoch,
    /// The sequence of its last record, -1 for none.
    pub last_sequence: i32,
    /// The timestamp of its last batch, -1 for none.
    pub last_timestamp_ms: i64,
    /// The epoch of the transaction coordinator that ended its last transaction, -1 for none.
    pub coordinator_epoch: i32,
    /// Where its open transaction begins.
    pub current_transaction_start_offset: Option<Offset>,
}

/// One segment, for tools and metrics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentDescription {
    /// The file of records.
    pub file: PathBuf,
    /// The first offset that it may hold.
    pub base_offset: Offset,
    /// The offset behind its last record.
    pub end_offset: Offset,
    /// Size of the file of records.
    pub size_bytes: u64,
    /// The largest timestamp in it, -1 for none.
    pub max_timestamp_ms: i64,
}

impl LogReader {
    /// The first offset that may be read.
    pub fn log_start_offset(&self) -> Offset {
        unimplemented!()
    }

    /// The offset that the next record gets.
    pub fn log_end_offset(&self) -> Offset {
        unimplemented!()
    }

    /// The offset up to which (exclusive) all in-sync replicas have the log.
    pub fn high_watermark(&self) -> Offset {
        unimplemented!()
    }

    /// The offset up to which (exclusive) every transaction is decided; at most the high watermark.
    pub fn last_stable_offset(&self) -> Offset {
        unimplemented!()
    }

    /// The offset up to which (exclusive) the log is known to be on disk.
    pub fn recovery_point(&self) -> Offset {
        unimplemented!()
    }

    /// Bytes of records in all segments.
    pub fn size_bytes(&self) -> u64 {
        unimplemented!()
    }

    /// Whether the log refuses writes until it is opened anew.
    pub fn is_poisoned(&self) -> bool {
        unimplemented!()
    }

    /// All segments, oldest first.
    pub fn segments(&self) -> Vec<SegmentDescription> {
        unimplemented!()
    }

    /// Finds whole batches from the one that holds `from` on, below `upper_bound` (log end, high watermark or last
    /// stable offset) and within one segment, at most `max_bytes`; with `at_least_one_batch` the first batch comes
    /// whatever its size. An empty slice when `from` has reached the bound.
    ///
    /// # Errors
    /// [`ReadError::OffsetOutOfRange`], [`ReadError::Corrupt`] when the very first batch is damaged, and I/O errors.
    pub fn read(
        &self,
        _from: Offset,
        _max_bytes: usize,
        _at_least_one_batch: bool,
        _upper_bound: Offset,
    ) -> Result<LogSlice, ReadError> {
        unimplemented!()
    }

    /// The aborted transactions that touch `from..to`.
    ///
    /// # Errors
    /// I/O errors.
    pub fn aborted_transactions(
        &self,
        _from: Offset,
        _to: Offset,
    ) -> Result<Vec<AbortedTransaction>, ReadError> {
        unimplemented!()
    }

    /// The first record whose timestamp is `timestamp_ms` or later, looking at offsets below the log's end.
    ///
    /// # Errors
    /// [`ReadError::Corrupt`] and I/O errors.
    pub fn offset_for_timestamp(&self, _timestamp_ms: i64) -> Result<Option<TimestampedOffset>, ReadError> {
        unimplemented!()
    }

    /// The record with the largest timestamp (the first of several).
    ///
    /// # Errors
    /// [`ReadError::Corrupt`] and I/O errors.
    pub fn max_timestamp(&self) -> Result<Option<TimestampedOffset>, ReadError> {
        unimplemented!()
    }

    /// For `OffsetForLeaderEpoch`: the largest known epoch at or below `epoch` and the offset where the next one
    /// begins (the log's end for the latest); `None` when no such epoch is known.
    pub fn epoch_end_offset(&self, _epoch: LeaderEpoch) -> Option<(LeaderEpoch, Offset)> {
        unimplemented!()
    }

    /// The leader epoch under which `offset` was written.
    pub fn epoch_for_offset(&self, _offset: Offset) -> Option<LeaderEpoch> {
        unimplemented!()
    }

    /// The newest leader epoch with a record.
    pub fn latest_epoch(&self) -> Option<LeaderEpoch> {
        unimplemented!()
    }

    /// Producers with state, by id.
    pub fn active_producers(&self) -> Vec<ActiveProducer> {
        unimplemented!()
    }
}

impl LogSlice {
    /// Reads the slice into memory.
    ///
    /// # Errors
    /// I/O errors; a file that was cut meanwhile gives fewer bytes.
    pub fn read_to_vec(&self) -> Result<Vec<u8>, LogError> {
        unimplemented!()
    }
}
