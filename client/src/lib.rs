//! A client of Kafka's protocol.
mod backoff;
mod brokers;
mod client;
pub mod config;
mod connection;
pub mod error;
pub mod hooks;
pub mod metadata;
pub mod producer;

pub use client::{Client, ClientBuilder};
pub use config::{ClientSettings, ConfigError, ProducerSettings, Secret};
pub use connection::{Token, TokenFuture, TokenProvider};
pub use error::{Error, ErrorClass};
pub use producer::{
    Choice, Delivery, Partitioner, Producer, ProducerBuilder, ProducerInterceptor, ProducerMetrics, Record,
    RecordMetadata, partition_of_key,
};
