//! Other people's clients: what each one writes, all the others read, with every codec, headers, nulls and large
//! records, offsets by time, and through restarts of the server.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::thread;
use std::time::{Duration, Instant};

use medallion_tests::client::{Client, Produce, read_step, records_of};
use medallion_tests::environment::{Missing, skip};
use medallion_tests::load::{Load, Shape};
use medallion_tests::matrix::Feature;
use medallion_tests::record::{LARGE_BYTES, Record, SAMPLE_START_MS, number, sample};
use medallion_tests::server::Server;
use medallion_tests::{admin, kcat, need};
use serde_json::json;

/// How a sample is produced: each way goes to a partition of its own.
fn ways(client: Client) -> Vec<(&'static str, &'static str, bool)> {
    let mut ways: Vec<_> = client.codecs().iter().map(|codec| (*codec, "all", false)).collect();
    ways.extend([("none", "all", true), ("gzip", "all", true), ("none", "1", false), ("none", "0", false)]);
    ways
}

/// The sample, as far as the client can express it.
fn sample_of(client: Client) -> Vec<Record> {
    let mut records = number(sample().into_iter().filter(|record| client.can_send(record)).collect());
    if !client.sets_timestamps() {
        for record in &mut records {
            record.timestamp = None;
        }
    }
    records
}

fn written_by(client: Client) {
    need!(client.available());
    let server = need!(Server::start_default());
    let ways = ways(client);
    let partitions = i32::try_from(ways.len()).unwrap();
    admin::create_topic(&server, "matrix", partitions, &[]);
    let records = sample_of(client);
    let produce = |(partition, (codec, acks, idempotent))| {
        let (topic, records) = ("matrix", records.as_slice());
        Produce { topic, partition, codec, acks, idempotent, records }.step()
    };
    let steps: Vec<_> = (0..).zip(ways.iter().copied()).map(produce).collect();
    let answers = need!(client.run_well(&server.bootstrap(), &steps));
    for ((codec, acks, idempotent), answer) in ways.iter().zip(&answers) {
        let offsets: Vec<i64> = serde_json::from_value(answer["offsets"].clone()).unwrap();
        // With acks 0 nobody tells a client, and kcat tells nobody.
        if *acks != "0" && client != Client::Kcat {
            let expected: Vec<_> = (0..).take(records.len()).collect();
            assert_eq!(offsets, expected, "{codec}, acks {acks}, idempotent {idempotent}");
        }
    }
    let until = i64::try_from(records.len()).unwrap();
    let all_there = || admin::ends(&server, "matrix", partitions).iter().all(|end| *end == until);
    assert!(eventually(all_there), "{:?} of {until}", admin::ends(&server, "matrix", partitions));
    let readers = Feature::Reads.clients().iter().map(|reader| (*reader, reader.available()));
    let (present, absent): (Vec<_>, Vec<_>) = readers.partition(|(_, found)| found.is_ok());
    for (reader, _) in present {
        read_by(reader, &server, partitions, &records);
    }
    // Once, however many are absent: a test counts as skipped once.
    let absent: Vec<_> = absent.into_iter().filter_map(|(_, found)| Some(found.err()?.0)).collect();
    if !absent.is_empty() {
        skip(&Missing(absent.join("; ")));
    }
}

/// Nobody waits for records sent with acks 0.
fn eventually(condition: impl Fn() -> bool) -> bool {
    let deadline = Instant::now() + Duration::from_secs(10);
    while Instant::now() < deadline {
        if condition() {
            return true;
        }
        thread::sleep(Duration::from_millis(20));
    }
    false
}

/// Reads all partitions and compares; a timestamp that the writer left to its library is not compared.
fn read_by(reader: Client, server: &Server, partitions: i32, expected: &[Record]) {
    let until = i64::try_from(expected.len()).unwrap();
    let steps: Vec<_> = (0..partitions).map(|p| read_step("matrix", p, 0, until)).collect();
    let answers = reader.run_well(&server.bootstrap(), &steps).expect("the reader is there");
    for (partition, answer) in answers.iter().enumerate() {
        let found = records_of(answer);
        assert_eq!(found.len(), expected.len(), "{reader:?} reads partition {partition}");
        for (found, expected) in found.into_iter().zip(expected) {
            let mut expected = expected.clone();
            if expected.timestamp.is_none() {
                assert!(found.timestamp > Some(SAMPLE_START_MS), "{found:?}");
                expected.timestamp = found.timestamp;
            }
            assert_eq!(found, expected, "{reader:?} reads partition {partition}");
        }
    }
}

mod writes {
    medallion_tests::tests_of_writing!(super::written_by);
}

/// Reading begins within a batch of each codec; what the batch holds before that is not delivered.
fn reads_from_within_a_batch(client: Client) {
    need!(Client::FranzGo.available());
    need!(client.available());
    let server = need!(Server::start_default());
    let codecs = Client::FranzGo.codecs();
    let partitions = i32::try_from(codecs.len()).unwrap();
    admin::create_topic(&server, "batches", partitions, &[]);
    let records = number(sample());
    let produce = |(partition, codec): (i32, &&str)| {
        let (topic, records) = ("batches", records.as_slice());
        Produce { topic, partition, codec, acks: "all", idempotent: true, records }.step()
    };
    let steps: Vec<_> = (0..).zip(codecs).map(produce).collect();
    need!(Client::FranzGo.run_well(&server.bootstrap(), &steps));
    let until = i64::try_from(records.len()).unwrap();
    let steps: Vec<_> = (0..partitions).map(|p| read_step("batches", p, 3, until)).collect();
    let answers = need!(client.run_well(&server.bootstrap(), &steps));
    for (codec, answer) in codecs.iter().zip(&answers) {
        assert_eq!(records_of(answer), records[3..], "{client:?}, {codec}");
    }
}

mod reads {
    medallion_tests::tests_of_reading!(super::reads_from_within_a_batch);
}

/// Offsets by time: before all, on a record, between two, on the last, after all.
fn finds_offsets_by_time(client: Client) {
    need!(Client::Java.available());
    need!(client.available());
    let server = need!(Server::start_default());
    admin::create_topic(&server, "times", 1, &[]);
    let records = sample();
    let produce = Produce {
        topic: "times",
        partition: 0,
        codec: "lz4",
        acks: "all",
        idempotent: true,
        records: &records,
    };
    need!(Client::Java.run_well(&server.bootstrap(), &[produce.step()]));
    let last = i64::try_from(records.len()).unwrap() - 1;
    let questions =
        [(-5000, 0), (0, 0), (7000, 7), (7001, 8), (7999, 8), (last * 1000, last), (last * 1000 + 1, -1)];
    let step = |(after, _)| json!({ "do": "offsets_for_time", "topic": "times", "partition": 0, "timestamp": SAMPLE_START_MS + after });
    let steps: Vec<_> = questions.iter().copied().map(step).collect();
    let answers = need!(client.run_well(&server.bootstrap(), &steps));
    let found: Vec<_> = answers.iter().map(|answer| answer["offset"].as_i64().unwrap()).collect();
    assert_eq!(found, questions.map(|(_, offset)| offset), "{client:?}");
}

mod finds_offsets_by_time {
    medallion_tests::tests_of_offsets_by_time!(super::finds_offsets_by_time);
}

/// An idempotent and a plain producer keep sending while the server restarts, and while it is killed. (kcat ends when its only server is away.)
fn lives_through_restarts(client: Client) {
    need!(client.available());
    let mut server = need!(Server::start_default());
    let bootstrap = server.bootstrap();
    for (topic, idempotent) in [("plain", false), ("idempotent", true)] {
        admin::create_topic(&server, topic, 2, &[]);
        let shape = Shape { topic, partitions: 2, acks: "all", idempotent, rate: 500 };
        let load = Load::start(client, &bootstrap, shape);
        for round in 0..2 {
            thread::sleep(Duration::from_secs(1));
            if round == 0 {
                server.stop();
            } else {
                server.kill();
            }
            thread::sleep(Duration::from_millis(200));
            server.start();
        }
        thread::sleep(Duration::from_millis(700));
        let outcome = need!(load.finish());
        assert_eq!(outcome.failed, 0, "{client:?} gave up records of {topic}: {}", outcome.why);
        assert!(outcome.acknowledged.len() > 500, "{client:?} sent only {}", outcome.acknowledged.len());
        let reader = if client == Client::KafkaJs { Client::Confluent } else { client };
        let found = need!(outcome.check(reader, &bootstrap, shape, &admin::ends(&server, topic, 2)));
        assert!(found >= outcome.acknowledged.len());
    }
}

mod lives_through_restarts {
    medallion_tests::tests_of_writing_through_restarts!(super::lives_through_restarts);
}

/// A reader that waits at the end of a partition goes on after the server was away.
fn reads_through_a_restart(client: Client) {
    need!(client.available());
    need!(Client::FranzGo.available());
    let mut server = need!(Server::start_default());
    let bootstrap = server.bootstrap();
    admin::create_topic(&server, "tail", 1, &[]);
    let records: Vec<_> = (0..20).map(|i| Record::of_value(&format!("record {i}"))).collect();
    let produce = |records| {
        let step =
            Produce { topic: "tail", partition: 0, codec: "none", acks: "all", idempotent: true, records };
        Client::FranzGo.run_well(&bootstrap, &[step.step()])
    };
    let answer = thread::scope(|scope| {
        let reader = scope.spawn(|| client.run_well(&bootstrap, &[read_step("tail", 0, 0, 20)]));
        produce(&records[..10]).unwrap();
        thread::sleep(Duration::from_secs(1));
        server.stop();
        server.start();
        produce(&records[10..]).unwrap();
        reader.join().unwrap()
    });
    let found: Vec<_> = records_of(&need!(answer)[0]).into_iter().map(|record| record.value).collect();
    assert_eq!(found, records.into_iter().map(|record| record.value).collect::<Vec<_>>());
}

mod reads_through_a_restart {
    medallion_tests::tests_of_reading_through_a_restart!(super::reads_through_a_restart);
}

#[test]
fn kafkajs_administers_topics() {
    need!(Client::KafkaJs.available());
    let server = need!(Server::start_default());
    let step = json!({ "do": "admin", "topic": "administered" });
    let answer = need!(Client::KafkaJs.run_well(&server.bootstrap(), &[step])).remove(0);
    let expected = json!({
        "created": true, "again": false, "listed": true, "leftover": false, "brokers": 1, "controller": 1,
        "partitions": 3, "retention": "7200000", "low": 1, "high": 2,
    });
    assert_eq!(answer, expected);
}

/// Its `list_topics` asks with more bytes than the request has.
#[test]
fn confluent_kafka_administers_topics() {
    need!(Client::Confluent.available());
    let server = need!(Server::start_default());
    let step = json!({ "do": "admin", "topic": "administered" });
    let answer = need!(Client::Confluent.run_well(&server.bootstrap(), &[step])).remove(0);
    let expected = json!({
        "created": true, "again": false, "listed": true, "alone": { "administered": 3 }, "leftover": false, "groups": 0, "brokers": 1,
        "nodes": 1, "controller": 1, "partitions": 3, "retention": "7200000", "low": 1, "high": 2,
    });
    assert_eq!(answer, expected);
}

#[test]
fn kcat_lists_what_is_there() {
    need!(Client::Kcat.available());
    let server = need!(Server::start_default());
    admin::create_topic(&server, "listed", 2, &[]);
    let listed = need!(kcat::run(&server.bootstrap(), &["-L", "-J"]));
    let listed: serde_json::Value = serde_json::from_slice(&listed.stdout).unwrap();
    assert_eq!(listed["brokers"], json!([{ "id": 1, "name": server.bootstrap() }]));
    let topic = listed["topics"].as_array().unwrap().iter().find(|t| t["topic"] == "listed").unwrap();
    assert_eq!(topic["partitions"].as_array().unwrap().len(), 2);
    assert_eq!(topic["partitions"][1]["leader"], 1);
}

/// A record larger than `max.message.bytes` is refused, the producer learns it and goes on.
#[test]
fn a_record_above_the_limit_is_refused() {
    need!(Client::Confluent.available());
    let server = need!(Server::start_default());
    admin::create_topic(&server, "small", 1, &[("max.message.bytes", "10000")]);
    let large = Record::of_value(&"x".repeat(LARGE_BYTES));
    let step = |records| Produce {
        topic: "small",
        partition: 0,
        codec: "none",
        acks: "all",
        idempotent: false,
        records,
    };
    let steps = [step(std::slice::from_ref(&large)).step(), step(&[Record::of_value("fits")]).step()];
    let answers = need!(Client::Confluent.run(&server.bootstrap(), &steps));
    let message = answers[0]["error"].as_str().unwrap_or_default();
    assert!(message.contains("MSG_SIZE_TOO_LARGE"), "{message}");
    assert_eq!(answers[1], json!({ "offsets": [0] }));
}
