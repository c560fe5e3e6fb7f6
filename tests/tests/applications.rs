//! Applications of Apache Kafka on Medallion: Kafka Streams, Connect and MirrorMaker. They are the heaviest users of groups, compacted
//! topics, and the admin APIs that there are.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::net::TcpListener;
use std::thread;
use std::time::{Duration, Instant};

use medallion_tests::application::Application;
use medallion_tests::client::{Client, read_step, records_of};
use medallion_tests::environment::Missing;
use medallion_tests::load::{Load, Shape};
use medallion_tests::member::{Join, Member, What};
use medallion_tests::server::{KAFKA, Program, Server};
use medallion_tests::{admin, http, need};
use serde_json::{Value, json};

fn shape(topic: &str, partitions: i32) -> Shape<'_> {
    Shape { topic, partitions, acks: "all", idempotent: true, rate: 300 }
}

/// Two instances of an application share its work, one leaves, and every record has been counted once.
#[test]
fn kafka_streams_counts_while_instances_come_and_go() {
    need!(Client::FranzGo.available());
    let server = need!(Server::start_default());
    let bootstrap = server.bootstrap();
    admin::create_topic(&server, "numbers", 4, &[]);
    admin::create_topic(&server, "counts", 1, &[]);
    let load = Load::start(Client::FranzGo, &bootstrap, shape("numbers", 4));
    let start = || {
        let properties = [
            ("application.id", "counters"),
            ("bootstrap.servers", bootstrap.as_str()),
            ("state.dir", "{folder}/state"),
            ("auto.offset.reset", "earliest"),
            ("commit.interval.ms", "200"),
            ("num.standby.replicas", "1"),
            ("statestore.cache.max.bytes", "0"),
            ("repartition.purge.interval.ms", "1000"),
        ];
        Application::start("StreamsApp", &properties, &["numbers", "counts"])
    };
    let mut first = need!(start());
    first.wait_for_line("state RUNNING");
    let mut second = need!(start());
    second.wait_for_line("state RUNNING");
    let before = admin::ends(&server, "counts", 1)[0];
    second.wait_until("counts of both", |_| {
        (admin::ends(&server, "counts", 1)[0] > before + 300).then_some(())
    });
    assert!(first.stop().contains("state NOT_RUNNING"));
    let outcome = need!(load.finish());
    assert_eq!(outcome.failed, 0);
    let mut sent: BTreeMap<String, u64> = BTreeMap::new();
    for (_, _, number) in &outcome.acknowledged {
        *sent.entry((number % 10).to_string()).or_default() += 1;
    }
    second.wait_until("the last counts", |_| {
        (last_counts(&bootstrap, admin::ends(&server, "counts", 1)[0]) == sent).then_some(())
    });
    second.stop();
    assert_eq!(last_counts(&bootstrap, admin::ends(&server, "counts", 1)[0]), sent);
    let repartition = "counters-counts-repartition";
    let purged = |partition| admin::offset(&server, repartition, partition, -2).unwrap();
    assert!((0..4).map(purged).sum::<i64>() > 0, "the repartition topic was never purged");
}

/// The last value of each key of the topic of counts.
fn last_counts(bootstrap: &str, end: i64) -> BTreeMap<String, u64> {
    let answers = Client::FranzGo.run_well(bootstrap, &[read_step("counts", 0, 0, end)]).unwrap();
    let records = records_of(&answers[0]);
    let text = |bytes: medallion_tests::record::Hex| String::from_utf8(bytes.0).unwrap();
    let pair = |record: medallion_tests::record::Record| {
        (text(record.key.unwrap()), text(record.value.unwrap()).parse().unwrap())
    };
    records.into_iter().map(pair).collect()
}

fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

fn worker(bootstrap: &str, address: &str) -> Result<Application, Missing> {
    let listener = format!("HTTP://{address}");
    let properties = [
        ("bootstrap.servers", bootstrap),
        ("group.id", "workers"),
        ("key.converter", "org.apache.kafka.connect.storage.StringConverter"),
        ("value.converter", "org.apache.kafka.connect.storage.StringConverter"),
        ("offset.storage.topic", "connect-offsets"),
        ("offset.storage.replication.factor", "1"),
        ("offset.storage.partitions", "3"),
        ("config.storage.topic", "connect-configs"),
        ("config.storage.replication.factor", "1"),
        ("status.storage.topic", "connect-status"),
        ("status.storage.replication.factor", "1"),
        ("offset.flush.interval.ms", "500"),
        ("scheduled.rebalance.max.delay.ms", "1000"),
        ("session.timeout.ms", "6000"),
        ("heartbeat.interval.ms", "1000"),
        ("listeners", &listener),
    ];
    Application::start("org.apache.kafka.connect.cli.ConnectDistributed", &properties, &[])
}

fn wait_for_rest(worker: &mut Application, address: &str) {
    worker.wait_until("REST", |_| {
        let answer = http::try_request("GET", address, "/connectors", "");
        answer.is_ok_and(|(status, _)| status == 200).then_some(())
    });
}

fn put(address: &str, connector: &str, config: &Value) {
    let path = format!("/connectors/{connector}/config");
    let (status, body) = http::try_request("PUT", address, &path, &config.to_string()).unwrap();
    assert_eq!(status, 201, "{body}");
}

/// Two workers of one Connect cluster copy a file through a topic into another file; one is killed, and no line is missing.
#[test]
fn connect_copies_a_file_while_a_worker_dies() {
    let server = need!(Server::start_default());
    let bootstrap = server.bootstrap();
    let addresses = [free_address(), free_address()];
    let mut first = need!(worker(&bootstrap, &addresses[0]));
    let mut second = need!(worker(&bootstrap, &addresses[1]));
    wait_for_rest(&mut first, &addresses[0]);
    wait_for_rest(&mut second, &addresses[1]);
    let (from, to) = (second.folder().join("from"), second.folder().join("to"));
    let mut file = OpenOptions::new().create(true).append(true).open(&from).unwrap();
    let mut write =
        |lines: std::ops::Range<u32>| lines.for_each(|line| writeln!(file, "line {line}").unwrap());
    write(0..200);
    put(
        &addresses[0],
        "source",
        &json!({
            "connector.class": "org.apache.kafka.connect.file.FileStreamSourceConnector", "tasks.max": "1", "file": from, "topic": "lines",
        }),
    );
    put(
        &addresses[1],
        "sink",
        &json!({
            "connector.class": "org.apache.kafka.connect.file.FileStreamSinkConnector", "tasks.max": "1", "file": to, "topics": "lines",
        }),
    );
    let copied = || -> BTreeSet<String> {
        fs::read_to_string(&to).unwrap_or_default().lines().map(str::to_owned).collect()
    };
    second.wait_until("200 lines", |_| (copied().len() == 200).then_some(()));
    first.kill();
    write(200..400);
    second.wait_until("400 lines", |_| (copied().len() == 400).then_some(()));
    let expected: BTreeSet<String> = (0..400).map(|line| format!("line {line}")).collect();
    assert_eq!(copied(), expected);
    second.stop();
}

/// MirrorMaker brings a topic and a group from Apache Kafka, and a member goes on at Medallion where the group was.
#[test]
fn mirror_maker_brings_a_group_over() {
    need!(Client::FranzGo.available());
    need!(Client::Confluent.available());
    let kafka = need!(Server::setup().program(Program::Kafka(KAFKA)).start());
    let medallion = need!(Server::start_default());
    let (topic, group) = ("trips", "billing");
    admin::create_topic(&kafka, topic, 3, &[("retention.ms", "7200000")]);
    let join = Join { group, topic, assignor: "cooperative-sticky", instance: None };
    let load = Load::start(Client::FranzGo, &kafka.bootstrap(), shape(topic, 3));
    let member = need!(Member::start(Client::Confluent, &kafka.bootstrap(), join));
    member.wait_for_records(300);
    assert_eq!(need!(load.finish()).failed, 0);
    let ends = admin::ends(&kafka, topic, 3);
    wait_for("the commits", || committed(&kafka, group, topic) == ends);
    member.stop();

    let mut mirror = need!(mirror_maker(&kafka.bootstrap(), &medallion.bootstrap()));
    mirror.wait_until("the group's offsets", |_| {
        let is_there = admin::topics(&medallion).iter().any(|name| name == topic);
        (is_there && committed(&medallion, group, topic) == ends).then_some(())
    });
    assert_eq!(admin::ends(&medallion, topic, 3), ends);
    let member = need!(Member::start(Client::Confluent, &medallion.bootstrap(), join));
    member.wait_for_partitions(3);
    let load = Load::start(Client::FranzGo, &kafka.bootstrap(), shape(topic, 3));
    member.wait_for_records(100);
    assert_eq!(need!(load.finish()).failed, 0);
    let ends_now = admin::ends(&kafka, topic, 3);
    mirror.wait_until("all records", |_| (admin::ends(&medallion, topic, 3) == ends_now).then_some(()));
    wait_for("the last commits", || committed(&medallion, group, topic) == ends_now);
    let mut seen = BTreeSet::new();
    for event in member.stop() {
        if let What::Record(partition, offset, _) = event.what {
            assert!(offset >= ends[usize::try_from(partition).unwrap()], "{partition}-{offset} came again");
            assert!(seen.insert((partition, offset)), "{partition}-{offset} came twice");
        }
    }
    let new: i64 = ends_now.iter().sum::<i64>() - ends.iter().sum::<i64>();
    assert_eq!(i64::try_from(seen.len()).unwrap(), new);
    let printed = mirror.stop();
    assert!(!printed.contains("ERROR"), "{printed}");
}

fn mirror_maker(from: &str, to: &str) -> Result<Application, Missing> {
    let properties = [
        ("clusters", "kafka,medallion"),
        ("kafka.bootstrap.servers", from),
        ("medallion.bootstrap.servers", to),
        ("kafka->medallion.enabled", "true"),
        ("kafka->medallion.topics", "trips"),
        ("medallion->kafka.enabled", "false"),
        ("replication.policy.class", "org.apache.kafka.connect.mirror.IdentityReplicationPolicy"),
        ("replication.factor", "1"),
        ("checkpoints.topic.replication.factor", "1"),
        ("heartbeats.topic.replication.factor", "1"),
        ("offset-syncs.topic.replication.factor", "1"),
        ("offset.storage.replication.factor", "1"),
        ("status.storage.replication.factor", "1"),
        ("config.storage.replication.factor", "1"),
        ("emit.heartbeats.enabled", "false"),
        // An offset is translated exactly where every record's is told.
        ("offset.lag.max", "0"),
        ("sync.group.offsets.enabled", "true"),
        ("sync.group.offsets.interval.seconds", "1"),
        ("emit.checkpoints.interval.seconds", "1"),
        ("refresh.groups.interval.seconds", "1"),
    ];
    Application::start("org.apache.kafka.connect.mirror.MirrorMaker", &properties, &[])
}

fn committed(server: &Server, group: &str, topic: &str) -> Vec<i64> {
    let step = json!({ "do": "committed", "group": group, "topic": topic, "partitions": 3 });
    let answer = Client::FranzGo.run(&server.bootstrap(), &[step]).unwrap().remove(0);
    serde_json::from_value(answer["offsets"].clone()).unwrap_or_default()
}

fn wait_for(wanted: &str, is_there: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_there() {
        assert!(Instant::now() < deadline, "no {wanted}");
        thread::sleep(Duration::from_millis(100));
    }
}
