use std::cell::Cell;
use std::path::Path;

use medallion_log::{AppendOrigin, LogEnvironment, OpenOptions, PartitionLog};
use medallion_os::{FileSystem, ManualClock, SimulatedFileSystem};
use medallion_wire::LeaderEpoch;
use medallion_wire::internal_records::group::{OffsetCommitKey, OffsetCommitValue};
use medallion_wire::records::{BatchBuilder, BatchOptions};
use medallion_wire::types::Uuid;

use super::*;

const TOPIC: TopicId = TopicId(Uuid::from_u128(7));

/// A topic `t` of one partition with records of these times, and one `offline` without an open log.
struct OneLog {
    log: PartitionLog,
    asked: Cell<usize>,
}

impl OneLog {
    fn new(times_ms: &[i64]) -> Self {
        let disk = SimulatedFileSystem::new();
        disk.create_directories(Path::new("/data")).expect("a folder");
        let environment = LogEnvironment::new(Arc::new(disk));
        let log =
            PartitionLog::open(&environment, Path::new("/data/t-0"), Arc::default(), OpenOptions::new(0));
        let mut log = log.expect("a log").0;
        for time_ms in times_ms {
            let mut builder = BatchBuilder::new(BatchOptions::default());
            builder.append(*time_ms, None, Some(b"v"), &[]).expect("a record");
            let batch = builder.build().expect("a batch").into_bytes();
            log.append_as_leader(batch, LeaderEpoch(0), AppendOrigin::Client, 0).expect("appended");
        }
        let end = log.reader().log_end_offset();
        log.advance_high_watermark(end);
        Self { log, asked: Cell::new(0) }
    }
}

impl Logs for OneLog {
    fn find(&self, topic: &str, partition: i32) -> Option<(TopicId, Option<LogReader>)> {
        self.asked.set(self.asked.get() + 1);
        match (topic, partition) {
            ("t", 0) => Some((TOPIC, Some(self.log.reader()))),
            ("offline", 0) => Some((TOPIC, None)),
            _ => None,
        }
    }
}

fn committed(commits: &[(&str, &str, i64)]) -> Offsets {
    let mut offsets = Offsets::default();
    for (group, topic, offset) in commits {
        let key = OffsetCommitKey { group: (*group).to_owned(), topic: (*topic).to_owned(), partition: 0 };
        let value = OffsetCommitValue { offset: *offset, ..OffsetCommitValue::default() };
        offsets.apply(&key, Some(&value), None);
    }
    offsets
}

fn told(report: &LagReport) -> Vec<(&str, i64, Option<i64>)> {
    report.lags.iter().map(|lag| (lag.group.as_str(), lag.records, lag.time_ms)).collect()
}

#[test]
fn lag_is_told_in_records_and_in_time() {
    let logs = OneLog::new(&[1_000, 3_000, 2_000, -1]);
    let clock = ManualClock::new(10_000);
    let shards = [
        committed(&[("d", "t", 4), ("a", "t", 0), ("c", "t", 3)]),
        committed(&[("b", "t", 1), ("e", "t", 9), ("f", "gone", 1), ("g", "offline", 1)]),
    ];
    let report = LagMeter::default().measure(&shards, &logs, &clock, 100);
    assert_eq!(
        told(&report),
        [("a", 4, Some(9_000)), ("b", 3, Some(7_000)), ("c", 1, None), ("d", 0, Some(0)), ("e", 0, Some(0))]
    );
    assert_eq!((report.over_limit, report.without_log, report.without_time), (0, 1, 1));
}

#[test]
fn what_was_looked_up_is_kept_while_the_offset_stays() {
    let mut logs = OneLog::new(&[1_000, 3_000]);
    let (clock, mut meter) = (ManualClock::new(10_000), LagMeter::default());
    let mut measure = |logs: &OneLog, offset| {
        let report = meter.measure(&[committed(&[("a", "t", offset)])], logs, &clock, 100);
        (report.lags[0].time_ms, meter.written.len())
    };
    assert_eq!(measure(&logs, 0), (Some(9_000), 1));
    clock.advance(Duration::from_secs(1));
    assert_eq!(measure(&logs, 0), (Some(10_000), 1), "the age grows");
    assert_eq!(measure(&logs, 1), (Some(8_000), 1), "places that nobody stands at are forgotten");
    logs.log.delete_records(Offset(1)).expect("deleted");
    assert_eq!(measure(&logs, 0), (Some(8_000), 1), "the oldest that is still there");
}

#[test]
fn so_many_partitions_are_told_and_no_more() {
    let logs = OneLog::new(&[1_000]);
    let clock = ManualClock::new(10_000);
    let shards = [committed(&[("b", "t", 0), ("a", "t", 0), ("c", "t", 0)])];
    let report = LagMeter::default().measure(&shards, &logs, &clock, 2);
    assert_eq!(told(&report), [("a", 1, Some(9_000)), ("b", 1, Some(9_000))]);
    assert_eq!((report.over_limit, logs.asked.get()), (1, 2));
}

/// A clock on which everything takes longer than the budget.
#[derive(Debug)]
struct SlowClock(ManualClock);

impl Clock for SlowClock {
    fn now_ms(&self) -> i64 {
        self.0.now_ms()
    }

    fn monotonic(&self) -> Duration {
        let now = self.0.monotonic();
        self.0.advance(BUDGET);
        now
    }
}

#[test]
fn looking_up_ends_with_its_budget() {
    let logs = OneLog::new(&[1_000, 2_000, 3_000]);
    let clock = SlowClock(ManualClock::new(10_000));
    let shards = [committed(&[("a", "t", 0), ("b", "t", 3)])];
    let report = LagMeter::default().measure(&shards, &logs, &clock, 2);
    assert_eq!(told(&report), [("a", 3, None), ("b", 0, Some(0))]);
    assert_eq!(report.without_time, 1);
}

#[test]
fn commits_for_a_topic_of_before_say_nothing() {
    let logs = OneLog::new(&[1_000]);
    let mut offsets = committed(&[("a", "t", 0)]);
    let key = OffsetCommitKey { group: "b".to_owned(), topic: "t".to_owned(), partition: 0 };
    let before = OffsetCommitValue { topic_id: Uuid::from_u128(6), ..OffsetCommitValue::default() };
    offsets.apply(&key, Some(&before), None);
    let report = LagMeter::default().measure(&[offsets], &logs, &ManualClock::new(10_000), 2);
    assert_eq!(told(&report), [("a", 1, Some(9_000))]);
}
