//! Idempotent producers: what is doubled, out of order or from an old epoch, also across a restart.

mod common;

use std::time::{Duration, Instant};

use common::topics::{set_of_all_brokers, with_broker};
use common::{Connection, clients_address, start};
use medallion_os::{Clock, SystemClock};
use medallion_wire::messages::produce_request::{PartitionProduceData, TopicProduceData};
use medallion_wire::messages::{
    DescribeProducersRequest, InitProducerIdRequest, ProduceRequest, TopicName, describe_producers_request,
};
use medallion_wire::records::{BatchBuilder, BatchOptions};
use medallion_wire::{ProducerEpoch, ProducerId};

const OUT_OF_ORDER_SEQUENCE_NUMBER: i16 = 45;
const INVALID_PRODUCER_EPOCH: i16 = 47;

fn name() -> TopicName {
    TopicName("idempotent".to_owned().into())
}

/// A producer whose last record is older than `producer.id.expiration.ms` is forgotten at a restart, so records are new.
fn now_ms() -> i64 {
    SystemClock::new().now_ms()
}

/// One record with a sequence; the error code and the base offset.
fn produce(connection: &mut Connection, producer: i64, epoch: i16, sequence: i32) -> (i16, i64) {
    let options = BatchOptions {
        producer_id: ProducerId(producer),
        producer_epoch: ProducerEpoch(epoch),
        base_sequence: sequence,
        ..BatchOptions::default()
    };
    let mut builder = BatchBuilder::new(options);
    builder.append(now_ms(), None, Some(b"value"), &[]).expect("a record");
    let records = builder.build().expect("a batch").into_bytes();
    let data = PartitionProduceData::default().with_index(0).with_records(Some(records));
    let topic = TopicProduceData::default().with_name(name()).with_partition_data(vec![data]);
    let request =
        ProduceRequest::default().with_acks(-1).with_timeout_ms(10_000).with_topic_data(vec![topic]);
    let response = connection.ask(9, &request);
    let partition = &response.responses[0].partition_responses[0];
    (partition.error_code, partition.base_offset)
}

fn new_producer(connection: &mut Connection) -> i64 {
    let request = InitProducerIdRequest::default().with_transactional_id(None);
    let response = connection.ask(4, &request);
    assert_eq!((response.error_code, response.producer_epoch), (0, 0));
    response.producer_id.0
}

fn describe(connection: &mut Connection) -> Vec<(i64, i32, i32)> {
    let topic =
        describe_producers_request::TopicRequest::default().with_name(name()).with_partition_indexes(vec![0]);
    let response = connection.ask(0, &DescribeProducersRequest::default().with_topics(vec![topic]));
    let partition = &response.topics[0].partitions[0];
    assert_eq!(partition.error_code, 0);
    let producers = partition.active_producers.iter();
    producers.map(|state| (state.producer_id.0, state.producer_epoch, state.last_sequence)).collect()
}

fn create(connection: &mut Connection) {
    common::topics::create(connection, "idempotent", 1, &[]);
}

/// The time after which producers are forgotten is changed while the broker runs.
#[test]
fn idle_producers_are_forgotten_by_the_setting_that_holds_now() {
    let directory = tempfile::tempdir().expect("a folder");
    let settings = [("producer.id.expiration.check.interval.ms", "50")];
    with_broker(directory.path(), &settings, |address| {
        let connection = &mut Connection::open(address);
        create(connection);
        let producer = new_producer(connection);
        assert_eq!(produce(connection, producer, 0, 0), (0, 0));
        std::thread::sleep(Duration::from_millis(300));
        assert_eq!(describe(connection), [(producer, 0, 0)], "a day is not over");
        set_of_all_brokers(connection, "producer.id.expiration.ms", "100");
        let deadline = Instant::now() + Duration::from_secs(20);
        while !describe(connection).is_empty() {
            assert!(Instant::now() < deadline, "the producer is still known");
            std::thread::sleep(Duration::from_millis(20));
        }
    });
}

#[test]
fn sequences_are_held_also_after_a_restart() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let directory = tempfile::tempdir().expect("a folder");
    let producer = runtime.block_on(async {
        let broker = start(directory.path(), &[]).await.expect("the broker starts");
        let address = clients_address(&broker);
        let work = move || {
            let connection = &mut Connection::open(address);
            create(connection);
            let (first, second) = (new_producer(connection), new_producer(connection));
            assert_ne!(first, second);
            assert_eq!(produce(connection, first, 0, 0), (0, 0));
            assert_eq!(produce(connection, first, 0, 1), (0, 1));
            assert_eq!(produce(connection, first, 0, 0), (0, 0), "a duplicate gets its first offset");
            assert_eq!(produce(connection, first, 0, 5).0, OUT_OF_ORDER_SEQUENCE_NUMBER);
            assert_eq!(
                produce(connection, first, 1, 3).0,
                OUT_OF_ORDER_SEQUENCE_NUMBER,
                "an epoch begins at 0"
            );
            assert_eq!(produce(connection, first, 1, 0), (0, 2));
            assert_eq!(produce(connection, first, 0, 2).0, INVALID_PRODUCER_EPOCH);
            assert_eq!(describe(connection), [(first, 1, 0)]);
            first
        };
        let producer = tokio::task::spawn_blocking(work).await.expect("no panic");
        broker.shutdown().await.expect("a clean stop");
        producer
    });
    runtime.block_on(async {
        let broker = start(directory.path(), &[]).await.expect("the broker starts again");
        let address = clients_address(&broker);
        let work = move || {
            let connection = &mut Connection::open(address);
            assert_eq!(describe(connection), [(producer, 1, 0)]);
            assert_eq!(produce(connection, producer, 1, 0), (0, 2), "still a duplicate");
            assert_eq!(produce(connection, producer, 1, 1), (0, 3));
            assert!(new_producer(connection) > producer, "ids are never given out twice");
        };
        tokio::task::spawn_blocking(work).await.expect("no panic");
        broker.shutdown().await.expect("a clean stop");
    });
}
