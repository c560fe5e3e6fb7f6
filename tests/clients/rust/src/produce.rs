//! The steps `produce` and `load`.

use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use rdkafka::ClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Header, Message, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer, ProducerContext, ThreadedProducer};
use serde_json::{Value, json};

use crate::Answer;
use crate::step::{Step, config, unhex};

/// Keeps what was acknowledged: partition, offset and the number that was given with the record.
#[derive(Default)]
struct Deliveries(Mutex<Delivered>);

#[derive(Default)]
struct Delivered {
    acknowledged: Vec<(i32, i64, usize)>,
    failures: Vec<String>,
}

impl ClientContext for Deliveries {}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = Box<usize>;

    fn delivery(&self, result: &DeliveryResult<'_>, number: Box<usize>) {
        let mut delivered = self.0.lock().expect("nobody panics with the lock");
        match result {
            Ok(message) => delivered.acknowledged.push((message.partition(), message.offset(), *number)),
            Err((error, _)) => delivered.failures.push(error.to_string()),
        }
    }
}

type Client = ThreadedProducer<Deliveries>;

fn producer(bootstrap: &str, step: &Step) -> Result<Client, KafkaError> {
    config(bootstrap)
        .set("acks", step.acks.as_deref().unwrap_or("all"))
        .set("enable.idempotence", step.idempotent.to_string())
        .set("compression.type", step.codec.as_deref().unwrap_or("none"))
        .set("message.max.bytes", (4 << 20).to_string())
        .set("linger.ms", step.linger_ms.unwrap_or(20).to_string())
        .set("retry.backoff.ms", "50")
        .set("message.timeout.ms", "60000")
        .create_with_context(Deliveries::default())
}

pub fn produce(bootstrap: &str, step: &Step) -> Answer {
    let client = producer(bootstrap, step)?;
    for (number, record) in step.records.iter().enumerate() {
        let (key, value) = (record.key.as_deref().map(unhex), record.value.as_deref().map(unhex));
        let mut sent = BaseRecord::with_opaque_to(&step.topic, Box::new(number)).partition(step.partition);
        if let Some(key) = &key {
            sent = sent.key(key);
        }
        if let Some(value) = &value {
            sent = sent.payload(value);
        }
        if let Some(timestamp) = record.timestamp {
            sent = sent.timestamp(timestamp);
        }
        let headers = record.headers.iter().fold(OwnedHeaders::new(), |headers, (key, value)| {
            headers.insert(Header { key, value: value.as_deref().map(unhex).as_ref() })
        });
        client.send(sent.headers(headers)).map_err(|(error, _)| error)?;
    }
    client.flush(Duration::from_secs(60))?;
    let delivered = client.context().0.lock().expect("nobody panics with the lock");
    if let Some(failure) = delivered.failures.first() {
        return Err(failure.clone().into());
    }
    let mut offsets = vec![-1; step.records.len()];
    for (_, offset, number) in &delivered.acknowledged {
        offsets[*number] = (*offset).max(-1);
    }
    Ok(json!({ "offsets": offsets }))
}

pub fn load(bootstrap: &str, step: &Step) -> Answer {
    let client = producer(bootstrap, step)?;
    let (started, deadline) = (Instant::now(), step.deadline());
    let partitions = usize::try_from(step.partitions)?;
    let mut number = 0_usize;
    while !step.is_stopped() && Instant::now() < deadline {
        let due = started + Duration::from_secs_f64(number as f64 / f64::from(step.rate.unwrap_or(1000)));
        thread::sleep(due.saturating_duration_since(Instant::now()));
        send(&client, step, i32::try_from(number % partitions)?, number)?;
        number += 1;
    }
    let unsent = client.flush(Duration::from_secs(60)).err().map_or(0, |_| client.in_flight_count());
    let delivered = client.context().0.lock().expect("nobody panics with the lock");
    let failed = delivered.failures.len() + usize::try_from(unsent)?;
    Ok::<Value, _>(json!({ "acknowledged": delivered.acknowledged, "failed": failed }))
}

/// Waits where the library's queue is full.
fn send(client: &Client, step: &Step, partition: i32, number: usize) -> Result<(), KafkaError> {
    let value = number.to_string();
    loop {
        let record: BaseRecord<'_, str, str, _> =
            BaseRecord::with_opaque_to(&step.topic, Box::new(number)).partition(partition).payload(&value);
        match client.send(record) {
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => {
                thread::sleep(Duration::from_millis(50))
            }
            sent => return sent.map_err(|(error, _)| error),
        }
    }
}
