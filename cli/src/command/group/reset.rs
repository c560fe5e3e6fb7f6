//! `medallion group reset-offsets`.

use std::collections::BTreeMap;

use anyhow::Context;
use clap::Args;
use medallion_wire::{Offset, TopicPartition};
use serde::Serialize;

use super::explained;
use crate::client::{Client, Metadata, OffsetAt, partition_of};
use crate::failure::{Failure, UsageError};
use crate::output::{Align, Output, counted, table};
use crate::time::{now_ms, parse_timestamp};

/// Arguments of `group reset-offsets`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  medallion group reset-offsets billing --topic trips --to-earliest
  medallion group reset-offsets billing --topic trips:0,3 --shift-by -100 --execute
  medallion group reset-offsets billing --all-topics --to-datetime 2019-03-23T20:00:00Z --execute")]
pub(crate) struct ResetArguments {
    /// The group
    group: String,
    /// A topic, or some of its partitions: NAME or NAME:0,1; may be repeated
    #[arg(long = "topic", value_name = "TOPIC", required_unless_present_any = ["all_topics", "from_file"])]
    topics: Vec<String>,
    /// Every topic for which the group has committed
    #[arg(long, conflicts_with = "topics")]
    all_topics: bool,
    #[command(flatten)]
    to: Target,
    /// Do it; without this the command only shows what would change
    #[arg(long)]
    execute: bool,
}

/// Where offsets go.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Target {
    /// To the first record that is there
    #[arg(long)]
    to_earliest: bool,
    /// Behind the last record
    #[arg(long)]
    to_latest: bool,
    /// To where they are: commits for partitions that have none go behind the last record
    #[arg(long)]
    to_current: bool,
    /// To this offset
    #[arg(long, value_name = "OFFSET", value_parser = clap::value_parser!(i64).range(0..))]
    to_offset: Option<i64>,
    /// Forth, or back with a negative number, by so many records
    #[arg(long, value_name = "RECORDS", allow_hyphen_values = true)]
    shift_by: Option<i64>,
    /// To the first record at or after this time, in UTC: 2019-03-23T20:00:00Z
    #[arg(long, value_name = "TIME")]
    to_datetime: Option<String>,
    /// To the first record that is not older than this: 90s, 15m, 6h, 2d
    #[arg(long, value_name = "AGE")]
    by_duration: Option<String>,
    /// To what a CSV file says: topic,partition,offset in each line
    #[arg(long, value_name = "FILE")]
    from_file: Option<std::path::PathBuf>,
}

#[derive(Debug, Serialize)]
struct Reset {
    topic: String,
    partition: i32,
    from: Option<i64>,
    to: i64,
}

pub(super) async fn run(client: &Client, arguments: &ResetArguments, output: &Output) -> anyhow::Result<()> {
    let group = &arguments.group;
    let described = client.describe_group(group).await;
    if let Ok(described) = &described
        && !described.members.is_empty()
    {
        let hint = "stop its consumers first; `medallion group describe` shows who they are";
        return Err(Failure::new(format!("group {group} has members"), hint).into());
    }
    let committed = client.committed(group).await?;
    let resets = plan(client, arguments, &committed).await?;
    let changes: BTreeMap<TopicPartition, Offset> = resets
        .iter()
        .map(|reset| (TopicPartition::new(reset.topic.as_str(), reset.partition), Offset(reset.to)))
        .collect();
    if arguments.execute && !changes.is_empty() {
        client.commit(group, &changes).await.map_err(|error| explained(error, group))?;
    }
    show(&resets, output)?;
    let what = counted(resets.len() as u64, "partition");
    output.note(&if arguments.execute {
        format!("offsets of group {group} are reset in {what}")
    } else {
        format!("nothing is changed yet: pass --execute to reset {what}")
    });
    Ok(())
}

fn show(resets: &[Reset], output: &Output) -> anyhow::Result<()> {
    output.show(&resets, || {
        let mut table = table([
            ("topic", Align::Left),
            ("partition", Align::Right),
            ("from", Align::Right),
            ("to", Align::Right),
        ]);
        for reset in resets {
            let from = reset.from.map_or_else(|| "-".to_owned(), |from| from.to_string());
            table.add_row([reset.topic.clone(), reset.partition.to_string(), from, reset.to.to_string()]);
        }
        table
    })
}

async fn plan(
    client: &Client,
    arguments: &ResetArguments,
    committed: &BTreeMap<TopicPartition, Offset>,
) -> anyhow::Result<Vec<Reset>> {
    let file = arguments.to.from_file.as_deref().map(read_file).transpose()?;
    let topics: Vec<String> = match &file {
        Some(wanted) => wanted.keys().map(|partition| partition.topic.to_string()).collect(),
        None if arguments.all_topics => {
            committed.keys().map(|partition| partition.topic.to_string()).collect()
        }
        None => arguments.topics.iter().map(|topic| split(topic).0.to_owned()).collect(),
    };
    let names: Vec<&str> = topics.iter().map(String::as_str).collect();
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let metadata = client.metadata(Some(&names)).await?;
    let partitions = match &file {
        Some(wanted) => wanted.keys().cloned().collect(),
        None if arguments.all_topics => committed.keys().cloned().collect(),
        None => chosen(&arguments.topics, &metadata)?,
    };
    for partition in &partitions {
        partition_of(metadata.topic(&partition.topic)?, partition.partition)?;
    }
    let earliest = client.offsets(&partitions, OffsetAt::Earliest, false).await?;
    let latest = client.offsets(&partitions, OffsetAt::Latest, false).await?;
    let by_time = match arguments.to.time()? {
        Some(time_ms) => client.offsets(&partitions, OffsetAt::Time(time_ms), false).await?,
        None => BTreeMap::new(),
    };
    let at = |offsets: &BTreeMap<TopicPartition, Option<Offset>>, partition| {
        offsets.get(partition).copied().flatten()
    };
    let mut resets = Vec::new();
    for partition in &partitions {
        let range = (
            at(&earliest, partition).unwrap_or(Offset::ZERO).get(),
            at(&latest, partition).unwrap_or(Offset::ZERO).get(),
        );
        let current = committed.get(partition).map(|offset| offset.get());
        let named = file.as_ref().and_then(|wanted| wanted.get(partition).copied());
        let found = at(&by_time, partition).map(Offset::get);
        let to = arguments.to.offset(range, current, named, found).ok_or_else(|| {
            UsageError(format!("{partition} has no committed offset to shift: name another target"))
        })?;
        resets.push(Reset {
            topic: partition.topic.to_string(),
            partition: partition.partition.get(),
            from: current,
            to,
        });
    }
    Ok(resets)
}

impl Target {
    fn time(&self) -> anyhow::Result<Option<i64>> {
        if let Some(text) = &self.to_datetime {
            let wrong = || UsageError(format!("{text:?} is no time; an example: 2019-03-23T20:00:00Z"));
            return Ok(Some(parse_timestamp(text).ok_or_else(wrong)?));
        }
        let Some(text) = &self.by_duration else { return Ok(None) };
        let wrong = || UsageError(format!("{text:?} is no age; examples: 90s, 15m, 6h, 2d"));
        Ok(Some(now_ms() - parse_age(text).ok_or_else(wrong)?))
    }

    /// Where one partition goes; `None` where that depends on a commit that is not there. Offsets outside of the log go to
    /// its nearest end.
    fn offset(
        &self,
        (earliest, latest): (i64, i64),
        current: Option<i64>,
        named: Option<i64>,
        by_time: Option<i64>,
    ) -> Option<i64> {
        let wanted = if self.to_earliest {
            earliest
        } else if self.to_latest {
            latest
        } else if self.to_current {
            current.unwrap_or(latest)
        } else if let Some(records) = self.shift_by {
            current?.saturating_add(records)
        } else if let Some(offset) = self.to_offset.or(named) {
            offset
        } else {
            by_time.unwrap_or(latest)
        };
        Some(wanted.clamp(earliest, latest))
    }
}

/// `NAME` or `NAME:0,1`.
fn split(topic: &str) -> (&str, Option<&str>) {
    topic.split_once(':').map_or((topic, None), |(name, partitions)| (name, Some(partitions)))
}

fn chosen(topics: &[String], metadata: &Metadata) -> anyhow::Result<Vec<TopicPartition>> {
    let mut chosen = Vec::new();
    for topic in topics {
        let (name, list) = split(topic);
        let known = metadata.topic(name)?;
        match list {
            None => {
                let all = known.partitions.iter().map(|at| TopicPartition::new(name, at.index.get()));
                chosen.extend(all);
            }
            Some(list) => {
                for text in list.split(',') {
                    let index = text.trim().parse::<i32>();
                    let index =
                        index.map_err(|_| UsageError(format!("{topic:?}: {text:?} is no partition")))?;
                    chosen.push(TopicPartition::new(name, index));
                }
            }
        }
    }
    chosen.sort();
    chosen.dedup();
    Ok(chosen)
}

fn read_file(path: &std::path::Path) -> anyhow::Result<BTreeMap<TopicPartition, i64>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut offsets = BTreeMap::new();
    for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()) {
        let (partition, offset) = read_line(line).ok_or_else(|| {
            UsageError(format!("{}:{number}: {line:?} is not topic,partition,offset", path.display()))
        })?;
        let _ = offsets.insert(partition, offset);
    }
    Ok(offsets)
}

fn read_line(line: &str) -> Option<(TopicPartition, i64)> {
    let mut fields = line.split(',').map(|field| field.trim().trim_matches('"'));
    let (topic, partition, offset) = (fields.next()?, fields.next()?, fields.next()?);
    if topic.is_empty() || fields.next().is_some() {
        return None;
    }
    Some((TopicPartition::new(topic, partition.parse::<i32>().ok()?), offset.parse().ok()?))
}

/// `90s`, `15m`, `6h`, `2d` in milliseconds.
fn parse_age(text: &str) -> Option<i64> {
    let unit_ms = match text.chars().last()? {
        's' => 1_000,
        'm' => 60_000,
        'h' => 3_600_000,
        'd' => 86_400_000,
        _ => return None,
    };
    text[..text.len() - 1].parse::<i64>().ok().filter(|count| *count >= 0)?.checked_mul(unit_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target() -> Target {
        Target {
            to_earliest: false,
            to_latest: false,
            to_current: false,
            to_offset: None,
            shift_by: None,
            to_datetime: None,
            by_duration: None,
            from_file: None,
        }
    }

    #[test]
    fn targets_stay_within_the_log() {
        let range = (10, 50);
        let at = |target: &Target, current| target.offset(range, current, None, None);
        assert_eq!(at(&Target { to_earliest: true, ..target() }, Some(20)), Some(10));
        assert_eq!(at(&Target { to_latest: true, ..target() }, Some(20)), Some(50));
        assert_eq!(at(&Target { to_current: true, ..target() }, Some(20)), Some(20));
        assert_eq!(at(&Target { to_current: true, ..target() }, None), Some(50));
        assert_eq!(at(&Target { to_offset: Some(7), ..target() }, None), Some(10));
        assert_eq!(at(&Target { shift_by: Some(-5), ..target() }, Some(20)), Some(15));
        assert_eq!(at(&Target { shift_by: Some(99), ..target() }, Some(20)), Some(50));
        assert_eq!(at(&Target { shift_by: Some(1), ..target() }, None), None);
        assert_eq!(target().offset(range, Some(20), Some(33), None), Some(33), "from a file");
        assert_eq!(target().offset(range, Some(20), None, Some(44)), Some(44), "by time");
        assert_eq!(target().offset(range, Some(20), None, None), Some(50), "no record is that late");
    }

    #[test]
    fn ages_and_lines_are_read() {
        assert_eq!(parse_age("15m"), Some(900_000));
        assert_eq!(parse_age("2d"), Some(172_800_000));
        for wrong in ["", "m", "15", "-1s", "1w"] {
            assert_eq!(parse_age(wrong), None, "{wrong:?}");
        }
        assert_eq!(read_line("\"trips\", 3,17"), Some((TopicPartition::new("trips", 3), 17)));
        for wrong in ["trips,3", "trips,3,x", ",3,1", "trips,3,1,2"] {
            assert_eq!(read_line(wrong), None, "{wrong:?}");
        }
    }
}
