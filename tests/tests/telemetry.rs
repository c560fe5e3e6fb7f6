//! Other people's clients push their own metrics (KIP-714), and Kafka's tool says which.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::thread;
use std::time::{Duration, Instant};

use medallion_tests::client::Client;
use medallion_tests::environment::Missing;
use medallion_tests::load::{Load, Shape};
use medallion_tests::member::{Join, Member};
use medallion_tests::metrics::Page;
use medallion_tests::server::{Program, Server};
use medallion_tests::{admin, kafka_tools, need};

const PATIENCE: Duration = Duration::from_secs(30);
const TOPIC: &str = "pushed";

/// The peer has no receiver of clients' metrics.
fn medallion() -> Result<Server, Missing> {
    kafka_tools::available()?;
    Server::setup().program(Program::Medallion).start()
}

/// `kafka-client-metrics` with these arguments, with one space between words.
fn tool(server: &Server, arguments: &[&str]) -> String {
    let bootstrap = server.bootstrap();
    let arguments = [&["--bootstrap-server", &bootstrap], arguments].concat();
    let text = kafka_tools::run("kafka-client-metrics", &arguments).expect("the tools are there").success();
    let line = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// Waits until a series is shown that this client has pushed; its value.
fn wait_for_series(server: &Server, name: &str, labels: &[(&str, &str)]) -> f64 {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let page = Page::of(server);
        let found = page.series(name, labels);
        if let Some((labels, value)) = found.first() {
            for label in ["client_id", "client_instance_id"] {
                assert!(labels.iter().any(|(name, value)| name == label && !value.is_empty()), "{labels:?}");
            }
            return *value;
        }
        let pushed: Vec<_> = page.text().lines().filter(|line| line.starts_with("kafka_client_")).collect();
        assert!(Instant::now() < deadline, "{name} does not come; there is {pushed:#?}");
        thread::sleep(Duration::from_millis(200));
    }
}

fn no_request_failed(server: &Server) {
    for api in ["GetTelemetrySubscriptions", "PushTelemetry"] {
        let failed = Page::of(server).series("medallion_request_errors_total", &[("api", api)]);
        // Who is asked for something else is told so.
        let other = failed
            .iter()
            .filter(|(labels, _)| !labels.iter().any(|(_, error)| error == "UNKNOWN_SUBSCRIPTION_ID"));
        assert_eq!(other.count(), 0, "{failed:?}");
    }
}

/// A consumer and a producer of a library push what they are asked for; `consumed` and `produced` are names of metrics.
fn pushes(client: Client, consumed: &str, produced: &str) -> Result<(), Missing> {
    client.available()?;
    let server = medallion()?;
    let bootstrap = server.bootstrap();
    admin::create_topic(&server, TOPIC, 1, &[]);
    let asked = ["--alter", "--name", "all", "--metrics", "org.apache.kafka.", "--interval", "500"];
    tool(&server, &asked);
    let shape = Shape { topic: TOPIC, partitions: 1, acks: "all", idempotent: true, rate: 100 };
    let load = Load::start(client, &bootstrap, shape);
    let join = Join { group: "pushers", topic: TOPIC, assignor: "range", instance: None };
    let member = Member::start(client, &bootstrap, join)?;
    member.wait_for_records(20);
    wait_for_series(&server, consumed, &[]);
    wait_for_series(&server, produced, &[]);
    let instances = Page::of(&server).value("medallion_client_metrics_instances", &[]);
    assert!(instances >= Some(2.0), "{instances:?}");
    no_request_failed(&server);
    member.stop();
    assert_eq!(load.finish()?.failed, 0);
    no_request_failed(&server);
    Ok(())
}

#[test]
fn java_pushes_its_metrics() {
    need!(pushes(
        Client::Java,
        "kafka_client_consumer_fetch_manager_records_consumed_total",
        "kafka_client_producer_record_send_total",
    ));
}

#[test]
fn confluent_pushes_its_metrics() {
    need!(pushes(
        Client::Confluent,
        "kafka_client_consumer_coordinator_assigned_partitions",
        "kafka_client_producer_connection_creation_total",
    ));
}

/// Only clients that match are asked, for what the tool says; when the subscription is deleted they push no more.
#[test]
fn kafkas_tool_says_who_pushes_what() {
    let server = need!(medallion());
    admin::create_topic(&server, TOPIC, 1, &[]);
    assert_eq!(tool(&server, &["--list"]), "");
    let lag = "org.apache.kafka.consumer.fetch.manager.records.lag.max";
    let asked = ["--alter", "--name", "lag", "--metrics", lag, "--interval", "500"];
    tool(
        &server,
        &[&asked[..], &["--match", "client_software_name=apache-kafka-java,client_id=consumer-.*"]].concat(),
    );
    assert_eq!(tool(&server, &["--list"]), "lag");
    let described = tool(&server, &["--describe", "--name", "lag"]);
    for part in [&format!("metrics={lag}")[..], "interval.ms=500", "client_id=consumer-.*"] {
        assert!(described.contains(part), "{part} is not in {described}");
    }
    let join = Join { group: "pushers", topic: TOPIC, assignor: "range", instance: None };
    let member = need!(Member::start(Client::Java, &server.bootstrap(), join));
    member.wait_for_partitions(1);
    wait_for_series(&server, "kafka_client_consumer_fetch_manager_records_lag_max", &[]);
    let page = Page::of(&server);
    let pushed: Vec<_> = page.text().lines().filter(|line| line.starts_with("kafka_client_")).collect();
    assert!(
        pushed.iter().all(|line| line.contains("records_lag_max")),
        "nothing else was asked for: {pushed:#?}"
    );

    tool(&server, &["--delete", "--name", "lag"]);
    assert_eq!(tool(&server, &["--list"]), "");
    member.stop();
}
