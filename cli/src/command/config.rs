//! `medallion config`.

use clap::{Args, Subcommand};
use medallion_wire::ResponseError;
use serde::Serialize;
use serde_json::json;

use crate::client::{
    Client, ClientError, ConfigChange, ConfigEntry, ConfigOperation, ConfigResource, ConfigSource, Connect,
    ResourceType,
};
use crate::failure::{Failure, UsageError};
use crate::output::{Align, Output, counted, table};

const RESOURCES: &str = "\
Resources:
  topic/NAME            a topic
  broker/ID             one broker
  brokers               the default of all brokers
  loggers/ID            log levels of a broker's loggers (FATAL, ERROR, WARN, INFO, DEBUG, TRACE)
  client-metrics/NAME   which of their own metrics clients push (KIP-714)";

/// Show and change settings of topics, brokers, loggers and client metrics subscriptions.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// List what has settings, or the settings of one resource
    List(ListArguments),
    /// Show one setting, its value only
    Get(GetArguments),
    /// Give settings values
    Set(SetArguments),
    /// Give settings their defaults back
    Unset(UnsetArguments),
}

/// Arguments of `config list`.
#[derive(Debug, Args)]
#[command(after_help = RESOURCES)]
pub(crate) struct ListArguments {
    /// Whose settings [default: list what has settings]
    #[arg(value_parser = parse_resource)]
    resource: Option<ConfigResource>,
    /// List what has its default too
    #[arg(long, short)]
    all: bool,
    /// Say what each setting means
    #[arg(long)]
    documentation: bool,
}

/// Arguments of `config get`.
#[derive(Debug, Args)]
#[command(after_help = RESOURCES)]
pub(crate) struct GetArguments {
    /// Whose setting
    #[arg(value_parser = parse_resource)]
    resource: ConfigResource,
    /// The setting
    name: String,
}

/// Arguments of `config set`.
#[derive(Debug, Args)]
#[command(after_help = RESOURCES)]
pub(crate) struct SetArguments {
    /// Whose settings
    #[arg(value_parser = parse_resource)]
    resource: ConfigResource,
    /// The settings with their values
    #[arg(value_name = "NAME=VALUE", required = true, value_parser = parse_assignment)]
    assignments: Vec<Assignment>,
    /// Add the values to a list instead of replacing it
    #[arg(long)]
    append: bool,
    /// Take the values out of a list instead of replacing it
    #[arg(long, conflicts_with = "append")]
    subtract: bool,
    /// Only check whether they could be set
    #[arg(long)]
    validate_only: bool,
}

/// Arguments of `config unset`.
#[derive(Debug, Args)]
#[command(after_help = RESOURCES)]
pub(crate) struct UnsetArguments {
    /// Whose settings
    #[arg(value_parser = parse_resource)]
    resource: ConfigResource,
    /// The settings
    #[arg(value_name = "NAME", required = true)]
    names: Vec<String>,
    /// Only check whether they could be unset
    #[arg(long)]
    validate_only: bool,
}

/// `NAME=VALUE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Assignment {
    /// What stands before the first `=`.
    pub(crate) name: String,
    /// What stands behind it.
    pub(crate) value: String,
}

/// Runs `medallion config`.
pub(crate) async fn run(command: ConfigCommand, connect: &Connect, output: &Output) -> anyhow::Result<()> {
    let client = Client::connect(connect).await?;
    match command {
        ConfigCommand::List(arguments) => list(&client, &arguments, output).await,
        ConfigCommand::Get(arguments) => get(&client, &arguments, output).await,
        ConfigCommand::Set(arguments) => {
            let operation = match (arguments.append, arguments.subtract) {
                (true, _) => ConfigOperation::Append,
                (_, true) => ConfigOperation::Subtract,
                _ => ConfigOperation::Set,
            };
            let changes = changes(arguments.assignments, operation);
            alter(&client, &arguments.resource, &changes, arguments.validate_only, output).await
        }
        ConfigCommand::Unset(arguments) => {
            let changes: Vec<_> = arguments.names.into_iter().map(removal).collect();
            alter(&client, &arguments.resource, &changes, arguments.validate_only, output).await
        }
    }
}

#[derive(Debug, Serialize)]
struct ListedResource {
    resource: String,
    #[serde(rename = "type")]
    kind: ResourceType,
    name: String,
    configs: Vec<ConfigEntry>,
}

async fn list(client: &Client, arguments: &ListArguments, output: &Output) -> anyhow::Result<()> {
    let Some(resource) = &arguments.resource else { return list_resources(client, output).await };
    let mut entries = describe(client, resource, None, arguments.documentation).await?;
    if !arguments.all {
        let is_logger = resource.kind == ResourceType::BrokerLogger;
        entries.retain(|entry| entry.source.is_dynamic() || is_logger);
    }
    if entries.is_empty() && !output.is_json() {
        output.note(&format!("{resource} has no settings of its own; --all lists the defaults too"));
        return Ok(());
    }
    output.show(&entries, || {
        let mut table = table([("name", Align::Left), ("value", Align::Left), ("from", Align::Left)]);
        for entry in &entries {
            table.add_row([entry.name.clone(), shown(entry), source_of(entry)]);
            if let Some(documentation) = &entry.documentation {
                for line in wrap(documentation, 90) {
                    table.add_row([format!("  {line}"), String::new(), String::new()]);
                }
            }
        }
        table
    })
}

/// Where a resource's own settings come from, as opposed to those that it takes from others.
fn own_source(resource: &ConfigResource) -> ConfigSource {
    match resource.kind {
        ResourceType::Topic => ConfigSource::Topic,
        ResourceType::Broker if resource.name.is_empty() => ConfigSource::Brokers,
        ResourceType::Broker => ConfigSource::Broker,
        ResourceType::BrokerLogger => ConfigSource::Logger,
        ResourceType::ClientMetrics => ConfigSource::ClientMetrics,
    }
}

/// Everything that has settings of its own.
async fn list_resources(client: &Client, output: &Output) -> anyhow::Result<()> {
    let mut resources = client.config_resources().await?;
    resources.retain(|resource| resource.kind != ResourceType::BrokerLogger);
    // Kafka does not list the default of all brokers.
    let brokers = ConfigResource { kind: ResourceType::Broker, name: String::new() };
    if !resources.contains(&brokers) {
        resources.insert(0, brokers);
    }
    let mut listed = Vec::new();
    for resource in resources {
        let mut configs = client.describe_configs(&resource, None, false).await?;
        configs.retain(|entry| entry.source == own_source(&resource));
        listed.push(ListedResource {
            resource: resource.to_string(),
            kind: resource.kind,
            name: resource.name,
            configs,
        });
    }
    output.show(&listed, || {
        let mut table = table([("resource", Align::Left), ("own settings", Align::Left)]);
        for resource in &listed {
            let own = resource.configs.iter().map(|entry| format!("{}={}", entry.name, shown(entry)));
            table.add_row([resource.resource.clone(), own.collect::<Vec<_>>().join(" ")]);
        }
        table
    })
}

async fn get(client: &Client, arguments: &GetArguments, output: &Output) -> anyhow::Result<()> {
    let names = [arguments.name.clone()];
    let entries = describe(client, &arguments.resource, Some(&names), output.is_json()).await?;
    let Some(entry) = entries.into_iter().find(|entry| entry.name == arguments.name) else {
        let message = format!("{} has no setting {}", arguments.resource, arguments.name);
        let hint = format!("`medallion config list {} --all` lists them", arguments.resource);
        return Err(Failure::new(message, hint).into());
    };
    if output.is_json() { output.value(&entry) } else { output.line(&shown(&entry)) }
}

async fn alter(
    client: &Client,
    resource: &ConfigResource,
    changes: &[ConfigChange],
    validate_only: bool,
    output: &Output,
) -> anyhow::Result<()> {
    client.alter_configs(resource, changes, validate_only).await.map_err(|error| explain(error, resource))?;
    let verb = if validate_only { "could change" } else { "changed" };
    let text = format!("{verb} {} of {resource}", counted(changes.len() as u64, "setting"));
    output.done(&json!({ "resource": resource.to_string(), "changed": !validate_only }), &text)
}

async fn describe(
    client: &Client,
    resource: &ConfigResource,
    names: Option<&[String]>,
    documentation: bool,
) -> anyhow::Result<Vec<ConfigEntry>> {
    let entries = client.describe_configs(resource, names, documentation).await;
    entries.map_err(|error| explain(error, resource))
}

/// A topic that is not there is better named than by its code.
pub(crate) fn explain(error: ClientError, resource: &ConfigResource) -> anyhow::Error {
    match error {
        ClientError::Refused { error: ResponseError::UnknownTopicOrPartition, .. } => {
            ClientError::UnknownTopic { topic: resource.name.clone() }.into()
        }
        other => other.into(),
    }
}

/// The changes that give settings values.
pub(crate) fn changes(assignments: Vec<Assignment>, operation: ConfigOperation) -> Vec<ConfigChange> {
    let change = |one: Assignment| ConfigChange { name: one.name, operation, value: Some(one.value) };
    assignments.into_iter().map(change).collect()
}

/// The change that gives a setting its default back.
pub(crate) fn removal(name: String) -> ConfigChange {
    ConfigChange { name, operation: ConfigOperation::Delete, value: None }
}

/// Reads `NAME=VALUE`; the value may be empty and may hold further `=`.
pub(crate) fn parse_assignment(text: &str) -> Result<Assignment, UsageError> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => {
            Ok(Assignment { name: name.trim().to_owned(), value: value.to_owned() })
        }
        _ => Err(UsageError("it must have the form NAME=VALUE".to_owned())),
    }
}

fn parse_resource(text: &str) -> Result<ConfigResource, UsageError> {
    let resource = |kind, name: &str| Ok(ConfigResource { kind, name: name.to_owned() });
    let is_id = |name: &str| name.parse::<i32>().is_ok_and(|id| id >= 0);
    match text.split_once('/') {
        Some(("topic", name)) if !name.is_empty() => resource(ResourceType::Topic, name),
        Some(("broker", id)) if is_id(id) => resource(ResourceType::Broker, id),
        Some(("loggers", id)) if is_id(id) => resource(ResourceType::BrokerLogger, id),
        Some(("client-metrics", name)) if !name.is_empty() => resource(ResourceType::ClientMetrics, name),
        None if text == "brokers" => resource(ResourceType::Broker, ""),
        _ => Err(UsageError(
            "it must be topic/NAME, broker/ID, brokers, loggers/ID or client-metrics/NAME".to_owned(),
        )),
    }
}

fn shown(entry: &ConfigEntry) -> String {
    match &entry.value {
        Some(value) => value.clone(),
        None if entry.sensitive => "(hidden)".to_owned(),
        None => String::new(),
    }
}

fn source_of(entry: &ConfigEntry) -> String {
    let source = serde_json::to_value(entry.source).ok().and_then(|value| value.as_str().map(str::to_owned));
    let read_only = if entry.read_only { ", fixed while it runs" } else { "" };
    format!("{}{read_only}", source.unwrap_or_default())
}

/// Words in lines of at most `width` characters, where the words allow.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + word.chars().count() < width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resources_are_read_as_they_are_written() {
        for text in ["topic/trips", "broker/1", "brokers", "loggers/0", "client-metrics/all"] {
            assert_eq!(parse_resource(text).unwrap().to_string(), text);
        }
        for wrong in
            ["", "trips", "topic/", "broker/x", "broker/", "brokers/1", "loggers/-1", "client-metrics/"]
        {
            assert!(parse_resource(wrong).is_err(), "{wrong:?} was taken");
        }
    }

    #[test]
    fn a_value_may_hold_anything() {
        let assignment = parse_assignment("a=b=c").unwrap();
        assert_eq!((assignment.name.as_str(), assignment.value.as_str()), ("a", "b=c"));
        assert_eq!(parse_assignment("a=").unwrap().value, "");
        assert!(parse_assignment("=b").is_err());
        assert!(parse_assignment("a").is_err());
    }

    #[test]
    fn words_are_wrapped() {
        assert_eq!(wrap("aa bb cc", 6), ["aa bb", "cc"]);
        assert_eq!(wrap("", 6), Vec::<String>::new());
    }
}
