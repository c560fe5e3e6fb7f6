//! By the Rust client.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, bail};
use medallion_client::{
    Client, Consumer, ConsumerSettings, Error, Producer, ProducerInterceptor, ProducerSettings, Record,
};
use medallion_wire::TopicPartition;

use crate::Load;

/// As Kafka's consumer has it in these measurements.
const POLL_RECORDS: &str = "5000";

#[derive(Clone, Default)]
struct Outcomes {
    written: Arc<AtomicU64>,
}

impl ProducerInterceptor for Outcomes {
    fn on_outcome(&self, _: &TopicPartition, records: usize, outcome: Result<(), &Error>) {
        if outcome.is_ok() {
            self.written.fetch_add(u64::try_from(records).unwrap_or(0), Ordering::Relaxed);
        }
    }
}

fn properties(load: &Load) -> Vec<(String, String)> {
    let mut properties = vec![("bootstrap.servers".to_owned(), load.bootstrap.clone())];
    properties.extend(load.settings.iter().cloned());
    properties
}

#[tokio::main]
pub(crate) async fn produce(load: &Load) -> anyhow::Result<u64> {
    let (client, producer) = ProducerSettings::from_properties(properties(load))?;
    let outcomes = Outcomes::default();
    let producer =
        Producer::builder(&Client::new(client)?, producer).interceptor(outcomes.clone()).build()?;
    let values = load.values();
    for value in values.iter().cycle().take(usize::try_from(load.records)?) {
        drop(producer.send(Record::to(&load.topic).value(value)).await?);
    }
    producer.flush().await;
    let written = outcomes.written.load(Ordering::Relaxed);
    if written != load.records {
        bail!("{written} of {} records were acknowledged", load.records);
    }
    Ok(written * u64::try_from(load.size)?)
}

#[tokio::main]
pub(crate) async fn read(load: &Load) -> anyhow::Result<u64> {
    let mut all = properties(load);
    all.push(("max.poll.records".to_owned(), POLL_RECORDS.to_owned()));
    let (client, consumer) = ConsumerSettings::from_properties(all)?;
    let consumer = Consumer::new(&Client::new(client)?, consumer)?;
    let partitions: Vec<_> =
        (0..load.partitions).map(|index| TopicPartition::new(load.topic.as_str(), index)).collect();
    consumer.assign(partitions.iter().cloned());
    for partition in &partitions {
        consumer.seek(partition, 0)?;
    }
    let (mut records, mut bytes) = (0, 0);
    while records < load.records {
        let batches = consumer.poll(Duration::from_secs(30)).await?;
        if batches.is_empty() {
            bail!("{records} of {} records came", load.records);
        }
        for batch in &batches {
            for record in batch {
                records += 1;
                bytes += record.value.map_or(0, <[u8]>::len);
            }
        }
    }
    u64::try_from(bytes).context("bytes")
}
