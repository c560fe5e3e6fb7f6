//! Reads the topic into the state, from its beginning and without end.

use std::sync::Arc;
use std::time::Duration;

use medallion_client::config::OffsetReset;
use medallion_client::{Admin, Client, Consumer, ConsumerSettings, Error, admin::OffsetAt};
use medallion_wire::TopicPartition;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};
use tracing::{error, warn};

use super::freshness::Freshness;
use super::state::State;

/// How long one look for new records waits.
const PATIENCE: Duration = Duration::from_millis(250);
/// The wait after an error.
const PAUSE: Duration = Duration::from_millis(500);

/// The task that reads, seen from outside.
#[derive(Debug)]
pub(crate) struct Reader {
    freshness: Arc<Freshness>,
    failed: watch::Receiver<Option<String>>,
}

impl Reader {
    /// Starts to read. It ends with `stop`, or where what was read is no longer what the topic holds.
    ///
    /// # Errors
    /// Where the consumer cannot be made.
    pub(crate) fn start(
        client: &Client,
        topic: &str,
        state: Arc<State>,
        stop: watch::Receiver<bool>,
    ) -> Result<Self, Error> {
        let settings = ConsumerSettings::default().auto_offset_reset(OffsetReset::Earliest);
        let consumer = Consumer::new(client, settings)?;
        let partition = TopicPartition::new(topic, 0);
        consumer.assign([partition.clone()]);
        let freshness = Freshness::new();
        let (failure, failed) = watch::channel(None);
        let mut stopping = stop.clone();
        let (client, topic, read) = (client.clone(), topic.to_owned(), Arc::clone(&state));
        let task = Task { consumer, partition, state, freshness: Arc::clone(&freshness), stop, next: 0 };
        let watching = Arc::clone(&freshness);
        tokio::spawn(async move {
            // A task of its own: what panics there must not go unnoticed.
            let mut reading = tokio::spawn(task.run());
            let reason = tokio::select! {
                biased;
                ended = &mut reading => match ended {
                    Ok(Ok(())) => return,
                    Ok(Err(reason)) => reason,
                    Err(panic) => panic.to_string(),
                },
                reason = watching.watch(&client, &topic, &read) => {
                    // It would go on with what the new topic has.
                    reading.abort();
                    reason
                }
                _ = stopping.wait_for(|stop| *stop) => return,
            };
            error!(reason, "the schemas topic cannot be read any more");
            failure.send_replace(Some(reason));
        });
        Ok(Self { freshness, failed })
    }

    /// Ends with the reason when the topic cannot be read any more.
    pub(crate) async fn failed(&self) -> String {
        let mut failed = self.failed.clone();
        loop {
            if let Some(reason) = failed.borrow_and_update().clone() {
                return reason;
            }
            if failed.changed().await.is_err() {
                // Stopped in order.
                std::future::pending::<()>().await;
            }
        }
    }

    /// Notes that the state has all that had been written until then.
    pub(crate) fn note_complete(&self, at: Instant) {
        self.freshness.note_complete(at);
    }

    /// Why the state may be stale, if it may.
    pub(crate) fn problem(&self) -> Option<String> {
        if let Some(reason) = &*self.failed.borrow() {
            return Some(reason.clone());
        }
        self.freshness.problem()
    }
}

/// The offset behind the topic's last record.
///
/// # Errors
/// Where no broker tells.
pub(crate) async fn end_offset(client: &Client, topic: &str) -> Result<i64, Error> {
    let partition = TopicPartition::new(topic, 0);
    let mut ends = Admin::new(client).list_offsets(&[(partition.clone(), OffsetAt::Latest)]).await?;
    let listed = ends.remove(&partition).unwrap_or(Err(Error::UnknownPartition { partition, count: 0 }))?;
    Ok(listed.offset.map_or(0, |offset| offset.get()))
}

struct Task {
    consumer: Consumer,
    partition: TopicPartition,
    state: Arc<State>,
    freshness: Arc<Freshness>,
    stop: watch::Receiver<bool>,
    /// The offset behind what was read.
    next: i64,
}

impl Task {
    /// Ends with the reason where the topic is no longer the one that was read.
    async fn run(mut self) -> Result<(), String> {
        while !*self.stop.borrow() {
            let polled = tokio::select! {
                polled = self.consumer.poll(PATIENCE) => polled,
                _ = self.stop.changed() => break,
            };
            match polled {
                Ok(batches) => {
                    for batch in &batches {
                        let first = batch.iter().next().map_or(self.next, |record| record.offset.get());
                        self.go_on_from(first)?;
                        self.state.apply(batch);
                        self.next = batch.next_offset().get();
                    }
                    self.skip_what_is_compacted().await?;
                }
                Err(error @ (Error::Truncated { .. } | Error::Closed { .. })) => {
                    return Err(error.to_string());
                }
                Err(error) => {
                    warn!(%error, "the schemas topic cannot be read; trying again");
                    self.freshness.note_error(&error);
                    sleep(PAUSE).await;
                }
            }
        }
        self.consumer.close().await;
        Ok(())
    }

    /// The topic may end in offsets whose records are compacted away.
    async fn skip_what_is_compacted(&mut self) -> Result<(), String> {
        if let Ok(Ok(position)) = timeout(PATIENCE, self.consumer.position(&self.partition)).await {
            let offset = position.offset.get();
            self.go_on_from(offset)?;
            self.next = offset;
            self.state.advance(offset);
        }
        Ok(())
    }

    /// A topic that was deleted and made again begins anew, below what is in the state.
    fn go_on_from(&self, offset: i64) -> Result<(), String> {
        if offset >= self.next {
            return Ok(());
        }
        let (topic, next) = (&self.partition.topic, self.next);
        Err(format!(
            "the topic {topic} was read up to offset {next} and goes on at {offset}: it was made anew, or has lost records"
        ))
    }
}
