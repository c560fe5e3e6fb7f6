//! Records out: batches by partition, in order, once.
//!
//! The way of a record: [`Producer::send`] chooses its partition ([`Partitioner`]) and writes it into that partition's open batch
//! (`accumulator`). The producer's task hears of batches, not of records; its machine (`sender`) decides what goes when, and a
//! task for each broker (`sink`) seals the batches and sends them (`request`). Around records of a `transaction` its coordinator is
//! asked; a `fence` has it give out epochs alone. What becomes of a batch (`completion`) all its
//! records' [`Delivery`]s see.

mod accumulator;
mod batch;
mod builder;
mod completion;
mod fence;
mod interceptor;
mod memory;
mod metrics;
mod partitioner;
mod record;
mod request;
mod sender;
mod shared;
mod sink;
mod task;
mod transaction;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use medallion_wire::TopicPartition;
use tokio::time::{Instant, timeout_at};

pub use builder::ProducerBuilder;
pub use completion::Delivery;
pub use interceptor::ProducerInterceptor;
pub use metrics::ProducerMetrics;
pub use partitioner::{Choice, Partitioner, partition_of_key};
pub use record::{Record, RecordMetadata};
pub use transaction::GroupMetadata;

use crate::client::Client;
use crate::config::{ProducerSettings, Property};
use crate::error::Error;
use accumulator::Appended;
use memory::Reservation;
use partitioner::TURN_BYTES_MAX;
use shared::{Shared, position};
use transaction::Transactions;

/// Sends records. Cloning is cheap; clones share batches and order.
///
/// Records of one partition are written in the order of `send`. Once the last clone is gone no more records come, and what has
/// been sent is still delivered, as long as the runtime lives; [`Producer::close`] waits for that.
///
/// ```no_run
/// use medallion_client::{Client, ClientSettings, Producer, ProducerSettings, Record};
///
/// # async fn example() -> Result<(), medallion_client::Error> {
/// let client = Client::new(ClientSettings::new("localhost:9092"))?;
/// let producer = Producer::new(&client, ProducerSettings::default())?;
///
/// // One record, and where it is.
/// let written = producer.send(Record::to("trips").key("zone-7").value("9.50")).await?.await?;
/// println!("{} at {:?}", written.partition, written.offset);
///
/// // Many: send them all, then wait for all.
/// for fare in ["4.20", "17.00", "6.10"] {
///     producer.send(Record::to("trips").value(fare)).await?.then(|outcome| {
///         if let Err(error) = outcome {
///             eprintln!("{error}");
///         }
///     });
/// }
/// producer.flush().await;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Producer {
    handle: Arc<Handle>,
}

/// Ends the producer with its last clone.
struct Handle {
    shared: Arc<Shared>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.accumulator.close();
    }
}

impl fmt::Debug for Producer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Producer").field("settings", &self.shared().settings).finish_non_exhaustive()
    }
}

/// Why a record is not in a batch yet.
enum Obstacle {
    /// Nothing is known of its topic.
    Topic,
    /// So many bytes of memory are not free.
    Memory(usize),
    Failed(Error),
}

impl Producer {
    /// A producer on `client`'s connections and metadata.
    ///
    /// # Errors
    /// For settings that do not go together.
    pub fn new(client: &Client, settings: ProducerSettings) -> Result<Self, Error> {
        Self::builder(client, settings).build()
    }

    /// A producer with more than settings: partitioner, interceptors.
    pub fn builder(client: &Client, settings: ProducerSettings) -> ProducerBuilder {
        ProducerBuilder::new(client.clone(), settings)
    }

    /// A client and its producer from one list of properties, as Java's producers take them.
    ///
    /// # Errors
    /// For names that do not exist or are not supported, and values that are not allowed.
    pub fn from_properties<P: Into<Property>>(
        properties: impl IntoIterator<Item = P>,
    ) -> Result<Self, Error> {
        let (client, producer) = ProducerSettings::from_properties(properties)?;
        Self::new(&Client::new(client)?, producer)
    }

    /// Puts a record into its partition's batch. Waits for the topic's metadata and for room in `buffer.memory`, up to
    /// `max.block.ms`; otherwise it is done at once. The outcome is that of the [`Delivery`].
    ///
    /// Safe to be given up: the record is in a batch when this returns, or not at all.
    ///
    /// # Errors
    /// [`Error::MetadataTimeout`], [`Error::BufferFull`], [`Error::RecordTooLarge`], [`Error::UnknownPartition`],
    /// [`Error::Closed`]; and what brokers refuse of the topic.
    pub async fn send(&self, record: Record<'_>) -> Result<Delivery, Error> {
        let mut record = record;
        self.intercept(&mut record);
        match self.append(&record, &mut None) {
            Ok(delivery) => Ok(delivery),
            Err(Obstacle::Failed(error)) => Err(error),
            Err(obstacle) => self.send_patiently(&record, obstacle).await,
        }
    }

    /// As [`Producer::send`], but fails instead of waiting.
    ///
    /// # Errors
    /// Those of [`Producer::send`]; [`Error::BufferFull`] and [`Error::MetadataTimeout`] come at once. A topic that fails so is
    /// asked for, and may be known at the next call.
    pub fn try_send(&self, record: Record<'_>) -> Result<Delivery, Error> {
        let mut record = record;
        self.intercept(&mut record);
        self.append(&record, &mut None).map_err(|obstacle| match obstacle {
            Obstacle::Failed(error) => error,
            Obstacle::Memory(_) => Error::BufferFull { after: Duration::ZERO },
            Obstacle::Topic => {
                let topic: Arc<str> = record.topic.into();
                if let Some(known) = self.shared().client.cluster().topic(&topic) {
                    self.shared().add_topic(known);
                }
                self.shared().client.metadata().use_topic(&topic);
                Error::MetadataTimeout { topic, after: Duration::ZERO, last: None }
            }
        })
    }

    /// Waits until every record that was sent before has its outcome. Nothing lingers meanwhile.
    pub async fn flush(&self) {
        let shared = self.shared();
        let _flushing = Flushing::begin(shared);
        for completion in shared.accumulator.unfinished() {
            completion.wait().await;
        }
    }

    /// Takes no more records, also of clones, and waits until those that were sent have their outcome. A transaction that is open is
    /// aborted.
    pub async fn close(self) {
        if let Some(transactions) = &self.shared().transactions {
            transactions.leave(&self).await;
        }
        self.shared().accumulator.close();
        self.flush().await;
    }

    /// What it has done and holds.
    pub fn metrics(&self) -> ProducerMetrics {
        let shared = self.shared();
        shared.counters.snapshot(shared.accumulator.memory().free())
    }

    /// The client that it was made from.
    pub fn client(&self) -> &Client {
        &self.shared().client
    }

    fn shared(&self) -> &Shared {
        &self.handle.shared
    }

    fn intercept<'a>(&'a self, record: &mut Record<'a>) {
        for interceptor in &self.shared().interceptors {
            interceptor.on_send(record);
        }
    }

    /// The whole way of a record that meets no obstacle.
    fn append(
        &self,
        record: &Record<'_>,
        reservation: &mut Option<Reservation>,
    ) -> Result<Delivery, Obstacle> {
        let shared = self.shared();
        let settings = &shared.settings;
        let open = shared.transactions.as_ref().map(Transactions::enter).transpose();
        let _open = open.map_err(Obstacle::Failed)?;
        let size = record.size_bytes_max();
        if size > settings.max_request_size {
            return Err(Obstacle::Failed(too_large(size, settings.max_request_size, "max.request.size")));
        }
        let topics = shared.topics.load();
        let topic = topics.get(record.topic).ok_or(Obstacle::Topic)?;
        if !topic.is_used.load(Ordering::Relaxed) {
            topic.is_used.store(true, Ordering::Relaxed);
        }
        let choice = match record.partition {
            Some(partition) => Choice::At(partition),
            None => shared.partitioner.choose(record, topic.slots.len()),
        };
        let index = match choice {
            Choice::At(partition) => position(partition),
            Choice::Any => topic.sticky.current(),
        };
        let Some(slot) = topic.slots.get(index) else {
            let index = i32::try_from(index).unwrap_or(-1);
            let partition = TopicPartition::new(Arc::clone(&topic.name), index);
            return Err(Obstacle::Failed(Error::UnknownPartition { partition, count: topic.slots.len() }));
        };
        let timestamp = record.timestamp.unwrap_or_else(now_ms);
        match shared.accumulator.append(slot, record, timestamp, reservation) {
            Appended::Done { delivery, is_first } => {
                if choice == Choice::Any {
                    let adaptive = settings.partitioner_adaptive_partitioning_enable;
                    let turn = settings.batch_size.min(TURN_BYTES_MAX);
                    // Larger batches are filled in several turns.
                    let cuts_none = is_first || turn < settings.batch_size;
                    topic.sticky.count(index, size, cuts_none, turn, || topic.pick(adaptive));
                }
                Ok(delivery)
            }
            Appended::NoRoom { bytes } => Err(Obstacle::Memory(bytes)),
            Appended::Closed => Err(Obstacle::Failed(Error::Closed { what: "producer" })),
        }
    }

    /// Waits for what is missing, and tries again.
    async fn send_patiently(&self, record: &Record<'_>, obstacle: Obstacle) -> Result<Delivery, Error> {
        let shared = self.shared();
        let (since, max_block) = (Instant::now(), shared.settings.max_block);
        let deadline = since + max_block.min(Duration::from_secs(100 * 365 * 86_400));
        let (mut obstacle, mut reservation) = (obstacle, None);
        loop {
            match obstacle {
                Obstacle::Failed(error) => return Err(error),
                Obstacle::Topic => {
                    let topic = shared.client.metadata().topic(&record.topic.into(), since, deadline).await?;
                    shared.add_topic(&topic);
                }
                Obstacle::Memory(bytes) => {
                    let memory = shared.accumulator.memory();
                    if bytes > memory.total() {
                        return Err(too_large(bytes, memory.total(), "buffer.memory"));
                    }
                    let _waiting = memory.waiting();
                    // Now that somebody waits, batches that linger are sent.
                    shared.accumulator.wake();
                    let taken = timeout_at(deadline, memory.take(bytes)).await;
                    let taken = taken.map_err(|_| Error::BufferFull { after: max_block })?;
                    reservation = Some(taken.ok_or(Error::Closed { what: "producer" })?);
                }
            }
            obstacle = match self.append(record, &mut reservation) {
                Ok(delivery) => return Ok(delivery),
                Err(obstacle) => obstacle,
            };
        }
    }
}

/// While one exists, nothing lingers.
struct Flushing<'a>(&'a Shared);

impl<'a> Flushing<'a> {
    fn begin(shared: &'a Shared) -> Self {
        shared.flushing.fetch_add(1, Ordering::AcqRel);
        shared.accumulator.wake();
        Self(shared)
    }
}

impl Drop for Flushing<'_> {
    fn drop(&mut self) {
        self.0.flushing.fetch_sub(1, Ordering::AcqRel);
        self.0.accumulator.wake();
    }
}

fn too_large(bytes: usize, bytes_max: usize, setting: &'static str) -> Error {
    Error::RecordTooLarge { bytes, bytes_max, setting }
}

/// Milliseconds since 1970.
fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
