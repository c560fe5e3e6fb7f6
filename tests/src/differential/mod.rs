//! Apache Kafka and Medallion side by side: the same requests to both, and their replies compared field by field.
//!
//! [`schema`] reads Kafka's own descriptions of its messages out of Kafka's jar, so that requests are written as JSON
//! and replies come as JSON ([`codec`]) in every version that Kafka has, without a codec that the program under test
//! uses. A [`pair::Pair`] runs both servers; a [`script::Script`] sends to both in lockstep; [`normalise`] takes out of
//! replies what may differ (ports, ids, folders); [`compare`] names the fields that differ; [`mutate`] makes more requests
//! out of those that a script has sent.

pub mod codec;
pub mod compare;
pub mod mutate;
pub mod normalise;
pub mod pair;
pub mod schema;
pub mod script;
