//! What a client knows of its cluster: brokers, topics, and who leads which partition.
//!
//! [`machine`] decides when to ask and what to believe; [`task`] asks. The picture is an immutable [`Cluster`], published
//! whole, so that nobody waits for anybody to read it.

mod cluster;
mod machine;
mod merge;
mod task;
#[cfg(test)]
mod tests;

pub use cluster::{Broker, Cluster, Partition, Topic};

pub(crate) use machine::{LeaderHint, MetadataPolicy};
pub(crate) use task::{Metadata, Published, Source};
