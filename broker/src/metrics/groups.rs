//! Groups as metrics show them: how many, how far behind, how often rebalanced.

use std::collections::BTreeMap;
use std::sync::Arc;

use medallion_group::{GroupId, RebalanceCause};
use prometheus::Registry;

use super::names;
use super::snapshot::set;

/// The groups that the broker coordinates at one moment.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct GroupsSnapshot {
    /// How many groups there are by type and state.
    pub(crate) by_state: BTreeMap<(String, String), usize>,
    /// How far they are behind.
    pub(crate) lag: LagReport,
    /// How often groups rebalanced by cause.
    pub(crate) rebalances: Vec<(RebalanceCause, u64)>,
    /// The same by group, for groups that are there.
    pub(crate) rebalances_by_group: Vec<(GroupId, RebalanceCause, u64)>,
}

/// How far groups are behind.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct LagReport {
    /// By group, topic and partition, in their order.
    pub(crate) lags: Vec<PartitionLag>,
    /// Partitions that are not among them because there are too many.
    pub(crate) over_limit: usize,
    /// Partitions that are not among them because their log is not here, or not open.
    pub(crate) without_log: usize,
    /// Partitions that are among them without a time.
    pub(crate) without_time: usize,
}

/// How far a group is behind in a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PartitionLag {
    /// The group.
    pub(crate) group: GroupId,
    /// The topic.
    pub(crate) topic: Arc<str>,
    /// The partition's index.
    pub(crate) partition: i32,
    /// Records that are not consumed.
    pub(crate) records: i64,
    /// The age of the oldest of them, where it is known.
    pub(crate) time_ms: Option<i64>,
}

impl GroupsSnapshot {
    pub(super) fn register(&self, registry: &Registry) {
        let groups = names::GROUPS.gauge(registry);
        for ((kind, state), count) in &self.by_state {
            set(&groups, &[kind, state], *count);
        }
        self.lag.register(registry);
        let rebalances = names::REBALANCES.counter(registry);
        for cause in RebalanceCause::ALL {
            rebalances.with_label_values(&[cause.as_str()]).inc_by(0); // so that the first one is a change
        }
        for (cause, count) in &self.rebalances {
            rebalances.with_label_values(&[cause.as_str()]).inc_by(*count);
        }
        let by_group = names::GROUP_REBALANCES.counter(registry);
        for (group, cause, count) in &self.rebalances_by_group {
            by_group.with_label_values(&[group.as_str(), cause.as_str()]).inc_by(*count);
        }
    }
}

impl LagReport {
    fn register(&self, registry: &Registry) {
        let records = names::GROUP_LAG_RECORDS.gauge(registry);
        let seconds = names::GROUP_LAG_SECONDS.float_gauge(registry);
        for lag in &self.lags {
            let partition = lag.partition.to_string();
            let labels: [&str; 3] = [lag.group.as_str(), &lag.topic, &partition];
            set(&records, &labels, lag.records);
            if let Some(time_ms) = lag.time_ms {
                seconds.with_label_values(&labels).set(seconds_of(time_ms));
            }
        }
        let left_out = names::GROUP_LAG_LEFT_OUT.gauge(registry);
        let reasons = [("limit", self.over_limit), ("log", self.without_log), ("time", self.without_time)];
        for (reason, count) in reasons {
            set(&left_out, &[reason], count);
        }
    }
}

fn seconds_of(time_ms: i64) -> f64 {
    std::time::Duration::from_millis(u64::try_from(time_ms).unwrap_or(0)).as_secs_f64()
}
