//! `medallion topic`.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

use clap::{Args, Subcommand};
use medallion_wire::{Offset, ResponseError, TopicPartition};
use serde::Serialize;
use serde_json::json;

use super::config::{Assignment, changes, explain, parse_assignment};
use crate::client::{
    Client, ClientError, ConfigEntry, ConfigOperation, ConfigResource, Connect, NewTopic, OffsetAt,
    ResourceType, Topic,
};
use crate::failure::{Failure, UsageError};
use crate::output::{Align, Output, counted, render, table};

/// List, create, describe, change and delete topics.
#[derive(Debug, Subcommand)]
pub(crate) enum TopicCommand {
    /// List the topics
    List(ListArguments),
    /// Create a topic
    Create(CreateArguments),
    /// Show topics with their partitions, offsets and settings
    Describe(DescribeArguments),
    /// Change settings of a topic
    Alter(AlterArguments),
    /// Give a topic more partitions
    AddPartitions(AddPartitionsArguments),
    /// Delete topics with all their records
    Delete(DeleteArguments),
}

/// Arguments of `topic list`.
#[derive(Debug, Args)]
pub(crate) struct ListArguments {
    /// List Kafka's own topics too
    #[arg(long)]
    internal: bool,
}

/// Arguments of `topic create`.
#[derive(Debug, Args)]
#[command(after_help = "Example: medallion topic create trips --partitions 6 --config retention.ms=86400000")]
pub(crate) struct CreateArguments {
    /// The topic's name
    name: String,
    /// How many partitions [default: the broker's num.partitions]
    #[arg(long, short, value_parser = clap::value_parser!(i32).range(1..))]
    partitions: Option<i32>,
    /// How many replicas of each partition [default: the broker's default.replication.factor]
    #[arg(long, short, value_parser = clap::value_parser!(i16).range(1..))]
    replication_factor: Option<i16>,
    /// The brokers of each partition instead: 1,2;2,3 gives two partitions two replicas each
    #[arg(long, value_name = "BROKERS", conflicts_with_all = ["partitions", "replication_factor"])]
    replica_assignment: Option<String>,
    /// A setting of the topic; may be repeated
    #[arg(long = "config", short, value_name = "NAME=VALUE", value_parser = parse_assignment)]
    configs: Vec<Assignment>,
    /// A topic that is there already is fine
    #[arg(long)]
    if_not_exists: bool,
    /// Only check whether it could be created
    #[arg(long)]
    validate_only: bool,
}

/// Arguments of `topic describe`.
#[derive(Debug, Args)]
pub(crate) struct DescribeArguments {
    /// The topics [default: all but Kafka's own]
    names: Vec<String>,
}

/// Arguments of `topic alter`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: medallion topic alter trips --set retention.ms=86400000 --unset cleanup.policy"
)]
pub(crate) struct AlterArguments {
    /// The topic's name
    name: String,
    /// Give a setting a value; may be repeated
    #[arg(long = "set", short, value_name = "NAME=VALUE", value_parser = parse_assignment)]
    set: Vec<Assignment>,
    /// Give a setting its default back; may be repeated
    #[arg(long = "unset", short, value_name = "NAME")]
    unset: Vec<String>,
    /// Only check whether it could be changed
    #[arg(long)]
    validate_only: bool,
}

/// Arguments of `topic add-partitions`.
#[derive(Debug, Args)]
#[command(
    after_help = "Keys go to other partitions than before: records of one key are then in two partitions."
)]
pub(crate) struct AddPartitionsArguments {
    /// The topic's name
    name: String,
    /// How many partitions it has then
    #[arg(long, short, value_parser = clap::value_parser!(i32).range(1..))]
    total: i32,
    /// Only check whether they could be added
    #[arg(long)]
    validate_only: bool,
}

/// Arguments of `topic delete`.
#[derive(Debug, Args)]
pub(crate) struct DeleteArguments {
    /// The topics
    #[arg(required = true)]
    names: Vec<String>,
    /// A topic that is not there is fine
    #[arg(long)]
    if_exists: bool,
}

/// Runs `medallion topic`.
pub(crate) async fn run(command: TopicCommand, connect: &Connect, output: &Output) -> anyhow::Result<()> {
    let client = Client::connect(connect).await?;
    match command {
        TopicCommand::List(arguments) => list(&client, &arguments, output).await,
        TopicCommand::Create(arguments) => create(&client, arguments, output).await,
        TopicCommand::Describe(arguments) => describe(&client, &arguments, output).await,
        TopicCommand::Alter(arguments) => alter(&client, arguments, output).await,
        TopicCommand::AddPartitions(arguments) => add_partitions(&client, &arguments, output).await,
        TopicCommand::Delete(arguments) => delete(&client, &arguments, output).await,
    }
}

#[derive(Debug, Serialize)]
struct ListedTopic {
    name: String,
    id: String,
    partitions: usize,
    replication_factor: usize,
    internal: bool,
}

async fn list(client: &Client, arguments: &ListArguments, output: &Output) -> anyhow::Result<()> {
    let metadata = client.metadata(None).await?;
    let listed: Vec<ListedTopic> = metadata
        .topics
        .iter()
        .filter(|topic| arguments.internal || !topic.is_internal)
        .map(|topic| ListedTopic {
            name: topic.name.to_string(),
            id: topic.id.to_string(),
            partitions: topic.partitions.len(),
            replication_factor: replication_factor(topic),
            internal: topic.is_internal,
        })
        .collect();
    if listed.is_empty() && !output.is_json() {
        output.note("no topics yet; `medallion topic create NAME` makes one");
        return Ok(());
    }
    output.show(&listed, || {
        let mut table = table([
            ("name", Align::Left),
            ("partitions", Align::Right),
            ("replicas", Align::Right),
            ("id", Align::Left),
        ]);
        for topic in &listed {
            table.add_row([
                topic.name.clone(),
                topic.partitions.to_string(),
                topic.replication_factor.to_string(),
                topic.id.clone(),
            ]);
        }
        table
    })
}

async fn create(client: &Client, arguments: CreateArguments, output: &Output) -> anyhow::Result<()> {
    let assignment = match &arguments.replica_assignment {
        Some(text) => parse_replica_assignment(text)?,
        None => Vec::new(),
    };
    let topic = NewTopic {
        name: arguments.name.clone(),
        partitions: arguments.partitions,
        replication_factor: arguments.replication_factor,
        assignment,
        configs: arguments.configs.into_iter().map(|one| (one.name, one.value)).collect::<BTreeMap<_, _>>(),
    };
    let name = &arguments.name;
    match client.create_topic(&topic, arguments.validate_only).await {
        Ok(()) if arguments.validate_only => {
            output.done(&json!({ "topic": name, "valid": true }), &format!("topic {name} could be created"))
        }
        Ok(()) => output.done(&json!({ "topic": name, "created": true }), &format!("created topic {name}")),
        Err(ClientError::Refused { error: ResponseError::TopicAlreadyExists, .. })
            if arguments.if_not_exists =>
        {
            output
                .done(&json!({ "topic": name, "created": false }), &format!("topic {name} is there already"))
        }
        Err(error) => Err(error.into()),
    }
}

#[derive(Debug, Serialize)]
struct DescribedTopic {
    name: String,
    id: String,
    internal: bool,
    partitions: Vec<DescribedPartition>,
    configs: Vec<ConfigEntry>,
}

#[derive(Debug, Serialize)]
struct DescribedPartition {
    partition: i32,
    leader: Option<i32>,
    leader_epoch: i32,
    replicas: Vec<i32>,
    isr: Vec<i32>,
    earliest_offset: Option<i64>,
    latest_offset: Option<i64>,
}

async fn describe(client: &Client, arguments: &DescribeArguments, output: &Output) -> anyhow::Result<()> {
    let names: Vec<&str> = arguments.names.iter().map(String::as_str).collect();
    let asked = (!names.is_empty()).then_some(names.as_slice());
    let metadata = client.metadata(asked).await?;
    for name in &names {
        metadata.topic(name)?;
    }
    let mut described = Vec::new();
    for topic in metadata.topics.iter().filter(|topic| !names.is_empty() || !topic.is_internal) {
        described.push(describe_one(client, topic).await?);
    }
    if output.is_json() {
        return output.value(&described);
    }
    for (position, topic) in described.iter().enumerate() {
        output.line(&format!("{}{}", if position > 0 { "\n" } else { "" }, text_of(topic)))?;
    }
    Ok(())
}

async fn describe_one(client: &Client, topic: &Topic) -> anyhow::Result<DescribedTopic> {
    let partition_of = |partition| TopicPartition::new(Arc::clone(&topic.name), partition);
    let led = topic.partitions.iter().filter(|partition| partition.leader.is_some());
    let led: Vec<_> = led.map(|partition| partition_of(partition.index)).collect();
    let earliest = client.offsets(&led, OffsetAt::Earliest, false).await?;
    let latest = client.offsets(&led, OffsetAt::Latest, false).await?;
    let resource = ConfigResource { kind: ResourceType::Topic, name: topic.name.to_string() };
    let mut configs = client.describe_configs(&resource, None, false).await?;
    configs.retain(|entry| entry.source.is_dynamic());
    let offset = |offsets: &BTreeMap<TopicPartition, Option<Offset>>, partition| {
        offsets.get(&partition_of(partition)).copied().flatten().map(Offset::get)
    };
    let partitions = topic.partitions.iter().map(|partition| DescribedPartition {
        partition: partition.index.get(),
        leader: partition.leader.map(i32::from),
        leader_epoch: partition.leader_epoch.get(),
        replicas: partition.replicas.iter().map(|id| id.get()).collect(),
        isr: partition.in_sync_replicas.iter().map(|id| id.get()).collect(),
        earliest_offset: offset(&earliest, partition.index),
        latest_offset: offset(&latest, partition.index),
    });
    Ok(DescribedTopic {
        name: topic.name.to_string(),
        id: topic.id.to_string(),
        internal: topic.is_internal,
        partitions: partitions.collect(),
        configs,
    })
}

fn text_of(topic: &DescribedTopic) -> String {
    let mut text =
        format!("{}  {}  {}\n", topic.name, counted(topic.partitions.len() as u64, "partition"), topic.id);
    for entry in &topic.configs {
        let value = entry.value.as_deref().unwrap_or("(hidden)");
        let _ = writeln!(text, "  {} = {value}", entry.name);
    }
    let mut table = table([
        ("partition", Align::Right),
        ("leader", Align::Right),
        ("epoch", Align::Right),
        ("replicas", Align::Left),
        ("in sync", Align::Left),
        ("earliest", Align::Right),
        ("latest", Align::Right),
    ]);
    let number = |number: Option<i64>| number.map_or_else(|| "-".to_owned(), |number| number.to_string());
    let ids = |ids: &[i32]| ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    for partition in &topic.partitions {
        table.add_row([
            partition.partition.to_string(),
            number(partition.leader.map(i64::from)),
            partition.leader_epoch.to_string(),
            ids(&partition.replicas),
            ids(&partition.isr),
            number(partition.earliest_offset),
            number(partition.latest_offset),
        ]);
    }
    text + &render(&table)
}

async fn alter(client: &Client, arguments: AlterArguments, output: &Output) -> anyhow::Result<()> {
    let mut changes_ = changes(arguments.set, ConfigOperation::Set);
    changes_.extend(arguments.unset.into_iter().map(super::config::removal));
    if changes_.is_empty() {
        return Err(UsageError("nothing to change: pass --set NAME=VALUE or --unset NAME".to_owned()).into());
    }
    let resource = ConfigResource { kind: ResourceType::Topic, name: arguments.name.clone() };
    let altered = client.alter_configs(&resource, &changes_, arguments.validate_only).await;
    altered.map_err(|error| explain(error, &resource))?;
    let verb = if arguments.validate_only { "could change" } else { "changed" };
    let text = format!("{verb} {} of topic {}", counted(changes_.len() as u64, "setting"), arguments.name);
    output.done(&json!({ "topic": arguments.name, "changed": !arguments.validate_only }), &text)
}

async fn add_partitions(
    client: &Client,
    arguments: &AddPartitionsArguments,
    output: &Output,
) -> anyhow::Result<()> {
    let resource = ConfigResource { kind: ResourceType::Topic, name: arguments.name.clone() };
    let added = client.create_partitions(&arguments.name, arguments.total, arguments.validate_only).await;
    added.map_err(|error| explain(error, &resource))?;
    let verb = if arguments.validate_only { "could have" } else { "has" };
    let text = format!("topic {} {verb} {} partitions", arguments.name, arguments.total);
    let value = json!({ "topic": arguments.name, "partitions": arguments.total, "changed": !arguments.validate_only });
    output.done(&value, &text)
}

async fn delete(client: &Client, arguments: &DeleteArguments, output: &Output) -> anyhow::Result<()> {
    let mut deleted: Vec<&str> = Vec::new();
    for name in &arguments.names {
        match delete_one(client, name, arguments.if_exists).await {
            Ok(true) => {
                output.note(&format!("deleted topic {name}"));
                deleted.push(name);
            }
            Ok(false) => output.note(&format!("topic {name} is not there")),
            Err(error) if deleted.is_empty() => return Err(error),
            Err(error) => {
                return Err(error.context(format!("deleted {} before the error", deleted.join(", "))));
            }
        }
    }
    if output.is_json() { output.value(&json!({ "deleted": deleted })) } else { Ok(()) }
}

/// Whether the topic was there.
async fn delete_one(client: &Client, name: &str, may_be_absent: bool) -> anyhow::Result<bool> {
    match client.delete_topic(name).await {
        Ok(()) => Ok(true),
        Err(ClientError::Refused { error: ResponseError::UnknownTopicOrPartition, .. }) if may_be_absent => {
            Ok(false)
        }
        Err(ClientError::Refused { error: ResponseError::UnknownTopicOrPartition, .. }) => {
            let hint = "`medallion topic list` shows what is there; pass --if-exists when that is fine";
            Err(Failure::new(format!("topic {name} does not exist"), hint).into())
        }
        Err(error) => Err(error.into()),
    }
}

fn replication_factor(topic: &Topic) -> usize {
    topic.partitions.iter().map(|partition| partition.replicas.len()).max().unwrap_or(0)
}

/// `1,2;2,3`: the brokers of each partition.
fn parse_replica_assignment(text: &str) -> anyhow::Result<Vec<Vec<i32>>> {
    let wrong = || UsageError(format!("{text:?} is no replica assignment; an example: 1,2;2,3"));
    let partition = |part: &str| {
        part.split(',').map(|id| id.trim().parse::<i32>().map_err(|_| wrong())).collect::<Result<Vec<_>, _>>()
    };
    Ok(text.split(';').map(partition).collect::<Result<Vec<_>, _>>()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replica_assignments_are_lists_of_lists() {
        assert_eq!(parse_replica_assignment("1,2; 2,3").unwrap(), [[1, 2], [2, 3]]);
        assert_eq!(parse_replica_assignment("1").unwrap(), [[1]]);
        assert!(parse_replica_assignment("").is_err());
        assert!(parse_replica_assignment("1,;2").is_err());
    }
}
