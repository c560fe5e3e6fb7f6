//! A small Kafka client: enough for this binary's commands, to be replaced by the client crate.
//!
//! - [`connection`]: one TCP connection, versions agreed by `ApiVersions`, one request at a time;
//! - [`cluster`]: [`Client`]: bootstrap, metadata, a connection for each broker, offsets;
//! - [`mod@metadata`]: brokers and topics at one moment;
//! - [`topics`], [`configs`]: what administrators change; [`groups`]: groups and their offsets;
//! - [`producer`], [`consumer`]: records in and out, by assigned partitions;
//! - [`batch`]: records to and from batches;
//! - [`admin`]: what brokers tell over HTTP;
//! - [`partitioner`]: the same partition for a key as Kafka's Java producer picks.

pub(crate) mod admin;
mod batch;
mod cluster;
mod configs;
mod connection;
mod consumer;
mod error;
mod groups;
mod metadata;
mod partitioner;
mod producer;
mod record;
mod topics;

pub(crate) use cluster::{Client, OffsetAt};
pub(crate) use configs::{
    ConfigChange, ConfigEntry, ConfigOperation, ConfigResource, ConfigSource, ResourceType,
};
pub(crate) use consumer::{Consumer, ConsumerOptions};
pub(crate) use error::ClientError;
pub(crate) use groups::{DescribedGroup, Member};
pub(crate) use metadata::{Metadata, TopicMetadata};
pub(crate) use producer::{Acks, Compression, Producer, ProducerOptions, ProducerStatistics};
pub(crate) use record::{ConsumedRecord, Record};
pub(crate) use topics::NewTopic;
