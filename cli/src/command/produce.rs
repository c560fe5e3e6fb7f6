//! `medallion produce`.

use std::fmt::Write;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::Context;
use bytes::Bytes;
use clap::{Args, ValueEnum, ValueHint};
use indicatif::{ProgressBar, ProgressStyle};
use medallion_wire::PartitionIndex;
use serde::Serialize;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::config::{Assignment, parse_assignment};
use super::stopping;
use crate::client::{Acks, Client, Compression, Connect, Producer, ProducerOptions, ProducerStatistics};
use crate::failure::UsageError;
use crate::input::{self, Input, InputFormat, InputOptions, InputRecord};
use crate::output::{Output, bytes, counted, thousands};
use crate::time::now_ms;

/// How many records may wait between the reader of the input and the sender.
const QUEUE_RECORDS: usize = 4096;
/// A typed line is sent after this time without another one.
const LINGER: Duration = Duration::from_millis(10);
/// A rate of fewer records than this says nothing.
pub(crate) const RATE_RECORDS_MIN: u64 = 100;
/// How often the progress bar and a rate limit are looked at, in records.
const TICK_RECORDS: u64 = 64;

/// Write records, from standard input or from a file.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  echo hello | medallion produce greetings
  echo 'user-1:hello' | medallion produce greetings --key-separator : --header source=shell
  medallion produce trips --file yellow_tripdata_2019-03.parquet --key-field PULocationID
  medallion consume trips --json --until-end | medallion produce copy --format records

A record with a key goes to the partition that Kafka's Java producer picks for it.")]
pub(crate) struct ProduceArguments {
    /// The topic
    topic: String,
    /// Read this file instead of standard input
    #[arg(long, short, value_hint = ValueHint::FilePath)]
    file: Option<PathBuf>,
    /// What the input looks like [default: what the file's name says, else lines]
    #[arg(long, value_enum)]
    format: Option<InputFormat>,
    /// Split each line into key and value at the first of these
    #[arg(long, short = 'K', value_name = "TEXT", conflicts_with = "key_field")]
    key_separator: Option<String>,
    /// The field of a row that becomes the key
    #[arg(long, value_name = "FIELD")]
    key_field: Option<String>,
    /// A header of every record; may be repeated
    #[arg(long = "header", short = 'H', value_name = "NAME=VALUE", value_parser = parse_assignment)]
    headers: Vec<Assignment>,
    /// Text that stands for null as key or value of a line; a null value deletes its key in a compacted topic
    #[arg(long, value_name = "TEXT")]
    null_value: Option<String>,
    /// Send everything to this partition
    #[arg(long, short, value_parser = clap::value_parser!(i32).range(0..))]
    partition: Option<i32>,
    /// Who must have a record before it counts as written
    #[arg(long, value_enum, default_value = "all")]
    acks: Acks,
    /// The codec of the batches
    #[arg(long, short = 'z', value_enum, default_value = "none")]
    compression: Compression,
    /// Send at most so many records a second
    #[arg(long, value_name = "RECORDS", value_parser = clap::value_parser!(u64).range(1..))]
    rate: Option<u64>,
    /// Stop after so many records
    #[arg(long, short = 'n', value_name = "RECORDS")]
    count: Option<u64>,
}

impl ProduceArguments {
    fn input_name(&self) -> String {
        self.file.as_ref().map_or_else(|| "standard input".to_owned(), |path| path.display().to_string())
    }

    fn format(&self) -> InputFormat {
        let of_file = self.file.as_deref().map(InputFormat::of_path);
        self.format.or(of_file).unwrap_or(InputFormat::Lines)
    }

    /// Refuses what the format of the input would ignore.
    fn check(&self) -> Result<(), UsageError> {
        let format = self.format();
        let refuse = |option: &str, hint: &str| {
            let name =
                format.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned());
            Err(UsageError(format!("{option} does nothing to input in the format {name}: {hint}")))
        };
        if self.key_separator.as_ref().is_some_and(String::is_empty) {
            return Err(UsageError("--key-separator must not be empty".to_owned()));
        }
        if self.key_separator.is_some() && format != InputFormat::Lines {
            return refuse("--key-separator", "it splits lines; --key-field names a field of a row");
        }
        if self.null_value.is_some() && format != InputFormat::Lines {
            return refuse("--null-value", "it is for lines");
        }
        if self.key_field.is_some() && matches!(format, InputFormat::Lines | InputFormat::Records) {
            return refuse("--key-field", "it is for ndjson, csv and parquet; --key-separator splits lines");
        }
        Ok(())
    }

    fn input_options(&self) -> InputOptions {
        let header = |one: &Assignment| (one.name.clone(), Some(Bytes::from(one.value.clone())));
        InputOptions {
            format: self.format(),
            key_separator: self.key_separator.clone(),
            key_field: self.key_field.clone(),
            null_value: self.null_value.clone(),
            headers: self.headers.iter().map(header).collect(),
        }
    }
}

/// Somebody pressed Ctrl-C while there was more to do.
#[derive(Debug, thiserror::Error)]
#[error("interrupted before {0}")]
struct Interrupted(String);

/// Runs `medallion produce`.
pub(crate) async fn run(
    arguments: ProduceArguments,
    connect: &Connect,
    output: &Output,
) -> anyhow::Result<()> {
    arguments.check()?;
    let options = arguments.input_options();
    let input = match &arguments.file {
        Some(path) => input::open_file(path, options)?,
        None => input::open_stdin(options)?,
    };
    let client = Client::connect(&connect.making_topics()).await?;
    let producer_options = ProducerOptions { acks: arguments.acks, compression: arguments.compression };
    let mut producer = Producer::open(client, &arguments.topic, producer_options).await?;
    let progress = progress_bar(&input, output);
    let started = Instant::now();
    let sent = tokio::select! {
        sent = send_all(&mut producer, input, &arguments, &progress) => sent,
        () = stopping() => interrupted(&arguments),
    };
    // Whoever presses Ctrl-C again does not want to wait for what is under way.
    let flushed = tokio::select! {
        flushed = producer.flush() => flushed.map_err(anyhow::Error::from),
        () = stopping() => Err(Interrupted("all was acknowledged".to_owned()).into()),
    };
    progress.finish_and_clear();
    let statistics = producer.take_statistics();
    let summary = Summary::new(&arguments.topic, &statistics, started.elapsed());
    match sent.and(flushed) {
        Ok(()) => output.done(&summary, &summary.text()),
        Err(error) if summary.records > 0 => Err(error.context(summary.so_far(arguments.acks))),
        Err(error) => Err(error),
    }
}

/// Ctrl-C is a way to end what is typed, but cuts a file short.
fn interrupted(arguments: &ProduceArguments) -> anyhow::Result<()> {
    match arguments.file {
        None => Ok(()),
        Some(_) => Err(Interrupted(format!("the end of {}", arguments.input_name())).into()),
    }
}

async fn send_all(
    producer: &mut Producer,
    input: Input,
    arguments: &ProduceArguments,
    progress: &ProgressBar,
) -> anyhow::Result<()> {
    let position = input.position;
    let mut records = read_in_background(input.records)?;
    let started = Instant::now();
    let mut sent = 0_u64;
    while arguments.count.is_none_or(|count| sent < count) {
        let next = if let Ok(next) = timeout(LINGER, records.recv()).await {
            next
        } else {
            producer.flush().await?;
            records.recv().await
        };
        let Some(next) = next else { break };
        let mut next: InputRecord = next.with_context(|| arguments.input_name())?;
        if next.record.timestamp_ms < 0 {
            next.record.timestamp_ms = now_ms();
        }
        let partition = arguments.partition.map(PartitionIndex).or(next.partition);
        producer.send(next.record, partition).await?;
        sent += 1;
        if let Some(rate) = arguments.rate {
            keep_to_rate(producer, started, sent, rate).await?;
        }
        if sent.is_multiple_of(TICK_RECORDS) {
            progress.set_position(position.load(Ordering::Relaxed));
            progress.set_message(thousands(sent));
        }
    }
    Ok(())
}

/// Waits until the record after the `sent`-th is due. What is due is not held back to fill a batch.
async fn keep_to_rate(producer: &mut Producer, started: Instant, sent: u64, rate: u64) -> anyhow::Result<()> {
    let due = Duration::from_micros(sent.saturating_mul(1_000_000) / rate);
    if let Some(wait) = due.checked_sub(started.elapsed()).filter(|wait| *wait > Duration::from_millis(1)) {
        producer.flush().await?;
        tokio::time::sleep(wait).await;
    }
    Ok(())
}

/// Reads on a thread of its own, because reading standard input cannot be given up once begun.
fn read_in_background(
    records: input::Records,
) -> anyhow::Result<mpsc::Receiver<anyhow::Result<InputRecord>>> {
    let (sender, receiver) = mpsc::channel(QUEUE_RECORDS);
    let read = move || {
        for record in records {
            let is_last = record.is_err();
            if sender.blocking_send(record).is_err() || is_last {
                break;
            }
        }
    };
    std::thread::Builder::new().name("input".to_owned()).spawn(read).context("cannot start a thread")?;
    Ok(receiver)
}

fn progress_bar(input: &Input, output: &Output) -> ProgressBar {
    let Some(length) = input.length.filter(|_| output.draws_progress()) else { return ProgressBar::hidden() };
    let bar = ProgressBar::new(length);
    let style = ProgressStyle::with_template(
        "  {bar:40.cyan/bright.black} {percent:>3}%  {msg} records  {elapsed}  (eta {eta})",
    );
    if let Ok(style) = style {
        bar.set_style(style.progress_chars("━━─"));
    }
    bar
}

/// What has been produced, and how fast.
#[derive(Debug, Serialize)]
pub(crate) struct Summary {
    topic: String,
    records: u64,
    pub(crate) bytes: u64,
    pub(crate) seconds: f64,
    pub(crate) records_per_second: f64,
    pub(crate) ack_p50_ms: Option<f64>,
    pub(crate) ack_p99_ms: Option<f64>,
}

impl Summary {
    /// The figures of a run.
    pub(crate) fn new(topic: &str, statistics: &ProducerStatistics, took: Duration) -> Self {
        let seconds = took.as_secs_f64();
        Self {
            topic: topic.to_owned(),
            records: statistics.records,
            bytes: statistics.batch_bytes,
            seconds,
            records_per_second: per_second(statistics.records, seconds),
            ack_p50_ms: percentile_ms(&statistics.ack_latencies, 50),
            ack_p99_ms: percentile_ms(&statistics.ack_latencies, 99),
        }
    }

    /// What an error says of the records before it.
    fn so_far(&self, acks: Acks) -> String {
        let verb = if acks == Acks::None { "sent" } else { "acknowledged" };
        let were = if self.records == 1 { "was" } else { "were" };
        format!("{} {were} {verb} before the error", counted(self.records, "record"))
    }

    fn text(&self) -> String {
        let mut text = format!(
            "produced {} ({}) to {} in {:.2} s",
            counted(self.records, "record"),
            bytes(self.bytes),
            self.topic,
            self.seconds
        );
        if self.records >= RATE_RECORDS_MIN {
            let _ = write!(text, ", {} a second", whole(self.records_per_second));
        }
        if let (Some(p50), Some(p99)) = (self.ack_p50_ms, self.ack_p99_ms) {
            let _ = write!(text, "; acknowledged within {p50:.1} ms (p50), {p99:.1} ms (p99)");
        }
        text
    }
}

/// A rate; 0 when no time has passed.
pub(crate) fn per_second(count: u64, seconds: f64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let count = count as f64;
    if seconds > 0.0 { count / seconds } else { 0.0 }
}

/// A figure without its fraction, thousands apart.
pub(crate) fn whole(figure: f64) -> String {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate for people")]
    let figure = figure.round() as u64;
    thousands(figure)
}

/// The smallest of the latencies that `percent` of all do not exceed, in milliseconds.
pub(crate) fn percentile_ms(latencies: &[Duration], percent: usize) -> Option<f64> {
    let mut sorted = latencies.to_vec();
    sorted.sort_unstable();
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).map(|latency| latency.as_secs_f64() * 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_nearest_rank() {
        let latencies: Vec<_> = (1..=100).rev().map(Duration::from_millis).collect();
        assert_eq!(percentile_ms(&latencies, 50), Some(50.0));
        assert_eq!(percentile_ms(&latencies, 99), Some(99.0));
        assert_eq!(percentile_ms(&latencies[..1], 50), Some(100.0));
        assert_eq!(percentile_ms(&[], 50), None);
    }

    #[test]
    fn a_summary_reads_well() {
        let statistics = ProducerStatistics {
            records: 2000,
            batch_bytes: 2048,
            ack_latencies: vec![Duration::from_millis(2)],
        };
        let summary = Summary::new("trips", &statistics, Duration::from_millis(500));
        let expected = "produced 2,000 records (2.0 KiB) to trips in 0.50 s, 4,000 a second; \
                        acknowledged within 2.0 ms (p50), 2.0 ms (p99)";
        assert_eq!(summary.text(), expected);
    }
}
