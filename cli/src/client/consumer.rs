//! Records out: assigned partitions, each from its own offset, by the client's consumer.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use medallion_client::config::{IsolationLevel, OffsetReset};
use medallion_client::consumer::ConsumerRecord;
use medallion_client::{ConsumerSettings, Error};
use medallion_wire::{Offset, TopicPartition};

use super::ClientError;
use super::cluster::{Client, OffsetAt};
use super::record::{ConsumedRecord, Record};

/// How long the first records may take, with the connections that they need.
const FIRST_PATIENCE: Duration = Duration::from_secs(5);
/// How often the cluster is asked whether it is there while no records come.
const CHECK_EVERY: Duration = Duration::from_secs(5);
/// How long it may be away before that is an error.
const AWAY_PATIENCE: Duration = Duration::from_secs(30);
const RECORDS_MAX: u32 = 10_000;

/// How a [`Consumer`] works.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ConsumerOptions {
    /// Leaves out what belongs to open and aborted transactions.
    pub(crate) read_committed: bool,
    /// How long a call waits for records when there are none.
    pub(crate) wait_max: Duration,
    /// Bytes of one partition in one answer.
    pub(crate) fetch_bytes_max: i32,
}

impl Default for ConsumerOptions {
    fn default() -> Self {
        Self { read_committed: false, wait_max: Duration::from_millis(500), fetch_bytes_max: 4 << 20 }
    }
}

impl ConsumerOptions {
    fn settings(self) -> ConsumerSettings {
        let level =
            if self.read_committed { IsolationLevel::ReadCommitted } else { IsolationLevel::ReadUncommitted };
        ConsumerSettings::default()
            .isolation_level(level)
            .auto_offset_reset(OffsetReset::None)
            .max_partition_fetch_bytes(self.fetch_bytes_max)
            .max_poll_records(RECORDS_MAX)
    }
}

/// Reads assigned partitions.
#[derive(Debug)]
pub(crate) struct Consumer {
    client: Client,
    consumer: medallion_client::Consumer,
    positions: BTreeMap<TopicPartition, Offset>,
    options: ConsumerOptions,
    has_polled: bool,
    /// When the cluster was last known to be there.
    alive_at: Instant,
    away_since: Option<Instant>,
}

impl Consumer {
    /// A consumer that reads each of the partitions from its offset on.
    pub(crate) fn new(
        client: Client,
        positions: BTreeMap<TopicPartition, Offset>,
        options: ConsumerOptions,
    ) -> Result<Self, ClientError> {
        let consumer = medallion_client::Consumer::new(&client.client, options.settings())?;
        consumer.assign(positions.keys().cloned());
        for (partition, offset) in &positions {
            consumer.seek(partition, *offset)?;
        }
        let alive_at = Instant::now();
        Ok(Self { client, consumer, positions, options, has_polled: false, alive_at, away_since: None })
    }

    /// The offset of the next record of each partition.
    pub(crate) fn positions(&self) -> &BTreeMap<TopicPartition, Offset> {
        &self.positions
    }

    /// Reads no further in a partition.
    pub(crate) fn unassign(&mut self, partition: &TopicPartition) {
        self.positions.remove(partition);
        self.consumer.assign(self.positions.keys().cloned());
    }

    /// The next records, in order within each partition; none when there are none for a while. A broker that is away
    /// or no longer leads is asked again for some time.
    pub(crate) async fn poll(&mut self) -> Result<Vec<ConsumedRecord>, ClientError> {
        let first = if self.has_polled { Duration::ZERO } else { FIRST_PATIENCE };
        self.has_polled = true;
        let batches = match self.consumer.poll(self.options.wait_max.max(first)).await {
            Ok(batches) => batches,
            Err(error) => return Err(self.explain(error).await),
        };
        if batches.is_empty() {
            self.check().await?;
        } else {
            self.alive_at = Instant::now();
        }
        let mut records = Vec::new();
        for batch in batches {
            let partition = batch.partition().clone();
            records.extend(batch.into_iter().map(|record| consumed(&partition, record)));
        }
        for (partition, position) in &mut self.positions {
            // Markers of transactions and what compaction has taken are passed without a record.
            *position = self.consumer.position(partition).await?.offset;
        }
        Ok(records)
    }

    /// No records came: is that because nobody is there?
    async fn check(&mut self) -> Result<(), ClientError> {
        if self.alive_at.elapsed() < CHECK_EVERY {
            return Ok(());
        }
        match self.client.client.check().await {
            Ok(()) => (self.alive_at, self.away_since) = (Instant::now(), None),
            Err(error) => {
                let since = *self.away_since.get_or_insert_with(Instant::now);
                if since.elapsed() > AWAY_PATIENCE {
                    return Err(error.into());
                }
            }
        }
        Ok(())
    }

    /// An offset that is not there is told with those that are.
    async fn explain(&self, error: Error) -> ClientError {
        let Error::OffsetOutOfRange { partition, offset } = &error else { return error.into() };
        let one = [partition.clone()];
        let at = async |at| self.client.offsets(&one, at, false).await;
        let (Ok(starts), Ok(ends)) = (at(OffsetAt::Earliest).await, at(OffsetAt::Latest).await) else {
            return error.into();
        };
        let of = |offsets: &BTreeMap<TopicPartition, Option<Offset>>| {
            offsets.get(partition).copied().flatten().unwrap_or_default().get()
        };
        ClientError::OffsetOutOfRange {
            topic: partition.topic.to_string(),
            partition: partition.partition.get(),
            offset: offset.get(),
            start: of(&starts),
            end: of(&ends),
        }
    }
}

fn consumed(partition: &TopicPartition, record: ConsumerRecord) -> ConsumedRecord {
    let headers = record.headers.iter().map(|header| {
        let value = header.value.map(bytes::Bytes::copy_from_slice);
        (header.key_text().into_owned(), value)
    });
    ConsumedRecord {
        partition: partition.clone(),
        offset: record.offset,
        record: Record {
            headers: headers.collect(),
            key: record.key,
            value: record.value,
            timestamp_ms: record.timestamp,
        },
    }
}
