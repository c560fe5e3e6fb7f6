//! A Kafka-compatible broker and controller.
//!
//! A request's way: [`server`] cuts a frame out of a connection and finds the API in [`handler`], which looks things up in
//! the metadata ([`controller`]) and in partitions ([`replica`]), whose logs are `medallion-log`'s.
//!
//! - [`broker`]: what is started and stopped in which order;
//! - [`config`]: one declaration a setting; [`live_config`]: what holds now;
//! - [`controller`]: the metadata, a replicated state machine on `__cluster_metadata-0`; [`storage`]: `log.dirs`;
//! - [`replica`]: partitions, their logs, who waits for them;
//! - [`coordinator`]: groups and committed offsets, whose logic is `medallion-group`'s;
//! - [`telemetry`]: what clients push of their own metrics;
//! - [`handler`]: one file an API; [`error`]: from errors to Kafka's codes;
//! - [`quota`]: what clients may use, held against what they do; [`server`]: sockets, frames, limits, the operators' HTTP port; [`metrics`] and [`observed`]: what that shows.

pub mod broker;
pub mod config;
mod controller;
mod coordinator;
mod error;
mod handler;
mod live_config;
pub mod loggers;
mod metrics;
mod observed;
mod producer_ids;
mod quota;
mod random;
mod replica;
mod server;
pub mod storage;
mod telemetry;
mod topics;

pub use broker::{BoundListener, Broker, StartError};
