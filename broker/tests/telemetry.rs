//! Client telemetry over a plain connection: who is asked for what, which pushes are taken, and what is shown of them.

mod common;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use bytes::Bytes;
use common::{Connection, clients_address, start};
use medallion_wire::kafka_protocol::protocol::StrBytes;
use medallion_wire::messages::incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};
use medallion_wire::messages::{
    ApiVersionsRequest, GetTelemetrySubscriptionsRequest, GetTelemetrySubscriptionsResponse,
    IncrementalAlterConfigsRequest, ListConfigResourcesRequest, PushTelemetryRequest,
};
use medallion_wire::types::Uuid;

const CLIENT_METRICS: i8 = 16;
const INVALID_CONFIG: i16 = 40;
const INVALID_RECORD: i16 = 87;
const INVALID_REQUEST: i16 = 42;
const THROTTLING_QUOTA_EXCEEDED: i16 = 89;
const UNKNOWN_SUBSCRIPTION_ID: i16 = 117;
const TELEMETRY_TOO_LARGE: i16 = 118;
const UNSUPPORTED_COMPRESSION_TYPE: i16 = 76;
const INTERVAL: Duration = Duration::from_millis(100);

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

/// Changes a subscription; the error code.
fn subscribe(connection: &mut Connection, name: &str, settings: &[(&str, &str)]) -> i16 {
    let configs = settings
        .iter()
        .map(|(name, value)| AlterableConfig::default().with_name(text(name)).with_value(Some(text(value))));
    let resource = AlterConfigsResource::default()
        .with_resource_type(CLIENT_METRICS)
        .with_resource_name(text(name))
        .with_configs(configs.collect());
    let request = IncrementalAlterConfigsRequest::default().with_resources(vec![resource]);
    connection.ask(1, &request).responses[0].error_code
}

fn ask(connection: &mut Connection, id: Uuid) -> GetTelemetrySubscriptionsResponse {
    connection.ask(0, &GetTelemetrySubscriptionsRequest::default().with_client_instance_id(id))
}

/// A push of one gauge.
fn push(told: &GetTelemetrySubscriptionsResponse, value: f64) -> PushTelemetryRequest {
    PushTelemetryRequest::default()
        .with_client_instance_id(told.client_instance_id)
        .with_subscription_id(told.subscription_id)
        .with_metrics(gauge("org.apache.kafka.test.depth", value))
}

/// OpenTelemetry's `MetricsData` with one gauge, byte by byte.
fn gauge(name: &str, value: f64) -> Bytes {
    let field = |number: u8, bytes: &[u8]| {
        let len = u8::try_from(bytes.len()).ok().filter(|len| *len < 128).expect("short");
        [&[number << 3 | 2, len], bytes].concat()
    };
    let point = [&[4 << 3 | 1], &value.to_le_bytes()[..]].concat();
    let metric = [field(1, name.as_bytes()), field(5, &field(1, &point))].concat();
    field(1, &field(2, &field(2, &metric))).into()
}

fn get(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("the metrics port listens");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("answered");
    answer
}

fn clients_push(clients: SocketAddr, metrics: SocketAddr) {
    let connection = &mut Connection::open(clients);
    let version = ApiVersionsRequest::default()
        .with_client_software_name(text("medallion-test"))
        .with_client_software_version(text("1.0"));
    let advertised = connection.ask(3, &version).api_keys;
    assert!([71, 72].iter().all(|key| advertised.iter().any(|api| api.api_key == *key)));

    let nothing = ask(connection, Uuid::nil());
    assert_eq!((nothing.error_code, nothing.requested_metrics.len()), (0, 0));
    assert_eq!((nothing.push_interval_ms, nothing.telemetry_max_bytes), (300_000, 500));
    assert_eq!(nothing.accepted_compression_types, [4, 3, 1, 2]);
    assert!(nothing.delta_temporality && !nothing.client_instance_id.is_nil());

    let wanted =
        [("metrics", "org."), ("interval.ms", "100"), ("match", "client_software_name=medallion-.*")];
    assert_eq!(subscribe(connection, "mine", &wanted), 0);
    assert_eq!(subscribe(connection, "other", &[("metrics", "x"), ("match", "client_id=somebody")]), 0);
    assert_eq!(subscribe(connection, "bad", &[("match", "client_id=(")]), INVALID_CONFIG);
    let listed = connection.ask(0, &ListConfigResourcesRequest::default()).config_resources;
    let names: Vec<_> = listed.iter().map(|resource| resource.resource_name.as_str()).collect();
    assert_eq!(names, ["mine", "other"]);

    let stale = connection.ask(0, &push(&nothing, 1.0)).error_code;
    assert_eq!(stale, UNKNOWN_SUBSCRIPTION_ID, "subscriptions have changed");
    let told = ask(connection, nothing.client_instance_id);
    assert_eq!((told.error_code, told.push_interval_ms), (0, 100));
    assert_eq!(told.requested_metrics, [text("org.")]);
    std::thread::sleep(INTERVAL);
    assert_eq!(connection.ask(0, &push(&told, 41.0)).error_code, 0);
    assert_eq!(connection.ask(0, &push(&told, 1.0)).error_code, THROTTLING_QUOTA_EXCEEDED);
    assert_eq!(ask(connection, told.client_instance_id).error_code, THROTTLING_QUOTA_EXCEEDED);

    let garbage = |bytes: &'static [u8]| push(&told, 1.0).with_metrics(Bytes::from_static(bytes));
    for (wrong, error) in [
        (garbage(b"hello"), INVALID_RECORD),
        (garbage(b"hello").with_compression_type(4), INVALID_RECORD),
        (garbage(&[0; 501]), TELEMETRY_TOO_LARGE),
        (push(&told, 1.0).with_compression_type(9), UNSUPPORTED_COMPRESSION_TYPE),
        (push(&told, 1.0).with_client_instance_id(Uuid::nil()), INVALID_REQUEST),
    ] {
        std::thread::sleep(INTERVAL);
        assert_eq!(connection.ask(0, &wrong).error_code, error);
    }
    std::thread::sleep(INTERVAL);
    assert_eq!(connection.ask(0, &push(&told, 42.0).with_terminating(true)).error_code, 0);
    std::thread::sleep(INTERVAL);
    assert_eq!(connection.ask(0, &push(&told, 1.0)).error_code, INVALID_REQUEST, "it said that it ends");

    let page = get(metrics, "/metrics");
    let lines: Vec<_> = page.lines().filter(|line| line.starts_with("kafka_client_test_depth{")).collect();
    assert_eq!(lines.len(), 1, "{page}");
    assert!(lines[0].contains("client_id=\"test\"") && lines[0].ends_with(" 42"), "{lines:?}");
    assert!(page.contains("# TYPE kafka_client_test_depth gauge\n"), "{page}");
    assert!(page.contains("medallion_client_metrics_instances 1\n"), "{page}");
}

#[test]
fn clients_push_what_they_are_asked_for() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let directory = tempfile::tempdir().expect("a folder");
        let broker = start(directory.path(), &[("telemetry.max.bytes", "500")]).await;
        let broker = broker.expect("the broker starts");
        let (clients, metrics) =
            (clients_address(&broker), broker.metrics_address().expect("a metrics port"));
        let work = move || {
            clients_push(clients, metrics);
            let gone = || get(metrics, "/metrics").contains("medallion_client_metrics_instances 0\n");
            let forgotten = (0..500).any(|_| {
                std::thread::sleep(Duration::from_millis(10));
                gone()
            });
            assert!(forgotten, "its connection is closed");
            assert!(get(metrics, "/metrics").contains("kafka_client_test_depth{"), "what it pushed stays");
        };
        tokio::task::spawn_blocking(work).await.expect("no panic");
        broker.shutdown().await.expect("a clean stop");
    });
}
