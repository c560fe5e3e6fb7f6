//! Produce (API 0): records into partitions.
//!
//! Appends are queued while the request is dispatched, so pipelined requests of one connection are written in the
//! order in which they were sent; the reply is built when all of them are done. Versions 0 to 2 are advertised,
//! because librdkafka refuses a broker that does not name them (KAFKA-18659), and refused.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use medallion_log::{AppendOrigin, AppendOutcome, AppendRequest};
use medallion_wire::ResponseError;
use medallion_wire::kafka_protocol::protocol::{Decodable, StrBytes};
use medallion_wire::messages::produce_request::TopicProduceData;
use medallion_wire::messages::produce_response::{
    BatchIndexAndErrorMessage, LeaderIdAndEpoch, PartitionProduceResponse, TopicProduceResponse,
};
use medallion_wire::messages::{ApiKey, ProduceRequest, ProduceResponse, TopicName};
use medallion_wire::records::{BatchHeader, Compression, LogEntryHeader, MAGIC_V2, RecordError};
use medallion_wire::types::{PartitionIndex, Uuid};
use tokio::sync::oneshot;

use super::authorize::Operation;
use super::context::{BrokerState, RequestContext};
use super::throttle::{RequestMeter, bandwidth_throttle_ms};
use super::topic_lookup::{find_topic, led_partition};
use crate::error::Refusal;
use crate::quota::QuotaKind;
use crate::replica::Partition;
use crate::replica::append_job::AppendJobs;
use crate::replica::append_time::AppendTime;
use crate::replica::partition::AppendReply;
use crate::server::connection::PendingReply;
use crate::server::reply::Reply;

/// The oldest version that is advertised; below [`SERVED_MIN`] every request is refused.
pub(crate) const ADVERTISED_MIN: i16 = 0;
/// The oldest version that is served.
pub(crate) const SERVED_MIN: i16 = 3;
/// The client id with which Kafka's own tools may write to internal topics.
const ADMIN_CLIENT_ID: &str = "__admin_client";
/// The first version whose responses name the current leader (KIP-951).
const CURRENT_LEADER_MIN: i16 = 10;
/// From this version on topics are named by id.
const TOPIC_IDS_MIN: i16 = 13;
/// The first version that may carry zstd (KIP-110).
const ZSTD_MIN: i16 = 7;

struct PendingTopic {
    name: TopicName,
    id: Uuid,
    partitions: Vec<(i32, PendingPartition)>,
}

enum PendingPartition {
    Queued(oneshot::Receiver<AppendReply>, Arc<Partition>),
    Settled(Result<AppendOutcome, Refused>),
}

/// Why records were refused, as the response tells it.
struct Refused {
    refusal: Refusal,
    /// Where the log begins; -1 where Kafka does not tell it.
    log_start_offset: i64,
}

impl Refused {
    /// By a partition that is there.
    fn by(partition: &Partition, mut refusal: Refusal) -> Self {
        let log_start_offset = match refusal.error {
            ResponseError::UnknownTopicOrPartition
            | ResponseError::UnknownTopicId
            | ResponseError::NotLeaderOrFollower
            | ResponseError::MessageTooLarge
            | ResponseError::RecordListTooLarge
            | ResponseError::CorruptMessage
            | ResponseError::KafkaStorageError
            | ResponseError::RequestTimedOut => -1,
            _ => partition.peek_reader().map_or(-1, |reader| reader.log_start_offset().get()),
        };
        blame_records(partition, &mut refusal);
        Self { refusal, log_start_offset }
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self { refusal, log_start_offset: -1 }
    }
}

/// Says which records are to blame in Kafka's words, as clients log them.
fn blame_records(partition: &Partition, refusal: &mut Refusal) {
    if refusal.records.is_empty() {
        return;
    }
    if refusal.error == ResponseError::InvalidTimestamp {
        let message = "One or more records have been rejected due to invalid timestamp";
        refusal.message = Some(message.to_owned());
        return;
    }
    for (_, message) in &mut refusal.records {
        let _ = write!(message, " in topic partition {}", partition.id());
    }
    let of =
        |(index, message): &(i32, String)| format!("RecordError(batchIndex={index}, message='{message}')");
    let first: Vec<_> = refusal.records.iter().take(3).map(of).collect();
    refusal.message = Some(format!(
        "One or more records have been rejected due to {} record errors in total, and only showing the first three \
         errors at most: [{}]",
        refusal.records.len(),
        first.join(", ")
    ));
}

/// Queues the appends of one request; the returned future builds the reply.
///
/// # Errors
/// A reason to close the connection.
pub(crate) fn start(
    state: Arc<BrokerState>,
    context: RequestContext,
    mut body: Bytes,
) -> Result<PendingReply, String> {
    if context.version < SERVED_MIN {
        return Err(format!("produce version {} is not served, the oldest is {SERVED_MIN}", context.version));
    }
    let mut meter = RequestMeter::start(&state, &context);
    let request = ProduceRequest::decode(&mut body, context.version).map_err(|error| error.to_string())?;
    let acks = request.acks;
    let timeout = Duration::from_millis(u64::try_from(request.timeout_ms).unwrap_or(0));
    let topics = queue(&state, &context, request, meter.append_time());
    meter.pause();
    Ok(Box::pin(async move {
        let answer = meter.measure(answer(&state, &context, topics, acks, timeout)).await;
        let throttle_ms = throttle_ms(&state, &context, &mut meter, acks);
        reply(&context, answer, throttle_ms)
    }))
}

/// Notes the request's bytes and time; how many milliseconds the client must wait. As in Kafka the time of `acks=0` does
/// not count.
fn throttle_ms(state: &BrokerState, context: &RequestContext, meter: &mut RequestMeter, acks: i16) -> i32 {
    let bandwidth_ms = bandwidth_throttle_ms(state, QuotaKind::Produce, context, context.size_bytes);
    let request_ms = if acks == 0 { 0 } else { meter.throttle_ms(state) };
    bandwidth_ms.max(request_ms)
}

fn queue(
    state: &BrokerState,
    context: &RequestContext,
    request: ProduceRequest,
    time: Option<AppendTime>,
) -> Vec<PendingTopic> {
    let acks = request.acks;
    let topic_data = once_each(request.topic_data);
    let refusal_of_all = refusal_of_all(&topic_data, request.transactional_id.is_some());
    let mut jobs = AppendJobs::timed(time);
    let mut topics = Vec::with_capacity(topic_data.len());
    for topic in topic_data {
        let mut partitions = Vec::with_capacity(topic.partition_data.len());
        for data in topic.partition_data {
            let pending = if let Some(refusal) = &refusal_of_all {
                Err(refusal.clone().into())
            } else {
                let records =
                    PartitionRecords { index: data.index, records: data.records.unwrap_or_default(), acks };
                queue_partition(state, context, (&topic.name, topic.topic_id), records, &mut jobs)
            };
            partitions.push((
                data.index,
                pending.unwrap_or_else(|refused| PendingPartition::Settled(Err(refused))),
            ));
        }
        topics.push(PendingTopic { name: topic.name, id: topic.topic_id, partitions });
    }
    topics
}

/// The topics that have partitions, each of them once. What is said last of a partition counts, as in Kafka.
fn once_each(topics: Vec<TopicProduceData>) -> Vec<TopicProduceData> {
    let is_plain = |topics: &[TopicProduceData]| topics.len() == 1 && topics[0].partition_data.len() == 1;
    if is_plain(&topics) {
        return topics;
    }
    let mut merged: Vec<TopicProduceData> = Vec::with_capacity(topics.len());
    let mut topic_places: HashMap<(TopicName, Uuid), usize> = HashMap::with_capacity(topics.len());
    let mut partition_places: HashMap<(usize, i32), usize> = HashMap::new();
    for mut topic in topics {
        let data = std::mem::take(&mut topic.partition_data);
        if data.is_empty() {
            continue;
        }
        let place = *topic_places.entry((topic.name.clone(), topic.topic_id)).or_insert(merged.len());
        if place == merged.len() {
            merged.push(topic);
        }
        let partitions = &mut merged[place].partition_data;
        for one in data {
            match partition_places.entry((place, one.index)) {
                Entry::Occupied(known) => partitions[*known.get()] = one,
                Entry::Vacant(new) => {
                    new.insert(partitions.len());
                    partitions.push(one);
                }
            }
        }
    }
    merged
}

/// What is wrong with one partition's records and refuses those of all: bytes that are no records, and a batch of a
/// transaction without a transactional id.
fn refusal_of_all(topics: &[TopicProduceData], has_transactional_id: bool) -> Option<Refusal> {
    let records =
        topics.iter().flat_map(|topic| &topic.partition_data).filter_map(|data| data.records.as_ref());
    for records in records {
        match LogEntryHeader::parse(records) {
            Err(RecordError::UnsupportedMagic { magic, .. }) => {
                let reason = format!("Invalid magic found in record: {magic}");
                return Some(Refusal::new(ResponseError::CorruptMessage, reason));
            }
            Ok(entry)
                if entry.size_bytes <= records.len()
                    && !has_transactional_id
                    && is_transactional(records) =>
            {
                let error = ResponseError::TransactionalIdAuthorizationFailed;
                return Some(Refusal::new(error, "records of a transaction need a transactional id"));
            }
            Ok(_) | Err(_) => {}
        }
    }
    None
}

fn is_transactional(records: &Bytes) -> bool {
    BatchHeader::parse(records).is_ok_and(|header| header.is_transactional())
}

/// What a request holds for one partition.
struct PartitionRecords {
    index: i32,
    records: Bytes,
    acks: i16,
}

/// Checks what can be checked before the log is asked, in Kafka's order.
fn queue_partition(
    state: &BrokerState,
    context: &RequestContext,
    (name, id): (&TopicName, Uuid),
    PartitionRecords { index, records, acks }: PartitionRecords,
    jobs: &mut AppendJobs,
) -> Result<PendingPartition, Refused> {
    if context.version >= TOPIC_IDS_MIN && id.is_nil() {
        return Err(Refusal::from(ResponseError::UnknownTopicId).into());
    }
    let image = state.image();
    let topic = find_topic(state, context, &image, name, id, Operation::Write).map_err(Refusal::from)?;
    if !topic.partitions.contains_key(&PartitionIndex(index)) {
        return Err(Refusal::from(ResponseError::UnknownTopicOrPartition).into());
    }
    check_one_batch(context.version, &records)?;
    if !(-1..=1).contains(&acks) {
        return Err(Refusal::from(ResponseError::InvalidRequiredAcks).into());
    }
    if crate::topics::is_internal(&topic.name) && context.client_id.as_deref() != Some(ADMIN_CLIENT_ID) {
        let reason = format!("Cannot append to internal topic {}", topic.name);
        return Err(Refusal::new(ResponseError::InvalidTopicException, reason).into());
    }
    let partition = led_partition(state, topic, index, -1).map_err(Refusal::from)?;
    if acks == -1 && partition.in_sync_replicas() < partition.min_insync_replicas() {
        return Err(Refused::by(&partition, ResponseError::NotEnoughReplicas.into()));
    }
    let directory = state.replicas.directory_of(topic.id, index.into());
    if directory.is_some_and(|directory| !directory.take_room(records.len())) {
        let reason = "the disk reserve is reached, writes are refused until there is room again";
        return Err(Refusal::new(ResponseError::KafkaStorageError, reason).into());
    }
    let request =
        AppendRequest { records, leader_epoch: partition.leader_epoch(), origin: AppendOrigin::Client };
    let durable = acks == -1 && state.config.load().acks_all_fsync;
    let receiver = partition.append_with(request, durable, jobs);
    Ok(PendingPartition::Queued(receiver, partition))
}

/// The checks of Kafka's `ProduceRequest.validateRecords`: one batch of magic 2, and zstd not before version 7.
fn check_one_batch(version: i16, records: &Bytes) -> Result<(), Refusal> {
    let invalid = |reason: &str| Err(Refusal::new(ResponseError::InvalidRecord, reason));
    let entry = match LogEntryHeader::parse(records) {
        Ok(entry) if entry.size_bytes <= records.len() => entry,
        Ok(_) | Err(RecordError::Truncated { .. }) => return invalid("there is no whole batch"),
        Err(error) => return Err(Refusal::new(ResponseError::CorruptMessage, error.to_string())),
    };
    if entry.magic != MAGIC_V2 {
        return invalid("only batches of magic 2 are taken");
    }
    if version < ZSTD_MIN && is_zstd(records) {
        let reason = format!("produce requests with version {version} must not use zstd");
        return Err(Refusal::new(ResponseError::UnsupportedCompressionType, reason));
    }
    let rest = &records[entry.size_bytes..];
    match LogEntryHeader::parse(rest) {
        Ok(next) if next.size_bytes <= rest.len() => invalid("it is not the only batch"),
        // Less than a batch is dropped.
        Ok(_) | Err(RecordError::Truncated { .. }) => Ok(()),
        Err(error) => Err(Refusal::new(ResponseError::CorruptMessage, error.to_string())),
    }
}

fn is_zstd(records: &Bytes) -> bool {
    let header = BatchHeader::parse(records);
    header.is_ok_and(|header| header.attributes.compression() == Some(Compression::Zstd))
}

/// What is told when all appends are done.
enum Answer {
    Response(ProduceResponse),
    /// `acks=0`: nothing, or why the connection is closed.
    Unacknowledged(Result<(), String>),
}

async fn answer(
    state: &BrokerState,
    context: &RequestContext,
    mut topics: Vec<PendingTopic>,
    acks: i16,
    timeout: Duration,
) -> Answer {
    settle(&mut topics, acks, timeout).await;
    let mut responses = Vec::with_capacity(topics.len());
    let mut failure: Option<(TopicName, i32, ResponseError)> = None;
    for mut topic in topics {
        let mut partitions = Vec::with_capacity(topic.partitions.len());
        for (index, pending) in std::mem::take(&mut topic.partitions) {
            match settled(pending) {
                Ok(outcome) => partitions.push(success(index, &outcome)),
                Err(refused) => {
                    let error = refused.refusal.error;
                    state.metrics.request_failed(ApiKey::Produce, error);
                    let mut response = refused_response(index, &refused);
                    if context.version >= CURRENT_LEADER_MIN && error == ResponseError::NotLeaderOrFollower {
                        response.current_leader = current_leader(state, &topic, index);
                    }
                    partitions.push(response);
                    failure.get_or_insert((topic.name.clone(), index, error));
                }
            }
        }
        responses.push(
            TopicProduceResponse::default()
                .with_name(topic.name)
                .with_topic_id(topic.id)
                .with_partition_responses(partitions),
        );
    }
    if acks == 0 {
        return Answer::Unacknowledged(failure.map_or(Ok(()), |(topic, index, error)| {
            Err(format!(
                "produce with acks=0 to {}-{index} failed with {error:?}; the client must look at its metadata again",
                topic.0
            ))
        }));
    }
    Answer::Response(ProduceResponse::default().with_responses(responses))
}

fn reply(context: &RequestContext, answer: Answer, throttle_ms: i32) -> Reply {
    let reply = match answer {
        Answer::Response(response) => {
            let response = response.with_throttle_time_ms(throttle_ms);
            Reply::encode(&response, context.version, context.correlation_id)
        }
        Answer::Unacknowledged(Ok(())) => Reply::Silent,
        Answer::Unacknowledged(Err(reason)) => Reply::Close(reason),
    };
    reply.throttled(throttle_ms)
}

/// Waits for all appends, the last one first: one job writes them in order, so that the task is woken once.
async fn settle(topics: &mut [PendingTopic], acks: i16, timeout: Duration) {
    let deadline = tokio::time::Instant::now() + timeout;
    for (_, pending) in topics.iter_mut().rev().flat_map(|topic| topic.partitions.iter_mut().rev()) {
        if let PendingPartition::Queued(receiver, partition) = pending {
            let outcome = outcome(receiver, acks, deadline).await;
            let outcome = outcome.map_err(|refusal| Refused::by(partition, refusal));
            *pending = PendingPartition::Settled(outcome);
        }
    }
}

async fn outcome(
    receiver: &mut oneshot::Receiver<AppendReply>,
    acks: i16,
    deadline: tokio::time::Instant,
) -> Result<AppendOutcome, Refusal> {
    let answered = if acks == -1 {
        tokio::time::timeout_at(deadline, receiver).await.map_err(|_| ResponseError::RequestTimedOut)?
    } else {
        receiver.await
    };
    match answered {
        Ok(Ok(outcome)) => Ok(outcome),
        Ok(Err(failure)) => Err(Refusal::from(failure)),
        Err(_) => Err(ResponseError::NotLeaderOrFollower.into()),
    }
}

fn settled(pending: PendingPartition) -> Result<AppendOutcome, Refused> {
    match pending {
        PendingPartition::Settled(outcome) => outcome,
        PendingPartition::Queued(..) => unreachable!("all appends were waited for"),
    }
}

fn success(index: i32, outcome: &AppendOutcome) -> PartitionProduceResponse {
    PartitionProduceResponse::default()
        .with_index(index)
        .with_base_offset(outcome.base_offset.get())
        .with_log_append_time_ms(outcome.log_append_time_ms.unwrap_or(-1))
        .with_log_start_offset(outcome.log_start_offset.get())
}

fn refused_response(index: i32, Refused { refusal, log_start_offset }: &Refused) -> PartitionProduceResponse {
    let record_errors = refusal.records.iter().map(|(batch_index, message)| {
        BatchIndexAndErrorMessage::default()
            .with_batch_index(*batch_index)
            .with_batch_index_error_message(Some(StrBytes::from_string(message.clone())))
    });
    PartitionProduceResponse::default()
        .with_index(index)
        .with_error_code(refusal.error.code())
        .with_base_offset(-1)
        .with_log_append_time_ms(-1)
        .with_log_start_offset(*log_start_offset)
        .with_record_errors(record_errors.collect())
        .with_error_message(refusal.message.clone().map(StrBytes::from_string))
}

fn current_leader(state: &BrokerState, topic: &PendingTopic, index: i32) -> LeaderIdAndEpoch {
    let image = state.image();
    let found = if topic.id.is_nil() {
        image.topics.by_name(&topic.name)
    } else {
        image.topics.by_id(topic.id.into())
    };
    match found.and_then(|topic| topic.partitions.get(&PartitionIndex(index))) {
        Some(registration) => LeaderIdAndEpoch::default()
            .with_leader_id(registration.leader.into())
            .with_leader_epoch(registration.leader_epoch.get()),
        None => LeaderIdAndEpoch::default(),
    }
}
