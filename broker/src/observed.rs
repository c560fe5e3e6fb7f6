//! What `/metrics`, `/health` and `/admin` show of a running broker.
//!
//! - [`group_lag`]: how far groups are behind; [`rebalances`]: why they rebalanced.

mod group_lag;
mod rebalances;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use medallion_group::{Caller, GroupId, History, Reply, Request};
use medallion_log::LogReader;
use medallion_wire::kafka_protocol::protocol::StrBytes;
use medallion_wire::messages::list_groups_response::ListedGroup;
use medallion_wire::{PartitionIndex, TopicId};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout_at};

use self::group_lag::{LagMeter, Logs};
pub(crate) use self::rebalances::RebalancesAnswer;
use crate::controller::image::MetadataImage;
use crate::handler::BrokerState;
use crate::metrics::{DirectorySnapshot, GroupsSnapshot, PartitionSnapshot, ProcessUsage, Snapshot};
use crate::quota::now_ms;
use crate::replica::{LogDirectory, Partition, ReplicaManager};
use crate::server::admin_http::{AdminError, Observed};
use crate::server::listener::ConnectionCounter;
use crate::server::memory::MemoryBudget;

/// How long the groups may take to tell what is committed; an answer goes out without those that take longer.
const GROUPS_WAIT: Duration = Duration::from_secs(2);
/// The newest version of `ListGroups`, in which types are told.
const LIST_GROUPS_VERSION: i16 = 5;

/// A broker as operators see it.
#[derive(Debug)]
pub(crate) struct ObservedBroker {
    state: Arc<BrokerState>,
    counter: Arc<ConnectionCounter>,
    budget: MemoryBudget,
    /// One answer measures at a time; others wait without a thread.
    lag: Arc<Mutex<LagMeter>>,
}

impl ObservedBroker {
    /// The broker with this state.
    pub(crate) fn new(
        state: Arc<BrokerState>,
        counter: Arc<ConnectionCounter>,
        budget: MemoryBudget,
    ) -> Self {
        Self { state, counter, budget, lag: Arc::default() }
    }

    /// Reads from the disk.
    fn snapshot(&self, groups: GroupsSnapshot) -> Snapshot {
        let replicas = &self.state.replicas;
        let states = replicas.states();
        Snapshot {
            partitions_total: states.len(),
            partitions: states.iter().filter_map(|(partition, _)| describe_partition(partition)).collect(),
            partitions_offline: states.iter().filter(|(_, offline)| *offline).count(),
            partitions_opening: replicas.opening(),
            directories: replicas.directories().iter().map(describe_directory).collect(),
            groups,
            clients: self.state.telemetry.snapshot(self.state.monotonic_ms()),
            connections: self.counter.total(),
            request_memory_bytes: self.budget.used_bytes(),
            request_memory_limit_bytes: self.budget.total_bytes(),
            metadata_applied_offset: self.state.image().provenance.last_offset.get(),
            quotas: self.state.quotas.shown(now_ms(&*self.state.clock)),
            process: ProcessUsage::read(),
        }
    }

    /// The groups that this broker coordinates, as far as they answer in time.
    async fn list_groups(&self, deadline: Instant) -> Vec<ListedGroup> {
        let caller = Caller {
            client_id: StrBytes::default(),
            client_host: StrBytes::default(),
            version: LIST_GROUPS_VERSION,
        };
        let request = Request::ListGroups { states: Vec::new(), types: Vec::new() };
        let asked = timeout_at(deadline, self.state.groups.ask_all(&caller, &request));
        let replies = asked.await.unwrap_or_default();
        let listed = replies.into_iter().filter_map(|(_, reply)| match reply {
            Reply::ListGroups(listed) => Some(listed),
            _ => None,
        });
        listed.flatten().collect()
    }

    fn groups(&self, listed: &[ListedGroup]) -> GroupsSnapshot {
        let mut by_state = BTreeMap::new();
        for group in listed {
            let key = (group.group_type.to_string(), group.group_state.to_string());
            *by_state.entry(key).or_insert(0) += 1;
        }
        let present: HashSet<&str> = listed.iter().map(|group| group.group_id.as_str()).collect();
        let rebalances = self.state.groups.rebalances();
        GroupsSnapshot {
            by_state,
            rebalances: rebalances.causes(),
            rebalances_by_group: rebalances.counts(|group| present.contains(group.as_str())),
            ..GroupsSnapshot::default()
        }
    }
}

/// The logs of a broker's partitions, by the names of an image.
struct BrokerLogs<'a> {
    image: &'a MetadataImage,
    replicas: &'a ReplicaManager,
}

impl Logs for BrokerLogs<'_> {
    fn find(&self, topic: &str, partition: i32) -> Option<(TopicId, Option<LogReader>)> {
        let topic = self.image.topics.by_name(topic)?;
        let index = PartitionIndex(partition);
        topic.partitions.get(&index)?;
        let replica = self.replicas.get(topic.id, index);
        Some((topic.id, replica.and_then(|replica| replica.peek_reader())))
    }
}

fn describe_partition(partition: &Arc<Partition>) -> Option<PartitionSnapshot> {
    let reader = partition.peek_reader()?;
    Some(PartitionSnapshot {
        topic: Arc::clone(&partition.id().topic),
        partition: partition.id().partition.get(),
        size_bytes: reader.size_bytes(),
        log_start_offset: reader.log_start_offset().get(),
        log_end_offset: reader.log_end_offset().get(),
        high_watermark: reader.high_watermark().get(),
    })
}

fn describe_directory(directory: &LogDirectory) -> DirectorySnapshot {
    let space = directory.space().ok();
    DirectorySnapshot {
        path: directory.path().display().to_string(),
        online: space.is_some(),
        free_bytes: space.map_or(0, |space| space.usable_bytes),
        size_bytes: space.map_or(0, |space| space.total_bytes),
    }
}

impl Observed for ObservedBroker {
    async fn metrics(self: Arc<Self>) -> Option<String> {
        let deadline = Instant::now() + GROUPS_WAIT;
        let partitions_max = self.state.config.load().metrics_group_partitions_max;
        let (listed, offsets) = tokio::join!(self.list_groups(deadline), self.state.groups.offsets(deadline));
        let mut meter = Arc::clone(&self.lag).lock_owned().await;
        // Disks and /proc are asked, which may take long.
        let rendered = tokio::task::spawn_blocking(move || {
            let mut groups = self.groups(&listed);
            let image = self.state.image();
            let logs = BrokerLogs { image: &image, replicas: &self.state.replicas };
            groups.lag = meter.measure(&offsets, &logs, &*self.state.clock, partitions_max);
            drop((image, meter));
            self.state.metrics.render(&self.snapshot(groups))
        });
        rendered.await.ok()
    }

    fn ready(&self) -> Result<(), String> {
        match (self.state.replicas.opening(), self.state.groups.loading()) {
            (0, 0) => Ok(()),
            (0, shards) => {
                Err(format!("groups of {shards} partitions of __consumer_offsets are still being loaded"))
            }
            (logs, _) => Err(format!("{logs} logs are still being opened")),
        }
    }

    fn rebalances(&self) -> RebalancesAnswer {
        RebalancesAnswer::new(None, &self.state.groups.rebalances().overall())
    }

    async fn rebalances_of(&self, group: &str) -> Result<RebalancesAnswer, AdminError> {
        let id = GroupId::from(group);
        if let Some(history) = self.state.groups.rebalances().of_group(group) {
            return Ok(RebalancesAnswer::new(Some(&id), &history));
        }
        if self.state.groups.loading() > 0 {
            return Err(AdminError::NotReady("groups are still being loaded".to_owned()));
        }
        let listed = self.list_groups(Instant::now() + GROUPS_WAIT).await;
        if listed.iter().any(|listed| listed.group_id.as_str() == group) {
            return Ok(RebalancesAnswer::new(Some(&id), &History::default()));
        }
        Err(AdminError::NotFound(format!("group {group} is not known to this broker")))
    }
}
