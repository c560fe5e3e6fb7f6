//! Reads of a log, concurrent with its writer.

mod by_offset;
mod by_time;

use std::path::PathBuf;
use std::sync::Arc;

use medallion_os::File;
use medallion_wire::{LeaderEpoch, Offset, ProducerEpoch, ProducerId};

use crate::batch_scanner::{BatchEntry, ScanError};
use crate::error::{LogError, ReadError};
use crate::segment::Segment;
use crate::shared::{LogShared, aborted_entries};
use crate::time_index::NO_TIMESTAMP;

/// A view of one log for reading: cheap to clone, never waits for the writer's disk.
#[derive(Debug, Clone)]
pub struct LogReader {
    shared: Arc<LogShared>,
}

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
    segment: Arc<Segment>,
    /// The log's segments at the time of the read.
    segments: Arc<Vec<Arc<Segment>>>,
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
    /// The largest timestamp in it, -1 for none (and when its time index cannot be read).
    pub max_timestamp_ms: i64,
}

impl LogReader {
    pub(crate) fn new(shared: &Arc<LogShared>) -> Self {
        Self { shared: Arc::clone(shared) }
    }

    /// The first offset that may be read.
    pub fn log_start_offset(&self) -> Offset {
        self.shared.log_start_offset.get()
    }

    /// The offset that the next record gets.
    pub fn log_end_offset(&self) -> Offset {
        self.shared.log_end_offset.get()
    }

    /// The offset up to which (exclusive) all in-sync replicas have the log.
    pub fn high_watermark(&self) -> Offset {
        self.shared.high_watermark.get()
    }

    /// The offset up to which (exclusive) every transaction is decided; at most the high watermark.
    pub fn last_stable_offset(&self) -> Offset {
        self.shared.last_stable_offset()
    }

    /// The offset up to which (exclusive) the log is known to be on disk.
    pub fn recovery_point(&self) -> Offset {
        self.shared.recovery_point.get()
    }

    /// Bytes of records in all segments.
    pub fn size_bytes(&self) -> u64 {
        self.shared.segments.load().iter().map(|segment| segment.size_bytes()).sum()
    }

    /// Whether the log refuses writes until it is opened anew.
    pub fn is_poisoned(&self) -> bool {
        self.shared.poisoned().is_some()
    }

    /// All segments, oldest first.
    pub fn segments(&self) -> Vec<SegmentDescription> {
        let segments = self.shared.segments.load();
        let describe = |segment: &Arc<Segment>| {
            let end = segment.end();
            SegmentDescription {
                file: segment.path(),
                base_offset: segment.base_offset(),
                end_offset: end.next_offset,
                size_bytes: end.size_bytes,
                max_timestamp_ms: segment.max_timestamp().map_or(NO_TIMESTAMP, |max| max.timestamp_ms),
            }
        };
        segments.iter().map(describe).collect()
    }

    /// Finds whole batches from the one that holds `from` on, below `upper_bound` (log end, high watermark or last
    /// stable offset) and within one segment, at most `max_bytes`; with `at_least_one_batch` the first batch comes
    /// whatever its size. An empty slice when `from` has reached the bound.
    ///
    /// # Errors
    /// [`ReadError::OffsetOutOfRange`], [`ReadError::Corrupt`] when the very first batch is damaged, and I/O errors.
    pub fn read(
        &self,
        from: Offset,
        max_bytes: usize,
        at_least_one_batch: bool,
        upper_bound: Offset,
    ) -> Result<LogSlice, ReadError> {
        let log_end_offset = self.log_end_offset();
        let segments = self.shared.segments.load_full();
        // Asked for behind the segments: what retention has taken from the list lies below it.
        let log_start_offset = self.log_start_offset();
        if from < log_start_offset || from > log_end_offset {
            return Err(ReadError::OffsetOutOfRange { offset: from, log_start_offset, log_end_offset });
        }
        let upper_bound = upper_bound.min(log_end_offset);
        let first = LogShared::segment_index(&segments, from);
        for segment in &segments[first..] {
            if from >= upper_bound || segment.base_offset() >= upper_bound {
                break;
            }
            let Some(found) = segment.locate(from).map_err(|error| read_error(segment, from, error))? else {
                continue; // compaction may leave no batch at or behind the offset in its own segment
            };
            let end = slice_end(segment, &found, max_bytes, at_least_one_batch, upper_bound)
                .map_err(|error| read_error(segment, from, error))?;
            return Ok(LogSlice {
                file: Arc::clone(segment.file()),
                position: found.position,
                len: usize::try_from(end - found.position).unwrap_or(usize::MAX),
                first_offset: if end > found.position { found.base_offset } else { from },
                log_start_offset,
                segment: Arc::clone(segment),
                segments: Arc::clone(&segments),
            });
        }
        let segment = Arc::clone(&segments[segments.len() - 1]);
        let file = Arc::clone(segment.file());
        Ok(LogSlice { file, position: 0, len: 0, first_offset: from, log_start_offset, segment, segments })
    }

    /// For `OffsetForLeaderEpoch`: the largest known epoch at or below `epoch` and the offset where the next one
    /// begins (the log's end for the latest); `None` when no such epoch is known.
    pub fn epoch_end_offset(&self, epoch: LeaderEpoch) -> Option<(LeaderEpoch, Offset)> {
        let log_end_offset = self.log_end_offset();
        self.shared.epochs.lock().end_offset_for(epoch, log_end_offset)
    }

    /// The leader epoch under which `offset` was written.
    pub fn epoch_for_offset(&self, offset: Offset) -> Option<LeaderEpoch> {
        self.shared.epochs.lock().epoch_for_offset(offset)
    }

    /// The newest leader epoch, with a record or without.
    pub fn latest_epoch(&self) -> Option<LeaderEpoch> {
        self.shared.epochs.lock().latest().map(|entry| entry.epoch)
    }

    /// Producers with state, by id.
    pub fn active_producers(&self) -> Vec<ActiveProducer> {
        let producers = self.shared.producers.lock();
        let active = producers.producers().map(|entry| ActiveProducer {
            producer_id: entry.producer_id(),
            producer_epoch: entry.producer_epoch(),
            last_sequence: entry.last_sequence(),
            last_timestamp_ms: entry.last_timestamp_ms(),
            coordinator_epoch: entry.coordinator_epoch(),
            current_transaction_start_offset: entry.current_transaction_first_offset(),
        });
        active.collect()
    }
}

/// Where the slice that begins with `found` ends.
fn slice_end(
    segment: &Segment,
    found: &BatchEntry,
    max_bytes: usize,
    at_least_one_batch: bool,
    upper_bound: Offset,
) -> Result<u64, ScanError> {
    let bound = segment.position_of_bound(upper_bound)?;
    if found.end() > bound {
        return Ok(found.position);
    }
    let end_max = found.position.saturating_add(max_bytes as u64);
    if end_max >= bound {
        return Ok(bound);
    }
    if found.end() > end_max {
        return Ok(if at_least_one_batch { found.end() } else { found.position });
    }
    segment.last_whole_batch(found, end_max)
}

/// Names the file and the place where a scan stopped.
pub(crate) fn read_error(segment: &Segment, offset: Offset, error: ScanError) -> ReadError {
    match error {
        ScanError::Damaged { position, reason } => {
            ReadError::Corrupt { file: segment.path(), position, offset, reason }
        }
        other => ReadError::Log(segment.scan_error(other)),
    }
}

impl LogSlice {
    /// The aborted transactions that touch `from..to`, where `to` is no higher than the bound of the read. Segments that
    /// were deleted or compacted since then count as they were, as their batches do.
    ///
    /// # Errors
    /// I/O errors.
    pub fn aborted_transactions(
        &self,
        from: Offset,
        to: Offset,
    ) -> Result<Vec<AbortedTransaction>, ReadError> {
        let entries = aborted_entries(&self.segments, from, to)?.into_iter();
        let plain = entries.map(|entry| AbortedTransaction {
            producer_id: entry.producer_id,
            first_offset: entry.first_offset,
        });
        Ok(plain.collect())
    }

    /// Whether there is more below `upper_bound` in later segments: a reader that wants more need not wait for writes.
    pub fn is_followed(&self, upper_bound: Offset) -> bool {
        self.segment.end().next_offset < upper_bound
    }

    /// Reads the slice into memory.
    ///
    /// # Errors
    /// I/O errors; a file that was cut meanwhile gives fewer bytes.
    pub fn read_to_vec(&self) -> Result<Vec<u8>, LogError> {
        let mut bytes = vec![0; self.len];
        let read = self.file.read_at(&mut bytes, self.position);
        let read = read.map_err(|error| LogError::io("read", &self.segment.path(), error))?;
        bytes.truncate(read);
        Ok(bytes)
    }
}
