//! The consumer against Medallion and Apache Kafka.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use medallion_client::config::{IsolationLevel, OffsetReset};
use medallion_client::{
    Admin, Batch, Client, ClientSettings, Consumer, ConsumerSettings, Error, NewTopic, Position, Producer,
    ProducerSettings, Record,
};
use medallion_tests::connection::Connection;
use medallion_tests::environment::Missing;
use medallion_tests::need;
use medallion_tests::server::{KAFKA, Program, Server};
use medallion_wire::kafka_protocol::protocol::StrBytes;
use medallion_wire::messages::add_partitions_to_txn_request::AddPartitionsToTxnTopic;
use medallion_wire::messages::{
    AddPartitionsToTxnRequest, EndTxnRequest, FindCoordinatorRequest, InitProducerIdRequest,
    ProducerId as WireProducerId, TopicName, TransactionalId,
};
use medallion_wire::records::{BatchBuilder, BatchOptions, Compression};
use medallion_wire::{Offset, ProducerEpoch, ProducerId, ResponseError, TopicPartition};

const PATIENCE: Duration = Duration::from_secs(20);
const AT: i64 = 1_553_372_469_000;

/// Both programs; the second one only where it can be had.
fn servers() -> Vec<Result<Server, Missing>> {
    [Program::Medallion, Program::Kafka(KAFKA)]
        .map(|program| Server::setup().program(program).property("num.partitions", "3").start())
        .into()
}

fn client(server: &Server) -> Client {
    Client::new(ClientSettings::new(&server.bootstrap())).unwrap()
}

fn earliest() -> ConsumerSettings {
    ConsumerSettings::default().auto_offset_reset(OffsetReset::Earliest)
}

fn partitions(topic: &str, count: i32) -> Vec<TopicPartition> {
    (0..count).map(|index| TopicPartition::new(topic, index)).collect()
}

/// Polls until there are `count` records more.
async fn poll(consumer: &Consumer, count: usize) -> Vec<Batch> {
    let (mut batches, mut seen) = (Vec::new(), 0);
    let until = Instant::now() + PATIENCE;
    while seen < count {
        assert!(Instant::now() < until, "{seen} of {count} records came: {:?}", consumer.metrics());
        let more = consumer.poll(Duration::from_secs(1)).await.unwrap();
        seen += more.iter().map(Batch::len).sum::<usize>();
        batches.extend(more);
    }
    assert_eq!(seen, count);
    batches
}

/// Offset and value of each record, by partition, in the order in which they came.
fn values(batches: &[Batch]) -> BTreeMap<i32, Vec<(i64, String)>> {
    let mut values: BTreeMap<i32, Vec<_>> = BTreeMap::new();
    for batch in batches {
        let of_partition = values.entry(batch.partition().partition.get()).or_default();
        for record in batch {
            let value = String::from_utf8(record.value.unwrap().to_vec()).unwrap();
            of_partition.push((record.offset.get(), value));
        }
    }
    values
}

/// Writes the numbers below `count` to partitions 0, 1 and 2 in turn.
async fn write(client: &Client, settings: ProducerSettings, topic: &str, count: i32) {
    let producer = Producer::new(client, settings).unwrap();
    for number in 0..count {
        let (value, key) = (number.to_string(), format!("key-{}", number % 5));
        let record = Record::to(topic).partition(number % 3).key(&key).value(&value);
        let record = record.header("h", Some(b"1")).header("null", None).timestamp(AT + i64::from(number));
        drop(producer.send(record).await.unwrap());
    }
    producer.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_come_as_they_were_written() {
    for server in servers() {
        let server = need!(server);
        let client = client(&server);
        for codec in Compression::ALL {
            let settings = ProducerSettings::default().compression_type(codec).batch_size(2000_usize);
            let topic = format!("codec-{}", codec.name());
            write(&client, settings, &topic, 600).await;
            let consumer = Consumer::new(&client, earliest().max_poll_records(7_u32)).unwrap();
            consumer.assign(partitions(&topic, 3));
            let batches = poll(&consumer, 600).await;
            assert!(batches.iter().all(|batch| batch.len() <= 7));
            for (partition, values) in values(&batches) {
                let expected: Vec<_> = (0..200)
                    .map(|offset| (offset, (offset * 3 + i64::from(partition)).to_string()))
                    .collect();
                assert_eq!(values, expected, "{codec}");
            }
            for record in batches.into_iter().flatten() {
                let number: i64 = std::str::from_utf8(&record.value.unwrap()).unwrap().parse().unwrap();
                assert_eq!(record.timestamp, AT + number);
                assert_eq!(record.key.unwrap(), format!("key-{}", number % 5));
                let headers: Vec<_> = record.headers.iter().collect();
                assert_eq!((headers[0].key, headers[0].value), (&b"h"[..], Some(&b"1"[..])));
                assert_eq!((headers[1].key, headers[1].value), (&b"null"[..], None));
            }
            consumer.close().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn positions_seeks_pauses_and_offsets() {
    for server in servers() {
        let server = need!(server);
        let client = client(&server);
        write(&client, ProducerSettings::default().batch_size(500_usize), "t", 300).await;
        let all = partitions("t", 3);
        let consumer = Consumer::new(&client, ConsumerSettings::default()).unwrap();
        consumer.assign(all[..2].to_vec());
        // The default is the end.
        assert_eq!(consumer.position(&all[0]).await.unwrap().offset, Offset(100));
        consumer.seek(&all[0], 90).unwrap();
        consumer.pause(&all[1]).unwrap();
        consumer.seek_to_beginning(&all[1]).unwrap();
        let read = values(&poll(&consumer, 10).await);
        assert_eq!(
            read[&0].iter().map(|(offset, _)| *offset).collect::<Vec<_>>(),
            (90..100).collect::<Vec<_>>()
        );
        assert_eq!((consumer.lag(&all[0]).unwrap(), consumer.paused()), (Some(0), vec![all[1].clone()]));
        assert!(consumer.poll(Duration::from_millis(300)).await.unwrap().is_empty());
        consumer.resume(&all[1]).unwrap();
        assert_eq!(values(&poll(&consumer, 100).await)[&1].len(), 100);
        let position = consumer.position(&all[1]).await.unwrap();
        assert!(position.offset == Offset(100) && position.leader_epoch.is_some(), "{position:?}");
        // Back to a position with its epoch, which is validated.
        consumer.seek(&all[1], Position { offset: Offset(50), ..position }).unwrap();
        assert_eq!(values(&poll(&consumer, 50).await)[&1][0].0, 50);
        consumer.seek(&all[1], 20).unwrap();
        consumer.seek_to_end(&all[1]).unwrap();
        assert_eq!(consumer.position(&all[1]).await.unwrap().offset, Offset(100));

        let offsets = consumer.beginning_offsets(&all).await.unwrap();
        assert!(offsets.into_values().all(|offset| offset.unwrap() == Offset(0)));
        let offsets = consumer.end_offsets(&all).await.unwrap();
        assert!(offsets.len() == 3 && offsets.into_values().all(|offset| offset.unwrap() == Offset(100)));
        let times = [(all[1].clone(), AT + 31), (all[2].clone(), AT + 10_000)];
        let found = consumer.offsets_for_times(&times).await.unwrap();
        let first = found[&all[1]].as_ref().unwrap();
        assert_eq!((first.offset, first.timestamp), (Some(Offset(10)), Some(AT + 31)));
        assert_eq!(found[&all[2]].as_ref().unwrap().offset, None);

        // What stays assigned goes on; what comes begins.
        consumer.assign([all[0].clone(), all[2].clone()]);
        assert_eq!(consumer.assignment(), [all[0].clone(), all[2].clone()]);
        assert_eq!(consumer.position(&all[0]).await.unwrap().offset, Offset(100));
        assert!(matches!(consumer.seek(&all[1], 0), Err(Error::NotAssigned { .. })));
        // Records of 2019 are older than an hour, and of the age of a thousand years.
        for (text, expected) in [("by_duration:PT1H", 100), ("by_duration:P36500D", 0)] {
            let settings = ConsumerSettings::default().set("auto.offset.reset", text).unwrap();
            let consumer = Consumer::new(&client, settings).unwrap();
            consumer.assign([all[0].clone()]);
            assert_eq!(consumer.position(&all[0]).await.unwrap().offset, Offset(expected), "{text}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_read_is_told() {
    for server in servers() {
        let server = need!(server);
        let client = client(&server);
        write(&client, ProducerSettings::default(), "t", 30).await;
        let (known, unknown) = (TopicPartition::new("t", 0), TopicPartition::new("t", 9));
        let strict = Consumer::new(&client, ConsumerSettings::default().auto_offset_reset(OffsetReset::None));
        let strict = strict.unwrap();
        strict.assign([known.clone()]);
        for _ in 0..2 {
            let error = strict.poll(PATIENCE).await.unwrap_err();
            assert_eq!(error.to_string(), "no offset is known for t-0, and auto.offset.reset is none");
        }
        strict.seek(&known, 77).unwrap();
        let error = strict.poll(PATIENCE).await.unwrap_err();
        assert_eq!(error.to_string(), "t-0 has no offset 77, and auto.offset.reset is none");
        strict.seek(&known, 3).unwrap();
        assert_eq!(values(&poll(&strict, 7).await)[&0][0].0, 3);

        let consumer = Consumer::new(&client, earliest()).unwrap();
        consumer.assign([known.clone(), unknown]);
        let (mut seen, mut told) = (0, false);
        let until = Instant::now() + PATIENCE;
        while !(seen == 10 && told) {
            assert!(Instant::now() < until, "{seen} {told}");
            match consumer.poll(Duration::from_secs(1)).await {
                Ok(batches) => seen += batches.iter().map(Batch::len).sum::<usize>(),
                Err(error) => {
                    assert_eq!(error.to_string(), "t-9 does not exist: its topic has 3 partitions");
                    told = true;
                }
            }
        }
        // Out of range goes back to the beginning here.
        consumer.seek(&known, 5000).unwrap();
        assert_eq!(values(&poll(&consumer, 10).await)[&0][0].0, 0);
        let clone = consumer.clone();
        consumer.close().await;
        assert!(matches!(clone.poll(PATIENCE).await, Err(Error::Closed { .. })));
        assert!(clone.batches().next().await.is_none());
    }
}

/// A slow program holds fetching back; nothing is lost by that, and memory stays within its limit.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_is_bounded() {
    let server = need!(Server::setup().program(Program::Medallion).start());
    let client = client(&server);
    Admin::new(&client).create_topics(&[NewTopic::new("wide", 40)]).await.unwrap();
    let producer = Producer::new(&client, ProducerSettings::default()).unwrap();
    let value = vec![7_u8; 10_000];
    for number in 0..2000 {
        drop(producer.send(Record::to("wide").partition(number % 40).value(&value)).await.unwrap());
    }
    producer.close().await;
    let settings = earliest().queued_max_messages_kbytes(1024_u32).max_partition_fetch_bytes(100_000);
    let consumer = Consumer::new(&client, settings.max_poll_records(10_u32)).unwrap();
    consumer.assign(partitions("wide", 40));
    let (mut seen, mut most) = (BTreeSet::new(), 0);
    let until = Instant::now() + PATIENCE;
    while seen.len() < 2000 {
        assert!(Instant::now() < until, "{} records came", seen.len());
        for batch in consumer.poll(Duration::from_secs(1)).await.unwrap() {
            let partition = batch.partition().clone();
            for record in &batch {
                assert!(seen.insert((partition.clone(), record.offset)), "a record twice");
            }
        }
        most = most.max(consumer.metrics().buffered_bytes);
    }
    assert!(most > 100_000 && most < 2 << 20, "{most} bytes waited");
}

/// The broker is killed and started again while records flow: each comes once, in order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_come_once_when_the_broker_is_killed() {
    const COUNT: i32 = 6000;
    for server in servers() {
        let mut server = need!(server);
        let client = client(&server);
        client.topic("flow").await.unwrap();
        let producer = Producer::new(&client, ProducerSettings::default().batch_size(2000_usize)).unwrap();
        let flow = tokio::spawn(async move {
            for number in 0..COUNT {
                let value = number.to_string();
                let record = Record::to("flow").partition(number % 3).value(&value);
                drop(producer.send(record).await.unwrap());
                if number % 20 == 0 {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            }
            producer.close().await;
        });
        let consumer = Consumer::new(&client, earliest()).unwrap();
        consumer.assign(partitions("flow", 3));
        let reading = tokio::spawn(async move {
            let (mut next, mut seen) = ([0, 1, 2], 0);
            let mut batches = consumer.batches();
            while seen < COUNT {
                let batch = batches.next().await.unwrap().unwrap();
                let next = &mut next[usize::try_from(batch.partition().partition.get()).unwrap()];
                for record in &batch {
                    let number: i32 = std::str::from_utf8(record.value.unwrap()).unwrap().parse().unwrap();
                    assert_eq!(number, *next, "{}", batch.partition());
                    *next += 3;
                    seen += 1;
                }
            }
            assert!(consumer.poll(Duration::from_millis(700)).await.unwrap().is_empty());
        });
        let kills = if server.program() == Program::Medallion { 3 } else { 1 };
        for _ in 0..kills {
            tokio::time::sleep(Duration::from_millis(400)).await;
            let restart = move || {
                server.kill();
                server.start();
                server
            };
            server = tokio::task::spawn_blocking(restart).await.unwrap();
        }
        flow.await.unwrap();
        tokio::time::timeout(Duration::from_secs(60), reading).await.unwrap().unwrap();
    }
}

/// Offsets that a group has committed are where the next consumer begins.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn committed_offsets_are_where_the_next_begins() {
    for server in servers() {
        let server = need!(server);
        let client = client(&server);
        write(&client, ProducerSettings::default(), "t", 300).await;
        let all = partitions("t", 3);
        let by_hand = || {
            let settings = earliest().group_id("by-hand".to_owned()).enable_auto_commit(false);
            let consumer = Consumer::new(&client, settings.max_poll_records(20_u32)).unwrap();
            consumer.assign([all[0].clone()]);
            consumer
        };
        let consumer = by_hand();
        assert_eq!(consumer.committed(&all).await.unwrap()[&all[0]].clone().unwrap(), None);
        poll(&consumer, 20).await;
        consumer.commit().await.unwrap();
        let position = consumer.position(&all[0]).await.unwrap();
        assert_eq!(position.offset, Offset(20));
        poll(&consumer, 20).await;
        consumer.close().await;
        let consumer = by_hand();
        assert_eq!(consumer.position(&all[0]).await.unwrap(), position);
        assert_eq!(values(&poll(&consumer, 20).await)[&0][0].0, 20);
        let committed = [(all[1].clone(), Position::from(77)), (all[2].clone(), Position::from(5))];
        for (partition, outcome) in consumer.commit_positions(&committed).await.unwrap() {
            assert!(outcome.is_ok(), "{partition}: {outcome:?}");
        }
        let found = consumer.committed(&all[1..]).await.unwrap();
        assert_eq!(found[&all[1]].clone().unwrap(), Some(Position::from(77)));
        consumer.assign([all[1].clone()]);
        assert_eq!(values(&poll(&consumer, 20).await)[&1][0].0, 77);

        // By itself: what was polled counts once the next poll has begun, and at the end.
        let interval = Duration::from_millis(50);
        let automatic = earliest().group_id("auto".to_owned()).auto_commit_interval(interval);
        let consumer = Consumer::new(&client, automatic.max_poll_records(10_u32)).unwrap();
        consumer.assign([all[0].clone()]);
        poll(&consumer, 10).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(consumer.committed(&all[..1]).await.unwrap()[&all[0]].clone().unwrap(), None);
        poll(&consumer, 10).await;
        tokio::time::sleep(Duration::from_millis(500)).await;
        let committed = consumer.committed(&all[..1]).await.unwrap()[&all[0]].clone().unwrap();
        assert_eq!(committed.unwrap().offset, Offset(10));
        let observer = consumer.clone();
        consumer.close().await;
        let committed = observer.committed(&all[..1]).await.unwrap()[&all[0]].clone().unwrap();
        assert_eq!(committed.unwrap().offset, Offset(20));

        let without = Consumer::new(&client, earliest()).unwrap();
        let error = without.commit().await.unwrap_err();
        assert!(error.to_string().contains("group.id"), "{error}");
    }
}

/// Two records of a transaction, then its end.
fn transaction(connection: &mut Connection, id: &(WireProducerId, i16), sequence: i32, is_commit: bool) {
    let name = TransactionalId(StrBytes::from_static_str("tx"));
    let topic = AddPartitionsToTxnTopic::default()
        .with_name(TopicName(StrBytes::from_static_str("t")))
        .with_partitions(vec![0]);
    let add = AddPartitionsToTxnRequest::default()
        .with_v3_and_below_transactional_id(name.clone())
        .with_v3_and_below_producer_id(id.0)
        .with_v3_and_below_producer_epoch(id.1)
        .with_v3_and_below_topics(vec![topic]);
    // The markers of the transaction before may still be on their way.
    for _ in 0..100 {
        let response = connection.call(&add, 3);
        let code = response.results_by_topic_v3_and_below[0].results_by_partition[0].partition_error_code;
        if code == 0 {
            break;
        }
        assert_eq!(code, ResponseError::ConcurrentTransactions.code());
        std::thread::sleep(Duration::from_millis(50));
    }
    let mut builder = BatchBuilder::new(BatchOptions {
        producer_id: ProducerId(id.0.0),
        producer_epoch: ProducerEpoch(id.1),
        base_sequence: sequence,
        is_transactional: true,
        ..BatchOptions::default()
    });
    let value = if is_commit { b"committed" } else { b"aborted--" };
    builder.append(AT, None, Some(value), &[]).unwrap();
    builder.append(AT, None, Some(value), &[]).unwrap();
    let request = medallion_tests::batch::produce("t", 0, builder.build().unwrap().into_bytes())
        .with_transactional_id(Some(name.clone()));
    let response = connection.call(&request, 9);
    assert_eq!(response.responses[0].partition_responses[0].error_code, 0);
    let end = EndTxnRequest::default()
        .with_transactional_id(name)
        .with_producer_id(id.0)
        .with_producer_epoch(id.1)
        .with_committed(is_commit);
    assert_eq!(connection.call(&end, 3).error_code, 0);
}

/// Medallion has no transactions yet.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn read_committed_leaves_aborted_records_out() {
    const TRANSACTION: i8 = 1;
    let server = need!(Server::setup().program(Program::Kafka(KAFKA)).start());
    let client = client(&server);
    Admin::new(&client).create_topics(&[NewTopic::new("t", 1)]).await.unwrap();
    let producer = Producer::new(&client, ProducerSettings::default()).unwrap();
    let mut connection = server.connect();
    // Asking for the coordinator makes its topic.
    let find = FindCoordinatorRequest::default()
        .with_key_type(TRANSACTION)
        .with_coordinator_keys(vec![StrBytes::from_static_str("tx")]);
    connection.call(&find, 4);
    let init = InitProducerIdRequest::default()
        .with_transactional_id(Some(TransactionalId(StrBytes::from_static_str("tx"))))
        .with_transaction_timeout_ms(60_000)
        .with_producer_id(WireProducerId(-1))
        .with_producer_epoch(-1);
    let mut id = None;
    for _ in 0..100 {
        let response = connection.call(&init, 4);
        if response.error_code == 0 {
            id = Some((response.producer_id, response.producer_epoch));
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    let id = id.expect("the coordinator is there");
    // Offsets 0 and 1 aborted, 3 and 4 committed, 6 without a transaction, 7 and 8 aborted.
    transaction(&mut connection, &id, 0, false);
    transaction(&mut connection, &id, 2, true);
    producer.send(Record::to("t").value("free")).await.unwrap().await.unwrap();
    transaction(&mut connection, &id, 4, false);

    let one = TopicPartition::new("t", 0);
    for (level, expected) in [
        (IsolationLevel::ReadCommitted, vec![3, 4, 6]),
        (IsolationLevel::ReadUncommitted, vec![0, 1, 3, 4, 6, 7, 8]),
    ] {
        let consumer = Consumer::new(&client, earliest().isolation_level(level)).unwrap();
        consumer.assign([one.clone()]);
        let read = values(&poll(&consumer, expected.len()).await);
        assert_eq!(read[&0].iter().map(|(offset, _)| *offset).collect::<Vec<_>>(), expected);
        assert!(consumer.poll(Duration::from_millis(700)).await.unwrap().is_empty());
        let end = Offset(10);
        assert_eq!(consumer.position(&one).await.unwrap().offset, end, "also behind what is left out");
        assert_eq!(
            consumer.end_offsets(std::slice::from_ref(&one)).await.unwrap()[&one].clone().unwrap(),
            end
        );
    }
}
