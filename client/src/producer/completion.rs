//! How a batch ends, seen by its records.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Waker};

use medallion_wire::{Offset, TopicPartition};
use parking_lot::Mutex;

use super::record::RecordMetadata;
use crate::error::Error;

/// What a broker says of a batch that it has taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ack {
    /// The first record's offset; `None` where the broker does not say.
    pub(super) base_offset: Option<Offset>,
    /// The broker's time, where the topic's records get it.
    pub(super) log_append_time: Option<i64>,
}

/// What is called with a record's outcome.
pub(super) type Callback = Box<dyn FnOnce(Result<RecordMetadata, Error>) + Send>;

/// The end of one batch, shared by its records: they all have the same one.
pub(super) struct Completion {
    partition: TopicPartition,
    outcome: OnceLock<Result<Ack, Error>>,
    /// Set where the batch was too large: each of its parts ends by itself.
    parts: OnceLock<Parts>,
    waiting: Mutex<Waiting>,
}

struct Parts {
    /// The first record of the second part.
    second_from: u32,
    parts: [Arc<Completion>; 2],
}

#[derive(Default)]
struct Waiting {
    wakers: Vec<Waker>,
    callbacks: Vec<(u32, i64, Callback)>,
}

impl fmt::Debug for Completion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Completion")
            .field("partition", &self.partition)
            .field("outcome", &self.outcome)
            .finish_non_exhaustive()
    }
}

impl Completion {
    pub(super) fn new(partition: TopicPartition) -> Arc<Self> {
        Arc::new(Self {
            partition,
            outcome: OnceLock::new(),
            parts: OnceLock::new(),
            waiting: Mutex::default(),
        })
    }

    pub(super) fn partition(&self) -> &TopicPartition {
        &self.partition
    }

    /// Hands the batch's records over to two others: those before `second_from` to the first.
    pub(super) fn split(&self, second_from: u32, parts: [Arc<Self>; 2]) {
        if self.is_complete() || self.parts.set(Parts { second_from, parts }).is_err() {
            return;
        }
        let waiting = std::mem::take(&mut *self.waiting.lock());
        waiting.wakers.into_iter().for_each(Waker::wake);
        for (index, timestamp, callback) in waiting.callbacks {
            if let Some((part, index)) = self.part_of(index) {
                part.call(index, timestamp, callback);
            }
        }
    }

    /// The part that has the record `index`, and its place there.
    fn part_of(&self, index: u32) -> Option<(&Arc<Self>, u32)> {
        let Parts { second_from, parts: [first, second] } = self.parts.get()?;
        Some(match index.checked_sub(*second_from) {
            None => (first, index),
            Some(index) => (second, index),
        })
    }

    /// Ends the batch; what comes later than the first end changes nothing.
    pub(super) fn complete(&self, outcome: Result<Ack, Error>) -> bool {
        if self.parts.get().is_some() || self.outcome.set(outcome).is_err() {
            return false;
        }
        let waiting = std::mem::take(&mut *self.waiting.lock());
        waiting.wakers.into_iter().for_each(Waker::wake);
        for (index, timestamp, callback) in waiting.callbacks {
            if let Some(outcome) = self.outcome_of(index, timestamp) {
                callback(outcome);
            }
        }
        true
    }

    /// Calls `callback` with the outcome of the record `index`, once it is there.
    pub(super) fn call(&self, index: u32, timestamp: i64, callback: Callback) {
        let mut waiting = self.waiting.lock();
        if let Some((part, index)) = self.part_of(index) {
            drop(waiting);
            return part.call(index, timestamp, callback);
        }
        match self.outcome_of(index, timestamp) {
            None => waiting.callbacks.push((index, timestamp, callback)),
            Some(outcome) => {
                drop(waiting);
                callback(outcome);
            }
        }
    }

    pub(super) fn is_complete(&self) -> bool {
        self.outcome.get().is_some()
    }

    fn outcome_of(&self, index: u32, timestamp: i64) -> Option<Result<RecordMetadata, Error>> {
        if let Some((part, index)) = self.part_of(index) {
            return part.outcome_of(index, timestamp);
        }
        let outcome = self.outcome.get()?.as_ref();
        Some(outcome.map_err(Error::clone).map(|ack| RecordMetadata {
            partition: self.partition.clone(),
            offset: ack.base_offset.map(|base| base + i64::from(index)),
            timestamp: ack.log_append_time.unwrap_or(timestamp),
        }))
    }

    /// Ready once the batch has ended or was split; `slot` is where the waiter's waker lies among the others.
    fn poll(&self, slot: &mut Option<usize>, context: &Context<'_>) -> Poll<()> {
        let has_ended = || self.is_complete() || self.parts.get().is_some();
        if has_ended() {
            return Poll::Ready(());
        }
        let mut waiting = self.waiting.lock();
        // The end may have come before the lock.
        if has_ended() {
            return Poll::Ready(());
        }
        match slot.and_then(|at| waiting.wakers.get_mut(at)) {
            Some(waker) => waker.clone_from(context.waker()),
            None => {
                *slot = Some(waiting.wakers.len());
                waiting.wakers.push(context.waker().clone());
            }
        }
        Poll::Pending
    }

    /// Waits for the end, of all parts where the batch was split.
    pub(super) async fn wait(self: Arc<Self>) {
        let mut waiting = vec![self];
        while let Some(one) = waiting.pop() {
            let mut slot = None;
            std::future::poll_fn(|context| one.poll(&mut slot, context)).await;
            waiting.extend(one.parts.get().into_iter().flat_map(|parts| parts.parts.iter().cloned()));
        }
    }
}

/// The outcome of one record, to be awaited or dropped.
///
/// It costs nothing beside a count of references: the batch has the outcome. Dropping it changes nothing for the record.
#[must_use = "errors show only to those who await it; drop it on purpose where they do not matter"]
pub struct Delivery {
    completion: Arc<Completion>,
    index: u32,
    timestamp: i64,
    slot: Option<usize>,
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { completion, index, timestamp, .. } = self;
        f.debug_struct("Delivery")
            .field("completion", completion)
            .field("index", index)
            .field("timestamp", timestamp)
            .finish_non_exhaustive()
    }
}

impl Delivery {
    pub(super) fn new(completion: Arc<Completion>, index: u32, timestamp: i64) -> Self {
        Self { completion, index, timestamp, slot: None }
    }

    /// Has `callback` called with the outcome, by the producer's task: it must be quick, and must not wait. Where the outcome is
    /// there already it is called at once.
    pub fn then(self, callback: impl FnOnce(Result<RecordMetadata, Error>) + Send + 'static) {
        self.completion.call(self.index, self.timestamp, Box::new(callback));
    }

    /// The outcome, if it is there.
    pub fn outcome(&self) -> Option<Result<RecordMetadata, Error>> {
        self.completion.outcome_of(self.index, self.timestamp)
    }
}

impl Future for Delivery {
    type Output = Result<RecordMetadata, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        loop {
            if let Some((part, index)) = this.completion.part_of(this.index) {
                let part = Arc::clone(part);
                (this.completion, this.index, this.slot) = (part, index, None);
                continue;
            }
            if this.completion.poll(&mut this.slot, context).is_pending() {
                return Poll::Pending;
            }
            if let Some(outcome) = this.completion.outcome_of(this.index, this.timestamp) {
                return Poll::Ready(outcome);
            }
            // It was split, and that part has not ended.
            if this.completion.part_of(this.index).is_none() {
                return Poll::Pending;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test]
    async fn all_records_of_a_batch_learn_of_its_end_once() {
        let completion = Completion::new(TopicPartition::new("t", 1));
        let delivery = |index| Delivery::new(Arc::clone(&completion), index, 5);
        let waiting = [0, 1].map(|index| tokio::spawn(delivery(index)));
        let called = Arc::new(AtomicU32::new(0));
        for index in [2, 3] {
            let called = Arc::clone(&called);
            delivery(index).then(move |outcome| {
                assert_eq!(outcome.unwrap().offset, Some(Offset(100 + i64::from(index))));
                called.fetch_add(1, Ordering::Relaxed);
            });
        }
        tokio::task::yield_now().await;
        assert!(delivery(9).outcome().is_none());
        let ack = Ack { base_offset: Some(Offset(100)), log_append_time: None };
        assert!(completion.complete(Ok(ack)));
        assert!(!completion.complete(Err(Error::Closed { what: "x" })), "the first end counts");
        for (index, waiting) in (0..).zip(waiting) {
            let metadata = waiting.await.unwrap().unwrap();
            assert_eq!((metadata.offset, metadata.timestamp), (Some(Offset(100 + index)), 5));
        }
        assert_eq!(called.load(Ordering::Relaxed), 2);
        assert_eq!(delivery(4).await.unwrap().offset, Some(Offset(104)));
    }

    #[tokio::test]
    async fn records_of_a_batch_that_was_split_learn_of_their_part() {
        let partition = TopicPartition::new("t", 1);
        let [whole, first, second, third, fourth] = [(); 5].map(|()| Completion::new(partition.clone()));
        let delivery = |index| Delivery::new(Arc::clone(&whole), index, 5);
        let waiting = [0, 1, 2, 3].map(|index| tokio::spawn(delivery(index)));
        let (before, after) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
        let note = |seen: &Arc<AtomicU32>| {
            let seen = Arc::clone(seen);
            move |outcome: Result<RecordMetadata, Error>| {
                let offset = outcome.unwrap().offset.unwrap().get();
                seen.store(u32::try_from(offset).unwrap(), Ordering::Relaxed);
            }
        };
        delivery(2).then(note(&before));
        tokio::task::yield_now().await;
        let flushed = tokio::spawn(Arc::clone(&whole).wait());
        whole.split(2, [Arc::clone(&first), Arc::clone(&second)]);
        second.split(1, [Arc::clone(&third), Arc::clone(&fourth)]);
        assert!(!whole.complete(Err(Error::Closed { what: "x" })), "its parts end, not the whole");
        delivery(3).then(note(&after));
        let ack = |offset| Ok(Ack { base_offset: Some(Offset(offset)), log_append_time: None });
        assert!(first.complete(Err(Error::Closed { what: "x" })) && third.complete(ack(50)));
        assert!(delivery(0).outcome().unwrap().is_err() && delivery(3).outcome().is_none());
        tokio::task::yield_now().await;
        assert!(!flushed.is_finished());
        assert!(fourth.complete(ack(70)));
        flushed.await.unwrap();
        let mut outcomes = Vec::new();
        for waiting in waiting {
            outcomes.push(waiting.await.unwrap().ok().and_then(|metadata| metadata.offset));
        }
        assert_eq!(outcomes, [None, None, Some(Offset(50)), Some(Offset(70))]);
        assert_eq!((before.load(Ordering::Relaxed), after.load(Ordering::Relaxed)), (50, 70));
    }
}
