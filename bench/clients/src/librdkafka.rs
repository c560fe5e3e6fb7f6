//! By librdkafka, in the way that costs it least: no future and no allocation for a record, deliveries told by a callback.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::bail;
use rdkafka::client::ClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Message};
use rdkafka::producer::{BaseRecord, Producer, ProducerContext, ThreadedProducer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use crate::Load;

const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Clone, Default)]
struct Outcomes {
    written: Arc<AtomicU64>,
}

impl ClientContext for Outcomes {}

impl ProducerContext for Outcomes {
    type DeliveryOpaque = ();

    fn delivery(&self, outcome: &DeliveryResult<'_>, (): ()) {
        if outcome.is_ok() {
            self.written.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn config(load: &Load) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", &load.bootstrap);
    for (name, value) in &load.settings {
        config.set(name, value);
    }
    config
}

pub(crate) fn produce(load: &Load) -> anyhow::Result<u64> {
    let outcomes = Outcomes::default();
    let producer: ThreadedProducer<Outcomes> = config(load).create_with_context(outcomes.clone())?;
    let values = load.values();
    for value in values.iter().cycle().take(usize::try_from(load.records)?) {
        let mut record = BaseRecord::<(), [u8]>::to(&load.topic).payload(value);
        loop {
            match producer.send(record) {
                Ok(()) => break,
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                    record = back;
                    std::thread::sleep(Duration::from_millis(1));
                }
                Err((error, _)) => return Err(error.into()),
            }
        }
    }
    producer.flush(PATIENCE)?;
    let written = outcomes.written.load(Ordering::Relaxed);
    if written != load.records {
        bail!("{written} of {} records were acknowledged", load.records);
    }
    Ok(written * u64::try_from(load.size)?)
}

pub(crate) fn read(load: &Load) -> anyhow::Result<u64> {
    let mut config = config(load);
    // It needs the name of a group, which stays without members.
    config.set("group.id", "client-load").set("enable.auto.commit", "false");
    let consumer: BaseConsumer = config.create()?;
    let mut partitions = TopicPartitionList::new();
    for index in 0..load.partitions {
        partitions.add_partition_offset(&load.topic, index, Offset::Beginning)?;
    }
    consumer.assign(&partitions)?;
    let (mut records, mut bytes) = (0, 0_u64);
    while records < load.records {
        match consumer.poll(PATIENCE) {
            Some(message) => {
                records += 1;
                bytes += u64::try_from(message?.payload().map_or(0, <[u8]>::len))?;
            }
            None => bail!("{records} of {} records came", load.records),
        }
    }
    Ok(bytes)
}
