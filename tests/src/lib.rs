//! Helpers of the tests that cross crates: other people's clients, Apache Kafka as peer and as judge, raw sockets.
//!
//! A test starts its own [`server::Server`] on a directory and ports of its own, drives it with [`client::Client`]s,
//! [`kafka_tools`] or a [`connection::Connection`], and compares what they say. Each of these needs programs that
//! `make setup` brings; a test whose programs are absent says so through [`need!`] and is counted as skipped.
//! `MEDALLION_TESTS_PEER=kafka` runs the tests against Apache Kafka instead, to test the tests.

pub mod account;
pub mod admin;
pub mod application;
pub mod assignors;
pub mod batch;
pub mod client;
pub mod cluster;
pub mod connection;
pub mod differential;
pub mod environment;
pub mod http;
pub mod kafka_tools;
pub mod kcat;
pub mod load;
pub mod matrix;
pub mod member;
pub mod memory;
pub mod metrics;
pub mod old_kafka;
pub mod record;
pub mod registry;
pub mod schema_generator;
pub mod schema_judge;
pub mod serdes_client;
pub mod server;
pub mod server_files;

/// Unwraps what a test needs, or skips the test with the reason.
#[macro_export]
macro_rules! need {
    ($needed:expr) => {
        match $needed {
            Ok(found) => found,
            Err(missing) => {
                $crate::environment::skip(&missing);
                return;
            }
        }
    };
}
