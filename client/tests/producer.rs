//! The producer against Medallion and Apache Kafka, read back by kcat.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, HashSet};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use medallion_client::{
    Admin, Choice, Client, ClientSettings, Error, Hooks, NewTopic, Partitioner, Producer,
    ProducerInterceptor, ProducerSettings, Record, partition_of_key,
};
use medallion_tests::environment::{Missing, program};
use medallion_tests::need;
use medallion_tests::server::{KAFKA, Program, Server};
use medallion_wire::messages::ApiKey;
use medallion_wire::records::Compression;
use medallion_wire::{Offset, ResponseError, TopicPartition};

/// Both programs; the second one only where it can be had.
fn servers() -> Vec<Result<Server, Missing>> {
    [Program::Medallion, Program::Kafka(KAFKA)]
        .map(|program| Server::setup().program(program).property("num.partitions", "3").start())
        .into()
}

fn client(server: &Server) -> Client {
    Client::new(ClientSettings::new(&server.bootstrap())).unwrap()
}

/// What kcat prints of a topic, a line a record: partition, offset, key, value, headers.
fn read(server: &Server, topic: &str) -> Result<Vec<String>, Missing> {
    let mut command = Command::new(program("kcat")?);
    command.args(["-b", &server.bootstrap(), "-C", "-q", "-e", "-o", "beginning", "-t", topic]);
    command.args(["-X", "check.crcs=true", "-f", "%p %o %k %s %h\n"]);
    let output = command.output().map_err(|error| Missing(error.to_string()))?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_arrive_in_every_codec() {
    for server in servers() {
        let server = need!(server);
        let client = client(&server);
        for codec in Compression::ALL {
            let settings = ProducerSettings::default().compression_type(codec);
            let producer = Producer::new(&client, settings).unwrap();
            let topic = format!("codec-{}", codec.name());
            let mut deliveries = Vec::new();
            for number in 0..500 {
                let (key, value) =
                    (format!("key-{}", number % 7), format!("value-{number}-{}", "x".repeat(50)));
                let record = Record::to(&topic)
                    .key(&key)
                    .value(&value)
                    .header("h", Some(b"1"))
                    .header("h", None)
                    .timestamp(1_553_372_469_000);
                deliveries.push((key.clone(), producer.send(record).await.unwrap()));
            }
            let mut written = HashSet::new();
            for (key, delivery) in deliveries {
                let metadata = delivery.await.unwrap();
                assert_eq!(metadata.partition.partition, partition_of_key(key.as_bytes(), 3));
                assert_eq!(metadata.timestamp, 1_553_372_469_000);
                assert!(written.insert((metadata.partition, metadata.offset.unwrap())), "an offset twice");
            }
            assert_eq!(producer.metrics().records_acknowledged, 500);
            assert_eq!(producer.metrics().buffer_bytes_free, 32 << 20);
            let lines = need!(read(&server, &topic));
            assert_eq!(lines.len(), 500, "{codec}");
            assert!(lines.iter().all(|line| line.ends_with("h=1,h=NULL")), "{}", lines[0]);
        }
    }
}

struct Last;

impl Partitioner for Last {
    fn choose(&self, _: &Record<'_>, partitions: usize) -> Choice {
        Choice::At(i32::try_from(partitions - 1).unwrap().into())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn partitions_limits_and_ends() {
    let server = need!(Server::setup().program(Program::Medallion).property("num.partitions", "3").start());
    let client = client(&server);
    let producer = Producer::new(&client, ProducerSettings::default()).unwrap();

    let written = producer.send(Record::to("a").partition(2).value("x")).await.unwrap().await.unwrap();
    assert_eq!(written.partition.to_string(), "a-2");
    let error = producer.send(Record::to("a").partition(3).value("x")).await.unwrap_err();
    assert_eq!(error.to_string(), "a-3 does not exist: its topic has 3 partitions");
    let huge = vec![0_u8; 2 << 20];
    let error = producer.send(Record::to("a").value(&huge)).await.unwrap_err();
    assert!(matches!(error, Error::RecordTooLarge { setting: "max.request.size", .. }), "{error}");

    let custom = Producer::builder(&client, ProducerSettings::default()).partitioner(Last).build().unwrap();
    let written = custom.send(Record::to("a").key("k").value("x")).await.unwrap().await.unwrap();
    assert_eq!(written.partition.to_string(), "a-2");

    // A null value, an empty key, and a callback.
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let delivery = producer.send(Record::to("b").key("").partition(0)).await.unwrap();
    delivery.then(move |outcome| sender.send(outcome.unwrap().offset).unwrap());
    producer.flush().await;
    assert_eq!(receiver.await.unwrap().unwrap().get(), 0);

    // Without keys records spread over all partitions, a batch at a time.
    let sticky = Producer::new(&client, ProducerSettings::default()).unwrap();
    let value = vec![1_u8; 1000];
    let mut deliveries = Vec::new();
    for _ in 0..600 {
        deliveries.push(sticky.send(Record::to("spread").value(&value)).await.unwrap());
    }
    let mut counts = BTreeMap::new();
    for delivery in deliveries {
        *counts.entry(delivery.await.unwrap().partition.partition.get()).or_insert(0) += 1;
    }
    assert!(counts.len() == 3 && counts.values().all(|count| *count >= 30), "{counts:?}");
    assert!(sticky.metrics().batches_acknowledged <= 50, "{:?}", sticky.metrics());

    let other = producer.clone();
    let last = producer.send(Record::to("b").value("last")).await.unwrap();
    producer.close().await;
    assert!(last.outcome().unwrap().is_ok());
    let error = other.send(Record::to("b").value("too late")).await.unwrap_err();
    assert!(matches!(error, Error::Closed { .. }), "{error}");

    // What was sent is delivered though nobody holds the producer any more.
    let dropped =
        Producer::new(&client, ProducerSettings::default().linger(Duration::from_secs(20))).unwrap();
    let delivery = dropped.send(Record::to("b").value("dropped")).await.unwrap();
    drop(dropped);
    tokio::time::timeout(Duration::from_secs(5), delivery).await.unwrap().unwrap();
}

/// Counts what it sees.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<BTreeMap<&'static str, usize>>>);

impl Seen {
    fn add(&self, what: &'static str, count: usize) {
        *self.0.lock().unwrap().entry(what).or_default() += count;
    }
}

impl Hooks for Seen {
    fn on_connect(&self, _: &str, _: Duration, outcome: Result<(), &Error>) {
        self.add(if outcome.is_ok() { "connected" } else { "unreachable" }, 1);
    }

    fn on_answer(&self, _: &str, _: ApiKey, _: usize, _: Duration) {
        self.add("answers", 1);
    }
}

impl ProducerInterceptor for Seen {
    fn on_send<'a>(&'a self, record: &mut Record<'a>) {
        *record = record.clone().header("seen", Some(b"yes"));
    }

    fn on_outcome(&self, _: &TopicPartition, records: usize, outcome: Result<(), &Error>) {
        self.add(if outcome.is_ok() { "written" } else { "failed" }, records);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hooks_and_interceptors_see_what_happens() {
    let server = need!(Server::setup().program(Program::Medallion).property("num.partitions", "40").start());
    let seen = Seen::default();
    // The first address is nobody's.
    let settings = ClientSettings::new(&format!("127.0.0.1:1,{}", server.bootstrap()));
    let client = Client::builder(settings).hooks(seen.clone()).build().unwrap();
    let builder = Producer::builder(&client, ProducerSettings::default());
    let producer = builder.interceptor(seen.clone()).build().unwrap();
    for number in 0..2000_i32 {
        let key = number.to_string();
        drop(producer.send(Record::to("t").key(&key).value("x")).await.unwrap());
    }
    producer.close().await;
    let seen = seen.0.lock().unwrap().clone();
    assert_eq!((seen["written"], seen.get("failed")), (2000, None));
    assert!(seen["connected"] >= 2 && seen["answers"] >= 3, "{seen:?}");
    let metrics = client.metrics();
    assert_eq!(metrics.connections_opened, u64::try_from(seen["connected"]).unwrap());
    let lines = need!(read(&server, "t"));
    assert!(lines.len() == 2000 && lines.iter().all(|line| line.ends_with("seen=yes")), "{}", lines[0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn send_waits_for_room_and_gives_up() {
    let mut server = need!(Server::setup().program(Program::Medallion).start());
    let settings = ProducerSettings::default()
        .buffer_memory(64_usize << 10)
        .linger(Duration::from_secs(10))
        .max_block(Duration::from_secs(2));
    let producer = Producer::new(&client(&server), settings).unwrap();
    let value = vec![7_u8; 5000];
    // Ten times the memory: every wait ends because batches are sent before their linger is over.
    for _ in 0..128 {
        drop(producer.send(Record::to("t").value(&value)).await.unwrap());
    }
    producer.flush().await;
    assert_eq!(producer.metrics().records_acknowledged, 128);
    server.kill();
    let mut outcome = Ok(());
    for _ in 0..100 {
        outcome = producer.send(Record::to("t").value(&value)).await.map(drop);
        if outcome.is_err() {
            break;
        }
    }
    let error = outcome.unwrap_err();
    assert!(matches!(error, Error::BufferFull { .. }) && error.is_retriable(), "{error}");
    let error = producer.try_send(Record::to("t").value(&value)).unwrap_err();
    assert!(matches!(error, Error::BufferFull { .. }), "{error}");
    server.start();
    producer.flush().await;
    let metrics = producer.metrics();
    assert_eq!(metrics.records_failed, 0, "{metrics:?}");
    assert_eq!(metrics.buffer_bytes_free, 64 << 10, "{metrics:?}");
}

/// The broker is killed and started again while records flow: none is lost, none is there twice, and their order stays.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_or_doubled_when_the_broker_is_killed() {
    for server in servers() {
        let mut server = need!(server);
        let client = client(&server);
        let producer = Producer::new(&client, ProducerSettings::default().batch_size(2000_usize)).unwrap();
        let topic = client.topic("flow").await.unwrap();
        assert_eq!(topic.partitions.len(), 3);
        let flow = {
            let producer = producer.clone();
            tokio::spawn(async move {
                let mut deliveries = Vec::new();
                for number in 0..6000 {
                    let value = number.to_string();
                    let record = Record::to("flow").partition(number % 3).value(&value);
                    deliveries.push(producer.send(record).await.unwrap());
                    if number % 20 == 0 {
                        tokio::time::sleep(Duration::from_millis(5)).await;
                    }
                }
                deliveries
            })
        };
        let kills = if server.program() == Program::Medallion { 4 } else { 1 };
        for _ in 0..kills {
            tokio::time::sleep(Duration::from_millis(250)).await;
            server = tokio::task::spawn_blocking(move || {
                server.kill();
                server.start();
                server
            })
            .await
            .unwrap();
        }
        let deliveries = flow.await.unwrap();
        producer.flush().await;
        for delivery in deliveries {
            delivery.await.unwrap();
        }
        let metrics = producer.metrics();
        assert_eq!((metrics.records_acknowledged, metrics.epoch_bumps), (6000, 0), "{metrics:?}");
        assert!(metrics.retries > 0, "the kill was not felt: {metrics:?}");
        let mut numbers: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
        for line in need!(read(&server, "flow")) {
            let mut fields = line.split(' ');
            let partition = fields.next().unwrap().parse().unwrap();
            numbers.entry(partition).or_default().push(fields.nth(2).unwrap().parse().unwrap());
        }
        for partition in 0..3 {
            let expected: Vec<i32> = (0..6000).filter(|number| number % 3 == partition).collect();
            assert!(numbers[&partition] == expected, "{:?}: partition {partition} differs", server.program());
        }
    }
}

/// The broker takes less than the producer's batches: they go in parts, and every record keeps its place.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn batches_that_are_too_large_go_in_parts() {
    for server in servers() {
        let server = need!(server);
        let client = client(&server);
        let topic = NewTopic::new("small", 1).config("max.message.bytes", "6000");
        Admin::new(&client).create_topics(&[topic]).await.unwrap()["small"].as_ref().unwrap();
        let settings =
            ProducerSettings::default().batch_size(100_000_usize).linger(Duration::from_millis(50));
        let producer = Producer::new(&client, settings).unwrap();
        let mut deliveries = Vec::new();
        for number in 0..200 {
            let value = format!("{number:04}{}", "x".repeat(1000));
            deliveries.push(producer.send(Record::to("small").value(&value)).await.unwrap());
        }
        let too_large = "x".repeat(7000);
        let alone = producer.send(Record::to("small").value(&too_large)).await.unwrap();
        let behind = producer.send(Record::to("small").value("behind")).await.unwrap();
        producer.flush().await;
        for (number, delivery) in (0..).zip(deliveries) {
            let metadata = delivery.outcome().unwrap().unwrap();
            assert_eq!(metadata.offset, Some(Offset(number)));
        }
        let error = alone.await.unwrap_err();
        assert_eq!(error.code(), Some(ResponseError::MessageTooLarge), "{error}");
        assert_eq!(behind.await.unwrap().offset, Some(Offset(200)));
        assert!(producer.metrics().splits >= 20, "{:?}", producer.metrics());
        assert_eq!(producer.metrics().buffer_bytes_free, 32 << 20);
        let lines = need!(read(&server, "small"));
        assert_eq!(lines.len(), 201);
        assert!(lines.iter().take(200).enumerate().all(|(at, line)| line.contains(&format!(" {at:04}x"))));
    }
}
