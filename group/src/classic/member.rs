//! One member of a classic group.

use std::sync::Arc;

use bytes::Bytes;
use medallion_wire::messages::join_group_request::JoinGroupRequestProtocol;

use crate::ids::{InstanceId, MemberId};
use crate::output::Token;

/// A protocol that a member can assign by (an assignor, for consumers), and what the member tells the leader in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassicProtocol {
    /// Its name: `range`, `cooperative-sticky`.
    pub name: Arc<str>,
    /// The member's metadata; for consumers a subscription.
    pub metadata: Bytes,
}

impl ClassicProtocol {
    /// Copies, so that the state does not hold on to the request's buffer.
    pub fn from_request(protocol: &JoinGroupRequestProtocol) -> Self {
        Self { name: Arc::from(protocol.name.as_str()), metadata: Bytes::copy_from_slice(&protocol.metadata) }
    }
}

/// A member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassicMember {
    /// Its id, given out by the coordinator.
    pub id: MemberId,
    /// Set for a static member.
    pub instance_id: Option<InstanceId>,
    /// The client's `client.id`.
    pub client_id: Arc<str>,
    /// The client's address as Kafka shows it: `/127.0.0.1`.
    pub client_host: Arc<str>,
    /// How long the others wait for it in a rebalance.
    pub rebalance_timeout_ms: i32,
    /// How long it may be silent.
    pub session_timeout_ms: i32,
    /// What it can assign by, the one it likes best first.
    pub protocols: Vec<ClassicProtocol>,
    /// What the leader gave it; empty until then.
    pub assignment: Bytes,
    /// Its `JoinGroup`s that wait. More than one when it was sent again.
    pub(super) join_waiting: Vec<Token>,
    /// Its `SyncGroup`s that wait.
    pub(super) sync_waiting: Vec<Token>,
    /// Whether it has not yet been answered its first `JoinGroup`.
    pub(super) is_new: bool,
}

/// What makes a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberParts {
    /// Its id.
    pub id: MemberId,
    /// Set for a static member.
    pub instance_id: Option<InstanceId>,
    /// The client's `client.id`.
    pub client_id: Arc<str>,
    /// The client's address.
    pub client_host: Arc<str>,
    /// How long the others wait for it in a rebalance.
    pub rebalance_timeout_ms: i32,
    /// How long it may be silent.
    pub session_timeout_ms: i32,
    /// What it can assign by, the one it likes best first.
    pub protocols: Vec<ClassicProtocol>,
    /// What it has been assigned.
    pub assignment: Bytes,
}

impl From<MemberParts> for ClassicMember {
    fn from(parts: MemberParts) -> Self {
        Self {
            id: parts.id,
            instance_id: parts.instance_id,
            client_id: parts.client_id,
            client_host: parts.client_host,
            rebalance_timeout_ms: parts.rebalance_timeout_ms,
            session_timeout_ms: parts.session_timeout_ms,
            protocols: parts.protocols,
            assignment: parts.assignment,
            join_waiting: Vec::new(),
            sync_waiting: Vec::new(),
            is_new: false,
        }
    }
}

impl ClassicMember {
    /// What it says in a protocol.
    pub fn metadata(&self, protocol: &str) -> Option<&Bytes> {
        let protocol = self.protocols.iter().find(|candidate| &*candidate.name == protocol)?;
        Some(&protocol.metadata)
    }

    /// Whether a `JoinGroup` of it waits.
    pub fn is_awaiting_join(&self) -> bool {
        !self.join_waiting.is_empty()
    }

    /// Whether a `SyncGroup` of it waits.
    pub fn is_awaiting_sync(&self) -> bool {
        !self.sync_waiting.is_empty()
    }

    /// A member whose request waits at the coordinator need not send heartbeats, unless it is new: its client may have
    /// gone away before it knew its id.
    pub(super) fn has_satisfied_heartbeat(&self) -> bool {
        !self.is_new && (self.is_awaiting_join() || self.is_awaiting_sync())
    }
}
