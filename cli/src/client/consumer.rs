//! Records out: assigned partitions, each from its own offset.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use medallion_wire::messages::fetch_request::{FetchPartition, FetchTopic};
use medallion_wire::messages::fetch_response::{FetchableTopicResponse, PartitionData};
use medallion_wire::messages::{self, FetchRequest, FetchResponse};
use medallion_wire::{BrokerId, LeaderEpoch, Offset, ProducerId, ResponseError, TopicId, TopicPartition};
use tokio::time::sleep;

use super::ClientError;
use super::batch::{self, DecodedBatch};
use super::cluster::{Client, OffsetAt, topic_name};
use super::metadata::{Metadata, group_by_leader};
use super::record::ConsumedRecord;

const BACKOFF: Duration = Duration::from_millis(200);
const READ_COMMITTED: i8 = 1;

/// How a [`Consumer`] works.
#[derive(Debug, Clone)]
pub(crate) struct ConsumerOptions {
    /// Leaves out what belongs to open and aborted transactions.
    pub(crate) read_committed: bool,
    /// How long the broker waits for records when there are none.
    pub(crate) wait_max: Duration,
    /// Bytes of one answer, and of one partition in it.
    pub(crate) fetch_bytes_max: i32,
    /// How long a broker may be away before that is an error.
    pub(crate) patience: Duration,
}

impl Default for ConsumerOptions {
    fn default() -> Self {
        Self {
            read_committed: false,
            wait_max: Duration::from_millis(500),
            fetch_bytes_max: 4 << 20,
            patience: Duration::from_secs(30),
        }
    }
}

/// Reads assigned partitions.
#[derive(Debug)]
pub(crate) struct Consumer {
    client: Client,
    metadata: Metadata,
    topics: BTreeSet<String>,
    positions: BTreeMap<TopicPartition, Offset>,
    options: ConsumerOptions,
    failing_since: Option<Instant>,
    /// What the next call says: records came before it.
    failure: Option<ClientError>,
}

impl Consumer {
    /// A consumer that reads each of the partitions from its offset on.
    pub(crate) fn new(
        client: Client,
        metadata: Metadata,
        positions: BTreeMap<TopicPartition, Offset>,
        options: ConsumerOptions,
    ) -> Self {
        let topics = positions.keys().map(|partition| partition.topic.to_string()).collect();
        Self { client, metadata, topics, positions, options, failing_since: None, failure: None }
    }

    /// The offset of the next record of each partition.
    pub(crate) fn positions(&self) -> &BTreeMap<TopicPartition, Offset> {
        &self.positions
    }

    /// Reads no further in a partition.
    pub(crate) fn unassign(&mut self, partition: &TopicPartition) {
        self.positions.remove(partition);
    }

    /// The next records, in order within each partition; none when there are none for a while. A broker that is away
    /// or no longer leads is asked again for some time. What comes beside a failure is handed out, and the failure, if
    /// it is for good, by the next call.
    pub(crate) async fn poll(&mut self) -> Result<Vec<ConsumedRecord>, ClientError> {
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        let mut records = Vec::new();
        let failure = match self.fetch_all(&mut records).await {
            Ok(()) => {
                self.failing_since = None;
                None
            }
            Err(error) if error.is_retriable() => self.recover(error, records.is_empty()).await,
            Err(error) => Some(error),
        };
        match failure {
            Some(failure) if records.is_empty() => Err(failure),
            failure => {
                self.failure = failure;
                Ok(records)
            }
        }
    }

    /// Asks again who leads what; gives the error back when that has not helped for long.
    async fn recover(&mut self, error: ClientError, waits: bool) -> Option<ClientError> {
        let since = *self.failing_since.get_or_insert_with(Instant::now);
        if since.elapsed() > self.options.patience {
            return Some(error);
        }
        if waits {
            sleep(BACKOFF).await;
        }
        let names: Vec<&str> = self.topics.iter().map(String::as_str).collect();
        if let Ok(metadata) = self.client.metadata(Some(&names), false).await {
            self.metadata = metadata;
        }
        None
    }

    /// Asks each leader once. An error of one leader or partition does not cost what the others have sent.
    async fn fetch_all(&mut self, records: &mut Vec<ConsumedRecord>) -> Result<(), ClientError> {
        let groups = group_by_leader(&self.metadata, self.positions.keys().cloned())?;
        // One leader after the other: only with a single one may the broker wait long.
        let wait = if groups.len() == 1 { self.options.wait_max } else { Duration::from_millis(50) };
        let mut first = Ok(());
        for (leader, partitions) in groups {
            let taken = match self.fetch(leader, &partitions, wait).await {
                Ok(response) => take_response(
                    response,
                    &self.metadata,
                    &mut self.positions,
                    self.options.read_committed,
                    records,
                ),
                Err(error) => Err(error),
            };
            first = first.and(taken);
        }
        match first {
            Err(error) => Err(self.with_bounds(error).await),
            Ok(()) => Ok(()),
        }
    }

    async fn fetch(
        &mut self,
        leader: BrokerId,
        partitions: &[TopicPartition],
        wait: Duration,
    ) -> Result<FetchResponse, ClientError> {
        let mut topics: BTreeMap<&str, Vec<FetchPartition>> = BTreeMap::new();
        for partition in partitions {
            let offset = self.positions.get(partition).copied().unwrap_or(Offset::ZERO);
            topics.entry(&partition.topic).or_default().push(
                FetchPartition::default()
                    .with_partition(partition.partition.get())
                    .with_current_leader_epoch(LeaderEpoch::NONE.get())
                    .with_fetch_offset(offset.get())
                    .with_partition_max_bytes(self.options.fetch_bytes_max),
            );
        }
        let mut request = FetchRequest::default()
            .with_replica_id(messages::BrokerId(-1))
            .with_max_wait_ms(i32::try_from(wait.as_millis()).unwrap_or(i32::MAX))
            .with_min_bytes(1)
            .with_max_bytes(self.options.fetch_bytes_max)
            .with_isolation_level(if self.options.read_committed { READ_COMMITTED } else { 0 })
            .with_session_id(0)
            .with_session_epoch(-1);
        for (name, partitions) in topics {
            let id = self.metadata.topic(name)?.id;
            request.topics.push(
                FetchTopic::default()
                    .with_topic(topic_name(name))
                    .with_topic_id(id.0)
                    .with_partitions(partitions),
            );
        }
        let response = self.client.call_broker(leader, |_| request).await?;
        ClientError::check(response.error_code, || "fetch".to_owned(), None)?;
        Ok(response)
    }

    /// An offset outside of the log is told with the offsets that the log has.
    async fn with_bounds(&mut self, error: ClientError) -> ClientError {
        let ClientError::OffsetOutOfRange { topic, partition, offset, .. } = error else { return error };
        let asked = TopicPartition::new(topic.as_str(), partition);
        let mut bounds = [Offset(-1); 2];
        for (bound, at) in bounds.iter_mut().zip([OffsetAt::Earliest, OffsetAt::Latest]) {
            let found = self.client.offsets(&self.metadata, std::slice::from_ref(&asked), at, 0).await;
            match found {
                Ok(offsets) => *bound = offsets.into_values().flatten().next().unwrap_or(*bound),
                Err(error) => return error,
            }
        }
        let [start, end] = bounds.map(Offset::get);
        ClientError::OffsetOutOfRange { topic, partition, offset, start, end }
    }
}

/// Takes all records of an answer and moves the positions behind them. The first error of a partition is given back
/// when the others have been taken; the bounds of [`ClientError::OffsetOutOfRange`] are not known here and -1.
fn take_response(
    response: FetchResponse,
    metadata: &Metadata,
    positions: &mut BTreeMap<TopicPartition, Offset>,
    read_committed: bool,
    records: &mut Vec<ConsumedRecord>,
) -> Result<(), ClientError> {
    let mut first = Ok(());
    for topic in response.responses {
        let Some(name) = topic_of(&topic, metadata) else { continue };
        for data in topic.partitions {
            let partition = TopicPartition::new(Arc::clone(&name), data.partition_index);
            let Some(position) = positions.get(&partition).copied() else { continue };
            let taken = check_partition(&partition, position, data.error_code)
                .and_then(|()| take_partition(&partition, position, data, read_committed, records));
            let taken = taken.map(|next| {
                positions.insert(partition, next);
            });
            first = first.and(taken);
        }
    }
    first
}

/// The topic's name, by its id where the answer has no name.
fn topic_of(topic: &FetchableTopicResponse, metadata: &Metadata) -> Option<Arc<str>> {
    if !topic.topic.is_empty() {
        return Some(topic.topic.as_str().into());
    }
    let id = TopicId(topic.topic_id);
    metadata.topics.iter().find(|known| known.id == id).map(|known| Arc::clone(&known.name))
}

fn check_partition(partition: &TopicPartition, position: Offset, code: i16) -> Result<(), ClientError> {
    if code == ResponseError::OffsetOutOfRange.code() {
        return Err(ClientError::OffsetOutOfRange {
            topic: partition.topic.to_string(),
            partition: partition.partition.get(),
            offset: position.get(),
            start: -1,
            end: -1,
        });
    }
    ClientError::check(code, || partition.to_string(), None)
}

/// Takes a partition's records from `position` on; gives the position behind them.
fn take_partition(
    partition: &TopicPartition,
    position: Offset,
    data: PartitionData,
    read_committed: bool,
    records: &mut Vec<ConsumedRecord>,
) -> Result<Offset, ClientError> {
    let mut aborted: Vec<(ProducerId, Offset)> = Vec::new();
    if read_committed {
        let listed = data.aborted_transactions.unwrap_or_default();
        aborted.extend(listed.iter().map(|one| (ProducerId(one.producer_id.0), Offset(one.first_offset))));
        aborted.sort_by_key(|(_, first_offset)| *first_offset);
    }
    let mut filter = AbortedFilter { aborted, next: 0, open: HashSet::new() };
    let mut position = position;
    for batch in batch::decode(data.records.unwrap_or_default(), partition)? {
        let is_visible = filter.is_visible(&batch);
        if is_visible {
            let wanted = batch.records.into_iter().filter(|(offset, _)| *offset >= position);
            records.extend(wanted.map(|(offset, record)| ConsumedRecord {
                partition: partition.clone(),
                offset,
                record,
            }));
        }
        position = position.max(batch.last_offset.next());
    }
    Ok(position)
}

/// Hides control batches and what was aborted, by the list that the broker sends along.
struct AbortedFilter {
    aborted: Vec<(ProducerId, Offset)>,
    next: usize,
    open: HashSet<ProducerId>,
}

impl AbortedFilter {
    fn is_visible(&mut self, batch: &DecodedBatch) -> bool {
        while let Some((producer_id, _)) =
            self.aborted.get(self.next).filter(|(_, first_offset)| *first_offset <= batch.last_offset)
        {
            self.open.insert(*producer_id);
            self.next += 1;
        }
        if batch.is_control {
            if batch.is_abort_marker {
                self.open.remove(&batch.producer_id);
            }
            return false;
        }
        !(batch.is_transactional && self.open.contains(&batch.producer_id))
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::super::batch::{BatchProducer, Compression};
    use super::super::record::Record;
    use super::*;

    #[test]
    fn an_error_of_one_partition_costs_no_records_of_the_others() {
        let record = Record { value: Some(Bytes::from("x")), ..Record::default() };
        let batch = batch::encode(&[record], Compression::None, BatchProducer::NONE, 0).unwrap();
        let answer = |index: i32, error: i16, records: Option<Bytes>| {
            PartitionData::default().with_partition_index(index).with_error_code(error).with_records(records)
        };
        let lost = ResponseError::NotLeaderOrFollower.code();
        let partitions =
            vec![answer(0, 0, Some(batch.clone())), answer(1, lost, None), answer(2, 0, Some(batch))];
        let topic = FetchableTopicResponse::default().with_topic(topic_name("t")).with_partitions(partitions);
        let response = FetchResponse::default().with_responses(vec![topic]);
        let metadata = Metadata { cluster_id: None, brokers: Vec::new(), topics: Vec::new() };
        let mut positions: BTreeMap<_, _> =
            (0..3).map(|index| (TopicPartition::new("t", index), Offset::ZERO)).collect();
        let mut records = Vec::new();
        let error = take_response(response, &metadata, &mut positions, false, &mut records).unwrap_err();
        assert!(error.is_retriable() && error.to_string().contains("t-1"), "{error}");
        assert_eq!(records.len(), 2);
        assert_eq!(positions.into_values().collect::<Vec<_>>(), [Offset(1), Offset(0), Offset(1)]);
    }

    fn batch(producer_id: i64, last_offset: i64, is_control: bool, is_abort_marker: bool) -> DecodedBatch {
        DecodedBatch {
            last_offset: Offset(last_offset),
            producer_id: ProducerId(producer_id),
            is_transactional: true,
            is_control,
            is_abort_marker,
            records: Vec::new(),
        }
    }

    #[test]
    fn aborted_batches_are_hidden_until_their_marker() {
        let mut filter =
            AbortedFilter { aborted: vec![(ProducerId(7), Offset(2))], next: 0, open: HashSet::new() };
        assert!(filter.is_visible(&batch(7, 1, false, false)), "an earlier, committed transaction");
        assert!(!filter.is_visible(&batch(7, 3, false, false)), "the aborted one");
        assert!(filter.is_visible(&batch(8, 4, false, false)), "another producer");
        assert!(!filter.is_visible(&batch(7, 5, true, true)), "the marker itself");
        assert!(filter.is_visible(&batch(7, 6, false, false)), "the next transaction");
    }
}
