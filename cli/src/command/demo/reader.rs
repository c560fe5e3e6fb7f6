//! Trips out, by somebody else's client.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use crate::client::{Client, Connect, Consumer, ConsumerOptions, OffsetAt};
use crate::output::counted;
use crate::trips::{Totals, Trip};

/// Names that kcat goes by.
const NAMES: [&str; 2] = ["kcat", "kafkacat"];

/// What has been read.
#[derive(Debug)]
pub(super) struct ReadBack {
    /// Who read it.
    pub(super) client: String,
    /// Whether that is somebody else's client.
    pub(super) is_foreign: bool,
    /// Trips and fares by borough.
    pub(super) totals: Totals,
    /// Records that are no trips, or whose key is not their pickup zone.
    pub(super) strays: u64,
    /// How long that took.
    pub(super) took: Duration,
}

impl ReadBack {
    /// In words.
    pub(super) fn describe(&self) -> String {
        let count = counted(self.totals.sum().trips + self.strays, "trip");
        if self.is_foreign {
            format!("{count}, by {}", self.client)
        } else {
            format!("{count}, by Medallion's own client: kcat is not installed (apt install kcat)")
        }
    }

    fn add(&mut self, key: &[u8], value: &[u8]) {
        match Trip::zone_and_fare(value) {
            Some((zone, fare)) if zone.to_string().as_bytes() == key => self.totals.add(zone, fare),
            _ => self.strays += 1,
        }
    }
}

/// Reads the whole topic, by kcat where it is installed.
pub(super) async fn read_back(address: &str, topic: &str, expected: u64) -> anyhow::Result<ReadBack> {
    let started = Instant::now();
    let mut read = match kcat() {
        Some((name, version)) => {
            let (address, topic) = (address.to_owned(), topic.to_owned());
            tokio::task::spawn_blocking(move || by_kcat(name, &version, &address, &topic)).await??
        }
        None => by_own_client(address, topic, expected).await?,
    };
    read.took = started.elapsed();
    Ok(read)
}

/// The name and version of the kcat that is installed.
fn kcat() -> Option<(&'static str, String)> {
    NAMES.into_iter().find_map(|name| {
        let output = Command::new(name).arg("-V").output().ok()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let version = text.lines().find_map(|line| line.strip_prefix("Version "));
        Some((name, version.and_then(|rest| rest.split(' ').next()).unwrap_or_default().to_owned()))
    })
}

fn by_kcat(name: &str, version: &str, address: &str, topic: &str) -> anyhow::Result<ReadBack> {
    let mut child = Command::new(name)
        .args(["-C", "-q", "-e", "-o", "beginning", "-f", "%k\\t%s\\n", "-b", address, "-t", topic])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {name}"))?;
    let stdout = child.stdout.take().context("kcat has no output")?;
    let client = format!("{name} {version}").trim().to_owned();
    let mut read = ReadBack::empty(client, true);
    for line in BufReader::with_capacity(256 << 10, stdout).split(b'\n') {
        let line = line.context("cannot read what kcat prints")?;
        let split = line.iter().position(|byte| *byte == b'\t').unwrap_or(line.len());
        read.add(&line[..split], line.get(split + 1..).unwrap_or_default());
    }
    let output = child.wait_with_output().context("kcat did not end")?;
    if !output.status.success() {
        bail!("{name} failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(read)
}

async fn by_own_client(address: &str, topic: &str, expected: u64) -> anyhow::Result<ReadBack> {
    let client = Client::connect(&Connect::to(address)?).await?;
    let metadata = client.metadata(Some(&[topic])).await?;
    let partitions: Vec<_> = metadata
        .topic(topic)?
        .partitions
        .iter()
        .map(|partition| medallion_wire::TopicPartition::new(topic, partition.index))
        .collect();
    let earliest = client.offsets(&partitions, OffsetAt::Earliest, false).await?;
    let positions: BTreeMap<_, _> =
        earliest.into_iter().map(|(partition, offset)| (partition, offset.unwrap_or_default())).collect();
    let mut consumer = Consumer::new(client, positions, ConsumerOptions::default())?;
    let mut read = ReadBack::empty("medallion".to_owned(), false);
    // An empty answer means the end, or that trips are missing; the sums will tell.
    while read.totals.sum().trips + read.strays < expected {
        let records = consumer.poll().await?;
        if records.is_empty() {
            break;
        }
        for consumed in records {
            let record = consumed.record;
            read.add(record.key.as_deref().unwrap_or_default(), record.value.as_deref().unwrap_or_default());
        }
    }
    Ok(read)
}

impl ReadBack {
    fn empty(client: String, is_foreign: bool) -> Self {
        Self { client, is_foreign, totals: Totals::default(), strays: 0, took: Duration::ZERO }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_with_another_key_is_a_stray() {
        let mut read = ReadBack::empty("x".to_owned(), true);
        let trip = br#"{"pickup_location_id":132,"fare_amount":52.0}"#;
        read.add(b"132", trip);
        read.add(b"133", trip);
        read.add(b"132", b"hello");
        assert_eq!((read.totals.sum().trips, read.strays), (1, 2));
    }
}
