//! Records taken away at the front of the log.

use std::path::PathBuf;
use std::sync::Arc;

use medallion_wire::Offset;

use super::{DeletedSegment, PartitionLog};
use crate::error::LogError;
use crate::file_names::{DELETED, FileKind, with_suffix};
use crate::retention::{self, LogOffsets, RetainedSegment};
use crate::segment::Segment;
use crate::time_index::NO_TIMESTAMP;

impl PartitionLog {
    /// Raises the log start offset to `before`; segments wholly below it go with the next
    /// [`PartitionLog::delete_old_segments`]. A lower value changes nothing. Returns the start that holds now.
    ///
    /// The caller keeps the start offset (`log-start-offset-checkpoint`).
    ///
    /// # Errors
    /// [`LogError::OffsetOutOfRange`] above the high watermark.
    pub fn delete_records(&mut self, before: Offset) -> Result<Offset, LogError> {
        self.writable()?;
        let start = self.shared.log_start_offset.get();
        let end = self.shared.high_watermark.get();
        if before > end {
            return Err(LogError::OffsetOutOfRange {
                directory: self.directory(),
                offset: before,
                start,
                end,
            });
        }
        if before > start {
            let raised = self.raise_start(before);
            self.or_poison(raised)?;
        }
        Ok(before.max(start))
    }

    fn raise_start(&mut self, start: Offset) -> Result<(), LogError> {
        self.shared.log_start_offset.set(start);
        let changed = self.shared.epochs.lock().truncate_from_start(start);
        self.shared.producers.lock().on_log_start_offset_incremented(start);
        self.shared.publish_first_unstable();
        if !changed {
            return Ok(());
        }
        // Epochs below the start do no harm, and whoever deletes makes room.
        let written = self.write_epochs();
        self.ignore_full_disk(written)
    }

    /// Applies retention by time, size and start offset: takes segments out of the log and renames their files to
    /// `.deleted`, which [`PartitionLog::remove_deleted`] removes later.
    ///
    /// # Errors
    /// I/O errors.
    pub fn delete_old_segments(&mut self, now_ms: i64) -> Result<Vec<DeletedSegment>, LogError> {
        self.now_ms = now_ms;
        self.writable()?;
        let deleted = self.apply_retention(now_ms);
        self.or_poison(deleted)
    }

    fn apply_retention(&mut self, now_ms: i64) -> Result<Vec<DeletedSegment>, LogError> {
        let segments = self.shared.segments.load_full();
        let retained = segments.iter().map(describe).collect::<Result<Vec<_>, _>>()?;
        let offsets = LogOffsets {
            log_start_offset: self.shared.log_start_offset.get(),
            high_watermark: self.shared.high_watermark.get(),
            log_end_offset: self.end_offset(),
        };
        let plan = retention::plan(&retained, offsets, &self.config, now_ms);
        if plan.reasons.is_empty() {
            return Ok(Vec::new());
        }
        if plan.roll_first {
            self.start_segment(self.end_offset())?;
        }
        let segments = self.shared.segments.load_full();
        let (gone, kept) = segments.split_at(plan.reasons.len());
        let start = kept[0].base_offset().max(offsets.log_start_offset);
        // The start goes first: a reader that finds the shorter list must find the higher start too.
        self.raise_start(start)?;
        self.publish_segments(kept.to_vec());
        let mut deleted = Vec::with_capacity(gone.len());
        for (segment, reason) in gone.iter().zip(&plan.reasons) {
            segment.open_indexes()?;
            tracing::info!(file = %segment.path().display(), ?reason, "segment is deleted");
            deleted.push(DeletedSegment {
                base_offset: segment.base_offset(),
                size_bytes: segment.size_bytes(),
                files: self.mark_deleted(segment.base_offset(), now_ms)?,
            });
        }
        self.snapshots.remove_below(kept[0].base_offset())?;
        self.shared.unsynced.lock().directory = true;
        Ok(deleted)
    }

    /// Renames a segment's files, so that open readers go on and a restart removes them. Its indexes must be open, or a
    /// reader would find (or make) another file in their place.
    pub(super) fn mark_deleted(
        &mut self,
        base_offset: Offset,
        now_ms: i64,
    ) -> Result<Vec<PathBuf>, LogError> {
        let mut files = Vec::new();
        for kind in FileKind::OF_SEGMENT {
            let path = self.shared.directory.file(base_offset, kind);
            if !self.shared.directory.exists(&path)? {
                continue;
            }
            let target = with_suffix(&path, DELETED);
            self.shared.directory.rename(&path, &target)?;
            self.deleted.push_back((now_ms.saturating_add(self.config.file_delete_delay_ms), target.clone()));
            files.push(target);
        }
        Ok(files)
    }

    /// Removes `.deleted` files whose `file.delete.delay.ms` has passed; how many.
    ///
    /// # Errors
    /// I/O errors.
    pub fn remove_deleted(&mut self, now_ms: i64) -> Result<usize, LogError> {
        let mut removed = 0;
        while self.deleted.front().is_some_and(|(due_ms, _)| *due_ms <= now_ms) {
            let Some((_, path)) = self.deleted.pop_front() else { break };
            removed += usize::from(self.shared.directory.remove_if_there(&path)?);
        }
        Ok(removed)
    }
}

fn describe(segment: &Arc<Segment>) -> Result<RetainedSegment, LogError> {
    let mut largest_timestamp_ms = segment.max_timestamp()?.timestamp_ms;
    if largest_timestamp_ms == NO_TIMESTAMP {
        largest_timestamp_ms =
            segment.file().modified_ms().map_err(|error| LogError::io("look at", &segment.path(), error))?;
    }
    Ok(RetainedSegment {
        base_offset: segment.base_offset(),
        size_bytes: segment.size_bytes(),
        largest_timestamp_ms,
    })
}
