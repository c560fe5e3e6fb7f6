//! A partition whose files cannot be used: others go on, and its topic can be deleted and made anew.

mod common;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use common::Connection;
use common::topics::{batch, create, name, produce, set_of_all_brokers, try_produce, with_broker};
use medallion_wire::messages::delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic};
use medallion_wire::messages::delete_topics_request::DeleteTopicState;
use medallion_wire::messages::{DeleteRecordsRequest, DeleteTopicsRequest, DescribeLogDirsRequest};

const KAFKA_STORAGE_ERROR: i16 = 56;
const PARTITIONS: i32 = 8;

fn delete(connection: &mut Connection, topic: &str) {
    let deleted = DeleteTopicState::default().with_name(Some(name(topic)));
    let request = DeleteTopicsRequest::default().with_topics(vec![deleted]).with_timeout_ms(10_000);
    assert_eq!(connection.ask(6, &request).responses[0].error_code, 0);
}

#[test]
fn a_topic_whose_log_does_not_open_is_deleted_and_made_anew() {
    let directory = tempfile::tempdir().expect("a folder");
    with_broker(directory.path(), &[], |address| {
        create(&mut Connection::open(address), "broken", 1, &[]);
    });
    let folder = directory.path().join("data/broken-0");
    let segment = folder.join("00000000000000000000.log");
    fs::remove_file(&segment).expect("there is a segment");
    fs::create_dir(&segment).expect("a folder in its place");
    let data = folder.clone();
    with_broker(directory.path(), &[], move |address| {
        let connection = &mut Connection::open(address);
        let refused = try_produce(connection, "broken", 0, batch(&[b"key"], b"value"));
        assert_eq!(refused.error_code, KAFKA_STORAGE_ERROR);
        delete(connection, "broken");
        assert!(!data.exists(), "the old log stays in place");
        create(connection, "broken", 1, &[]);
        assert_eq!(produce(connection, "broken", 0, batch(&[b"key"], b"value")), 0);
    });
}

/// What an earlier topic of the name left in the checkpoints is not the new one's.
#[test]
fn a_topic_that_is_made_anew_begins_at_zero() {
    let directory = tempfile::tempdir().expect("a folder");
    with_broker(directory.path(), &[], |address| {
        let connection = &mut Connection::open(address);
        create(connection, "again", 1, &[]);
        for _ in 0..3 {
            produce(connection, "again", 0, batch(&[b"key"], b"value"));
        }
        delete_records(connection, "again", 2);
    });
    with_broker(directory.path(), &[], |address| {
        let connection = &mut Connection::open(address);
        assert_eq!(produce(connection, "again", 0, batch(&[b"key"], b"value")), 3);
        delete(connection, "again");
        create(connection, "again", 1, &[]);
        assert_eq!(produce(connection, "again", 0, batch(&[b"key"], b"value")), 0);
    });
}

fn delete_records(connection: &mut Connection, topic: &str, before: i64) {
    let partition = DeleteRecordsPartition::default().with_offset(before);
    let deleted = DeleteRecordsTopic::default().with_name(name(topic)).with_partitions(vec![partition]);
    let request = DeleteRecordsRequest::default().with_topics(vec![deleted]).with_timeout_ms(1_000);
    assert_eq!(connection.ask(2, &request).topics[0].partitions[0].low_watermark, before);
}

fn sizes(connection: &mut Connection) -> Vec<i64> {
    let response = connection.ask(4, &DescribeLogDirsRequest::default().with_topics(None));
    let partitions = response.results[0].topics.iter().flat_map(|topic| &topic.partitions);
    partitions.map(|partition| partition.partition_size).collect()
}

/// Makes every compaction of a partition fail: the file that it would write is a folder.
fn block_compaction(data: &Path, partition: i32) {
    let folder = data.join(format!("compacted-{partition}"));
    fs::create_dir_all(folder.join("00000000000000000000.log.cleaned/full")).expect("a folder");
}

/// The cleaner's interval is an hour at the start, and is changed while the broker runs.
#[test]
fn a_partition_that_cannot_be_compacted_leaves_the_others_to_the_cleaner() {
    let directory = tempfile::tempdir().expect("a folder");
    let data = directory.path().join("data");
    let settings = [("log.cleaner.backoff.ms", "3600000")];
    with_broker(directory.path(), &settings, move |address| {
        let connection = &mut Connection::open(address);
        let configs = [
            ("cleanup.policy", "compact"),
            ("segment.bytes", "1048576"),
            ("min.cleanable.dirty.ratio", "0.01"),
        ];
        create(connection, "compacted", PARTITIONS, &configs);
        block_compaction(&data, 3);
        for partition in 0..PARTITIONS {
            for _ in 0..30 {
                produce(connection, "compacted", partition, batch(&[b"key"], &vec![b'x'; 100_000]));
            }
        }
        assert!(sizes(connection).iter().all(|size| *size > 2_900_000));
        set_of_all_brokers(connection, "log.cleaner.backoff.ms", "100");
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let compacted = sizes(connection).iter().filter(|size| **size < 2_000_000).count();
            if compacted == usize::try_from(PARTITIONS - 1).expect("small") {
                break;
            }
            assert!(Instant::now() < deadline, "{compacted} partitions are compacted");
            std::thread::sleep(Duration::from_millis(100));
        }
    });
}
