//! Protobuf messages, whose schema is their descriptor: generated code that reflects ([`prost_reflect::ReflectMessage`]), plain code of
//! `prost` with a descriptor beside it, or dynamic messages.
//!
//! ```no_run
//! # async fn example(files: &[u8]) -> Result<(), Box<dyn std::error::Error>> {
//! use medallion_serdes::protobuf::{ProtobufDeserializer, ProtobufSerializer};
//! use medallion_serdes::{DeserializerSettings, RecordPart, RegistryClient, SerializerSettings};
//! use prost_reflect::DescriptorPool;
//!
//! #[derive(Clone, PartialEq, prost::Message)]
//! struct Zone {
//!     #[prost(string, tag = "1")]
//!     name: String,
//! }
//!
//! // What `protoc --descriptor_set_out --include_imports` and `prost-build` write.
//! let pool = DescriptorPool::decode(files)?;
//! let descriptor = pool.get_message_by_name("rides.Zone").expect("a message of the files");
//! let registry = RegistryClient::new("http://localhost:8081")?;
//! let settings = SerializerSettings::default();
//! let serializer = ProtobufSerializer::new(&registry, descriptor, RecordPart::Value, settings)?;
//! let bytes = serializer.serialize("zones", &Zone { name: "Harlem".to_owned() }).await?;
//!
//! let deserializer = ProtobufDeserializer::new(&registry, RecordPart::Value, DeserializerSettings::default())?;
//! let zone: Zone = deserializer.deserialize(&bytes)?;
//! let same = deserializer.decode_dynamic(&bytes, &()).await?;
//! # Ok(())
//! # }
//! ```
//!
//! The file of the message becomes the text of the schema, and each file that it imports is registered under the path of the import, but for
//! those that all know (`google/protobuf`, `google/type`, `confluent`). A file that `protoc` read is given as it is in a descriptor: without comments.

mod compile;
mod deserializer;
mod known;
mod options;
mod serializer;
mod text;

pub use deserializer::ProtobufDeserializer;
pub use prost_reflect;
pub use serializer::ProtobufSerializer;
pub use text::schema_text;
