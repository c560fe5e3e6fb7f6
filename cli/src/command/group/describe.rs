//! `medallion group describe`.

use std::collections::{BTreeMap, BTreeSet};

use clap::Args;
use medallion_wire::TopicPartition;
use serde::Serialize;

use super::explained;
use super::lag::{self, PartitionLag};
use crate::client::{Client, Connect, DescribedGroup, Member};
use crate::failure::Failure;
use crate::output::{Align, Output, counted, hide_columns_without, render, table, thousands};

/// Arguments of `group describe`.
#[derive(Debug, Args)]
pub(crate) struct DescribeArguments {
    /// The groups
    #[arg(required = true, value_name = "GROUP")]
    groups: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Described {
    #[serde(flatten)]
    group: DescribedGroup,
    offsets: Vec<PartitionLag>,
}

pub(super) async fn run(
    client: &Client,
    arguments: &DescribeArguments,
    connect: &Connect,
    output: &Output,
) -> anyhow::Result<()> {
    let mut described = Vec::new();
    for group in &arguments.groups {
        described.push(describe(client, group, connect).await?);
    }
    if output.is_json() {
        return output.value(&described);
    }
    for (position, group) in described.iter().enumerate() {
        output.line(&format!("{}{}", if position > 0 { "\n" } else { "" }, text_of(group)))?;
    }
    Ok(())
}

async fn describe(client: &Client, name: &str, connect: &Connect) -> anyhow::Result<Described> {
    let group = client.describe_group(name).await.map_err(|error| explained(error, name))?;
    if group.state == "Dead" {
        let hint = "`medallion group list` shows what is there";
        return Err(Failure::new(format!("group {name} does not exist"), hint).into());
    }
    let mut readers: BTreeMap<TopicPartition, String> = BTreeMap::new();
    for member in &group.members {
        let reads = member.partitions.iter().map(|partition| (partition.clone(), member.member_id.clone()));
        readers.extend(reads);
    }
    let offsets = lag::of_group(client, name, connect, &readers).await?;
    Ok(Described { group, offsets })
}

fn text_of(described: &Described) -> String {
    let Described { group, offsets } = described;
    let behind: i64 = offsets.iter().map(|at| at.lag).sum();
    let protocol = if group.protocol.is_empty() { String::new() } else { format!("  {}", group.protocol) };
    let epoch = group.epoch.map_or_else(String::new, |epoch| format!("  epoch {epoch}"));
    let mut text = format!(
        "{}  {}  {}{protocol}{epoch}  {}  {} behind  coordinator {}",
        group.group,
        group.r#type,
        group.state,
        counted(group.members.len() as u64, "member"),
        counted(u64::try_from(behind).unwrap_or(0), "record"),
        group.coordinator
    );
    if !group.members.is_empty() {
        text = text + "\n\n" + &render(&members(group));
    }
    if !offsets.is_empty() {
        text = text + "\n\n" + &render(&partitions(offsets, group));
    }
    text
}

fn members(group: &DescribedGroup) -> comfy_table::Table {
    let mut table = table([
        ("client", Align::Left),
        ("host", Align::Left),
        ("instance", Align::Left),
        ("epoch", Align::Right),
        ("partitions", Align::Right),
        ("to have", Align::Right),
        ("member", Align::Left),
    ]);
    for member in &group.members {
        table.add_row([
            member.client_id.clone(),
            member.host.clone(),
            member.instance_id.clone().unwrap_or_else(|| "-".to_owned()),
            member.epoch.map_or_else(|| "-".to_owned(), |epoch| epoch.to_string()),
            member.partitions.len().to_string(),
            member.target.as_ref().map_or_else(|| "-".to_owned(), |target| target.len().to_string()),
            member.member_id.clone(),
        ]);
    }
    hide_columns_without(&mut table, "-");
    table
}

/// How members are named beside their partitions: by their clients' ids, which are shorter, where these are all different.
fn names<'a>(group: &'a DescribedGroup) -> BTreeMap<&'a str, &'a str> {
    let clients: BTreeSet<&str> = group.members.iter().map(|member| member.client_id.as_str()).collect();
    let tells_apart = clients.len() == group.members.len();
    let named = |member: &'a Member| {
        let by_client = tells_apart && !member.client_id.is_empty();
        let name = if by_client { &member.client_id } else { &member.member_id };
        (member.member_id.as_str(), name.as_str())
    };
    group.members.iter().map(named).collect()
}

fn partitions(offsets: &[PartitionLag], group: &DescribedGroup) -> comfy_table::Table {
    let names = names(group);
    let mut table = table([
        ("topic", Align::Left),
        ("partition", Align::Right),
        ("committed", Align::Right),
        ("end", Align::Right),
        ("lag", Align::Right),
        ("behind", Align::Right),
        ("member", Align::Left),
    ]);
    for at in offsets {
        table.add_row([
            at.topic.clone(),
            at.partition.to_string(),
            at.committed.to_string(),
            at.end.to_string(),
            thousands(u64::try_from(at.lag).unwrap_or(0)),
            at.lag_ms.map_or_else(|| "?".to_owned(), duration),
            at.member.as_deref().map_or("-", |id| names.get(id).copied().unwrap_or(id)).to_owned(),
        ]);
    }
    table
}

/// A time as people say it: `0 s`, `850 ms`, `12 s`, `3 min`, `2 h`, `5 d`.
fn duration(ms: i64) -> String {
    const SECOND: i64 = 1_000;
    const MINUTE: i64 = 60 * SECOND;
    const HOUR: i64 = 60 * MINUTE;
    const DAY: i64 = 24 * HOUR;
    if ms == 0 {
        return "0 s".to_owned();
    }
    // Two of a unit before the next one begins, so that no text is rounded by half.
    let units =
        [(2 * DAY, DAY, "d"), (2 * HOUR, HOUR, "h"), (2 * MINUTE, MINUTE, "min"), (SECOND, SECOND, "s")];
    let unit = units.into_iter().find(|(from, ..)| ms >= *from);
    unit.map_or_else(|| format!("{ms} ms"), |(_, unit, name)| format!("{} {name}", ms / unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_easy_to_read() {
        let texts = [0, 850, 12_000, 119_999, 200_000, 7_300_000, 500_000_000].map(duration);
        assert_eq!(texts, ["0 s", "850 ms", "12 s", "119 s", "3 min", "2 h", "5 d"]);
    }
}
