//! Operations that are stopped at each of their steps, by an error or a power failure, and what opening then finds.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::path::Path;
use std::sync::Arc;

use common::*;
use medallion_log::transaction_index::AbortedTransactionEntry;
use medallion_log::{
    AppendError, AppendOrigin, AppendRequest, LogConfig, LogEnvironment, LogError, OpenOptions, PartitionLog,
    RecoveryReport,
};
use medallion_os::{FileSystem, OpenMode};
use medallion_wire::{LeaderEpoch, Offset, ProducerId};

fn small() -> LogConfig {
    LogConfig { segment_bytes: 400, index_interval_bytes: 100, ..LogConfig::default() }
}

fn fill(log: &mut PartitionLog) {
    for round in 0..20 {
        let records = batch(&[(round, "key", "some value")]);
        log.append_as_leader(records, LeaderEpoch(0), AppendOrigin::Client, 1000).unwrap();
    }
}

fn recover(env: &LogEnvironment) -> (PartitionLog, RecoveryReport) {
    PartitionLog::open(env, Path::new(FOLDER), Arc::new(small()), OpenOptions::new(1000)).unwrap()
}

/// A truncation that was stopped leaves a log without a hole, longer than asked at the most.
#[test]
fn a_truncation_stopped_anywhere_leaves_no_hole() {
    const STEPS_MAX: u64 = 200;
    let mut steps = 0;
    loop {
        let (disk, env) = simulated();
        let mut log = open(&env, &small());
        fill(&mut log);
        log.flush().unwrap();
        disk.fail_after(steps);
        let truncated = log.truncate_to(Offset(2));
        drop(log);
        if steps % 2 == 0 {
            disk.crash(steps);
        }
        disk.clear_faults();
        let (log, report) = recover(&env);
        assert_eq!(report.missing, [], "stopped after {steps} steps");
        let offsets: Vec<i64> = read_all(&log.reader(), 0).iter().map(|record| record.offset).collect();
        assert!(offsets.iter().copied().eq(0..report.log_end_offset.get()), "{steps} steps: {offsets:?}");
        assert!(offsets.len() >= 2, "{steps} steps: {offsets:?}");
        log.check_invariants();
        if truncated.is_ok() {
            assert!(steps > 10, "several segments were removed");
            return;
        }
        steps += 1;
        assert!(steps < STEPS_MAX, "the truncation never ends");
    }
}

/// A client that repeats a batch before the first one is written must not be told that it is there.
#[test]
fn a_repeated_batch_shares_the_fate_of_the_first() {
    let (disk, env) = simulated();
    let mut log = open(&env, &LogConfig::default());
    let request = || AppendRequest {
        records: producer_batch(ProducerId(9), 0, &[(1, "a", "1")]),
        leader_epoch: LeaderEpoch(0),
        origin: AppendOrigin::Client,
    };
    disk.set_capacity(Some(disk.used_bytes() + 30));
    for result in log.append_many(vec![request(), request()], 1000) {
        assert!(matches!(result, Err(AppendError::Log(LogError::DiskFull { .. }))), "{result:?}");
    }
    assert_eq!(log.reader().log_end_offset(), Offset(0));
    disk.set_capacity(None);
    let results = log.append_many(vec![request(), request()], 1000);
    let repeated: Vec<bool> = results.iter().map(|result| result.as_ref().unwrap().duplicate).collect();
    assert_eq!(repeated, [false, true]);
    log.check_invariants();
}

/// A compaction that keeps nothing of a segment still stands for the segment's own files, the transaction index too.
#[test]
fn an_empty_replacement_takes_the_place_of_all_files() {
    let (disk, env) = simulated();
    let mut log = open(&env, &small());
    fill(&mut log);
    log.close().unwrap();
    let base = log.reader().segments()[1].base_offset.get();
    drop(log);
    let write = |name: String, content: &[u8]| {
        let file = disk.open(&Path::new(FOLDER).join(name), OpenMode::CreateNew).unwrap();
        file.write_all_at(&[content], 0).unwrap();
    };
    for kind in ["log", "index", "timeindex"] {
        write(format!("{base:020}.{kind}.swap"), &[]);
    }
    let gone = AbortedTransactionEntry {
        producer_id: ProducerId(9),
        first_offset: Offset(base),
        last_offset: Offset(base + 1),
        last_stable_offset: Offset(base + 2),
    };
    write(format!("{base:020}.txnindex"), &gone.encode());
    let options = OpenOptions { recovery_point: Offset(20), ..OpenOptions::new(1000) };
    let (log, _) = PartitionLog::open(&env, Path::new(FOLDER), Arc::new(small()), options).unwrap();
    assert!(!file_names(&disk).contains(&format!("{base:020}.txnindex")), "{:?}", file_names(&disk));
    log.check_invariants();
}

/// Retention makes room, so that it must not need any.
#[test]
fn old_segments_go_on_a_full_disk() {
    let (disk, env) = simulated();
    let mut log = open(&env, &small());
    fill(&mut log);
    log.advance_high_watermark(Offset(20));
    log.update_config(Arc::new(LogConfig { retention_bytes: 800, ..small() }));
    disk.set_capacity(Some(disk.used_bytes()));
    let deleted = log.delete_old_segments(1000).unwrap();
    assert!(!deleted.is_empty());
    assert!(log.remove_deleted(100_000).unwrap() > 0);
    disk.set_capacity(None);
    assert_eq!(
        read_all(&log.reader(), 0).len(),
        20 - usize::try_from(log.reader().log_start_offset().get()).unwrap()
    );
    log.check_invariants();
}

/// Deleting all records does not forget who wrote them: a batch that is sent again is still known.
#[test]
fn producers_outlive_their_deleted_records() {
    let (_, env) = simulated();
    let mut log = open(&env, &LogConfig::default());
    let send = |log: &mut PartitionLog| {
        let records = producer_batch(ProducerId(9), 0, &[(1, "a", "1")]);
        log.append_as_leader(records, LeaderEpoch(0), AppendOrigin::Client, 1000).unwrap()
    };
    assert!(!send(&mut log).duplicate);
    log.advance_high_watermark(Offset(1));
    log.delete_records(Offset(1)).unwrap();
    assert!(send(&mut log).duplicate);
    log.close().unwrap();
    let clean = OpenOptions {
        recovery_point: Offset(1),
        log_start_offset: Offset(1),
        clean_shutdown: true,
        ..OpenOptions::new(1000)
    };
    let (mut log, _) =
        PartitionLog::open(&env, Path::new(FOLDER), Arc::new(LogConfig::default()), clean).unwrap();
    assert!(send(&mut log).duplicate);
    log.check_invariants();
}
