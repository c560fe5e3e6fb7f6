//! A Kafka-compatible broker and controller.

#![allow(dead_code, reason = "wip")]

pub mod config;
#[allow(dead_code, unused_imports, reason = "its callers are being built")]
mod controller;
mod error;
mod handler;
pub mod loggers;
mod metrics;
mod producer_ids;
mod random;
mod replica;
mod server;
#[allow(dead_code, unused_imports, reason = "its callers are being built")]
pub mod storage;
mod topics;
