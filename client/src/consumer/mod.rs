//! Records in: positions, batches, offsets.
//!
//! The way of a record: the machine (`fetcher`) decides which broker is asked for which partitions; a task for each broker (`source`)
//! asks, and cuts the answer into batches (`decode`); [`Consumer::poll`] decodes those that are its turn. While they are
//! used the next ones are fetched, until `queued.max.messages.kbytes` wait. A batch's records ([`Batch`]) are slices of what came from
//! the socket, or of the decompressed batch.
//!
//! Partitions are assigned by the program, or by a group: a machine for each of Kafka's two protocols (`membership`) says what comes and
//! goes, and polls carry that out ([`RebalanceListener`]).

mod assignor;
mod batch;
mod builder;
mod decode;
mod fetcher;
mod group;
mod membership;
mod metrics;
mod position;
mod rebalance;
mod request;
mod shared;
mod source;
mod task;

use std::collections::BTreeSet;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::Stream;
use medallion_wire::{Offset, TopicPartition};
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, timeout, timeout_at};

pub use batch::{Batch, IntoRecords, Records};
pub use builder::ConsumerBuilder;
pub use medallion_wire::records::{Record as ConsumerRecord, RecordRef as ConsumerRecordRef, TimestampType};
pub use metrics::ConsumerMetrics;
pub use position::Position;
pub use rebalance::{RebalanceFuture, RebalanceListener};

use crate::admin::{Each, ListedOffset, OffsetAt, list_offsets};
use crate::client::Client;
use crate::config::{ConsumerSettings, IsolationLevel, Property};
use crate::error::Error;
use crate::producer::GroupMetadata;
use fetcher::Fetcher;
use membership::{Ask, Subscription};
use position::Place;
use shared::{Polling, Shared};

/// Reads records of the partitions that it is assigned to. Cloning is cheap; clones share positions: each record goes to one of them.
///
/// Nothing has to be called in time: fetching goes on beside the program, as far as memory allows. Once the last clone is gone
/// it ends.
///
/// ```no_run
/// use std::time::Duration;
/// use medallion_client::{Client, ClientSettings, Consumer, ConsumerSettings};
/// use medallion_client::config::OffsetReset;
/// use medallion_wire::TopicPartition;
///
/// # async fn example() -> Result<(), medallion_client::Error> {
/// let client = Client::new(ClientSettings::new("localhost:9092"))?;
/// let settings = ConsumerSettings::default().auto_offset_reset(OffsetReset::Earliest);
/// let consumer = Consumer::new(&client, settings)?;
/// consumer.assign([TopicPartition::new("trips", 0)]);
/// loop {
///     for batch in consumer.poll(Duration::from_secs(1)).await? {
///         for record in &batch {
///             println!("{} at {}: {:?}", batch.partition(), record.offset, record.value);
///         }
///     }
/// }
/// # }
/// ```
#[derive(Clone)]
pub struct Consumer {
    handle: Arc<Handle>,
}

/// Ends the consumer with its last clone.
struct Handle {
    shared: Arc<Shared>,
    ended: watch::Receiver<()>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.close();
    }
}

impl fmt::Debug for Consumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consumer").field("settings", &self.shared().settings).finish_non_exhaustive()
    }
}

impl Consumer {
    /// A consumer on `client`'s connections and metadata.
    ///
    /// # Errors
    /// For settings that are out of their range.
    pub fn new(client: &Client, settings: ConsumerSettings) -> Result<Self, Error> {
        Self::builder(client, settings).build()
    }

    /// A consumer with more than settings.
    pub fn builder(client: &Client, settings: ConsumerSettings) -> ConsumerBuilder {
        ConsumerBuilder::new(client.clone(), settings)
    }

    /// A client and its consumer from one list of properties, as Java's consumers take them.
    ///
    /// # Errors
    /// For names that do not exist or are not supported, and values that are not allowed.
    pub fn from_properties<P: Into<Property>>(
        properties: impl IntoIterator<Item = P>,
    ) -> Result<Self, Error> {
        let (client, consumer) = ConsumerSettings::from_properties(properties)?;
        Self::new(&Client::new(client)?, consumer)
    }

    /// Reads these topics from now on, and no others, together with the other members of `group.id`: each partition goes to one
    /// of them. Partitions come within [`Consumer::poll`], and go when members join, leave or fail. What was subscribed to or
    /// assigned before is replaced.
    ///
    /// ```no_run
    /// use std::time::Duration;
    /// use medallion_client::{Client, ClientSettings, Consumer, ConsumerSettings};
    ///
    /// # async fn example() -> Result<(), medallion_client::Error> {
    /// let client = Client::new(ClientSettings::new("localhost:9092"))?;
    /// let consumer = Consumer::new(&client, ConsumerSettings::default().group_id("billing".to_owned()))?;
    /// consumer.subscribe(["trips", "fares"])?;
    /// loop {
    ///     for batch in consumer.poll(Duration::from_secs(1)).await? {
    ///         println!("{} records of {}", batch.len(), batch.partition());
    ///     }
    /// }
    /// # }
    /// ```
    ///
    /// # Errors
    /// Without `group.id`. What keeps the consumer from being a member is an error of [`Consumer::poll`].
    pub fn subscribe<T: Into<Arc<str>>>(&self, topics: impl IntoIterator<Item = T>) -> Result<(), Error> {
        self.be_member(Subscription::Names(topics.into_iter().map(Into::into).collect()))
    }

    /// The same with all topics whose whole names match an expression, also those that are still to be made; internal topics are
    /// left out. With `group.protocol=consumer` the coordinator looks for them (by Google's RE2 syntax), otherwise the consumer does
    /// (by that of the `regex` crate, which hardly differs), every `metadata.max.age.ms`.
    ///
    /// # Errors
    /// Without `group.id`. An expression that is none is an error of [`Consumer::poll`].
    pub fn subscribe_pattern(&self, pattern: &str) -> Result<(), Error> {
        self.be_member(Subscription::Pattern(pattern.into()))
    }

    fn be_member(&self, subscription: Subscription) -> Result<(), Error> {
        self.shared().group()?;
        self.shared().drive(|fetcher, _| fetcher.leave_own());
        let is_told = self.shared().tell_member(Ask::Subscribe(subscription));
        if is_told { Ok(()) } else { Err(Error::Closed { what: "consumer" }) }
    }

    /// Gives all partitions back and leaves the group: with `enable.auto.commit` offsets are committed first, and the listener is
    /// called. Without a subscription it does nothing.
    pub async fn unsubscribe(&self) {
        let (sender, left) = oneshot::channel();
        if self.shared().tell_member(Ask::Leave(sender)) {
            self.attend(left).await;
        }
    }

    /// Takes changes of the assignment until the membership has ended.
    async fn attend(&self, mut left: oneshot::Receiver<()>) {
        let _polling = self.shared().begin_poll();
        poll_fn(|context| {
            // What changes on the way is taken, without any record.
            self.shared().wake_later(context);
            let _ = self.shared().poll_change(context);
            Pin::new(&mut left).poll(context).map(drop)
        })
        .await;
    }

    /// Reads these partitions from now on, and no others. Those that were assigned before go on where they are; new ones begin
    /// where their group has committed, or where `auto.offset.reset` says, unless [`Consumer::seek`] follows. A subscription ends:
    /// the consumer leaves its group.
    pub fn assign(&self, partitions: impl IntoIterator<Item = TopicPartition>) {
        let partitions: BTreeSet<_> = partitions.into_iter().collect();
        let cluster = self.shared().client.cluster();
        self.shared().tell_member(Ask::Leave(oneshot::channel().0));
        if self.shared().settings.auto_commit().is_some() {
            let (shared, positions) = (Arc::clone(self.shared()), self.shared().look(Fetcher::to_commit));
            if !positions.is_empty() {
                self.shared().spawn(async move { shared.commit_quietly(|_| positions).await });
            }
        }
        self.shared().drive(|fetcher, _| {
            fetcher.assign(&partitions);
            fetcher.learn(&cluster);
        });
    }

    /// The partitions that are read.
    pub fn assignment(&self) -> Vec<TopicPartition> {
        self.shared().look(|fetcher| fetcher.assignment().cloned().collect())
    }

    /// The next records of any partition that is not paused, `max.poll.records` at most. After `patience` without any, none.
    ///
    /// Safe to be given up: records are either returned or come with the next call. With `enable.auto.commit` a call says that the
    /// program is done with what the last one has returned (also to a clone); commit yourself where that is not so.
    ///
    /// # Errors
    /// What keeps a partition from being read and does not pass by itself: [`Error::NoOffset`], [`Error::OffsetOutOfRange`],
    /// [`Error::Truncated`], [`Error::Malformed`] for records that cannot be read (these four stop the partition until a
    /// [`Consumer::seek`], and come again), [`Error::UnknownPartition`], what a broker refuses; [`Error::Closed`]. Other
    /// partitions go on with the next call.
    pub async fn poll(&self, patience: Duration) -> Result<Vec<Batch>, Error> {
        let records_max = self.records_max();
        let _polling = self.shared().begin_poll();
        let polled = poll_fn(|context| self.shared().poll(context, records_max, usize::MAX));
        timeout(patience, polled).await.unwrap_or_else(|_| Ok(Vec::new()))
    }

    /// Batches without end, as they come. Errors are those of [`Consumer::poll`] and do not end it; the consumer's end does.
    pub fn batches(&self) -> Batches<'_> {
        Batches { consumer: self, polling: None }
    }

    /// Goes on at another place of an assigned partition. What was fetched of it is thrown away.
    ///
    /// # Errors
    /// [`Error::NotAssigned`].
    pub fn seek(&self, partition: &TopicPartition, position: impl Into<Position>) -> Result<(), Error> {
        let position = position.into();
        self.shared().drive(|fetcher, _| fetcher.seek(partition, position))
    }

    /// Goes back to the first record that is there.
    ///
    /// # Errors
    /// [`Error::NotAssigned`].
    pub fn seek_to_beginning(&self, partition: &TopicPartition) -> Result<(), Error> {
        self.shared().drive(|fetcher, _| fetcher.seek_to(partition, Place::Earliest))
    }

    /// Goes behind the last record (of a committed transaction, with `read_committed`).
    ///
    /// # Errors
    /// [`Error::NotAssigned`].
    pub fn seek_to_end(&self, partition: &TopicPartition) -> Result<(), Error> {
        self.shared().drive(|fetcher, _| fetcher.seek_to(partition, Place::Latest))
    }

    /// Keeps a partition's records back until [`Consumer::resume`]. What was fetched is kept.
    ///
    /// # Errors
    /// [`Error::NotAssigned`].
    pub fn pause(&self, partition: &TopicPartition) -> Result<(), Error> {
        self.shared().drive(|fetcher, _| fetcher.pause(partition, true))
    }

    /// Ends a pause.
    ///
    /// # Errors
    /// [`Error::NotAssigned`].
    pub fn resume(&self, partition: &TopicPartition) -> Result<(), Error> {
        self.shared().drive(|fetcher, _| fetcher.pause(partition, false))
    }

    /// The partitions that are paused.
    pub fn paused(&self) -> Vec<TopicPartition> {
        self.shared().look(|fetcher| fetcher.paused().cloned().collect())
    }

    /// Commits where the program stands in all partitions: behind everything that was polled.
    ///
    /// # Errors
    /// Without `group.id`, where the coordinator does not answer within `default.api.timeout.ms`, and the first that it refuses.
    pub async fn commit(&self) -> Result<(), Error> {
        self.shared().commit(Fetcher::positions).await?.into_values().collect()
    }

    /// Commits these positions, as [`Batch::next_position`] has them.
    ///
    /// # Errors
    /// As [`Consumer::commit`]; what the coordinator refuses is each partition's own.
    pub async fn commit_positions(
        &self,
        positions: &[(TopicPartition, Position)],
    ) -> Result<Each<TopicPartition, ()>, Error> {
        self.shared().commit(|_| positions.to_vec()).await
    }

    /// As whom this consumer is a member, for [`Producer::send_offsets_to_transaction`](crate::Producer::send_offsets_to_transaction). Whose
    /// membership has ended stays who it was until it has joined again, so that the group refuses the offsets of what it read then.
    ///
    /// A program that reads, writes and commits in one transaction, so that each record comes out once for who reads with `read_committed`:
    /// ```no_run
    /// use std::collections::BTreeMap;
    /// use std::time::Duration;
    /// use medallion_client::admin::GroupOffset;
    /// use medallion_client::{Consumer, Error, Producer, Record};
    ///
    /// # async fn example(consumer: Consumer, producer: Producer) -> Result<(), Error> {
    /// loop {
    ///     let batches = consumer.poll(Duration::from_secs(1)).await?;
    ///     producer.begin_transaction()?;
    ///     let mut read = BTreeMap::new();
    ///     for batch in &batches {
    ///         for record in batch {
    ///             drop(producer.send(Record::to("fares").value(record.value.unwrap_or_default())).await?);
    ///         }
    ///         read.insert(batch.partition().clone(), GroupOffset::new(batch.next_offset()));
    ///     }
    ///     // After an error that is not fatal: abort the transaction, and seek to what is committed.
    ///     producer.send_offsets_to_transaction(&read, &consumer.group_metadata()?).await?;
    ///     producer.commit_transaction().await?;
    /// }
    /// # }
    /// ```
    ///
    /// # Errors
    /// Without `group.id`.
    pub fn group_metadata(&self) -> Result<GroupMetadata, Error> {
        Ok(self.shared().group()?.metadata())
    }

    /// What the group has committed; `None` where it has nothing.
    ///
    /// # Errors
    /// As [`Consumer::commit_positions`].
    pub async fn committed(
        &self,
        partitions: &[TopicPartition],
    ) -> Result<Each<TopicPartition, Option<Position>>, Error> {
        self.shared().committed(partitions.to_vec()).await
    }

    /// The place of the next record that is polled. Waits until it is known, `default.api.timeout.ms` at most.
    ///
    /// # Errors
    /// [`Error::NotAssigned`], [`Error::PositionTimeout`], and what stops the partition.
    pub async fn position(&self, partition: &TopicPartition) -> Result<Position, Error> {
        let shared = self.shared();
        let after = shared.client.settings().default_api_timeout;
        let deadline = Instant::now() + after;
        loop {
            let moved = shared.moved.notified();
            if shared.is_closed() {
                return Err(Error::Closed { what: "consumer" });
            }
            if let Some(position) = shared.look(|fetcher| fetcher.position(partition))? {
                return Ok(position);
            }
            if timeout_at(deadline, moved).await.is_err() {
                return Err(Error::PositionTimeout { partition: partition.clone(), after });
            }
        }
    }

    /// How many offsets lie before the end of a partition, as its leader told it last: the high watermark, or the last stable
    /// offset with `read_committed`. `None` until position and end are known.
    ///
    /// # Errors
    /// [`Error::NotAssigned`].
    pub fn lag(&self, partition: &TopicPartition) -> Result<Option<i64>, Error> {
        let (watermarks, position) = self.shared().look(|fetcher| fetcher.watermarks(partition))?;
        let end = match self.shared().settings.isolation_level {
            IsolationLevel::ReadUncommitted => watermarks.high_watermark,
            IsolationLevel::ReadCommitted => watermarks.last_stable_offset,
        };
        Ok(end.zip(position).map(|(end, position)| (end - position.offset).max(0)))
    }

    /// The first offset of each of these partitions, assigned or not.
    ///
    /// # Errors
    /// Where leaders do not answer, or are not known, within `default.api.timeout.ms`.
    pub async fn beginning_offsets(
        &self,
        partitions: &[TopicPartition],
    ) -> Result<Each<TopicPartition, Offset>, Error> {
        self.ends(partitions, OffsetAt::Earliest).await
    }

    /// The offset behind the last record of each of these partitions; with `read_committed` the last stable offset.
    ///
    /// # Errors
    /// As [`Consumer::beginning_offsets`].
    pub async fn end_offsets(
        &self,
        partitions: &[TopicPartition],
    ) -> Result<Each<TopicPartition, Offset>, Error> {
        self.ends(partitions, OffsetAt::Latest).await
    }

    /// The first record of each partition that is not older than its time (milliseconds since 1970).
    ///
    /// # Errors
    /// As [`Consumer::beginning_offsets`].
    pub async fn offsets_for_times(
        &self,
        times: &[(TopicPartition, i64)],
    ) -> Result<Each<TopicPartition, ListedOffset>, Error> {
        let asked = times.iter().map(|(partition, time)| (partition.clone(), OffsetAt::Time(*time)));
        let shared = self.shared();
        list_offsets(&shared.client, asked.collect(), shared.settings.isolation_level).await
    }

    /// What it has done and holds.
    pub fn metrics(&self) -> ConsumerMetrics {
        let buffered = self.shared().look(Fetcher::buffered_bytes);
        self.shared().counters.snapshot(buffered)
    }

    /// The client that it was made from.
    pub fn client(&self) -> &Client {
        &self.shared().client
    }

    /// Ends it, also for clones: with `enable.auto.commit` all that was polled is committed, the listener is called, the consumer
    /// leaves its group (unless it is a static member, by `group.instance.id`), brokers drop its fetch sessions, its connections are
    /// closed. A consumer that is dropped instead leaves its group as well, but commits nothing.
    pub async fn close(self) {
        let patience = self.shared().client.settings().default_api_timeout;
        if timeout(patience, self.unsubscribe()).await.is_err() {
            tracing::warn!("the group is left without its coordinator's answer");
        }
        if self.shared().settings.auto_commit().is_some() {
            self.shared().commit_quietly(Fetcher::positions).await;
        }
        self.shared().close();
        let mut ended = self.handle.ended.clone();
        // The task's end is what is waited for: it drops the sender.
        while ended.changed().await.is_ok() {}
    }

    async fn ends(
        &self,
        partitions: &[TopicPartition],
        at: OffsetAt,
    ) -> Result<Each<TopicPartition, Offset>, Error> {
        let shared = self.shared();
        let asked = partitions.iter().map(|partition| (partition.clone(), at)).collect();
        let listed = list_offsets(&shared.client, asked, shared.settings.isolation_level).await?;
        let offset = |listed: ListedOffset| listed.offset.unwrap_or_default();
        Ok(listed.into_iter().map(|(partition, listed)| (partition, listed.map(offset))).collect())
    }

    fn records_max(&self) -> usize {
        usize::try_from(self.shared().settings.max_poll_records).unwrap_or(usize::MAX)
    }

    fn shared(&self) -> &Arc<Shared> {
        &self.handle.shared
    }
}

/// The batches of a consumer, as a stream.
pub struct Batches<'a> {
    consumer: &'a Consumer,
    /// While the next batch of the stream is waited for.
    polling: Option<Polling>,
}

impl fmt::Debug for Batches<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batches").field("consumer", self.consumer).finish_non_exhaustive()
    }
}

impl Batches<'_> {
    /// The next batch; `None` once the consumer is closed. Safe to be given up.
    pub async fn next(&mut self) -> Option<Result<Batch, Error>> {
        // Given up, it does not count as a poll any more.
        let _polling = self.consumer.shared().begin_poll();
        poll_fn(|context| self.poll_batch(context)).await
    }

    fn poll_batch(&self, context: &Context<'_>) -> Poll<Option<Result<Batch, Error>>> {
        match self.consumer.shared().poll(context, self.consumer.records_max(), 1) {
            Poll::Ready(Ok(batches)) => Poll::Ready(batches.into_iter().next().map(Ok)),
            Poll::Ready(Err(Error::Closed { .. })) => Poll::Ready(None),
            Poll::Ready(Err(error)) => Poll::Ready(Some(Err(error))),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl Stream for Batches<'_> {
    type Item = Result<Batch, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.polling.is_none() {
            self.polling = Some(self.consumer.shared().begin_poll());
        }
        let polled = self.poll_batch(context);
        if polled.is_ready() {
            self.polling = None;
        }
        polled
    }
}
