//! Programs that read, write and commit what they have read in one transaction (KIP-447): each record comes out once and in order,
//! whoever is killed, slow or thrown out of the group meanwhile.

use std::collections::BTreeMap;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use medallion_client::admin::GroupOffset;
use medallion_client::config::OffsetReset;
use medallion_client::producer::GroupMetadata;
use medallion_client::{
    Admin, Batch, Client, ClientSettings, Consumer, ConsumerSettings, Error, ErrorClass, NewTopic, Producer,
    ProducerSettings, Record,
};
use medallion_tests::need;
use medallion_tests::server::{KAFKA, Program, Server};
use medallion_wire::{Offset, ResponseError, TopicPartition};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::read;

const PARTITIONS: i32 = 4;
const PATIENCE: Duration = Duration::from_secs(40);
/// Long enough for a slow machine, short enough to be waited for.
const MAX_POLL_INTERVAL: Duration = Duration::from_secs(3);
/// What a process that moves is told: bootstrap, protocol and its transactional id.
const TOLD: &str = "TRANSACTIONS_MOVER";

/// A program that moves records from one topic to another.
struct Mover {
    consumer: Consumer,
    producer: Producer,
    to: String,
}

impl Mover {
    async fn start(bootstrap: &str, way: &str, id: &str) -> Self {
        let client = Client::new(ClientSettings::new(bootstrap)).unwrap();
        let settings = ConsumerSettings::default()
            .group_id(format!("movers-{way}"))
            .set("isolation.level", "read_committed")
            .unwrap()
            .auto_offset_reset(OffsetReset::Earliest)
            .enable_auto_commit(false)
            .max_poll_interval(MAX_POLL_INTERVAL)
            .max_poll_records(10_u32);
        let settings = match way {
            "consumer" => settings.set("group.protocol", way).unwrap(),
            _ => settings
                .set("partition.assignment.strategy", way)
                .unwrap()
                .session_timeout(Duration::from_secs(6))
                .heartbeat_interval(Duration::from_millis(200)),
        };
        let producer = ProducerSettings::default()
            .set("transactional.id", id)
            .unwrap()
            .transaction_timeout(Duration::from_secs(20));
        let mover = Self {
            consumer: Consumer::new(&client, settings).unwrap(),
            producer: Producer::new(&client, producer).unwrap(),
            to: format!("to-{way}"),
        };
        mover.producer.init_transactions().await.unwrap();
        mover.consumer.subscribe([format!("from-{way}")]).unwrap();
        mover
    }

    /// Opens a transaction and writes what it has read.
    async fn write(&self, batches: &[Batch]) -> Result<BTreeMap<TopicPartition, GroupOffset>, Error> {
        self.producer.begin_transaction()?;
        let mut offsets = BTreeMap::new();
        for batch in batches {
            for record in batch {
                let copy = Record::to(self.to.as_str()).partition(batch.partition().partition.get());
                drop(self.producer.send(copy.value(record.value.unwrap_or_default())).await?);
            }
            let next = batch.next_position();
            let offset = GroupOffset { leader_epoch: next.leader_epoch, ..GroupOffset::new(next.offset) };
            offsets.insert(batch.partition().clone(), offset);
        }
        Ok(offsets)
    }

    async fn step(&self) -> Result<(), Error> {
        let batches = self.consumer.poll(Duration::from_millis(100)).await?;
        if batches.is_empty() {
            return Ok(());
        }
        let offsets = self.write(&batches).await?;
        self.producer.send_offsets_to_transaction(&offsets, &self.consumer.group_metadata()?).await?;
        self.producer.commit_transaction().await
    }

    /// Gives up what it has read, to read it again.
    async fn back(&self) -> Result<(), Error> {
        self.producer.abort_transaction().await?;
        for (partition, position) in self.consumer.committed(&self.consumer.assignment()).await? {
            match position? {
                Some(position) => drop(self.consumer.seek(&partition, position)),
                None => drop(self.consumer.seek_to_beginning(&partition)),
            }
        }
        Ok(())
    }

    async fn run(&self, ends: &AtomicBool) {
        while !ends.load(Ordering::Relaxed) {
            if let Err(error) = self.step().await {
                assert!(!error.is_fatal(), "{error}");
                eprintln!("goes back: {error}");
                while let Err(error) = self.back().await {
                    assert!(!error.is_fatal(), "{error}");
                    sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }
}

/// A mover in a process of its own, which can be killed.
struct Process(Child);

impl Process {
    fn start(server: &Server, way: &str, id: &str) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "moving::moves_in_a_process_of_its_own", "--nocapture"]);
        command.env(TOLD, format!("{} {way} {id}", server.bootstrap())).stdout(Stdio::null());
        Self(command.spawn().unwrap())
    }

    fn check_lives(&mut self) {
        assert_eq!(self.0.try_wait().unwrap(), None, "a mover has failed");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What [`Process::start`] starts; without that it has nothing to do.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn moves_in_a_process_of_its_own() {
    let Ok(told) = std::env::var(TOLD) else { return };
    let [bootstrap, way, id] = *told.split(' ').collect::<Vec<_>>() else { panic!("{told}") };
    Mover::start(bootstrap, way, id).await.run(&AtomicBool::new(false)).await;
}

/// Writes to all partitions until told to stop: each record is its offset. Tells how many.
fn flow(client: &Client, topic: &str) -> (Arc<AtomicBool>, JoinHandle<i64>) {
    let producer = Producer::new(client, ProducerSettings::default()).unwrap();
    let ends = Arc::new(AtomicBool::new(false));
    let (end, topic) = (Arc::clone(&ends), topic.to_owned());
    let task = tokio::spawn(async move {
        let mut offset = 0;
        while !end.load(Ordering::Relaxed) {
            let value = offset.to_string();
            for partition in 0..PARTITIONS {
                let record = Record::to(topic.as_str()).partition(partition).value(&value);
                drop(producer.send(record).await.unwrap());
            }
            offset += 1;
            sleep(Duration::from_millis(5)).await;
        }
        producer.flush().await;
        offset
    });
    (ends, task)
}

/// The group's offsets, by partition.
async fn committed(admin: &Admin, way: &str) -> BTreeMap<TopicPartition, i64> {
    let group = format!("movers-{way}");
    let asked = BTreeMap::from([(group.as_str(), None)]);
    let found = admin.list_group_offsets(&asked, false).await.unwrap().remove(&group).unwrap();
    let offsets = found.unwrap_or_default().into_iter();
    offsets.filter_map(|(partition, offset)| Some((partition, offset.unwrap()?.offset.get()))).collect()
}

async fn wait(what: &str, is_so: impl AsyncFn() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !is_so().await {
        assert!(Instant::now() < until, "{what} does not come");
        sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_record_is_moved_once() {
    let server = Server::setup()
        .program(Program::Kafka(KAFKA))
        .property("group.consumer.min.session.timeout.ms", "6000")
        .property("group.consumer.session.timeout.ms", "6000")
        .property("group.consumer.min.heartbeat.interval.ms", "300")
        .property("group.consumer.heartbeat.interval.ms", "300");
    let server = need!(server.start());
    for way in ["consumer", "cooperative-sticky"] {
        let started = Instant::now();
        let client = Client::new(ClientSettings::new(&server.bootstrap())).unwrap();
        let admin = Admin::new(&client);
        let (from, to) = (format!("from-{way}"), format!("to-{way}"));
        let topics = [&from, &to].map(|topic| NewTopic::new(topic, PARTITIONS));
        for made in admin.create_topics(&topics).await.unwrap().into_values() {
            made.unwrap();
        }
        let (ends, flow) = flow(&client, &from);
        {
            let mut second = Process::start(&server, way, "second");
            killed(&server, &admin, way).await;
            // Who comes back under the same name ends what was left open.
            let mut first = Process::start(&server, way, "first");
            thrown_out(&server, &admin, way).await;
            first.check_lives();
            second.check_lives();
            ends.store(true, Ordering::Relaxed);
            let count = flow.await.unwrap();
            wait("the end", async || {
                let committed = committed(&admin, way).await;
                committed.len() == 4 && committed.values().all(|offset| *offset == count)
            })
            .await;
            check(&need!(read(&server, &to, "read_committed", "%p %s\n")), count);
        }
        eprintln!("{way}: {:?}", started.elapsed());
    }
}

/// One is killed in the middle of its work.
async fn killed(server: &Server, admin: &Admin, way: &str) {
    let mut first = Process::start(server, way, "first");
    wait("work", async || committed(admin, way).await.values().sum::<i64>() > 200).await;
    first.check_lives();
    drop(first);
}

/// One that reads, and takes so long to write that others have its partitions, commits nothing of that: neither as the member that it
/// was nor as the one that it is. Then it goes on.
async fn thrown_out(server: &Server, admin: &Admin, way: &str) {
    let slow = Mover::start(&server.bootstrap(), way, "slow").await;
    let until = Instant::now() + PATIENCE;
    let batches = loop {
        assert!(Instant::now() < until, "it reads nothing");
        let batches = slow.consumer.poll(Duration::from_millis(100)).await.unwrap();
        if !batches.is_empty() {
            break batches;
        }
    };
    let member = slow.consumer.group_metadata().unwrap();
    assert!(member.generation > 0 && !member.member_id.is_empty(), "{member:?}");
    let offsets = slow.write(&batches).await.unwrap();
    wait("another reader", async || {
        let committed = committed(admin, way).await;
        offsets.iter().all(|(partition, offset)| committed.get(partition) > Some(&offset.offset.get()))
    })
    .await;
    refused(&slow, &offsets, &member).await;
    slow.write(&batches).await.unwrap();
    refused(&slow, &offsets, &slow.consumer.group_metadata().unwrap()).await;
    let ends = Arc::new(AtomicBool::new(false));
    let (end, consumer) = (Arc::clone(&ends), slow.consumer.clone());
    let running = tokio::spawn(async move {
        slow.run(&end).await;
        slow
    });
    wait("its partitions", async || !consumer.assignment().is_empty()).await;
    sleep(Duration::from_millis(500)).await;
    ends.store(true, Ordering::Relaxed);
    let slow = running.await.unwrap();
    slow.consumer.close().await;
    slow.producer.close().await;
}

async fn refused(slow: &Mover, offsets: &BTreeMap<TopicPartition, GroupOffset>, member: &GroupMetadata) {
    let error = slow.producer.send_offsets_to_transaction(offsets, member).await.unwrap_err();
    let expected = [ResponseError::IllegalGeneration, ResponseError::UnknownMemberId];
    assert!(error.code().is_some_and(|code| expected.contains(&code)), "{error}");
    assert_eq!(error.class(), ErrorClass::Failed, "{error}");
    assert_eq!(slow.producer.commit_transaction().await.unwrap_err().class(), ErrorClass::Abortable);
    slow.producer.abort_transaction().await.unwrap();
}

/// Each partition has the numbers from 0, once and in order.
fn check(lines: &[String], count: i64) {
    let mut next: BTreeMap<&str, i64> = BTreeMap::new();
    for line in lines {
        let (partition, value) = line.split_once(' ').unwrap();
        let next = next.entry(partition).or_default();
        assert_eq!(value, next.to_string(), "in partition {partition}");
        *next += 1;
    }
    assert_eq!(next.into_values().collect::<Vec<_>>(), [count; 4]);
}

/// Nobody begins at an offset that an open transaction may have passed: not even a consumer that reads everything (KIP-447).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn offsets_of_open_transactions_are_waited_for() {
    let server = need!(Server::setup().program(Program::Kafka(KAFKA)).start());
    let client = Client::new(ClientSettings::new(&server.bootstrap())).unwrap();
    Admin::new(&client).create_topics(&[NewTopic::new("source", 1)]).await.unwrap()["source"]
        .as_ref()
        .unwrap();
    let settings = ProducerSettings::default().set("transactional.id", "slow").unwrap();
    let producer = Producer::new(&client, settings).unwrap();
    producer.init_transactions().await.unwrap();
    producer.begin_transaction().unwrap();
    let source = TopicPartition::new("source", 0);
    let offsets = BTreeMap::from([(source.clone(), GroupOffset::new(Offset(7)))]);
    producer.send_offsets_to_transaction(&offsets, &GroupMetadata::new("g")).await.unwrap();
    let consumer = Consumer::new(&client, ConsumerSettings::default().group_id("g".to_owned())).unwrap();
    let asking = tokio::spawn(async move { consumer.committed(&[source]).await });
    sleep(Duration::from_secs(1)).await;
    assert!(!asking.is_finished());
    producer.commit_transaction().await.unwrap();
    let committed = asking.await.unwrap().unwrap().into_values().next().unwrap();
    assert_eq!(committed.unwrap().unwrap().offset, Offset(7));
}
