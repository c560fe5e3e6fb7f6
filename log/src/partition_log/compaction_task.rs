//! The part of a compaction that runs beside the writer: old segments are read, and what stays goes to `.cleaned` files.

use std::ops::{ControlFlow, Range};
use std::sync::Arc;

use medallion_wire::records::AnyBatch;

use super::CompactionOutcome;
use super::compact::{CompactedSegments, Group, modified_ms};
use crate::batch_scanner::{BatchScanner, ScanError, read_batch};
use crate::cleaned_segment::CleanedSegment;
use crate::compaction::{
    Cleaned, Cleaner, CleanerSettings, CompactionPlan, GroupLimits, OffsetMap, OffsetMapBuilder,
    SegmentSizes, group_segments,
};
use crate::error::LogError;
use crate::log_directory::LogDirectory;
use crate::segment::Segment;
use crate::shared::aborted_entries;
use crate::{LogConfig, offset_index, time_index};
/// A compaction of closed segments that another thread may run while the writer goes on.
#[derive(Debug)]
pub struct CompactionTask {
    pub(super) directory: Arc<LogDirectory>,
    pub(super) config: Arc<LogConfig>,
    pub(super) plan: CompactionPlan,
    /// The segments below the first uncleanable offset.
    pub(super) segments: Vec<Arc<Segment>>,
    pub(super) settings: CleanerSettings,
    pub(super) keys_bytes: usize,
    /// [`crate::shared::LogShared::truncations`] when this was planned.
    pub(super) truncations: u64,
}

/// Told of the bytes that were read or written; may wait, and breaks to end the compaction.
type Pace<'a> = &'a mut dyn FnMut(u64) -> ControlFlow<()>;

/// Why a compaction ended early.
enum Halt {
    /// The pace asked for it.
    Stopped,
    Failed(LogError),
}

impl From<LogError> for Halt {
    fn from(error: LogError) -> Self {
        Self::Failed(error)
    }
}

impl CompactionTask {
    /// The dirty share of what can be cleaned, 0 to 1: the log with the highest goes first.
    pub fn dirty_ratio(&self) -> f64 {
        self.plan.dirty_ratio
    }

    /// Reads, filters and writes `.cleaned` files. `pace` is told of each batch's bytes as they are read and as they are
    /// written (`log.cleaner.io.max.bytes.per.second`): it waits as long as it likes, and ends the compaction by a break,
    /// which gives `None`.
    ///
    /// # Errors
    /// I/O errors, a full disk, damaged batches; the log itself is untouched, and what was written is removed.
    pub fn run(
        self,
        mut pace: impl FnMut(u64) -> ControlFlow<()>,
    ) -> Result<Option<CompactedSegments>, LogError> {
        match self.run_paced(&mut pace) {
            Ok(compacted) => Ok(Some(compacted)),
            Err(Halt::Stopped) => Ok(None),
            Err(Halt::Failed(error)) => Err(error),
        }
    }

    fn run_paced(self, pace: Pace<'_>) -> Result<CompactedSegments, Halt> {
        let map = self.read_keys(pace)?;
        let clean_up_to = map.end_offset();
        let count = self.segments.partition_point(|segment| segment.base_offset() < clean_up_to);
        let segments = &self.segments[..count];
        let mut compacted = CompactedSegments {
            directory: Arc::clone(&self.directory),
            groups: Vec::new(),
            outcome: CompactionOutcome { first_dirty_offset: clean_up_to, ..CompactionOutcome::default() },
            truncations: self.truncations,
            is_begun: false,
        };
        let mut cleaner = Cleaner::new(self.settings.clone(), map);
        for group in self.groups(segments)? {
            compacted.groups.push(self.clean_group(&mut cleaner, &segments[group], pace)?);
        }
        let statistics = cleaner.statistics();
        compacted.outcome.bytes_before = statistics.bytes_read;
        compacted.outcome.bytes_after = statistics.bytes_kept;
        compacted.outcome.records_before = statistics.records_read;
        compacted.outcome.records_after = statistics.records_kept;
        Ok(compacted)
    }

    /// The last offset of each key in the dirty part.
    fn read_keys(&self, pace: Pace<'_>) -> Result<OffsetMap, Halt> {
        let (start, end) = (self.plan.first_dirty_offset, self.plan.first_uncleanable_offset);
        let aborted = aborted_entries(&self.segments, start, end)?;
        let mut builder =
            OffsetMapBuilder::new(start, end, self.keys_bytes, aborted, self.settings.decompression);
        for (index, segment) in self.segments.iter().enumerate() {
            let next = self.segments.get(index + 1).map_or(end, |next| next.base_offset());
            if next <= start {
                continue;
            }
            let is_whole = for_each_batch(segment, pace, |batch| {
                let has_room = batch.last_offset() < start || builder.add(batch);
                Ok(has_room.then_some(0))
            })?;
            if !is_whole {
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

    fn clean_group(
        &self,
        cleaner: &mut Cleaner,
        old: &[Arc<Segment>],
        pace: Pace<'_>,
    ) -> Result<Group, Halt> {
        let base_offset = old[0].base_offset();
        let mut new = CleanedSegment::create(&self.directory, base_offset, self.config.index_interval_bytes)?;
        for segment in old {
            let next = segment.end().next_offset;
            let aborted = aborted_entries(&self.segments, segment.base_offset(), next)?;
            cleaner.begin_segment(aborted, self.retains_legacy_tombstones(segment)?);
            for_each_batch(segment, pace, |batch| match cleaner.clean(batch) {
                Cleaned::Kept(kept) => new.append(&kept).map(|()| Some(kept.size_bytes() as u64)),
                Cleaned::Removed => Ok(Some(0)),
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

/// Hands the batches of a closed segment over until `visit` gives no count of bytes that it has written; whether it saw
/// them all. Compaction must not drop what it cannot read, so that damage ends it.
fn for_each_batch(
    segment: &Segment,
    pace: Pace<'_>,
    mut visit: impl FnMut(&AnyBatch) -> Result<Option<u64>, LogError>,
) -> Result<bool, Halt> {
    let file = segment.file().as_ref();
    let mut scanner = BatchScanner::new(file, 0, segment.size_bytes());
    let mut next = || -> Result<Option<AnyBatch>, ScanError> {
        let Some(entry) = scanner.next()? else { return Ok(None) };
        read_batch(file, &entry).map(Some)
    };
    while let Some(batch) = next().map_err(|error| segment.scan_error(error))? {
        let Some(written_bytes) = visit(&batch)? else { return Ok(false) };
        if pace(batch.size_bytes() as u64 + written_bytes).is_break() {
            return Err(Halt::Stopped);
        }
    }
    Ok(true)
}
