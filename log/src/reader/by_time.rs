//! Reads by time.

use std::sync::Arc;

use medallion_wire::Offset;
use medallion_wire::records::DecompressionLimits;

use super::{LogReader, TimestampedOffset, read_error};
use crate::batch_scanner::{BatchEntry, BatchScanner, ScanError, read_batch};
use crate::error::ReadError;
use crate::segment::Segment;
use crate::time_index::NO_TIMESTAMP;

/// How much a batch may take when its records are looked through.
const DECOMPRESSION: DecompressionLimits = DecompressionLimits::new(256 << 20);

impl LogReader {
    /// The first record whose timestamp is `timestamp_ms` or later, looking at offsets below the log's end.
    ///
    /// # Errors
    /// [`ReadError::Corrupt`] and I/O errors.
    pub fn offset_for_timestamp(&self, timestamp_ms: i64) -> Result<Option<TimestampedOffset>, ReadError> {
        let log_start_offset = self.log_start_offset();
        let segments = self.shared.segments.load();
        for segment in segments.iter() {
            if segment.end().next_offset <= log_start_offset
                || segment.max_timestamp()?.timestamp_ms < timestamp_ms
            {
                continue;
            }
            let found = first_at_or_after(segment, timestamp_ms, log_start_offset)
                .map_err(|error| read_error(segment, segment.base_offset(), error))?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// The record with the largest timestamp (the first of several).
    ///
    /// # Errors
    /// [`ReadError::Corrupt`] and I/O errors.
    pub fn max_timestamp(&self) -> Result<Option<TimestampedOffset>, ReadError> {
        let segments = self.shared.segments.load();
        let mut newest: Option<(&Arc<Segment>, i64)> = None;
        for segment in segments.iter() {
            let timestamp_ms = segment.max_timestamp()?.timestamp_ms;
            if timestamp_ms > newest.map_or(NO_TIMESTAMP, |(_, known)| known) {
                newest = Some((segment, timestamp_ms));
            }
        }
        let Some((segment, timestamp_ms)) = newest else { return Ok(None) };
        first_at_or_after(segment, timestamp_ms, self.log_start_offset())
            .map_err(|error| read_error(segment, segment.base_offset(), error))
    }
}

fn first_at_or_after(
    segment: &Segment,
    timestamp_ms: i64,
    log_start_offset: Offset,
) -> Result<Option<TimestampedOffset>, ScanError> {
    let from = segment.time_index().lookup_below(timestamp_ms)?.offset.max(log_start_offset);
    let Some(start) = segment.locate(from)? else { return Ok(None) };
    let mut scanner = BatchScanner::new(segment.file().as_ref(), start.position, segment.size_bytes());
    while let Some(entry) = scanner.next()? {
        if entry.max_timestamp_ms < timestamp_ms {
            continue;
        }
        if let Some(found) = first_record(segment, &entry, timestamp_ms, log_start_offset)? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// The first record of a batch at or behind `from` whose timestamp is `timestamp_ms` or later.
pub(super) fn first_record(
    segment: &Segment,
    entry: &BatchEntry,
    timestamp_ms: i64,
    from: Offset,
) -> Result<Option<TimestampedOffset>, ScanError> {
    let batch = read_batch(segment.file().as_ref(), entry)?;
    let damaged = |error: medallion_wire::records::RecordError| ScanError::Damaged {
        position: entry.position,
        reason: error.to_string(),
    };
    for record in batch.records(DECOMPRESSION).map_err(damaged)? {
        let record = record.map_err(damaged)?;
        if record.timestamp >= timestamp_ms && record.offset >= from {
            let leader_epoch = Some(entry.leader_epoch).filter(|epoch| epoch.get() >= 0);
            return Ok(Some(TimestampedOffset {
                offset: record.offset,
                timestamp_ms: record.timestamp,
                leader_epoch,
            }));
        }
    }
    Ok(None)
}
