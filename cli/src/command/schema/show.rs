//! `medallion schema list` and `get`.

use clap::Args;
use medallion_schema_registry::format::Validation;
use serde::Serialize;
use serde_json::json;

use super::source::pretty;
use super::{Registry, RegistryArguments};
use crate::output::{Align, Output, table};

/// Arguments of `schema list`.
#[derive(Debug, Args)]
pub(crate) struct ListArguments {
    /// Only subjects that begin with this
    #[arg(long, default_value = "")]
    prefix: String,
    /// List deleted subjects too
    #[arg(long)]
    deleted: bool,
    #[command(flatten)]
    registry: RegistryArguments,
}

/// Arguments of `schema get`.
#[derive(Debug, Args)]
#[command(disable_version_flag = true)]
#[command(after_help = "\
Examples:
  medallion schema get trips-value
  medallion schema get trips-value --version 3 --json
  medallion schema get --id 7")]
pub(crate) struct GetArguments {
    /// The subject
    #[arg(required_unless_present = "id")]
    subject: Option<String>,
    /// The version, or latest
    #[arg(long, short = 'v', default_value = "latest", conflicts_with = "id")]
    version: String,
    /// The schema with this id instead
    #[arg(long, conflicts_with = "subject")]
    id: Option<i32>,
    /// Print the text as it is registered, not over several lines
    #[arg(long)]
    raw: bool,
    #[command(flatten)]
    registry: RegistryArguments,
}

#[derive(Debug, Serialize)]
struct Listed {
    subject: String,
    versions: usize,
    latest: Option<i32>,
    id: Option<i32>,
    #[serde(rename = "type")]
    schema_type: Option<&'static str>,
    level: String,
}

/// Runs `schema list`.
pub(super) async fn list(arguments: &ListArguments, output: &Output) -> anyhow::Result<()> {
    let registry = Registry::new(&arguments.registry)?;
    let subjects = registry.subjects(&arguments.prefix, arguments.deleted).await?;
    if subjects.is_empty() && !output.is_json() {
        output.note("no schemas yet; `medallion schema register SUBJECT FILE` registers one");
        return Ok(());
    }
    let mut listed = Vec::new();
    for subject in subjects {
        let versions = registry.versions_or_none(&subject).await?;
        let latest = match versions.last() {
            Some(version) => Some(registry.version(&subject, *version).await?),
            None => None,
        };
        listed.push(Listed {
            versions: versions.len(),
            latest: latest.as_ref().and_then(|latest| latest.version),
            id: latest.as_ref().map(|latest| latest.id),
            schema_type: latest.as_ref().map(|latest| latest.schema_type.as_str()),
            level: registry.level_in_force(&subject).await?.0.to_string(),
            subject,
        });
    }
    output.show(&listed, || {
        let mut table = table([
            ("subject", Align::Left),
            ("type", Align::Left),
            ("versions", Align::Right),
            ("latest", Align::Right),
            ("id", Align::Right),
            ("level", Align::Left),
        ]);
        let number = |number: Option<i32>| number.map_or_else(|| "-".to_owned(), |number| number.to_string());
        for one in &listed {
            table.add_row([
                one.subject.clone(),
                one.schema_type.unwrap_or("deleted").to_owned(),
                one.versions.to_string(),
                number(one.latest),
                number(one.id),
                one.level.clone(),
            ]);
        }
        table
    })
}

/// Runs `schema get`.
pub(super) async fn get(arguments: &GetArguments, output: &Output) -> anyhow::Result<()> {
    let registry = Registry::new(&arguments.registry)?;
    let found = match (&arguments.subject, arguments.id) {
        (_, Some(id)) => registry.by_id(id).await?,
        (subject, None) => {
            registry.version_named(subject.as_deref().unwrap_or_default(), &arguments.version).await?
        }
    };
    if output.is_json() {
        return output.value(&json!({
            "subject": found.subject,
            "version": found.version,
            "id": found.id,
            "type": found.schema_type.as_str(),
            "schema": found.text,
            "references": found.references.iter().map(|reference| json!({
                "name": reference.name, "subject": reference.subject, "version": reference.version,
            })).collect::<Vec<_>>(),
        }));
    }
    if arguments.raw {
        return output.line(&found.text);
    }
    let text = registry.text_of(&found).await?;
    output.line(&text.parse(Validation::Lenient).map_or(text.text, |schema| pretty(&schema)))
}
