//! Compactions that run while the log goes on, and when the log rolls for them.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use common::*;
use medallion_log::{AppendOrigin, CleanupPolicy, LogConfig, OpenOptions, PartitionLog};
use medallion_wire::{LeaderEpoch, Offset};

fn compacted() -> LogConfig {
    LogConfig {
        segment_bytes: 400,
        index_interval_bytes: 100,
        min_cleanable_dirty_ratio: 0.0,
        cleanup_policy: CleanupPolicy::COMPACT,
        ..LogConfig::default()
    }
}

fn append(log: &mut PartitionLog, epoch: i32, records: &[(i64, &str, &str)], now_ms: i64) {
    log.append_as_leader(batch(records), LeaderEpoch(epoch), AppendOrigin::Client, now_ms).unwrap();
}

/// An unclean election may take records away that were below the high watermark, and put others in their place.
#[test]
fn a_compaction_begun_before_a_truncation_is_given_up() {
    let (_, env) = simulated();
    let mut log = open(&env, &compacted());
    for round in 0..12 {
        append(&mut log, 0, &[(round, &format!("key {round}"), "an old value")], 1000);
    }
    log.roll().unwrap();
    let last = log.reader().segments().iter().rev().nth(1).unwrap().base_offset.get();
    log.advance_high_watermark(Offset(12));
    let task = log.compaction_task(Offset(0), 1000).unwrap().unwrap();
    let compacted = task.run(|_| ControlFlow::Continue(())).unwrap().unwrap();
    log.truncate_to(Offset(last + 1)).unwrap();
    for round in last + 1..12 {
        append(&mut log, 1, &[(round, &format!("key {round}"), "a new value")], 1000);
    }
    log.roll().unwrap();
    assert_eq!(log.finish_compaction(compacted).unwrap(), None);
    let records = read_all(&log.reader(), 0);
    let newest = records.last().unwrap();
    assert_eq!((newest.offset, newest.value.as_deref()), (11, Some(&b"a new value"[..])));
    log.check_invariants();
}

/// `max.compaction.lag.ms` holds for the active segment too: it is closed in time.
#[test]
fn the_compaction_lag_rolls_segments() {
    let (_, env) = simulated();
    let lagging = LogConfig { max_compaction_lag_ms: 100, ..compacted() };
    let mut log = open(&env, &lagging);
    append(&mut log, 0, &[(1000, "a", "1")], 1000);
    assert!(!log.maybe_roll(1100).unwrap());
    assert!(log.maybe_roll(1101).unwrap());
    append(&mut log, 0, &[(1200, "a", "2")], 1200);
    append(&mut log, 0, &[(1301, "a", "3")], 1301);
    assert_eq!(log.reader().segments().len(), 3);
    let plain = LogConfig { cleanup_policy: CleanupPolicy::DELETE, ..lagging };
    log.update_config(Arc::new(plain));
    assert!(!log.maybe_roll(9999).unwrap(), "the lag is one of compaction");
}

/// Records of long ago, as a migration brings them, do not make a segment of each check.
#[test]
fn old_timestamps_do_not_roll_a_young_segment() {
    let (_, env) = simulated();
    let config = Arc::new(LogConfig { segment_ms: 100, ..LogConfig::default() });
    let (mut log, _) = PartitionLog::open(&env, Path::new(FOLDER), config, OpenOptions::new(1000)).unwrap();
    append(&mut log, 0, &[(7, "a", "1")], 1000);
    assert!(!log.maybe_roll(1100).unwrap());
    append(&mut log, 0, &[(8, "a", "1")], 1100);
    assert!(log.maybe_roll(1101).unwrap());
    append(&mut log, 0, &[(9, "a", "1")], 1150);
    assert!(!log.maybe_roll(1200).unwrap());
    log.check_invariants();
}

/// The pace hears of all that is read (twice: for the keys, for the records) and written, and can end it at any batch.
#[test]
fn the_pace_counts_all_bytes_and_may_stop() {
    let (disk, env) = simulated();
    let mut log = open(&env, &compacted());
    for round in 0..12 {
        append(&mut log, 0, &[(round, "key", "a value")], 1000);
    }
    log.roll().unwrap();
    log.advance_high_watermark(Offset(12));
    let files = file_names(&disk);
    let mut paced_bytes = 0;
    for stop_at in [1, 12, 13, 24] {
        let mut batches = 0;
        paced_bytes = 0;
        let task = log.compaction_task(Offset(0), 1000).unwrap().unwrap();
        let stopped = task.run(|bytes| {
            batches += 1;
            paced_bytes += bytes;
            if batches == stop_at { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        assert!(stopped.unwrap().is_none(), "stopped at batch {stop_at}");
        assert_eq!(file_names(&disk), files, "what was written is removed");
    }
    let outcome = log.compact(Offset(0), 1000).unwrap().unwrap();
    assert_eq!(outcome.records_after, 1);
    assert_eq!(paced_bytes, 2 * outcome.bytes_before + outcome.bytes_after);
    log.check_invariants();
}
