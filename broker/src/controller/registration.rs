//! How this node's broker comes and goes.

use std::collections::BTreeMap;

use medallion_wire::internal_records::Feature;
use medallion_wire::messages as m;
use medallion_wire::types::Uuid;
use medallion_wire::{ResponseError, messages::BrokerId};

use super::handle::ControllerHandle;
use super::image::{Endpoint, VersionRange};
use super::state_machine::ApiError;

/// What this node says of itself when it starts.
#[derive(Debug, Clone)]
pub(crate) struct BrokerIdentity {
    /// `node.id`.
    pub(crate) node_id: i32,
    /// The cluster's id.
    pub(crate) cluster_id: String,
    /// A fresh id of this process.
    pub(crate) incarnation_id: Uuid,
    /// The advertised listeners of the broker.
    pub(crate) listeners: Vec<Endpoint>,
    /// The listeners of the controller.
    pub(crate) controller_listeners: Vec<Endpoint>,
    /// `broker.rack`.
    pub(crate) rack: Option<String>,
    /// The ids of the directories in `log.dirs` that are online.
    pub(crate) directories: Vec<Uuid>,
    /// The broker epoch at the last stop, where every directory has a clean-shutdown mark that tells it.
    pub(crate) previous_epoch: Option<i64>,
}

/// The levels of each feature that this release supports.
pub(crate) fn supported_features() -> BTreeMap<String, VersionRange> {
    let range = |feature: Feature| VersionRange { min: feature.minimum(), max: feature.maximum() };
    Feature::ALL.into_iter().map(|feature| (feature.name().to_owned(), range(feature))).collect()
}

impl ControllerHandle {
    /// Registers this node's controller and its broker, still fenced; the broker's epoch.
    ///
    /// # Errors
    /// What the controller says, see [`ControllerHandle::submit`].
    pub(crate) async fn register(&self, identity: &BrokerIdentity) -> Result<i64, ApiError> {
        self.announce_controller(identity).await?;
        let listener = |endpoint: &Endpoint| {
            m::broker_registration_request::Listener::default()
                .with_name(endpoint.name.to_string().into())
                .with_host(endpoint.host.to_string().into())
                .with_port(endpoint.port)
                .with_security_protocol(endpoint.security_protocol)
        };
        let feature = |(name, range): (String, VersionRange)| {
            m::broker_registration_request::Feature::default()
                .with_name(name.into())
                .with_min_supported_version(range.min)
                .with_max_supported_version(range.max)
        };
        let request = m::BrokerRegistrationRequest::default()
            .with_broker_id(BrokerId(identity.node_id))
            .with_cluster_id(identity.cluster_id.clone().into())
            .with_incarnation_id(identity.incarnation_id)
            .with_listeners(identity.listeners.iter().map(listener).collect())
            .with_features(supported_features().into_iter().map(feature).collect())
            .with_rack(identity.rack.clone().map(Into::into))
            .with_log_dirs(identity.directories.clone())
            .with_previous_broker_epoch(identity.previous_epoch.unwrap_or(-1));
        let response = self.register_broker(request).await?;
        Ok(response.broker_epoch)
    }

    /// Old levels of `metadata.version` know no controller registrations; the quorum works without.
    async fn announce_controller(&self, identity: &BrokerIdentity) -> Result<(), ApiError> {
        let listener = |endpoint: &Endpoint| {
            m::controller_registration_request::Listener::default()
                .with_name(endpoint.name.to_string().into())
                .with_host(endpoint.host.to_string().into())
                .with_port(endpoint.port)
                .with_security_protocol(endpoint.security_protocol)
        };
        let feature = |(name, range): (String, VersionRange)| {
            m::controller_registration_request::Feature::default()
                .with_name(name.into())
                .with_min_supported_version(range.min)
                .with_max_supported_version(range.max)
        };
        let request = m::ControllerRegistrationRequest::default()
            .with_controller_id(identity.node_id)
            .with_incarnation_id(identity.incarnation_id)
            .with_listeners(identity.controller_listeners.iter().map(listener).collect())
            .with_features(supported_features().into_iter().map(feature).collect());
        let response = self.register_controller(request).await?;
        match ResponseError::try_from_code(response.error_code) {
            None | Some(ResponseError::UnsupportedVersion) => Ok(()),
            Some(error) => {
                Err(ApiError { error, message: response.error_message.map(|message| message.to_string()) })
            }
        }
    }

    /// Makes the registered broker visible: its partitions get their leaders.
    ///
    /// # Errors
    /// What the controller says, see [`ControllerHandle::submit`].
    pub(crate) async fn unfence(&self, node_id: i32, epoch: i64) -> Result<(), ApiError> {
        self.broker_heartbeat(heartbeat(node_id, epoch)).await.map(|_| ())
    }

    /// Takes the broker's leaderships and fences it, as Kafka's controlled shutdown does; to be called before the logs
    /// are closed.
    ///
    /// # Errors
    /// What the controller says, see [`ControllerHandle::submit`].
    pub(crate) async fn shut_down_broker(&self, node_id: i32, epoch: i64) -> Result<(), ApiError> {
        // The first heartbeat takes the leaderships, the second the registration: two, were there other brokers to wait for.
        for _ in 0..2 {
            let request = heartbeat(node_id, epoch).with_want_shut_down(true);
            if self.broker_heartbeat(request).await?.should_shut_down {
                break;
            }
        }
        Ok(())
    }
}

fn heartbeat(node_id: i32, epoch: i64) -> m::BrokerHeartbeatRequest {
    m::BrokerHeartbeatRequest::default().with_broker_id(BrokerId(node_id)).with_broker_epoch(epoch)
}
