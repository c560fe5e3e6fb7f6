//! Apache Kafka 2.1, the oldest broker that this client works with: each API in the versions of 2018.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use medallion_client::admin::{GroupDescription, GroupFilter, GroupOffset};
use medallion_client::config::OffsetReset;
use medallion_client::producer::GroupMetadata;
use medallion_client::{
    Admin, Batch, Client, ClientSettings, Consumer, ConsumerSettings, Error, NewTopic, Producer,
    ProducerSettings, Record,
};
use medallion_tests::need;
use medallion_tests::old_kafka::OldKafka;
use medallion_wire::records::Compression;
use medallion_wire::{Offset, TopicPartition};

const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kafka_2_1_is_enough() {
    let kafka = need!(OldKafka::start());
    let client = Client::new(ClientSettings::new(&kafka.bootstrap())).unwrap();
    let admin = Admin::new(&client);
    write(&client, &admin).await;
    groups(&client, &admin).await;
    transactions(&client, &admin).await;
    administration(&admin).await;
    what_it_lacks(&client, &admin).await;
}

/// Every codec that it has, `zstd` among them.
async fn write(client: &Client, admin: &Admin) {
    let topic = NewTopic::new("trips", 2).replication_factor(1).config("retention.ms", "86400000");
    admin.create_topics(&[topic]).await.unwrap()["trips"].as_ref().unwrap();
    for codec in Compression::ALL {
        let producer = Producer::new(client, ProducerSettings::default().compression_type(codec)).unwrap();
        for number in 0..100 {
            let value = number.to_string();
            drop(producer.send(Record::to("trips").partition(number % 2).value(&value)).await.unwrap());
        }
        producer.flush().await;
        assert_eq!((producer.metrics().records_acknowledged, producer.metrics().records_failed), (100, 0));
    }
}

/// A group's members read all, commit, leave and go on.
async fn groups(client: &Client, admin: &Admin) {
    for way in ["range", "cooperative-sticky"] {
        let settings = ConsumerSettings::default()
            .group_id(format!("g-{way}"))
            .auto_offset_reset(OffsetReset::Earliest)
            .set("partition.assignment.strategy", way)
            .unwrap();
        let mut seen = 0;
        // The second one begins where the first has committed.
        for target in [300, 500] {
            let consumer = Consumer::new(client, settings.clone().max_poll_records(10_u32)).unwrap();
            consumer.subscribe(["trips"]).unwrap();
            let until = Instant::now() + PATIENCE;
            while seen < target {
                assert!(Instant::now() < until, "{way}: {seen}");
                for batch in consumer.poll(Duration::from_secs(1)).await.unwrap() {
                    seen += batch.len();
                }
            }
            consumer.commit().await.unwrap();
            consumer.close().await;
        }
        assert_eq!(seen, 500, "{way}");
    }
    // Of several groups, which it can only tell one by one.
    let asked = BTreeMap::from([("g-range", None), ("g-cooperative-sticky", None)]);
    for (group, offsets) in admin.list_group_offsets(&asked, true).await.unwrap() {
        let offsets: Vec<i64> =
            offsets.unwrap().into_values().map(|offset| offset.unwrap().unwrap().offset.get()).collect();
        assert_eq!(offsets, [250, 250], "{group}");
    }
    let described = admin.describe_groups(&["g-range", "g-cooperative-sticky"]).await.unwrap();
    for group in described.into_values() {
        let group = group.unwrap();
        assert!(matches!(&group, GroupDescription::Classic(group) if group.members.is_empty()), "{group:?}");
    }
    assert_eq!(admin.list_groups(&GroupFilter::default()).await.unwrap().len(), 2);
    let deleted = admin.delete_groups(&["g-range", "g-cooperative-sticky"]).await.unwrap();
    for outcome in deleted.into_values() {
        outcome.unwrap();
    }
}

async fn transactions(client: &Client, admin: &Admin) {
    let settings = ProducerSettings::default().set("transactional.id", "mover").unwrap();
    let producer = Producer::new(client, settings).unwrap();
    producer.init_transactions().await.unwrap();
    for (offset, commits) in [(7, true), (9, false), (8, true)] {
        producer.begin_transaction().unwrap();
        drop(producer.send(Record::to("moved").value("1")).await.unwrap());
        let offsets = BTreeMap::from([(TopicPartition::new("trips", 0), GroupOffset::new(Offset(offset)))]);
        producer.send_offsets_to_transaction(&offsets, &GroupMetadata::new("movers")).await.unwrap();
        if commits {
            producer.commit_transaction().await.unwrap();
        } else {
            producer.abort_transaction().await.unwrap();
        }
    }
    // It does not wait for the offsets of a transaction that is about to end.
    let (asked, until) = (BTreeMap::from([("movers", None)]), Instant::now() + PATIENCE);
    loop {
        let found = admin.list_group_offsets(&asked, false).await.unwrap().remove("movers").unwrap().unwrap();
        let offset = found.into_values().next().unwrap().unwrap().unwrap().offset;
        if offset == Offset(8) {
            break;
        }
        assert!(offset == Offset(7) && Instant::now() < until, "{offset:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let settings = ConsumerSettings::default()
        .set("isolation.level", "read_committed")
        .unwrap()
        .auto_offset_reset(OffsetReset::Earliest);
    let consumer = Consumer::new(client, settings).unwrap();
    consumer.assign([TopicPartition::new("moved", 0)]);
    let (mut seen, until) = (0, Instant::now() + PATIENCE);
    while seen < 2 {
        assert!(Instant::now() < until);
        seen += consumer.poll(Duration::from_secs(1)).await.unwrap().iter().map(Batch::len).sum::<usize>();
    }
    assert!(
        consumer.poll(Duration::from_millis(500)).await.unwrap().is_empty(),
        "what was aborted is not there"
    );
}

async fn administration(admin: &Admin) {
    assert_eq!(admin.describe_cluster().await.unwrap().brokers.len(), 1);
    admin.create_partitions(&[("trips", 3)]).await.unwrap()["trips"].as_ref().unwrap();
    let described = admin.describe_topics(&["trips"]).await.unwrap();
    assert_eq!(described["trips"].as_ref().unwrap().partitions.len(), 3);
    admin.delete_topics(&["trips"]).await.unwrap()["trips"].as_ref().unwrap();
}

/// Where a version is needed that it does not have, the error says so.
async fn what_it_lacks(client: &Client, admin: &Admin) {
    let is_told = |error: &Error, api: &str| {
        assert!(matches!(error, Error::UnsupportedVersion { .. }), "{error}");
        assert!(error.to_string().contains(api), "{error}");
    };
    is_told(&admin.list_transactions().await.unwrap_err(), "ListTransactions");
    let settings =
        ConsumerSettings::default().group_id("static".to_owned()).group_instance_id("i".to_owned());
    let member = Consumer::new(client, settings).unwrap();
    member.subscribe(["moved"]).unwrap();
    let until = Instant::now() + PATIENCE;
    let error = loop {
        assert!(Instant::now() < until);
        if let Err(error) = member.poll(Duration::from_secs(1)).await {
            break error;
        }
    };
    is_told(&error, "JoinGroup");
    let settings = ProducerSettings::default().set("transactional.id", "member").unwrap();
    let producer = Producer::new(client, settings).unwrap();
    producer.init_transactions().await.unwrap();
    producer.begin_transaction().unwrap();
    let offsets = BTreeMap::from([(TopicPartition::new("moved", 0), GroupOffset::new(Offset(1)))]);
    let group = GroupMetadata { generation: 3, member_id: "m".to_owned(), ..GroupMetadata::new("movers") };
    is_told(&producer.send_offsets_to_transaction(&offsets, &group).await.unwrap_err(), "TxnOffsetCommit");
}
