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

/// Which of two schemas reads what the other writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reader {
    /// The new one reads old data.
    New,
    /// The old one reads new data.
    Old,
}

impl Difference {
    /// The rule that is broken, by the name that clients know.
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Avro(found) => found.kind.as_str(),
            Self::Json(found) => found.kind.as_str(),
            Self::Protobuf(found) => found.kind.as_str(),
            Self::SchemaType => "SCHEMA_TYPE_CHANGED",
            Self::Failed(_) => "NOT_COMPARABLE",
        }
    }

    /// What is wrong, in a sentence, with the words for the reader's and the writer's schema in it.
    pub fn description(&self, reader: &str, writer: &str) -> String {
        match self {
            Self::Avro(found) => found.description(reader, writer),
            Self::Json(found) => found.description(reader, writer),
            Self::Protobuf(found) => found.description(reader, writer),
            Self::SchemaType | Self::Failed(_) => self.message(reader, writer),
        }
    }

    /// What to change in the new schema, so that it is compatible; nothing where that cannot be said.
    pub fn remedy(&self, reader: Reader) -> Option<String> {
        match self {
            Self::Avro(found) => Some(found.remedy(reader)),
            Self::Json(found) => Some(found.remedy(reader)),
            Self::Protobuf(found) => Some(found.remedy(reader)),
            Self::SchemaType => Some("register it under a subject of its own".to_owned()),
            Self::Failed(_) => None,
        }
    }

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
