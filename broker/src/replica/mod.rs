//! Partitions on this broker: their logs, who waits for them and what keeps them in order.
//!
//! - [`replica_manager`]: all partitions; makes, opens and removes them as the metadata says;
//! - [`partition`]: one replica: the queue of appends, the log, the state;
//! - [`append_job`]: jobs on the I/O pool that write what is queued;
//! - [`append_time`]: how long that keeps threads busy, where it counts against a quota;
//! - [`inline_append`]: who may write without such a job, on the thread that has read the request;
//! - [`opening`]: the order in which logs are opened (and recovered) at start;
//! - [`log_directory`]: one of `log.dirs` with its checkpoints;
//! - [`fetch_session`]: incremental fetch sessions (a machine without I/O);
//! - [`fetch_waiter`]: fetch requests that wait for data;
//! - [`directory_move`]: moves between `log.dirs`;
//! - [`background`]: flushing, checkpoints, retention and the disk reserve;
//! - [`compaction`]: compaction, at the rate that [`throttle`] allows (a machine without I/O).

pub(crate) mod append_job;
pub(crate) mod append_time;
pub(crate) mod background;
pub(crate) mod compaction;
pub(crate) mod directory_move;
pub(crate) mod fetch_session;
pub(crate) mod fetch_waiter;
pub(crate) mod inline_append;
pub(crate) mod log_directory;
pub(crate) mod opening;
pub(crate) mod partition;
pub(crate) mod replica_manager;
pub(crate) mod throttle;

pub(crate) use log_directory::LogDirectory;
pub(crate) use partition::{AppendFailure, Partition, PartitionError};
pub(crate) use replica_manager::{ReplicaManager, ReplicaSettings};

#[cfg(test)]
mod tests;
