//! Kafka's groups and committed offsets: what one partition of `__consumer_offsets` decides. No I/O, no clock, no
//! randomness, no locks: a broker, a test and a simulator drive the same code.
//!
//! ```text
//! request, timer, finished assignment ─> Shard::handle ─> Output: records to append, replies to send afterwards,
//!                                            │            assignments to compute elsewhere
//!                       Shard::commit / Shard::roll_back <─ how the append ended
//! ```
//!
//! - [`shard`]: the whole, which the others are parts of;
//! - [`environment`]: what a decision may look at: the time, settings, topics, random numbers;
//! - [`request`]: what clients ask and are answered; [`output`]: what a step asks of whoever drives it;
//! - [`classic`]: groups of the classic protocol; [`consumer`]: groups of the consumer protocol; [`history`]: why groups rebalanced;
//! - [`assignor`]: who of a group reads which partitions;
//! - `embedded`: what consumers of the classic protocol say within it, which groups of both kinds read;
//! - [`offsets`]: what groups have committed; [`lag`]: how far behind that is;
//! - [`record`]: the records of `__consumer_offsets`; [`timers`]: what is due when.

pub mod assignor;
pub mod classic;
pub mod consumer;
mod embedded;
pub mod environment;
pub mod history;
pub mod ids;
pub mod lag;
pub mod offsets;
pub mod output;
pub mod record;
pub mod request;
pub mod shard;
#[cfg(test)]
mod test_support;
pub mod timers;

pub use classic::{ClassicGroup, ClassicGroups};
pub use consumer::{ConsumerGroup, ConsumerGroups};
pub use environment::{ConsumerOverrides, Environment, Settings, TopicView, Topics};
pub use history::{History, MemberClient, Rebalance, RebalanceCause};
pub use ids::{GroupId, InstanceId, MemberId};
pub use output::{AssignmentJob, JobId, Output, Token};
pub use record::Record;
pub use request::{Caller, Refusal, Reply, Request};
pub use shard::Shard;
