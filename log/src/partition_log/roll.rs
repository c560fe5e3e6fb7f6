//! New segments.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use medallion_wire::Offset;

use super::PartitionLog;
use crate::error::LogError;
use crate::segment::{SEGMENT_BYTES_MAX, Segment};

impl PartitionLog {
    /// Whether the active segment must be closed before `size_bytes` more go in.
    ///
    /// Age is counted as Kafka does: from the first batch's timestamp to that of the new one; without timestamps from the
    /// making of the segment to now.
    pub(super) fn roll_is_due(
        &self,
        is_planned: bool,
        size_bytes: usize,
        last_offset: Offset,
        max_timestamp_ms: i64,
    ) -> Result<bool, LogError> {
        let end = self.active.end();
        let size_after = end.size_bytes + size_bytes as u64;
        if !self.active.takes_offset(last_offset) {
            return Ok(true);
        }
        if end.size_bytes == 0 && !is_planned {
            return Ok(false);
        }
        let index_bytes = self.config.segment_index_bytes;
        Ok(size_after > u64::from(self.config.segment_bytes)
            || size_after > SEGMENT_BYTES_MAX
            || self.age_ms(max_timestamp_ms)? > self.config.segment_ms_max() - self.jitter_ms()
            || self.active.offset_index().is_full(index_bytes)?
            || self.active.time_index().is_full(index_bytes)?)
    }

    fn age_ms(&self, max_timestamp_ms: i64) -> Result<i64, LogError> {
        if self.active.size_bytes() == 0 {
            return Ok(0);
        }
        Ok(match self.active.first_timestamp_ms()? {
            Some(first) if first >= 0 => max_timestamp_ms.saturating_sub(first),
            _ => self.now_ms.saturating_sub(self.active_created_ms),
        })
    }

    /// How much earlier than [`crate::LogConfig::segment_ms_max`] this segment goes, so that not all partitions roll at once. The same for each
    /// asking, other for each partition and segment.
    fn jitter_ms(&self) -> i64 {
        let bound = self.config.segment_jitter_ms.min(self.config.segment_ms_max());
        let Ok(bound @ 1..) = u64::try_from(bound) else { return 0 };
        let mut hasher = DefaultHasher::new();
        self.shared.directory.path().hash(&mut hasher);
        self.active.base_offset().hash(&mut hasher);
        i64::try_from(hasher.finish() % bound).unwrap_or(0)
    }

    /// Rolls the active segment when it is not empty and by the wall clock older than it may get, so that retention and
    /// compaction reach the records of a log that nobody writes to; whether it did. Records that were old when they came
    /// do not make it older than it is.
    ///
    /// # Errors
    /// I/O errors.
    pub fn maybe_roll(&mut self, now_ms: i64) -> Result<bool, LogError> {
        self.now_ms = now_ms;
        self.writable()?;
        let due = self.active.size_bytes() > 0 && {
            let first_timestamp_ms = self.active.first_timestamp_ms();
            let since_ms = self.or_poison(first_timestamp_ms)?.unwrap_or(-1).max(self.active_created_ms);
            now_ms.saturating_sub(since_ms) > self.config.segment_ms_max() - self.jitter_ms()
        };
        if due {
            self.roll_to(self.end_offset())?;
        }
        Ok(due)
    }

    /// Starts a new segment at the log's end; an empty active segment stays.
    ///
    /// # Errors
    /// I/O errors.
    pub fn roll(&mut self) -> Result<(), LogError> {
        self.writable()?;
        if self.active.size_bytes() == 0 {
            return Ok(());
        }
        self.roll_to(self.end_offset())
    }

    /// Closes the active segment and starts one at `base_offset`, the offset of the next record.
    pub(super) fn roll_to(&mut self, base_offset: Offset) -> Result<(), LogError> {
        let rolled = self.start_segment(base_offset);
        self.or_poison(rolled)
    }

    pub(super) fn start_segment(&mut self, base_offset: Offset) -> Result<(), LogError> {
        let was_empty = self.active.size_bytes() == 0;
        if was_empty && self.active.base_offset() == base_offset {
            return Ok(());
        }
        self.active.close_indexes()?;
        self.take_snapshot()?;
        let segment = Arc::new(Segment::create(&self.shared.directory, base_offset)?);
        self.active.set_next_offset(base_offset);
        let mut segments = self.shared.segments.load().as_ref().clone();
        segments.push(segment);
        self.publish_segments(segments);
        self.active_created_ms = self.now_ms;
        self.shared.unsynced.lock().directory = true;
        self.shared.log_end_offset.set(base_offset);
        Ok(())
    }
}
