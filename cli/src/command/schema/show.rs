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
    /// Show the level of compatibility in force for each, which takes one more request a subject
    #[arg(long)]
    levels: bool,
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
    latest: Option<i32>,
    id: Option<i32>,
    #[serde(rename = "type")]
    schema_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    level: Option<&'static str>,
}

impl Listed {
    fn deleted(subject: String) -> Self {
        Self { subject, latest: None, id: None, schema_type: None, level: None }
    }
}

/// Runs `schema list`.
pub(super) async fn list(arguments: &ListArguments, output: &Output) -> anyhow::Result<()> {
    let registry = Registry::new(&arguments.registry)?;
    let latest = registry.latest(&arguments.prefix).await?;
    let mut listed: Vec<Listed> = Vec::new();
    if arguments.deleted {
        let all = registry.subjects(&arguments.prefix, true).await?.into_iter();
        listed.extend(all.filter(|subject| !latest.contains_key(subject)).map(Listed::deleted));
    }
    listed.extend(latest.into_iter().map(|(subject, latest)| Listed {
        subject,
        latest: latest.version,
        id: Some(latest.id),
        schema_type: Some(latest.schema_type.as_str()),
        level: None,
    }));
    if listed.is_empty() && !output.is_json() {
        output.note("no schemas yet; `medallion schema register SUBJECT FILE` registers one");
        return Ok(());
    }
    listed.sort_by(|a, b| a.subject.cmp(&b.subject));
    if arguments.levels {
        let subjects: Vec<String> = listed.iter().map(|one| one.subject.clone()).collect();
        for (one, level) in listed.iter_mut().zip(registry.levels(&subjects).await?) {
            one.level = Some(level.as_str());
        }
    }
    output.show(&listed, || list_table(&listed, arguments.levels))
}

fn list_table(listed: &[Listed], with_levels: bool) -> comfy_table::Table {
    let (subject, schema_type) = (("subject", Align::Left), ("type", Align::Left));
    let (latest, id) = (("latest", Align::Right), ("id", Align::Right));
    let number = |number: Option<i32>| number.map_or_else(|| "-".to_owned(), |number| number.to_string());
    let rows = listed.iter().map(|one| {
        let schema_type = one.schema_type.unwrap_or("deleted").to_owned();
        [one.subject.clone(), schema_type, number(one.latest), number(one.id)]
    });
    if !with_levels {
        let mut table = table([subject, schema_type, latest, id]);
        table.add_rows(rows);
        return table;
    }
    let mut table = table([subject, schema_type, latest, id, ("level", Align::Left)]);
    for (row, one) in rows.zip(listed) {
        table.add_row(row.into_iter().chain([one.level.unwrap_or_default().to_owned()]));
    }
    table
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
