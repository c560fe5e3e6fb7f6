//! What `/metrics` and `/health` show of a running broker.

use std::sync::Arc;

use crate::handler::BrokerState;
use crate::metrics::{DirectorySnapshot, PartitionSnapshot, ProcessUsage, Snapshot};
use crate::quota::now_ms;
use crate::replica::{LogDirectory, Partition};
use crate::server::admin_http::Observed;
use crate::server::listener::ConnectionCounter;
use crate::server::memory::MemoryBudget;

/// A broker as operators see it.
#[derive(Debug)]
pub(crate) struct ObservedBroker {
    state: Arc<BrokerState>,
    counter: Arc<ConnectionCounter>,
    budget: MemoryBudget,
}

impl ObservedBroker {
    /// The broker with this state.
    pub(crate) fn new(
        state: Arc<BrokerState>,
        counter: Arc<ConnectionCounter>,
        budget: MemoryBudget,
    ) -> Self {
        Self { state, counter, budget }
    }

    fn snapshot(&self) -> Snapshot {
        let replicas = &self.state.replicas;
        let states = replicas.states();
        Snapshot {
            partitions_total: states.len(),
            partitions: states.iter().filter_map(|(partition, _)| describe_partition(partition)).collect(),
            partitions_offline: states.iter().filter(|(_, offline)| *offline).count(),
            partitions_opening: replicas.opening(),
            directories: replicas.directories().iter().map(describe_directory).collect(),
            connections: self.counter.total(),
            request_memory_bytes: self.budget.used_bytes(),
            request_memory_limit_bytes: self.budget.total_bytes(),
            metadata_applied_offset: self.state.image().provenance.last_offset.get(),
            quotas: self.state.quotas.shown(now_ms(&*self.state.clock)),
            process: ProcessUsage::read(),
        }
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
    fn metrics(&self) -> String {
        self.state.metrics.render(&self.snapshot())
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
}
