//! How the rest of the broker reads and changes the metadata.

use std::sync::Arc;
use std::sync::mpsc;

use arc_swap::{ArcSwap, Guard};
use medallion_wire::{ResponseError, messages as m};
use tokio::sync::oneshot;

use super::image::{MetadataDelta, MetadataImage};
use super::state_machine::{ApiError, Command, Reply};

/// Told of each change, on the controller's thread, after it is durable and before the command's reply.
///
/// When a listener returns, the change must be usable: a created partition takes records.
pub(crate) trait MetadataListener: Send {
    /// Acts on one change.
    fn on_change(&mut self, delta: &MetadataDelta);
}

/// A clonable reference to the controller.
#[derive(Debug, Clone)]
pub(crate) struct ControllerHandle {
    commands: mpsc::Sender<Event>,
    image: Arc<ArcSwap<MetadataImage>>,
}

/// What the controller's thread waits for.
#[derive(Debug)]
pub(super) enum Event {
    /// A command and where its reply goes.
    Submit(Box<Command>, oneshot::Sender<Result<Reply, ApiError>>),
}

macro_rules! typed {
    ($(#[$doc:meta])* $method:ident, $variant:ident, $request:ident -> $response:ident) => {
        $(#[$doc])*
        ///
        /// # Errors
        /// What the controller says of the whole request; `NOT_CONTROLLER` once it has stopped.
        pub(crate) async fn $method(&self, request: m::$request) -> Result<m::$response, ApiError> {
            match self.submit(Command::$variant(request)).await? {
                Reply::$variant(response) => Ok(response),
                other => unreachable!("the reply {other:?} does not belong to the command"),
            }
        }
    };
}

impl ControllerHandle {
    /// The newest committed image.
    pub(crate) fn image(&self) -> Guard<Arc<MetadataImage>> {
        self.image.load()
    }

    /// The pointer itself, for those who only read.
    pub(crate) fn image_pointer(&self) -> Arc<ArcSwap<MetadataImage>> {
        Arc::clone(&self.image)
    }

    /// Runs a command; returns when its records are durable, published and acted upon by the listener.
    ///
    /// # Errors
    /// What the controller says of the whole command; `NOT_CONTROLLER` once it has stopped.
    pub(crate) async fn submit(&self, command: Command) -> Result<Reply, ApiError> {
        let (reply, answer) = oneshot::channel();
        let stopped = || ApiError::new(ResponseError::NotController, "the controller has stopped");
        self.commands.send(Event::Submit(Box::new(command), reply)).map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }

    typed!(/// Creates topics.
        create_topics, CreateTopics, CreateTopicsRequest -> CreateTopicsResponse);
    typed!(/// Deletes topics.
        delete_topics, DeleteTopics, DeleteTopicsRequest -> DeleteTopicsResponse);
    typed!(/// Adds partitions.
        create_partitions, CreatePartitions, CreatePartitionsRequest -> CreatePartitionsResponse);
    typed!(/// Changes single configs.
        incremental_alter_configs, IncrementalAlterConfigs,
        IncrementalAlterConfigsRequest -> IncrementalAlterConfigsResponse);
    typed!(/// Replaces all configs of resources.
        alter_configs, AlterConfigs, AlterConfigsRequest -> AlterConfigsResponse);
    typed!(/// Changes feature levels.
        update_features, UpdateFeatures, UpdateFeaturesRequest -> UpdateFeaturesResponse);
    typed!(/// Elects leaders.
        elect_leaders, ElectLeaders, ElectLeadersRequest -> ElectLeadersResponse);
    typed!(/// Starts or cancels reassignments.
        alter_partition_reassignments, AlterPartitionReassignments,
        AlterPartitionReassignmentsRequest -> AlterPartitionReassignmentsResponse);
    typed!(/// Tells the reassignments under way.
        list_partition_reassignments, ListPartitionReassignments,
        ListPartitionReassignmentsRequest -> ListPartitionReassignmentsResponse);
    typed!(/// Gives out a block of producer ids.
        allocate_producer_ids, AllocateProducerIds, AllocateProducerIdsRequest -> AllocateProducerIdsResponse);
    typed!(/// Changes client quotas.
        alter_client_quotas, AlterClientQuotas, AlterClientQuotasRequest -> AlterClientQuotasResponse);
    typed!(/// Notes in which directories replicas lie.
        assign_replicas_to_dirs, AssignReplicasToDirs,
        AssignReplicasToDirsRequest -> AssignReplicasToDirsResponse);
    typed!(/// Changes the ISR of partitions.
        alter_partition, AlterPartition, AlterPartitionRequest -> AlterPartitionResponse);
    typed!(/// Forgets a broker.
        unregister_broker, UnregisterBroker, UnregisterBrokerRequest -> UnregisterBrokerResponse);
}
