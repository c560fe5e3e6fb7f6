//! The steps `read`, `offsets_for_time`, `committed` and `commit`.

use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Headers, Message};
use serde_json::json;

use crate::Answer;
use crate::step::{Record, Step, config, offset_or_none, to_hex};

const PATIENCE: Duration = Duration::from_secs(30);

/// A consumer that assigns partitions to itself; the library asks for a group all the same.
fn consumer(bootstrap: &str, group: &str, step: &Step) -> Result<BaseConsumer, KafkaError> {
    config(bootstrap)
        .set("group.id", group)
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .set("auto.offset.reset", "error")
        .set("isolation.level", step.isolation.as_deref().unwrap_or("read_uncommitted"))
        .set("fetch.message.max.bytes", (4 << 20).to_string())
        .create()
}

pub fn read(bootstrap: &str, step: &Step) -> Answer {
    let client = consumer(bootstrap, "none", step)?;
    client.assign(&step.offsets_of([(step.partition, step.from)]))?;
    let (mut records, deadline) = (Vec::new(), step.deadline());
    while Instant::now() < deadline {
        match client.poll(Duration::from_millis(200)) {
            Some(Ok(message)) => {
                records.push(record_of(&message));
                if message.offset() + 1 >= step.until {
                    break;
                }
            }
            // Records that nobody sees may stand at the end.
            Some(Err(KafkaError::PartitionEOF(_))) if at_end(&client, step)? => break,
            Some(Err(error)) if !passes(&error) => return Err(error.into()),
            _ => {}
        }
    }
    Ok(json!({ "records": records }))
}

fn at_end(client: &BaseConsumer, step: &Step) -> Result<bool, KafkaError> {
    let position = client.position()?;
    let found = position.find_partition(&step.topic, step.partition);
    Ok(found.is_some_and(|partition| offset_or_none(partition.offset()) >= step.until))
}

/// Whether the library goes on by itself after this.
fn passes(error: &KafkaError) -> bool {
    use RDKafkaErrorCode::{AllBrokersDown, BrokerTransportFailure};
    matches!(error, KafkaError::PartitionEOF(_))
        || matches!(error.rdkafka_error_code(), Some(AllBrokersDown | BrokerTransportFailure))
}

fn record_of(message: &BorrowedMessage<'_>) -> Record {
    let headers = message.headers().into_iter().flat_map(Headers::iter);
    Record {
        offset: message.offset(),
        timestamp: message.timestamp().to_millis(),
        key: message.key().map(to_hex),
        value: message.payload().map(to_hex),
        headers: headers.map(|header| (header.key.to_owned(), header.value.map(to_hex))).collect(),
    }
}

pub fn offsets_for_time(bootstrap: &str, step: &Step) -> Answer {
    let client = consumer(bootstrap, "none", step)?;
    let found = client.offsets_for_times(step.offsets_of([(step.partition, step.timestamp)]), PATIENCE)?;
    let partition = found.find_partition(&step.topic, step.partition).ok_or("no answer")?;
    partition.error()?;
    Ok(json!({ "offset": offset_or_none(partition.offset()) }))
}

pub fn committed(bootstrap: &str, step: &Step) -> Answer {
    let found = consumer(bootstrap, &step.group, step)?.committed_offsets(step.all_partitions(), PATIENCE)?;
    let offsets: Vec<_> =
        found.elements().iter().map(|partition| offset_or_none(partition.offset())).collect();
    Ok(json!({ "offsets": offsets }))
}

/// Commits as one who is no member.
pub fn commit(bootstrap: &str, step: &Step) -> Answer {
    consumer(bootstrap, &step.group, step)?
        .commit(&step.offsets_of(step.offsets.iter().copied()), CommitMode::Sync)?;
    Ok(json!({}))
}
