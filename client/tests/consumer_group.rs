//! Consumers that are members of groups, by both protocols, against Medallion and Apache Kafka.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use medallion_client::config::OffsetReset;
use medallion_client::{
    Admin, Client, ClientSettings, Consumer, ConsumerSettings, Each, NewTopic, Producer, ProducerSettings,
    RebalanceFuture, RebalanceListener, Record,
};
use medallion_tests::client::Client as OtherClient;
use medallion_tests::environment::Missing;
use medallion_tests::member::{Join, Member, What};
use medallion_tests::need;
use medallion_tests::server::{KAFKA, Program, Server};
use medallion_wire::{Offset, TopicPartition};
use parking_lot::Mutex;
use tokio::task::JoinHandle;
use tokio::time::sleep;

const PATIENCE: Duration = Duration::from_secs(30);

/// How members join: the protocol, or the assignors of a classic group.
const WAYS: [&str; 5] = ["consumer", "range", "cooperative-sticky", "roundrobin", "sticky"];

/// Both programs; the second one only where it can be had.
fn servers() -> Vec<Result<Server, Missing>> {
    [Program::Medallion, Program::Kafka(KAFKA)].map(server).into()
}

fn server(program: Program) -> Result<Server, Missing> {
    Server::setup()
        .program(program)
        .property("group.consumer.min.session.timeout.ms", "6000")
        .property("group.consumer.session.timeout.ms", "6000")
        .property("group.consumer.min.heartbeat.interval.ms", "300")
        .property("group.consumer.heartbeat.interval.ms", "300")
        .start()
}

fn client(server: &Server) -> Client {
    let settings = ClientSettings::new(&server.bootstrap()).metadata_max_age(Duration::from_secs(1));
    Client::new(settings).unwrap()
}

async fn make(client: &Client, topic: &str, partitions: i32) {
    let made = Admin::new(client).create_topics(&[NewTopic::new(topic, partitions)]).await.unwrap();
    for (topic, outcome) in made {
        assert!(outcome.is_ok(), "{topic}: {outcome:?}");
    }
}

fn settings(way: &str, group: &str) -> ConsumerSettings {
    let settings = ConsumerSettings::default()
        .group_id(group.to_owned())
        .auto_offset_reset(OffsetReset::Earliest)
        .enable_auto_commit(false)
        .max_poll_records(20_u32);
    if way == "consumer" {
        return settings.set("group.protocol", way).unwrap();
    }
    settings
        .set("partition.assignment.strategy", way)
        .unwrap()
        .session_timeout(Duration::from_secs(6))
        .heartbeat_interval(Duration::from_millis(200))
}

/// What happened to members.
#[derive(Debug, Default)]
struct Log {
    /// Who has got a record: partition, offset, member.
    records: Vec<(TopicPartition, i64, &'static str)>,
    /// What members were told: `+` assigned, `-` revoked, `!` lost.
    changes: Vec<(&'static str, char, Vec<i32>)>,
}

type Shared = Arc<Mutex<Log>>;

/// Commits what is taken away, and writes down what happens.
struct Listener {
    name: &'static str,
    log: Shared,
}

impl Listener {
    fn note(&self, what: char, partitions: &[TopicPartition]) {
        let indexes = partitions.iter().map(|one| one.partition.get()).collect();
        self.log.lock().changes.push((self.name, what, indexes));
    }
}

impl RebalanceListener for Listener {
    fn on_assigned<'a>(&'a self, _: &'a Consumer, partitions: &'a [TopicPartition]) -> RebalanceFuture<'a> {
        self.note('+', partitions);
        Box::pin(async {})
    }

    fn on_revoked<'a>(
        &'a self,
        consumer: &'a Consumer,
        partitions: &'a [TopicPartition],
    ) -> RebalanceFuture<'a> {
        Box::pin(async move {
            // Slow enough for records to be handed out behind it, if that could be.
            sleep(Duration::from_millis(50)).await;
            consumer.commit().await.unwrap();
            self.note('-', partitions);
        })
    }

    fn on_lost<'a>(&'a self, _: &'a Consumer, partitions: &'a [TopicPartition]) -> RebalanceFuture<'a> {
        self.note('!', partitions);
        Box::pin(async {})
    }
}

/// A member that reads until it is told to leave.
struct Reader {
    consumer: Consumer,
    ends: Arc<AtomicBool>,
    task: JoinHandle<()>,
}

impl Reader {
    fn start(client: &Client, settings: ConsumerSettings, name: &'static str, log: &Shared) -> Self {
        let listener = Listener { name, log: Arc::clone(log) };
        let consumer = Consumer::builder(client, settings).listener(listener).build().unwrap();
        let ends = Arc::new(AtomicBool::new(false));
        let (reading, log, end) = (consumer.clone(), Arc::clone(log), Arc::clone(&ends));
        let task = tokio::spawn(async move {
            while !end.load(Ordering::Relaxed) {
                let batches = reading.poll(Duration::from_millis(100)).await.unwrap();
                // As a program that takes its time.
                sleep(Duration::from_millis(5)).await;
                let mut log = log.lock();
                for batch in &batches {
                    for record in batch {
                        log.records.push((batch.partition().clone(), record.offset.get(), name));
                    }
                }
            }
        });
        Self { consumer, ends, task }
    }

    fn count(&self) -> usize {
        self.consumer.assignment().len()
    }

    /// Leaves in peace.
    async fn leave(self) {
        self.ends.store(true, Ordering::Relaxed);
        self.task.await.unwrap();
        self.consumer.close().await;
    }
}

async fn wait(what: &str, log: &Shared, mut is_so: impl FnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < until, "{what} does not come: {:?}", log.lock().changes);
        sleep(Duration::from_millis(20)).await;
    }
}

/// Writes numbers in turn to the partitions until told to stop; tells how many.
fn flow(client: &Client, topic: &str, partitions: i32) -> (Arc<AtomicBool>, JoinHandle<i64>) {
    let producer = Producer::new(client, ProducerSettings::default()).unwrap();
    let ends = Arc::new(AtomicBool::new(false));
    let (end, topic) = (Arc::clone(&ends), topic.to_owned());
    let task = tokio::spawn(async move {
        // A batch that is not the first must not be the first that a new leader sees.
        for partition in 0..partitions {
            producer
                .send(Record::to(topic.as_str()).partition(partition).value("0"))
                .await
                .unwrap()
                .await
                .unwrap();
        }
        let mut offset = 1;
        while !end.load(Ordering::Relaxed) {
            for partition in 0..partitions {
                let value = offset.to_string();
                drop(
                    producer
                        .send(Record::to(topic.as_str()).partition(partition).value(&value))
                        .await
                        .unwrap(),
                );
            }
            offset += 1;
            sleep(Duration::from_millis(5)).await;
        }
        producer.close().await;
        offset
    });
    (ends, task)
}

/// Each record of each partition came once, in order.
fn check_once(log: &Log, topic: &str, partitions: i32, count: i64) {
    for index in 0..partitions {
        let partition = TopicPartition::new(topic, index);
        let own = log.records.iter().filter(|(of, ..)| *of == partition);
        let offsets: Vec<(i64, &str)> = own.map(|(_, offset, name)| (*offset, *name)).collect();
        for (expected, (offset, name)) in offsets.iter().enumerate() {
            let expected = i64::try_from(expected).unwrap();
            assert_eq!(*offset, expected, "{partition} by {name}: {:?}", log.changes);
        }
        assert_eq!(i64::try_from(offsets.len()).unwrap(), count, "{partition}: {:?}", log.changes);
    }
}

/// One reads, another joins and leaves again, while records flow: each record comes once.
async fn share(client: &Client, way: &'static str) {
    const PARTITIONS: i32 = 6;
    let topic = format!("shared-{way}");
    make(client, &topic, PARTITIONS).await;
    let (ends, flow) = flow(client, &topic, PARTITIONS);
    let log = Shared::default();
    let settings = settings(way, &format!("group-{way}"));
    let first = Reader::start(client, settings.clone(), "first", &log);
    first.consumer.subscribe([topic.as_str()]).unwrap();
    wait("the first assignment", &log, || first.count() == 6).await;
    let seen = log.lock().records.len();
    wait("records", &log, || log.lock().records.len() > seen + 50).await;
    let second = Reader::start(client, settings, "second", &log);
    second.consumer.subscribe([topic.as_str()]).unwrap();
    wait("an even assignment", &log, || first.count() == 3 && second.count() == 3).await;
    let seen = log.lock().records.len();
    wait("more records", &log, || log.lock().records.len() > seen + 100).await;
    let before = log.lock().changes.len();
    second.leave().await;
    wait("all partitions again", &log, || first.count() == 6).await;
    if way == "consumer" || way == "cooperative-sticky" {
        let log = log.lock();
        let revoked = log.changes.iter().filter(|(name, what, _)| *name == "first" && *what == '-');
        let revoked: Vec<_> = revoked.map(|(.., partitions)| partitions.len()).collect();
        assert_eq!(revoked, [3], "what stays is never taken away: {:?}", log.changes);
        assert!(log.changes[before..].iter().all(|(name, what, _)| (*name, *what) != ("first", '-')));
    }
    ends.store(true, Ordering::Relaxed);
    let count = flow.await.unwrap();
    let all = usize::try_from(count * i64::from(PARTITIONS)).unwrap();
    wait("the last records", &log, || log.lock().records.len() >= all).await;
    let committed = first.consumer.clone();
    first.leave().await;
    assert!(log.lock().changes.iter().all(|(_, what, _)| *what != '!'), "{:?}", log.lock().changes);
    check_once(&log.lock(), &topic, PARTITIONS, count);
    let partitions: Vec<_> =
        (0..PARTITIONS).map(|index| TopicPartition::new(topic.as_str(), index)).collect();
    let offsets: Each<_, _> = committed.committed(&partitions).await.unwrap();
    assert!(offsets.into_values().all(|at| at.unwrap().unwrap().offset == Offset(count)), "all is committed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_share_a_topic_and_hand_it_over() {
    for server in servers() {
        let server = need!(server);
        let client = client(&server);
        for way in WAYS {
            let started = Instant::now();
            share(&client, way).await;
            eprintln!("{:?} {way}: {:?}", server.program(), started.elapsed());
        }
    }
}

/// A pattern also matches topics that are made later.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn patterns_see_new_topics() {
    for server in servers() {
        let server = need!(server);
        let client = client(&server);
        for way in ["consumer", "cooperative-sticky", "range"] {
            let name = |what: &str| format!("{way}.{what}");
            make(&client, &name("one"), 2).await;
            make(&client, &name("other.x"), 2).await;
            let log = Shared::default();
            let reader = Reader::start(&client, settings(way, &name("g")), "member", &log);
            reader.consumer.subscribe_pattern(&format!("{way}\\.[a-z]+")).unwrap();
            wait("the first topic", &log, || reader.count() == 2).await;
            make(&client, &name("two"), 3).await;
            wait("the second topic", &log, || reader.count() == 5).await;
            let topics: BTreeSet<_> =
                reader.consumer.assignment().into_iter().map(|one| one.topic.to_string()).collect();
            assert_eq!(topics, BTreeSet::from([name("one"), name("two")]));
            // Names in place of the pattern.
            reader.consumer.subscribe([name("other.x")]).unwrap();
            let is_other = |one: &TopicPartition| *one.topic == *name("other.x");
            wait("another subscription", &log, || {
                let assigned = reader.consumer.assignment();
                assigned.len() == 2 && assigned.iter().all(is_other)
            })
            .await;
            reader.leave().await;
        }
        let broken = Consumer::new(&client, settings("range", "broken")).unwrap();
        broken.subscribe_pattern("(").unwrap();
        let error = broken.poll(PATIENCE).await.unwrap_err();
        assert!(error.to_string().contains("the pattern ("), "{error}");
    }
}

/// A static member that comes back in time has what it had, and nobody else notices.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn static_members_come_back() {
    for server in servers() {
        let server = need!(server);
        let client = client(&server);
        for way in ["consumer", "range", "cooperative-sticky"] {
            let topic = format!("static-{way}");
            make(&client, &topic, 4).await;
            let log = Shared::default();
            let start = |name| {
                let settings = settings(way, &format!("g-{way}")).group_instance_id(format!("i-{name}"));
                let reader = Reader::start(&client, settings, name, &log);
                reader.consumer.subscribe([topic.as_str()]).unwrap();
                reader
            };
            let (first, second) = (start("first"), start("second"));
            wait("an even assignment", &log, || first.count() == 2 && second.count() == 2).await;
            let had = first.consumer.assignment();
            let of_second =
                |log: &Shared| log.lock().changes.iter().filter(|(name, ..)| *name == "second").count();
            let before = of_second(&log);
            first.leave().await;
            let first = start("first");
            wait("the same assignment", &log, || first.consumer.assignment() == had).await;
            sleep(Duration::from_millis(500)).await;
            assert_eq!(of_second(&log), before, "{way}: {:?}", log.lock().changes);
            let (leaving, staying) = tokio::join!(first.leave(), second.leave());
            let ((), ()) = (leaving, staying);
        }
    }
}

/// Who does not poll for too long loses its partitions, is told so, and comes back with the next poll.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_does_not_poll_loses_all_and_comes_back() {
    for server in servers() {
        let server = need!(server);
        let client = client(&server);
        for way in ["consumer", "range", "cooperative-sticky"] {
            let topic = format!("slow-{way}");
            make(&client, &topic, 2).await;
            let producer = Producer::new(&client, ProducerSettings::default()).unwrap();
            producer.send(Record::to(topic.as_str()).partition(0).value("1")).await.unwrap().await.unwrap();
            let log = Shared::default();
            let settings = settings(way, &format!("g-{way}")).max_poll_interval(Duration::from_secs(2));
            let listener = Listener { name: "slow", log: Arc::clone(&log) };
            let consumer = Consumer::builder(&client, settings.clone()).listener(listener).build().unwrap();
            consumer.subscribe([topic.as_str()]).unwrap();
            let until = Instant::now() + PATIENCE;
            while consumer.poll(Duration::from_millis(200)).await.unwrap().is_empty() {
                assert!(Instant::now() < until);
            }
            let other = Reader::start(&client, settings, "other", &log);
            other.consumer.subscribe([topic.as_str()]).unwrap();
            wait("all partitions", &log, || other.count() == 2).await;
            assert!(log.lock().changes.iter().all(|(_, what, _)| *what == '+'), "it cannot be told yet");
            // Nothing was committed: the other reads it again.
            wait("the record again", &log, || log.lock().records.len() == 1).await;
            consumer.poll(Duration::from_millis(100)).await.unwrap();
            let changes = log.lock().changes.clone();
            let told: Vec<_> = changes.iter().filter(|(name, ..)| *name == "slow").collect();
            assert_eq!(*told[1], ("slow", '!', vec![0, 1]), "{changes:?}");
            let until = Instant::now() + PATIENCE;
            while !(consumer.assignment().len() == 1 && other.count() == 1) {
                assert!(Instant::now() < until, "{:?}", log.lock().changes);
                consumer.poll(Duration::from_millis(100)).await.unwrap();
            }
            // Dropped, it leaves as well.
            drop(consumer);
            wait("all partitions once more", &log, || other.count() == 2).await;
            other.leave().await;
        }
    }
}

/// Where partitions stay, so do their positions and pauses; a listener may seek.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn seeks_and_pauses_live_through_rebalances() {
    struct ToTheEnd;
    impl RebalanceListener for ToTheEnd {
        fn on_assigned<'a>(
            &'a self,
            consumer: &'a Consumer,
            partitions: &'a [TopicPartition],
        ) -> RebalanceFuture<'a> {
            Box::pin(async move {
                for partition in partitions {
                    consumer.seek(partition, 7).unwrap();
                    consumer.pause(partition).unwrap();
                }
            })
        }
    }
    for server in servers() {
        let server = need!(server);
        let client = client(&server);
        for way in ["consumer", "cooperative-sticky"] {
            let topic = format!("paused-{way}");
            make(&client, &topic, 2).await;
            let producer = Producer::new(&client, ProducerSettings::default()).unwrap();
            for number in 0..20 {
                let value = number.to_string();
                let record = Record::to(topic.as_str()).partition(number % 2).value(&value);
                producer.send(record).await.unwrap().await.unwrap();
            }
            let settings = settings(way, &format!("g-{way}"));
            let consumer = Consumer::builder(&client, settings.clone()).listener(ToTheEnd).build().unwrap();
            consumer.subscribe([topic.as_str()]).unwrap();
            let log = Shared::default();
            let until = Instant::now() + PATIENCE;
            while consumer.assignment().len() < 2 || consumer.paused().len() < 2 {
                assert!(Instant::now() < until);
                assert!(consumer.poll(Duration::from_millis(100)).await.unwrap().is_empty());
            }
            let other = Reader::start(&client, settings, "other", &log);
            other.consumer.subscribe([topic.as_str()]).unwrap();
            while consumer.assignment().len() > 1 || other.count() == 0 {
                assert!(Instant::now() < until);
                assert!(consumer.poll(Duration::from_millis(100)).await.unwrap().is_empty());
            }
            let kept = consumer.assignment();
            assert_eq!(consumer.paused(), kept);
            assert_eq!(consumer.position(&kept[0]).await.unwrap().offset, Offset(7));
            consumer.resume(&kept[0]).unwrap();
            let batches = consumer.poll(PATIENCE).await.unwrap();
            assert_eq!(batches[0].iter().next().unwrap().offset, Offset(7));
            other.leave().await;
            consumer.close().await;
        }
    }
}

/// Together with Java's consumer: both lead in turn, and what stays with ours is never taken away.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mixed_groups_with_java() {
    for server in servers() {
        let server = need!(server);
        let client = client(&server);
        for way in ["cooperative-sticky", "range", "consumer"] {
            let topic = format!("mixed-{way}");
            make(&client, &topic, 6).await;
            let (ends, flow) = flow(&client, &topic, 6);
            let log = Shared::default();
            let group = format!("g-{way}");
            let reader = Reader::start(&client, settings(way, &group), "ours", &log);
            reader.consumer.subscribe([topic.as_str()]).unwrap();
            wait("the first assignment", &log, || reader.count() == 6).await;
            let join = Join { group: &group, topic: &topic, assignor: way, instance: None };
            // Ours leads now.
            let java = need!(Member::start(OtherClient::Java, &server.bootstrap(), join));
            wait("an even assignment", &log, || reader.count() == 3).await;
            java.wait_for_partitions(3);
            reader.leave().await;
            java.wait_for_partitions(6);
            // Java's leads now.
            let reader = Reader::start(&client, settings(way, &group), "ours", &log);
            reader.consumer.subscribe([topic.as_str()]).unwrap();
            wait("an even assignment again", &log, || reader.count() == 3).await;
            java.wait_for_partitions(3);
            ends.store(true, Ordering::Relaxed);
            let count = flow.await.unwrap();
            let read_by_java = java.stop();
            wait("all partitions in the end", &log, || reader.count() == 6).await;
            let mut all: BTreeMap<(i32, i64), usize> = BTreeMap::new();
            for event in &read_by_java {
                if let What::Record(partition, offset, _) = &event.what {
                    *all.entry((*partition, *offset)).or_default() += 1;
                }
            }
            wait("the last records", &log, || {
                let own = log.lock().records.len();
                i64::try_from(own + all.len()).unwrap() >= count * 6
            })
            .await;
            for (partition, offset, _) in &log.lock().records {
                *all.entry((partition.partition.get(), *offset)).or_default() += 1;
            }
            reader.leave().await;
            assert_eq!(i64::try_from(all.len()).unwrap(), count * 6);
            assert!(all.values().all(|times| *times == 1), "{way}: a record came twice");
        }
    }
}
