//! Access control entries, SCRAM credentials and delegation tokens: kept and written again, enforced elsewhere.

use std::sync::Arc;

use bytes::Bytes;
use medallion_wire::types::Uuid;

/// One access control entry. Numbers are Kafka's (`ResourceType`, `PatternType`, `AclOperation`, `AclPermissionType`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AccessControlEntry {
    /// The entry's id.
    pub(crate) id: Uuid,
    /// What kind of resource it is for.
    pub(crate) resource_type: i8,
    /// The resource's name, or a prefix of it.
    pub(crate) resource_name: Arc<str>,
    /// How the name is matched.
    pub(crate) pattern_type: i8,
    /// Who, as `User:name`.
    pub(crate) principal: Arc<str>,
    /// From where, or `*`.
    pub(crate) host: Arc<str>,
    /// What is done.
    pub(crate) operation: i8,
    /// Whether it is allowed or denied.
    pub(crate) permission_type: i8,
}

/// What a server keeps of a SCRAM user's password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ScramCredential {
    /// The salt.
    pub(crate) salt: Bytes,
    /// The stored key.
    pub(crate) stored_key: Bytes,
    /// The server key.
    pub(crate) server_key: Bytes,
    /// The iteration count.
    pub(crate) iterations: i32,
}

/// A delegation token. Times are in milliseconds since the epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DelegationToken {
    /// The token's id.
    pub(crate) token_id: Arc<str>,
    /// Who may use it.
    pub(crate) owner: Arc<str>,
    /// Who asked for it.
    pub(crate) requester: Arc<str>,
    /// Who may renew it.
    pub(crate) renewers: Vec<Arc<str>>,
    /// When it was issued.
    pub(crate) issue_timestamp_ms: i64,
    /// Until when it can be renewed.
    pub(crate) max_timestamp_ms: i64,
    /// When it ends.
    pub(crate) expiration_timestamp_ms: i64,
}
