//! `medallion schema check`.

use std::path::PathBuf;

use clap::{Args, ValueHint};
use medallion_schema_registry::compatibility::CompatibilityPolicy;
use medallion_schema_registry::format::Validation;
use medallion_schema_registry::{CompatibilityLevel, SchemaType};
use medallion_serdes::SchemaReference;

use super::source::{ReferenceFile, SchemaText, parse_reference_file, parse_type, read_references};
use super::verdict::{Old, Verdict};
use super::{Registry, RegistryArguments, registry};
use crate::failure::{Failure, UsageError};
use crate::output::Output;

/// Arguments of `schema check`.
#[derive(Debug, Args)]
#[command(allow_missing_positional = true)]
#[command(after_help = "\
It ends with code 1 where the schema is not compatible, so it can stand in a build.

Examples:
  medallion schema check trips-value trip.avsc
  medallion schema check trips-value trip.avsc --level full
  medallion schema check new.proto --against old.proto")]
pub(crate) struct CheckArguments {
    /// The subject whose versions the new schema is held against; none with --against
    #[arg(conflicts_with = "against")]
    subject: Option<String>,
    /// The file of the new schema
    #[arg(value_hint = ValueHint::FilePath)]
    file: PathBuf,
    /// The subject, as it was given before it had a place of its own
    #[arg(long = "subject", short = 's', value_name = "SUBJECT", hide = true, conflicts_with_all = ["subject", "against"])]
    subject_option: Option<String>,
    /// Hold it against these files instead, from old to new; no registry is asked
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    against: Vec<PathBuf>,
    /// The level [default: the subject's; BACKWARD with --against]
    #[arg(long, short, value_parser = parse_level)]
    level: Option<CompatibilityLevel>,
    /// What the schema is written in: avro, json, protobuf [default: by the file's name]
    #[arg(long = "type", short = 't', value_name = "TYPE", value_parser = parse_type)]
    schema_type: Option<SchemaType>,
    /// A schema of the registry that this one refers to; may be repeated
    #[arg(long = "reference", value_name = "NAME=SUBJECT:VERSION", value_parser = registry::parse_reference)]
    references: Vec<SchemaReference>,
    /// A file that the schema refers to, behind those that it needs itself; may be repeated
    #[arg(long = "reference-file", value_name = "NAME=FILE", value_parser = parse_reference_file)]
    reference_files: Vec<ReferenceFile>,
    #[command(flatten)]
    registry: RegistryArguments,
}

/// Runs `schema check`.
pub(super) async fn run(arguments: &CheckArguments, output: &Output) -> anyhow::Result<()> {
    let subject = arguments.subject.as_ref().or(arguments.subject_option.as_ref());
    if subject.is_none() && arguments.against.is_empty() {
        return Err(
            UsageError("name the subject before the file, or older files by --against".to_owned()).into()
        );
    }
    let mut references = read_references(&arguments.reference_files)?;
    let registry = Registry::new(&arguments.registry)?;
    if !arguments.references.is_empty() {
        references.extend(registry.resolve(&arguments.references).await?);
    }
    let new = SchemaText::read(&arguments.file, arguments.schema_type, references)?;
    let name = new.label.clone();
    let parsed = new.parse(Validation::Strict)?;
    let (old, level, policy) = match subject {
        Some(subject) => registered(&registry, subject).await?,
        None => (against(arguments, &new)?, CompatibilityLevel::Backward, CompatibilityPolicy::Strict),
    };
    let verdict = Verdict::of(&parsed, &old, arguments.level.unwrap_or(level), policy);
    if output.is_json() {
        output.value(&verdict.to_json())?;
    } else {
        output.line(&verdict.to_text(&name))?;
    }
    if verdict.is_compatible() {
        return Ok(());
    }
    let message = format!("{name} is not compatible");
    Err(Failure::new(message, "mend what is named above, or check another level with --level").into())
}

/// All versions of a subject, and what it asks of the next one.
async fn registered(
    registry: &Registry,
    subject: &str,
) -> anyhow::Result<(Vec<Old>, CompatibilityLevel, CompatibilityPolicy)> {
    let (level, policy) = registry.level_in_force(subject).await?;
    let mut old = Vec::new();
    for version in registry.versions_or_none(subject).await? {
        let found = registry.version(subject, version).await?;
        let schema = registry.text_of(&found).await?.parse(Validation::Lenient)?;
        old.push(Old { label: format!("version {version} of {subject}"), version: Some(version), schema });
    }
    Ok((old, level, policy))
}

fn against(arguments: &CheckArguments, new: &SchemaText) -> anyhow::Result<Vec<Old>> {
    let read = |path: &PathBuf| {
        let text = SchemaText::read(path, Some(new.schema_type), new.references.clone())?;
        Ok(Old { label: text.label.clone(), version: None, schema: text.parse(Validation::Lenient)? })
    };
    arguments.against.iter().map(read).collect()
}

/// A level's name in letters of either case, for clap.
pub(super) fn parse_level(text: &str) -> Result<CompatibilityLevel, String> {
    CompatibilityLevel::from_name(&text.replace('-', "_")).ok_or_else(|| {
        let names: Vec<&str> = CompatibilityLevel::ALL.iter().map(|level| level.as_str()).collect();
        format!("one of {}", names.join(", "))
    })
}
