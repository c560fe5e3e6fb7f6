//! What a command changes in the metadata: pure functions from an image and a command to records and a reply.
//!
//! Nothing in here does I/O, reads a clock or draws random numbers: time and fresh ids come in through [`Inputs`].
//! Kafka's counterpart are the `*ControlManager` classes of `org.apache.kafka.controller`.

mod brokers;
mod client_quotas;
pub(crate) mod configs;
mod decision;
mod error;
mod features;
mod isr;
mod leader_election;
mod partition_change;
mod partitions;
mod producer_ids;
mod reassignments;
mod replica_placement;
mod scram;
#[cfg(test)]
pub(crate) mod tests;
mod topic_names;
mod topics;

use medallion_wire::internal_records::metadata_records::{BeginTransactionRecord, EndTransactionRecord};
use medallion_wire::messages as m;

pub(crate) use client_quotas::QuotaAlteration;
pub(crate) use decision::{ConfigSchema, ControllerSettings, Decision, Inputs, fresh_id};
pub(crate) use error::ApiError;
pub(crate) use topic_names::CLUSTER_METADATA_TOPIC;

use super::image::delta::Changes;
use super::image::{ApplyError, MetadataImage};
use super::records::{MetadataRecord, has_transactions};

/// More records than this in one request of a client are refused, as in Kafka (`MAX_RECORDS_PER_USER_OP`).
const MAX_RECORDS_PER_REQUEST: usize = 10_000;

/// What can be asked of the controller. Requests are Kafka's own structs where there is a one-to-one request.
#[derive(Debug, Clone)]
pub(crate) enum Command {
    /// Create topics.
    CreateTopics(m::CreateTopicsRequest),
    /// Delete topics by name or by id.
    DeleteTopics(m::DeleteTopicsRequest),
    /// Add partitions.
    CreatePartitions(m::CreatePartitionsRequest),
    /// Change single configs.
    IncrementalAlterConfigs(m::IncrementalAlterConfigsRequest),
    /// Replace all configs of resources.
    AlterConfigs(m::AlterConfigsRequest),
    /// Change feature levels.
    UpdateFeatures(m::UpdateFeaturesRequest),
    /// Elect leaders.
    ElectLeaders(m::ElectLeadersRequest),
    /// Start or cancel reassignments.
    AlterPartitionReassignments(m::AlterPartitionReassignmentsRequest),
    /// Tell the reassignments under way.
    ListPartitionReassignments(m::ListPartitionReassignmentsRequest),
    /// Give out a block of producer ids.
    AllocateProducerIds(m::AllocateProducerIdsRequest),
    /// Change client quotas.
    AlterClientQuotas(QuotaAlteration),
    /// Change SCRAM credentials.
    AlterUserScramCredentials(m::AlterUserScramCredentialsRequest),
    /// Note in which directories replicas lie.
    AssignReplicasToDirs(m::AssignReplicasToDirsRequest),
    /// A leader changes its partitions' ISR.
    AlterPartition(m::AlterPartitionRequest),
    /// A controller announces itself.
    RegisterController(m::ControllerRegistrationRequest),
    /// A broker announces itself.
    RegisterBroker(m::BrokerRegistrationRequest),
    /// A broker says how it is and asks to be unfenced, fenced or let go.
    BrokerHeartbeat(m::BrokerHeartbeatRequest),
    /// Forget a broker.
    UnregisterBroker(m::UnregisterBrokerRequest),
}

impl Command {
    /// Whether a client asks for it, so that it must stay within bounds; what brokers report is taken whole.
    pub(super) fn is_of_client(&self) -> bool {
        !matches!(
            self,
            Self::AllocateProducerIds(_)
                | Self::AssignReplicasToDirs(_)
                | Self::AlterPartition(_)
                | Self::RegisterController(_)
                | Self::RegisterBroker(_)
                | Self::BrokerHeartbeat(_)
                | Self::UnregisterBroker(_)
        )
    }
}

/// The answer to a [`Command`], of the same name.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    CreateTopics(m::CreateTopicsResponse),
    DeleteTopics(m::DeleteTopicsResponse),
    CreatePartitions(m::CreatePartitionsResponse),
    IncrementalAlterConfigs(m::IncrementalAlterConfigsResponse),
    AlterConfigs(m::AlterConfigsResponse),
    UpdateFeatures(m::UpdateFeaturesResponse),
    ElectLeaders(m::ElectLeadersResponse),
    AlterPartitionReassignments(m::AlterPartitionReassignmentsResponse),
    ListPartitionReassignments(m::ListPartitionReassignmentsResponse),
    AllocateProducerIds(m::AllocateProducerIdsResponse),
    AlterClientQuotas(m::AlterClientQuotasResponse),
    AlterUserScramCredentials(m::AlterUserScramCredentialsResponse),
    AssignReplicasToDirs(m::AssignReplicasToDirsResponse),
    AlterPartition(m::AlterPartitionResponse),
    RegisterController(m::ControllerRegistrationResponse),
    RegisterBroker(m::BrokerRegistrationResponse),
    BrokerHeartbeat(m::BrokerHeartbeatResponse),
    UnregisterBroker(m::UnregisterBrokerResponse),
}

/// The metadata as of the newest appended record, committed or not, and the rules to change it.
///
/// Only [`StateMachine::apply`] changes it, for records just decided and for records read from the log alike.
#[derive(Debug)]
pub(crate) struct StateMachine {
    settings: ControllerSettings,
    image: MetadataImage,
    kraft_version: i16,
}

impl StateMachine {
    /// A machine in the state of `image`; `kraft_version` is the level found in the log's control records.
    pub(crate) fn new(settings: ControllerSettings, image: MetadataImage, kraft_version: i16) -> Self {
        Self { settings, image, kraft_version }
    }

    /// The state.
    pub(crate) fn image(&self) -> &MetadataImage {
        &self.image
    }

    /// What `command` changes and answers, from the state as it is.
    ///
    /// # Errors
    /// A refusal of the whole command; refusals of its parts are in the reply.
    pub(crate) fn decide(
        &self,
        command: &Command,
        inputs: &mut Inputs<'_>,
    ) -> Result<Decision<Reply>, ApiError> {
        use Command as C;
        let (image, settings) = (&self.image, &self.settings);
        let decision = match command {
            C::CreateTopics(r) => topics::create(image, settings, r, inputs)?.map(Reply::CreateTopics),
            C::DeleteTopics(r) => topics::delete(image, r, inputs).map(Reply::DeleteTopics),
            C::CreatePartitions(r) => partitions::create(image, r, inputs).map(Reply::CreatePartitions),
            C::IncrementalAlterConfigs(r) => {
                configs::alter_incrementally(image, settings, r).map(Reply::IncrementalAlterConfigs)
            }
            C::AlterConfigs(r) => configs::alter(image, settings, r).map(Reply::AlterConfigs),
            C::UpdateFeatures(r) => {
                features::update(image, settings, self.kraft_version, r).map(Reply::UpdateFeatures)
            }
            C::ElectLeaders(r) => leader_election::elect(image, settings, r)?.map(Reply::ElectLeaders),
            C::AlterPartitionReassignments(r) => {
                reassignments::alter(image, settings, r).map(Reply::AlterPartitionReassignments)
            }
            C::ListPartitionReassignments(r) => {
                Decision::read(Reply::ListPartitionReassignments(reassignments::list(image, r)))
            }
            C::AllocateProducerIds(r) => producer_ids::allocate(image, r)?.map(Reply::AllocateProducerIds),
            C::AlterClientQuotas(r) => client_quotas::alter(image, r).map(Reply::AlterClientQuotas),
            C::AlterUserScramCredentials(r) => scram::alter(image, r).map(Reply::AlterUserScramCredentials),
            C::AssignReplicasToDirs(r) => {
                partitions::assign_to_directories(image, settings, r)?.map(Reply::AssignReplicasToDirs)
            }
            C::AlterPartition(r) => isr::alter(image, settings, r)?.map(Reply::AlterPartition),
            C::RegisterController(r) => brokers::register_controller(image, r).map(Reply::RegisterController),
            C::RegisterBroker(r) => {
                brokers::register_broker(image, settings, r, inputs)?.map(Reply::RegisterBroker)
            }
            C::BrokerHeartbeat(r) => brokers::heartbeat(image, settings, r)?.map(Reply::BrokerHeartbeat),
            C::UnregisterBroker(r) => brokers::unregister(image, settings, r)?.map(Reply::UnregisterBroker),
        };
        if command.is_of_client() && decision.records.len() > MAX_RECORDS_PER_REQUEST {
            return Err(ApiError::too_large());
        }
        Ok(decision)
    }

    /// What the first leader of a new cluster writes, as one transaction where the level has them: the features that the directory was formatted
    /// with, and what they ask for.
    ///
    /// # Errors
    /// A feature level that this release does not support.
    pub(crate) fn bootstrap_records(
        &self,
        levels: Vec<MetadataRecord>,
    ) -> Result<Vec<MetadataRecord>, ApplyError> {
        let mut after = self.image.clone();
        for record in &levels {
            after.apply(record, &mut Changes::default())?;
        }
        let mut records = levels;
        if after.features.is_elr_enabled() {
            records.extend(features::elr_safety_records(&after, &self.settings));
        }
        if has_transactions(&after) {
            let name = Some("Bootstrap records".to_owned());
            let begin = BeginTransactionRecord { name, ..BeginTransactionRecord::default() };
            records.insert(0, begin.into());
            records.push(EndTransactionRecord::default().into());
        }
        Ok(records)
    }

    /// What a new leader writes about brokers that cannot be there any more.
    pub(crate) fn activation_records(&self) -> Vec<MetadataRecord> {
        brokers::fence_others(&self.image, &self.settings)
    }

    /// Goes back to an earlier state: the records since then were not committed.
    pub(crate) fn reset(&mut self, image: MetadataImage) {
        self.image = image;
    }

    /// Applies a record and notes what it touched.
    ///
    /// # Errors
    /// A record that does not fit: the log is damaged or of a newer release.
    pub(crate) fn apply(&mut self, record: &MetadataRecord, changes: &mut Changes) -> Result<(), ApplyError> {
        self.image.apply(record, changes)
    }

    /// Notes where in the log the state now stands.
    pub(crate) fn advance(&mut self, provenance: super::image::Provenance) {
        self.image.provenance = provenance;
    }
}
