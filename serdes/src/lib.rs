//! Serializers and deserializers for records whose schemas are kept by a schema registry: Medallion's, Confluent's, and those
//! that speak as it does. There is no server inside.
//!
//! ```no_run
//! use apache_avro::AvroSchema;
//! use medallion_serdes::avro::{AvroDeserializer, AvroSerializer};
//! use medallion_serdes::{DeserializerSettings, RecordPart, RegistryClient, SerializerSettings};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Serialize, Deserialize, AvroSchema)]
//! struct Trip {
//!     zone: i32,
//!     fare: f64,
//! }
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), medallion_serdes::Error> {
//! let registry = RegistryClient::new("http://localhost:8081")?;
//! let serializer =
//!     AvroSerializer::derived::<Trip>(&registry, RecordPart::Value, SerializerSettings::default())?;
//! let bytes = serializer.serialize("trips", &Trip { zone: 7, fare: 9.5 }).await?;
//!
//! let deserializer = AvroDeserializer::new(&registry, RecordPart::Value, DeserializerSettings::default())?;
//! let trip: Trip = deserializer.deserialize(&bytes).await?;
//! # assert_eq!(trip.zone, 7);
//! # Ok(())
//! # }
//! ```
//!
//! Types whose schemas are derived need `apache-avro` 0.22 with its feature `derive`, and `serde_json`, which the derived code
//! names, among the dependencies of the program:
//! ```toml
//! apache-avro = { version = "0.22", features = ["derive"] }
//! serde_json = "1"
//! ```
//!
//! # How it is made
//! ```text
//!  avro, json, protobuf ── a serializer: value ─> bytes; a deserializer: bytes ─> value
//!        │    │
//!        │    └ selection     which registered schema a topic's values are written with; kept for each topic
//!        │        ├ subject       its name: by topic, by record, by both
//!        │        └ registry      the client: cached answers, joined misses, retries, several URLs
//!        └ wire_format        the schema's id before the value, or its GUID in a header
//! ```
//!
//! - [`config`]: settings under Confluent's names, each declared once (by `medallion-settings`); `docs/serdes-configuration.md` lists them;
//! - [`error`]: one error type;
//! - [`registry`]: the client, for all that applications ask of a registry;
//! - [`subject`]: the strategies;
//! - [`mod@wire_format`]: how ids and values are framed;
//! - [`avro`], [`json`], [`protobuf`]: the formats, each behind a feature of its name.
//!
//! After the first value of a topic nothing is asked of the registry, no lock is taken, and a value costs one allocation beside
//! what its encoder needs; where the latest version is used, it is asked again when `latest.cache.ttl.sec` is over. All futures
//! may be dropped at any point. They need a tokio runtime with time and I/O around them.
//!
//! # Schemas that change
//! Avro values are read by their writer's schema into the Rust type, by names: fields that the type lacks are skipped, `#[serde(default)]`
//! fills what the writer lacks. With a reader's schema ([`avro::AvroDeserializer::with_reader`], [`avro::AvroDeserializer::derived`]) Avro's
//! own rules hold: defaults, aliases, promotions. JSON and Protobuf carry the names or numbers of fields in the value.
//!
//! # Features
//! `avro`, `json`, `protobuf` and `tls` (by rustls with ring) are on unless told otherwise; `json-validation` holds JSON values against their schemas.

#![cfg_attr(
    not(any(feature = "avro", feature = "json", feature = "protobuf")),
    expect(dead_code, reason = "without a format nothing is written or read; the registry's client is left")
)]

#[cfg(feature = "avro")]
pub mod avro;
pub mod config;
pub mod error;
#[cfg(test)]
mod fake;
#[cfg(feature = "json")]
pub mod json;
#[cfg(feature = "protobuf")]
pub mod protobuf;
mod readers;
pub mod registry;
mod selection;
pub mod subject;
pub mod wire_format;

pub use config::{ConfigError, DeserializerSettings, RegistrySettings, Secret, SerializerSettings};
pub use error::Error;
pub use registry::{RegistryClient, RegistryError, Schema, SchemaReference, SchemaType};
pub use selection::Encoded;
pub use subject::{RecordPart, SubjectNameStrategy};
pub use wire_format::{Headers, SchemaHeader, SchemaId, WireFormatError};
