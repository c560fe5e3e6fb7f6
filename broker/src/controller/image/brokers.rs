//! Registrations of brokers and controllers.

use std::sync::Arc;

use imbl::OrdMap;
use medallion_wire::types::Uuid;

/// A directory id of a broker from before KIP-858. Reserved, as the one below.
pub(crate) const MIGRATING_DIRECTORY: Uuid = Uuid::nil();
/// A directory id that means "not known yet".
pub(crate) const UNASSIGNED_DIRECTORY: Uuid = Uuid::from_u128(1);

/// Where a listener can be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoint {
    /// The listener's name.
    pub(crate) name: Arc<str>,
    /// The advertised host.
    pub(crate) host: Arc<str>,
    /// The advertised port.
    pub(crate) port: u16,
    /// Kafka's number of the security protocol (0 is PLAINTEXT).
    pub(crate) security_protocol: i16,
}

/// The levels of a feature that a node supports, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct VersionRange {
    /// The lowest level.
    pub(crate) min: i16,
    /// The highest level.
    pub(crate) max: i16,
}

/// A broker as it registered itself.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct BrokerRegistration {
    /// The broker's id.
    pub(crate) id: i32,
    /// The offset of the registration's record.
    pub(crate) epoch: i64,
    /// The id of the broker's process.
    pub(crate) incarnation_id: Uuid,
    /// Its listeners.
    pub(crate) endpoints: Vec<Endpoint>,
    /// The features that it supports.
    pub(crate) features: OrdMap<Arc<str>, VersionRange>,
    /// Its rack.
    pub(crate) rack: Option<Arc<str>>,
    /// Whether clients must not see it.
    pub(crate) fenced: bool,
    /// Whether it is on its way down.
    pub(crate) in_controlled_shutdown: bool,
    /// Whether it comes from a cluster that still migrates from `ZooKeeper`.
    pub(crate) is_migrating_zk_broker: bool,
    /// The ids of its log directories that are online.
    pub(crate) directories: Vec<Uuid>,
    /// The ids of the directories that take no new partitions; `None` where the broker never said.
    pub(crate) cordoned_directories: Option<Vec<Uuid>>,
}

impl BrokerRegistration {
    /// The endpoint of the listener `name`.
    pub(crate) fn endpoint(&self, name: &str) -> Option<&Endpoint> {
        self.endpoints.iter().find(|endpoint| &*endpoint.name == name)
    }

    /// Whether a replica in `directory` may be online: "not known yet" counts as online, "lost" does not.
    pub(crate) fn has_online_directory(&self, directory: Uuid) -> bool {
        directory == UNASSIGNED_DIRECTORY
            || directory == MIGRATING_DIRECTORY
            || self.directories.contains(&directory)
    }

    /// The directory of a new partition: the only one there is, else not known yet.
    pub(crate) fn default_directory(&self) -> Uuid {
        match self.directories.as_slice() {
            [] => MIGRATING_DIRECTORY,
            [only] => *only,
            _ => UNASSIGNED_DIRECTORY,
        }
    }
}

/// A controller as it registered itself.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ControllerRegistration {
    /// The controller's id.
    pub(crate) id: i32,
    /// The id of the controller's process.
    pub(crate) incarnation_id: Uuid,
    /// Whether it could migrate a cluster from `ZooKeeper`.
    pub(crate) zk_migration_ready: bool,
    /// Its listeners.
    pub(crate) endpoints: Vec<Endpoint>,
    /// The features that it supports.
    pub(crate) features: OrdMap<Arc<str>, VersionRange>,
}
