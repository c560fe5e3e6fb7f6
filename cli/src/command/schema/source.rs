//! Schemas out of files.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use medallion_schema_registry::format::{ResolvedReference, Validation};
use medallion_schema_registry::json::Json;
use medallion_schema_registry::{ParsedSchema, SchemaType};

use crate::failure::{Failure, UsageError};

/// A schema's text, and the texts of all that it refers to, dependencies first.
#[derive(Debug, Clone)]
pub(crate) struct SchemaText {
    /// What people are told: a file's path, or a subject with a version.
    pub(crate) label: String,
    /// Its language.
    pub(crate) schema_type: SchemaType,
    /// The text.
    pub(crate) text: String,
    /// Names and texts.
    pub(crate) references: Vec<(String, String)>,
}

impl SchemaText {
    /// Reads a file. The language goes by the file's name, unless it is told.
    pub(crate) fn read(
        path: &Path,
        schema_type: Option<SchemaType>,
        references: Vec<(String, String)>,
    ) -> anyhow::Result<Self> {
        let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let schema_type = schema_type.or_else(|| type_of(path, &text)).ok_or_else(|| {
            UsageError(format!(
                "it is not clear what {} is written in: pass --type avro, json or protobuf",
                path.display()
            ))
        })?;
        Ok(Self { label: path.display().to_string(), schema_type, text, references })
    }

    /// The schema that the text is.
    pub(crate) fn parse(&self, validation: Validation) -> anyhow::Result<ParsedSchema> {
        let references: Vec<ResolvedReference<'_>> =
            self.references.iter().map(|(name, text)| ResolvedReference { name, text }).collect();
        ParsedSchema::parse(self.schema_type, &self.text, &references, validation)
            .with_context(|| format!("{} is not a valid {} schema", self.label, self.schema_type))
    }
}

/// The schema as people read it: JSON over several lines, Protobuf as it is written.
pub(crate) fn pretty(schema: &ParsedSchema) -> String {
    let text = schema.canonical_string();
    match schema {
        ParsedSchema::Protobuf(_) => text.trim_end().to_owned(),
        ParsedSchema::Avro(_) | ParsedSchema::Json(_) => {
            Json::parse(&text).map_or(text, |json| json.pretty())
        }
    }
}

/// The language that a file's name tells; `.json` may be either of two, so the text tells then.
fn type_of(path: &Path, text: &str) -> Option<SchemaType> {
    match path.extension()?.to_str()? {
        "avsc" | "avpr" => Some(SchemaType::Avro),
        "proto" => Some(SchemaType::Protobuf),
        "json" => Some(type_of_json(text)),
        _ => None,
    }
}

/// A record, enum or fixed type with a name is Avro; everything else is taken for JSON Schema.
fn type_of_json(text: &str) -> SchemaType {
    let json = Json::parse(text).ok();
    let is_named_type = json.as_ref().is_some_and(|json| {
        json.get_str("name").is_some()
            && matches!(json.get_str("type"), Some("record" | "enum" | "fixed" | "error"))
    });
    if is_named_type { SchemaType::Avro } else { SchemaType::Json }
}

/// `avro`, `json` or `protobuf`, for clap.
pub(crate) fn parse_type(text: &str) -> Result<SchemaType, String> {
    SchemaType::from_name(&text.to_uppercase()).ok_or_else(|| "one of avro, json, protobuf".to_owned())
}

/// `NAME=FILE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ReferenceFile {
    /// The name that schemas refer to.
    pub(crate) name: String,
    /// Where the text is.
    pub(crate) path: PathBuf,
}

/// `NAME=FILE`, for clap.
pub(crate) fn parse_reference_file(text: &str) -> Result<ReferenceFile, String> {
    let (name, path) = text.split_once('=').ok_or_else(|| "it must be NAME=FILE".to_owned())?;
    Ok(ReferenceFile { name: name.to_owned(), path: PathBuf::from(path) })
}

/// The texts of the files, in their order.
pub(crate) fn read_references(files: &[ReferenceFile]) -> anyhow::Result<Vec<(String, String)>> {
    let read = |file: &ReferenceFile| {
        let text = fs::read_to_string(&file.path).map_err(|error| {
            Failure::new(
                format!("cannot read the reference {} from {}: {error}", file.name, file.path.display()),
                "pass --reference-file NAME=FILE, each file behind those that it needs itself",
            )
        })?;
        Ok((file.name.clone(), text))
    };
    files.iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_goes_by_name_and_text() {
        let of = |name: &str, text: &str| type_of(Path::new(name), text);
        assert_eq!(of("a.avsc", ""), Some(SchemaType::Avro));
        assert_eq!(of("a.proto", ""), Some(SchemaType::Protobuf));
        assert_eq!(of("a.json", r#"{"type":"record","name":"A","fields":[]}"#), Some(SchemaType::Avro));
        assert_eq!(of("a.schema.json", r#"{"type":"object"}"#), Some(SchemaType::Json));
        assert_eq!(of("a.txt", ""), None);
        assert_eq!(of("a", ""), None);
    }

    #[test]
    fn references_are_names_with_files() {
        let parsed = parse_reference_file("a/b.proto=c=d.proto").unwrap();
        assert_eq!((parsed.name.as_str(), parsed.path.to_str()), ("a/b.proto", Some("c=d.proto")));
        assert!(parse_reference_file("a").is_err());
    }
}
