//! Whether a log is worth compacting now, and which part of it.

use medallion_wire::Offset;

use crate::config::LogConfig;

/// What is known of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompactionSegment {
    /// The first offset that it may hold.
    pub base_offset: Offset,
    /// The size of its records.
    pub size_bytes: u64,
    /// The largest timestamp in it; the time of the file's last change where it holds none.
    pub largest_timestamp_ms: i64,
    /// The timestamp of its first batch, where it holds one.
    pub first_batch_timestamp_ms: Option<i64>,
}

/// A log as compaction sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompactionLog<'a> {
    /// All segments, oldest first, the active one last.
    pub segments: &'a [CompactionSegment],
    /// The first offset that may be read.
    pub log_start_offset: Offset,
    /// Up to where every transaction is decided and replicated.
    pub last_stable_offset: Offset,
    /// The offset that the next record gets.
    pub log_end_offset: Offset,
}

/// What is to be compacted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CompactionPlan {
    /// From here on keys are new to compaction (`cleaner-offset-checkpoint`).
    pub first_dirty_offset: Offset,
    /// Where compaction ends: the base offset of the first segment that must not be touched.
    pub first_uncleanable_offset: Offset,
    /// The share of the bytes below that offset which is dirty, 0 to 1. The log with the highest goes first.
    pub dirty_ratio: f64,
    /// A dirty record is older than `max.compaction.lag.ms`, whatever the ratio.
    pub is_overdue: bool,
}

/// The offset to begin with, out of the checkpoint's. One outside of the log (it was truncated, or its start moved) is
/// no guide: then all of the log is dirty, and the checkpoint should be written anew.
pub fn first_dirty_offset(
    checkpoint: Option<Offset>,
    log_start_offset: Offset,
    log_end_offset: Offset,
) -> Offset {
    checkpoint
        .filter(|offset| *offset >= log_start_offset && *offset <= log_end_offset)
        .unwrap_or(log_start_offset)
}

/// Decides whether the log is to be compacted now; `checkpoint` is its entry in `cleaner-offset-checkpoint`.
///
/// The active segment, records at or above the last stable offset, and segments from the first one on with a record
/// younger than `min.compaction.lag.ms` are not touched. Below them the dirty share must exceed
/// `min.cleanable.dirty.ratio`, or a dirty segment must have begun longer ago than `max.compaction.lag.ms`.
pub fn plan(
    log: CompactionLog<'_>,
    checkpoint: Option<Offset>,
    config: &LogConfig,
    now_ms: i64,
) -> Option<CompactionPlan> {
    let (active, closed) = log.segments.split_last()?;
    if !config.cleanup_policy.compact {
        return None;
    }
    let first_dirty_offset = first_dirty_offset(checkpoint, log.log_start_offset, log.log_end_offset);
    let dirty = &closed[holder(closed, active.base_offset, first_dirty_offset)..];
    let first_uncleanable_offset = {
        let young_ms = now_ms.saturating_sub(config.min_compaction_lag_ms.max(0));
        let first_young = dirty
            .iter()
            .find(|segment| config.min_compaction_lag_ms > 0 && segment.largest_timestamp_ms > young_ms)
            .map_or(active.base_offset, |segment| segment.base_offset);
        let bound = first_young.min(log.last_stable_offset).max(first_dirty_offset);
        closed.get(holder(closed, active.base_offset, bound)).unwrap_or(active).base_offset
    };
    let size_of =
        |segments: &[CompactionSegment]| segments.iter().map(|segment| segment.size_bytes).sum::<u64>();
    let clean_end = closed.partition_point(|segment| segment.base_offset < first_dirty_offset);
    let dirty_end = dirty.partition_point(|segment| segment.base_offset < first_uncleanable_offset);
    let (clean_bytes, dirty_bytes) = (size_of(&closed[..clean_end]), size_of(&dirty[..dirty_end]));
    if dirty_bytes == 0 {
        return None;
    }
    let is_overdue = is_overdue(dirty, config, now_ms);
    let dirty_ratio = ratio(dirty_bytes, clean_bytes + dirty_bytes);
    let is_worth_it = is_overdue || dirty_ratio > config.min_cleanable_dirty_ratio;
    is_worth_it.then_some(CompactionPlan {
        first_dirty_offset,
        first_uncleanable_offset,
        dirty_ratio,
        is_overdue,
    })
}

/// The closed segment that holds `offset`; their count when the active one does.
fn holder(closed: &[CompactionSegment], active_base_offset: Offset, offset: Offset) -> usize {
    if offset >= active_base_offset {
        return closed.len();
    }
    closed.partition_point(|segment| segment.base_offset <= offset).saturating_sub(1)
}

fn is_overdue(dirty: &[CompactionSegment], config: &LogConfig, now_ms: i64) -> bool {
    let until_ms = now_ms.saturating_sub(config.max_compaction_lag_ms.max(0));
    let first_timestamps = dirty.iter().filter_map(|segment| segment.first_batch_timestamp_ms);
    first_timestamps.filter(|timestamp_ms| *timestamp_ms > 0).any(|timestamp_ms| timestamp_ms < until_ms)
}

#[expect(clippy::cast_precision_loss, reason = "a share needs no more than 53 bits")]
fn ratio(part: u64, whole: u64) -> f64 {
    part as f64 / whole as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::CleanupPolicy;

    const NOW_MS: i64 = 1_000_000;

    /// Segments of 10 offsets and 100 bytes each, by age, the last one active.
    fn segments(ages_ms: &[i64]) -> Vec<CompactionSegment> {
        (0..)
            .zip(ages_ms)
            .map(|(index, age_ms)| CompactionSegment {
                base_offset: Offset(index * 10),
                size_bytes: 100,
                largest_timestamp_ms: NOW_MS - age_ms,
                first_batch_timestamp_ms: Some(NOW_MS - age_ms - 5),
            })
            .collect()
    }

    fn config() -> LogConfig {
        LogConfig { cleanup_policy: CleanupPolicy::COMPACT, ..LogConfig::default() }
    }

    fn planned(
        ages_ms: &[i64],
        stable: i64,
        checkpoint: Option<i64>,
        config: &LogConfig,
    ) -> Option<(i64, i64, bool)> {
        let segments = segments(ages_ms);
        let log = CompactionLog {
            segments: &segments,
            log_start_offset: Offset(0),
            last_stable_offset: Offset(stable),
            log_end_offset: Offset(i64::try_from(segments.len()).unwrap() * 10),
        };
        plan(log, checkpoint.map(Offset), config, NOW_MS)
            .map(|plan| (plan.first_dirty_offset.0, plan.first_uncleanable_offset.0, plan.is_overdue))
    }

    #[test]
    fn all_closed_segments_are_dirty_at_first() {
        assert_eq!(planned(&[9, 9, 9], 30, None, &config()), Some((0, 20, false)));
        assert_eq!(planned(&[9], 10, None, &config()), None);
        assert_eq!(planned(&[], 0, None, &config()), None);
        assert_eq!(planned(&[9, 9, 9], 30, None, &LogConfig::default()), None, "not compacted");
    }

    #[test]
    fn the_dirty_share_must_exceed_the_ratio() {
        assert_eq!(planned(&[9; 5], 50, Some(20), &config()), None, "200 of 400 bytes are half, not more");
        assert_eq!(planned(&[9; 5], 50, Some(10), &config()), Some((10, 40, false)));
        assert_eq!(planned(&[9; 5], 50, Some(40), &config()), None);
        assert_eq!(planned(&[9; 5], 50, Some(45), &config()), None);
    }

    #[test]
    fn a_checkpoint_outside_of_the_log_starts_anew() {
        assert_eq!(planned(&[9; 3], 30, Some(31), &config()), Some((0, 20, false)));
        assert_eq!(first_dirty_offset(Some(Offset(3)), Offset(5), Offset(9)), Offset(5));
        assert_eq!(first_dirty_offset(Some(Offset(9)), Offset(5), Offset(9)), Offset(9));
        assert_eq!(first_dirty_offset(None, Offset(5), Offset(9)), Offset(5));
    }

    #[test]
    fn open_transactions_hold_it_back() {
        assert_eq!(planned(&[9; 4], 25, None, &config()), Some((0, 20, false)));
        assert_eq!(planned(&[9; 4], 5, None, &config()), None);
    }

    #[test]
    fn young_records_hold_it_back() {
        let config = LogConfig { min_compaction_lag_ms: 100, ..config() };
        assert_eq!(planned(&[200, 99, 200, 0], 40, None, &config), Some((0, 10, false)));
        assert_eq!(planned(&[99, 200, 200, 0], 40, None, &config), None);
        assert_eq!(planned(&[200, 100, 100, 0], 40, None, &config), Some((0, 30, false)));
    }

    #[test]
    fn old_records_do_not_wait_for_the_ratio() {
        let config = LogConfig { max_compaction_lag_ms: 100, ..config() };
        assert_eq!(planned(&[9, 9, 9, 95, 0], 50, Some(30), &config), None);
        assert_eq!(planned(&[9, 9, 9, 96, 0], 50, Some(30), &config), Some((30, 40, true)));
        assert_eq!(planned(&[96, 9, 9, 9, 96], 50, Some(30), &config), None, "clean or active");
    }
}
