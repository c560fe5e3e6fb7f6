//! What operators see: health, metrics, and errors by API.

mod common;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use common::{Connection, clients_address, start};
use medallion_wire::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use medallion_wire::messages::{ListOffsetsRequest, MetadataRequest, TopicName};

fn get(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("the metrics port listens");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("answered");
    answer
}

#[test]
fn health_and_errors_by_api() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let directory = tempfile::tempdir().expect("a folder");
        let broker = start(directory.path(), &[]).await.expect("the broker starts");
        let (clients, metrics) =
            (clients_address(&broker), broker.metrics_address().expect("a metrics port"));
        let work = move || {
            assert!(get(metrics, "/health/live").starts_with("HTTP/1.1 200"));
            assert!(get(metrics, "/health/ready").starts_with("HTTP/1.1 200"));
            assert!(get(metrics, "/nothing").starts_with("HTTP/1.1 404"));
            let partition = ListOffsetsPartition::default().with_timestamp(-1);
            let topic = ListOffsetsTopic::default().with_name(TopicName("absent".to_owned().into()));
            let request = ListOffsetsRequest::default().with_replica_id((-1).into());
            let request = request.with_topics(vec![topic.with_partitions(vec![partition])]);
            let answered = Connection::open(clients).ask(5, &request);
            assert_eq!(answered.topics[0].partitions[0].error_code, 3);
            let page = get(metrics, "/metrics");
            let counted =
                "medallion_request_errors_total{api=\"ListOffsets\",error=\"UNKNOWN_TOPIC_OR_PARTITION\"} 1";
            assert!(page.contains(counted), "{page}");
            assert!(
                page.contains("medallion_request_duration_seconds_count{api=\"ListOffsets\"} 1"),
                "{page}"
            );
            assert!(page.contains("medallion_requests_in_flight 0\n"), "all are answered: {page}");
        };
        tokio::task::spawn_blocking(work).await.expect("no panic");
        broker.shutdown().await.expect("a clean stop");
    });
}

#[test]
fn waits_for_quotas_and_what_is_used_are_shown() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let directory = tempfile::tempdir().expect("a folder");
        let broker = start(directory.path(), &[]).await.expect("the broker starts");
        let (clients, metrics) =
            (clients_address(&broker), broker.metrics_address().expect("a metrics port"));
        let work = move || {
            let admin = &mut Connection::open_as(clients, "admin");
            assert!(!get(metrics, "/metrics").contains("medallion_quota_"), "nobody has a quota");
            let entity = [("client-id", Some("busy"))];
            common::quotas::alter(admin, &entity, "request_percentage", Some(0.000_01));
            let request = MetadataRequest::default();
            assert!(Connection::open_as(clients, "busy").ask(9, &request).throttle_time_ms > 0);
            let page = get(metrics, "/metrics");
            let labels = "{client_id=\"busy\",quota=\"request_percentage\",user=\"\"}";
            let limit = format!("medallion_quota_limit{labels} 0.00001\n");
            assert!(page.contains(&limit), "{page}");
            assert!(page.contains(&format!("medallion_quota_rate{labels} 0.")), "{page}");
            let count = "medallion_quota_throttle_seconds_count{quota=\"request_percentage\"} 1\n";
            assert!(page.contains(count), "{page}");
            common::quotas::alter(admin, &entity, "request_percentage", None);
            assert!(!get(metrics, "/metrics").contains("medallion_quota_rate"), "what is gone is not shown");
        };
        tokio::task::spawn_blocking(work).await.expect("no panic");
        broker.shutdown().await.expect("a clean stop");
    });
}
