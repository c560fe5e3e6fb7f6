//! Quotas and SCRAM credentials by Apache Kafka's own tools.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use medallion_tests::environment::Missing;
use medallion_tests::kafka_tools::{self, Output};
use medallion_tests::server::Server;
use medallion_tests::{admin, need};

/// A server that measures usage over two seconds, so that there is no burst of ten.
fn start() -> Result<Server, Missing> {
    kafka_tools::available()?;
    Server::setup().property("quota.window.num", "2").start()
}

fn configs(server: &Server, arguments: &[&str]) -> Output {
    let bootstrap = server.bootstrap();
    kafka_tools::run("kafka-configs", &[&["--bootstrap-server", &bootstrap], arguments].concat()).unwrap()
}

fn assert_contains(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in:\n{text}");
    }
}

#[test]
fn quotas_of_users_clients_and_addresses_are_altered_described_and_kept() {
    let mut server = need!(start());
    let ann = ["--entity-type", "users", "--entity-name", "ann"];
    let perf = ["--entity-type", "clients", "--entity-name", "perf"];
    let all_clients = ["--entity-type", "clients", "--entity-default"];
    let address = ["--entity-type", "ips", "--entity-name", "10.1.2.3"];
    let alter = |server: &Server, entity: &[&str], config: &str| {
        let arguments = [entity, &["--alter", "--add-config", config]].concat();
        assert_contains(&configs(server, &arguments).success(), &["Completed updating"]);
    };
    alter(&server, &ann, "producer_byte_rate=1024,consumer_byte_rate=2048");
    alter(&server, &[ann, perf].concat(), "request_percentage=12.5");
    alter(&server, &all_clients, "controller_mutation_rate=0.5");
    alter(&server, &address, "connection_creation_rate=7");
    for _ in 0..2 {
        let describe = |entity: &[&str]| configs(&server, &[entity, &["--describe"]].concat()).success();
        let told = describe(&ann);
        assert_contains(&told, &["Quota configs for user-principal 'ann' are"]);
        assert_contains(&told, &["producer_byte_rate=1024.0", "consumer_byte_rate=2048.0"]);
        let told = describe(&[ann, perf].concat());
        assert_contains(&told, &["user-principal 'ann', client-id 'perf' are request_percentage=12.5"]);
        let told = describe(&["--entity-type", "clients"]);
        assert_contains(&told, &["the default client-id are controller_mutation_rate=0.5"]);
        let told = describe(&address);
        assert_contains(&told, &["Quota configs for ip '10.1.2.3' are connection_creation_rate=7.0"]);
        server.stop();
        server.start();
    }
    let delete = [&ann[..], &["--alter", "--delete-config", "producer_byte_rate"]].concat();
    configs(&server, &delete).success();
    let told = configs(&server, &[&ann[..], &["--describe"]].concat()).success();
    assert!(!told.contains("producer_byte_rate") && told.contains("consumer_byte_rate"), "{told}");

    let refused = |entity: &[&str], config: &str| {
        configs(&server, &[entity, &["--alter", "--add-config", config]].concat()).failure()
    };
    assert_contains(&refused(&ann, "producer_byte_rate=-1"), &["must be greater than 0"]);
    let unknown = refused(
        &["--entity-type", "ips", "--entity-name", "no.such.host.invalid"],
        "connection_creation_rate=1",
    );
    assert_contains(&unknown, &["no.such.host.invalid"]);
}

#[test]
fn scram_credentials_are_altered_described_and_kept() {
    let mut server = need!(start());
    let ann = ["--entity-type", "users", "--entity-name", "ann"];
    let alter =
        |server: &Server, arguments: &[&str]| configs(server, &[&ann[..], &["--alter"], arguments].concat());
    alter(&server, &["--add-config", "SCRAM-SHA-256=[iterations=8192,password=secret]"]).success();
    alter(&server, &["--add-config", "SCRAM-SHA-512=[password=secret]"]).success();
    for _ in 0..2 {
        let told = configs(&server, &[&ann[..], &["--describe"]].concat()).success();
        let line = "SCRAM credential configs for user-principal 'ann' are";
        assert_contains(&told, &[line, "SCRAM-SHA-256=iterations=8192", "SCRAM-SHA-512=iterations=4096"]);
        assert!(!told.contains("secret"), "{told}");
        let all = configs(&server, &["--entity-type", "users", "--describe"]).success();
        assert_contains(&all, &[line]);
        server.stop();
        server.start();
    }
    let few = alter(&server, &["--add-config", "SCRAM-SHA-256=[iterations=100,password=secret]"]).failure();
    assert_contains(&few, &["Iterations 100 is less than the minimum 4096"]);
    alter(&server, &["--delete-config", "SCRAM-SHA-256"]).success();
    let told = configs(&server, &[&ann[..], &["--describe"]].concat()).success();
    assert!(!told.contains("SCRAM-SHA-256") && told.contains("SCRAM-SHA-512"), "{told}");
    let gone = alter(&server, &["--delete-config", "SCRAM-SHA-256"]).failure();
    assert_contains(&gone, &["Attempt to delete a user credential that does not exist"]);
}

/// The rate that the perf tool tells in its last line: `600 records sent, 99.5 records/sec (0.09 MB/sec), ...`.
fn records_per_second(out: &str) -> f64 {
    let line = out.lines().rfind(|line| line.contains("records sent")).expect("a summary");
    let rate = line.split("records/sec").next().and_then(|before| before.split(", ").nth(1));
    rate.and_then(|rate| rate.trim().parse().ok()).unwrap_or_else(|| panic!("no rate in {line}"))
}

#[test]
fn the_perf_tool_is_held_to_its_quota() {
    let server = need!(start());
    admin::create_topic(&server, "t", 1, &[]);
    let perf = ["--entity-type", "clients", "--entity-name", "perf"];
    configs(&server, &[&perf[..], &["--alter", "--add-config", "producer_byte_rate=100000"]].concat())
        .success();
    let bootstrap = format!("bootstrap.servers={}", server.bootstrap());
    let produce = |client_id: &str| {
        let shape = ["--topic", "t", "--num-records", "700", "--record-size", "1000", "--throughput", "-1"];
        let client_id = format!("client.id={client_id}");
        let settings = ["--producer-props", &bootstrap, &client_id, "acks=1", "enable.idempotence=false"];
        let out = kafka_tools::run("kafka-producer-perf-test", &[&shape[..], &settings].concat());
        let out = out.unwrap().success();
        assert_contains(&out, &["700 records sent"]);
        records_per_second(&out)
    };
    let held = produce("perf");
    assert!((60.0..140.0).contains(&held), "100 kB/s of records of 1 kB: {held} records/s");
    let free = produce("other");
    assert!(free > 400.0, "no quota: {free} records/s");
}
