//! Groups of the classic protocol: `JoinGroup`, `SyncGroup`, `Heartbeat`, `LeaveGroup`, where one member assigns for all.
//!
//! ```text
//!            first member                 all joined, or time is over              leader's assignment
//!   Empty ────────────────> Preparing ──────────────────────────────> Completing ─────────────────────> Stable
//!     ^                     Rebalance                                 Rebalance                           │
//!     │  nobody joined       │    ^        new member, changed member, leave, expiry   │                  │
//!     └──────────────────────┘    └───────────────────────────────────────────────────┴──────────────────┘
//! ```
//!
//! A group is a protocol machine: requests and due timers change it in place, and come out as replies. Only the end of a
//! rebalance is a record, from which a group is rebuilt after a load. Requests that wait are [`Token`](crate::Token)s,
//! parked in their member. One that is sent again joins those that wait; all of them get the same answer.
//!
//! - [`ClassicGroups`] is the way in: it finds the group, and takes back what an append that failed had stood for;
//! - [`ClassicGroup`] is one group; its rules are in `join`, `rebalance`, `sync`, `heartbeat`, `leave`, `commit`.
//!
//! Source: Kafka's `ClassicGroup` and `GroupMetadataManager`; KIP-62, KIP-134 (initial delay), KIP-345 (static members),
//! KIP-394 (member ids), KIP-559 (protocol in `SyncGroup`), KIP-800 (reasons), KIP-814 (skipped assignment).

mod answers;
mod commit;
mod describe;
mod group;
mod groups;
mod heartbeat;
mod invariants;
mod join;
mod journal;
mod leave;
mod member;
mod membership;
mod protocols;
mod rebalance;
mod records;
mod state;
mod static_member;
mod step;
mod sync;
#[cfg(test)]
mod tests;

pub(crate) use answers::{join_refused, sync_refused};
pub use commit::{Commit, DeleteOffsets};
pub use group::{ClassicGroup, ClassicParts};
pub use groups::ClassicGroups;
pub use member::{ClassicMember, ClassicProtocol, MemberParts};
pub use state::ClassicState;

/// The protocol type of consumers; others (Connect's `connect`, for one) assign things that a broker knows nothing of.
pub const CONSUMER_PROTOCOL_TYPE: &str = "consumer";
