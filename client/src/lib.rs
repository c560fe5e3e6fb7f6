//! A client of Kafka's protocol, in Rust alone: for Medallion and for Apache Kafka.
//!
//! ```no_run
//! use medallion_client::{Admin, Client, ClientSettings, NewTopic, Producer, ProducerSettings, Record};
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), medallion_client::Error> {
//! let client = Client::new(ClientSettings::new("localhost:9092"))?;
//! Admin::new(&client).create_topics(&[NewTopic::new("trips", 6)]).await?;
//!
//! let producer = Producer::new(&client, ProducerSettings::default())?;
//! let delivery = producer.send(Record::to("trips").key("zone-7").value("9.50")).await?;
//! println!("{:?}", delivery.await?);
//! producer.close().await;
//! # Ok(())
//! # }
//! ```
//!
//! # How it is made
//!
//! ```text
//!  Producer ─┐                       records into batches, batches to leaders, outcomes back
//!  Admin ────┼── Client ─┬─ metadata    who leads what: one task around a machine
//!            │           └─ brokers     a connection for each broker and purpose
//!            │                 └─ connection   one task a socket: TLS, SASL, versions, pipelined requests
//!            └── config, error, hooks
//! ```
//!
//! - [`config`]: settings under Kafka's names, each declared once; `docs/client-configuration.md` lists them;
//! - [`error`]: one error type, and what to do about each;
//! - [`hooks`]: counters and events for metrics;
//! - [`metadata`]: the picture of the cluster that decisions go by;
//! - [`producer`]: records out;
//! - [`admin`]: topics, settings, offsets, the cluster.
//!
//! What decides is kept apart from what does: `metadata/machine`, `producer/sender` and `connection/in_flight` know no socket,
//! clock or lock, and are tested by seeds. There is no global state, and every future may be dropped at any point. A client
//! needs a tokio runtime with time and I/O around it.
//!
//! # Features
//! `tls` (on unless told otherwise): TLS by rustls with ring.

pub mod admin;
mod backoff;
mod brokers;
mod client;
pub mod config;
mod connection;
pub mod error;
pub mod hooks;
pub mod metadata;
pub mod producer;

pub use admin::{Admin, Each, NewTopic};
pub use client::{Client, ClientBuilder};
pub use config::{ClientSettings, ConfigError, ProducerSettings, Secret};
pub use connection::{Token, TokenFuture, TokenProvider};
pub use error::{Error, ErrorClass};
pub use hooks::{ClientMetrics, Hooks};
pub use producer::{
    Choice, Delivery, Partitioner, Producer, ProducerBuilder, ProducerInterceptor, ProducerMetrics, Record,
    RecordMetadata, partition_of_key,
};
