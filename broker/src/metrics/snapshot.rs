//! What is looked up when somebody asks for metrics, rather than counted all the time.

use super::groups::GroupsSnapshot;
use super::names;
use super::process::ProcessUsage;
use crate::quota::ShownUsage;
use crate::telemetry::ClientMetricsSnapshot;
use prometheus::{IntGaugeVec, Registry};
use std::sync::Arc;

/// The broker at one moment.
#[derive(Debug, Clone, Default)]
pub(crate) struct Snapshot {
    /// All partitions, whatever their state.
    pub(crate) partitions_total: usize,
    /// Partitions whose log is open.
    pub(crate) partitions: Vec<PartitionSnapshot>,
    /// Partitions whose log cannot be used.
    pub(crate) partitions_offline: usize,
    /// Partitions whose log is still being opened.
    pub(crate) partitions_opening: usize,
    /// The log directories.
    pub(crate) directories: Vec<DirectorySnapshot>,
    /// The groups.
    pub(crate) groups: GroupsSnapshot,
    /// What clients have pushed.
    pub(crate) clients: ClientMetricsSnapshot,
    /// Open connections.
    pub(crate) connections: usize,
    /// Bytes that requests and responses take.
    pub(crate) request_memory_bytes: u64,
    /// Bytes that they may take.
    pub(crate) request_memory_limit_bytes: u64,
    /// The offset of the last applied metadata record.
    pub(crate) metadata_applied_offset: i64,
    /// What clients with quotas use.
    pub(crate) quotas: Vec<ShownUsage>,
    /// The process.
    pub(crate) process: ProcessUsage,
}

/// A partition whose log is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PartitionSnapshot {
    /// The topic.
    pub(crate) topic: Arc<str>,
    /// The partition's index.
    pub(crate) partition: i32,
    /// Bytes of its segments.
    pub(crate) size_bytes: u64,
    /// Its first readable offset.
    pub(crate) log_start_offset: i64,
    /// The offset of its next record.
    pub(crate) log_end_offset: i64,
    /// The offset up to which it is replicated.
    pub(crate) high_watermark: i64,
}

/// A log directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DirectorySnapshot {
    /// Its path.
    pub(crate) path: String,
    /// Whether it can be used.
    pub(crate) online: bool,
    /// Free bytes of its file system.
    pub(crate) free_bytes: u64,
    /// All bytes of its file system.
    pub(crate) size_bytes: u64,
}

impl Snapshot {
    /// Makes the metrics of this moment in a registry of their own, so that what is gone leaves none behind.
    pub(super) fn register(&self, registry: &Registry) {
        set(&names::PARTITIONS.gauge(registry), &[], self.partitions_total);
        set(&names::PARTITIONS_OFFLINE.gauge(registry), &[], self.partitions_offline);
        set(&names::PARTITIONS_OPENING.gauge(registry), &[], self.partitions_opening);
        set(&names::CONNECTIONS.gauge(registry), &[], self.connections);
        set(&names::REQUEST_MEMORY.gauge(registry), &[], self.request_memory_bytes);
        set(&names::REQUEST_MEMORY_LIMIT.gauge(registry), &[], self.request_memory_limit_bytes);
        set(&names::METADATA_OFFSET.gauge(registry), &[], self.metadata_applied_offset);
        self.register_partitions(registry);
        self.register_directories(registry);
        self.register_quotas(registry);
        self.groups.register(registry);
        set(&names::CLIENT_INSTANCES.gauge(registry), &[], self.clients.instances);
        set(&names::CLIENT_SERIES.gauge(registry), &[], self.clients.series);
        set(&names::CLIENT_LEFT_OUT.gauge(registry), &[], self.clients.left_out);
        set(&names::PROCESS_MEMORY.gauge(registry), &[], self.process.resident_bytes);
        set(&names::PROCESS_FILES.gauge(registry), &[], self.process.open_files);
    }

    fn register_partitions(&self, registry: &Registry) {
        let sizes = names::LOG_SIZE.gauge(registry);
        let starts = names::LOG_START_OFFSET.gauge(registry);
        let ends = names::LOG_END_OFFSET.gauge(registry);
        let high_watermarks = names::HIGH_WATERMARK.gauge(registry);
        for partition in &self.partitions {
            let index = partition.partition.to_string();
            let labels: [&str; 2] = [&partition.topic, &index];
            set(&sizes, &labels, partition.size_bytes);
            set(&starts, &labels, partition.log_start_offset);
            set(&ends, &labels, partition.log_end_offset);
            set(&high_watermarks, &labels, partition.high_watermark);
        }
    }

    fn register_quotas(&self, registry: &Registry) {
        let limits = names::QUOTA_LIMIT.float_gauge(registry);
        let rates = names::QUOTA_RATE.float_gauge(registry);
        let tokens = names::QUOTA_TOKENS.float_gauge(registry);
        for usage in &self.quotas {
            let labels: [&str; 3] = [usage.kind.key(), &usage.user, &usage.client_id];
            limits.with_label_values(&labels).set(usage.quota);
            rates.with_label_values(&labels).set(usage.rate);
            if let Some(left) = usage.tokens {
                tokens.with_label_values(&labels).set(left);
            }
        }
    }

    fn register_directories(&self, registry: &Registry) {
        let online = names::DIRECTORY_ONLINE.gauge(registry);
        let free = names::DIRECTORY_FREE.gauge(registry);
        let sizes = names::DIRECTORY_SIZE.gauge(registry);
        for directory in &self.directories {
            let labels: [&str; 1] = [&directory.path];
            set(&online, &labels, i64::from(directory.online));
            set(&free, &labels, directory.free_bytes);
            set(&sizes, &labels, directory.size_bytes);
        }
    }
}

/// Sets a gauge; what does not fit is the largest number.
pub(super) fn set(gauge: &IntGaugeVec, labels: &[&str], value: impl TryInto<i64>) {
    gauge.with_label_values(labels).set(value.try_into().unwrap_or(i64::MAX));
}
