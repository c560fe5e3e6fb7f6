//! Whether one JSON schema takes all that another one allows, by the rules that registries go by.

use medallion_schema_registry::CompatibilityPolicy;
use medallion_schema_registry::format::{self, ParsedSchema, SchemaType, Validation};

use crate::Error;
use crate::registry::ResolvedReference;

pub(super) fn parse(name: &str, text: &str, references: &[ResolvedReference]) -> Result<ParsedSchema, Error> {
    let known: Vec<_> = references
        .iter()
        .map(|used| format::ResolvedReference { name: &used.name, text: &used.schema.schema.text })
        .collect();
    let parsed = ParsedSchema::parse(SchemaType::Json, text, &known, Validation::Lenient);
    parsed.map_err(|error| Error::schema(name, error))
}

/// The first reason why `reader` does not take all that `writer` allows.
pub(super) fn obstacle(reader: &ParsedSchema, writer: &ParsedSchema) -> Option<String> {
    let found = reader.differences(writer, CompatibilityPolicy::Strict).into_iter().next()?;
    Some(found.description("registered", "own"))
}
