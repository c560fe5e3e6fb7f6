//! Records in: gathered for each partition, sent in rounds.
//!
//! A round is what has been gathered so far, one batch for each partition. While one round is under way the next is
//! gathered; a round is sent again until every batch of it is acknowledged, so the order within a partition stays.
//! With `acks=all` the producer is idempotent where the broker can be: a batch that is sent twice is kept once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use medallion_wire::messages::produce_request::{PartitionProduceData, TopicProduceData};
use medallion_wire::messages::{InitProducerIdRequest, ProduceRequest};
use medallion_wire::{BrokerId, PartitionIndex, ProducerEpoch, ProducerId, ResponseError, TopicPartition};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::ClientError;
use super::batch::{self, BatchProducer};
use super::cluster::{Client, RETRIES, RETRY_BACKOFF, topic_name};
use super::configs::{ConfigResource, ResourceType};
use super::metadata::{Metadata, TopicMetadata, group_by_leader};
use super::partitioner::partition_of_key;
use super::record::Record;

pub(crate) use super::batch::Compression;

const REQUEST_TIMEOUT_MS: i32 = 30_000;
/// What stands before the records of a batch.
const BATCH_HEADER_BYTES: usize = 61;
const BACKOFF_FIRST: Duration = Duration::from_millis(50);
const BACKOFF_MAX: Duration = Duration::from_secs(1);

/// Who must have a record before it counts as written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Acks {
    /// Nobody: the broker does not answer.
    #[value(name = "0")]
    None,
    /// The leader.
    #[value(name = "1")]
    Leader,
    /// All in-sync replicas.
    All,
}

impl Acks {
    fn code(self) -> i16 {
        match self {
            Self::None => 0,
            Self::Leader => 1,
            Self::All => -1,
        }
    }
}

/// How a [`Producer`] works.
#[derive(Debug, Clone)]
pub(crate) struct ProducerOptions {
    /// Who must have a record.
    pub(crate) acks: Acks,
    /// The codec of the batches.
    pub(crate) compression: Compression,
    /// A partition's batch is sent when it has grown to this.
    pub(crate) batch_bytes_max: usize,
    /// All partitions' batches are sent when they have grown to this together.
    pub(crate) round_bytes_max: usize,
    /// How long a round is tried before its records count as lost.
    pub(crate) delivery_timeout: Duration,
}

impl Default for ProducerOptions {
    fn default() -> Self {
        Self {
            acks: Acks::All,
            compression: Compression::None,
            batch_bytes_max: 256 << 10,
            round_bytes_max: 1 << 20,
            delivery_timeout: Duration::from_mins(1),
        }
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

/// Sends records to one topic.
#[derive(Debug)]
pub(crate) struct Producer {
    options: ProducerOptions,
    /// Absent while a round has them.
    sender: Option<Sender>,
    round: Option<JoinHandle<(Sender, Result<(), ClientError>)>>,
    gathered: Vec<Gathered>,
    gathered_bytes: usize,
    /// Where records without a key go until the round is sent.
    sticky: usize,
}

/// Records that wait for their round, of one partition.
#[derive(Debug, Default)]
struct Gathered {
    records: Vec<Record>,
    bytes: usize,
    next_sequence: i32,
}

/// What a round needs; it moves into the round's task and back.
#[derive(Debug)]
struct Sender {
    client: Client,
    metadata: Metadata,
    topic: TopicMetadata,
    options: ProducerOptions,
    producer: BatchProducer,
    statistics: ProducerStatistics,
}

/// An encoded batch on its way.
#[derive(Debug)]
struct Outgoing {
    batch: Bytes,
    records: u64,
}

impl Producer {
    /// A producer to `topic`, which is made by the broker if that is allowed there.
    pub(crate) async fn open(
        mut client: Client,
        topic: &str,
        options: ProducerOptions,
    ) -> Result<Self, ClientError> {
        let deadline = Instant::now() + Duration::from_secs(10);
        let metadata = loop {
            let metadata = client.metadata(Some(&[topic]), true).await?;
            let is_led = |topic: &TopicMetadata| topic.partitions.iter().all(|part| part.leader.is_some());
            if metadata.topic(topic).is_ok_and(is_led) || Instant::now() > deadline {
                break metadata;
            }
            sleep(Duration::from_millis(100)).await;
        };
        let topic = metadata.topic(topic)?.clone();
        let mut options = options;
        if let Some(limit) = batch_limit(&mut client, &topic.name).await {
            options.batch_bytes_max = options.batch_bytes_max.min(limit);
        }
        let producer = if options.acks == Acks::All {
            producer_identity(&mut client).await?
        } else {
            BatchProducer::NONE
        };
        let gathered = topic.partitions.iter().map(|_| Gathered::default()).collect();
        let sender = Sender {
            client,
            metadata,
            topic,
            options: options.clone(),
            producer,
            statistics: ProducerStatistics::default(),
        };
        Ok(Self { options, sender: Some(sender), round: None, gathered, gathered_bytes: 0, sticky: 0 })
    }

    /// Takes a record; sends what has been gathered when that is enough. The partition is the named one, that of the
    /// key, or any.
    pub(crate) async fn send(
        &mut self,
        record: Record,
        partition: Option<PartitionIndex>,
    ) -> Result<(), ClientError> {
        let index = match (partition, &record.key) {
            (Some(partition), _) => usize::try_from(partition.get()).unwrap_or(usize::MAX),
            (None, Some(key)) => partition_of_key(key, self.gathered.len()),
            (None, None) => self.sticky,
        };
        let bytes = record.size_bytes();
        let is_full = |gathered: &Gathered| gathered.bytes + bytes > self.options.batch_bytes_max;
        let has_room = match self.gathered.get(index) {
            Some(gathered) => gathered.records.is_empty() || !is_full(gathered),
            None => return Err(self.unknown_partition(index).await),
        };
        if !has_room || self.gathered_bytes > self.options.round_bytes_max {
            self.start_round().await?;
        }
        let gathered = &mut self.gathered[index];
        gathered.records.push(record);
        gathered.bytes += bytes;
        self.gathered_bytes += bytes;
        Ok(())
    }

    /// Sends what has been gathered and waits until all is acknowledged.
    pub(crate) async fn flush(&mut self) -> Result<(), ClientError> {
        self.start_round().await?;
        self.finish_round().await
    }

    /// What has been done since the last time, without a round that is under way.
    pub(crate) fn take_statistics(&mut self) -> ProducerStatistics {
        self.sender.as_mut().map(|sender| std::mem::take(&mut sender.statistics)).unwrap_or_default()
    }

    /// Waits for the round under way, then starts the next.
    async fn start_round(&mut self) -> Result<(), ClientError> {
        self.finish_round().await?;
        if self.gathered_bytes == 0 {
            return Ok(());
        }
        let Some(mut sender) = self.sender.take() else {
            let reason = "an earlier round ended without its connection".to_owned();
            return Err(ClientError::Malformed { what: "sending".to_owned(), reason });
        };
        let outgoing = match self.encode_gathered(&sender) {
            Ok(outgoing) => outgoing,
            Err(error) => {
                self.sender = Some(sender);
                return Err(error);
            }
        };
        self.sticky = (self.sticky + 1) % self.gathered.len().max(1);
        self.round = Some(tokio::spawn(async move {
            let result = sender.deliver(outgoing).await;
            (sender, result)
        }));
        Ok(())
    }

    /// Batches of all that has been gathered, which is then empty.
    fn encode_gathered(
        &mut self,
        sender: &Sender,
    ) -> Result<BTreeMap<TopicPartition, Outgoing>, ClientError> {
        let mut outgoing = BTreeMap::new();
        self.gathered_bytes = 0;
        for (partition, gathered) in sender.topic.partitions.iter().zip(&mut self.gathered) {
            if gathered.records.is_empty() {
                continue;
            }
            let records = std::mem::take(&mut gathered.records);
            let batch =
                batch::encode(&records, self.options.compression, sender.producer, gathered.next_sequence);
            gathered.bytes = 0;
            gathered.next_sequence = next_sequence(gathered.next_sequence, records.len());
            let partition = TopicPartition::new(Arc::clone(&sender.topic.name), partition.partition);
            outgoing.insert(partition, Outgoing { batch: batch?, records: records.len() as u64 });
        }
        Ok(outgoing)
    }

    /// Waits for the round under way; whoever gives up waiting may wait again.
    async fn finish_round(&mut self) -> Result<(), ClientError> {
        let Some(round) = self.round.as_mut() else { return Ok(()) };
        let joined = round.await;
        self.round = None;
        let (sender, result) = joined.map_err(|reason| ClientError::Malformed {
            what: "sending".to_owned(),
            reason: reason.to_string(),
        })?;
        self.sender = Some(sender);
        result
    }

    async fn unknown_partition(&mut self, index: usize) -> ClientError {
        if let Err(error) = self.finish_round().await {
            return error;
        }
        let topic = self.sender.as_ref().map_or_else(String::new, |sender| sender.topic.name.to_string());
        let partition = i32::try_from(index).unwrap_or(-1);
        ClientError::UnknownPartition { topic, partition, count: self.gathered.len() }
    }
}

impl Sender {
    /// Sends a round until every batch of it is acknowledged.
    async fn deliver(&mut self, mut outgoing: BTreeMap<TopicPartition, Outgoing>) -> Result<(), ClientError> {
        let deadline = Instant::now() + self.options.delivery_timeout;
        let mut backoff = BACKOFF_FIRST;
        loop {
            let failure = match self.send_once(&mut outgoing).await {
                Ok(()) if outgoing.is_empty() => return Ok(()),
                Ok(()) => None,
                Err(error) if error.is_retriable() => Some(error),
                Err(error) => return Err(error),
            };
            if Instant::now() + backoff > deadline {
                return Err(failure.unwrap_or_else(|| self.gave_up(&outgoing)));
            }
            sleep(backoff).await;
            backoff = (backoff * 2).min(BACKOFF_MAX);
            let name = Arc::clone(&self.topic.name);
            if let Ok(metadata) = self.client.metadata(Some(&[&*name]), false).await {
                self.metadata = metadata;
            }
        }
    }

    /// One request to each leader; what is acknowledged leaves `outgoing`.
    async fn send_once(
        &mut self,
        outgoing: &mut BTreeMap<TopicPartition, Outgoing>,
    ) -> Result<(), ClientError> {
        for (leader, partitions) in group_by_leader(&self.metadata, outgoing.keys().cloned())? {
            let request = self.request(&partitions, outgoing);
            let sent = Instant::now();
            if self.options.acks == Acks::None {
                self.client.send_to_broker(leader, &request).await?;
                for partition in &partitions {
                    self.acknowledge(outgoing.remove(partition));
                }
                continue;
            }
            self.send_to(leader, request, outgoing).await?;
            self.statistics.ack_latencies.push(sent.elapsed());
        }
        Ok(())
    }

    async fn send_to(
        &mut self,
        leader: BrokerId,
        request: ProduceRequest,
        outgoing: &mut BTreeMap<TopicPartition, Outgoing>,
    ) -> Result<(), ClientError> {
        let response = self.client.call_broker(leader, |_| request).await?;
        let mut first = Ok(());
        for answer in response.responses.iter().flat_map(|topic| &topic.partition_responses) {
            let partition = TopicPartition::new(Arc::clone(&self.topic.name), answer.index);
            let reason =
                answer.record_errors.first().and_then(|error| error.batch_index_error_message.clone());
            let message = answer.error_message.clone().or(reason);
            match ClientError::check(answer.error_code, || partition.to_string(), message.as_deref()) {
                Ok(()) => self.acknowledge(outgoing.remove(&partition)),
                // An earlier attempt was written and its answer lost.
                Err(ClientError::Refused { error: ResponseError::DuplicateSequenceNumber, .. }) => {
                    self.acknowledge(outgoing.remove(&partition));
                }
                Err(error) if error.is_retriable() => {}
                // The others may have been written, which counts.
                Err(error) => first = first.and(Err(error)),
            }
        }
        first
    }

    fn acknowledge(&mut self, outgoing: Option<Outgoing>) {
        if let Some(outgoing) = outgoing {
            self.statistics.records += outgoing.records;
            self.statistics.batch_bytes += outgoing.batch.len() as u64;
        }
    }

    fn request(
        &self,
        partitions: &[TopicPartition],
        outgoing: &BTreeMap<TopicPartition, Outgoing>,
    ) -> ProduceRequest {
        let data = |partition: &TopicPartition| {
            PartitionProduceData::default()
                .with_index(partition.partition.get())
                .with_records(outgoing.get(partition).map(|outgoing| outgoing.batch.clone()))
        };
        let topic = TopicProduceData::default()
            .with_name(topic_name(&self.topic.name))
            .with_topic_id(self.topic.id.0)
            .with_partition_data(partitions.iter().map(data).collect());
        ProduceRequest::default()
            .with_acks(self.options.acks.code())
            .with_timeout_ms(REQUEST_TIMEOUT_MS)
            .with_topic_data(vec![topic])
    }

    fn gave_up(&self, outgoing: &BTreeMap<TopicPartition, Outgoing>) -> ClientError {
        let (topic, partition) = outgoing
            .keys()
            .next()
            .map_or_else(|| (self.topic.name.to_string(), -1), |p| (p.topic.to_string(), p.partition.get()));
        ClientError::NoLeader { topic, partition }
    }
}

/// What a batch of the topic may take, with room for its header; `None` where the broker does not tell. A batch of
/// many small records must not be refused for being large.
async fn batch_limit(client: &mut Client, topic: &str) -> Option<usize> {
    let resource = ConfigResource { kind: ResourceType::Topic, name: topic.to_owned() };
    let names = ["max.message.bytes".to_owned()];
    let entries = client.describe_configs(&resource, Some(&names), false).await.ok()?;
    let limit: usize = entries.iter().find(|entry| entry.name == names[0])?.value.as_ref()?.parse().ok()?;
    // What does not compress grows by a little.
    Some(limit.saturating_sub(limit / 64 + BATCH_HEADER_BYTES))
}

/// An id for an idempotent producer; none from a broker that does not give any.
async fn producer_identity(client: &mut Client) -> Result<BatchProducer, ClientError> {
    let request = InitProducerIdRequest::default()
        .with_transactional_id(None)
        .with_transaction_timeout_ms(60_000)
        .with_producer_id(medallion_wire::messages::ProducerId(-1))
        .with_producer_epoch(-1);
    let mut attempts = 0;
    loop {
        let response = match client.call_any(|_| request.clone()).await {
            Err(ClientError::UnsupportedApi { .. }) => return Ok(BatchProducer::NONE),
            other => other?,
        };
        match ClientError::check(response.error_code, || "the producer id".to_owned(), None) {
            Ok(()) => {
                let (id, epoch) =
                    (ProducerId(response.producer_id.0), ProducerEpoch(response.producer_epoch));
                return Ok(BatchProducer { id, epoch });
            }
            Err(error) if error.is_retriable() && attempts < RETRIES => attempts += 1,
            Err(error) => return Err(error),
        }
        sleep(RETRY_BACKOFF).await;
    }
}

/// Sequences go round from 2^31 - 1 to 0.
fn next_sequence(sequence: i32, records: usize) -> i32 {
    let sum = i64::from(sequence) + i64::try_from(records).unwrap_or(i64::MAX);
    i32::try_from(sum % (1 << 31)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences_go_round() {
        assert_eq!(next_sequence(0, 5), 5);
        assert_eq!(next_sequence(i32::MAX, 1), 0);
        assert_eq!(next_sequence(i32::MAX - 1, 3), 1);
    }
}
