//! `medallion demo`: trips flow in, somebody else's client reads them back, the sums agree.
//!
//! - [`source`]: where the trips come from;
//! - [`broker`]: the broker as a process of its own, so that its memory can be told;
//! - [`load`]: trips in, as fast as they are acknowledged, and then at a gentle rate;
//! - [`reader`]: trips out, by kcat where it is installed;
//! - [`schemas`]: trips in Avro, with a schema that evolves;
//! - [`screen`]: what is printed.

mod broker;
mod load;
mod reader;
mod schemas;
mod screen;
mod source;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::{Args, ValueEnum, ValueHint};
use serde_json::json;

use super::stopping;
use crate::client::{Client, ClientError, Connect, NewTopic, Producer, ProducerOptions};
use crate::failure::Failure;
use crate::output::Output;
use crate::trips::Totals;
use broker::{AskedPorts, DemoBroker};
use load::Loaded;
use reader::ReadBack;
use schemas::Story;
use screen::Screen;
use source::TripSource;

/// Show it all.
#[derive(Debug, Args)]
#[command(after_help = "\
It starts a broker of its own, with its data in a temporary folder, makes a topic, writes taxi trips keyed by pickup
zone, reads them back with kcat, and fails unless trips and fares of every borough agree. The first trips are written once
more in Avro, with a schema that evolves, and read back with Python. Then trips go on flowing until Ctrl-C.

Examples:
  medallion demo --mode once
  medallion demo --trips yellow_tripdata_2019-03.parquet
  medallion demo --trips trips.csv --repeat 100")]
pub(crate) struct DemoArguments {
    /// Trips of New York's Taxi and Limousine Commission, CSV or Parquet [default: made up from a seed]
    #[arg(long, env = "TRIPS", value_name = "FILE", value_hint = ValueHint::FilePath, value_parser = file_or_nothing)]
    trips: Option<OptionalPath>,
    /// How many times the file is read, each time five weeks later
    #[arg(long, env = "REPEAT", default_value = "1", value_name = "TIMES", value_parser = times)]
    repeat: u64,
    /// How many trips are made up when there is no file
    #[arg(long, default_value = "100000", value_name = "TRIPS", value_parser = clap::value_parser!(u64).range(1..))]
    count: u64,
    /// What the trips are made up from; the same seed gives the same trips
    #[arg(long, default_value = "1")]
    seed: u64,
    /// Whether trips go on flowing afterwards
    #[arg(long, env = "DEMO", value_enum, default_value = "flow")]
    mode: Mode,
    /// How many trips a second flow then
    #[arg(long, default_value = "20", value_name = "TRIPS", value_parser = clap::value_parser!(u64).range(1..=10_000))]
    rate: u64,
    /// The broker's port; the controller takes the next one [default: 9092, or free ones when it is taken]
    #[arg(long)]
    port: Option<u16>,
    /// The port of the broker's metrics [default: 8080, or a free one when it is taken]
    #[arg(long)]
    metrics_port: Option<u16>,
    /// The port of the schema registry [default: 8081, or a free one when it is taken]
    #[arg(long)]
    registry_port: Option<u16>,
    /// Keep the broker's data in this folder instead of a temporary one
    #[arg(long, value_hint = ValueHint::DirPath)]
    data: Option<PathBuf>,
    /// Use a running cluster instead of starting a broker; its topic trips is deleted first
    #[arg(long, value_name = "ADDRESS", conflicts_with_all = ["port", "metrics_port", "registry_port", "data"])]
    cluster: Option<String>,
    /// The schema registry of the running cluster [default: nothing is shown of schemas]
    #[arg(long, value_name = "URL", requires = "cluster")]
    registry: Option<String>,
}

/// A path; an empty one, as `TRIPS=` gives it, counts as none.
type OptionalPath = Option<PathBuf>;

#[expect(clippy::unnecessary_wraps, reason = "the signature is clap's")]
fn file_or_nothing(text: &str) -> Result<OptionalPath, std::convert::Infallible> {
    Ok((!text.is_empty()).then(|| PathBuf::from(text)))
}

/// A count from 1 on; an empty one, as `REPEAT=` gives it, is 1.
fn times(text: &str) -> Result<u64, String> {
    match text {
        "" => Ok(1),
        _ => text
            .parse()
            .ok()
            .filter(|times| *times > 0)
            .ok_or_else(|| "it must be a number from 1 on".to_owned()),
    }
}

/// Whether the demo ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Mode {
    /// End when the sums have been compared
    Once,
    /// Let trips flow until Ctrl-C
    #[value(alias = "")]
    Flow,
}

const TOPIC: &str = "trips";
const PARTITIONS: i32 = 6;

/// Runs `medallion demo`.
pub(crate) async fn run(arguments: DemoArguments, output: &Output) -> anyhow::Result<()> {
    let screen = Screen::new(output);
    screen.title("Medallion", "taxi trips in, somebody else's client reads them back");
    let file = arguments.trips.clone().flatten();
    let mut source = TripSource::open(file.as_deref(), arguments.repeat, arguments.seed, arguments.count)?;
    screen.step("trips", &source.describe());
    let broker = match &arguments.cluster {
        Some(address) => DemoBroker::running(address, arguments.registry.as_deref()),
        None => {
            let asked = AskedPorts {
                broker: arguments.port,
                metrics: arguments.metrics_port,
                registry: arguments.registry_port,
            };
            DemoBroker::start(asked, arguments.data.clone()).await?
        }
    };
    screen.step("broker", &broker.describe());
    let shown = tokio::select! {
        result = show(&arguments, &mut source, &broker, &screen) => result,
        () = stopping() => Err(Interrupted.into()),
    };
    let result = match shown {
        Ok(mut producer) if arguments.mode == Mode::Flow => {
            source.go_on_for_ever();
            load::flow(&mut source, &mut producer, &broker, arguments.rate, &screen).await
        }
        other => other.map(drop),
    };
    let has_failed = result.as_ref().is_err_and(|error| !error.is::<Interrupted>());
    broker.stop(has_failed).await?;
    result
}

async fn show(
    arguments: &DemoArguments,
    source: &mut TripSource,
    broker: &DemoBroker,
    screen: &Screen,
) -> anyhow::Result<Producer> {
    let memory_before = broker.resident_bytes();
    let client = Client::connect(&Connect::to(broker.address())?).await?;
    make_topic(&client).await?;
    screen.step("topic", &format!("{TOPIC}, {PARTITIONS} partitions, keyed by pickup zone, values in JSON"));
    let mut producer = Producer::open(client, TOPIC, ProducerOptions::default()).await?;
    let loaded = load::all(source, &mut producer, screen).await?;
    screen.step("written", &loaded.describe(source.skipped()));
    let read = reader::read_back(broker.address(), TOPIC, loaded.totals.sum().trips).await?;
    screen.step("read", &read.describe());
    let story = tell_of_schemas(arguments, broker, screen).await?;
    let memory = Memory { before: memory_before, after: broker.resident_bytes() };
    if screen.is_json() {
        screen.value(&as_json(&loaded, &read, story.as_ref(), &memory, broker))?;
    } else {
        screen.totals(&loaded.totals, &read.totals);
    }
    compare(&loaded.totals, &read)?;
    screen.result(&loaded, &read, &memory);
    screen.where_to_look(broker, TOPIC, arguments.mode == Mode::Flow);
    Ok(producer)
}

/// The first trips once more, in Avro.
async fn tell_of_schemas(
    arguments: &DemoArguments,
    broker: &DemoBroker,
    screen: &Screen,
) -> anyhow::Result<Option<Story>> {
    let Some(registry) = broker.registry() else { return Ok(None) };
    let file = arguments.trips.clone().flatten();
    let mut source = TripSource::open(file.as_deref(), 1, arguments.seed, arguments.count)?;
    let mut trips = Vec::new();
    while trips.len() < schemas::TRIPS_MAX
        && let Some(trip) = source.next()?
    {
        trips.push(trip);
    }
    Ok(Some(schemas::show(broker.address(), registry, &trips, screen).await?))
}

/// Somebody pressed Ctrl-C before the sums were compared.
#[derive(Debug, thiserror::Error)]
#[error("interrupted before the sums were compared")]
struct Interrupted;

/// What the broker's process takes.
#[derive(Debug, Clone, Copy)]
struct Memory {
    before: Option<u64>,
    after: Option<u64>,
}

/// A fresh topic. Trips of years ago must not be deleted at once for their age.
async fn make_topic(client: &Client) -> anyhow::Result<()> {
    match client.delete_topic(TOPIC).await {
        Ok(())
        | Err(ClientError::Refused {
            error: medallion_wire::ResponseError::UnknownTopicOrPartition, ..
        }) => {}
        Err(error) => return Err(error.into()),
    }
    let topic = NewTopic {
        name: TOPIC.to_owned(),
        partitions: Some(PARTITIONS),
        replication_factor: Some(1),
        configs: BTreeMap::from([("retention.ms".to_owned(), "-1".to_owned())]),
        ..NewTopic::default()
    };
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        match client.create_topic(&topic, false).await {
            // The old topic is still being deleted.
            Err(ClientError::Refused {
                error: medallion_wire::ResponseError::TopicAlreadyExists, ..
            }) if Instant::now() < deadline => {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            other => return other.context("cannot make the topic trips"),
        }
    }
}

/// Fails unless all that went in came out.
fn compare(written: &Totals, read: &ReadBack) -> anyhow::Result<()> {
    if read.strays > 0 {
        let message = format!("{} records that came out are no trips of this demo", read.strays);
        return Err(Failure::new(message, "does something else write to the topic trips?").into());
    }
    if *written != read.totals {
        let message = "what came out is not what went in";
        return Err(Failure::new(
            message,
            "this is a bug in Medallion, or something else writes to the topic",
        )
        .into());
    }
    Ok(())
}

fn as_json(
    loaded: &Loaded,
    read: &ReadBack,
    story: Option<&Story>,
    memory: &Memory,
    broker: &DemoBroker,
) -> serde_json::Value {
    let boroughs: Vec<_> = loaded
        .totals
        .0
        .iter()
        .map(|(borough, written)| {
            let read = read.totals.0.get(borough).copied().unwrap_or_default();
            json!({
                "borough": borough,
                "trips_written": written.trips,
                "trips_read": read.trips,
                "fares_written": written.fares,
                "fares_read": read.fares,
            })
        })
        .collect();
    json!({
        "boroughs": boroughs,
        "agree": loaded.totals == read.totals && read.strays == 0,
        "schemas": story.map(Story::to_json),
        "written": loaded.summary,
        "reader": read.client,
        "read_seconds": read.took.as_secs_f64(),
        "first_answer_ms": broker.first_answer().map(|took| took.as_secs_f64() * 1000.0),
        "resident_bytes_before": memory.before,
        "resident_bytes_after": memory.after,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trips::Cents;

    fn read_back(totals: Totals, strays: u64) -> ReadBack {
        ReadBack { client: "kcat".to_owned(), is_foreign: true, totals, strays, took: Duration::ZERO }
    }

    #[test]
    fn a_single_cent_makes_the_difference() {
        let mut written = Totals::default();
        written.add(132, Cents(5200));
        assert!(compare(&written, &read_back(written.clone(), 0)).is_ok());
        assert!(compare(&written, &read_back(written.clone(), 1)).is_err());
        let mut other = Totals::default();
        other.add(132, Cents(5201));
        assert!(compare(&written, &read_back(other, 0)).is_err());
    }

    #[test]
    fn empty_variables_count_as_none() {
        assert_eq!((times(""), times("3")), (Ok(1), Ok(3)));
        assert!(times("0").is_err() && times("x").is_err());
        assert_eq!(file_or_nothing("").unwrap(), None);
        assert_eq!(file_or_nothing("a").unwrap(), Some(PathBuf::from("a")));
    }
}
