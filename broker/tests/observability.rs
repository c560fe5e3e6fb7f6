//! What operators see: health, metrics, errors by API, and groups.

mod common;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use common::{Connection, clients_address, start, topics};
use medallion_wire::kafka_protocol::protocol::StrBytes;
use medallion_wire::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use medallion_wire::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use medallion_wire::messages::{
    FindCoordinatorRequest, GroupId, ListOffsetsRequest, MetadataRequest, OffsetCommitRequest, TopicName,
};

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

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

/// Commits as one who is no member, as soon as there is a coordinator that has loaded the group.
fn commit(connection: &mut Connection, group: &str, topic: &str, offset: i64) {
    let find = FindCoordinatorRequest::default().with_key(text(group)).with_key_type(0);
    let partition = OffsetCommitRequestPartition::default().with_committed_offset(offset);
    let topic = OffsetCommitRequestTopic::default().with_name(TopicName(text(topic)));
    let request = OffsetCommitRequest::default()
        .with_group_id(GroupId(text(group)))
        .with_generation_id_or_member_epoch(-1)
        .with_topics(vec![topic.with_partitions(vec![partition])]);
    let mut codes = (-1, -1);
    for _ in 0..1000 {
        codes = (
            connection.ask(3, &find).error_code,
            connection.ask(8, &request).topics[0].partitions[0].error_code,
        );
        if codes == (0, 0) {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    panic!("nothing is committed: {codes:?}");
}

#[test]
fn groups_are_seen_from_outside() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let directory = tempfile::tempdir().expect("a folder");
        let settings = [
            ("offsets.topic.replication.factor", "1"),
            ("offsets.topic.num.partitions", "2"),
            ("medallion.metrics.group.partitions.max", "1"),
        ];
        let broker = start(directory.path(), &settings).await.expect("the broker starts");
        let (clients, metrics) =
            (clients_address(&broker), broker.metrics_address().expect("a metrics port"));
        let work = move || {
            let mut connection = Connection::open(clients);
            topics::create(&mut connection, "t", 1, &[]);
            topics::produce(&mut connection, "t", 0, topics::batch(&[b"a", b"b", b"c"], b"v"));
            commit(&mut connection, "a/b c", "t", 1);
            commit(&mut connection, "z", "t", 0);
            let page = get(metrics, "/metrics");
            for line in [
                "medallion_group_lag_records{group=\"a/b c\",partition=\"0\",topic=\"t\"} 2\n",
                "medallion_group_lag_left_out_partitions{reason=\"limit\"} 1\n",
                "medallion_groups{state=\"Empty\",type=\"classic\"} 2\n",
                "medallion_rebalances_total{cause=\"member-joined\"} 0\n",
            ] {
                assert!(page.contains(line), "{line} is not in {page}");
            }
            let known = get(metrics, "/admin/groups/a%2Fb%20c/rebalances");
            let nothing = r#"{"group":"a/b c","total":0,"causes":{},"rebalances":[]}"#;
            assert!(known.starts_with("HTTP/1.1 200") && known.ends_with(nothing), "{known}");
            let unknown = get(metrics, "/admin/groups/nobody/rebalances");
            let message = r#"{"error":"group nobody is not known to this broker"}"#;
            assert!(unknown.starts_with("HTTP/1.1 404") && unknown.ends_with(message), "{unknown}");
            let all = get(metrics, "/admin/rebalances");
            assert!(all.ends_with(r#"{"total":0,"causes":{},"rebalances":[]}"#), "{all}");
            assert!(all.contains("content-type: application/json"), "{all}");
        };
        tokio::task::spawn_blocking(work).await.expect("no panic");
        broker.shutdown().await.expect("a clean stop");
    });
}
