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
//!  Consumer ─┤                       groups, positions, fetches, batches of records
//!  Admin ────┼── Client ─┬─ metadata    who leads what: one task around a machine
//!            │           └─ brokers     a connection for each broker and purpose
//!            │                 └─ connection   one task a socket: TLS, SASL, versions, pipelined requests
//!            └── config, error, hooks
//! ```
//!
//! - [`config`]: settings under Kafka's names, each declared once (by `medallion-settings`); `docs/client-configuration.md` lists them;
//! - [`error`]: one error type, and what to do about each;
//! - [`hooks`]: counters and events for metrics;
//! - [`metadata`]: the picture of the cluster that decisions go by;
//! - [`producer`]: records out;
//! - [`consumer`]: records in;
//! - [`admin`]: topics, groups, settings, rights, replicas, transactions, the cluster;
//! - [`Coordinator`]: the broker of a group, for members by a protocol of their own.
//!
//! What decides is kept apart from what does: `metadata/machine`, `producer/sender`, `producer/transaction/machine`, `consumer/fetcher`,
//! `consumer/membership`, `consumer/assignor` and `connection/in_flight` know no socket, clock or lock, and are tested by seeds. There is no
//! global state, and every future may be dropped at any point. A client
//! needs a tokio runtime with time and I/O around it.
//!
//! # From rdkafka to this client
//! | rdkafka | here |
//! |---|---|
//! | `ClientConfig::new().set("bootstrap.servers", ..)` | [`ClientSettings::new`], [`ClientSettings::set`], [`ProducerSettings::from_properties`] |
//! | `FutureProducer`, `ThreadedProducer` | [`Producer`]; nothing has to be polled |
//! | `FutureRecord::to("t").key(..).payload(..)` | [`Record::to`]`("t").key(..).value(..)` |
//! | `OwnedHeaders::insert` | [`Record::header`] |
//! | `producer.send(record, timeout).await` | `producer.send(record).await?.await`; `max.block.ms` is the timeout |
//! | `send_result`, `BaseProducer::send` | [`Producer::try_send`] |
//! | `ProducerContext::delivery` | [`Delivery::then`], [`ProducerInterceptor::on_outcome`] |
//! | `Partitioner` | [`Partitioner`]; the default one is Java's murmur2, not librdkafka's CRC32 |
//! | `producer.flush(timeout)` | [`Producer::flush`], within [`tokio::time::timeout`] where it must end |
//! | `init_transactions(timeout)`, `begin_transaction`, `commit_transaction`, `abort_transaction` | the same names on [`Producer`]; `max.block.ms` is the timeout |
//! | `send_offsets_to_transaction`, `ConsumerGroupMetadata` | [`Producer::send_offsets_to_transaction`], [`Consumer::group_metadata`] |
//! | `RDKafkaError::is_txn_requires_abort` | [`ErrorClass::Abortable`] |
//! | `StreamConsumer`, `BaseConsumer` | [`Consumer`]; fetching goes on beside the program |
//! | `group.protocol`, `partition.assignment.strategy`, `group.instance.id` | the same; the default protocol is `classic`, as in Java |
//! | `consumer.unsubscribe()`, drop | [`Consumer::unsubscribe`], [`Consumer::close`]; a dropped consumer leaves its group, but commits nothing |
//! | `consumer.assign(..)`, `seek`, `pause`, `resume`, `position` | the same names on [`Consumer`] |
//! | `consumer.stream()`, `recv()` | [`Consumer::batches`], [`Consumer::poll`]: batches of records instead of one at a time |
//! | `BorrowedMessage`, `OwnedMessage` | [`ConsumerRecordRef`](consumer::ConsumerRecordRef), [`ConsumerRecord`](consumer::ConsumerRecord) |
//! | `commit`, `committed`, `enable.auto.commit` | [`Consumer::commit`], [`Consumer::commit_positions`], [`Consumer::committed`] |
//! | `subscribe(&["t"])`, `subscribe(&["^t.*"])` | [`Consumer::subscribe`], [`Consumer::subscribe_pattern`] |
//! | `ConsumerContext::pre_rebalance`, `post_rebalance` | [`RebalanceListener`], called within a poll |
//! | `RDKafkaErrorCode` | [`Error`], [`Error::class`], [`Error::code`] |
//! | `ClientContext::stats` | [`Client::metrics`], [`Producer::metrics`], [`Hooks`] |
//! | `ClientContext::generate_oauth_token` | [`TokenProvider`] |
//! | `AdminClient::create_topics` and more | [`Admin`]: each thing its own outcome ([`Each`]) |
//! | `fetch_group_list`, `describe_groups` of librdkafka | [`Admin::list_groups`], [`Admin::describe_groups`] |
//! | ACLs, SCRAM credentials, `DeleteRecords`, group offsets, elections of librdkafka | [`Admin`] has them, and quotas, reassignments, folders, producers, transactions |
//! | `fetch_metadata`, `fetch_watermarks` | [`Client::topic`], [`Admin::list_topics`], [`Admin::list_offsets`] |
//! | `queue.buffering.max.kbytes`, `message.timeout.ms`, `ssl.ca.location` | `buffer.memory`, `delivery.timeout.ms`, `ssl.truststore.location` (PEM) |
//!
//! # Brokers that it works with
//! Medallion, and Apache Kafka from 2.1 on, as Java's client of Kafka 4. Versions are agreed on for each connection and API; groups and offsets that an older
//! broker tells only one at a time are asked for one by one. Some things need more; older brokers get [`Error::UnsupportedVersion`], which names the API
//! and both sides' versions, or do without:
//!
//! | from Kafka | |
//! |---|---|
//! | 2.2 | [`Admin::elect_leaders`] of preferred leaders; of others 2.4 |
//! | 2.3 | `group.instance.id`; [`Admin::alter_configs`] |
//! | 2.4 | [`NewTopic`]s without a number of replicas; reassignments; [`Admin::delete_group_offsets`]; members removed several at once or by instance; without it no replica but the leader is read |
//! | 2.5 | offsets of a group's member in a transaction; without it a reader does not wait for offsets of transactions that are open (KIP-447), and a transactional producer of which a record has failed has to be made anew (KIP-360) |
//! | 2.6 | client quotas; groups listed by state, by type 3.7 |
//! | 2.7 | SCRAM credentials |
//! | 2.8 | [`Admin::describe_producers`]; topics told apart by ids |
//! | 3.0 | transactions described and listed; [`OffsetAt::MaxTimestamp`](admin::OffsetAt::MaxTimestamp) |
//! | 3.7 | new leaders told with the refusal of the old one (KIP-951) |
//! | 4.0 | `group.protocol=consumer`; version 2 of transactions |
//!
//! # Features
//! `tls` (on unless told otherwise): TLS by rustls with ring.

pub mod admin;
mod backoff;
mod brokers;
mod client;
pub mod config;
mod connection;
pub mod consumer;
mod coordinator;
pub mod error;
pub mod hooks;
pub mod metadata;
pub mod producer;
mod retries;

pub use admin::{Admin, Each, NewTopic};
pub use client::{Client, ClientBuilder};
pub use config::{ClientSettings, ConfigError, ConsumerSettings, ProducerSettings, Secret};
pub use connection::{Token, TokenFuture, TokenProvider};
pub use consumer::{
    Batch, Consumer, ConsumerBuilder, ConsumerMetrics, Position, RebalanceFuture, RebalanceListener,
};
pub use coordinator::Coordinator;
pub use error::{Error, ErrorClass};
pub use hooks::{ClientMetrics, Hooks};
pub use producer::{
    Choice, Delivery, Partitioner, Producer, ProducerBuilder, ProducerInterceptor, ProducerMetrics, Record,
    RecordMetadata, partition_of_key,
};
