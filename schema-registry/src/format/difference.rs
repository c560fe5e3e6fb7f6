//! What keeps one schema from reading what another wrote.

use super::avro::Incompatibility;
use super::json_schema::JsonDifference;
use super::protobuf::ProtobufDifference;

/// One reason, of any format.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Difference {
    /// Between two Avro schemas.
    Avro(Incompatibility),
    /// Between two JSON schemas.
    Json(JsonDifference),
    /// Between two Protobuf schemas.
    Protobuf(ProtobufDifference),
    /// The schemas are of different types.
    SchemaType,
    /// The schemas cannot be compared.
    Failed(String),
}

impl Difference {
    /// The message that clients see, with the words for the reader's and the writer's schema in it.
    pub fn message(&self, reader: &str, writer: &str) -> String {
        match self {
            Self::Avro(found) => format!(
                "{{errorType:'{}', description:'{}', additionalInfo:'{}'}}",
                found.kind.as_str(),
                found.description(reader, writer),
                found.message
            ),
            // The quotes do not match in Confluent's registry, either.
            Self::Json(found) => format!(
                "{{errorType:\"{}\", description:\"{}'}}",
                found.kind.as_str(),
                found.description(reader, writer)
            ),
            Self::Protobuf(found) => format!(
                "{{errorType:\"{}\", description:\"{}\"}}",
                found.kind.as_str(),
                found.description(reader, writer)
            ),
            Self::SchemaType => "Incompatible because of different schema type".to_owned(),
            Self::Failed(error) => format!("Unexpected exception during compatibility check: {error}"),
        }
    }
}
