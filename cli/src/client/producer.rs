//! Records in, to one topic: the client's producer, with what commands tell of it.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use medallion_client::config::Acks as ClientAcks;
use medallion_client::{
    Error, ProducerInterceptor, ProducerMetrics, ProducerSettings, Record as ClientRecord,
};
use medallion_wire::records::{Compression as Codec, Header};
use medallion_wire::{PartitionIndex, TopicPartition};
use tokio::time::timeout;

use super::ClientError;
use super::cluster::{Client, Latencies};
use super::record::Record;

/// How long a topic may take to be made.
const TOPIC_PATIENCE: Duration = Duration::from_secs(10);
/// Larger records than a broker usually takes: it is the broker that says what is too large.
const REQUEST_BYTES_MAX: usize = 16 << 20;
const BUFFER_BYTES: usize = 64 << 20;
const BATCH_BYTES: usize = 256 << 10;

/// Who must have a record before it counts as written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Acks {
    /// Nobody: the broker does not answer.
    #[value(name = "0")]
    None,
    /// The leader.
    #[value(name = "1")]
    Leader,
    /// All in-sync replicas.
    #[default]
    All,
}

/// The codec of a batch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Compression {
    #[default]
    None,
    Gzip,
    Snappy,
    Lz4,
    Zstd,
}

impl Compression {
    fn codec(self) -> Codec {
        match self {
            Self::None => Codec::None,
            Self::Gzip => Codec::Gzip,
            Self::Snappy => Codec::Snappy,
            Self::Lz4 => Codec::Lz4,
            Self::Zstd => Codec::Zstd,
        }
    }
}

/// How a [`Producer`] works.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ProducerOptions {
    /// Who must have a record.
    pub(crate) acks: Acks,
    /// The codec of the batches.
    pub(crate) compression: Compression,
}

impl ProducerOptions {
    fn settings(self) -> ProducerSettings {
        let acks = match self.acks {
            Acks::None => ClientAcks::None,
            Acks::Leader => ClientAcks::Leader,
            Acks::All => ClientAcks::All,
        };
        ProducerSettings::default()
            .acks(acks)
            .enable_idempotence(self.acks == Acks::All)
            .compression_type(self.compression.codec())
            .batch_size(BATCH_BYTES)
            .buffer_memory(BUFFER_BYTES)
            .max_request_size(REQUEST_BYTES_MAX)
            .delivery_timeout(Duration::from_mins(1))
    }
}

/// What a [`Producer`] has done so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct ProducerStatistics {
    /// Acknowledged records (sent ones with `acks=0`).
    pub(crate) records: u64,
    /// Bytes of their batches.
    pub(crate) batch_bytes: u64,
    /// From sending a produce request to its answer, one for each request.
    pub(crate) ack_latencies: Vec<Duration>,
}

/// The first error of any record.
#[derive(Debug, Clone, Default)]
struct FirstError(Arc<OnceLock<Error>>);

impl ProducerInterceptor for FirstError {
    fn on_outcome(&self, _: &TopicPartition, _: usize, outcome: Result<(), &Error>) {
        if let Err(error) = outcome {
            let _ = self.0.set(error.clone());
        }
    }
}

/// Sends records to one topic.
#[derive(Debug)]
pub(crate) struct Producer {
    producer: medallion_client::Producer,
    topic: String,
    first_error: FirstError,
    latencies: Latencies,
    /// What has been told already.
    told: ProducerMetrics,
}

impl Producer {
    /// A producer to `topic`, which is made by the broker if that is allowed there.
    pub(crate) async fn open(
        client: Client,
        topic: &str,
        options: ProducerOptions,
    ) -> Result<Self, ClientError> {
        let unknown = || ClientError::UnknownTopic { topic: topic.to_owned() };
        let known = timeout(TOPIC_PATIENCE, client.client.topic(topic)).await.map_err(|_| unknown())?;
        known.map_err(|error| ClientError::about(error, format!("topic {topic}")))?;
        let first_error = FirstError::default();
        let builder = medallion_client::Producer::builder(&client.client, options.settings());
        let producer = builder.interceptor(first_error.clone()).build()?;
        let told = ProducerMetrics::default();
        Ok(Self { producer, topic: topic.to_owned(), first_error, latencies: client.latencies, told })
    }

    /// Takes a record, and waits for room. The partition is the named one, that of the key, or any.
    pub(crate) async fn send(
        &mut self,
        record: Record,
        partition: Option<PartitionIndex>,
    ) -> Result<(), ClientError> {
        self.check()?;
        let mut outgoing = ClientRecord::to(&self.topic).timestamp(record.timestamp_ms);
        outgoing.partition = partition;
        outgoing.key = record.key.as_deref();
        outgoing.value = record.value.as_deref();
        outgoing.headers =
            record.headers.iter().map(|(name, value)| Header::new(name, value.as_deref())).collect();
        // Whether it was written shows in the first error and in the counts.
        drop(self.producer.send(outgoing).await?);
        Ok(())
    }

    /// Sends what has been gathered and waits until all is acknowledged.
    pub(crate) async fn flush(&mut self) -> Result<(), ClientError> {
        self.producer.flush().await;
        self.check()
    }

    /// What has been done since the last time.
    pub(crate) fn take_statistics(&mut self) -> ProducerStatistics {
        let now = self.producer.metrics();
        let before = std::mem::replace(&mut self.told, now);
        ProducerStatistics {
            records: now.records_acknowledged - before.records_acknowledged,
            batch_bytes: now.batch_bytes_sent - before.batch_bytes_sent,
            ack_latencies: self.latencies.take(),
        }
    }

    fn check(&self) -> Result<(), ClientError> {
        self.first_error.0.get().map_or(Ok(()), |error| Err(error.clone().into()))
    }
}
