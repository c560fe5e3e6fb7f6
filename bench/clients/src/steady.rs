//! The Rust client at a steady rate, writing and reading at once: how long anybody had to wait.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use medallion_client::{
    Client, Consumer, ConsumerSettings, Error, Producer, ProducerInterceptor, ProducerSettings, Record,
};
use medallion_wire::TopicPartition;
use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::Load;

/// How many bytes a second.
const RATE: u64 = 100_000_000;
const TICK: Duration = Duration::from_millis(2);

/// The longest time between two events.
#[derive(Clone, Default)]
struct Gap(Arc<Mutex<(Option<Instant>, Duration)>>);

impl Gap {
    fn note(&self) {
        let now = Instant::now();
        let mut gap = self.0.lock();
        if let Some(before) = gap.0.replace(now) {
            gap.1 = gap.1.max(now - before);
        }
    }

    fn longest_ms(&self) -> f64 {
        self.0.lock().1.as_secs_f64() * 1000.0
    }
}

impl ProducerInterceptor for Gap {
    fn on_outcome(&self, _: &TopicPartition, _: usize, outcome: Result<(), &Error>) {
        if outcome.is_ok() {
            self.note();
        }
    }
}

/// Sends at [`RATE`] to all partitions in turn while another task reads; the waits of both.
#[tokio::main]
pub(crate) async fn run(load: &Load) -> anyhow::Result<Value> {
    if load.size < 8 {
        bail!("a record must have room for its time: 8 bytes at least");
    }
    let began = Instant::now();
    let reading = tokio::spawn(read(open_consumer(load)?, load.records, began));
    let acks = Gap::default();
    let mut properties = vec![("bootstrap.servers".to_owned(), load.bootstrap.clone())];
    properties.extend(load.settings.iter().cloned());
    let (client, producer) = ProducerSettings::from_properties(properties)?;
    let producer = Producer::builder(&Client::new(client)?, producer).interceptor(acks.clone()).build()?;
    let longest_send = write(load, &producer, began).await?;
    producer.flush().await;
    let written_in = began.elapsed();
    let (records_gap, mut latencies_ms) = reading.await??;
    latencies_ms.sort_by(f64::total_cmp);
    let at = |share: f64| latencies_ms[((latencies_ms.len() - 1) as f64 * share) as usize];
    Ok(json!({
        "megabytes_per_second": (load.records * load.size as u64) as f64 / 1e6 / written_in.as_secs_f64(),
        "longest_send_ms": longest_send.as_secs_f64() * 1000.0,
        "longest_without_ack_ms": acks.longest_ms(),
        "longest_without_records_ms": records_gap,
        "end_to_end_p50_ms": at(0.5),
        "end_to_end_p99_ms": at(0.99),
        "end_to_end_max_ms": at(1.0),
    }))
}

async fn write(load: &Load, producer: &Producer, began: Instant) -> anyhow::Result<Duration> {
    let mut values = load.values();
    let per_second = RATE as f64 / load.size as f64;
    let (mut sent, mut longest) = (0, Duration::ZERO);
    let mut ticks = tokio::time::interval(TICK);
    while sent < load.records {
        ticks.tick().await;
        let due = ((began.elapsed().as_secs_f64() * per_second) as u64).min(load.records);
        while sent < due {
            let value = &mut values[(sent % crate::VALUES as u64) as usize];
            value[..8].copy_from_slice(&(began.elapsed().as_micros() as u64).to_be_bytes());
            let partition = (sent % load.partitions as u64) as i32;
            let asked = Instant::now();
            drop(producer.send(Record::to(&load.topic).partition(partition).value(&*value)).await?);
            longest = longest.max(asked.elapsed());
            sent += 1;
        }
    }
    Ok(longest)
}

fn open_consumer(load: &Load) -> anyhow::Result<Consumer> {
    let properties = [("bootstrap.servers", load.bootstrap.as_str()), ("max.poll.records", "5000")];
    let (client, consumer) = ConsumerSettings::from_properties(properties)?;
    let consumer = Consumer::new(&Client::new(client)?, consumer)?;
    let partitions: Vec<_> =
        (0..load.partitions).map(|index| TopicPartition::new(load.topic.as_str(), index)).collect();
    consumer.assign(partitions.iter().cloned());
    for partition in &partitions {
        consumer.seek(partition, 0)?;
    }
    Ok(consumer)
}

/// The longest time without records in milliseconds, and each record's from its send to here.
async fn read(consumer: Consumer, count: u64, began: Instant) -> anyhow::Result<(f64, Vec<f64>)> {
    let gap = Gap::default();
    let mut latencies_ms = Vec::with_capacity(usize::try_from(count)?);
    while (latencies_ms.len() as u64) < count {
        let batches = consumer.poll(Duration::from_secs(30)).await?;
        if batches.is_empty() {
            bail!("{} of {count} records came", latencies_ms.len());
        }
        gap.note();
        let now = began.elapsed().as_micros() as u64;
        for record in batches.iter().flatten() {
            let value = record.value.context("a record without a value")?;
            let sent = u64::from_be_bytes(value[..8].try_into()?);
            latencies_ms.push(now.saturating_sub(sent) as f64 / 1000.0);
        }
    }
    Ok((gap.longest_ms(), latencies_ms))
}
