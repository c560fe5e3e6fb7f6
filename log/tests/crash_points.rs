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
