//! The metadata log, its snapshots and who leads.
//!
//! The log is a partition like any other, `__cluster_metadata-0`, with three kinds of files more in its folder:
//! `quorum-state` ([`quorum_state`]), which outlives a crash so that no leader epoch is used twice, snapshots
//! ([`snapshot`]), and nothing else. [`metadata_log`] opens them, [`replay`] makes an image of them.
//!
//! Today the quorum has one voter, this node: it elects itself at each start, in a new epoch, and what is durable here
//! is committed. A directory with other voters is refused ([`voters`]).
//!
//! Kafka's idle controller writes a `NoOpRecord` each 500 ms (`metadata.max.idle.interval.ms`), by which standby nodes
//! tell how far they are behind. Nobody follows a quorum of one, so none are written: an idle broker writes nothing.

pub(crate) mod batches;
pub(crate) mod error;
pub(crate) mod metadata_log;
pub(crate) mod quorum_state;
pub(crate) mod replay;
pub(crate) mod snapshot;
#[cfg(test)]
pub(crate) mod tests;
pub(crate) mod voters;

pub(crate) use error::MetadataError;
pub(crate) use metadata_log::{MetadataLog, MetadataLogSettings};
pub(crate) use replay::Replay;
pub(crate) use voters::{StaticVoters, VoterSet};
