//! Compactions that run while the log goes on, and when the log rolls for them.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::sync::Arc;

use common::*;
use medallion_log::{AppendOrigin, CleanupPolicy, LogConfig, PartitionLog};
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
    let compacted = task.run().unwrap();
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
