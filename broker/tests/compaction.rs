//! A compacted topic keeps the last record of each key, while it is written, and after a restart.

mod common;

use std::collections::BTreeMap;
use std::io::{Read, Seek, SeekFrom, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use common::{Connection, clients_address, start};
use medallion_wire::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use medallion_wire::messages::fetch_request::{FetchPartition, FetchTopic};
use medallion_wire::messages::produce_request::{PartitionProduceData, TopicProduceData};
use medallion_wire::messages::{CreateTopicsRequest, FetchRequest, ProduceRequest, TopicName};
use medallion_wire::records::{BatchBuilder, BatchOptions, DecompressionLimits, RecordBatches};

const KEYS: u32 = 50;
const TOPIC: &str = "compacted";

fn named(topic: &str) -> TopicName {
    TopicName(topic.to_owned().into())
}

fn create(connection: &mut Connection, topic: &str) {
    let config = |name: &str, value: &str| {
        let config = CreatableTopicConfig::default().with_name(name.to_owned().into());
        config.with_value(Some(value.to_owned().into()))
    };
    let configs = vec![
        config("cleanup.policy", "compact"),
        config("segment.bytes", "1048576"),
        config("min.cleanable.dirty.ratio", "0.01"),
        config("file.delete.delay.ms", "0"),
    ];
    let topic =
        CreatableTopic::default().with_name(named(topic)).with_num_partitions(1).with_replication_factor(1);
    let request = CreateTopicsRequest::default().with_topics(vec![topic.with_configs(configs)]);
    let response = connection.ask(7, &request.with_timeout_ms(10_000));
    assert_eq!(response.topics[0].error_code, 0, "{:?}", response.topics[0].error_message);
}

/// Writes one record for each key, all with the number of the round.
fn produce(connection: &mut Connection, topic: &str, round: u32) {
    let mut builder = BatchBuilder::new(BatchOptions::default());
    for key in 0..KEYS {
        let value = [&round.to_be_bytes()[..], &[b'x'; 2_000]].concat();
        builder.append(1_700_000_000_000, Some(&key.to_be_bytes()), Some(&value), &[]).expect("a record");
    }
    let records = builder.build().expect("a batch").into_bytes();
    let data = PartitionProduceData::default().with_index(0).with_records(Some(records));
    let topic = TopicProduceData::default().with_name(named(topic)).with_partition_data(vec![data]);
    let request =
        ProduceRequest::default().with_acks(-1).with_timeout_ms(10_000).with_topic_data(vec![topic]);
    let response = connection.ask(9, &request);
    let partition = &response.responses[0].partition_responses[0];
    assert_eq!(partition.error_code, 0, "{:?}", partition.error_message);
}

/// The last round of each key, and how many records there are.
fn read_all(connection: &mut Connection, topic: &str) -> (BTreeMap<u32, u32>, usize) {
    let (mut latest, mut records, mut offset) = (BTreeMap::new(), 0, 0);
    loop {
        let partition = FetchPartition::default().with_fetch_offset(offset).with_partition_max_bytes(1 << 20);
        let topic = FetchTopic::default().with_topic(named(topic)).with_partitions(vec![partition]);
        let request = FetchRequest::default().with_max_bytes(1 << 20).with_topics(vec![topic]);
        let response = connection.ask(11, &request);
        let partition = &response.responses[0].partitions[0];
        assert_eq!(partition.error_code, 0);
        if offset >= partition.high_watermark {
            return (latest, records);
        }
        for batch in RecordBatches::new(partition.records.clone().unwrap_or_default()) {
            let batch = batch.expect("a sound batch");
            for record in batch.records(DecompressionLimits::default()).expect("records") {
                let record = record.expect("a sound record");
                let number = |bytes: &[u8]| u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
                latest.insert(number(&record.key.expect("a key")), number(&record.value.expect("a value")));
                records += 1;
            }
            offset = batch.next_offset().get();
        }
    }
}

fn compact_while_writing(address: SocketAddr) -> u32 {
    let connection = &mut Connection::open(address);
    create(connection, TOPIC);
    let deadline = Instant::now() + Duration::from_secs(60);
    let mut round = 0;
    loop {
        produce(connection, TOPIC, round);
        let (latest, records) = read_all(connection, TOPIC);
        assert_eq!(
            latest,
            (0..KEYS).map(|key| (key, round)).collect(),
            "the newest record of each key is there"
        );
        round += 1;
        let written = usize::try_from(round * KEYS).expect("small");
        if round > 60 && records < written / 2 {
            return round - 1;
        }
        assert!(Instant::now() < deadline, "{records} of {written} records are still there");
    }
}

#[test]
fn the_last_record_of_each_key_stays() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let directory = tempfile::tempdir().expect("a folder");
    let settings = [("log.cleaner.backoff.ms", "100"), ("log.retention.check.interval.ms", "200")];
    let last_round = runtime.block_on(async {
        let broker = start(directory.path(), &settings).await.expect("the broker starts");
        let address = clients_address(&broker);
        let round =
            tokio::task::spawn_blocking(move || compact_while_writing(address)).await.expect("no panic");
        broker.shutdown().await.expect("a clean stop");
        round
    });
    runtime.block_on(async {
        let broker = start(directory.path(), &settings).await.expect("the broker starts again");
        let address = clients_address(&broker);
        let check = move || {
            let (latest, _) = read_all(&mut Connection::open(address), TOPIC);
            assert_eq!(latest, (0..KEYS).map(|key| (key, last_round)).collect());
        };
        tokio::task::spawn_blocking(check).await.expect("no panic");
        broker.shutdown().await.expect("a clean stop");
    });
}

/// Makes a topic of which a closed segment does not read, so that it cannot be compacted and stays the dirtiest.
fn create_damaged(address: SocketAddr, data: &Path) {
    let connection = &mut Connection::open(address);
    create(connection, "damaged");
    for round in 0..15 {
        produce(connection, "damaged", round);
    }
    let path = data.join("damaged-0").join("00000000000000000000.log");
    let mut file = std::fs::OpenOptions::new().read(true).write(true).open(path).expect("the first segment");
    let mut header = [0; 12];
    file.read_exact(&mut header).expect("a batch");
    let size_bytes = u32::from_be_bytes([header[8], header[9], header[10], header[11]]);
    file.seek(SeekFrom::Start(12 + u64::from(size_bytes))).expect("the second batch");
    file.write_all(&[0xff; 17]).expect("damage");
}

/// Writes until the other topic was compacted twice.
fn compact_twice(address: SocketAddr) {
    let connection = &mut Connection::open(address);
    create(connection, TOPIC);
    let deadline = Instant::now() + Duration::from_secs(60);
    let (mut compactions, mut before) = (0, 0);
    for round in 0.. {
        produce(connection, TOPIC, round);
        let (_, records) = read_all(connection, TOPIC);
        compactions += u32::from(records < before);
        before = records;
        if compactions == 2 {
            return;
        }
        assert!(Instant::now() < deadline, "{compactions} compactions in {round} rounds");
    }
}

#[test]
fn a_log_that_cannot_be_compacted_does_not_hold_up_others() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let directory = tempfile::tempdir().expect("a folder");
    let data = directory.path().join("data");
    runtime.block_on(async {
        let settings = [("log.cleaner.backoff.ms", "100")];
        let broker = start(directory.path(), &settings).await.expect("the broker starts");
        let address = clients_address(&broker);
        let work = move || {
            create_damaged(address, &data);
            compact_twice(address);
        };
        tokio::task::spawn_blocking(work).await.expect("no panic");
        broker.shutdown().await.expect("a clean stop");
    });
}
