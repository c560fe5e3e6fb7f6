//! Random schemas, and changes to them, from a seed.

mod avro;
mod json_schema;
mod protobuf;

pub use avro::AvroGenerator;
pub use json_schema::JsonSchemaGenerator;
pub use protobuf::{ProtobufFile, ProtobufGenerator};
