//! Trips in: all at once, and then at a gentle rate.

use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::time::{MissedTickBehavior, interval};

use super::broker::DemoBroker;
use super::screen::Screen;
use super::source::TripSource;
use crate::client::{Producer, ProducerStatistics, Record};
use crate::command::produce::{Summary, percentile_ms};
use crate::command::stopping;
use crate::output::{bytes, counted, thousands};
use crate::time::now_ms;
use crate::trips::{Totals, Trip};

/// What has been written.
#[derive(Debug)]
pub(super) struct Loaded {
    /// Trips and fares by borough, counted before they were sent.
    pub(super) totals: Totals,
    /// How fast, and how soon acknowledged.
    pub(super) summary: Summary,
}

impl Loaded {
    /// In words.
    pub(super) fn describe(&self, skipped: u64) -> String {
        let mut text = format!(
            "{}, {}, acknowledged by all in-sync replicas",
            counted(self.totals.sum().trips, "trip"),
            bytes(self.summary.bytes)
        );
        if skipped > 0 {
            text = format!("{text} ({} without time, zone or fare left out)", counted(skipped, "row"));
        }
        text
    }
}

/// Writes all trips of the source, as fast as they are acknowledged.
pub(super) async fn all(
    source: &mut TripSource,
    producer: &mut Producer,
    screen: &Screen,
) -> anyhow::Result<Loaded> {
    let progress = screen.progress(source.length());
    let mut totals = Totals::default();
    let started = Instant::now();
    let mut count = 0_u64;
    while let Some(trip) = source.next()? {
        totals.add(trip.pickup_location_id, trip.fare_amount);
        producer.send(record(&trip)?, None).await?;
        count += 1;
        if count.is_multiple_of(1024) {
            progress.set_position(count);
            progress.set_message(thousands(count));
        }
    }
    producer.flush().await?;
    let took = started.elapsed();
    progress.finish_and_clear();
    let statistics = producer.take_statistics();
    Ok(Loaded { totals, summary: Summary::new("trips", &statistics, took) })
}

/// Writes trips at a rate until the process is asked to stop, and tells how it goes.
pub(super) async fn flow(
    source: &mut TripSource,
    producer: &mut Producer,
    broker: &DemoBroker,
    rate: u64,
    screen: &Screen,
) -> anyhow::Result<()> {
    let mut ticks = interval(Duration::from_micros(1_000_000 / rate.max(1)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut stop = std::pin::pin!(stopping());
    let mut window = ProducerStatistics::default();
    let mut total = 0;
    let mut last = Instant::now();
    loop {
        tokio::select! {
            () = &mut stop => break,
            _ = ticks.tick() => {}
        }
        let Some(trip) = source.next()? else { break };
        producer.send(record(&trip)?, None).await?;
        producer.flush().await?;
        let sent = producer.take_statistics();
        total += sent.records;
        window.records += sent.records;
        window.ack_latencies.extend(sent.ack_latencies);
        if last.elapsed() >= screen.flow_interval() {
            let latencies = &window.ack_latencies;
            let (p50, p99) = (percentile_ms(latencies, 50), percentile_ms(latencies, 99));
            screen.flowing(total, rate, p50.unwrap_or(0.0), p99.unwrap_or(0.0), broker.resident_bytes());
            window = ProducerStatistics::default();
            last = Instant::now();
        }
    }
    screen.flow_ended(total);
    Ok(())
}

/// A trip as a record: the pickup zone is the key, JSON the value.
fn record(trip: &Trip) -> anyhow::Result<Record> {
    Ok(Record {
        key: Some(Bytes::from(trip.pickup_location_id.to_string())),
        value: Some(Bytes::from(serde_json::to_vec(trip)?)),
        headers: Vec::new(),
        timestamp_ms: now_ms(),
    })
}
