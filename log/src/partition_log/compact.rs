//! Compaction's files: old segments are read, new ones written beside, and then take their place.
//!
//! The order is Kafka's, so that a crash at any point leaves a log that opens: new files are written as `.cleaned` and
//! made durable; all of them are renamed to `.swap`, the last segment first; the old files become `.deleted`; the new
//! ones get their live names. Opening a log undoes what has a `.cleaned` left, and finishes the rest.

use std::ops::Range;
use std::sync::Arc;

use medallion_wire::Offset;
use medallion_wire::records::{AnyBatch, DecompressionLimits};

use super::{CompactionOutcome, PartitionLog};
use crate::batch_scanner::{BatchScanner, ScanError, read_batch};
use crate::cleaned_segment::CleanedSegment;
use crate::compaction::{
    Cleaned, Cleaner, CleanerSettings, CompactionLog, CompactionPlan, CompactionSegment, GroupLimits,
    OffsetMap, OffsetMapBuilder, SegmentSizes, group_segments, plan,
};
use crate::error::LogError;
use crate::file_names::{CLEANED, FileKind, SWAP, with_suffix};
use crate::log_directory::LogDirectory;
use crate::segment::Segment;
use crate::shared::aborted_entries;
use crate::time_index::NO_TIMESTAMP;
use crate::{LogConfig, offset_index, time_index};

/// The least memory for the keys of one compaction.
const KEYS_BYTES_MIN: u64 = 64 << 10;

/// A compaction of closed segments that another thread may run while the writer goes on.
#[derive(Debug)]
pub struct CompactionTask {
    directory: Arc<LogDirectory>,
    config: Arc<LogConfig>,
    plan: CompactionPlan,
    /// The segments below the first uncleanable offset.
    segments: Vec<Arc<Segment>>,
    settings: CleanerSettings,
    keys_bytes: usize,
}

/// New segments that wait to take the place of the old ones.
#[derive(Debug)]
pub struct CompactedSegments {
    directory: Arc<LogDirectory>,
    groups: Vec<Group>,
    outcome: CompactionOutcome,
    /// Files have begun to take their new names, so that only opening the log may remove any.
    is_begun: bool,
}

/// One new segment and those that it replaces.
#[derive(Debug)]
struct Group {
    old: Vec<Arc<Segment>>,
    base_offset: Offset,
    has_transaction_index: bool,
}

impl CompactionTask {
    /// The dirty share of what can be cleaned, 0 to 1: the log with the highest goes first.
    pub fn dirty_ratio(&self) -> f64 {
        self.plan.dirty_ratio
    }

    /// Reads, filters and writes `.cleaned` files.
    ///
    /// # Errors
    /// I/O errors, a full disk, damaged batches; the log itself is untouched, and what was written is removed.
    pub fn run(self) -> Result<CompactedSegments, LogError> {
        let map = self.read_keys()?;
        let clean_up_to = map.end_offset();
        let count = self.segments.partition_point(|segment| segment.base_offset() < clean_up_to);
        let segments = &self.segments[..count];
        let mut compacted = CompactedSegments {
            directory: Arc::clone(&self.directory),
            groups: Vec::new(),
            outcome: CompactionOutcome { first_dirty_offset: clean_up_to, ..CompactionOutcome::default() },
            is_begun: false,
        };
        let mut cleaner = Cleaner::new(self.settings.clone(), map);
        for group in self.groups(segments)? {
            compacted.groups.push(self.clean_group(&mut cleaner, &segments[group])?);
        }
        let statistics = cleaner.statistics();
        compacted.outcome.bytes_before = statistics.bytes_read;
        compacted.outcome.bytes_after = statistics.bytes_kept;
        compacted.outcome.records_before = statistics.records_read;
        compacted.outcome.records_after = statistics.records_kept;
        Ok(compacted)
    }

    /// The last offset of each key in the dirty part.
    fn read_keys(&self) -> Result<OffsetMap, LogError> {
        let (start, end) = (self.plan.first_dirty_offset, self.plan.first_uncleanable_offset);
        let aborted = aborted_entries(&self.segments, start, end)?;
        let mut builder =
            OffsetMapBuilder::new(start, end, self.keys_bytes, aborted, self.settings.decompression);
        for (index, segment) in self.segments.iter().enumerate() {
            let next = self.segments.get(index + 1).map_or(end, |next| next.base_offset());
            if next <= start {
                continue;
            }
            let mut has_room = true;
            for_each_batch(segment, |batch| {
                has_room = has_room && (batch.last_offset() < start || builder.add(batch));
                Ok(())
            })?;
            if !has_room {
                break;
            }
            builder.end_segment(next);
        }
        Ok(builder.finish())
    }

    fn groups(&self, segments: &[Arc<Segment>]) -> Result<Vec<Range<usize>>, LogError> {
        let sizes = |segment: &Arc<Segment>| {
            Ok(SegmentSizes {
                base_offset: segment.base_offset(),
                size_bytes: segment.size_bytes(),
                offset_index_bytes: (segment.offset_index().file().len()? * offset_index::ENTRY_BYTES) as u64,
                time_index_bytes: (segment.time_index().file().len()? * time_index::ENTRY_BYTES) as u64,
            })
        };
        let sizes = segments.iter().map(sizes).collect::<Result<Vec<_>, LogError>>()?;
        let limits = GroupLimits {
            segment_bytes: u64::from(self.config.segment_bytes),
            index_bytes: u64::from(self.config.segment_index_bytes),
        };
        Ok(group_segments(&sizes, limits, self.plan.first_uncleanable_offset))
    }

    fn clean_group(&self, cleaner: &mut Cleaner, old: &[Arc<Segment>]) -> Result<Group, LogError> {
        let base_offset = old[0].base_offset();
        let mut new = CleanedSegment::create(&self.directory, base_offset, self.config.index_interval_bytes)?;
        for segment in old {
            let next = segment.end().next_offset;
            let aborted = aborted_entries(&self.segments, segment.base_offset(), next)?;
            cleaner.begin_segment(aborted, self.retains_legacy_tombstones(segment)?);
            for_each_batch(segment, |batch| match cleaner.clean(batch) {
                Cleaned::Kept(kept) => new.append(&kept),
                Cleaned::Removed => Ok(()),
            })?;
        }
        let has_transaction_index = new.finish(&cleaner.end_new_segment())?;
        Ok(Group { old: old.to_vec(), base_offset, has_transaction_index })
    }

    fn retains_legacy_tombstones(&self, segment: &Segment) -> Result<bool, LogError> {
        let clean =
            self.segments.partition_point(|segment| segment.base_offset() < self.plan.first_dirty_offset);
        let Some(newest_clean) = clean.checked_sub(1).map(|index| &self.segments[index]) else {
            return Ok(true);
        };
        let horizon_ms = modified_ms(newest_clean)?.saturating_sub(self.settings.delete_retention_ms);
        Ok(modified_ms(segment)? > horizon_ms)
    }
}

/// Hands every batch of a closed segment over. Compaction must not drop what it cannot read, so that damage ends it.
fn for_each_batch(
    segment: &Segment,
    mut visit: impl FnMut(&AnyBatch) -> Result<(), LogError>,
) -> Result<(), LogError> {
    let file = segment.file().as_ref();
    let mut scanner = BatchScanner::new(file, 0, segment.size_bytes());
    let mut next = || -> Result<Option<AnyBatch>, ScanError> {
        let Some(entry) = scanner.next()? else { return Ok(None) };
        read_batch(file, &entry).map(Some)
    };
    while let Some(batch) = next().map_err(|error| segment.scan_error(error))? {
        visit(&batch)?;
    }
    Ok(())
}

fn modified_ms(segment: &Segment) -> Result<i64, LogError> {
    segment.file().modified_ms().map_err(|error| LogError::io("look at", &segment.path(), error))
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
        }))
    }

    /// Puts compacted segments in the place of the old ones. When some of those are gone meanwhile (truncated, deleted by
    /// retention), nothing is replaced and `None` is returned.
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
        let compacted = task.run()?;
        self.finish_compaction(compacted)
    }

    fn replace(&mut self, compacted: &mut CompactedSegments) -> Result<bool, LogError> {
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
