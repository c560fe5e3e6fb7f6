//! Schema formats behind one type.

pub mod avro;
mod difference;
pub mod json_schema;

use std::fmt;

use thiserror::Error;

pub use avro::{AvroError, AvroSchema, Validation};
pub use difference::Difference;
pub use json_schema::{JsonSchema, JsonSchemaError};

/// The language that a schema is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SchemaType {
    /// Avro, the type of schemas that name none.
    Avro,
    /// JSON Schema.
    Json,
    /// Protobuf.
    Protobuf,
}

impl SchemaType {
    /// The name in requests and records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Avro => "AVRO",
            Self::Json => "JSON",
            Self::Protobuf => "PROTOBUF",
        }
    }

    /// The type of this name, in upper-case letters.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "AVRO" => Some(Self::Avro),
            "JSON" => Some(Self::Json),
            "PROTOBUF" => Some(Self::Protobuf),
            _ => None,
        }
    }
}

impl fmt::Display for SchemaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a text is not a schema of its type.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SchemaError {
    /// Not an Avro schema.
    #[error("{0}")]
    Avro(#[from] AvroError),
    /// Not a JSON schema.
    #[error("{0}")]
    Json(#[from] JsonSchemaError),
    /// Schemas of this type are kept, but cannot be read so far.
    #[error("schemas of type {0} cannot be read yet")]
    NotSupported(SchemaType),
}

/// A schema that another one refers to, with its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResolvedReference<'a> {
    /// The name by which schemas refer to it.
    pub name: &'a str,
    /// Its text.
    pub text: &'a str,
}

/// A schema that was read.
#[derive(Debug, Clone)]
pub enum ParsedSchema {
    /// An Avro schema.
    Avro(AvroSchema),
    /// A JSON schema.
    Json(JsonSchema),
}

impl ParsedSchema {
    /// Reads a schema. `references` are all that it refers to, directly or not, each after those that it needs itself.
    ///
    /// # Errors
    /// Where the text, or one of the referenced ones, is not a schema of the type.
    pub fn parse(
        schema_type: SchemaType,
        text: &str,
        references: &[ResolvedReference<'_>],
        validation: Validation,
    ) -> Result<Self, SchemaError> {
        match schema_type {
            SchemaType::Avro => {
                let texts: Vec<&str> = references.iter().map(|reference| reference.text).collect();
                Ok(Self::Avro(AvroSchema::parse(text, &texts, validation)?))
            }
            SchemaType::Json => Ok(Self::Json(JsonSchema::parse(text, references)?)),
            SchemaType::Protobuf => Err(SchemaError::NotSupported(schema_type)),
        }
    }

    /// The schema's type.
    pub fn schema_type(&self) -> SchemaType {
        match self {
            Self::Avro(_) => SchemaType::Avro,
            Self::Json(_) => SchemaType::Json,
        }
    }

    /// The text under which the schema is stored, and by which it is found again.
    pub fn canonical_string(&self) -> String {
        match self {
            Self::Avro(schema) => schema.canonical_string(),
            Self::Json(schema) => schema.canonical_string(),
        }
    }

    /// The text in a format that a client asks for: `resolved` for Avro. An unknown format is the canonical string.
    pub fn formatted(&self, format: &str) -> String {
        match self {
            Self::Avro(schema) if format.eq_ignore_ascii_case("resolved") => schema.resolved_string(),
            Self::Avro(_) | Self::Json(_) => self.canonical_string(),
        }
    }

    /// The form of `normalize=true`.
    #[must_use]
    pub fn normalized(&self) -> Self {
        match self {
            Self::Avro(schema) => Self::Avro(schema.normalized()),
            Self::Json(schema) => Self::Json(schema.normalized()),
        }
    }

    /// Whether both mean the same and document it alike, whatever their texts.
    pub fn is_equivalent(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Avro(a), Self::Avro(b)) => a.is_equivalent(b),
            (Self::Json(a), Self::Json(b)) => a.is_equivalent(b),
            _ => false,
        }
    }

    /// Why this schema, as a reader, cannot read what `writer` wrote; empty where it can.
    pub fn differences(&self, writer: &Self) -> Vec<Difference> {
        match (self, writer) {
            (Self::Avro(reader), Self::Avro(writer)) => match reader.incompatibilities(writer) {
                Ok(found) => found.into_iter().map(Difference::Avro).collect(),
                Err(error) => vec![Difference::Failed(error)],
            },
            (Self::Json(reader), Self::Json(writer)) => {
                reader.incompatibilities(writer).into_iter().map(Difference::Json).collect()
            }
            _ => vec![Difference::SchemaType],
        }
    }
}
