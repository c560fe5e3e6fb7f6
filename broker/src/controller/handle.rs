//! How the rest of the broker reads and changes the metadata.

use std::sync::Arc;
use std::sync::mpsc;

use arc_swap::{ArcSwap, Guard};
use medallion_wire::{ResponseError, messages as m};
use tokio::sync::oneshot;

use super::image::{MetadataDelta, MetadataImage};
use super::quorum::MetadataError;
use super::quorum_description::QuorumDescription;
use super::state_machine::{ApiError, Command, QuotaAlteration, Reply};
use crate::quota::MutationQuota;

/// Told of each change, on the controller's thread, after it is durable and before the command's reply.
///
/// When a listener returns, the change must be usable: a created partition takes records.
pub(crate) trait MetadataListener: Send {
    /// Acts on one change.
    fn on_change(&mut self, delta: &MetadataDelta);

    /// The metadata log takes no more records, so that the controller has stopped: the broker should end and say why.
    fn on_failure(&mut self, error: &MetadataError);
}

/// A clonable reference to the controller.
#[derive(Debug, Clone)]
pub(crate) struct ControllerHandle {
    commands: mpsc::Sender<Event>,
    image: Arc<ArcSwap<MetadataImage>>,
    quorum: Arc<QuorumDescription>,
}

/// What the controller's thread waits for.
#[derive(Debug)]
pub(super) enum Event {
    /// A command, the quota of the client that asks for it, and where its reply goes.
    Submit(Box<Command>, Option<MutationQuota>, oneshot::Sender<Result<Reply, ApiError>>),
    /// Close the log and end.
    Stop(oneshot::Sender<Result<(), MetadataError>>),
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

/// As `typed`, for what counts against a client's quota of partitions made and removed.
macro_rules! typed_within {
    ($(#[$doc:meta])* $method:ident, $variant:ident, $request:ident -> $response:ident) => {
        $(#[$doc])*
        /// Partitions count against `quota`, where there is one.
        ///
        /// # Errors
        /// What the controller says of the whole request; `NOT_CONTROLLER` once it has stopped.
        pub(crate) async fn $method(
            &self,
            request: m::$request,
            quota: Option<MutationQuota>,
        ) -> Result<m::$response, ApiError> {
            match self.submit_within(Command::$variant(request), quota).await? {
                Reply::$variant(response) => Ok(response),
                other => unreachable!("the reply {other:?} does not belong to the command"),
            }
        }
    };
}

impl ControllerHandle {
    pub(super) fn new(
        commands: mpsc::Sender<Event>,
        image: Arc<ArcSwap<MetadataImage>>,
        quorum: QuorumDescription,
    ) -> Self {
        Self { commands, image, quorum: Arc::new(quorum) }
    }

    /// The newest committed image.
    pub(crate) fn image(&self) -> Guard<Arc<MetadataImage>> {
        self.image.load()
    }

    /// Runs a command; returns when its records are durable, published and acted upon by the listener.
    ///
    /// # Errors
    /// What the controller says of the whole command; `NOT_CONTROLLER` once it has stopped.
    pub(crate) async fn submit(&self, command: Command) -> Result<Reply, ApiError> {
        self.submit_within(command, None).await
    }

    async fn submit_within(&self, command: Command, quota: Option<MutationQuota>) -> Result<Reply, ApiError> {
        let (reply, answer) = oneshot::channel();
        let stopped = || ApiError::new(ResponseError::NotController, "the controller has stopped");
        self.commands.send(Event::Submit(Box::new(command), quota, reply)).map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }

    /// Closes the metadata log in order and ends the controller's thread.
    ///
    /// # Errors
    /// What closing the log met; the shutdown is then not clean.
    pub(crate) async fn stop(&self) -> Result<(), MetadataError> {
        let (reply, answer) = oneshot::channel();
        if self.commands.send(Event::Stop(reply)).is_err() {
            return Ok(()); // it has ended already, and has said why
        }
        answer.await.unwrap_or(Ok(()))
    }

    /// Tells the state of the quorum, as of the newest committed record.
    pub(crate) fn describe_quorum(
        &self,
        request: &m::DescribeQuorumRequest,
        now_ms: i64,
    ) -> m::DescribeQuorumResponse {
        self.quorum.describe(request, self.image().provenance, now_ms)
    }

    /// Changes client quotas.
    ///
    /// # Errors
    /// What the controller says of the whole request; `NOT_CONTROLLER` once it has stopped.
    pub(crate) async fn alter_client_quotas(
        &self,
        alteration: QuotaAlteration,
    ) -> Result<m::AlterClientQuotasResponse, ApiError> {
        match self.submit(Command::AlterClientQuotas(alteration)).await? {
            Reply::AlterClientQuotas(response) => Ok(response),
            other => unreachable!("the reply {other:?} does not belong to the command"),
        }
    }

    /// The epoch of this controller's leadership of the quorum.
    #[cfg(test)]
    pub(crate) fn leader_epoch(&self) -> i32 {
        self.quorum.leader_epoch.get()
    }

    typed_within!(/// Creates topics.
        create_topics, CreateTopics, CreateTopicsRequest -> CreateTopicsResponse);
    typed_within!(/// Deletes topics.
        delete_topics, DeleteTopics, DeleteTopicsRequest -> DeleteTopicsResponse);
    typed_within!(/// Adds partitions.
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
    typed!(/// Changes SCRAM credentials.
        alter_user_scram_credentials, AlterUserScramCredentials,
        AlterUserScramCredentialsRequest -> AlterUserScramCredentialsResponse);
    typed!(/// Notes in which directories replicas lie.
        assign_replicas_to_dirs, AssignReplicasToDirs,
        AssignReplicasToDirsRequest -> AssignReplicasToDirsResponse);
    typed!(/// Changes the ISR of partitions.
        #[expect(dead_code, reason = "served by the issues on quotas and replication")]
        alter_partition, AlterPartition, AlterPartitionRequest -> AlterPartitionResponse);
    typed!(/// Announces a controller.
        register_controller, RegisterController,
        ControllerRegistrationRequest -> ControllerRegistrationResponse);
    typed!(/// Announces a broker, fenced until its first heartbeat.
        register_broker, RegisterBroker, BrokerRegistrationRequest -> BrokerRegistrationResponse);
    typed!(/// Fences, unfences or lets go of a broker.
        broker_heartbeat, BrokerHeartbeat, BrokerHeartbeatRequest -> BrokerHeartbeatResponse);
    typed!(/// Forgets a broker.
        #[expect(dead_code, reason = "served by the issues on quotas and replication")]
        unregister_broker, UnregisterBroker, UnregisterBrokerRequest -> UnregisterBrokerResponse);
}
