//! Fetch (API 1): record batches out of partitions, straight from the segments' files.
//!
//! Sessions (KIP-227) are kept by [`crate::replica::fetch_session`]. When less than `min_bytes` are there, the request
//! is parked on its partitions and woken by appends; it is evaluated again then, or when `max_wait_ms` have passed.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use medallion_wire::ResponseError;
use medallion_wire::kafka_protocol::protocol::Decodable;
use medallion_wire::messages::FetchRequest;
use medallion_wire::types::Uuid;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::authorize::Operation;
use super::context::{BrokerState, RequestContext};
use super::fetch_partition::{self, ReadLimits, ReadOutcome};
use super::fetch_reply;
use super::throttle::{RequestMeter, bandwidth_throttle_ms, fetch_bytes_max, note_fetched};
use super::topic_lookup::{find_topic, led_partition};
use crate::quota::QuotaKind;
use crate::replica::Partition;
use crate::replica::fetch_session::{
    FetchContext, FetchSession, PartitionKey, PartitionRequest, SessionRequest, TopicKey,
};
use crate::replica::fetch_waiter::FetchWaiter;
use crate::replica::partition::OPENING_WAIT_MAX;
use crate::server::connection::PendingReply;
use crate::server::reply::Reply;

/// From this version on topics are named by id.
const TOPIC_IDS_MIN: i16 = 13;
/// The epoch that means none, as all below it do.
const NO_EPOCH: i32 = -1;
/// The replica id of a tool that may read up to the log's end.
const DEBUGGING_CONSUMER: i32 = -2;

/// What a request asks for, after its session was looked up.
struct Fetch {
    wanted: Vec<Wanted>,
    limits: ReadLimits,
    min_bytes: usize,
    deadline: Instant,
}

struct Wanted {
    key: PartitionKey,
    request: PartitionRequest,
    /// `None` below version 13 when the topic is unknown, and above it when the id is.
    partition: Result<Arc<Partition>, ResponseError>,
}

impl Wanted {
    /// Where Kafka tells of a partition: behind what can be read come ids that nobody knows, then what is not there or may
    /// not be read.
    fn rank(&self) -> u8 {
        match self.partition {
            Err(ResponseError::UnknownTopicId) => 1,
            Err(ResponseError::UnknownTopicOrPartition | ResponseError::TopicAuthorizationFailed) => 2,
            _ => 0,
        }
    }
}

/// Begins a fetch.
///
/// # Errors
/// A reason to close the connection.
pub(crate) fn start(
    state: Arc<BrokerState>,
    context: RequestContext,
    mut body: Bytes,
) -> Result<PendingReply, String> {
    let mut meter = RequestMeter::start(&state, &context);
    let request = FetchRequest::decode(&mut body, context.version).map_err(|error| error.to_string())?;
    meter.pause();
    Ok(Box::pin(async move { answer(&state, &context, request, meter).await }))
}

async fn answer(
    state: &BrokerState,
    context: &RequestContext,
    request: FetchRequest,
    mut meter: RequestMeter,
) -> Reply {
    let fetched = meter.measure(fetch(state, context, &request)).await;
    // Followers are never held up: the replicas would fall behind.
    let is_client = replica_id(context, &request) < 0;
    let bytes = fetched.as_ref().map_or(0, Fetched::records_len);
    let throttle_ms = if is_client { throttle_ms(state, context, &mut meter, bytes) } else { 0 };
    match fetched {
        Err(error) => fetch_reply::error(state, context, error, throttle_ms),
        Ok(fetched) if throttle_ms > 0 => {
            // Nothing of what was read is sent, so it does not count; the client asks for it again (KIP-219).
            note_fetched(state, context, bytes, false);
            fetch_reply::throttled(context, fetched.give_up(state), throttle_ms)
        }
        Ok(fetched) => {
            let session_id = fetched.session_id;
            let reply = fetch_reply::encode(state, context, session_id, fetched.keep_news());
            if is_client {
                note_fetched(state, context, reply.len().saturating_sub(bytes), true);
            }
            reply
        }
    }
}

/// Notes the records' bytes and the request's time; how many milliseconds the client must wait.
fn throttle_ms(state: &BrokerState, context: &RequestContext, meter: &mut RequestMeter, bytes: usize) -> i32 {
    let request_ms = meter.throttle_ms(state);
    bandwidth_throttle_ms(state, QuotaKind::Fetch, context, bytes).max(request_ms)
}

fn replica_id(context: &RequestContext, request: &FetchRequest) -> i32 {
    if context.version >= 15 { request.replica_state.replica_id.0 } else { request.replica_id.0 }
}

/// What was read for a request.
struct Fetched {
    wanted: Vec<Wanted>,
    outcomes: Vec<ReadOutcome>,
    session: Option<Arc<Mutex<FetchSession>>>,
    session_id: i32,
    incremental: bool,
}

async fn fetch(
    state: &BrokerState,
    context: &RequestContext,
    request: &FetchRequest,
) -> Result<Fetched, ResponseError> {
    let session_request = session_request(context.version, request);
    let now_ms = i64::try_from(state.clock.monotonic().as_millis()).unwrap_or(i64::MAX);
    let opened = state.fetch_sessions.lock().open(session_request, now_ms, crate::random::positive_i32);
    let (wanted, session, session_id, incremental) = match opened? {
        FetchContext::Sessionless(wanted) => (wanted, None, 0, false),
        FetchContext::Full(session, id) => (session.lock().requests(), Some(Arc::clone(&session)), id, false),
        FetchContext::Incremental(session, id) => {
            (session.lock().requests(), Some(Arc::clone(&session)), id, true)
        }
    };
    let fetch = prepare(state, context, request, wanted).await;
    let outcomes = wait(state, &fetch, read_all(&fetch)).await;
    Ok(Fetched { wanted: fetch.wanted, outcomes, session, session_id, incremental })
}

fn session_request(version: i16, request: &FetchRequest) -> SessionRequest {
    let key = |name: &medallion_wire::messages::TopicName, id: Uuid| {
        if version >= TOPIC_IDS_MIN { TopicKey::Id(id) } else { TopicKey::Name(name.clone()) }
    };
    let mut wanted: Vec<(PartitionKey, PartitionRequest)> = Vec::new();
    let mut places: HashMap<PartitionKey, usize> = HashMap::new();
    for topic in &request.topics {
        let topic_key = key(&topic.topic, topic.topic_id);
        for partition in &topic.partitions {
            let asks = PartitionRequest {
                fetch_offset: partition.fetch_offset,
                max_bytes: partition.partition_max_bytes,
                current_leader_epoch: partition.current_leader_epoch.max(NO_EPOCH),
                last_fetched_epoch: partition.last_fetched_epoch,
            };
            let key = PartitionKey { topic: topic_key.clone(), partition: partition.partition };
            // What is said last of a partition counts.
            match places.get(&key) {
                Some(place) => wanted[*place].1 = asks,
                None => {
                    places.insert(key.clone(), wanted.len());
                    wanted.push((key, asks));
                }
            }
        }
    }
    let forgotten = request.forgotten_topics_data.iter().flat_map(|topic| {
        let topic_key = key(&topic.topic, topic.topic_id);
        topic.partitions.iter().map(move |index| PartitionKey { topic: topic_key.clone(), partition: *index })
    });
    SessionRequest {
        session_id: request.session_id,
        epoch: request.session_epoch,
        uses_topic_ids: version >= TOPIC_IDS_MIN,
        forgotten: forgotten.collect(),
        wanted,
    }
}

async fn prepare(
    state: &BrokerState,
    context: &RequestContext,
    request: &FetchRequest,
    wanted: Vec<(PartitionKey, PartitionRequest)>,
) -> Fetch {
    let max_wait = Duration::from_millis(u64::try_from(request.max_wait_ms).unwrap_or(0));
    let deadline = Instant::now() + max_wait;
    let mut wanted: Vec<Wanted> = wanted
        .into_iter()
        .map(|(key, request)| Wanted { partition: find(state, context, &key, request), key, request })
        .collect();
    wanted.sort_by_key(Wanted::rank);
    let opened_by = deadline.max(Instant::now() + OPENING_WAIT_MAX);
    for wanted in &wanted {
        if let Ok(partition) = &wanted.partition {
            // An error would cost the client a round of metadata and its backoff. Who waits for long anyway may wait.
            let _ = tokio::time::timeout_at(opened_by, partition.opened_reader()).await;
        }
    }
    let replica_id = replica_id(context, request);
    let quota_max = if replica_id < 0 { fetch_bytes_max(state, context) } else { i32::MAX };
    let broker_max = state.config.load().fetch_max_bytes.min(quota_max);
    let limits = ReadLimits {
        max_bytes: i64::from(request.max_bytes.min(broker_max)),
        read_committed: request.isolation_level == 1,
        to_log_end: replica_id == DEBUGGING_CONSUMER,
    };
    let min_bytes = usize::try_from(i64::from(request.min_bytes).min(limits.max_bytes)).unwrap_or(0);
    Fetch { wanted, limits, min_bytes, deadline }
}

fn find(
    state: &BrokerState,
    context: &RequestContext,
    key: &PartitionKey,
    request: PartitionRequest,
) -> Result<Arc<Partition>, ResponseError> {
    let image = state.image();
    let topic = match &key.topic {
        TopicKey::Name(name) => find_topic(state, context, &image, name, Uuid::nil(), Operation::Read),
        TopicKey::Id(id) if id.is_nil() => Err(ResponseError::UnknownTopicId),
        TopicKey::Id(id) => find_topic(state, context, &image, "", *id, Operation::Read),
    }?;
    led_partition(state, topic, key.partition, request.current_leader_epoch)
}

fn read_all(fetch: &Fetch) -> Vec<ReadOutcome> {
    let mut budget = fetch_partition::Budget::new(fetch.limits);
    let read = |wanted: &Wanted| match &wanted.partition {
        Ok(partition) => fetch_partition::read(partition, wanted.request, &mut budget),
        Err(error) => ReadOutcome::refused(*error),
    };
    fetch.wanted.iter().map(read).collect()
}

fn must_wait(fetch: &Fetch, outcomes: &[ReadOutcome]) -> bool {
    let bytes: usize = outcomes.iter().map(ReadOutcome::len).sum();
    let urgent =
        |outcome: &ReadOutcome| outcome.error.is_some() || outcome.diverging.is_some() || outcome.is_followed;
    let urgent = outcomes.iter().any(urgent);
    !outcomes.is_empty() && !urgent && bytes < fetch.min_bytes && Instant::now() < fetch.deadline
}

/// Takes the request's waiter off all partitions, also when the client goes away meanwhile.
struct Parked<'a> {
    waiter: Arc<FetchWaiter>,
    wanted: &'a [Wanted],
}

impl<'a> Parked<'a> {
    fn new(wanted: &'a [Wanted], missing_bytes: usize) -> Self {
        let waiter = FetchWaiter::new(i64::try_from(missing_bytes).unwrap_or(i64::MAX));
        for partition in wanted.iter().flat_map(|wanted| &wanted.partition) {
            partition.waiters().add(&waiter);
        }
        Self { waiter, wanted }
    }
}

impl Drop for Parked<'_> {
    fn drop(&mut self) {
        for partition in self.wanted.iter().flat_map(|wanted| &wanted.partition) {
            partition.waiters().remove(&self.waiter);
        }
    }
}

async fn wait(state: &BrokerState, fetch: &Fetch, mut outcomes: Vec<ReadOutcome>) -> Vec<ReadOutcome> {
    while must_wait(fetch, &outcomes) {
        let have: usize = outcomes.iter().map(ReadOutcome::len).sum();
        let parked = Parked::new(&fetch.wanted, fetch.min_bytes.saturating_sub(have).max(1));
        // Looked at again after parking, so that nothing appended in between is missed.
        outcomes = read_all(fetch);
        if !must_wait(fetch, &outcomes) || state.replicas.is_stopping() {
            break;
        }
        let _ = tokio::time::timeout_at(fetch.deadline, parked.waiter.woken()).await;
        outcomes = read_all(fetch);
    }
    outcomes
}

impl Fetched {
    /// How many bytes of records were read.
    fn records_len(&self) -> usize {
        self.outcomes.iter().map(ReadOutcome::len).sum()
    }

    /// What the response has to tell: of a session's partitions only news.
    fn keep_news(self) -> Vec<(PartitionKey, ReadOutcome)> {
        let mut news = Vec::with_capacity(self.outcomes.len());
        let mut session = self.session.as_ref().map(|session| session.lock());
        for (wanted, outcome) in self.wanted.into_iter().zip(self.outcomes) {
            if let Ok(partition) = &wanted.partition
                && outcome.len() > 0
            {
                partition.count_sent(outcome.len());
            }
            let must_tell = session.as_mut().is_none_or(|session| session.note(&wanted.key, outcome.news()));
            if must_tell || !self.incremental {
                news.push((wanted.key, outcome));
            }
        }
        news
    }

    /// Forgets what was read; gives the id of the session that goes on. One that was just made does not: its client
    /// begins anew.
    fn give_up(self, state: &BrokerState) -> i32 {
        if self.incremental {
            return self.session_id;
        }
        state.fetch_sessions.lock().discard(self.session_id);
        0
    }
}
