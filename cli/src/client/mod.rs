//! A small Kafka client: enough for this binary's commands, to be replaced by the client crate.
//!
//! - [`connection`]: one TCP connection, versions agreed by `ApiVersions`, one request at a time;
//! - [`cluster`]: [`Client`]: bootstrap, metadata, a connection for each broker, offsets;
//! - [`admin`]: topics and configs;
//! - [`producer`], [`consumer`]: records in and out, by assigned partitions;
//! - [`batch`]: records to and from batches;
//! - [`partitioner`]: the same partition for a key as Kafka's Java producer picks.

mod admin;
mod batch;
mod cluster;
mod connection;
mod consumer;
mod error;
mod partitioner;
mod producer;
mod record;

pub(crate) use admin::{
    ConfigChange, ConfigEntry, ConfigOperation, ConfigResource, ConfigSource, NewTopic, ResourceType,
};
pub(crate) use cluster::{Client, Metadata, OffsetAt, TopicMetadata};
pub(crate) use consumer::{Consumer, ConsumerOptions};
pub(crate) use error::ClientError;
pub(crate) use producer::{Acks, Compression, Producer, ProducerOptions, ProducerStatistics};
pub(crate) use record::{ConsumedRecord, Record};
