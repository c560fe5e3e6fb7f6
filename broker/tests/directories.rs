//! Several `log.dirs`: a partition moves between them while it is written, and is found again after a restart.

mod common;

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use common::topics::{batch, fetch, name};
use common::{Connection, clients_address, start};
use medallion_wire::messages::alter_replica_log_dirs_request::{AlterReplicaLogDir, AlterReplicaLogDirTopic};
use medallion_wire::messages::{AlterReplicaLogDirsRequest, DescribeLogDirsRequest};
use medallion_wire::records::{DecompressionLimits, RecordBatches};

const TOPIC: &str = "moved";

fn create(connection: &mut Connection) {
    common::topics::create(connection, TOPIC, 1, &[]);
}

fn produce(connection: &mut Connection, number: u32) -> i64 {
    let value = [&number.to_be_bytes()[..], &[b'x'; 4_000]].concat();
    common::topics::produce(connection, TOPIC, 0, batch(&[b"key"], &value))
}

fn read_all(connection: &mut Connection, end: i64) -> Vec<u32> {
    let mut numbers = Vec::new();
    let mut offset = 0;
    while offset < end {
        let request = fetch(TOPIC, offset).with_max_wait_ms(1_000);
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
    let topic = AlterReplicaLogDirTopic::default().with_name(name(TOPIC)).with_partitions(vec![0]);
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

fn ask_to_move(connection: &mut Connection, to: &Path) {
    let topic = AlterReplicaLogDirTopic::default().with_name(name(TOPIC)).with_partitions(vec![0]);
    let directory =
        AlterReplicaLogDir::default().with_path(to.display().to_string().into()).with_topics(vec![topic]);
    let moved = connection.ask(2, &AlterReplicaLogDirsRequest::default().with_dirs(vec![directory]));
    assert_eq!(moved.results[0].partitions[0].error_code, 0);
}

fn wait_for_place(connection: &mut Connection, at: &Path) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while place(connection) != (at.display().to_string(), false) {
        assert!(Instant::now() < deadline, "the partition is in {:?}", place(connection));
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Tools repeat what was not answered in time, and people change their minds.
#[test]
fn repeated_moves_to_and_fro_lose_nothing() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let directory = tempfile::tempdir().expect("a folder");
    let (one, two) = (directory.path().join("one"), directory.path().join("two"));
    let log_dirs = format!("{},{}", one.display(), two.display());
    let settings = [("log.dirs", log_dirs.as_str())];
    let written: Vec<u32> = (0..300).collect();
    let expected = written.clone();
    runtime.block_on(async {
        let broker = start(directory.path(), &settings).await.expect("the broker starts");
        let address = clients_address(&broker);
        let work = move || {
            let connection = &mut Connection::open(address);
            create(connection);
            for number in &written {
                produce(connection, *number);
            }
            for to in [&one, &two, &one, &two] {
                ask_to_move(connection, to);
                wait_for_place(connection, to);
            }
            for _ in 0..20 {
                ask_to_move(connection, &one);
                ask_to_move(connection, &two);
                ask_to_move(connection, &one);
                ask_to_move(connection, &one);
            }
            wait_for_place(connection, &one);
            assert_eq!(read_all(connection, 300), written);
        };
        tokio::task::spawn_blocking(work).await.expect("no panic");
        broker.shutdown().await.expect("a clean stop");
    });
    runtime.block_on(async {
        let broker = start(directory.path(), &settings).await.expect("the broker starts again");
        let address = clients_address(&broker);
        let check = move || assert_eq!(read_all(&mut Connection::open(address), 300), expected);
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
        let ours = directory.path().join("data").display().to_string();
        let check = move || {
            let connection = &mut Connection::open(address);
            create(connection);
            let mut code = |path: &str, index: i32| {
                let topic =
                    AlterReplicaLogDirTopic::default().with_name(name(TOPIC)).with_partitions(vec![index]);
                let directory =
                    AlterReplicaLogDir::default().with_path(path.to_owned().into()).with_topics(vec![topic]);
                let request = AlterReplicaLogDirsRequest::default().with_dirs(vec![directory]);
                connection.ask(2, &request).results[0].partitions[0].error_code
            };
            assert_eq!(code("/nowhere", 0), 57, "LOG_DIR_NOT_FOUND");
            assert_eq!(code("/nowhere", 7), 57, "as Kafka has it, the folder comes before the partition");
            assert_eq!(code(&ours, 7), 3, "UNKNOWN_TOPIC_OR_PARTITION");
            assert_eq!(code(&ours, 0), 0);
        };
        tokio::task::spawn_blocking(check).await.expect("no panic");
        broker.shutdown().await.expect("a clean stop");
    });
}
