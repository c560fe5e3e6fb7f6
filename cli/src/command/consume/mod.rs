//! `medallion consume`.

mod printer;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;
use clap::Args;
use medallion_wire::{Offset, PartitionIndex, TopicPartition};

use super::produce::{RATE_RECORDS_MIN, per_second, whole};
use crate::client::{Client, Connect, Consumer, ConsumerOptions, Metadata, OffsetAt, partition_of};
use crate::failure::UsageError;
use crate::output::{CANNOT_PRINT, Output, counted};
use crate::time::{now_ms, parse_duration, parse_timestamp};
use printer::{Printer, RecordFormat};

/// Read records.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  medallion consume trips --until-end
  medallion consume trips --from -5 --format full
  medallion consume trips --from 2019-03-23T20:00:00Z --count 10 --json
  medallion consume trips --partition 0,2 --from 15m

It reads partitions directly, without a consumer group, and commits no offsets.")]
pub(crate) struct ConsumeArguments {
    /// The topic
    topic: String,
    /// Which partitions, separated by commas [default: all]
    #[arg(long, short, value_delimiter = ',', value_parser = clap::value_parser!(i32).range(0..))]
    partition: Vec<i32>,
    /// Where to begin: beginning, end, an offset, -N (the last N of each partition), a time in UTC, or how long ago
    /// (90s, 15m, 2h, 7d)
    #[arg(long, default_value = "beginning", value_name = "WHERE", allow_hyphen_values = true)]
    from: StartAt,
    /// Stop after so many records
    #[arg(long, short = 'n', value_name = "RECORDS")]
    count: Option<u64>,
    /// Stop where the topic ends now
    #[arg(long, short = 'e')]
    until_end: bool,
    /// How a record is printed; --json prints records too
    #[arg(long, value_enum, default_value = "value")]
    format: RecordFormat,
    /// What stands between key and value [default: a tab]
    #[arg(long, short = 'K', default_value = "\t", value_name = "TEXT", hide_default_value = true)]
    key_separator: String,
    /// Leave out what belongs to open or aborted transactions
    #[arg(long)]
    read_committed: bool,
}

/// Where reading begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StartAt {
    Beginning,
    End,
    Offset(i64),
    LastRecords(i64),
    Timestamp(i64),
}

impl StartAt {
    /// Kafka gives meanings of its own to negative times; no record is older than 1970.
    fn since(timestamp_ms: i64) -> Self {
        Self::Timestamp(timestamp_ms.max(0))
    }
}

impl FromStr for StartAt {
    type Err = UsageError;

    fn from_str(text: &str) -> Result<Self, UsageError> {
        let wrong = || {
            UsageError(
                "it must be beginning, end, an offset, -N, a time such as 2019-03-23T20:00:00Z, or 15m"
                    .to_owned(),
            )
        };
        match text {
            "beginning" | "earliest" => return Ok(Self::Beginning),
            "end" | "latest" => return Ok(Self::End),
            _ => {}
        }
        if let Some(count) = text.strip_prefix('-') {
            let count = count.parse::<u64>().ok().and_then(|count| i64::try_from(count).ok());
            return count.map(Self::LastRecords).ok_or_else(wrong);
        }
        if let Ok(offset) = text.parse::<i64>() {
            return Ok(Self::Offset(offset));
        }
        if let Some(ago) = parse_duration(text) {
            return Ok(Self::since(now_ms() - i64::try_from(ago.as_millis()).unwrap_or(i64::MAX)));
        }
        parse_timestamp(text).map(Self::since).ok_or_else(wrong)
    }
}

/// Runs `medallion consume`.
pub(crate) async fn run(
    arguments: ConsumeArguments,
    connect: &Connect,
    output: &Output,
) -> anyhow::Result<()> {
    let client = Client::connect(connect).await?;
    let metadata = client.metadata(Some(&[&arguments.topic])).await?;
    let partitions = chosen_partitions(&metadata, &arguments)?;
    let positions = starting_positions(&client, &partitions, arguments.from).await?;
    let ends = if arguments.until_end {
        Some(client.offsets(&partitions, OffsetAt::Latest, arguments.read_committed).await?)
    } else {
        None
    };
    let options = ConsumerOptions { read_committed: arguments.read_committed, ..ConsumerOptions::default() };
    let mut consumer = Consumer::new(client, positions, options)?;
    let format = if output.is_json() { RecordFormat::Json } else { arguments.format };
    let started = Instant::now();
    let mut printer = Printer::new(format, &arguments.key_separator);
    tokio::select! {
        result = read(&mut consumer, &arguments, ends, &mut printer) => result?,
        () = super::stopping() => printer.out.flush().context(CANNOT_PRINT)?,
    }
    let seconds = started.elapsed().as_secs_f64();
    let mut text = format!("consumed {} in {seconds:.2} s", counted(printer.count, "record"));
    if printer.count >= RATE_RECORDS_MIN {
        text = format!("{text}, {} a second", whole(per_second(printer.count, seconds)));
    }
    output.note(&text);
    Ok(())
}

fn chosen_partitions(
    metadata: &Metadata,
    arguments: &ConsumeArguments,
) -> anyhow::Result<Vec<TopicPartition>> {
    let topic = metadata.topic(&arguments.topic)?;
    let name = |partition: PartitionIndex| TopicPartition::new(Arc::clone(&topic.name), partition);
    if arguments.partition.is_empty() {
        return Ok(topic.partitions.iter().map(|partition| name(partition.index)).collect());
    }
    let mut chosen = Vec::new();
    for index in arguments.partition.iter().collect::<BTreeSet<_>>() {
        chosen.push(name(partition_of(topic, PartitionIndex(*index))?.index));
    }
    Ok(chosen)
}

async fn starting_positions(
    client: &Client,
    partitions: &[TopicPartition],
    from: StartAt,
) -> anyhow::Result<BTreeMap<TopicPartition, Offset>> {
    let at = match from {
        StartAt::Offset(offset) => {
            return Ok(partitions.iter().map(|partition| (partition.clone(), Offset(offset))).collect());
        }
        StartAt::Beginning => OffsetAt::Earliest,
        StartAt::End | StartAt::LastRecords(_) => OffsetAt::Latest,
        StartAt::Timestamp(timestamp_ms) => OffsetAt::Time(timestamp_ms),
    };
    let found = client.offsets(partitions, at, false).await?;
    let earliest = client.offsets(partitions, OffsetAt::Earliest, false).await?;
    let latest = client.offsets(partitions, OffsetAt::Latest, false).await?;
    let of = |offsets: &BTreeMap<TopicPartition, Option<Offset>>, partition: &TopicPartition| {
        offsets.get(partition).copied().flatten()
    };
    let position = |partition: &TopicPartition| {
        let end = of(&latest, partition).unwrap_or(Offset::ZERO);
        // No record is that late: what comes next will be.
        let found = of(&found, partition).unwrap_or(end);
        let position = match from {
            StartAt::LastRecords(count) => found.max(Offset::ZERO + count) + -count,
            _ => found,
        };
        (partition.clone(), position.max(of(&earliest, partition).unwrap_or(Offset::ZERO)))
    };
    Ok(partitions.iter().map(position).collect())
}

async fn read(
    consumer: &mut Consumer,
    arguments: &ConsumeArguments,
    ends: Option<BTreeMap<TopicPartition, Option<Offset>>>,
    printer: &mut Printer,
) -> anyhow::Result<()> {
    loop {
        if let Some(ends) = &ends {
            let is_behind = |(partition, position): (&TopicPartition, &Offset)| {
                ends.get(partition).copied().flatten().is_some_and(|end| *position >= end)
            };
            let done: Vec<_> = consumer
                .positions()
                .iter()
                .filter(|entry| is_behind(*entry))
                .map(|(p, _)| p.clone())
                .collect();
            for partition in &done {
                consumer.unassign(partition);
            }
            if consumer.positions().is_empty() {
                return Ok(());
            }
        }
        for record in consumer.poll().await? {
            if arguments.count.is_some_and(|count| printer.count >= count) {
                break;
            }
            let end = ends.as_ref().and_then(|ends| ends.get(&record.partition).copied().flatten());
            if end.is_none_or(|end| record.offset < end) {
                printer.print(&record).context(CANNOT_PRINT)?;
            }
        }
        printer.out.flush().context(CANNOT_PRINT)?;
        if arguments.count.is_some_and(|count| printer.count >= count) {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_are_read_in_all_their_forms() {
        let parse = |text: &str| text.parse::<StartAt>().ok();
        assert_eq!(parse("beginning"), Some(StartAt::Beginning));
        assert_eq!(parse("latest"), Some(StartAt::End));
        assert_eq!(parse("17"), Some(StartAt::Offset(17)));
        assert_eq!(parse("-5"), Some(StartAt::LastRecords(5)));
        assert_eq!(parse("2019-03-23"), Some(StartAt::Timestamp(1_553_299_200_000)));
        let Some(StartAt::Timestamp(ago)) = parse("1h") else { panic!("1h was not taken") };
        assert!((now_ms() - 3_600_000 - ago).abs() < 10_000);
        assert_eq!(parse("1969-12-31T23:59:59.999Z"), Some(StartAt::Timestamp(0)));
        assert_eq!(parse("99999999999d"), Some(StartAt::Timestamp(0)));
        for wrong in ["", "-", "yesterday", "-x", "--5", "5w"] {
            assert_eq!(parse(wrong), None, "{wrong:?} was taken");
        }
    }
}
