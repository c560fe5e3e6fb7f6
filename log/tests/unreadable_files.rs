//! A file that cannot be read is not taken for a damaged one: nothing is lost once the disk can be read again.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::path::Path;
use std::sync::Arc;

use common::*;
use medallion_log::{AppendOrigin, LogConfig, OpenOptions, PartitionLog};
use medallion_os::FileSystem;
use medallion_wire::{LeaderEpoch, Offset, ProducerId};

const RECORDS: i64 = 40;

/// A log of several segments and epochs, in part flushed, with an idempotent producer.
fn fill(log: &mut PartitionLog) {
    for round in 0..RECORDS {
        let records = [(round, "key", "some value")];
        let batch = producer_batch(ProducerId(5), i32::try_from(round).unwrap(), &records);
        let epoch = LeaderEpoch(i32::try_from(round / 10).unwrap());
        log.append_as_leader(batch, epoch, AppendOrigin::Client, round).unwrap();
        if round == RECORDS / 2 {
            log.flush().unwrap();
        }
    }
}

#[test]
fn a_read_error_while_a_log_is_opened_costs_nothing() {
    let config = LogConfig { segment_bytes: 700, index_interval_bytes: 100, ..LogConfig::default() };
    let mut refused = 0;
    let names = {
        let (disk, env) = simulated();
        fill(&mut open(&env, &config));
        file_names(&disk)
    };
    for (name, clean_shutdown) in names.iter().flat_map(|name| [(name, false), (name, true)]) {
        let (disk, env) = simulated();
        let mut log = open(&env, &config);
        fill(&mut log);
        let epochs = log.reader().latest_epoch();
        let ends = [0, 1, 2, 3].map(|epoch| log.reader().epoch_end_offset(LeaderEpoch(epoch)));
        if clean_shutdown {
            log.close().unwrap();
        } else {
            drop(log);
        }
        let recovery_point = Offset(if clean_shutdown { RECORDS } else { 0 });
        let options = OpenOptions { recovery_point, clean_shutdown, ..OpenOptions::new(0) };
        disk.fail_reads(&Path::new(FOLDER).join(name)).unwrap();
        let opened = PartitionLog::open(&env, Path::new(FOLDER), Arc::new(config.clone()), options);
        refused += usize::from(opened.is_err());
        drop(opened);
        disk.clear_faults();

        let options = OpenOptions { clean_shutdown: false, ..options };
        let (log, report) =
            PartitionLog::open(&env, Path::new(FOLDER), Arc::new(config.clone()), options).unwrap();
        let case = format!("{name}, clean shutdown: {clean_shutdown}");
        assert!(report.damaged.is_none(), "{case}: {report:?}");
        assert_eq!(read_all(&log.reader(), 0).len(), 40, "{case}");
        assert_eq!(log.reader().latest_epoch(), epochs, "{case}");
        let ends_now = [0, 1, 2, 3].map(|epoch| log.reader().epoch_end_offset(LeaderEpoch(epoch)));
        assert_eq!(ends_now, ends, "{case}");
        assert!(disk.exists(Path::new(FOLDER)).unwrap());
        log.check_invariants();
    }
    assert!(refused > 3, "only {refused} openings were refused");
}
