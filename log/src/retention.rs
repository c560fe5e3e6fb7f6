//! Which segments go, by log start offset, by size and by time, in this order.
//!
//! Only whole segments go, the oldest first, up to the first one that must stay, and none that holds records at or
//! above the high watermark: the log start offset never passes it. A log without segments cannot be: when the active
//! segment is due as well and holds records, a new one is rolled first and then the old one goes. An empty active
//! segment stays.
//!
//! A log that is only compacted loses segments below its log start offset alone.
//!
//! Source: Kafka's `UnifiedLog.deleteOldSegments`.

use medallion_wire::Offset;

use crate::config::LogConfig;

/// What is known of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetainedSegment {
    /// The first offset that it may hold.
    pub base_offset: Offset,
    /// The size of its records.
    pub size_bytes: u64,
    /// The largest timestamp in it; the time of the file's last change where it holds none.
    pub largest_timestamp_ms: i64,
}

/// The offsets of the log that the segments belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogOffsets {
    /// The first offset that may be read.
    pub log_start_offset: Offset,
    /// Where replicas agree up to.
    pub high_watermark: Offset,
    /// The offset that the next record gets.
    pub log_end_offset: Offset,
}

/// Why a segment goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeletionReason {
    /// All of it lies below the log start offset.
    LogStartOffset,
    /// The log is larger than `retention.bytes` without it.
    Size,
    /// Its newest record is older than `retention.ms`.
    Time,
}

/// What retention asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RetentionPlan {
    /// Why each of the oldest segments goes; as many go as there are reasons.
    pub reasons: Vec<DeletionReason>,
    /// Whether the active segment is among them, so that a new one must be rolled first.
    pub roll_first: bool,
}

/// Decides which segments go. `segments` are all of the log, oldest first, the active one last.
///
/// Worked example: four segments of 40 bytes and `retention.bytes=100`. The log has 60 bytes too many; without the
/// first segment it has 20 too many, and without the second it would be too small: one goes.
///
/// With `retention.ms=-1` or `retention.bytes=-1` that rule is off. Timestamps in the future keep a segment as long as
/// they say.
pub fn plan(
    segments: &[RetainedSegment],
    offsets: LogOffsets,
    config: &LogConfig,
    now_ms: i64,
) -> RetentionPlan {
    let mut plan = RetentionPlan::default();
    let log_start_offset = offsets.log_start_offset;
    extend(&mut plan, segments, offsets, DeletionReason::LogStartOffset, |_, next| {
        next.is_some_and(|next| next.base_offset <= log_start_offset)
    });
    if !config.cleanup_policy.delete {
        return plan;
    }
    let size_bytes: u64 = segments[plan.reasons.len()..].iter().map(|segment| segment.size_bytes).sum();
    let excess = u64::try_from(config.retention_bytes).ok().and_then(|limit| size_bytes.checked_sub(limit));
    if let Some(mut excess_bytes) = excess {
        extend(&mut plan, segments, offsets, DeletionReason::Size, |segment, _| {
            let left = excess_bytes.checked_sub(segment.size_bytes);
            excess_bytes = left.unwrap_or(excess_bytes);
            left.is_some()
        });
    }
    if config.retention_ms >= 0 {
        extend(&mut plan, segments, offsets, DeletionReason::Time, |segment, _| {
            now_ms.saturating_sub(segment.largest_timestamp_ms) > config.retention_ms
        });
    }
    plan
}

fn extend(
    plan: &mut RetentionPlan,
    segments: &[RetainedSegment],
    offsets: LogOffsets,
    reason: DeletionReason,
    mut is_due: impl FnMut(&RetainedSegment, Option<&RetainedSegment>) -> bool,
) {
    while let Some(segment) = segments.get(plan.reasons.len()) {
        let next = segments.get(plan.reasons.len() + 1);
        let is_active_and_empty = next.is_none() && segment.size_bytes == 0;
        let end_offset = next.map_or(offsets.log_end_offset, |next| next.base_offset);
        if offsets.high_watermark < end_offset || !is_due(segment, next) || is_active_and_empty {
            return;
        }
        plan.reasons.push(reason);
        plan.roll_first = next.is_none();
    }
}

#[cfg(test)]
mod tests {
    use super::DeletionReason::{LogStartOffset, Size, Time};
    use super::*;
    use crate::config::CleanupPolicy;

    const NOW_MS: i64 = 1_000_000;

    /// Segments of 10 offsets each, with size and age.
    fn segments(sizes_and_ages: &[(u64, i64)]) -> Vec<RetainedSegment> {
        (0..)
            .zip(sizes_and_ages)
            .map(|(index, (size_bytes, age_ms))| RetainedSegment {
                base_offset: Offset(index * 10),
                size_bytes: *size_bytes,
                largest_timestamp_ms: NOW_MS - age_ms,
            })
            .collect()
    }

    fn offsets(start: i64, high_watermark: i64, end: i64) -> LogOffsets {
        LogOffsets {
            log_start_offset: Offset(start),
            high_watermark: Offset(high_watermark),
            log_end_offset: Offset(end),
        }
    }

    fn unlimited() -> LogConfig {
        LogConfig { retention_ms: -1, retention_bytes: -1, ..LogConfig::default() }
    }

    fn reasons(
        sizes_and_ages: &[(u64, i64)],
        offsets: LogOffsets,
        config: &LogConfig,
    ) -> (Vec<DeletionReason>, bool) {
        let plan = plan(&segments(sizes_and_ages), offsets, config, NOW_MS);
        (plan.reasons, plan.roll_first)
    }

    #[test]
    fn without_limits_all_stays() {
        let old = [(40, NOW_MS), (40, NOW_MS)];
        assert_eq!(reasons(&old, offsets(0, 20, 20), &unlimited()), (vec![], false));
        assert_eq!(plan(&[], offsets(0, 0, 0), &LogConfig::default(), NOW_MS), RetentionPlan::default());
    }

    #[test]
    fn size_follows_the_worked_example() {
        let sized = |limit| LogConfig { retention_bytes: limit, ..unlimited() };
        let four = [(40, 0), (40, 0), (40, 0), (40, 0)];
        let offsets = offsets(0, 40, 40);
        assert_eq!(reasons(&four, offsets, &sized(100)), (vec![Size], false));
        assert_eq!(reasons(&four, offsets, &sized(80)), (vec![Size, Size], false));
        assert_eq!(reasons(&four, offsets, &sized(161)), (vec![], false));
        assert_eq!(reasons(&four, offsets, &sized(0)), (vec![Size; 4], true));
    }

    #[test]
    fn time_counts_from_the_newest_record() {
        let config = LogConfig { retention_ms: 100, ..unlimited() };
        let offsets = offsets(0, 30, 30);
        assert_eq!(reasons(&[(40, 101), (40, 100), (40, 200)], offsets, &config), (vec![Time], false));
        assert_eq!(reasons(&[(40, -5), (40, 200), (40, 0)], offsets, &config), (vec![], false));
        let now = LogConfig { retention_ms: 0, ..unlimited() };
        assert_eq!(reasons(&[(40, 1), (40, 0), (40, 0)], offsets, &now), (vec![Time], false));
    }

    #[test]
    fn an_expired_active_segment_is_rolled_first() {
        let config = LogConfig { retention_ms: 100, ..unlimited() };
        assert_eq!(reasons(&[(40, 101), (40, 101)], offsets(0, 20, 20), &config), (vec![Time; 2], true));
        assert_eq!(reasons(&[(40, 101), (0, 101)], offsets(0, 10, 10), &config), (vec![Time], false));
        assert_eq!(reasons(&[(0, 101)], offsets(0, 0, 0), &config), (vec![], false));
    }

    #[test]
    fn nothing_at_or_above_the_high_watermark_goes() {
        let config = LogConfig { retention_ms: 100, ..unlimited() };
        let old = [(40, 101), (40, 101), (40, 101)];
        assert_eq!(reasons(&old, offsets(0, 19, 30), &config), (vec![Time], false));
        assert_eq!(reasons(&old, offsets(0, 9, 30), &config), (vec![], false));
        assert_eq!(reasons(&old, offsets(0, 29, 30), &config), (vec![Time; 2], false));
    }

    #[test]
    fn segments_below_the_log_start_go_whatever_the_policy() {
        let four = [(40, 0), (40, 0), (40, 0), (40, 0)];
        for cleanup_policy in [CleanupPolicy::COMPACT, CleanupPolicy { delete: false, compact: false }] {
            let config = LogConfig { cleanup_policy, retention_bytes: 0, retention_ms: 0, ..unlimited() };
            let found = reasons(&four, offsets(25, 40, 40), &config);
            assert_eq!(found, (vec![LogStartOffset; 2], false));
        }
        let at_the_end = reasons(&four, offsets(40, 40, 40), &unlimited());
        assert_eq!(
            at_the_end,
            (vec![LogStartOffset; 3], false),
            "the active segment is rolled by time or size alone"
        );
    }

    #[test]
    fn the_rules_add_up() {
        let config = LogConfig { retention_bytes: 100, retention_ms: 100, ..unlimited() };
        let five = [(40, 900), (40, 500), (40, 200), (40, 0), (40, 0)];
        let found = reasons(&five, offsets(10, 50, 50), &config);
        assert_eq!(found, (vec![LogStartOffset, Size, Time], false));
    }
}
