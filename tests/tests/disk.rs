//! The files: `kafka-dump-log` reads what the server wrote, and one directory is served by Apache Kafka and by
//! Medallion in turn.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;

use medallion_tests::client::{Client, Produce, read_step, records_of};
use medallion_tests::environment::Missing;
use medallion_tests::record::{Record, sample};
use medallion_tests::server::{KAFKA, Program, Server};
use medallion_tests::{admin, kafka_tools, need, server_files};
use serde_json::json;

const CODECS: [&str; 5] = ["none", "gzip", "snappy", "lz4", "zstd"];

/// Every codec to a partition of its own.
fn produce_all(server: &Server, topic: &str, records: &[Record]) -> Result<(), Missing> {
    let step = |(partition, codec)| {
        Produce { topic, partition, codec, acks: "all", idempotent: true, records }.step()
    };
    let steps: Vec<_> = (0..).zip(CODECS).map(step).collect();
    Client::Java.run_well(&server.bootstrap(), &steps).map(drop)
}

/// Keys and values of what `read_committed` shows of a partition.
fn committed(server: &Server, topic: &str, partition: i32, until: i64) -> Result<Vec<Record>, Missing> {
    let mut step = read_step(topic, partition, 0, until);
    step["isolation"] = "read_committed".into();
    Ok(records_of(&Client::Java.run_well(&server.bootstrap(), &[step])?[0]))
}

#[test]
fn dump_log_reads_every_file() {
    need!(kafka_tools::available());
    let mut server = need!(Server::setup().log_dirs(2).property("log.segment.bytes", "1048576").start());
    admin::create_topic(
        &server,
        "dumped",
        5,
        &[("segment.bytes", "1048576"), ("index.interval.bytes", "1024")],
    );
    let compacted = [("cleanup.policy", "compact"), ("max.compaction.lag.ms", "100000")];
    admin::create_topic(&server, "compacted", 5, &compacted);
    let keyed: Vec<_> = sample().into_iter().filter(|record| record.key.is_some()).collect();
    for _ in 0..3 {
        need!(produce_all(&server, "dumped", &sample()));
        need!(produce_all(&server, "compacted", &keyed));
    }
    server.stop();
    let files = need!(server_files::assert_sound(&server));
    assert!(files > 40, "{files}");
    server.start();
    need!(produce_all(&server, "dumped", &sample()));
    let ends = admin::ends(&server, "dumped", 5);
    server.kill();
    server.start();
    assert_eq!(admin::ends(&server, "dumped", 5), ends);
    server.stop();
    need!(server_files::assert_sound(&server));
}

/// How a directory is made and handed over.
struct Swap {
    version: &'static str,
    standalone: bool,
    log_dirs: usize,
    /// Whether Kafka is killed before Medallion takes the directory.
    kill: bool,
}

/// Transactions as only Kafka writes them yet: one committed, one aborted, one left open behind plain records.
fn transactions(server: &Server) -> Result<(), Missing> {
    let step = |id: &str, end: &str, partition: i32, values: &[&str]| {
        let records: Vec<_> = values.iter().map(|value| Record::of_value(value)).collect();
        json!({ "do": "transaction", "id": id, "end": end, "topic": "transactional", "partition": partition, "records": records })
    };
    let steps = [
        step("one", "commit", 0, &["committed 1", "committed 2"]),
        step("two", "abort", 0, &["aborted 1", "aborted 2"]),
        step("three", "commit", 0, &["committed 3"]),
        step("four", "commit", 1, &["committed 4"]),
        step("five", "open", 1, &["open 1", "open 2"]),
    ];
    Client::Java.run_well(&server.bootstrap(), &steps).map(drop)
}

fn values(records: &[Record]) -> Vec<String> {
    let text = |record: &Record| String::from_utf8(record.value.clone().unwrap().0).unwrap();
    records.iter().map(text).collect()
}

/// All that Kafka wrote is there.
fn check_kafkas(server: &Server) -> Result<(), Missing> {
    let expected = sample();
    let until = i64::try_from(expected.len()).unwrap();
    let steps: Vec<_> = (0..5).map(|p| read_step("from-kafka", p, 0, until)).collect();
    for answer in Client::Java.run_well(&server.bootstrap(), &steps)? {
        assert_eq!(records_of(&answer), expected);
    }
    // Partition 0 holds 2 records and a marker, again for the abort, and 1 with a marker.
    let shown = committed(server, "transactional", 0, 8)?;
    assert_eq!(values(&shown), ["committed 1", "committed 2", "committed 3"]);
    let all = Client::Java.run_well(&server.bootstrap(), &[read_step("transactional", 0, 0, 8)])?;
    assert_eq!(values(&records_of(&all[0])).len(), 5, "read_uncommitted shows what was aborted");
    let bootstrap = server.bootstrap();
    let arguments = [
        "--bootstrap-server",
        &bootstrap,
        "--entity-type",
        "topics",
        "--entity-name",
        "from-kafka",
        "--describe",
    ];
    let described = kafka_tools::run("kafka-configs", &arguments)?.success();
    assert!(
        described.contains("retention.ms=2592000000") && described.contains("segment.bytes=1048576"),
        "{described}"
    );
    Ok(())
}

/// The open transaction holds `read_committed` back until its coordinator aborts it.
fn check_open_transaction(server: &Server) -> Result<(), Missing> {
    let mut step = read_step("transactional", 1, 0, 4);
    step["isolation"] = "read_committed".into();
    step["seconds"] = 2.into();
    let shown = records_of(&Client::Java.run_well(&server.bootstrap(), &[step])?[0]);
    assert_eq!(values(&shown), ["committed 4"]);
    assert_eq!(admin::ends(server, "transactional", 2)[1], 4);
    Ok(())
}

fn check_medallions(server: &Server, rounds: usize) -> Result<(), Missing> {
    let expected = sample();
    let until = i64::try_from(expected.len() * rounds).unwrap();
    let steps: Vec<_> = (0..5).map(|p| read_step("from-medallion", p, 0, until)).collect();
    for answer in Client::Java.run_well(&server.bootstrap(), &steps)? {
        let found: Vec<_> =
            records_of(&answer).into_iter().map(|r| (r.key, r.value, r.headers, r.timestamp)).collect();
        let once = expected.iter().map(|r| (r.key.clone(), r.value.clone(), r.headers.clone(), r.timestamp));
        assert_eq!(found, once.cycle().take(expected.len() * rounds).collect::<Vec<_>>());
    }
    Ok(())
}

fn topic_ids(server: &Server) -> Result<Vec<String>, Missing> {
    let output =
        kafka_tools::run("kafka-topics", &["--bootstrap-server", &server.bootstrap(), "--describe"])?
            .success();
    let described = output.lines().filter(|line| line.contains("TopicId"));
    let mut ids: Vec<_> = described.map(with_sorted_configs).collect();
    ids.sort();
    Ok(ids)
}

/// Configs are listed in no certain order; `min.insync.replicas` comes with the eligible leader replicas that Kafka
/// turns on in a directory of its own.
fn with_sorted_configs(line: &str) -> String {
    let (topic, configs) = line.split_once("Configs: ").expect("kafka-topics lists configs");
    let mut configs: Vec<_> =
        configs.split(',').filter(|config| !config.starts_with("min.insync.replicas")).collect();
    configs.sort_unstable();
    format!("{topic}{}", configs.join(","))
}

/// Kafka writes; the program under test opens, reads and writes; Kafka opens again and has all; and once more.
fn swap(swap: &Swap) -> Result<(), Missing> {
    kafka_tools::available()?;
    let kafka = Program::Kafka(swap.version);
    let mut setup = Server::setup().program(kafka).log_dirs(swap.log_dirs);
    if swap.standalone {
        setup = setup.standalone();
    }
    let mut server = setup.start()?;
    let configs = [("retention.ms", "2592000000"), ("segment.bytes", "1048576")];
    admin::create_topic(&server, "from-kafka", 5, &configs);
    admin::create_topic(&server, "transactional", 2, &[]);
    produce_all(&server, "from-kafka", &sample())?;
    transactions(&server)?;
    let ids = topic_ids(&server)?;
    if swap.kill {
        server.kill();
    } else {
        server.stop();
    }

    server.start_as(Program::under_test());
    check_kafkas(&server)?;
    check_open_transaction(&server)?;
    let found: Vec<_> =
        topic_ids(&server)?.into_iter().filter(|line| !line.contains("from-medallion")).collect();
    assert_eq!(found, ids, "names, ids, partitions and configs");
    admin::create_topic(&server, "from-medallion", 5, &[("retention.ms", "-1")]);
    produce_all(&server, "from-medallion", &sample())?;
    let ends = admin::ends(&server, "from-kafka", 5);
    if swap.kill {
        server.kill();
    } else {
        server.stop();
    }
    // A killed Kafka leaves index files with zeros at their ends.
    if !swap.kill || server.program() == Program::Medallion {
        server_files::assert_sound(&server)?;
    }

    server.start_as(kafka);
    check_kafkas(&server)?;
    check_medallions(&server, 1)?;
    assert_eq!(admin::ends(&server, "from-kafka", 5), ends);
    produce_all(&server, "from-medallion", &sample())?;
    server.stop();

    server.start_as(Program::under_test());
    check_kafkas(&server)?;
    check_medallions(&server, 2)?;
    server.stop();
    server_files::assert_sound(&server).map(drop)
}

#[test]
fn kafka_4_3_with_static_voters_swaps() {
    need!(swap(&Swap { version: KAFKA, standalone: false, log_dirs: 1, kill: false }));
}

#[test]
fn kafka_4_3_with_static_voters_swaps_after_a_kill() {
    need!(swap(&Swap { version: KAFKA, standalone: false, log_dirs: 2, kill: true }));
}

#[test]
fn kafka_4_3_standalone_swaps() {
    need!(swap(&Swap { version: KAFKA, standalone: true, log_dirs: 2, kill: false }));
}

#[test]
fn kafka_4_3_standalone_swaps_after_a_kill() {
    need!(swap(&Swap { version: KAFKA, standalone: true, log_dirs: 1, kill: true }));
}

#[test]
fn kafka_4_2_swaps() {
    need!(swap(&Swap { version: "4.2.2", standalone: true, log_dirs: 1, kill: false }));
}

#[test]
fn kafka_4_1_swaps() {
    need!(swap(&Swap { version: "4.1.2", standalone: false, log_dirs: 2, kill: true }));
}

#[test]
fn kafka_4_0_swaps() {
    need!(swap(&Swap { version: "4.0.2", standalone: true, log_dirs: 2, kill: true }));
}

/// A directory that Medallion made itself is a Kafka directory.
#[test]
fn kafka_opens_a_new_medallion_directory() {
    need!(kafka_tools::available());
    let mut server = need!(Server::setup().log_dirs(2).start());
    admin::create_topic(&server, "from-medallion", 5, &[("retention.ms", "-1")]);
    need!(produce_all(&server, "from-medallion", &sample()));
    let ids = need!(topic_ids(&server));
    server.stop();
    server.start_as(Program::Kafka(KAFKA));
    assert_eq!(need!(topic_ids(&server)), ids);
    need!(check_medallions(&server, 1));
    need!(transactions_after_creation(&server));
    server.kill();
    server.start_as(Program::under_test());
    need!(check_medallions(&server, 1));
    assert_eq!(
        values(&need!(committed(&server, "transactional", 0, 8))),
        ["committed 1", "committed 2", "committed 3"]
    );
}

fn transactions_after_creation(server: &Server) -> Result<(), Missing> {
    admin::create_topic(server, "transactional", 2, &[]);
    transactions(server)
}

/// A directory of another node is refused, and nothing in it changes.
#[test]
fn the_directory_of_another_node_is_refused() {
    let mut server = need!(Server::start_default());
    server.stop();
    let mark = server.data_folders()[0].join("meta.properties");
    let theirs = fs::read_to_string(&mark).unwrap().replace("node.id=1", "node.id=7");
    fs::write(&mark, &theirs).unwrap();
    let refusal = server.refusal();
    assert!(
        refusal.contains("node.id") || refusal.contains("node id") || refusal.contains("nodeId"),
        "{refusal}"
    );
    assert!(refusal.contains('7'), "{refusal}");
    assert_eq!(fs::read_to_string(&mark).unwrap(), theirs);
}
