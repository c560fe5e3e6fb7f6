//! Trips out, by Python's consumer and Avro deserializer where they are installed.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail};
use medallion_client::config::OffsetReset;
use medallion_client::{Admin, Client, ClientSettings, Consumer, ConsumerSettings};
use medallion_serdes::avro::AvroDeserializer;
use medallion_serdes::{DeserializerSettings, RecordPart, RegistryClient};
use medallion_wire::TopicPartition;
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::TOPIC;
use crate::output::{counted, thousands};
use crate::trips::{Cents, Totals};

/// The interpreter that has confluent-kafka.
const PYTHON: &str = "MEDALLION_DEMO_PYTHON";
const SCRIPT: &str = include_str!("read_avro.py");
const PATIENCE: Duration = Duration::from_secs(60);

/// What has been read.
#[derive(Debug, Default)]
pub(super) struct AvroRead {
    /// Who read it.
    pub(super) client: String,
    is_foreign: bool,
    /// Trips and fares by borough.
    pub(super) totals: Totals,
    /// Trips by the id of the schema that they were written with.
    pub(super) by_schema: BTreeMap<i32, u64>,
    /// The sum of the tips.
    pub(super) tips: Cents,
}

impl AvroRead {
    /// In words.
    pub(super) fn describe(&self) -> String {
        let by_schema: Vec<String> = self
            .by_schema
            .iter()
            .map(|(id, count)| format!("{} with schema {id}", thousands(*count)))
            .collect();
        let count = counted(self.totals.sum().trips, "trip");
        let by = if self.is_foreign {
            format!("by {}", self.client)
        } else {
            "by Medallion's own client: confluent-kafka is not installed for Python".to_owned()
        };
        format!("{count}, {}, {by}", by_schema.join(" and "))
    }
}

/// A reader at work.
pub(super) enum Reading {
    /// Python's.
    Python { version: String, first: watch::Receiver<bool>, result: JoinHandle<anyhow::Result<Sums>> },
    /// Our own, which reads at the end.
    Own { bootstrap: String, count: usize },
}

/// The last line of the script.
#[derive(Debug, Deserialize)]
pub(super) struct Sums {
    zones: BTreeMap<u16, (u64, i64)>,
    schemas: BTreeMap<i32, u64>,
    tips: i64,
}

impl Reading {
    /// Starts Python's reader where it is installed.
    pub(super) async fn start(bootstrap: &str, registry_url: &str, count: usize) -> anyhow::Result<Self> {
        let python = std::env::var(PYTHON).unwrap_or_else(|_| "python3".to_owned());
        let spawned = Command::new(&python)
            .args(["-c", SCRIPT, bootstrap, registry_url, TOPIC, &count.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn();
        let own = Self::Own { bootstrap: bootstrap.to_owned(), count };
        let Ok(mut child) = spawned else { return Ok(own) };
        let stdout = child.stdout.take().context("Python has no output")?;
        let mut lines = BufReader::new(stdout).lines();
        // Without the library it ends before its first line.
        let version = match timeout(PATIENCE, lines.next_line()).await {
            Ok(Ok(Some(line))) => line.trim_start_matches("version ").to_owned(),
            _ => return Ok(own),
        };
        let (sender, first) = watch::channel(false);
        Ok(Self::Python { version, first, result: tokio::spawn(follow(child, lines, sender)) })
    }

    /// Waits until the reader has read something, so that what follows happens while it reads.
    pub(super) async fn wait_for_first(&self) -> anyhow::Result<()> {
        if let Self::Python { first, .. } = self {
            let mut first = first.clone();
            let waited = timeout(PATIENCE, first.wait_for(|has_read| *has_read)).await;
            waited.context("Python reads nothing")?.context("Python's reader has ended")?;
        }
        Ok(())
    }

    /// Waits until all is read.
    pub(super) async fn finish(self, registry: &RegistryClient) -> anyhow::Result<AvroRead> {
        match self {
            Self::Python { version, result, .. } => {
                let Sums { zones, schemas, tips } = result.await??;
                let mut totals = Totals::default();
                for (zone, (trips, cents)) in zones {
                    totals.add_many(zone, trips, Cents(cents));
                }
                let client = format!("Python's confluent-kafka {version}");
                Ok(AvroRead { client, is_foreign: true, totals, by_schema: schemas, tips: Cents(tips) })
            }
            Self::Own { bootstrap, count } => by_own_client(&bootstrap, registry, count).await,
        }
    }
}

/// Follows what the script prints.
async fn follow(
    child: Child,
    mut lines: Lines<BufReader<ChildStdout>>,
    first: watch::Sender<bool>,
) -> anyhow::Result<Sums> {
    let mut last = String::new();
    while let Some(line) = lines.next_line().await.context("cannot read what Python prints")? {
        first.send_if_modified(|has_read| !std::mem::replace(has_read, true));
        last = line;
    }
    let output = child.wait_with_output().await.context("Python did not end")?;
    if !output.status.success() {
        bail!("Python's reader failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    serde_json::from_str(&last).with_context(|| format!("Python's reader ended with {last:?}"))
}

/// It has to have the record's name.
#[derive(Debug, Deserialize)]
#[serde(rename = "Trip")]
struct ReadTrip {
    pickup_location_id: i32,
    fare_amount: f64,
    #[serde(default)]
    tip_amount: Option<f64>,
}

async fn by_own_client(bootstrap: &str, registry: &RegistryClient, count: usize) -> anyhow::Result<AvroRead> {
    let client = Client::new(ClientSettings::new(bootstrap))?;
    let described = Admin::new(&client).describe_topics(&[TOPIC]).await?;
    let topic = described.into_values().next().context("no answer")??;
    let settings = ConsumerSettings::default().auto_offset_reset(OffsetReset::Earliest);
    let consumer = Consumer::new(&client, settings)?;
    let numbers = topic.partitions.iter().map(|partition| partition.index.get());
    consumer.assign(numbers.map(|partition| TopicPartition::new(TOPIC, partition)));
    let deserializer = AvroDeserializer::new(registry, RecordPart::Value, DeserializerSettings::default())?;
    let mut read = AvroRead { client: "medallion".to_owned(), ..AvroRead::default() };
    while usize::try_from(read.totals.sum().trips).unwrap_or(usize::MAX) < count {
        let batches = consumer.poll(PATIENCE).await?;
        if batches.is_empty() {
            break;
        }
        for record in batches.iter().flatten() {
            let bytes = record.value.unwrap_or_default();
            let trip: ReadTrip = deserializer.deserialize(bytes).await?;
            let id = bytes.get(1..5).and_then(|id| Some(i32::from_be_bytes(id.try_into().ok()?)));
            *read.by_schema.entry(id.context("a record without schema")?).or_default() += 1;
            let fare = Cents::from_dollars(trip.fare_amount).context("a fare that is no amount")?;
            read.totals.add(u16::try_from(trip.pickup_location_id)?, fare);
            read.tips.0 += trip.tip_amount.and_then(Cents::from_dollars).unwrap_or_default().0;
        }
    }
    consumer.close().await;
    Ok(read)
}
