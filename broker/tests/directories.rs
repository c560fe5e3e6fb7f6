//! Several `log.dirs`: a partition moves between them while it is written, and is found again after a restart.

mod common;

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use common::{Connection, clients_address, start};
use medallion_wire::messages::alter_replica_log_dirs_request::{AlterReplicaLogDir, AlterReplicaLogDirTopic};
use medallion_wire::messages::create_topics_request::CreatableTopic;
use medallion_wire::messages::fetch_request::{FetchPartition, FetchTopic};
use medallion_wire::messages::produce_request::{PartitionProduceData, TopicProduceData};
use medallion_wire::messages::{
    AlterReplicaLogDirsRequest, CreateTopicsRequest, DescribeLogDirsRequest, FetchRequest, ProduceRequest,
    TopicName,
};
use medallion_wire::records::{BatchBuilder, BatchOptions, DecompressionLimits, RecordBatches};

const TOPIC: &str = "moved";

fn name() -> TopicName {
    TopicName(TOPIC.to_owned().into())
}

fn create(connection: &mut Connection) {
    let topic = CreatableTopic::default().with_name(name()).with_num_partitions(1).with_replication_factor(1);
    let request = CreateTopicsRequest::default().with_topics(vec![topic]).with_timeout_ms(10_000);
    assert_eq!(connection.ask(7, &request).topics[0].error_code, 0);
}

fn produce(connection: &mut Connection, number: u32) -> i64 {
    let mut builder = BatchBuilder::new(BatchOptions::default());
    let value = [&number.to_be_bytes()[..], &[b'x'; 4_000]].concat();
    builder.append(1_700_000_000_000, None, Some(&value), &[]).expect("a record");
    let records = builder.build().expect("a batch").into_bytes();
    let data = PartitionProduceData::default().with_index(0).with_records(Some(records));
    let topic = TopicProduceData::default().with_name(name()).with_partition_data(vec![data]);
    let request =
        ProduceRequest::default().with_acks(-1).with_timeout_ms(10_000).with_topic_data(vec![topic]);
    let response = connection.ask(9, &request);
    let partition = &response.responses[0].partition_responses[0];
    assert_eq!(partition.error_code, 0, "{:?}", partition.error_message);
    partition.base_offset
}

fn read_all(connection: &mut Connection, end: i64) -> Vec<u32> {
    let mut numbers = Vec::new();
    let mut offset = 0;
    while offset < end {
        let partition = FetchPartition::default().with_fetch_offset(offset).with_partition_max_bytes(1 << 20);
        let topic = FetchTopic::default().with_topic(name()).with_partitions(vec![partition]);
        let request =
            FetchRequest::default().with_max_bytes(1 << 20).with_max_wait_ms(1_000).with_topics(vec![topic]);
        let response = connection.ask(11, &request);
        let partition = &response.responses[0].partitions[0];
        assert_eq!(partition.error_code, 0);
        let records: Bytes = partition.records.clone().unwrap_or_default();
        for batch in RecordBatches::new(records) {
            let batch = batch.expect("a sound batch");
            for record in batch.records(DecompressionLimits::default()).expect("records") {
                let record = record.expect("a sound record");
                assert_eq!(record.offset.get(), offset, "no offset is left out or doubled");
                offset += 1;
                let value = record.value.expect("a value");
                numbers.push(u32::from_be_bytes([value[0], value[1], value[2], value[3]]));
            }
        }
    }
    numbers
}

/// The directory that holds the partition, and whether a copy is under way.
fn place(connection: &mut Connection) -> (String, bool) {
    let response = connection.ask(4, &DescribeLogDirsRequest::default().with_topics(None));
    let mut current = String::new();
    let mut moving = false;
    for directory in response.results {
        for partition in directory.topics.iter().flat_map(|topic| &topic.partitions) {
            if partition.is_future_key {
                moving = true;
            } else {
                current = directory.log_dir.to_string();
            }
        }
    }
    (current, moving)
}

fn move_under_load(address: SocketAddr, directories: [&Path; 2]) -> (String, Vec<u32>) {
    let connection = &mut Connection::open(address);
    create(connection);
    let mut written: Vec<u32> = (0..500).collect();
    for number in &written {
        produce(connection, *number);
    }
    let (from, _) = place(connection);
    let to =
        directories.iter().map(|path| path.display().to_string()).find(|path| *path != from).expect("two");
    let topic = AlterReplicaLogDirTopic::default().with_name(name()).with_partitions(vec![0]);
    let directory = AlterReplicaLogDir::default().with_path(to.clone().into()).with_topics(vec![topic]);
    let moved = connection.ask(2, &AlterReplicaLogDirsRequest::default().with_dirs(vec![directory]));
    assert_eq!(moved.results[0].partitions[0].error_code, 0);
    let deadline = Instant::now() + Duration::from_secs(60);
    let mut number = 500;
    while place(connection) != (to.clone(), false) || number < 800 {
        assert!(Instant::now() < deadline, "the partition has not moved");
        produce(connection, number);
        written.push(number);
        number += 1;
    }
    assert_eq!(read_all(connection, i64::from(number)), written);
    (to, written)
}

#[test]
fn a_partition_moves_while_it_is_written_and_stays_where_it_went() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let directory = tempfile::tempdir().expect("a folder");
    let (one, two) = (directory.path().join("one"), directory.path().join("two"));
    let log_dirs = format!("{},{}", one.display(), two.display());
    let (place_after, written) = runtime.block_on(async {
        let broker = start(directory.path(), &[("log.dirs", &log_dirs)]).await.expect("the broker starts");
        let address = clients_address(&broker);
        let paths = (one.clone(), two.clone());
        let work = move || move_under_load(address, [&paths.0, &paths.1]);
        let outcome = tokio::task::spawn_blocking(work).await.expect("no panic");
        broker.shutdown().await.expect("a clean stop");
        outcome
    });
    runtime.block_on(async {
        let broker =
            start(directory.path(), &[("log.dirs", &log_dirs)]).await.expect("the broker starts again");
        let address = clients_address(&broker);
        let check = move || {
            let connection = &mut Connection::open(address);
            assert_eq!(place(connection), (place_after, false));
            let end = i64::try_from(written.len()).expect("small");
            assert_eq!(read_all(connection, end), written);
        };
        tokio::task::spawn_blocking(check).await.expect("no panic");
        broker.shutdown().await.expect("a clean stop");
    });
}

#[test]
fn a_directory_that_is_not_ours_and_a_missing_partition_are_refused() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let directory = tempfile::tempdir().expect("a folder");
    runtime.block_on(async {
        let broker = start(directory.path(), &[]).await.expect("the broker starts");
        let address = clients_address(&broker);
        let check = move || {
            let connection = &mut Connection::open(address);
            create(connection);
            let mut code = |path: &str, index: i32| {
                let topic = AlterReplicaLogDirTopic::default().with_name(name()).with_partitions(vec![index]);
                let directory =
                    AlterReplicaLogDir::default().with_path(path.to_owned().into()).with_topics(vec![topic]);
                let request = AlterReplicaLogDirsRequest::default().with_dirs(vec![directory]);
                connection.ask(2, &request).results[0].partitions[0].error_code
            };
            assert_eq!(code("/nowhere", 0), 57, "LOG_DIR_NOT_FOUND");
            assert_eq!(code("/nowhere", 7), 3, "UNKNOWN_TOPIC_OR_PARTITION");
        };
        tokio::task::spawn_blocking(check).await.expect("no panic");
        broker.shutdown().await.expect("a clean stop");
    });
}
