//! Who appends.

/// Who appends records, which decides how strictly they are checked. Source: Kafka's `AppendOrigin`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppendOrigin {
    /// A leader's records, copied by a follower: offsets and epochs are assigned, producer state is not checked.
    Replication,
    /// A coordinator of this broker; may write control records (transaction markers).
    Coordinator,
    /// A client's produce request.
    Client,
    /// The leader of the metadata quorum.
    RaftLeader,
}
