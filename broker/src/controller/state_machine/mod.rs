//! What a command changes in the metadata: pure functions from an image and a command to records and a reply.
//!
//! Nothing in here does I/O, reads a clock or draws random numbers: time and fresh ids come in through [`Inputs`].
//! Kafka's counterpart are the `*ControlManager` classes of `org.apache.kafka.controller`.

mod error;

use medallion_wire::messages as m;
use medallion_wire::types::Uuid;

pub(crate) use error::ApiError;

/// What a decision needs from outside.
pub(crate) struct Inputs<'a> {
    /// Wall-clock milliseconds since the epoch.
    pub(crate) now_ms: i64,
    /// A source of fresh random 128-bit numbers, for ids and placement.
    pub(crate) random: &'a mut dyn FnMut() -> u128,
}

/// What can be asked of the controller. Requests are Kafka's own structs where there is a one-to-one request.
#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "one command per request, moved once")]
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
    AlterClientQuotas(m::AlterClientQuotasRequest),
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
    /// Tell the state of the quorum.
    DescribeQuorum(m::DescribeQuorumRequest),
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
    AssignReplicasToDirs(m::AssignReplicasToDirsResponse),
    AlterPartition(m::AlterPartitionResponse),
    RegisterController(m::ControllerRegistrationResponse),
    RegisterBroker(m::BrokerRegistrationResponse),
    BrokerHeartbeat(m::BrokerHeartbeatResponse),
    UnregisterBroker(m::UnregisterBrokerResponse),
    DescribeQuorum(m::DescribeQuorumResponse),
}

/// A fresh id that Kafka would give out: none of the reserved ones, and none whose text starts with a dash.
pub(crate) fn fresh_id(random: &mut dyn FnMut() -> u128) -> Uuid {
    loop {
        let id = uuid::Builder::from_random_bytes(random().to_be_bytes()).into_uuid();
        if id.as_u128() > 100 && !medallion_wire::TopicId(id).to_string().starts_with('-') {
            return id;
        }
    }
}
