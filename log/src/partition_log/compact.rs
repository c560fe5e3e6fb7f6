//! Compaction as the log's writer sees it: planned, run beside it ([`CompactionTask`]), and then the new segments take
//! the place of the old ones.
//!
//! The order is Kafka's, so that a crash at any point leaves a log that opens: new files are written as `.cleaned` and
//! made durable; all of them are renamed to `.swap`, the last segment first; the old files become `.deleted`; the new
//! ones get their live names. Opening a log undoes what has a `.cleaned` left, and finishes the rest.

use std::ops::ControlFlow;
use std::sync::Arc;

use medallion_wire::Offset;
use medallion_wire::records::DecompressionLimits;

use super::{CompactionOutcome, CompactionTask, PartitionLog};
use crate::cleaned_segment::CleanedSegment;
use crate::compaction::{CleanerSettings, CompactionLog, CompactionSegment, plan};
use crate::error::LogError;
use crate::file_names::{CLEANED, FileKind, SWAP, with_suffix};
use crate::log_directory::LogDirectory;
use crate::segment::Segment;
use crate::time_index::NO_TIMESTAMP;

/// The least memory for the keys of one compaction.
const KEYS_BYTES_MIN: u64 = 64 << 10;

/// New segments that wait to take the place of the old ones.
#[derive(Debug)]
pub struct CompactedSegments {
    pub(super) directory: Arc<LogDirectory>,
    pub(super) groups: Vec<Group>,
    pub(super) outcome: CompactionOutcome,
    pub(super) truncations: u64,
    /// Files have begun to take their new names, so that only opening the log may remove any.
    pub(super) is_begun: bool,
}

/// One new segment and those that it replaces.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) old: Vec<Arc<Segment>>,
    pub(super) base_offset: Offset,
    pub(super) has_transaction_index: bool,
}

impl PartitionLog {
    /// Plans a compaction from `first_dirty_offset` on (`cleaner-offset-checkpoint`), if the settings ask for one now:
    /// dirty ratio, lags. Transactions that are open hold it back.
    ///
    /// # Errors
    /// I/O errors.
    pub fn compaction_task(
        &self,
        first_dirty_offset: Offset,
        now_ms: i64,
    ) -> Result<Option<CompactionTask>, LogError> {
        self.writable()?;
        let segments = self.shared.segments.load_full();
        let described = segments.iter().map(describe).collect::<Result<Vec<_>, LogError>>()?;
        let log = CompactionLog {
            segments: &described,
            log_start_offset: self.shared.log_start_offset.get(),
            last_stable_offset: self.shared.last_stable_offset(),
            log_end_offset: self.end_offset(),
        };
        let Some(plan) = plan(log, Some(first_dirty_offset), &self.config, now_ms) else { return Ok(None) };
        let end = segments.partition_point(|segment| segment.base_offset() < plan.first_uncleanable_offset);
        let dirty_bytes: u64 = segments[..end].iter().map(|segment| segment.size_bytes()).sum();
        let keys_bytes = dirty_bytes.saturating_mul(4).max(KEYS_BYTES_MIN);
        Ok(Some(CompactionTask {
            directory: Arc::clone(&self.shared.directory),
            config: Arc::clone(&self.config),
            plan,
            segments: segments[..end].to_vec(),
            settings: CleanerSettings {
                now_ms,
                delete_retention_ms: self.config.delete_retention_ms,
                first_uncleanable_offset: plan.first_uncleanable_offset,
                last_records: self.shared.producers.lock().last_records(),
                decompression: DecompressionLimits::new(self.env.decompressed_batch_bytes_max),
            },
            keys_bytes: usize::try_from(keys_bytes)
                .unwrap_or(usize::MAX)
                .min(self.env.limits.compaction_keys_bytes_max()),
            truncations: *self.shared.truncations.lock(),
        }))
    }

    /// Puts compacted segments in the place of the old ones. When some of those are gone meanwhile (deleted by retention),
    /// or the log was truncated, nothing is replaced and `None` is returned.
    ///
    /// # Errors
    /// I/O errors; opening the log finishes what was begun.
    pub fn finish_compaction(
        &mut self,
        mut compacted: CompactedSegments,
    ) -> Result<Option<CompactionOutcome>, LogError> {
        self.writable()?;
        let replaced = self.replace(&mut compacted);
        let is_replaced = self.or_poison(replaced)?;
        Ok(is_replaced.then_some(compacted.outcome))
    }

    /// Plans, runs and finishes a compaction at once.
    ///
    /// # Errors
    /// I/O errors.
    pub fn compact(
        &mut self,
        first_dirty_offset: Offset,
        now_ms: i64,
    ) -> Result<Option<CompactionOutcome>, LogError> {
        let Some(task) = self.compaction_task(first_dirty_offset, now_ms)? else { return Ok(None) };
        match task.run(|_| ControlFlow::Continue(()))? {
            Some(compacted) => self.finish_compaction(compacted),
            None => Ok(None),
        }
    }

    fn replace(&mut self, compacted: &mut CompactedSegments) -> Result<bool, LogError> {
        // A segment that was cut may hold other records by now.
        if *self.shared.truncations.lock() != compacted.truncations {
            return Ok(false);
        }
        let current = self.shared.segments.load_full();
        let groups = &compacted.groups;
        let old: Vec<&Arc<Segment>> = groups.iter().flat_map(|group| &group.old).collect();
        let first =
            current.iter().position(|segment| old.first().is_some_and(|old| Arc::ptr_eq(old, segment)));
        let Some(first) = first else { return Ok(false) };
        let covered = &current[first..current.len().min(first + old.len())];
        let same = covered.len() == old.len() && covered.iter().zip(&old).all(|(a, b)| Arc::ptr_eq(a, b));
        if !same || first + old.len() >= current.len() {
            return Ok(false);
        }
        compacted.is_begun = true;
        // Readers that still hold an old segment must not open the new one's indexes for it.
        let groups = &compacted.groups;
        let old: Vec<Arc<Segment>> = groups.iter().flat_map(|group| group.old.iter().cloned()).collect();
        for segment in &old {
            segment.open_indexes()?;
        }
        let directory = Arc::clone(&self.shared.directory);
        for group in groups.iter().rev() {
            rename_files(&directory, group, CLEANED, SWAP)?;
        }
        directory.sync()?;
        for segment in &old {
            self.mark_deleted(segment.base_offset(), self.now_ms)?;
        }
        let mut segments = current[..first].to_vec();
        for group in groups {
            rename_files(&directory, group, SWAP, "")?;
            let segment = Segment::open(&directory, group.base_offset, group.has_transaction_index)?;
            segment.find_end().map_err(|error| segment.scan_error(error))?;
            segments.push(Arc::new(segment));
        }
        directory.sync()?;
        segments.extend_from_slice(&current[first + old.len()..]);
        for pair in segments[first..].windows(2) {
            if !Arc::ptr_eq(&pair[0], &self.active) {
                pair[0].set_next_offset(pair[1].base_offset());
            }
        }
        let gone = old.iter().map(|segment| segment.base_offset());
        let gone = gone.filter(|base| groups.iter().all(|group| group.base_offset != *base));
        self.snapshots.remove_at(gone.collect())?;
        self.publish_segments(segments);
        Ok(true)
    }
}

impl Drop for CompactedSegments {
    /// Removes what never took a place.
    fn drop(&mut self) {
        for group in self.groups.iter().filter(|_| !self.is_begun) {
            CleanedSegment::remove(&self.directory, group.base_offset);
        }
    }
}

fn rename_files(directory: &LogDirectory, group: &Group, from: &str, to: &str) -> Result<(), LogError> {
    for kind in FileKind::OF_SEGMENT {
        if kind == FileKind::TransactionIndex && !group.has_transaction_index {
            continue;
        }
        let live = directory.file(group.base_offset, kind);
        directory.rename(&with_suffix(&live, from), &with_suffix(&live, to))?;
    }
    Ok(())
}

fn describe(segment: &Arc<Segment>) -> Result<CompactionSegment, LogError> {
    let mut largest_timestamp_ms = segment.max_timestamp()?.timestamp_ms;
    if largest_timestamp_ms == NO_TIMESTAMP {
        largest_timestamp_ms = modified_ms(segment)?;
    }
    Ok(CompactionSegment {
        base_offset: segment.base_offset(),
        size_bytes: segment.size_bytes(),
        largest_timestamp_ms,
        first_batch_timestamp_ms: segment.first_timestamp_ms()?,
    })
}

pub(super) fn modified_ms(segment: &Segment) -> Result<i64, LogError> {
    segment.file().modified_ms().map_err(|error| LogError::io("look at", &segment.path(), error))
}
