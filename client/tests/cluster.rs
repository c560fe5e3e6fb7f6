//! More than one broker: three nodes of Apache Kafka, whose leaders move, and which are killed; and brokers that others take the place of.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use medallion_client::admin::{ElectionType, OffsetAt};
use medallion_client::config::OffsetReset;
use medallion_client::{
    Admin, Batch, Client, ClientSettings, Consumer, ConsumerSettings, Hooks, NewTopic, Producer,
    ProducerSettings, Record,
};
use medallion_tests::cluster::Cluster;
use medallion_tests::need;
use medallion_tests::server::{Program, Server};
use medallion_wire::messages::ApiKey;
use medallion_wire::{BrokerId, TopicPartition};
use parking_lot::Mutex;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::sleep;

const PATIENCE: Duration = Duration::from_secs(60);
const PARTITIONS: i32 = 3;

/// How many bytes of fetches came from where.
#[derive(Clone, Default)]
struct Fetched(Arc<Mutex<BTreeMap<String, usize>>>);

impl Hooks for Fetched {
    fn on_answer(&self, address: &str, api: ApiKey, bytes: usize, _: Duration) {
        if api == ApiKey::Fetch {
            *self.0.lock().entry(address.to_owned()).or_default() += bytes;
        }
    }
}

fn client(bootstrap: &str) -> Client {
    Client::new(ClientSettings::new(bootstrap)).unwrap()
}

fn partitions(topic: &str, count: i32) -> Vec<TopicPartition> {
    (0..count).map(|index| TopicPartition::new(topic, index)).collect()
}

async fn wait(what: &str, is_so: impl AsyncFn() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !is_so().await {
        assert!(Instant::now() < until, "{what} does not come");
        sleep(Duration::from_millis(100)).await;
    }
}

async fn make(client: &Client, topic: &str, partitions: i32) {
    let topic = NewTopic::new(topic, partitions).replication_factor(3);
    let made = Admin::new(client).create_topics(&[topic]).await.unwrap();
    for outcome in made.into_values() {
        outcome.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_brokers() {
    let cluster = Cluster::start(3, |setup| {
        setup
            .property("min.insync.replicas", "2")
            .property("replica.selector.class", "org.apache.kafka.common.replica.RackAwareReplicaSelector")
            .property("broker.session.timeout.ms", "4000")
            .property("broker.heartbeat.interval.ms", "500")
    });
    let cluster = need!(cluster);
    let admin = Admin::new(&client(&cluster.bootstrap()));
    wait("the third broker", async || {
        admin.describe_cluster().await.is_ok_and(|cluster| cluster.brokers.len() == 3)
    })
    .await;
    for part in ["the nearest replica is read", "leaders move", "brokers are killed"] {
        let started = Instant::now();
        match part {
            "the nearest replica is read" => read_nearby(&cluster).await,
            "leaders move" => leaders_move(&cluster).await,
            _ => return killed(cluster).await,
        }
        eprintln!("{part}: {:?}", started.elapsed());
    }
}

/// Records come from the broker in the consumer's rack, whoever leads (KIP-392).
async fn read_nearby(cluster: &Cluster) {
    const COUNT: usize = 200;
    let plain = client(&cluster.bootstrap());
    make(&plain, "near", 1).await;
    let producer = Producer::new(&plain, ProducerSettings::default()).unwrap();
    let value = vec![b'x'; 1000];
    for _ in 0..COUNT {
        drop(producer.send(Record::to("near").value(&value)).await.unwrap());
    }
    producer.flush().await;
    for (rack, node) in (1..).zip(&cluster.nodes) {
        let fetched = Fetched::default();
        let settings = ClientSettings::new(&cluster.bootstrap()).client_rack(format!("rack-{rack}"));
        let client = Client::builder(settings).hooks(fetched.clone()).build().unwrap();
        let settings = ConsumerSettings::default().auto_offset_reset(OffsetReset::Earliest);
        let consumer = Consumer::new(&client, settings).unwrap();
        consumer.assign(partitions("near", 1));
        let (mut seen, until) = (0, Instant::now() + PATIENCE);
        while seen < COUNT {
            assert!(Instant::now() < until, "{seen} records came");
            let batches = consumer.poll(Duration::from_secs(1)).await.unwrap();
            seen += batches.iter().map(Batch::len).sum::<usize>();
        }
        assert_eq!(seen, COUNT);
        let fetched = fetched.0.lock().clone();
        let near = fetched.get(&node.bootstrap()).copied().unwrap_or(0);
        let all: usize = fetched.values().sum();
        assert!(near >= COUNT * value.len(), "rack-{rack} is node {}: {fetched:?}", node.bootstrap());
        assert!(all - near < 10_000, "rack-{rack} is node {}: {fetched:?}", node.bootstrap());
    }
}

/// Numbers on their way to all partitions of a topic, and back.
struct Flow {
    ends: Arc<AtomicBool>,
    writing: JoinHandle<i64>,
    reading: JoinHandle<BTreeMap<i32, Vec<i64>>>,
    producer: Producer,
    slowest: Arc<Mutex<Duration>>,
}

impl Flow {
    fn start(writer: &Client, reader: &Client, topic: &'static str) -> Self {
        let producer = Producer::new(writer, ProducerSettings::default().batch_size(2000_usize)).unwrap();
        let (ends, slowest) = (Arc::new(AtomicBool::new(false)), Arc::<Mutex<Duration>>::default());
        let writing = tokio::spawn(write(producer.clone(), topic, Arc::clone(&ends), Arc::clone(&slowest)));
        let settings = ConsumerSettings::default().auto_offset_reset(OffsetReset::Earliest);
        let consumer = Consumer::new(reader, settings).unwrap();
        consumer.assign(partitions(topic, PARTITIONS));
        let reading = tokio::spawn(read(consumer));
        Self { ends, writing, reading, producer, slowest }
    }

    /// All that was written was acknowledged, and came back once and in order.
    async fn check(self, admin: &Admin, topic: &str) {
        self.ends.store(true, Ordering::Relaxed);
        let count = self.writing.await.unwrap();
        let read = tokio::time::timeout(PATIENCE, self.reading).await.expect("the end is read").unwrap();
        for (partition, numbers) in read {
            let expected: Vec<i64> = (0..count).collect();
            assert!(numbers == expected, "partition {partition}: {} of {count} numbers", numbers.len());
        }
        // What the leaders have is no more than that.
        for (partition, end) in admin.list_offsets(&ends(topic)).await.unwrap() {
            assert_eq!(end.unwrap().offset.unwrap().get(), count + 1, "{partition}, with the last one");
        }
        let metrics = self.producer.metrics();
        assert_eq!((metrics.records_failed, metrics.epoch_bumps), (0, 0), "{metrics:?}");
        assert!(metrics.retries > 0, "nothing was felt: {metrics:?}");
        eprintln!("{topic}: {count} a partition, the slowest in {:?}, {metrics:?}", *self.slowest.lock());
    }
}

fn ends(topic: &str) -> Vec<(TopicPartition, OffsetAt)> {
    let end = |partition| (partition, OffsetAt::Latest);
    partitions(topic, PARTITIONS).into_iter().map(end).collect()
}

/// Until told to stop; then comes a -1. Tells how many.
async fn write(
    producer: Producer,
    topic: &'static str,
    ends: Arc<AtomicBool>,
    slowest: Arc<Mutex<Duration>>,
) -> i64 {
    let mut count = 0;
    let mut deliveries = Vec::new();
    while !ends.load(Ordering::Relaxed) {
        let value = count.to_string();
        for partition in 0..PARTITIONS {
            let delivery = producer.send(Record::to(topic).partition(partition).value(&value)).await.unwrap();
            let (sent, slowest) = (Instant::now(), Arc::clone(&slowest));
            delivery.then(move |outcome| {
                outcome.unwrap();
                let mut slowest = slowest.lock();
                *slowest = slowest.max(sent.elapsed());
            });
        }
        count += 1;
        sleep(Duration::from_millis(2)).await;
    }
    for partition in 0..PARTITIONS {
        deliveries.push(producer.send(Record::to(topic).partition(partition).value("-1")).await.unwrap());
    }
    for delivery in deliveries {
        delivery.await.unwrap();
    }
    count
}

/// The numbers of each partition, until its last one.
async fn read(consumer: Consumer) -> BTreeMap<i32, Vec<i64>> {
    let mut numbers: BTreeMap<i32, Vec<i64>> = BTreeMap::new();
    let mut ended = 0;
    while ended < PARTITIONS {
        for batch in consumer.poll(Duration::from_secs(1)).await.unwrap() {
            let own = numbers.entry(batch.partition().partition.get()).or_default();
            for record in &batch {
                match std::str::from_utf8(record.value.unwrap()).unwrap().parse().unwrap() {
                    -1 => ended += 1,
                    number => own.push(number),
                }
            }
        }
    }
    numbers
}

/// Who leads a topic's partitions.
async fn leaders(admin: &Admin, topic: &str) -> Vec<Option<BrokerId>> {
    let described = admin.describe_topics(&[topic]).await.unwrap().remove(topic).unwrap().unwrap();
    described.partitions.iter().map(|partition| partition.leader).collect()
}

/// Leaders are changed in peace: producers and consumers go on with the new ones, at once where they are told of them (KIP-951).
async fn leaders_move(cluster: &Cluster) {
    // Who only waits and asks again takes as long, for each change.
    const BACKOFF: Duration = Duration::from_secs(3);
    let settings = ClientSettings::new(&cluster.bootstrap()).retry_backoff(BACKOFF);
    let client = Client::new(settings.retry_backoff_max(BACKOFF)).unwrap();
    let admin = Admin::new(&self::client(&cluster.bootstrap()));
    make(&client, "moved", PARTITIONS).await;
    let flow = Flow::start(&client, &client, "moved");
    let mut slowest = Vec::new();
    for round in 0..6 {
        sleep(Duration::from_millis(700)).await;
        flow.producer.flush().await;
        *flow.slowest.lock() = Duration::ZERO;
        let retries = flow.producer.metrics().retries;
        let replicas = |index: i32| {
            let first = (round + index) % 3;
            (0..3).map(|offset| BrokerId((first + offset) % 3 + 1)).collect::<Vec<_>>()
        };
        let all = partitions("moved", PARTITIONS);
        let moves = all.iter().map(|one| (one.clone(), Some(replicas(one.partition.get()))));
        for (partition, outcome) in admin.alter_partition_reassignments(&moves.collect()).await.unwrap() {
            outcome.unwrap_or_else(|error| panic!("{partition}: {error}"));
        }
        let expected: Vec<_> = (0..PARTITIONS).map(|index| Some(replicas(index)[0])).collect();
        wait("the leaders", async || {
            admin.elect_leaders(ElectionType::Preferred, None).await.unwrap();
            leaders(&admin, "moved").await == expected
        })
        .await;
        flow.producer.flush().await;
        if flow.producer.metrics().retries > retries {
            slowest.push(*flow.slowest.lock());
        }
    }
    // A broker that has not heard of the change itself names nobody, so that some have to wait.
    let at_once = slowest.iter().filter(|slowest| **slowest < BACKOFF).count();
    assert!(at_once > 0, "in none of {} changes that were felt: {slowest:?}", slowest.len());
    flow.check(&admin, "moved").await;
}

/// One broker after another is killed and comes back while records flow with `acks=all`: none is lost, none is there twice, and each
/// partition's order stays. A client that comes meanwhile finds the others.
async fn killed(mut cluster: Cluster) {
    let bootstrap = cluster.bootstrap();
    let admin = Admin::new(&client(&bootstrap));
    let writer = client(&bootstrap);
    make(&writer, "killed", PARTITIONS).await;
    let reader = Client::new(ClientSettings::new(&bootstrap).client_rack("rack-2".to_owned())).unwrap();
    let flow = Flow::start(&writer, &reader, "killed");
    for victim in [1, 0, 2] {
        sleep(Duration::from_secs(2)).await;
        cluster = spawn_blocking(move || {
            cluster.nodes[victim].kill();
            cluster
        })
        .await
        .unwrap();
        let dead = BrokerId(i32::try_from(victim).unwrap() + 1);
        // The dead one is the first that a new client knows of.
        let others =
            cluster.nodes.iter().filter(|node| node.bootstrap() != cluster.nodes[victim].bootstrap());
        let others = others.map(Server::bootstrap).collect::<Vec<_>>().join(",");
        let late = Admin::new(&client(&format!("{},{others}", cluster.nodes[victim].bootstrap())));
        wait("other leaders", async || {
            leaders(&late, "killed").await.iter().all(|leader| leader.is_some_and(|leader| leader != dead))
        })
        .await;
        cluster = spawn_blocking(move || {
            cluster.nodes[victim].start();
            cluster
        })
        .await
        .unwrap();
        wait("all replicas", async || {
            let topics = admin.describe_topics(&["killed"]).await;
            topics.is_ok_and(|mut topics| {
                let topic = topics.remove("killed").unwrap();
                topic.is_ok_and(|topic| topic.partitions.iter().all(|one| one.in_sync_replicas.len() == 3))
            })
        })
        .await;
    }
    flow.check(&admin, "killed").await;
    drop(spawn_blocking(move || drop(cluster)).await);
}

/// All brokers that a client knows are gone, and others are where it began (KIP-899). Before that, the first of those is not there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_loses_all_brokers_begins_again() {
    let mut other = need!(Server::setup().program(Program::Medallion).start());
    let mut first = need!(Server::setup().program(Program::Medallion).start());
    other.stop();
    let client = client(&format!("{},{}", other.bootstrap(), first.bootstrap()));
    let producer =
        Producer::new(&client, ProducerSettings::default().set("linger.ms", "0").unwrap()).unwrap();
    let send = async |value: &str| {
        let sent = producer.send(Record::to("trips").value(value)).await.unwrap();
        tokio::time::timeout(PATIENCE, sent).await.expect("an outcome").unwrap().offset.unwrap().get()
    };
    assert_eq!(send("1").await, 0);
    assert_eq!(send("2").await, 1);
    first.stop();
    other.start();
    // Another log, in which it is the first.
    assert_eq!(send("3").await, 0);
    let admin = Admin::new(&client);
    assert!(admin.list_topics().await.unwrap().contains_key("trips"));
}
