//! Avro values, with the schema of a type ([`apache_avro::AvroSchema`]), of a text, or with generic values ([`apache_avro::types::Value`]).
//!
//! ```no_run
//! # async fn example() -> Result<(), medallion_serdes::Error> {
//! use medallion_serdes::avro::AvroSerializer;
//! use medallion_serdes::{RecordPart, RegistryClient, Schema, SchemaType, config};
//!
//! let properties = [("schema.registry.url", "http://localhost:8081"), ("normalize.schemas", "true")];
//! let (registry, settings) = config::serializer_settings(properties)?;
//! let registry = RegistryClient::with_settings(registry)?;
//! let text = r#"{"type":"record","name":"Zone","namespace":"rides","fields":[{"name":"name","type":"string"}]}"#;
//! let schema = Schema::new(SchemaType::Avro, text);
//! let serializer = AvroSerializer::new(&registry, schema, RecordPart::Value, settings)?;
//!
//! #[derive(serde::Serialize)]
//! struct Zone<'a> {
//!     name: &'a str,
//! }
//! let bytes = serializer.serialize("zones", &Zone { name: "Harlem" }).await?;
//! # Ok(())
//! # }
//! ```
//!
//! The registry has the text that is given, to the letter: the schemas of `apache_avro` forget what they do not know. Values are
//! written field by field under the schema, and read into the type without a generic value between, unless a reader's schema has to be followed.
//! A type that is read must have the record's name, without the namespace: `#[serde(rename = "Trip")]` gives it one.

mod deserializer;
mod resolution;
mod schema;
mod serializer;
#[cfg(test)]
mod tests;

pub use apache_avro;
pub use deserializer::AvroDeserializer;
pub use serializer::AvroSerializer;
