//! Records taken away at the end of the log.

use std::sync::Arc;

use medallion_wire::Offset;

use super::PartitionLog;
use crate::error::LogError;
use crate::file_names::FileKind;
use crate::segment::Segment;
use crate::shared::{LogShared, SharedOffset};
use crate::snapshots::replay;

impl PartitionLog {
    /// Cuts the log so that no record at or above `offset` is left: within a batch it is cut before that batch. The end is
    /// behind the last record that stays, which is lower than `offset` where compaction has left a gap: a restart would
    /// find the same end.
    ///
    /// # Errors
    /// I/O errors.
    pub fn truncate_to(&mut self, offset: Offset) -> Result<(), LogError> {
        self.writable()?;
        if offset >= self.end_offset() {
            return Ok(());
        }
        let first = self.shared.segments.load()[0].base_offset();
        if offset < first {
            return self.truncate_fully_and_start_at(offset);
        }
        let truncated = self.cut(offset);
        self.or_poison(truncated)
    }

    fn cut(&mut self, offset: Offset) -> Result<(), LogError> {
        // A flush that began before must not move the recovery point over what comes after.
        *self.shared.truncations.lock() += 1;
        let segments = self.shared.segments.load_full();
        let (kept, gone) = segments.split_at(LogShared::segment_index(&segments, offset) + 1);
        self.publish_segments(kept.to_vec());
        // The newest goes first, each durably, and the cut comes last: a crash in between must not leave a hole.
        for segment in gone.iter().rev() {
            self.remove_files(std::slice::from_ref(segment))?;
            self.shared.directory.sync()?;
        }
        let end = cut_segment(&kept[kept.len() - 1], offset)?;
        let log_start_offset = self.shared.log_start_offset.get();
        if end < log_start_offset {
            return self.start_anew(log_start_offset);
        }
        self.shared.log_end_offset.set(end);
        self.snapshots.remove_above(end)?;
        for offset in
            [&self.shared.recovery_point, &self.shared.high_watermark, &self.shared.log_start_offset]
        {
            lower(offset, end);
        }
        let changed = self.shared.epochs.lock().truncate_from_end(end);
        if changed {
            self.write_epochs()?;
        }
        self.reload_producers()
    }

    /// Throws everything away and starts an empty log at `offset`.
    ///
    /// # Errors
    /// I/O errors.
    pub fn truncate_fully_and_start_at(&mut self, offset: Offset) -> Result<(), LogError> {
        self.writable()?;
        let restarted = self.start_anew(offset);
        self.or_poison(restarted)
    }

    fn start_anew(&mut self, offset: Offset) -> Result<(), LogError> {
        *self.shared.truncations.lock() += 1;
        let old = self.shared.segments.load_full();
        self.shared.unsynced.lock().files.clear();
        self.remove_files(&old)?;
        let segment = Arc::new(Segment::create(&self.shared.directory, offset)?);
        self.shared.recovery_point.set(offset);
        self.shared.log_start_offset.set(offset);
        self.shared.high_watermark.set(offset);
        self.publish_segments(vec![segment]);
        self.shared.log_end_offset.set(offset);
        self.active_created_ms = self.now_ms;
        self.shared.epochs.lock().clear();
        self.write_epochs()?;
        self.snapshots.remove_all()?;
        self.shared.producers.lock().truncate_fully_and_start_at(offset);
        self.shared.publish_first_unstable();
        self.shared.directory.sync()
    }

    /// Removes segments' files at once, the batches' file of each last: what is left without one goes at the next start.
    fn remove_files(&self, segments: &[Arc<Segment>]) -> Result<(), LogError> {
        for segment in segments.iter().rev() {
            for kind in FileKind::OF_SEGMENT.into_iter().rev() {
                let path = self.shared.directory.file(segment.base_offset(), kind);
                self.shared.directory.remove_if_there(&path)?;
            }
        }
        Ok(())
    }

    /// Brings producer state to the log's end from the newest snapshot and the batches behind it.
    pub(super) fn reload_producers(&mut self) -> Result<(), LogError> {
        let end = self.end_offset();
        let log_start_offset = self.shared.log_start_offset.get();
        let mut producers = self.snapshots.load(end, log_start_offset, self.expiration())?;
        let none_indexed = Offset(i64::MAX);
        replay(&mut producers, &self.shared.segments.load(), end, none_indexed)?;
        producers.on_high_watermark_updated(self.shared.high_watermark.get());
        *self.shared.producers.lock() = producers;
        self.shared.publish_first_unstable();
        Ok(())
    }
}

/// Cuts a segment before the batch that holds `offset` or is the first behind it. Returns the new end.
fn cut_segment(segment: &Segment, offset: Offset) -> Result<Offset, LogError> {
    let found = segment.locate(offset).map_err(|error| segment.scan_error(error))?;
    let (position, kept_below) = match found {
        Some(entry) => (entry.position, entry.base_offset.min(offset)),
        None => (segment.size_bytes(), offset),
    };
    segment.rewind(position, kept_below)?;
    segment.aborted().truncate_to(kept_below)?;
    segment.cut_file(position)?;
    segment.sync(true)?;
    segment.find_end().map_err(|error| segment.scan_error(error))?;
    Ok(segment.end().next_offset)
}

fn lower(offset: &SharedOffset, to: Offset) {
    if offset.get() > to {
        offset.set(to);
    }
}
