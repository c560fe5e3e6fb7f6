//! Schema formats behind one type.

pub mod avro;
mod difference;
pub mod json_schema;
pub mod protobuf;

use std::fmt;

use thiserror::Error;

use crate::compatibility::CompatibilityPolicy;

pub use avro::{AvroError, AvroSchema, Validation};
pub use difference::{Difference, Reader};
pub(crate) use json_schema::Allowance;
pub use json_schema::{JsonSchema, JsonSchemaError};
pub use protobuf::{ProtobufError, ProtobufSchema};

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
    /// Not a Protobuf schema.
    #[error("{0}")]
    Protobuf(#[from] ProtobufError),
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
    /// A Protobuf schema.
    Protobuf(ProtobufSchema),
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
            SchemaType::Protobuf => Ok(Self::Protobuf(ProtobufSchema::parse(text, references, validation)?)),
        }
    }

    /// The schema's type.
    pub fn schema_type(&self) -> SchemaType {
        match self {
            Self::Avro(_) => SchemaType::Avro,
            Self::Json(_) => SchemaType::Json,
            Self::Protobuf(_) => SchemaType::Protobuf,
        }
    }

    /// The text under which the schema is stored, and by which it is found again.
    pub fn canonical_string(&self) -> String {
        match self {
            Self::Avro(schema) => schema.canonical_string(),
            Self::Json(schema) => schema.canonical_string(),
            Self::Protobuf(schema) => schema.canonical_string(),
        }
    }

    /// The text in a format that a client asks for: `resolved` for Avro, `serialized` and `ignore_extensions` for Protobuf.
    /// An unknown format is the canonical string.
    ///
    /// # Errors
    /// Where a Protobuf schema of another registry breaks a rule of the language, so that it cannot be compiled.
    pub fn formatted(&self, format: &str) -> Result<String, SchemaError> {
        let is = |name: &str| format.eq_ignore_ascii_case(name);
        Ok(match self {
            Self::Avro(schema) if is("resolved") => schema.resolved_string(),
            Self::Protobuf(schema) if is("serialized") => schema.serialized()?,
            Self::Protobuf(schema) if is("ignore_extensions") => schema.string_without_extensions(),
            Self::Avro(_) | Self::Json(_) | Self::Protobuf(_) => self.canonical_string(),
        })
    }

    /// The form of `normalize=true`.
    #[must_use]
    pub fn normalized(&self) -> Self {
        match self {
            Self::Avro(schema) => Self::Avro(schema.normalized()),
            Self::Json(schema) => Self::Json(schema.normalized()),
            Self::Protobuf(schema) => Self::Protobuf(schema.normalized()),
        }
    }

    /// Whether the data have a field of this name at the top.
    pub fn has_top_level_field(&self, name: &str) -> bool {
        match self {
            Self::Avro(schema) => schema.has_top_level_field(name),
            Self::Json(schema) => schema.has_top_level_field(name),
            Self::Protobuf(schema) => schema.has_top_level_field(name),
        }
    }

    /// Whether both mean the same and document it alike, whatever their texts.
    pub fn is_equivalent(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Avro(a), Self::Avro(b)) => a.is_equivalent(b),
            (Self::Json(a), Self::Json(b)) => a.is_equivalent(b),
            (Self::Protobuf(a), Self::Protobuf(b)) => a.is_equivalent(b),
            _ => false,
        }
    }

    /// Why this schema, as a reader, cannot read what `writer` wrote; empty where it can.
    pub fn differences(&self, writer: &Self, policy: CompatibilityPolicy) -> Vec<Difference> {
        self.differences_within(writer, policy, &mut Allowance::default())
    }

    /// The same, as one of several comparisons that may cost only so much together.
    pub(crate) fn differences_within(
        &self,
        writer: &Self,
        policy: CompatibilityPolicy,
        allowance: &mut Allowance,
    ) -> Vec<Difference> {
        match (self, writer) {
            (Self::Avro(reader), Self::Avro(writer)) => match reader.incompatibilities(writer) {
                Ok(found) => found.into_iter().map(Difference::Avro).collect(),
                Err(error) => vec![Difference::Failed(error)],
            },
            (Self::Json(reader), Self::Json(writer)) => {
                let found = reader.incompatibilities_within(writer, policy, allowance);
                found.into_iter().map(Difference::Json).collect()
            }
            (Self::Protobuf(reader), Self::Protobuf(writer)) => {
                reader.incompatibilities(writer).into_iter().map(Difference::Protobuf).collect()
            }
            _ => vec![Difference::SchemaType],
        }
    }
}
