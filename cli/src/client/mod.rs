//! The cluster as this binary's commands see it: the client crate, with its errors in the commands' words.
//!
//! - [`connect`]: how the cluster is reached, by options and a file;
//! - [`cluster`]: [`Client`]: metadata, offsets, topics;
//! - [`configs`], [`groups`]: settings and groups, as they are printed;
//! - [`producer`], [`consumer`]: records in and out, by assigned partitions;
//! - [`admin`]: what brokers tell over HTTP.

pub(crate) mod admin;
mod cluster;
mod configs;
mod connect;
mod consumer;
mod error;
mod groups;
mod producer;
mod record;

pub(crate) use cluster::{Client, Metadata, NewTopic, OffsetAt, partition_of};
pub(crate) use configs::{
    ConfigChange, ConfigEntry, ConfigOperation, ConfigResource, ConfigSource, ResourceType,
};
pub(crate) use connect::Connect;
pub(crate) use consumer::{Consumer, ConsumerOptions};
pub(crate) use error::ClientError;
pub(crate) use groups::{DescribedGroup, Member};
pub(crate) use medallion_client::metadata::Topic;
pub(crate) use producer::{Acks, Compression, Producer, ProducerOptions, ProducerStatistics};
pub(crate) use record::{ConsumedRecord, Record};
