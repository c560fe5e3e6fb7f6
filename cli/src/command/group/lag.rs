//! How far groups are behind: in records, and in time, as [`medallion_group::lag`] has it.

use std::collections::BTreeMap;
use std::time::Duration;

use medallion_group::lag;
use medallion_wire::{Offset, TopicPartition};
use serde::Serialize;

use crate::client::{Client, ClientError, Connect, Consumer, ConsumerOptions, OffsetAt};
use crate::time::now_ms;

/// Enough for one record of most topics; the broker sends a larger first batch whole.
const PROBE_BYTES: i32 = 1 << 16;
/// How long the oldest unread records are waited for.
const PROBE_WAIT: Duration = Duration::from_secs(3);

/// Where a group stands in one partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct PartitionLag {
    pub(super) topic: String,
    pub(super) partition: i32,
    /// The next offset that the group reads.
    pub(super) committed: i64,
    /// The offset behind the last record.
    pub(super) end: i64,
    /// Records that are not read yet, as far as offsets tell.
    pub(super) lag: i64,
    /// How long ago the oldest of them that is still there was written; 0 without lag, `None` where its time is not known.
    pub(super) lag_ms: Option<i64>,
    /// Who reads the partition.
    pub(super) member: Option<String>,
}

/// Where a group stands in every partition for which it has committed, `readers` being who reads what.
pub(super) async fn of_group(
    client: &Client,
    group: &str,
    connect: &Connect,
    readers: &BTreeMap<TopicPartition, String>,
) -> Result<Vec<PartitionLag>, ClientError> {
    let committed = client.committed(group).await?;
    let topics: Vec<&str> = {
        let mut topics: Vec<&str> = committed.keys().map(|partition| &*partition.topic).collect();
        topics.dedup();
        topics
    };
    if topics.is_empty() {
        return Ok(Vec::new());
    }
    let metadata = client.metadata(Some(&topics)).await?;
    let exists = |partition: &&TopicPartition| {
        metadata.topic(&partition.topic).is_ok_and(|topic| topic.partition(partition.partition).is_some())
    };
    let partitions: Vec<TopicPartition> = committed.keys().filter(exists).cloned().collect();
    let ends = client.offsets(&partitions, OffsetAt::Latest, false).await?;
    let starts = client.offsets(&partitions, OffsetAt::Earliest, false).await?;
    let offset_of = |offsets: &BTreeMap<TopicPartition, Option<Offset>>, partition: &TopicPartition| {
        offsets.get(partition).copied().flatten().unwrap_or(Offset::ZERO)
    };
    let end = |partition: &TopicPartition| offset_of(&ends, partition);
    let behind: BTreeMap<TopicPartition, Offset> = partitions
        .iter()
        .filter_map(|partition| {
            let offset = committed.get(partition)?.get();
            let first = Offset(lag::first_unread(offset, offset_of(&starts, partition).get()));
            (first < end(partition)).then(|| (partition.clone(), first))
        })
        .collect();
    let oldest = oldest_unread(connect, behind).await?;
    let now_ms = now_ms();
    let lags = partitions.iter().filter_map(|partition| {
        let committed = *committed.get(partition)?;
        let lag = lag::records(committed.get(), end(partition).get());
        Some(PartitionLag {
            topic: partition.topic.to_string(),
            partition: partition.partition.get(),
            committed: committed.get(),
            end: end(partition).get(),
            lag,
            lag_ms: lag::time_ms(lag, oldest.get(partition).copied(), now_ms),
            member: readers.get(partition).cloned(),
        })
    });
    Ok(lags.collect())
}

/// When the first record at or behind each offset was written.
async fn oldest_unread(
    connect: &Connect,
    behind: BTreeMap<TopicPartition, Offset>,
) -> Result<BTreeMap<TopicPartition, i64>, ClientError> {
    let mut oldest = BTreeMap::new();
    if behind.is_empty() {
        return Ok(oldest);
    }
    let client = Client::connect(connect).await?;
    let options = ConsumerOptions {
        fetch_bytes_max: PROBE_BYTES,
        wait_max: Duration::from_millis(100),
        ..ConsumerOptions::default()
    };
    let mut consumer = Consumer::new(client, behind, options)?;
    let deadline = std::time::Instant::now() + PROBE_WAIT;
    while !consumer.positions().is_empty() && std::time::Instant::now() < deadline {
        let records = match consumer.poll().await {
            Ok(records) => records,
            // It was deleted since its log was asked where it begins.
            Err(ClientError::OffsetOutOfRange { topic, partition, .. }) => {
                consumer.unassign(&TopicPartition::new(topic.as_str(), partition));
                continue;
            }
            Err(error) => return Err(error),
        };
        for record in records {
            if let std::collections::btree_map::Entry::Vacant(entry) = oldest.entry(record.partition.clone())
            {
                let _ = entry.insert(record.record.timestamp_ms);
                consumer.unassign(&record.partition);
            }
        }
    }
    Ok(oldest)
}
