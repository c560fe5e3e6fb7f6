//! The table of all metrics.

use super::declaration::{Declaration, Kind};

/// Upper bounds of request durations in seconds: from what memory answers to what a long poll waits.
const REQUEST_SECONDS: &[f64] =
    &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// Upper bounds of flush durations in seconds: from a fast drive to one that is in trouble.
const FLUSH_SECONDS: &[f64] =
    &[0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

/// Upper bounds of waits for quotas in seconds: from what nobody notices to what ends a client's patience.
const THROTTLE_SECONDS: &[f64] = &[0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0];

macro_rules! metrics {
    ($($constant:ident: $kind:expr, $name:literal, $labels:expr, $help:literal;)*) => {
        $(
            pub(super) const $constant: Declaration =
                Declaration { name: $name, kind: $kind, labels: &$labels, help: $help };
        )*

        /// All metrics.
        #[cfg(test)]
        pub(crate) const ALL: &[Declaration] = &[$($constant,)*];
    };
}

metrics! {
    BUILD_INFO: Kind::Gauge, "medallion_build_info", ["version"],
        "Always 1; the label tells the version.";
    START_TIME: Kind::Gauge, "medallion_start_time_seconds", [],
        "When the broker started, in seconds since the epoch.";

    TOPIC_RECEIVED_BYTES: Kind::Counter, "medallion_topic_received_bytes_total", ["topic"],
        "Bytes of record batches that producers wrote to a topic.";
    TOPIC_RECEIVED_RECORDS: Kind::Counter, "medallion_topic_received_records_total", ["topic"],
        "Records that producers wrote to a topic.";
    TOPIC_SENT_BYTES: Kind::Counter, "medallion_topic_sent_bytes_total", ["topic"],
        "Bytes of record batches that were sent to readers of a topic.";

    REQUEST_DURATION: Kind::Histogram(REQUEST_SECONDS), "medallion_request_duration_seconds", ["api"],
        "Time from a request's last byte to its answer, waiting for data included.";
    REQUEST_BYTES: Kind::Counter, "medallion_request_bytes_total", ["api"],
        "Bytes of requests.";
    RESPONSE_BYTES: Kind::Counter, "medallion_response_bytes_total", ["api"],
        "Bytes of responses.";
    REQUEST_ERRORS: Kind::Counter, "medallion_request_errors_total", ["api", "error"],
        "Errors in responses, by Kafka's name for them; a response can carry several.";
    REQUESTS_IN_FLIGHT: Kind::Gauge, "medallion_requests_in_flight", [],
        "Requests that are read and not yet answered.";
    REQUEST_MEMORY: Kind::Gauge, "medallion_request_memory_bytes", [],
        "Memory that requests and responses take at the moment.";
    REQUEST_MEMORY_LIMIT: Kind::Gauge, "medallion_request_memory_limit_bytes", [],
        "Memory that requests and responses may take (medallion.request.memory.bytes).";

    CONNECTIONS: Kind::Gauge, "medallion_connections", [],
        "Open connections.";
    CONNECTIONS_ACCEPTED: Kind::Counter, "medallion_connections_accepted_total", ["listener"],
        "Connections that were accepted.";
    CONNECTIONS_REFUSED: Kind::Counter, "medallion_connections_refused_total", ["reason"],
        "Connections that were closed at once because of a limit.";
    CONNECTIONS_CLOSED: Kind::Counter, "medallion_connections_closed_total", ["reason"],
        "Connections that the broker closed, by its reason.";

    CONNECTIONS_DELAYED: Kind::Counter, "medallion_connections_delayed_total", ["quota"],
        "Connections that were accepted late, or held and not served, because of a rate of new connections.";

    QUOTA_THROTTLE: Kind::Histogram(THROTTLE_SECONDS), "medallion_quota_throttle_seconds", ["quota"],
        "Time that clients above a quota were told to wait.";
    QUOTA_LIMIT: Kind::Gauge, "medallion_quota_limit", ["quota", "user", "client_id"],
        "What a client with a quota may use in a second: bytes, percent of a thread, or partitions.";
    QUOTA_RATE: Kind::Gauge, "medallion_quota_rate", ["quota", "user", "client_id"],
        "What a client with a quota used in a second lately; forgotten an hour after its last request.";
    QUOTA_TOKENS: Kind::Gauge, "medallion_quota_tokens", ["quota", "user", "client_id"],
        "Partitions that a client with a quota may make or remove at once.";

    PARTITIONS: Kind::Gauge, "medallion_partitions", [],
        "Partitions on this broker.";
    PARTITIONS_OFFLINE: Kind::Gauge, "medallion_partitions_offline", [],
        "Partitions on this broker whose log cannot be used.";
    PARTITIONS_OPENING: Kind::Gauge, "medallion_partitions_opening", [],
        "Partitions on this broker whose log is still being opened.";
    LOG_SIZE: Kind::Gauge, "medallion_log_size_bytes", ["topic", "partition"],
        "Size of a partition's log on disk.";
    LOG_START_OFFSET: Kind::Gauge, "medallion_log_start_offset", ["topic", "partition"],
        "First offset of a partition that can be read.";
    LOG_END_OFFSET: Kind::Gauge, "medallion_log_end_offset", ["topic", "partition"],
        "Offset that the next record of a partition gets.";
    HIGH_WATERMARK: Kind::Gauge, "medallion_log_high_watermark", ["topic", "partition"],
        "Offset up to which a partition's records are replicated.";
    LOG_FLUSH_DURATION: Kind::Histogram(FLUSH_SECONDS), "medallion_log_flush_duration_seconds", [],
        "Time that flushing a log to disk took.";
    LOG_FLUSH_FAILURES: Kind::Counter, "medallion_log_flush_failures_total", [],
        "Flushes of a log that failed; its log takes no more writes until it is opened again.";

    GROUPS: Kind::Gauge, "medallion_groups", ["type", "state"],
        "Groups that this broker coordinates.";
    GROUP_LAG_RECORDS: Kind::Gauge, "medallion_group_lag_records", ["group", "topic", "partition"],
        "Records of a partition that a group has not consumed: from its committed offset to the high watermark.";
    GROUP_LAG_SECONDS: Kind::Gauge, "medallion_group_lag_seconds", ["group", "topic", "partition"],
        "Age of the oldest record of a partition that a group has not consumed, by the record's timestamp; 0 without lag.";
    GROUP_LAG_LEFT_OUT: Kind::Gauge, "medallion_group_lag_left_out_partitions", ["reason"],
        "Partitions whose lag is not told: beyond `medallion.metrics.group.partitions.max` (limit), their log not open \
         here (log), or without seconds only, for want of time or of a timestamp (time).";
    REBALANCES: Kind::Counter, "medallion_rebalances_total", ["cause"],
        "Rebalances of groups that began.";
    GROUP_REBALANCES: Kind::Counter, "medallion_group_rebalances_total", ["group", "cause"],
        "Rebalances of a group that began, for the 500 groups that rebalanced last.";

    CLIENT_INSTANCES: Kind::Gauge, "medallion_client_metrics_instances", [],
        "Clients that have asked which of their own metrics to push, and are not silent since.";
    CLIENT_SERIES: Kind::Gauge, "medallion_client_metrics_series", [],
        "Series of clients' own metrics that are shown.";
    CLIENT_LEFT_OUT: Kind::Gauge, "medallion_client_metrics_left_out", [],
        "What clients pushed last and is not shown: beyond `medallion.metrics.client.series.max`, too long, or no number.";

    DIRECTORY_ONLINE: Kind::Gauge, "medallion_log_directory_online", ["directory"],
        "1 while a log directory can be used.";
    DIRECTORY_FREE: Kind::Gauge, "medallion_log_directory_free_bytes", ["directory"],
        "Free space of a log directory's file system.";
    DIRECTORY_SIZE: Kind::Gauge, "medallion_log_directory_size_bytes", ["directory"],
        "Size of a log directory's file system.";

    METADATA_OFFSET: Kind::Gauge, "medallion_metadata_applied_offset", [],
        "Offset of the last metadata record that is applied.";

    PROCESS_CPU: Kind::Counter, "process_cpu_seconds_total", [],
        "CPU time of the process, user and system.";
    PROCESS_MEMORY: Kind::Gauge, "process_resident_memory_bytes", [],
        "Memory of the process that is resident.";
    PROCESS_FILES: Kind::Gauge, "process_open_fds", [],
        "File descriptors that the process has open.";
}
