//! `medallion schema diff`.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use medallion_schema_registry::compatibility::{CompatibilityPolicy, Previous, conflict};
use medallion_schema_registry::explain::Explanation;
use medallion_schema_registry::format::Validation;
use medallion_schema_registry::{CompatibilityLevel, ParsedSchema, SchemaType};
use serde_json::json;
use similar::TextDiff;

use super::source::{ReferenceFile, SchemaText, parse_reference_file, parse_type, pretty, read_references};
use super::{Registry, RegistryArguments};
use crate::output::Output;

/// Arguments of `schema diff`.
#[derive(Debug, Args)]
#[command(after_help = "\
Each side is a file, or SUBJECT:VERSION of the registry, where the version may be latest.

Examples:
  medallion schema diff trips-value:1 trips-value:latest
  medallion schema diff trips-value:latest trip.avsc")]
pub(crate) struct DiffArguments {
    /// The old schema
    old: String,
    /// The new schema
    new: String,
    /// What files are written in: avro, json, protobuf [default: by their names]
    #[arg(long = "type", short = 't', value_name = "TYPE", value_parser = parse_type)]
    schema_type: Option<SchemaType>,
    /// A file that files refer to, behind those that it needs itself; may be repeated
    #[arg(long = "reference-file", value_name = "NAME=FILE", value_parser = parse_reference_file)]
    reference_files: Vec<ReferenceFile>,
    #[command(flatten)]
    registry: RegistryArguments,
}

/// Runs `schema diff`.
pub(super) async fn run(arguments: &DiffArguments, output: &Output) -> anyhow::Result<()> {
    let old = side(arguments, &arguments.old).await?;
    let new = side(arguments, &arguments.new).await?;
    let (old_schema, new_schema) = (old.parse(Validation::Lenient)?, new.parse(Validation::Lenient)?);
    let new_reads_old = reasons(CompatibilityLevel::Backward, &old_schema, &new_schema);
    let old_reads_new = reasons(CompatibilityLevel::Forward, &old_schema, &new_schema);
    if output.is_json() {
        return output.value(&json!({
            "same": pretty(&old_schema) == pretty(&new_schema),
            "new_reads_old_data": new_reads_old.is_empty(),
            "old_reads_new_data": old_reads_new.is_empty(),
            "reasons": new_reads_old.iter().chain(&old_reads_new).map(reason_json).collect::<Vec<_>>(),
        }));
    }
    let mut text = lines(&old.label, &old_schema, &new.label, &new_schema);
    write_answer(&mut text, "the new schema reads old data", &new_reads_old);
    write_answer(&mut text, "the old schema reads new data", &old_reads_new);
    output.line(text.trim_end())
}

/// A file that is there, or a version of a subject.
async fn side(arguments: &DiffArguments, name: &str) -> anyhow::Result<SchemaText> {
    let path = Path::new(name);
    let (subject, version) = match name.rsplit_once(':') {
        Some(parts) if !path.exists() => parts,
        _ => {
            let references = read_references(&arguments.reference_files)?;
            return SchemaText::read(&PathBuf::from(name), arguments.schema_type, references);
        }
    };
    let registry = Registry::new(&arguments.registry)?;
    let found = registry.version_named(subject, version).await?;
    registry.text_of(&found).await
}

fn reasons(level: CompatibilityLevel, old: &ParsedSchema, new: &ParsedSchema) -> Vec<Explanation> {
    let previous = [Previous { version: None, schema: old }];
    let found = conflict(level, CompatibilityPolicy::Strict, new, &previous);
    found.map(|found| found.explain(new)).unwrap_or_default()
}

fn lines(old_name: &str, old: &ParsedSchema, new_name: &str, new: &ParsedSchema) -> String {
    let (old, new) = (pretty(old) + "\n", pretty(new) + "\n");
    if old == new {
        return format!("{old_name} and {new_name} say the same\n");
    }
    let diff = TextDiff::from_lines(&old, &new);
    diff.unified_diff().context_radius(3).header(old_name, new_name).to_string()
}

fn write_answer(text: &mut String, what: &str, reasons: &[Explanation]) {
    let _ = writeln!(text, "\n{} {what}", if reasons.is_empty() { "yes:" } else { "no: " });
    for reason in reasons {
        let _ = writeln!(text, "       {}  {}", reason.place, reason.rule);
    }
}

fn reason_json(reason: &Explanation) -> serde_json::Value {
    json!({ "place": reason.place, "rule": reason.rule, "problem": reason.problem, "remedy": reason.remedy })
}
