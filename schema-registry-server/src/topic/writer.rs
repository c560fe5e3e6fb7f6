//! Decisions, one after another: each is made on a state that has all earlier ones in it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use medallion_client::config::Acks;
use medallion_client::{Client, Delivery, Error, Producer, ProducerSettings, Record as ClientRecord};
use medallion_schema_registry::store::{Decision, Key, Record};
use medallion_wire::ResponseError;
use tokio::sync::{Mutex, mpsc, oneshot, watch};
use tokio::time::{Instant, timeout};
use tracing::{info, warn};

use super::state::State;
use crate::api::{Problem, Reply, Write, decide};
use crate::settings::RegistrySettings;

/// How many writes may wait for their turn; more wait in their connections.
const QUEUE_LENGTH: usize = 1024;
/// Records of one decision go in one batch: they wait for each other until the last one is there.
const LINGER: Duration = Duration::from_millis(5);
/// How long the brokers may take to get ready for fencing before the first write.
const FENCE_PATIENCE: Duration = Duration::from_secs(10);
/// A batch that takes all records of a usual decision.
const BATCH_BYTES: usize = 512 * 1024;

/// Who writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Leadership {
    /// Nobody that is known.
    Unknown,
    /// This instance, in this term, and until then unless it is told to go on.
    Here { term: u64, until: Option<Instant> },
    /// The instance at this address (`http://host:port`).
    At(String),
}

/// What the writer has done.
#[derive(Debug, Default)]
pub(crate) struct WriterCounters {
    pub(crate) decisions: AtomicU64,
    pub(crate) records: AtomicU64,
    pub(crate) failures: AtomicU64,
    pub(crate) resynchronizations: AtomicU64,
}

/// Takes writes.
#[derive(Debug, Clone)]
pub(crate) struct Writer {
    queue: mpsc::Sender<Queued>,
    counters: Arc<WriterCounters>,
}

#[derive(Debug)]
struct Queued {
    write: Write,
    reply: oneshot::Sender<Result<Reply, Problem>>,
}

impl Writer {
    /// Starts the task that decides. It ends with the last clone of this.
    ///
    /// # Errors
    /// Where the producer cannot be made.
    pub(crate) fn start(
        settings: &RegistrySettings,
        state: Arc<State>,
        leadership: watch::Receiver<Leadership>,
        writing: Arc<Mutex<()>>,
    ) -> Result<Self, Error> {
        let producing = Producing::new(settings)?;
        let (queue, waiting) = mpsc::channel(QUEUE_LENGTH);
        let counters = Arc::new(WriterCounters::default());
        let task = Task {
            producing,
            group_id: settings.group_id.clone(),
            state,
            leadership,
            writing,
            counters: Arc::clone(&counters),
            timeout: settings.timeout,
            append_timeout: append_timeout(settings),
            sure_in: None,
            warned_in: None,
        };
        tokio::spawn(task.run(waiting));
        Ok(Self { queue, counters })
    }

    /// Makes a change, and waits until it is acknowledged and in the state. It is made even if nobody waits any more.
    ///
    /// # Errors
    /// What the store refuses; 50001 and 50002 where the topic cannot be written; 50004 where this is not the leader.
    pub(crate) async fn write(&self, write: Write) -> Result<Reply, Problem> {
        let (reply, answer) = oneshot::channel();
        let stopped = || Problem::store("This instance is stopping");
        self.queue.send(Queued { write, reply }).await.map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }

    pub(crate) fn counters(&self) -> &WriterCounters {
        &self.counters
    }
}

/// How long records may be on their way: never so long that another instance may have become the leader meanwhile.
fn append_timeout(settings: &RegistrySettings) -> Duration {
    settings.timeout.min(settings.session_timeout / 2)
}

/// A producer and what new ones are made of.
struct Producing {
    client: Client,
    settings: ProducerSettings,
    topic: String,
    /// The name that all instances write under, each leader in an epoch of its own; none where brokers cannot fence.
    fence: Option<String>,
    producer: Producer,
    /// For which the producer was made.
    term: Option<u64>,
}

impl Producing {
    fn new(settings: &RegistrySettings) -> Result<Self, Error> {
        let whole = append_timeout(settings).max(LINGER * 2);
        let client_settings = settings.client_settings().map_err(|error| Error::Malformed {
            what: "a setting".into(),
            reason: error.to_string().into(),
        })?;
        // A record that was not acknowledged in time must not be written later, behind other decisions.
        let client = Client::new(client_settings.request_timeout(whole.saturating_sub(LINGER)))?;
        let settings_of_producer = ProducerSettings::default()
            .acks(Acks::All)
            .enable_idempotence(true)
            .linger(LINGER)
            .batch_size(BATCH_BYTES)
            .delivery_timeout(whole)
            .max_block(whole)
            .max_request_size(settings.request_bytes_max.saturating_mul(2).max(1 << 20))
            .buffer_memory(settings.request_bytes_max.saturating_mul(4).max(32 << 20));
        let producer = Producer::new(&client, settings_of_producer.clone())?;
        let (settings, topic) = (settings_of_producer, settings.topic.clone());
        Ok(Self { client, settings, topic, fence: None, producer, term: None })
    }

    /// Finds out whether leaders can be fenced, and has the brokers get ready for it.
    async fn find_fence(&mut self, group_id: &str) {
        let name = format!("{group_id}-{}", self.topic);
        let found = timeout(FENCE_PATIENCE, Producer::find_fence(&self.client, &name)).await;
        match found {
            Ok(Ok(())) => {
                info!(transactional_id = name, "an earlier leader is fenced by the epoch of the next one");
                self.fence = Some(name);
            }
            Ok(Err(Error::UnsupportedVersion { .. })) => {
                info!("these brokers have no transactions; an earlier leader is fenced by time alone");
            }
            Ok(Err(error)) => {
                warn!(transactional_id = name, %error, "an earlier leader is fenced by time alone");
            }
            Err(_) => {
                warn!(transactional_id = name, "no coordinator; an earlier leader is fenced by time alone");
            }
        }
    }

    /// Each term writes under an epoch of its own, which the first record of the term tells the brokers.
    fn begin(&mut self, term: u64) -> Result<(), Error> {
        if self.fence.is_some() && self.term != Some(term) {
            self.renew()?;
        }
        self.term = Some(term);
        Ok(())
    }

    fn renew(&mut self) -> Result<(), Error> {
        let builder = Producer::builder(&self.client, self.settings.clone());
        let builder = match &self.fence {
            Some(name) => builder.fence(name.as_str()),
            None => builder,
        };
        self.producer = builder.build()?;
        Ok(())
    }

    /// Appends records in one batch.
    async fn append(&mut self, records: &[Record]) -> Result<Written, Error> {
        let outcome = self.try_append(records).await;
        let Err(error) = &outcome else { return outcome };
        if error.code() == Some(ResponseError::TransactionalIdAuthorizationFailed) {
            warn!(%error, "an earlier leader is fenced by time alone from now on");
            self.fence = None;
            self.renew()?;
        } else if error.is_fatal() {
            self.renew()?;
        }
        outcome
    }

    async fn try_append(&self, records: &[Record]) -> Result<Written, Error> {
        let mut deliveries: Vec<Delivery> = Vec::with_capacity(records.len());
        for record in records {
            let mut out = ClientRecord::to(&self.topic).partition(0).key(&record.key);
            if let Some(value) = &record.value {
                out = out.value(value);
            }
            deliveries.push(self.producer.send(out).await?);
        }
        self.producer.flush().await;
        let mut written: Option<Written> = None;
        for delivery in deliveries {
            let delivered = delivery.await?;
            let Some(offset) = delivered.offset else { continue };
            let first =
                written.unwrap_or(Written { first: offset.get(), last: 0, timestamp: delivered.timestamp });
            written = Some(Written { last: offset.get(), ..first });
        }
        written.ok_or_else(|| Error::Malformed {
            what: "the answer to Produce".into(),
            reason: "it has no offset".into(),
        })
    }
}

/// Where records were written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Written {
    first: i64,
    last: i64,
    /// Of the first, in milliseconds since 1970.
    timestamp: i64,
}

struct Task {
    producing: Producing,
    group_id: String,
    state: Arc<State>,
    leadership: watch::Receiver<Leadership>,
    /// Held from the last look at who leads until records are acknowledged or given up.
    writing: Arc<Mutex<()>>,
    counters: Arc<WriterCounters>,
    timeout: Duration,
    append_timeout: Duration,
    /// The term in which all that may be written is in the state; none after an outcome that is not known.
    sure_in: Option<u64>,
    /// The term in which it was told that somebody else writes.
    warned_in: Option<u64>,
}

impl Task {
    async fn run(mut self, mut waiting: mpsc::Receiver<Queued>) {
        self.producing.find_fence(&self.group_id).await;
        while let Some(Queued { write, reply }) = waiting.recv().await {
            let outcome = self.write(write).await;
            if outcome.is_err() {
                self.counters.failures.fetch_add(1, Ordering::Relaxed);
            }
            // Whoever asked may be gone.
            drop(reply.send(outcome));
        }
        self.producing.producer.clone().close().await;
    }

    async fn write(&mut self, write: Write) -> Result<Reply, Problem> {
        let write = Arc::new(write);
        let term = self.check_leadership()?;
        if self.sure_in != Some(term) {
            self.resynchronize(term, &write).await?;
        }
        let Decision { records, reply } = self.decide(&write).await?;
        self.counters.decisions.fetch_add(1, Ordering::Relaxed);
        if records.is_empty() {
            return Ok(reply);
        }
        let writing = Arc::clone(&self.writing);
        let _writing = writing.lock().await;
        // Again: a decision on large schemas takes its time.
        if self.check_leadership()? != term {
            return Err(Problem::unknown_leader("The leader has changed; try again"));
        }
        self.append(term, &write, &records).await?;
        Ok(reply)
    }

    /// The term, where this instance writes and will for as long as an append may take.
    fn check_leadership(&self) -> Result<u64, Problem> {
        match &*self.leadership.borrow() {
            Leadership::Here { until: Some(until), .. } if Instant::now() + self.append_timeout > *until => {
                Err(Problem::unknown_leader("This instance does not know whether it is still the leader"))
            }
            Leadership::Here { term, .. } => Ok(*term),
            _ => Err(Problem::unknown_leader("Leader not known.")),
        }
    }

    /// On a thread where it may take its time; the state does not change meanwhile but by what others write.
    async fn decide(&self, write: &Arc<Write>) -> Result<Decision<Reply>, Problem> {
        let (state, write) = (Arc::clone(&self.state), Arc::clone(write));
        let decided = tokio::task::spawn_blocking(move || decide(&state.store(), &write)).await;
        decided.unwrap_or_else(|error| Err(Problem::store(format!("The decision failed: {error}"))))
    }

    async fn append(&mut self, term: u64, write: &Write, records: &[Record]) -> Result<(), Problem> {
        // Until it is known to be in the state.
        self.sure_in = None;
        let read_to = self.state.read_to();
        let appended = timeout(self.append_timeout * 2, self.producing.append(records)).await;
        let written = match appended {
            Ok(Ok(written)) => written,
            Ok(Err(error)) => {
                warn!(%error, records = records.len(), "records may not have been written to the schemas topic");
                return Err(failed(write, &error));
            }
            Err(_) => return Err(write.timed_out("no acknowledgement")),
        };
        self.counters.records.fetch_add(records.len() as u64, Ordering::Relaxed);
        if written.first < read_to {
            return Err(write.store_failed("the topic was made anew, or has lost records"));
        }
        if written.first > read_to && self.warned_in != Some(term) {
            warn!(
                offset = read_to,
                "somebody else writes to the schemas topic; all instances of the registry need one schema.registry.group.id"
            );
            self.warned_in = Some(term);
        }
        if i64::try_from(records.len()).is_ok_and(|count| written.first + count == written.last + 1) {
            self.state.apply_written(written.first, written.timestamp, records);
        }
        if !self.state.wait_for(written.last + 1, self.timeout).await {
            return Err(write.timed_out("the write is acknowledged, but was not read again in time"));
        }
        if self.state.left_out(written.first..=written.last) {
            return Err(write.store_failed("another instance has written at the same time; try again"));
        }
        self.sure_in = Some(term);
        Ok(())
    }

    /// Gets all that others, or this instance without knowing it, have written into the state.
    ///
    /// A record of our own goes before: what this producer sent earlier and was given up cannot be written behind it, because
    /// the brokers have seen a higher epoch or sequence then.
    async fn resynchronize(&mut self, term: u64, write: &Write) -> Result<(), Problem> {
        self.counters.resynchronizations.fetch_add(1, Ordering::Relaxed);
        let writing = Arc::clone(&self.writing);
        let _writing = writing.lock().await;
        if self.check_leadership()? != term {
            return Err(Problem::unknown_leader("The leader has changed; try again"));
        }
        self.producing.begin(term).map_err(|error| failed(write, &error))?;
        let noop = Record { key: Key::Noop.encode(), value: None };
        let appended =
            timeout(self.append_timeout * 2, self.producing.append(std::slice::from_ref(&noop))).await;
        let written = match appended {
            Ok(Ok(written)) => written,
            Ok(Err(error)) => {
                warn!(%error, "the end of the schemas topic cannot be found");
                return Err(failed(write, &error));
            }
            Err(_) => return Err(write.timed_out("the end of the schemas topic was not found")),
        };
        self.state.apply_written(written.first, written.timestamp, std::slice::from_ref(&noop));
        if !self.state.wait_for(written.last + 1, self.timeout).await {
            return Err(write.timed_out("the schemas topic was not read to its end"));
        }
        info!(term, offset = written.last, "the state has all that was written");
        self.sure_in = Some(term);
        Ok(())
    }
}

fn failed(write: &Write, error: &Error) -> Problem {
    let is_too_large = matches!(error, Error::RecordTooLarge { .. })
        || matches!(error.code(), Some(ResponseError::MessageTooLarge | ResponseError::RecordListTooLarge));
    if is_too_large {
        return Problem::new(
            42_209,
            format!("{} operation failed because schema is too large: {error}", write.name()),
        );
    }
    match error {
        Error::DeliveryTimeout { .. } | Error::RequestTimeout { .. } | Error::MetadataTimeout { .. } => {
            write.timed_out(&error.to_string())
        }
        _ => write.store_failed(&error.to_string()),
    }
}
