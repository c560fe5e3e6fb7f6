//! Transactions against Apache Kafka, with and without version 2 of them, read back by kcat.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod moving;

use std::collections::BTreeMap;
use std::process::Command;

use medallion_client::admin::GroupOffset;
use medallion_client::producer::GroupMetadata;
use medallion_client::{
    Admin, Client, ClientSettings, Error, ErrorClass, NewTopic, Producer, ProducerSettings, Record,
};
use medallion_tests::environment::{Missing, program};
use medallion_tests::server::{KAFKA, Program, Server};
use medallion_tests::{kafka_tools, need};
use medallion_wire::{Offset, ResponseError, TopicPartition};

fn producer(server: &Server, id: &str) -> Producer {
    let properties = [("bootstrap.servers", server.bootstrap()), ("transactional.id", id.to_owned())];
    Producer::from_properties(properties).unwrap()
}

/// What kcat prints of a topic by this format, as a consumer of this isolation level sees it.
fn read(server: &Server, topic: &str, isolation: &str, format: &str) -> Result<Vec<String>, Missing> {
    let mut command = Command::new(program("kcat")?);
    command.args(["-b", &server.bootstrap(), "-C", "-q", "-e", "-o", "beginning", "-t", topic]);
    command.args(["-X", &format!("isolation.level={isolation}"), "-f", format]);
    let output = command.output().map_err(|error| Missing(error.to_string()))?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect())
}

/// The values in a topic, sorted.
fn values(server: &Server, topic: &str, isolation: &str) -> Result<Vec<String>, Missing> {
    let mut values = read(server, topic, isolation, "%s\n")?;
    values.sort();
    Ok(values)
}

async fn send(producer: &Producer, topic: &str, values: &[&str]) {
    for (partition, value) in (0..).zip(values) {
        let record = Record::to(topic).partition(partition % 3).value(*value);
        drop(producer.send(record).await.unwrap());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn transactions_are_all_or_nothing() {
    let server = need!(Server::setup().program(Program::Kafka(KAFKA)).start());
    let admin = Admin::new(&Client::new(ClientSettings::new(&server.bootstrap())).unwrap());
    for version in ["v2", "v1"] {
        if version == "v1" {
            let bootstrap = server.bootstrap();
            let arguments =
                ["--bootstrap-server", &bootstrap, "downgrade", "--feature", "transaction.version=0"];
            need!(kafka_tools::run("kafka-features", &arguments)).success();
        }
        let (topic, group) = (format!("moved-{version}"), format!("movers-{version}"));
        let moved = NewTopic::new(&topic, 3).config("max.message.bytes", "5000");
        admin.create_topics(&[moved]).await.unwrap()[&topic].as_ref().unwrap();
        let mover = producer(&server, &format!("mover-{version}"));
        in_order(&mover, &topic).await;
        committed(&mover, &admin, &topic, &group).await;
        assert_eq!(need!(values(&server, &topic, "read_committed")), ["a", "b", "c", "d"]);
        aborted(&mover, &admin, &topic, &group).await;
        assert_eq!(need!(values(&server, &topic, "read_committed")), ["a", "b", "c", "d"]);
        assert!(need!(values(&server, &topic, "read_uncommitted")).contains(&"x".to_owned()));
        doomed(&mover, &topic).await;
        assert_eq!(need!(values(&server, &topic, "read_committed")), ["a", "b", "c", "d", "e", "f"]);
        fenced(mover, &server, &topic, &format!("mover-{version}")).await;
        assert_eq!(need!(values(&server, &topic, "read_committed")), ["a", "b", "c", "d", "e", "f", "h"]);
        let described = admin.describe_transactions(&[&format!("mover-{version}")]).await.unwrap();
        let described = described.values().next().unwrap().as_ref().unwrap();
        assert_eq!((described.state.as_str(), described.timeout_ms), ("CompleteAbort", 60_000));
        let listed = admin.list_transactions().await.unwrap();
        assert_eq!(listed[&format!("mover-{version}")].producer_id, described.producer_id);
    }
}

/// Calls that come too early, and a transaction of nothing.
async fn in_order(mover: &Producer, topic: &str) {
    let is_refused = |error: &Error| matches!(error, Error::TransactionState { .. });
    assert!(is_refused(&mover.begin_transaction().unwrap_err()));
    mover.init_transactions().await.unwrap();
    assert!(is_refused(&mover.init_transactions().await.unwrap_err()));
    assert!(is_refused(&mover.send(Record::to(topic).value("early")).await.unwrap_err()));
    assert!(is_refused(&mover.commit_transaction().await.unwrap_err()));
    mover.begin_transaction().unwrap();
    mover.commit_transaction().await.unwrap();
}

fn offsets(offset: i64) -> BTreeMap<TopicPartition, GroupOffset> {
    BTreeMap::from([(TopicPartition::new("source", 0), GroupOffset::new(Offset(offset)))])
}

async fn group_offset(admin: &Admin, group: &str) -> Option<i64> {
    let asked = BTreeMap::from([(group, Some(vec![TopicPartition::new("source", 0)]))]);
    let found = admin.list_group_offsets(&asked, true).await.unwrap().remove(group).unwrap().unwrap();
    let offset = found.into_values().next()?.unwrap();
    offset.map(|offset| offset.offset.get())
}

async fn committed(mover: &Producer, admin: &Admin, topic: &str, group: &str) {
    // Offsets are committed of topics that exist.
    drop(admin.create_topics(&[NewTopic::new("source", 1)]).await.unwrap());
    for (number, values) in (0..).zip([["a", "b"], ["c", "d"]]) {
        mover.begin_transaction().unwrap();
        send(mover, topic, &values).await;
        mover.send_offsets_to_transaction(&offsets(10 + number), &GroupMetadata::new(group)).await.unwrap();
        mover.commit_transaction().await.unwrap();
        assert_eq!(group_offset(admin, group).await, Some(10 + number));
    }
}

async fn aborted(mover: &Producer, admin: &Admin, topic: &str, group: &str) {
    mover.begin_transaction().unwrap();
    send(mover, topic, &["x", "y", "z"]).await;
    mover.flush().await;
    mover.send_offsets_to_transaction(&offsets(99), &GroupMetadata::new(group)).await.unwrap();
    let lost = mover.send(Record::to(topic).value("never sent")).await.unwrap();
    mover.abort_transaction().await.unwrap();
    // It may have been sent before it could be given up.
    if let Err(error) = lost.await {
        assert!(matches!(error, Error::TransactionAborted), "{error}");
    }
    assert_eq!(group_offset(admin, group).await, Some(11));
    // A member that is none any more may not move the group's offsets.
    mover.begin_transaction().unwrap();
    let gone = GroupMetadata { generation: 7, member_id: "gone".to_owned(), ..GroupMetadata::new(group) };
    let error = mover.send_offsets_to_transaction(&offsets(98), &gone).await.unwrap_err();
    assert!(error.code().is_some() && !error.is_retriable(), "{error}");
    assert_eq!(mover.commit_transaction().await.unwrap_err().class(), ErrorClass::Abortable);
    mover.abort_transaction().await.unwrap();
}

/// A record that fails makes the transaction fail, and the next one succeeds.
async fn doomed(mover: &Producer, topic: &str) {
    mover.begin_transaction().unwrap();
    send(mover, topic, &["n1", "n2", "n3"]).await;
    let large = "x".repeat(6000);
    let large = mover.send(Record::to(topic).partition(1).value(&large)).await.unwrap();
    let error = large.await.unwrap_err();
    assert_eq!(error.code(), Some(ResponseError::MessageTooLarge), "{error}");
    let error = mover.send(Record::to(topic).value("n4")).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Abortable, "{error}");
    let error = mover.commit_transaction().await.unwrap_err();
    assert_eq!((error.class(), error.code()), (ErrorClass::Abortable, Some(ResponseError::MessageTooLarge)));
    mover.abort_transaction().await.unwrap();
    mover.begin_transaction().unwrap();
    send(mover, topic, &["e", "f"]).await;
    mover.commit_transaction().await.unwrap();
}

/// A second producer of the same name ends the first, and its transaction.
async fn fenced(first: Producer, server: &Server, topic: &str, id: &str) {
    first.begin_transaction().unwrap();
    send(&first, topic, &["g"]).await;
    first.flush().await;
    let second = producer(server, id);
    second.init_transactions().await.unwrap();
    second.begin_transaction().unwrap();
    send(&second, topic, &["h"]).await;
    second.commit_transaction().await.unwrap();
    let error = first.commit_transaction().await.unwrap_err();
    assert!(error.is_fatal(), "{error}");
    assert!(first.begin_transaction().unwrap_err().is_fatal());
    first.close().await;
    // What is left open is aborted.
    second.begin_transaction().unwrap();
    send(&second, topic, &["left"]).await;
    second.flush().await;
    second.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn medallion_says_that_it_has_none() {
    let server = need!(Server::setup().program(Program::Medallion).start());
    let error = producer(&server, "mover").init_transactions().await.unwrap_err();
    assert!(matches!(error, Error::UnsupportedVersion { .. }), "{error}");
    assert!(error.to_string().contains("EndTxn"), "{error}");
    let client = Client::new(ClientSettings::new(&server.bootstrap())).unwrap();
    let plain = Producer::new(&client, ProducerSettings::default()).unwrap();
    assert!(plain.begin_transaction().unwrap_err().to_string().contains("transactional.id"));
}
