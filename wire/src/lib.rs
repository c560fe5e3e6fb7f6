//! Kafka's wire protocol, as far as it is ours.
//!
//! Request and response types come from the `kafka-protocol` crate, re-exported as [`messages`]. This crate adds what
//! that one leaves out or does in a way that a broker cannot use:
//!
//! - [`types`]: newtypes for what can be mixed up (offsets, epochs, ids);
//! - [`records`]: record batches as a lazy view over shared bytes, with capped decompression, their builder, and the
//!   message sets that old segments hold;
//! - [`api`]: the APIs, their names and versions;
//! - [`frame`]: frames cut out of a byte stream, with a limit; [`header`]: headers of requests and responses;
//! - [`guard`]: a check of element counts against the bytes that are there, before a request is decoded;
//! - [`fetch_response`]: fetch responses whose records are never copied;
//! - [`internal_records`]: the records of `__cluster_metadata`, `__consumer_offsets`, `__transaction_state`, ...;
//! - [`newer_messages`]: message versions that the crate does not have yet;
//! - [`fuzz`]: entry points for fuzzers.

pub mod api;
pub mod fetch_response;
pub mod frame;
pub mod fuzz;
#[doc(hidden)]
pub mod fuzz_records;
pub mod guard;
pub mod header;
pub mod internal_records;
pub mod newer_messages;
pub mod records;
pub mod types;

pub use kafka_protocol::messages;
pub use kafka_protocol::{self, ResponseError};
pub use types::{
    BrokerId, LeaderEpoch, Offset, PartitionIndex, ProducerEpoch, ProducerId, TopicId, TopicPartition,
};
