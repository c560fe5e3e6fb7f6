//! The shell around groups: `medallion-group`'s shards, each on its partition of `__consumer_offsets`.
//!
//! [`GroupCoordinator`] knows which of these partitions this broker leads, and gives a request to the shard of its group.
//! [`shard_task`] drives one shard: loads it from the log ([`loader`]), then takes turns. [`view`] shows it the metadata.
//! [`RebalanceLog`] keeps for operators which groups rebalanced, and why.
//! How the two go together is told in the ADR on the group coordinator.

mod batches;
mod group_coordinator;
mod loader;
mod rebalance_log;
mod shard_task;
mod view;

pub(crate) use group_coordinator::{CoordinatorSurroundings, GroupCoordinator};
pub(crate) use rebalance_log::RebalanceLog;
