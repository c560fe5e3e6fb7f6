//! Tests of the metrics as a whole.

use super::process::ProcessUsage;
use super::snapshot::{DirectorySnapshot, PartitionSnapshot};
use super::*;
use crate::quota::{QuotaKind, ShownUsage};
use medallion_group::RebalanceCause;
use std::fmt::Write as _;

/// The text that a broker with one partition and some traffic serves.
fn sample() -> (Metrics, String) {
    let metrics = Metrics::default();
    for _ in 0..3 {
        metrics.request_began();
    }
    for time_ms in [3, 300] {
        metrics.request_done(ApiKey::Produce, 100, 20, Duration::from_millis(time_ms));
        metrics.request_ended();
    }
    metrics.request_failed(ApiKey::Produce, ResponseError::NotLeaderOrFollower);
    metrics.topic("t").received(1000, 10);
    metrics.topic("t").sent(500);
    metrics.connection_accepted("PLAINTEXT");
    metrics.connection_refused("max.connections");
    metrics.connection_closed("idle");
    metrics.connection_delayed("connection_creation_rate");
    metrics.throttled("producer_byte_rate", Duration::from_millis(1_500));
    metrics.flushed(Duration::from_micros(800), true);
    metrics.flushed(Duration::from_secs(1), false);
    let snapshot = Snapshot {
        partitions: vec![PartitionSnapshot {
            topic: "t".into(),
            partition: 3,
            size_bytes: 4096,
            log_start_offset: 5,
            log_end_offset: 15,
            high_watermark: 14,
        }],
        directories: vec![DirectorySnapshot {
            path: "/d\"1".into(),
            online: true,
            free_bytes: 7,
            size_bytes: 9,
        }],
        quotas: vec![ShownUsage {
            kind: QuotaKind::ControllerMutation,
            user: "ann".to_owned(),
            client_id: String::new(),
            quota: 5.0,
            rate: 0.5,
            tokens: Some(-2.5),
        }],
        partitions_total: 4,
        groups: groups(),
        connections: 2,
        metadata_applied_offset: 42,
        process: ProcessUsage { cpu_seconds: 1.5, resident_bytes: 1024, open_files: 8 },
        ..Snapshot::default()
    };
    let text = metrics.render(&snapshot);
    (metrics, text)
}

fn groups() -> GroupsSnapshot {
    let lag = |partition, records, time_ms| PartitionLag {
        group: "g\n\"1\"".into(),
        topic: "t".into(),
        partition,
        records,
        time_ms,
    };
    let rebalances = vec![(RebalanceCause::MemberLeft, 2), (RebalanceCause::SessionExpired, 1)];
    let by_group = rebalances.iter().map(|(cause, count)| ("h".into(), *cause, *count));
    GroupsSnapshot {
        by_state: [(("classic".to_owned(), "Stable".to_owned()), 2)].into(),
        lag: LagReport {
            lags: vec![lag(0, 7, Some(1500)), lag(1, 3, None)],
            over_limit: 5,
            without_log: 0,
            without_time: 1,
        },
        rebalances_by_group: by_group.collect(),
        rebalances,
    }
}

#[test]
fn what_happened_is_shown() {
    let (_, text) = sample();
    for line in [
        "medallion_request_duration_seconds_count{api=\"Produce\"} 2",
        "medallion_request_duration_seconds_bucket{api=\"Produce\",le=\"0.005\"} 1",
        "medallion_request_duration_seconds_bucket{api=\"Produce\",le=\"0.5\"} 2",
        "medallion_request_bytes_total{api=\"Produce\"} 200",
        "medallion_response_bytes_total{api=\"Produce\"} 40",
        "medallion_request_errors_total{api=\"Produce\",error=\"NOT_LEADER_OR_FOLLOWER\"} 1",
        "medallion_requests_in_flight 1",
        "medallion_topic_received_bytes_total{topic=\"t\"} 1000",
        "medallion_topic_received_records_total{topic=\"t\"} 10",
        "medallion_topic_sent_bytes_total{topic=\"t\"} 500",
        "medallion_connections 2",
        "medallion_connections_refused_total{reason=\"max.connections\"} 1",
        "medallion_connections_delayed_total{quota=\"connection_creation_rate\"} 1",
        "medallion_quota_throttle_seconds_sum{quota=\"producer_byte_rate\"} 1.5",
        "medallion_quota_limit{client_id=\"\",quota=\"controller_mutation_rate\",user=\"ann\"} 5",
        "medallion_quota_rate{client_id=\"\",quota=\"controller_mutation_rate\",user=\"ann\"} 0.5",
        "medallion_quota_tokens{client_id=\"\",quota=\"controller_mutation_rate\",user=\"ann\"} -2.5",
        "medallion_log_flush_duration_seconds_count 2",
        "medallion_log_flush_failures_total 1",
        "medallion_partitions 4",
        "medallion_log_end_offset{partition=\"3\",topic=\"t\"} 15",
        "medallion_log_directory_online{directory=\"/d\\\"1\"} 1",
        "medallion_groups{state=\"Stable\",type=\"classic\"} 2",
        "medallion_group_lag_records{group=\"g\\n\\\"1\\\"\",partition=\"0\",topic=\"t\"} 7",
        "medallion_group_lag_seconds{group=\"g\\n\\\"1\\\"\",partition=\"0\",topic=\"t\"} 1.5",
        "medallion_group_lag_records{group=\"g\\n\\\"1\\\"\",partition=\"1\",topic=\"t\"} 3",
        "medallion_group_lag_left_out_partitions{reason=\"limit\"} 5",
        "medallion_group_lag_left_out_partitions{reason=\"log\"} 0",
        "medallion_rebalances_total{cause=\"member-left\"} 2",
        "medallion_rebalances_total{cause=\"member-joined\"} 0",
        "medallion_group_rebalances_total{cause=\"session-expired\",group=\"h\"} 1",
        "medallion_metadata_applied_offset 42",
        "process_cpu_seconds_total 1.5",
        "process_resident_memory_bytes 1024",
    ] {
        assert!(text.lines().any(|shown| shown == line), "{line} is not in\n{text}");
    }
}

#[test]
fn every_metric_of_the_table_is_shown_once_with_its_help_and_type() {
    let (_, text) = sample();
    for metric in names::ALL {
        let help = format!("# HELP {} {}", metric.name, metric.help);
        let kind = format!("# TYPE {} {}", metric.name, metric.kind);
        for line in [help, kind] {
            assert_eq!(text.lines().filter(|shown| **shown == line).count(), 1, "{line}");
        }
    }
    assert_eq!(text.lines().filter(|line| line.starts_with("# TYPE")).count(), names::ALL.len());
}

#[test]
fn names_follow_prometheus_conventions() {
    for metric in names::ALL {
        let name = metric.name;
        let counter = metric.kind == declaration::Kind::Counter;
        assert_eq!(name.ends_with("_total"), counter, "{name}");
        assert!(name.starts_with("medallion_") || name.starts_with("process_"), "{name}");
        assert!(metric.help.ends_with('.') && !metric.help.contains('|'), "{name}");
        if let declaration::Kind::Histogram(buckets) = metric.kind {
            assert!(name.ends_with("_seconds"), "{name}");
            assert!(buckets.windows(2).all(|pair| pair[0] < pair[1]), "{name}");
        }
    }
}

#[test]
fn what_is_gone_leaves_nothing_behind() {
    let (metrics, text) = sample();
    assert!(text.contains("topic=\"t\""));
    metrics.topic_deleted("t");
    metrics.topic_deleted("never was");
    let text = metrics.render(&Snapshot::default());
    assert!(!text.contains("topic=\"t\""), "{text}");
    metrics.topic("t").received(1, 1);
    assert!(
        metrics
            .render(&Snapshot::default())
            .contains("medallion_topic_received_bytes_total{topic=\"t\"} 1\n")
    );
}

#[test]
fn errors_have_kafkas_names() {
    assert_eq!(kafka_name(ResponseError::UnknownTopicOrPartition), "UNKNOWN_TOPIC_OR_PARTITION");
    assert_eq!(kafka_name(ResponseError::InvalidRequest), "INVALID_REQUEST");
}

#[test]
fn the_reference_page_is_fresh() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/metrics.md");
    medallion_settings::reference::check_page(path, &page());
}

/// The reference page of all metrics as Markdown.
fn page() -> String {
    let mut page = String::from(
        "# Metrics\n\nThis page is made from the table in `broker/src/metrics/names.rs` (`UPDATE_DOCS=1 cargo test -p \
         medallion-broker reference`); a test fails where it is stale.\n\nThey are served for Prometheus at `/metrics` of \
         `medallion.metrics.listener` (`127.0.0.1:8080` unless told otherwise).\n\n\
         Metrics that clients push (KIP-714) stand beside them as `kafka_client_...`: the client's own name without \
         `org.apache.kafka.`, with underscores, and `_total` behind counters, labelled with `client_id`, \
         `client_instance_id` and the client's own attributes. Which ones are pushed, how often and by whom is said by \
         client metrics subscriptions (`kafka-client-metrics.sh`, or `kafka-configs.sh --entity-type client-metrics`). \
         They are gone when their client has been silent for three intervals, at least a minute.\n\n\
         | Metric | Type | Labels | |\n|---|---|---|---|\n",
    );
    for metric in names::ALL {
        let labels: Vec<String> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
        let _ = writeln!(
            page,
            "| `{}` | {} | {} | {} |",
            metric.name,
            metric.kind,
            labels.join(", "),
            metric.help
        );
    }
    page
}
