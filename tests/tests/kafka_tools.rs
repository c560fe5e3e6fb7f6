//! Apache Kafka's own command-line tools.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;

use medallion_tests::kafka_tools::{self, Output};
use medallion_tests::server::Server;
use medallion_tests::{admin, need};
use serde_json::Value;

/// A server and the tools on it.
struct Bench {
    server: Server,
}

impl Bench {
    fn start() -> Result<Self, medallion_tests::environment::Missing> {
        kafka_tools::available()?;
        Ok(Self { server: Server::start_default()? })
    }

    fn run(&self, tool: &str, arguments: &[&str]) -> Output {
        self.run_with_input(tool, arguments, "")
    }

    fn run_with_input(&self, tool: &str, arguments: &[&str], input: &str) -> Output {
        let bootstrap = self.server.bootstrap();
        // One tool wants its sub-command before all options.
        let (first, rest) = arguments.split_at(usize::from(tool == "kafka-cluster"));
        let arguments = [first, &["--bootstrap-server", &bootstrap], rest].concat();
        kafka_tools::run_with_input(tool, &arguments, input).expect("the tools are there")
    }

    /// The standard output of a tool that must succeed.
    fn good(&self, tool: &str, arguments: &[&str]) -> String {
        self.run(tool, arguments).success()
    }

    /// Sends lines to a partition by any client's simplest way.
    fn fill(&self, topic: &str, lines: usize) {
        let input = (0..lines).map(|i| format!("line {i}")).collect::<Vec<_>>().join("\n");
        self.run_with_input("kafka-console-producer", &["--topic", topic], &input).success();
    }
}

fn assert_contains(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in:\n{text}");
    }
}

#[test]
fn topics_are_created_described_grown_and_deleted() {
    let bench = need!(Bench::start());
    let create = ["--create", "--topic", "trips", "--partitions", "3", "--config", "retention.ms=3600000"];
    assert_contains(&bench.good("kafka-topics", &create), &["Created topic trips."]);
    let again = bench.run("kafka-topics", &create).failure();
    assert_contains(&again, &["Topic 'trips' already exists"]);
    assert_eq!(bench.good("kafka-topics", &["--list"]).trim(), "trips");
    let described = bench.good("kafka-topics", &["--describe", "--topic", "trips"]);
    assert_contains(
        &described,
        &["PartitionCount: 3", "ReplicationFactor: 1", "retention.ms=3600000", "TopicId: "],
    );
    assert_contains(&described, &["Partition: 2\tLeader: 1\tReplicas: 1\tIsr: 1"]);
    bench.good("kafka-topics", &["--alter", "--topic", "trips", "--partitions", "5"]);
    assert_contains(&bench.good("kafka-topics", &["--describe", "--topic", "trips"]), &["PartitionCount: 5"]);
    let fewer = bench.run("kafka-topics", &["--alter", "--topic", "trips", "--partitions", "2"]).failure();
    assert_contains(&fewer, &["InvalidPartitionsException"]);
    bench.good("kafka-topics", &["--delete", "--topic", "trips"]);
    assert_eq!(bench.good("kafka-topics", &["--list"]).trim(), "");
}

#[test]
fn a_topic_is_created_with_an_assignment_and_refused_without_brokers() {
    let bench = need!(Bench::start());
    bench.good("kafka-topics", &["--create", "--topic", "placed", "--replica-assignment", "1,1"]);
    assert_contains(
        &bench.good("kafka-topics", &["--describe", "--topic", "placed"]),
        &["PartitionCount: 2"],
    );
    let many = ["--create", "--topic", "many", "--replication-factor", "3", "--partitions", "1"];
    assert_contains(&bench.run("kafka-topics", &many).failure(), &["InvalidReplicationFactorException"]);
    let wrong = ["--create", "--topic", "wrong", "--config", "no.such.config=1"];
    assert_contains(&bench.run("kafka-topics", &wrong).failure(), &["InvalidConfigurationException"]);
    let bad = ["--create", "--topic", "a/b"];
    assert_contains(&bench.run("kafka-topics", &bad).failure(), &["InvalidTopicException"]);
}

#[test]
fn configs_of_topics_change() {
    let bench = need!(Bench::start());
    admin::create_topic(&bench.server, "configured", 1, &[]);
    let entity = ["--entity-type", "topics", "--entity-name", "configured"];
    let configs = |arguments: &[&str]| bench.run("kafka-configs", &[&entity, arguments].concat());
    configs(&["--alter", "--add-config", "retention.ms=7200000,cleanup.policy=[compact,delete]"]).success();
    let described = configs(&["--describe"]).success();
    assert_contains(&described, &["retention.ms=7200000 sensitive=false", "cleanup.policy=compact,delete"]);
    let all = configs(&["--describe", "--all"]).success();
    assert_contains(
        &all,
        &["max.message.bytes=1048588", "segment.bytes=1073741824", "DEFAULT_CONFIG:log.segment.bytes"],
    );
    configs(&["--alter", "--delete-config", "retention.ms"]).success();
    assert!(!configs(&["--describe"]).success().contains("retention.ms"));
    assert_contains(
        &configs(&["--alter", "--add-config", "segment.bytes=x"]).failure(),
        &["InvalidConfiguration"],
    );
    assert_contains(
        &configs(&["--alter", "--add-config", "nothing=1"]).failure(),
        &["Unknown topic config name"],
    );
}

#[test]
fn configs_of_brokers_change_while_running() {
    let mut bench = need!(Bench::start());
    let alter = |bench: &Bench, arguments: &[&str]| {
        let entity = ["--entity-type", "brokers"];
        bench.run("kafka-configs", &[&entity, arguments].concat())
    };
    let set = ["--entity-name", "1", "--alter", "--add-config", "message.max.bytes=2000000"];
    alter(&bench, &set).success();
    let cluster = ["--entity-default", "--alter", "--add-config", "log.retention.ms=1234567"];
    alter(&bench, &cluster).success();
    for _ in 0..2 {
        let described = alter(&bench, &["--entity-name", "1", "--describe"]).success();
        assert_contains(&described, &["message.max.bytes=2000000", "DYNAMIC_BROKER_CONFIG"]);
        let default = alter(&bench, &["--entity-default", "--describe"]).success();
        assert_contains(&default, &["log.retention.ms=1234567"]);
        bench.server.stop();
        bench.server.start();
    }
    let fixed = ["--entity-name", "1", "--alter", "--add-config", "node.id=2"];
    assert_contains(&alter(&bench, &fixed).failure(), &["InvalidRequestException"]);
}

#[test]
fn the_console_producer_and_consumer_speak_by_partition() {
    let bench = need!(Bench::start());
    admin::create_topic(&bench.server, "console", 1, &[]);
    let lines = "h1:a,h2:b\tkey1\tvalue1\nh1:c\tkey2\tNULL\nh1:d\tkey3\tvalue3\n";
    let properties = ["parse.key=true", "parse.headers=true", "null.marker=NULL"];
    let properties: Vec<_> = properties.iter().flat_map(|p| ["--reader-property", p]).collect();
    bench
        .run_with_input("kafka-console-producer", &[&["--topic", "console"], &properties[..]].concat(), lines)
        .success();
    let printed = ["print.key=true", "print.headers=true", "print.offset=true", "print.partition=true"];
    let printed: Vec<_> = printed.iter().flat_map(|p| ["--formatter-property", p]).collect();
    let read = [
        "--topic",
        "console",
        "--partition",
        "0",
        "--offset",
        "1",
        "--max-messages",
        "2",
        "--timeout-ms",
        "30000",
    ];
    let out = bench.good("kafka-console-consumer", &[&read[..], &printed].concat());
    let expected = "Partition:0\tOffset:1\th1:c\tkey2\tnull\nPartition:0\tOffset:2\th1:d\tkey3\tvalue3\n";
    assert_eq!(out, expected);
}

#[test]
fn the_console_producer_creates_a_topic_by_itself() {
    let bench = need!(Bench::start());
    bench.fill("appears", 10);
    let offsets = bench.good("kafka-get-offsets", &["--topic", "appears"]);
    assert_eq!(offsets.trim(), "appears:0:10");
}

#[test]
fn offsets_are_told_for_every_kind_of_time() {
    let bench = need!(Bench::start());
    admin::create_topic(&bench.server, "times", 2, &[]);
    bench.fill("times", 100);
    let offsets = |time: &str| {
        let text = bench.good("kafka-get-offsets", &["--topic", "times", "--time", time]);
        let parse = |line: &str| line.rsplit(':').next().and_then(|n| n.parse::<i64>().ok()).unwrap_or(-1);
        text.lines().map(parse).collect::<Vec<_>>()
    };
    assert_eq!(offsets("-1").iter().sum::<i64>(), 100);
    assert_eq!(offsets("latest").iter().sum::<i64>(), 100);
    assert_eq!(offsets("earliest"), [0, 0]);
    assert_eq!(offsets("-4"), [0, 0], "earliest local");
    assert!(offsets("max-timestamp").iter().all(|offset| *offset < 100));
    assert_eq!(offsets("1"), [0], "by timestamp, where only one partition has records");
}

#[test]
fn records_are_deleted_up_to_an_offset() {
    let mut bench = need!(Bench::start());
    admin::create_topic(&bench.server, "deleted", 1, &[]);
    bench.fill("deleted", 50);
    let file = bench.server.folder().join("delete.json");
    let plan = r#"{"version": 1, "partitions": [{"topic": "deleted", "partition": 0, "offset": 20}]}"#;
    fs::write(&file, plan).unwrap();
    let out = bench.good("kafka-delete-records", &["--offset-json-file", &file.display().to_string()]);
    assert_contains(&out, &["low_watermark: 20"]);
    for _ in 0..2 {
        assert_eq!(admin::offset(&bench.server, "deleted", 0, admin::EARLIEST), Ok(20));
        assert_eq!(admin::offset(&bench.server, "deleted", 0, admin::LATEST), Ok(50));
        bench.server.stop();
        bench.server.start();
    }
    fs::write(&file, plan.replace("20", "51")).unwrap();
    let beyond = bench.run("kafka-delete-records", &["--offset-json-file", &file.display().to_string()]);
    assert_contains(&(beyond.out + &beyond.err), &["OffsetOutOfRange"]);
}

#[test]
fn log_dirs_are_described() {
    let bench = need!(Bench::start());
    admin::create_topic(&bench.server, "sized", 2, &[]);
    bench.fill("sized", 1000);
    let out = bench.good("kafka-log-dirs", &["--describe", "--topic-list", "sized"]);
    let described: Value = serde_json::from_str(out.lines().last().unwrap()).unwrap();
    let folder = &described["brokers"][0]["logDirs"][0];
    assert_eq!(folder["logDir"].as_str().unwrap(), bench.server.data_folders()[0].to_str().unwrap());
    let partitions = folder["partitions"].as_array().unwrap();
    let sizes: Vec<_> = partitions.iter().map(|p| p["size"].as_u64().unwrap()).collect();
    assert_eq!(sizes.len(), 2);
    assert!(sizes.iter().sum::<u64>() > 9000, "{sizes:?}");
    assert!(partitions.iter().all(|p| p["isFuture"] == false && p["offsetLag"] == 0), "{partitions:?}");
}

#[test]
fn a_partition_moves_between_two_log_dirs() {
    need!(kafka_tools::available());
    let server = need!(Server::setup().log_dirs(2).start());
    let bench = Bench { server };
    admin::create_topic(&bench.server, "moving", 1, &[]);
    bench.fill("moving", 500);
    let folders = bench.server.data_folders();
    let holds = |folder: &std::path::PathBuf| folder.join("moving-0").is_dir();
    let target = folders.iter().find(|folder| !holds(folder)).unwrap();
    let plan = serde_json::json!({ "version": 1, "partitions": [
        { "topic": "moving", "partition": 0, "replicas": [1], "log_dirs": [target] },
    ] });
    let file = bench.server.folder().join("plan.json");
    fs::write(&file, plan.to_string()).unwrap();
    let file = file.display().to_string();
    bench.good("kafka-reassign-partitions", &["--reassignment-json-file", &file, "--execute"]);
    let moved = || folders.iter().all(|folder| holds(folder) == (folder == target));
    for _ in 0..200 {
        if moved() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    assert!(moved(), "moving-0 is not in {} alone", target.display());
    let verified = bench.good("kafka-reassign-partitions", &["--reassignment-json-file", &file, "--verify"]);
    assert_contains(&verified, &["Reassignment of replica moving-0-1 completed successfully"]);
    assert_eq!(admin::ends(&bench.server, "moving", 1), [500]);
    bench.fill("moving", 1);
    assert_eq!(admin::ends(&bench.server, "moving", 1), [501]);
}

#[test]
fn the_metadata_quorum_is_described_by_broker_and_controller() {
    let bench = need!(Bench::start());
    let status = bench.good("kafka-metadata-quorum", &["describe", "--status"]);
    let lines = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_contains(&lines(&status), &["LeaderId: 1", "MaxFollowerLag: 0", "\"id\": 1"]);
    let replication = bench.good("kafka-metadata-quorum", &["describe", "--replication"]);
    assert_contains(&lines(&replication), &["NodeId DirectoryId LogEndOffset Lag", "Leader"]);
    let controller = bench.server.controller();
    let by_controller = ["--bootstrap-controller", &controller, "describe", "--status"];
    let status =
        kafka_tools::run("kafka-metadata-quorum", &by_controller).expect("the tools are there").success();
    assert_contains(&lines(&status), &["LeaderId: 1"]);
}

#[test]
fn features_are_described() {
    let bench = need!(Bench::start());
    let out = bench.good("kafka-features", &["describe"]);
    assert_contains(&out, &["Feature: metadata.version", "Feature: kraft.version"]);
    let version = out.lines().find(|line| line.contains("metadata.version")).unwrap();
    assert_contains(version, &["FinalizedVersionLevel: 4.3-IV0"]);
}

#[test]
fn the_cluster_id_is_told() {
    let mut bench = need!(Bench::start());
    let id = bench.good("kafka-cluster", &["cluster-id"]);
    assert_contains(&id, &["Cluster ID: "]);
    bench.server.stop();
    bench.server.start();
    assert_eq!(bench.good("kafka-cluster", &["cluster-id"]), id);
}

#[test]
fn api_versions_are_all_usable() {
    let bench = need!(Bench::start());
    let out = bench.good("kafka-broker-api-versions", &[]);
    assert_contains(
        &out,
        &["(id: 1 rack: null isFenced: false)", "Produce(0): 0 to", "ApiVersions(18): 0 to"],
    );
    assert!(!out.contains("UNKNOWN"), "{out}");
}

#[test]
fn leaders_are_elected_where_that_changes_nothing() {
    let bench = need!(Bench::start());
    admin::create_topic(&bench.server, "led", 1, &[]);
    let one = ["--election-type", "preferred", "--topic", "led", "--partition", "0"];
    assert_contains(
        &bench.good("kafka-leader-election", &one),
        &["Valid replica already elected for partitions led-0"],
    );
    let absent = ["--election-type", "preferred", "--topic", "absent", "--partition", "0"];
    assert_contains(&bench.run("kafka-leader-election", &absent).failure(), &["UnknownTopicOrPartition"]);
}

#[test]
fn idempotent_producers_are_described() {
    let bench = need!(Bench::start());
    bench.fill("produced", 10);
    let out =
        bench.good("kafka-transactions", &["describe-producers", "--topic", "produced", "--partition", "0"]);
    let rows: Vec<_> = out.lines().collect();
    assert!(rows[0].starts_with("ProducerId"), "{out}");
    let fields: Vec<_> = rows[1].split_whitespace().collect();
    assert_eq!((fields[1], fields[3]), ("0", "9"), "epoch and last sequence in {out}");
}

#[test]
fn the_perf_tool_produces_with_every_kind_of_acks() {
    let bench = need!(Bench::start());
    let bootstrap = format!("bootstrap.servers={}", bench.server.bootstrap());
    admin::create_topic(&bench.server, "perf", 3, &[]);
    for acks in ["acks=0", "acks=1", "acks=all"] {
        let arguments =
            ["--topic", "perf", "--num-records", "20000", "--record-size", "100", "--throughput", "-1"];
        let settings = ["--producer-props", &bootstrap, acks, "enable.idempotence=false"];
        let out = kafka_tools::run("kafka-producer-perf-test", &[&arguments[..], &settings].concat());
        assert_contains(&out.expect("the tools are there").success(), &["20000 records sent"]);
    }
    let total = || admin::ends(&bench.server, "perf", 3).iter().sum::<i64>();
    for _ in 0..200 {
        if total() == 60_000 {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert_eq!(total(), 60_000);
}
