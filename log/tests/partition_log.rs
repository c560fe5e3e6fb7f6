//! Single behaviours of a partition's log, each with the files that it leaves.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::path::Path;
use std::sync::Arc;

use common::*;
use medallion_log::producer_state::ProducerStateError;
use medallion_log::{
    AbortedTransaction, AppendError, AppendOrigin, CompressionSetting, LogConfig, LogError, LogReader,
    OpenOptions, PartitionLog, ReadError,
};
use medallion_os::{FileSystem, OpenMode};
use medallion_wire::records::{BatchBuilder, BatchOptions, EndTransactionMarker};
use medallion_wire::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, TopicId, types::Uuid};

fn append(log: &mut PartitionLog, records: &[(i64, &str, &str)]) -> Offset {
    append_in(log, 0, records)
}

fn append_in(log: &mut PartitionLog, epoch: i32, records: &[(i64, &str, &str)]) -> Offset {
    log.append_as_leader(batch(records), LeaderEpoch(epoch), AppendOrigin::Client, 1000).unwrap().base_offset
}

fn small() -> LogConfig {
    LogConfig { segment_bytes: 400, index_interval_bytes: 100, ..LogConfig::default() }
}

fn reopen(env: &medallion_log::LogEnvironment, config: &LogConfig, options: OpenOptions) -> PartitionLog {
    PartitionLog::open(env, Path::new(FOLDER), Arc::new(config.clone()), options).unwrap().0
}

#[test]
fn a_leader_begins_its_epoch_before_it_writes() {
    let (disk, env) = simulated();
    let mut log = reopen(&env, &LogConfig::default(), OpenOptions::new(0));
    log.begin_leader_epoch(LeaderEpoch(2));
    let reader = log.reader();
    assert_eq!(reader.epoch_end_offset(LeaderEpoch(2)), Some((LeaderEpoch(2), Offset(0))));
    assert_eq!(reader.epoch_end_offset(LeaderEpoch(1)), Some((LeaderEpoch(1), Offset(0))));
    assert_eq!(read_file(&disk, "leader-epoch-checkpoint"), b"0\n0\n");
    append_in(&mut log, 2, &[(10, "a", "1")]);
    assert_eq!(read_file(&disk, "leader-epoch-checkpoint"), b"0\n1\n2 0\n");
    log.begin_leader_epoch(LeaderEpoch(5));
    log.check_invariants();
    assert_eq!(reader.epoch_end_offset(LeaderEpoch(2)), Some((LeaderEpoch(2), Offset(1))));
    append_in(&mut log, 7, &[(11, "b", "2")]);
    assert_eq!(read_file(&disk, "leader-epoch-checkpoint"), b"0\n2\n2 0\n7 1\n");
}

#[test]
fn offsets_epochs_and_files_are_kafkas() {
    let (disk, env) = simulated();
    let id = TopicId(Uuid::from_u128(7));
    let options = OpenOptions { topic_id: Some(id), ..OpenOptions::new(0) };
    let mut log = reopen(&env, &LogConfig::default(), options);
    assert_eq!(append(&mut log, &[(10, "a", "1"), (12, "b", "2")]), Offset(0));
    let outcome =
        log.append_as_leader(batch(&[(11, "c", "3")]), LeaderEpoch(4), AppendOrigin::Client, 1000).unwrap();
    assert_eq!((outcome.base_offset, outcome.last_offset, outcome.duplicate), (Offset(2), Offset(2), false));
    log.check_invariants();
    let reader = log.reader();
    assert_eq!(read_all(&reader, 0).iter().map(|record| record.offset).collect::<Vec<_>>(), [0, 1, 2]);
    assert_eq!(reader.epoch_end_offset(LeaderEpoch(0)), Some((LeaderEpoch(0), Offset(2))));
    assert_eq!(reader.latest_epoch(), Some(LeaderEpoch(4)));
    log.flush().unwrap();
    assert_eq!(reader.recovery_point(), Offset(3));
    assert_eq!(
        file_names(&disk),
        [
            "00000000000000000000.index",
            "00000000000000000000.log",
            "00000000000000000000.timeindex",
            "leader-epoch-checkpoint",
            "partition.metadata"
        ]
    );
    assert_eq!(read_file(&disk, "leader-epoch-checkpoint"), b"0\n2\n0 0\n4 2\n");
    let other = OpenOptions { topic_id: Some(TopicId(Uuid::from_u128(8))), ..OpenOptions::new(0) };
    let error =
        PartitionLog::open(&env, Path::new(FOLDER), Arc::new(LogConfig::default()), other).unwrap_err();
    assert!(matches!(error, LogError::TopicIdMismatch { .. }), "{error}");
}

#[test]
fn segments_roll_by_size_and_index_what_they_hold() {
    let (disk, env) = simulated();
    let mut log = open(&env, &small());
    for round in 0..20 {
        append(&mut log, &[(round, "key", "some value")]);
    }
    log.check_invariants();
    let segments = log.reader().segments();
    assert!(segments.len() > 3, "{segments:?}");
    assert!(segments.iter().all(|segment| segment.size_bytes <= 400));
    assert_eq!(read_all(&log.reader(), 0).len(), 20);
    let base = segments[1].base_offset;
    assert!(file_names(&disk).contains(&format!("{:020}.snapshot", base.get())));
    assert!(!read_file(&disk, "00000000000000000000.index").is_empty());
    assert_eq!(read_file(&disk, "00000000000000000000.timeindex").len() % 12, 0);
}

#[test]
fn segments_roll_by_the_age_of_records() {
    let (_, env) = simulated();
    let mut log = open(&env, &LogConfig { segment_ms: 100, ..LogConfig::default() });
    append(&mut log, &[(1000, "a", "1")]);
    append(&mut log, &[(1100, "a", "1")]);
    assert_eq!(log.reader().segments().len(), 1);
    append(&mut log, &[(1101, "a", "1")]);
    assert_eq!(log.reader().segments().len(), 2);
    assert!(!log.maybe_roll(1150).unwrap());
    assert!(log.maybe_roll(1250).unwrap());
    assert!(!log.maybe_roll(9999).unwrap(), "an empty segment stays");
    log.check_invariants();
}

#[test]
fn reads_give_whole_batches_below_the_bound() {
    let (_, env) = simulated();
    let mut log = open(&env, &LogConfig::default());
    for round in 0..10 {
        append(&mut log, &[(round, "a", "1"), (round, "b", "2")]);
    }
    let reader = log.reader();
    let one = reader.read(Offset(0), 1, true, Offset(20)).unwrap();
    assert_eq!(decode(one.read_to_vec().unwrap()).len(), 2);
    assert_eq!(reader.read(Offset(0), 1, false, Offset(20)).unwrap().len, 0);
    let some = reader.read(Offset(3), 2 * one.len + 1, true, Offset(20)).unwrap();
    assert_eq!((some.len, some.first_offset), (2 * one.len, Offset(2)));
    let bounded = reader.read(Offset(3), 1 << 20, true, Offset(7)).unwrap();
    assert_eq!(bounded.len, 2 * one.len, "the batch that straddles the bound is left out");
    assert_eq!(reader.read(Offset(20), 100, true, Offset(20)).unwrap().len, 0);
    assert_eq!(reader.read(Offset(6), 100, true, Offset(7)).unwrap().len, 0);
    let error = reader.read(Offset(21), 100, true, Offset(20)).unwrap_err();
    assert!(matches!(error, ReadError::OffsetOutOfRange { log_end_offset: Offset(20), .. }), "{error}");
}

#[test]
fn a_group_is_written_at_once_and_each_request_answered() {
    let (disk, env) = simulated();
    let mut log = open(&env, &LogConfig::default());
    let request = |records| medallion_log::AppendRequest {
        records,
        leader_epoch: LeaderEpoch(0),
        origin: AppendOrigin::Client,
    };
    append(&mut log, &[(1, "a", "1")]);
    let before = disk.changes();
    let mut damaged = batch(&[(1, "x", "y")]).to_vec();
    damaged[65] ^= 1;
    let results = log.append_many(
        vec![
            request(batch(&[(1, "a", "1"), (1, "b", "2")])),
            request(damaged.into()),
            request(producer_batch(ProducerId(9), 0, &[(1, "c", "3")])),
            request(producer_batch(ProducerId(9), 0, &[(1, "c", "3")])),
            request(producer_batch(ProducerId(9), 2, &[(1, "d", "4")])),
        ],
        1000,
    );
    assert_eq!(disk.changes() - before, 1, "one vectored write");
    let offsets: Vec<_> =
        results.iter().map(|result| result.as_ref().ok().map(|ok| ok.base_offset.get())).collect();
    assert_eq!(offsets, [Some(1), None, Some(3), Some(3), None]);
    assert!(results[3].as_ref().unwrap().duplicate);
    assert!(matches!(
        results[4],
        Err(AppendError::Producer(ProducerStateError::OutOfOrderSequence { found: 2, last_sequence: 0, .. }))
    ));
    assert_eq!(log.reader().log_end_offset(), Offset(4));
    log.check_invariants();
}

#[test]
fn producers_survive_a_clean_stop_and_a_kill() {
    let (disk, env) = simulated();
    let mut log = open(&env, &LogConfig::default());
    let send = |log: &mut PartitionLog, sequence| {
        let records = producer_batch(ProducerId(9), sequence, &[(1, "a", "1")]);
        log.append_as_leader(records, LeaderEpoch(0), AppendOrigin::Client, 1000)
    };
    send(&mut log, 0).unwrap();
    log.close().unwrap();
    assert!(matches!(send(&mut log, 1), Err(AppendError::Log(LogError::Closed { .. }))));
    assert!(file_names(&disk).contains(&"00000000000000000001.snapshot".to_owned()));
    let clean = OpenOptions { clean_shutdown: true, recovery_point: Offset(1), ..OpenOptions::new(1000) };
    let mut log = reopen(&env, &LogConfig::default(), clean);
    assert!(send(&mut log, 0).unwrap().duplicate);
    send(&mut log, 1).unwrap();
    log.flush().unwrap();
    disk.crash(3);
    let killed = OpenOptions { recovery_point: Offset(1), ..OpenOptions::new(1000) };
    let (mut log, report) =
        PartitionLog::open(&env, Path::new(FOLDER), Arc::new(LogConfig::default()), killed).unwrap();
    assert_eq!((report.scanned_from, report.log_end_offset), (Some(Offset(1)), Offset(2)));
    assert_eq!(send(&mut log, 1).unwrap().base_offset, Offset(1));
    assert!(matches!(send(&mut log, 3), Err(AppendError::Producer(_))));
    log.check_invariants();
}

#[test]
fn time_finds_the_first_record_at_or_after() {
    let (_, env) = simulated();
    let mut log = open(&env, &small());
    for round in 0..20 {
        append(&mut log, &[(round * 10, "key", "some value"), (round * 10 + 5, "key", "v")]);
    }
    let reader = log.reader();
    for wanted in 0..195 {
        let found = reader.offset_for_timestamp(wanted).unwrap().unwrap();
        assert_eq!(found.offset.get(), (wanted + 4) / 5, "{wanted}");
        assert_eq!(found.leader_epoch, Some(LeaderEpoch(0)));
    }
    assert_eq!(reader.offset_for_timestamp(196).unwrap(), None);
    assert_eq!(reader.max_timestamp().unwrap().unwrap().offset, Offset(39));
}

#[test]
fn deletes_move_the_start_and_drop_whole_segments() {
    let (disk, env) = simulated();
    let mut log = open(&env, &small());
    for round in 0..20 {
        append(&mut log, &[(round, "key", "some value")]);
    }
    assert!(matches!(log.delete_records(Offset(5)), Err(LogError::OffsetOutOfRange { .. })));
    log.advance_high_watermark(Offset(20));
    assert_eq!(log.delete_records(Offset(9)).unwrap(), Offset(9));
    assert_eq!(log.delete_records(Offset(3)).unwrap(), Offset(9));
    let deleted = log.delete_old_segments(1000).unwrap();
    assert!(!deleted.is_empty());
    log.check_invariants();
    assert_eq!(read_all(&log.reader(), 0)[0].offset, 9);
    assert!(matches!(
        log.reader().read(Offset(8), 1, true, Offset(20)),
        Err(ReadError::OffsetOutOfRange { .. })
    ));
    assert!(file_names(&disk).iter().any(|name| name.ends_with(".deleted")));
    assert_eq!(log.remove_deleted(2000).unwrap(), 0);
    assert!(log.remove_deleted(61_000).unwrap() > 0);
    assert!(!file_names(&disk).iter().any(|name| name.ends_with(".deleted")));
    let all = LogConfig { retention_ms: 10, ..small() };
    log.update_config(Arc::new(all));
    log.delete_old_segments(100_000).unwrap();
    assert_eq!(log.reader().log_start_offset(), Offset(20));
    log.check_invariants();
}

#[test]
fn truncation_cuts_records_epochs_and_producers() {
    let (_, env) = simulated();
    let mut log = open(&env, &small());
    for round in 0..20 {
        append_in(
            &mut log,
            i32::try_from(round / 8).unwrap(),
            &[(round, "key", "some value"), (round, "k", "v")],
        );
    }
    log.truncate_to(Offset(21)).unwrap();
    log.check_invariants();
    assert_eq!(log.reader().log_end_offset(), Offset(20), "the batch that holds 20 and 21 goes");
    assert_eq!(log.reader().latest_epoch(), Some(LeaderEpoch(1)));
    assert_eq!(read_all(&log.reader(), 0).len(), 20);
    assert_eq!(append_in(&mut log, 9, &[(1, "a", "1")]), Offset(20));
    log.truncate_fully_and_start_at(Offset(100)).unwrap();
    log.check_invariants();
    assert_eq!(append_in(&mut log, 9, &[(1, "a", "1")]), Offset(100));
    assert_eq!(read_all(&log.reader(), 0).len(), 1);
}

#[test]
fn a_follower_copies_offsets_and_epochs() {
    let (_, env) = simulated();
    let mut leader = open(&env, &LogConfig::default());
    for epoch in [0, 0, 3] {
        append_in(&mut leader, epoch, &[(1, "a", "1"), (2, "b", "2")]);
    }
    let all = leader.reader().read(Offset(0), 1 << 20, true, Offset(6)).unwrap().read_to_vec().unwrap();
    let (_, env) = simulated();
    let mut follower = open(&env, &LogConfig::default());
    let outcome = follower.append_as_follower(all.clone().into()).unwrap();
    assert_eq!((outcome.base_offset, outcome.last_offset), (Offset(0), Offset(5)));
    assert_eq!(follower.reader().latest_epoch(), Some(LeaderEpoch(3)));
    assert_eq!(read_all(&follower.reader(), 0), read_all(&leader.reader(), 0));
    let error = follower.append_as_follower(all.into()).unwrap_err();
    assert!(matches!(error, AppendError::UnexpectedOffset { .. }), "{error}");
    follower.check_invariants();
}

#[test]
fn a_full_disk_is_survived() {
    let (disk, env) = simulated();
    let mut log = open(&env, &LogConfig::default());
    append(&mut log, &[(1, "a", "1")]);
    disk.set_capacity(Some(disk.used_bytes() + 30));
    let error = log
        .append_as_leader(
            producer_batch(ProducerId(5), 0, &[(1, "b", "2")]),
            LeaderEpoch(0),
            AppendOrigin::Client,
            0,
        )
        .unwrap_err();
    assert!(matches!(error, AppendError::Log(LogError::DiskFull { .. })), "{error}");
    log.check_invariants();
    assert_eq!(read_all(&log.reader(), 0).len(), 1);
    disk.set_capacity(None);
    let again = producer_batch(ProducerId(5), 0, &[(1, "b", "2")]);
    let outcome = log.append_as_leader(again, LeaderEpoch(0), AppendOrigin::Client, 0).unwrap();
    assert_eq!((outcome.base_offset, outcome.duplicate), (Offset(1), false));
    log.check_invariants();
}

#[test]
fn a_failed_flush_poisons_until_reopened() {
    let (disk, env) = simulated();
    let mut log = open(&env, &LogConfig::default());
    append(&mut log, &[(1, "a", "1")]);
    log.flush().unwrap();
    append(&mut log, &[(1, "b", "2")]);
    disk.fail_sync(1);
    log.flush().unwrap_err();
    assert!(log.reader().is_poisoned());
    let refused = log.append_as_leader(batch(&[(1, "c", "3")]), LeaderEpoch(0), AppendOrigin::Client, 0);
    assert!(matches!(refused, Err(AppendError::Log(LogError::Poisoned { .. }))));
    assert!(matches!(log.flush(), Err(LogError::Poisoned { .. })), "a failed flush is never tried again");
    assert_eq!(read_all(&log.reader(), 0).len(), 2, "reads go on");
    drop(log);
    let options = OpenOptions { recovery_point: Offset(1), ..OpenOptions::new(0) };
    let mut log = reopen(&env, &LogConfig::default(), options);
    append(&mut log, &[(1, "d", "4")]);
    log.check_invariants();
}

#[test]
fn damage_above_the_recovery_point_ends_the_log_and_is_kept() {
    let (disk, env) = simulated();
    let mut log = open(&env, &small());
    for round in 0..20 {
        append(&mut log, &[(round, "key", "some value")]);
    }
    drop(log);
    let file = disk.open(&Path::new(FOLDER).join("00000000000000000000.log"), OpenMode::ReadWrite).unwrap();
    file.write_all_at(&[b"!"], 85 + 70).unwrap();
    let (log, report) =
        PartitionLog::open(&env, Path::new(FOLDER), Arc::new(small()), OpenOptions::new(0)).unwrap();
    let damaged = report.damaged.unwrap();
    assert_eq!((damaged.offset, report.log_end_offset), (Offset(1), Offset(1)));
    assert!(damaged.reason.contains("CRC"), "{}", damaged.reason);
    assert!(damaged.saved_as.len() > 3, "{:?}", damaged.saved_as);
    assert!(disk.exists(&damaged.saved_as[0]).unwrap());
    log.check_invariants();
    assert_eq!(read_all(&log.reader(), 0).len(), 1);
}

#[test]
fn damage_below_the_recovery_point_is_never_cut() {
    let (disk, env) = simulated();
    let mut log = open(&env, &LogConfig { segment_bytes: 1 << 20, ..small() });
    let mut positions = Vec::new();
    for round in 0..20 {
        positions.push(log.reader().size_bytes());
        append(&mut log, &[(round, "key", "some value")]);
    }
    log.flush().unwrap();
    drop(log);
    let name = "00000000000000000000.log";
    let before = read_file(&disk, name).len();
    let file = disk.open(&Path::new(FOLDER).join(name), OpenMode::ReadWrite).unwrap();
    file.write_all_at(&[&[0xff; 17]], positions[19]).unwrap();
    let options = OpenOptions { recovery_point: Offset(20), ..OpenOptions::new(0) };
    let mut log = reopen(&env, &small(), options);
    assert_eq!(read_file(&disk, name).len(), before);
    assert_eq!(append(&mut log, &[(1, "new", "one")]), Offset(20));
    let reader = log.reader();
    assert_eq!(
        decode(reader.read(Offset(0), 1 << 20, true, Offset(19)).unwrap().read_to_vec().unwrap()).len(),
        19
    );
    let error = reader.read(Offset(19), 1 << 20, true, Offset(21)).unwrap_err();
    assert!(matches!(error, ReadError::Corrupt { offset: Offset(19), .. }), "{error}");
    assert_eq!(read_all(&reader, 20).len(), 1);
    log.check_invariants();
}

#[test]
fn a_torn_tail_is_cut_and_zero_tailed_indexes_are_taken() {
    let (disk, env) = simulated();
    let mut log = open(&env, &LogConfig { segment_bytes: 1 << 20, ..small() });
    for round in 0..20 {
        append(&mut log, &[(round, "key", "some value")]);
    }
    log.flush().unwrap();
    let size = log.reader().size_bytes();
    drop(log);
    for (name, extra) in [("log", 40), ("index", 800), ("timeindex", 1200)] {
        let path = Path::new(FOLDER).join(format!("{:020}.{name}", 0));
        let file = disk.open(&path, OpenMode::ReadWrite).unwrap();
        let len = file.len().unwrap();
        file.set_len(len + extra).unwrap();
    }
    let options = OpenOptions { recovery_point: Offset(12), ..OpenOptions::new(0) };
    let (log, report) = PartitionLog::open(&env, Path::new(FOLDER), Arc::new(small()), options).unwrap();
    assert_eq!((report.truncated_bytes, report.damaged, report.indexes_rebuilt), (40, None, 0));
    assert!(report.scanned_bytes < size / 2, "{} of {size}", report.scanned_bytes);
    assert_eq!(read_all(&log.reader(), 0).len(), 20);
    log.check_invariants();
}

#[test]
fn a_flush_on_another_thread_does_not_cover_later_truncations() {
    let (_, env) = simulated();
    let mut log = open(&env, &LogConfig::default());
    append(&mut log, &[(1, "a", "1")]);
    append(&mut log, &[(1, "b", "2")]);
    let task = log.flush_handle().unwrap();
    log.truncate_to(Offset(1)).unwrap();
    append(&mut log, &[(1, "c", "3")]);
    task.run().unwrap();
    assert_eq!(log.reader().recovery_point(), Offset(0));
    std::thread::scope(|scope| {
        let task = log.flush_handle().unwrap();
        scope.spawn(move || task.run().unwrap());
        append(&mut log, &[(1, "d", "4")]);
    });
    assert_eq!(log.reader().recovery_point(), Offset(2));
}

#[test]
fn unfinished_replacements_are_settled() {
    let (disk, env) = simulated();
    let mut log = open(&env, &small());
    for round in 0..20 {
        append(&mut log, &[(round, "key", "some value")]);
    }
    log.close().unwrap();
    let base = log.reader().segments()[1].base_offset.get();
    drop(log);
    let folder = Path::new(FOLDER);
    let copy = |from: &str, to: &str| {
        let file = disk.open(&folder.join(to), OpenMode::CreateNew).unwrap();
        file.write_all_at(&[&read_file(&disk, from)], 0).unwrap();
    };
    copy(&format!("{base:020}.log"), &format!("{base:020}.log.swap"));
    copy(&format!("{base:020}.log"), &format!("{:020}.log.cleaned", base + 4));
    copy(&format!("{base:020}.log"), &format!("{:020}.log.deleted", base + 4));
    let options = OpenOptions { recovery_point: Offset(20), clean_shutdown: true, ..OpenOptions::new(0) };
    let (log, report) = PartitionLog::open(&env, folder, Arc::new(small()), options).unwrap();
    assert_eq!(report.swaps_settled, 2);
    assert_eq!(report.indexes_rebuilt, 1);
    assert!(file_names(&disk).iter().all(|name| !name.contains("log.")), "{:?}", file_names(&disk));
    assert_eq!(read_all(&log.reader(), 0).len(), 20);
    log.check_invariants();
}

/// CRC-32 (IEEE), which magic 0 and 1 use.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & 0_u32.wrapping_sub(crc & 1)))
    };
    !bytes.iter().fold(u32::MAX, step)
}

/// A message as Kafka wrote it before 0.11: offset, size, CRC, magic, attributes, (timestamp,) key, value.
fn old_message(magic: u8, offset: i64, timestamp_ms: i64, key: &[u8], value: &[u8]) -> Vec<u8> {
    let mut body = vec![magic, 0];
    if magic == 1 {
        body.extend(timestamp_ms.to_be_bytes());
    }
    for field in [key, value] {
        body.extend(i32::try_from(field.len()).unwrap().to_be_bytes());
        body.extend(field);
    }
    let mut message = offset.to_be_bytes().to_vec();
    message.extend(i32::try_from(body.len() + 4).unwrap().to_be_bytes());
    message.extend(crc32(&body).to_be_bytes());
    message.extend(body);
    message
}

#[test]
fn segments_of_old_formats_stay_readable() {
    let (disk, env) = simulated();
    disk.create_directories(Path::new(FOLDER)).unwrap();
    let messages: Vec<Vec<u8>> = (0..20)
        .map(|offset| old_message(u8::from(offset > 4), offset, 1000 + offset, b"key", b"an old value"))
        .collect();
    let path = Path::new(FOLDER).join(format!("{:020}.log", 0));
    disk.open(&path, OpenMode::CreateNew).unwrap().write_all_at(&[&messages.concat()], 0).unwrap();
    let (mut log, report) =
        PartitionLog::open(&env, Path::new(FOLDER), Arc::new(small()), OpenOptions::new(2000)).unwrap();
    assert_eq!((report.log_end_offset, &report.damaged), (Offset(20), &None));
    log.check_invariants();
    assert_eq!(append(&mut log, &[(3000, "new", "value")]), Offset(20));
    let reader = log.reader();
    let records = read_all(&reader, 0);
    assert_eq!(records.len(), 21);
    assert_eq!((records[7].offset, records[7].timestamp_ms), (7, 1007));
    assert_eq!(records[3].timestamp_ms, -1, "magic 0 has no timestamp");
    assert_eq!(read_all(&reader, 13)[0].offset, 13);
    assert_eq!(reader.offset_for_timestamp(1009).unwrap().unwrap().offset, Offset(9));
    assert_eq!(reader.offset_for_timestamp(1020).unwrap().unwrap().offset, Offset(20));
    log.close().unwrap();
    let clean = OpenOptions { recovery_point: Offset(21), clean_shutdown: true, ..OpenOptions::new(2000) };
    assert_eq!(read_all(&reopen(&env, &small(), clean).reader(), 0).len(), 21);
}

fn of_producer_5(base_sequence: i32) -> BatchOptions {
    BatchOptions {
        producer_id: ProducerId(5),
        producer_epoch: ProducerEpoch(0),
        base_sequence,
        ..BatchOptions::default()
    }
}

fn transactional(base_sequence: i32) -> bytes::Bytes {
    let options = BatchOptions { is_transactional: true, ..of_producer_5(base_sequence) };
    let mut builder = BatchBuilder::new(options);
    builder.append(1, Some(b"k"), Some(b"v"), &[]).unwrap();
    builder.build().unwrap().into_bytes()
}

fn abort_marker() -> bytes::Bytes {
    let marker = EndTransactionMarker { is_commit: false, coordinator_epoch: 1 };
    BatchBuilder::end_transaction(of_producer_5(-1), marker, 2).unwrap().into_bytes()
}

fn aborted_in(reader: &LogReader) -> Vec<AbortedTransaction> {
    let end = reader.log_end_offset();
    let slice = reader.read(Offset(0), 1 << 20, true, end).unwrap();
    slice.aborted_transactions(Offset(0), end).unwrap()
}

#[test]
fn transactions_bound_what_committed_readers_see() {
    let (disk, mut env) = simulated();
    let mut log = open(&env, &LogConfig::default());
    let refused = log.append_as_leader(transactional(0), LeaderEpoch(0), AppendOrigin::Client, 0);
    assert!(matches!(refused, Err(AppendError::Validation(_))), "{refused:?}");
    drop(log);
    env.transactional_writes = true;
    let mut log = open(&env, &LogConfig::default());
    append(&mut log, &[(1, "a", "1")]);
    log.append_as_leader(transactional(0), LeaderEpoch(0), AppendOrigin::Client, 0).unwrap();
    append(&mut log, &[(1, "b", "2")]);
    let reader = log.reader();
    log.advance_high_watermark(Offset(3));
    assert_eq!(reader.last_stable_offset(), Offset(1));
    log.append_as_leader(abort_marker(), LeaderEpoch(0), AppendOrigin::Coordinator, 0).unwrap();
    log.advance_high_watermark(Offset(4));
    assert_eq!(reader.last_stable_offset(), Offset(4));
    let aborted = aborted_in(&reader);
    assert_eq!((aborted.len(), aborted[0].first_offset), (1, Offset(1)));
    log.flush().unwrap();
    drop(log);
    disk.crash(1);
    let flushed = OpenOptions { recovery_point: Offset(4), ..OpenOptions::new(0) };
    let log = reopen(&env, &LogConfig::default(), flushed);
    assert_eq!(aborted_in(&log.reader()), aborted);
    drop(log);
    // Above the recovery point the file comes back from the batches.
    disk.remove_file(&Path::new(FOLDER).join(format!("{:020}.txnindex", 0))).unwrap();
    let log = open(&env, &LogConfig::default());
    assert_eq!(aborted_in(&log.reader()), aborted);
    log.check_invariants();
}

/// What a group has not read is found by offset: not markers, not what is behind the bound.
#[test]
fn the_first_record_from_an_offset() {
    let (_, mut env) = simulated();
    env.transactional_writes = true;
    let mut log = open(&env, &LogConfig::default());
    append(&mut log, &[(50, "a", "1"), (40, "b", "2"), (60, "c", "3")]);
    log.append_as_leader(transactional(0), LeaderEpoch(0), AppendOrigin::Client, 0).unwrap();
    log.append_as_leader(abort_marker(), LeaderEpoch(0), AppendOrigin::Coordinator, 0).unwrap();
    log.roll().unwrap();
    append_in(&mut log, 3, &[(90, "d", "4")]);
    let reader = log.reader();
    let find = |from: i64, bound: i64| {
        let found = reader.first_record_from(Offset(from), Offset(bound)).unwrap();
        found.map(|found| (found.offset.get(), found.timestamp_ms))
    };
    let all: Vec<_> = (0..7).map(|from| find(from, 6)).collect();
    assert_eq!(
        all,
        [Some((0, 50)), Some((1, 40)), Some((2, 60)), Some((3, 1)), Some((5, 90)), Some((5, 90)), None]
    );
    assert_eq!((find(4, 5), find(2, 2), find(1, 2)), (None, None, Some((1, 40))));
    log.advance_high_watermark(Offset(6));
    log.delete_records(Offset(2)).unwrap();
    assert_eq!(find(0, 6), Some((2, 60)), "from where there are records");
}

/// What was read before retention took its segment is still filtered by what the segment said.
#[test]
fn a_read_keeps_its_aborted_transactions() {
    let (_, mut env) = simulated();
    env.transactional_writes = true;
    let mut log = open(&env, &LogConfig::default());
    log.append_as_leader(transactional(0), LeaderEpoch(0), AppendOrigin::Client, 0).unwrap();
    log.append_as_leader(abort_marker(), LeaderEpoch(0), AppendOrigin::Coordinator, 0).unwrap();
    append(&mut log, &[(1, "a", "1")]);
    log.roll().unwrap();
    log.advance_high_watermark(Offset(3));
    let slice = log.reader().read(Offset(0), 1 << 20, true, Offset(3)).unwrap();
    log.delete_records(Offset(3)).unwrap();
    assert_eq!(log.delete_old_segments(0).unwrap().len(), 1);
    assert_eq!(decode(slice.read_to_vec().unwrap()).len(), 3);
    let aborted = slice.aborted_transactions(Offset(0), Offset(3)).unwrap();
    assert_eq!(aborted, [AbortedTransaction { producer_id: ProducerId(5), first_offset: Offset(0) }]);
}

/// The caller writes on a thread that should not wait, so that whatever is more than a write must be told beforehand.
#[test]
fn a_plain_append_opens_rolls_flushes_and_decodes_nothing() {
    let (_disk, env) = simulated();
    let config = LogConfig { segment_bytes: 400, ..LogConfig::default() };
    let mut log = reopen(&env, &config, OpenOptions::new(0));
    let is_plain_by =
        |log: &PartitionLog, bytes, origin| log.is_append_plain(bytes, LeaderEpoch(0), origin, 1000);
    let is_plain = |log: &PartitionLog, bytes| is_plain_by(log, bytes, AppendOrigin::Client);
    assert!(!is_plain(&log, 100), "the files are not open, the epoch is new");
    append(&mut log, &[(10, "a", "1")]);
    assert!(is_plain(&log, 100));
    assert!(
        !log.is_append_plain(100, LeaderEpoch(1), AppendOrigin::Client, 1000),
        "the epoch has to be noted"
    );
    assert!(!is_plain(&log, 400), "the segment is full");
    let old_ms = 10 + config.segment_ms + 1;
    assert!(!log.is_append_plain(100, LeaderEpoch(0), AppendOrigin::Client, old_ms), "the segment is old");
    log.roll().unwrap();
    assert!(!is_plain(&log, 100), "nothing was written to this segment");
    append(&mut log, &[(10, "a", "1")]);
    assert!(is_plain(&log, 100));

    let mut compact = config.clone();
    compact.cleanup_policy.compact = true;
    for needs_more in [
        LogConfig { flush_messages: 1000, ..config.clone() },
        LogConfig { compression: CompressionSetting::Zstd(None), ..config.clone() },
        LogConfig { message_timestamp_before_max_ms: 1000, ..config.clone() },
        compact.clone(),
    ] {
        log.update_config(Arc::new(needs_more.clone()));
        assert!(!is_plain(&log, 100), "{needs_more:?}");
        let quickly_checked = needs_more == compact;
        assert_eq!(is_plain_by(&log, 100, AppendOrigin::Coordinator), quickly_checked, "{needs_more:?}");
    }
    log.update_config(Arc::new(config.clone()));
    assert!(is_plain(&log, 100));
}
