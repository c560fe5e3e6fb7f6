//! `medallion schema register`, `compat` and `delete`.

use std::path::PathBuf;

use clap::{Args, ValueHint};
use medallion_schema_registry::{CompatibilityLevel, SchemaType};
use medallion_serdes::SchemaReference;
use serde_json::json;

use super::check::parse_level;
use super::registry::parse_reference;
use super::source::{SchemaText, parse_type};
use super::{Registry, RegistryArguments};
use crate::output::Output;

/// Arguments of `schema register`.
#[derive(Debug, Args)]
#[command(after_help = "Example: medallion schema register trips-value trip.avsc")]
pub(crate) struct RegisterArguments {
    /// The subject, such as TOPIC-value
    subject: String,
    /// The file of the schema
    #[arg(value_hint = ValueHint::FilePath)]
    file: PathBuf,
    /// What it is written in: avro, json, protobuf [default: by the file's name]
    #[arg(long = "type", short = 't', value_name = "TYPE", value_parser = parse_type)]
    schema_type: Option<SchemaType>,
    /// A schema of the registry that this one refers to; may be repeated
    #[arg(long = "reference", value_name = "NAME=SUBJECT:VERSION", value_parser = parse_reference)]
    references: Vec<SchemaReference>,
    /// Register the normalized form
    #[arg(long)]
    normalize: bool,
    #[command(flatten)]
    registry: RegistryArguments,
}

/// Arguments of `schema compat`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  medallion schema compat
  medallion schema compat trips-value --set full
  medallion schema compat trips-value --unset")]
pub(crate) struct CompatArguments {
    /// The subject [default: what holds for all that have no level of their own]
    subject: Option<String>,
    /// The level from now on
    #[arg(long, value_name = "LEVEL", value_parser = parse_level, conflicts_with = "unset")]
    set: Option<CompatibilityLevel>,
    /// Take the level away, so that the next wider one holds
    #[arg(long)]
    unset: bool,
    #[command(flatten)]
    registry: RegistryArguments,
}

/// Arguments of `schema delete`.
#[derive(Debug, Args)]
#[command(disable_version_flag = true)]
#[command(after_help = "\
What is deleted can still be read by its id, until it is deleted once more with --permanent.

Examples:
  medallion schema delete trips-value --version 3
  medallion schema delete trips-value && medallion schema delete trips-value --permanent")]
pub(crate) struct DeleteArguments {
    /// The subject
    subject: String,
    /// One version only, or latest
    #[arg(long, short = 'v')]
    version: Option<String>,
    /// Delete for good what is deleted already
    #[arg(long)]
    permanent: bool,
    #[command(flatten)]
    registry: RegistryArguments,
}

/// Runs `schema register`.
pub(super) async fn register(arguments: &RegisterArguments, output: &Output) -> anyhow::Result<()> {
    let registry = Registry::new(&arguments.registry)?;
    let schema = SchemaText::read(&arguments.file, arguments.schema_type, Vec::new())?;
    let subject = &arguments.subject;
    let (version, id) =
        registry.register(subject, &schema, &arguments.references, arguments.normalize).await?;
    let text = format!("{} is version {version} of {subject}, with the id {id}", schema.label);
    output.done(&json!({ "subject": subject, "version": version, "id": id }), &text)
}

/// Runs `schema compat`.
pub(super) async fn compat(arguments: &CompatArguments, output: &Output) -> anyhow::Result<()> {
    let registry = Registry::new(&arguments.registry)?;
    let subject = arguments.subject.as_deref();
    let whose = subject.map_or_else(|| "all subjects".to_owned(), str::to_owned);
    if let Some(level) = arguments.set {
        registry.set_level(subject, level).await?;
        let value = json!({ "subject": subject, "level": level.as_str() });
        return output.done(&value, &format!("the level of {whose} is {level} now"));
    }
    if arguments.unset {
        registry.unset_level(subject).await?;
    }
    let level = match subject {
        Some(subject) => registry.level_in_force(subject).await?.0,
        None => registry.global_level().await?,
    };
    if output.is_json() {
        return output.value(&json!({ "subject": subject, "level": level.as_str() }));
    }
    output.line(level.as_str())
}

/// Runs `schema delete`.
pub(super) async fn delete(arguments: &DeleteArguments, output: &Output) -> anyhow::Result<()> {
    let registry = Registry::new(&arguments.registry)?;
    let (subject, permanent) = (&arguments.subject, arguments.permanent);
    let versions = match &arguments.version {
        Some(version) => vec![registry.delete_version(subject, version, permanent).await?],
        None => registry.delete_subject(subject, permanent).await?,
    };
    let numbers: Vec<String> = versions.iter().map(ToString::to_string).collect();
    let noun = if versions.len() == 1 { "version" } else { "versions" };
    let how = if permanent { "for good" } else { "softly" };
    let text = format!("deleted {noun} {} of {subject} {how}", numbers.join(", "));
    output.done(&json!({ "subject": subject, "deleted": versions, "permanent": permanent }), &text)
}
