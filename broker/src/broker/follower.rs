//! Brings changes of the metadata to those who act on them, and what changes here back into the metadata.

use std::sync::{Arc, OnceLock};

use medallion_log::LogLimits;
use medallion_wire::messages::AssignReplicasToDirsRequest;
use medallion_wire::messages::assign_replicas_to_dirs_request::{DirectoryData, PartitionData, TopicData};
use medallion_wire::types::Uuid;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tracing::{error, warn};

use super::error::chain;
use super::quotas::Quotas;
use crate::config::BrokerConfig;
use crate::controller::{
    ControllerHandle, MetadataDelta, MetadataError, MetadataImage, MetadataListener, directory_assignment,
};
use crate::coordinator::GroupCoordinator;
use crate::live_config::LiveConfig;
use crate::replica::background::StopSignal;
use crate::replica::{LogDirectory, Partition, ReplicaManager};
use crate::telemetry::ClientTelemetry;

/// Brings every change of the metadata to those who act on it, on the controller's thread.
pub(super) struct Follower {
    pub(super) node_id: i32,
    pub(super) replicas: Arc<ReplicaManager>,
    pub(super) groups: Arc<GroupCoordinator>,
    pub(super) live: Arc<LiveConfig>,
    pub(super) quotas: Quotas,
    pub(super) telemetry: Arc<ClientTelemetry>,
    pub(super) controller: Arc<OnceLock<ControllerHandle>>,
    pub(super) runtime: Handle,
    /// Whom changed settings concern besides.
    pub(super) limits: Arc<LogLimits>,
    pub(super) background: Arc<StopSignal>,
    pub(super) failed: watch::Sender<Option<String>>,
}

impl MetadataListener for Follower {
    fn on_change(&mut self, delta: &MetadataDelta) {
        if self.live.apply(delta) {
            set_limits(&self.limits, &self.live.load());
            self.background.look_again();
        }
        if delta.changes.client_quotas {
            self.quotas.follow(&delta.after);
        }
        self.replicas.apply(delta);
        self.groups.apply(delta);
        self.telemetry.apply(delta);
        let place = |topic, index| self.replicas.directory_of(topic, index).map(LogDirectory::id);
        if let Some(request) = directory_assignment::correction(delta, self.node_id, place)
            && let Some(controller) = self.controller.get().cloned()
        {
            // Not waited for: this is the thread that would answer.
            self.runtime.spawn(async move {
                if let Err(error) = controller.assign_replicas_to_dirs(request).await {
                    warn!(%error, "the directories of new partitions are not in the metadata");
                }
            });
        }
    }

    fn on_failure(&mut self, error: &MetadataError) {
        let _ = self.failed.send(Some(chain(error)));
    }
}

/// Takes the limits of logs from the settings that hold now.
pub(super) fn set_limits(limits: &LogLimits, config: &BrokerConfig) {
    limits.set_producer_id_expiration_ms(config.producer_id_expiration_ms);
    let keys_bytes = usize::try_from(config.log_cleaner_dedupe_buffer_size).unwrap_or(usize::MAX);
    limits.set_compaction_keys_bytes_max(keys_bytes);
}

/// The newest image, once the controller has published one.
pub(super) fn newest_image(
    controller: &Arc<OnceLock<ControllerHandle>>,
) -> Box<dyn Fn() -> Arc<MetadataImage> + Send + Sync> {
    let controller = Arc::clone(controller);
    Box::new(move || controller.get().map(|handle| Arc::clone(&handle.image())).unwrap_or_default())
}

/// Writes into the metadata in which directory a partition lies (KIP-858), so that Kafka would look for it there.
pub(super) fn assign_directory(
    controller: &ControllerHandle,
    runtime: &Handle,
    node_id: i32,
    partition: &Partition,
    directory: Uuid,
) {
    let epoch = controller.image().brokers.get(&node_id).map_or(-1, |broker| broker.epoch);
    let index = PartitionData::default().with_partition_index(partition.id().partition.get());
    let topic = TopicData::default().with_topic_id(partition.topic_id().0).with_partitions(vec![index]);
    let directory = DirectoryData::default().with_id(directory).with_topics(vec![topic]);
    let request = AssignReplicasToDirsRequest::default()
        .with_broker_id(node_id.into())
        .with_broker_epoch(epoch)
        .with_directories(vec![directory]);
    if let Err(error) = runtime.block_on(controller.assign_replicas_to_dirs(request)) {
        error!(partition = %partition.id(), %error, "the partition's directory is not in the metadata");
    }
}
