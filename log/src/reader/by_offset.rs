//! The first record at an offset, without the rest.

use std::sync::Arc;

use medallion_wire::records::{BatchHeader, TimestampType};
use medallion_wire::{LeaderEpoch, Offset};

use super::by_time::first_record;
use super::{LogReader, TimestampedOffset, read_error};
use crate::batch_scanner::{BatchScanner, ScanError};
use crate::error::ReadError;
use crate::segment::Segment;
use crate::shared::LogShared;

impl LogReader {
    /// The first record at or behind `from` and below `upper_bound` that a client wrote: transactions' markers are none.
    /// Headers are read alone where they tell enough, else one batch.
    ///
    /// # Errors
    /// [`ReadError::Corrupt`] and I/O errors.
    pub fn first_record_from(
        &self,
        from: Offset,
        upper_bound: Offset,
    ) -> Result<Option<TimestampedOffset>, ReadError> {
        let segments = self.shared.segments.load();
        let from = from.max(self.log_start_offset());
        let first = LogShared::segment_index(&segments, from);
        for segment in &segments[first..] {
            if segment.base_offset() >= upper_bound {
                break;
            }
            let found = first_in(segment, from, upper_bound);
            if let Some(found) = found.map_err(|error| read_error(segment, from, error))? {
                return Ok(Some(found).filter(|found| found.offset < upper_bound));
            }
        }
        Ok(None)
    }
}

fn first_in(
    segment: &Arc<Segment>,
    from: Offset,
    upper_bound: Offset,
) -> Result<Option<TimestampedOffset>, ScanError> {
    let Some(start) = segment.locate(from)? else { return Ok(None) };
    let mut scanner = BatchScanner::new(segment.file().as_ref(), start.position, segment.size_bytes());
    while let Some(entry) = scanner.next()? {
        if entry.header.is_some_and(|header| header.is_control() || header.record_count == 0) {
            continue;
        }
        if entry.header.is_some() && entry.base_offset >= upper_bound {
            return Ok(None);
        }
        let told = entry.header.and_then(|header| told_by_header(&header, from));
        if told.is_some() {
            return Ok(told);
        }
        if let Some(found) = first_record(segment, &entry, i64::MIN, from)? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// The first record of a batch of which nothing is below `from` and nothing was compacted away.
fn told_by_header(header: &BatchHeader, from: Offset) -> Option<TimestampedOffset> {
    let is_whole = header.record_count == header.last_offset_delta + 1;
    if from > header.base_offset || !is_whole || header.delete_horizon_ms().is_some() {
        return None;
    }
    let timestamp_ms = match header.timestamp_type() {
        TimestampType::LogAppendTime => header.max_timestamp,
        TimestampType::CreateTime => header.base_timestamp,
    };
    let leader_epoch = Some(header.partition_leader_epoch).filter(|epoch: &LeaderEpoch| epoch.get() >= 0);
    Some(TimestampedOffset { offset: header.base_offset, timestamp_ms, leader_epoch })
}
