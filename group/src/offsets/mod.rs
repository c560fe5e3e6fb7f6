//! Committed offsets: a replicated state machine on `OffsetCommit` records.
//!
//! [`Offsets`] holds what is committed, by group, topic and partition, and what open transactions would commit. It changes by
//! [`Offsets::apply`] and [`Offsets::end_transaction`] only; everything else reads it and, where it decides, gives records.
//! Kafka's counterpart is `OffsetMetadataManager`.

mod committed;
mod decisions;
mod expiration;
mod fetch;
mod pending;
mod state;
#[cfg(test)]
mod tests;

pub use committed::CommittedOffset;
pub use decisions::PartitionCheck;
pub use expiration::{Expired, OffsetExpiry};
pub use state::{Offsets, TransactionEnd};
