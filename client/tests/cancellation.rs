//! Futures that are dropped at any point: nothing is lost or done twice by that, nothing hangs, and nothing stays taken.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use fastrand::Rng;
use medallion_client::admin::GroupFilter;
use medallion_client::config::OffsetReset;
use medallion_client::{
    Admin, Client, ClientSettings, Consumer, ConsumerSettings, NewTopic, Producer, ProducerSettings, Record,
};
use medallion_tests::environment::Missing;
use medallion_tests::need;
use medallion_tests::server::{KAFKA, Program, Server};
use medallion_wire::{Offset, TopicPartition};
use tokio::time::{sleep, timeout};

const PATIENCE: Duration = Duration::from_secs(60);
const BUFFER: usize = 64 << 10;

/// Both programs; the second one only where it can be had.
fn servers() -> Vec<Result<Server, Missing>> {
    [Program::Medallion, Program::Kafka(KAFKA)].map(|program| Server::setup().program(program).start()).into()
}

/// Gives a future up after some of its steps, or some time, or not at all.
async fn perhaps<F: Future>(random: &mut Rng, future: F) -> Option<F::Output> {
    let mut steps = if random.bool() { random.usize(1..4) } else { usize::MAX };
    let patience = if random.bool() { Duration::from_micros(random.u64(1..3000)) } else { PATIENCE };
    let mut future = pin!(future);
    let some_steps = poll_fn(|context| {
        steps -= 1;
        match future.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if steps == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    });
    let outcome = timeout(patience, some_steps).await;
    assert!(outcome.is_ok() || patience < PATIENCE, "it hangs");
    outcome.unwrap_or_default()
}

/// Every answer has come, so that no place on a connection is taken.
async fn settle(client: &Client) {
    let until = Instant::now() + PATIENCE;
    loop {
        let metrics = client.metrics();
        if metrics.requests_sent == metrics.answers_received {
            return;
        }
        assert!(Instant::now() < until, "{metrics:?}");
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn producers_lose_nothing_by_it() {
    for server in servers() {
        let server = need!(server);
        for seed in 0..2 {
            let mut random = Rng::with_seed(seed);
            let client = Client::new(ClientSettings::new(&server.bootstrap())).unwrap();
            let topic = format!("sent-{seed}");
            Admin::new(&client).create_topics(&[NewTopic::new(&topic, 3)]).await.unwrap();
            // So little that senders have to wait.
            let settings =
                ProducerSettings::default().buffer_memory(BUFFER).linger(Duration::from_millis(10));
            let producer = Producer::new(&client, settings).unwrap();
            let (mut sent, mut given_up) = (BTreeSet::new(), 0);
            for number in 0..3000_u32 {
                let value = format!("{number:03000}");
                let record = Record::to(topic.as_str()).partition(random.i32(0..3)).value(&value);
                match perhaps(&mut random, producer.send(record)).await {
                    Some(delivery) => {
                        sent.insert(number);
                        let delivery = delivery.unwrap();
                        if random.u32(0..10) == 0 {
                            perhaps(&mut random, delivery).await.transpose().unwrap();
                        }
                    }
                    None => given_up += 1,
                }
                if random.u32(0..200) == 0 {
                    perhaps(&mut random, producer.flush()).await;
                }
            }
            timeout(PATIENCE, producer.flush()).await.expect("a flush ends");
            let metrics = producer.metrics();
            assert_eq!(metrics.records_acknowledged, u64::try_from(sent.len()).unwrap(), "{metrics:?}");
            assert_eq!(usize::try_from(metrics.buffer_bytes_free), Ok(BUFFER), "{metrics:?}");
            eprintln!("{:?}, seed {seed}: {given_up} sends were given up", server.program());
            assert!(given_up > 10, "{given_up} were given up");
            // Closing may be given up as well.
            perhaps(&mut random, producer.close()).await;
            settle(&client).await;
            assert_eq!(read(&client, &topic, sent.len()).await, sent);
        }
    }
}

/// All numbers of a topic, each of which is there once.
async fn read(client: &Client, topic: &str, count: usize) -> BTreeSet<u32> {
    let settings = ConsumerSettings::default().auto_offset_reset(OffsetReset::Earliest);
    let consumer = Consumer::new(client, settings).unwrap();
    consumer.assign((0..3).map(|index| TopicPartition::new(topic, index)));
    let (mut numbers, until) = (BTreeSet::new(), Instant::now() + PATIENCE);
    while numbers.len() < count {
        assert!(Instant::now() < until, "{} of {count} came", numbers.len());
        for batch in consumer.poll(Duration::from_secs(1)).await.unwrap() {
            for record in &batch {
                let number = std::str::from_utf8(record.value.unwrap()).unwrap().parse().unwrap();
                assert!(numbers.insert(number), "{number} is there twice");
            }
        }
    }
    numbers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn consumers_lose_nothing_by_it() {
    const COUNT: i64 = 3000;
    for server in servers() {
        let server = need!(server);
        let client = Client::new(ClientSettings::new(&server.bootstrap())).unwrap();
        Admin::new(&client).create_topics(&[NewTopic::new("read", 3)]).await.unwrap();
        let producer = Producer::new(&client, ProducerSettings::default()).unwrap();
        for number in 0..3 * COUNT {
            let value = number.to_string();
            let partition = i32::try_from(number % 3).unwrap();
            drop(producer.send(Record::to("read").partition(partition).value(&value)).await.unwrap());
        }
        producer.flush().await;
        for (seed, way) in (0..).zip(["consumer", "classic"]) {
            let mut random = Rng::with_seed(seed);
            let settings = ConsumerSettings::default()
                .group_id(format!("g-{way}"))
                .set("group.protocol", way)
                .unwrap()
                .auto_offset_reset(OffsetReset::Earliest)
                .enable_auto_commit(false)
                .max_poll_records(50_u32);
            let consumer = Consumer::new(&client, settings.clone()).unwrap();
            consumer.subscribe(["read"]).unwrap();
            let mut next: BTreeMap<TopicPartition, i64> = BTreeMap::new();
            let until = Instant::now() + PATIENCE;
            while next.values().sum::<i64>() < 3 * COUNT {
                assert!(Instant::now() < until, "{next:?}");
                let polled = perhaps(&mut random, consumer.poll(Duration::from_millis(200))).await;
                for batch in polled.transpose().unwrap().unwrap_or_default() {
                    let next = next.entry(batch.partition().clone()).or_default();
                    for record in &batch {
                        assert_eq!(record.offset.get(), *next, "of {}", batch.partition());
                        *next += 1;
                    }
                }
                let assigned = consumer.assignment();
                match random.u32(0..4) {
                    0 => drop(perhaps(&mut random, consumer.commit()).await.transpose().unwrap()),
                    1 => drop(perhaps(&mut random, consumer.committed(&assigned)).await.transpose().unwrap()),
                    2 if !assigned.is_empty() => {
                        let _: Option<_> =
                            perhaps(&mut random, consumer.position(&assigned[0])).await.transpose().unwrap();
                    }
                    _ => {}
                }
            }
            timeout(PATIENCE, consumer.commit()).await.expect("a commit ends").unwrap();
            let partitions: Vec<_> = next.into_keys().collect();
            for (partition, position) in consumer.committed(&partitions).await.unwrap() {
                assert_eq!(position.unwrap().unwrap().offset, Offset(COUNT), "{partition}");
            }
            // Leaving goes on without who has asked for it, long before its session would end.
            perhaps(&mut random, consumer.close()).await;
            let heir = Consumer::new(&client, settings).unwrap();
            heir.subscribe(["read"]).unwrap();
            let until = Instant::now() + Duration::from_secs(20);
            while heir.assignment().len() < 3 {
                assert!(Instant::now() < until, "the partitions are not given back");
                assert!(heir.poll(Duration::from_millis(100)).await.unwrap().is_empty());
            }
            heir.close().await;
        }
        settle(&client).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn administration_goes_on_after_it() {
    for server in servers() {
        let server = need!(server);
        let mut random = Rng::with_seed(7);
        let client = Client::new(ClientSettings::new(&server.bootstrap())).unwrap();
        let admin = Admin::new(&client);
        for number in 0..600 {
            let topic = format!("t-{}", number % 20);
            match random.u32(0..5) {
                0 => drop(perhaps(&mut random, admin.create_topics(&[NewTopic::new(&topic, 2)])).await),
                1 => drop(perhaps(&mut random, admin.describe_topics(&[&topic])).await),
                2 => drop(perhaps(&mut random, admin.list_topics()).await),
                3 => drop(perhaps(&mut random, admin.list_groups(&GroupFilter::default())).await),
                _ => drop(perhaps(&mut random, client.topic(&topic)).await),
            }
        }
        let topics = timeout(PATIENCE, admin.list_topics()).await.expect("an answer").unwrap();
        assert!(!topics.is_empty());
        settle(&client).await;
    }
}
