//! What a consumer's handles and tasks share: the machine under a lock that is held for decisions only, and the execution of what
//! it decides. Nothing is decoded, sent or waited for under the lock.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{OnceLock, Weak};
use std::task::{Context, Poll, Waker};
use std::time::{SystemTime, UNIX_EPOCH};

use medallion_wire::{BrokerId, LeaderEpoch, TopicPartition};
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::batch::Batch;
use super::decode::{Decoder, Room};
use super::fetcher::{Command, Event, Fetcher, Question};
use super::group::{Group, Positions};
use super::membership::Ask;
use super::metrics::Counters;
use super::position::{Place, Position};
use super::rebalance::{RebalanceListener, Slot};
use super::request::{epoch_end, epoch_ends, list_offsets, place};
use super::source::{Job, Source};
use crate::admin::Each;
use crate::brokers::Purpose;
use crate::client::Client;
use crate::config::{ConfigError, ConsumerSettings};
use crate::error::Error;

/// The shared state.
pub(super) struct Shared {
    pub(super) client: Client,
    pub(super) settings: ConsumerSettings,
    /// Which of its client's consumers it is.
    pub(super) number: u32,
    pub(super) purpose: Purpose,
    pub(super) listener: Option<Arc<dyn RebalanceListener>>,
    /// The consumer's handle, for the listener.
    handle: OnceLock<Weak<super::Handle>>,
    /// The membership's task, where there is a `group.id`.
    member: Option<mpsc::UnboundedSender<Ask>>,
    /// Whether the membership waits for a poll.
    is_stale: AtomicBool,
    pub(super) decoder: Decoder,
    pub(super) counters: Counters,
    /// Where there is a `group.id`.
    group: Option<Arc<Group>>,
    runtime: Handle,
    state: Mutex<State>,
    /// Held while offsets are committed.
    committing: tokio::sync::Mutex<()>,
    /// The task has something to look at.
    pub(super) changed: Notify,
    /// A position may have become known.
    pub(super) moved: Notify,
    is_closed: AtomicBool,
}

struct State {
    fetcher: Fetcher,
    sources: HashMap<BrokerId, mpsc::UnboundedSender<Job>>,
    tasks: Vec<JoinHandle<()>>,
    /// Who waits for records.
    wakers: Vec<Waker>,
    due: Option<Instant>,
    /// A change of what the group has assigned.
    change: Slot,
    /// How many poll just now, and when the last one has ended.
    polling: usize,
    last_poll: Instant,
}

/// Somebody polls, until this is dropped.
pub(super) struct Polling {
    shared: Arc<Shared>,
}

impl Drop for Polling {
    fn drop(&mut self) {
        let mut state = self.shared.state.lock();
        state.polling -= 1;
        state.last_poll = Instant::now();
    }
}

impl Shared {
    pub(super) fn new(
        client: Client,
        settings: ConsumerSettings,
        decoder: Decoder,
        fetcher: Fetcher,
        listener: Option<Arc<dyn RebalanceListener>>,
        member: Option<mpsc::UnboundedSender<Ask>>,
    ) -> Self {
        let number = client.next_number();
        Self {
            number,
            purpose: Purpose::Fetch(number),
            listener,
            handle: OnceLock::new(),
            member,
            is_stale: AtomicBool::new(false),
            group: settings.group_id.as_deref().map(|id| Arc::new(Group::new(id))),
            client,
            settings,
            decoder,
            counters: Counters::default(),
            runtime: Handle::current(),
            state: Mutex::new(State {
                fetcher,
                sources: HashMap::new(),
                tasks: Vec::new(),
                wakers: Vec::new(),
                due: None,
                change: Slot::Empty,
                polling: 0,
                last_poll: Instant::now(),
            }),
            committing: tokio::sync::Mutex::default(),
            changed: Notify::new(),
            moved: Notify::new(),
            is_closed: AtomicBool::new(false),
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Acquire)
    }

    /// Says whose this is.
    pub(super) fn set_handle(&self, handle: &Arc<super::Handle>) {
        let _ = self.handle.set(Arc::downgrade(handle));
    }

    /// The consumer's handle, while somebody holds it.
    pub(super) fn handle(&self) -> Option<Arc<super::Handle>> {
        self.handle.get().and_then(Weak::upgrade)
    }

    /// Somebody begins to poll, and is so done with what was polled before.
    pub(super) fn begin_poll(self: &Arc<Self>) -> Polling {
        self.acknowledge();
        self.state.lock().polling += 1;
        if self.is_stale.load(Ordering::Relaxed) {
            self.tell_member(Ask::Polled);
        }
        Polling { shared: Arc::clone(self) }
    }

    /// When somebody has polled last.
    pub(super) fn last_poll(&self, now: Instant) -> Instant {
        let state = self.state.lock();
        if state.polling > 0 { now } else { state.last_poll }
    }

    pub(super) fn set_stale(&self, is_stale: bool) {
        self.is_stale.store(is_stale, Ordering::Relaxed);
    }

    /// Tells the membership's task. Whether there is one.
    pub(super) fn tell_member(&self, ask: Ask) -> bool {
        self.member.as_ref().is_some_and(|member| member.send(ask).is_ok())
    }

    pub(super) fn with_slot<T>(&self, act: impl FnOnce(&mut Slot) -> T) -> T {
        act(&mut self.state.lock().change)
    }

    /// Whoever waits for records looks again.
    pub(super) fn wake(&self) {
        let wakers = std::mem::take(&mut self.state.lock().wakers);
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Remembers who waits.
    pub(super) fn wake_later(&self, context: &Context<'_>) {
        let mut state = self.state.lock();
        if !state.wakers.iter().any(|waker| waker.will_wake(context.waker())) {
            state.wakers.push(context.waker().clone());
        }
    }

    /// Keeps an error for the user.
    pub(super) fn report(self: &Arc<Self>, error: Error) {
        self.drive(|fetcher, _| fetcher.report(error));
    }

    /// Looks at the machine.
    pub(super) fn look<T>(&self, look: impl FnOnce(&Fetcher) -> T) -> T {
        look(&self.state.lock().fetcher)
    }

    /// When the task has to drive again.
    pub(super) fn due(&self) -> Option<Instant> {
        self.state.lock().due
    }

    /// Tells the machine.
    pub(super) fn tell(self: &Arc<Self>, event: Event) {
        self.drive(|fetcher, now| fetcher.handle(event, now, fastrand::f64()));
    }

    /// Changes the machine and does what it then wants done.
    pub(super) fn drive<T>(self: &Arc<Self>, act: impl FnOnce(&mut Fetcher, Instant) -> T) -> T {
        let now = Instant::now();
        let mut state = self.state.lock();
        let outcome = act(&mut state.fetcher, now);
        if !self.is_closed() {
            for command in state.fetcher.commands(now) {
                self.execute(&mut state, command);
            }
        }
        let due = state.fetcher.due();
        let has_new_due = std::mem::replace(&mut state.due, due) != due;
        let wakers = if state.fetcher.has_news(now) { std::mem::take(&mut state.wakers) } else { Vec::new() };
        drop(state);
        if has_new_due {
            self.changed.notify_one();
        }
        self.moved.notify_waiters();
        wakers.into_iter().for_each(Waker::wake);
        outcome
    }

    /// The user is done with what was polled before.
    pub(super) fn acknowledge(&self) {
        if self.group.is_some() {
            self.state.lock().fetcher.acknowledge();
        }
    }

    /// Runs something beside, on the runtime that the consumer was made in.
    pub(super) fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) {
        self.runtime.spawn(future);
    }

    /// Up to `records_max` records, from up to `items_max` batches of each partition.
    pub(super) fn poll(
        self: &Arc<Self>,
        context: &Context<'_>,
        records_max: usize,
        items_max: usize,
    ) -> Poll<Result<Vec<Batch>, Error>> {
        if !self.is_closed() && self.poll_change(context).is_pending() {
            return Poll::Pending;
        }
        let (mut batches, mut room) = (Vec::new(), Room::for_poll(records_max));
        while batches.is_empty() || (items_max > 1 && !room.is_used_up()) {
            if batches.is_empty() {
                // What was decompressed had nothing for the user.
                room = Room::for_poll(records_max);
            }
            if self.is_closed() {
                return Poll::Ready(Err(Error::Closed { what: "consumer" }));
            }
            let lease = self.state.lock().fetcher.lease(room.records, items_max);
            let Some(lease) = lease else { break };
            let (partition, version, before) = (lease.partition.clone(), lease.version(), batches.len());
            let records_before = room.records;
            let settlement = self.decoder.decode(lease, &mut room, &mut batches);
            if !self.state.lock().fetcher.settle(&partition, version, settlement) {
                batches.truncate(before);
                room.records = records_before;
            }
        }
        if batches.is_empty() {
            let error = {
                let mut state = self.state.lock();
                // Closing takes the wakers after it has said so: one that comes later would never be woken.
                if self.is_closed() {
                    return Poll::Ready(Err(Error::Closed { what: "consumer" }));
                }
                let error = state.fetcher.take_error(Instant::now());
                if error.is_none() && !state.wakers.iter().any(|waker| waker.will_wake(context.waker())) {
                    state.wakers.push(context.waker().clone());
                }
                error
            };
            // What was leased may have made room.
            self.drive(|_, _| ());
            return error.map_or(Poll::Pending, |error| Poll::Ready(Err(error)));
        }
        self.counters.polled(records_max - room.records);
        self.drive(|_, _| ());
        Poll::Ready(Ok(batches))
    }

    fn execute(self: &Arc<Self>, state: &mut State, command: Command) {
        match command {
            Command::Fetch { broker, request, bytes_max, max_wait } => {
                let source = state.sources.entry(broker).or_insert_with(|| {
                    let (sender, jobs) = mpsc::unbounded_channel();
                    let source = Source { broker, shared: Arc::clone(self), jobs };
                    state.tasks.push(self.runtime.spawn(source.run()));
                    sender
                });
                // A source ends after its sender alone.
                let _ = source.send(Job::Fetch { request, bytes_max, max_wait });
            }
            Command::Place { broker, questions } => {
                let shared = Arc::clone(self);
                self.runtime.spawn(async move { shared.ask_places(broker, questions).await });
            }
            Command::Committed { questions } => {
                let shared = Arc::clone(self);
                self.runtime.spawn(async move { shared.ask_committed(questions).await });
            }
            Command::Validate { broker, questions } => {
                let shared = Arc::clone(self);
                self.runtime.spawn(async move { shared.ask_epochs(broker, questions).await });
            }
            Command::RefreshMetadata => {
                state.fetcher.topics().for_each(|topic| self.client.metadata().use_topic(topic));
                self.client.metadata().refresh();
            }
        }
    }

    async fn ask_places(self: Arc<Self>, broker: BrokerId, questions: Vec<Question<Place>>) {
        let settings = self.client.settings();
        let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let now_ms = i64::try_from(now_ms).unwrap_or(i64::MAX);
        let isolation_level = self.settings.isolation_level;
        let request = list_offsets(&questions, isolation_level, settings.request_timeout, now_ms);
        let response = self.client.call_broker(broker, request).await;
        self.drive(|fetcher, now| {
            for question in questions {
                let outcome = response.as_ref().map_err(Error::clone);
                let outcome = outcome.and_then(|response| place(&question.partition, response));
                fetcher.handle(Event::Placed { question, outcome }, now, fastrand::f64());
            }
        });
    }

    async fn ask_committed(self: Arc<Self>, questions: Vec<Question<()>>) {
        let partitions = questions.iter().map(|question| question.partition.clone()).collect();
        let mut answer = self.committed(partitions).await;
        self.drive(|fetcher, now| {
            for question in questions {
                let outcome = match &mut answer {
                    Ok(each) => each.remove(&question.partition).unwrap_or(Ok(None)),
                    Err(error) => Err(error.clone()),
                };
                fetcher.handle(Event::Committed { question, outcome }, now, fastrand::f64());
            }
        });
    }

    /// The group's committed positions.
    pub(super) async fn committed(
        &self,
        partitions: Vec<TopicPartition>,
    ) -> Result<Each<TopicPartition, Option<Position>>, Error> {
        self.group()?.committed(&self.client, partitions).await
    }

    /// Commits positions for the group, which are chosen once earlier commits are done: none overtakes another.
    pub(super) async fn commit(
        self: &Arc<Self>,
        positions: impl FnOnce(&Fetcher) -> Positions,
    ) -> Result<Each<TopicPartition, ()>, Error> {
        let group = Arc::clone(self.group()?);
        let _turn = self.committing.lock().await;
        let positions = self.look(positions);
        if positions.is_empty() {
            return Ok(Each::new());
        }
        let owner = Arc::clone(self);
        let is_own = move |partition: &TopicPartition| owner.look(|fetcher| fetcher.is_assigned(partition));
        let each = group.commit(&self.client, positions.clone(), is_own).await?;
        let mut state = self.state.lock();
        for (partition, position) in positions {
            if matches!(each.get(&partition), Some(Ok(()))) {
                state.fetcher.committed(&partition, position);
            }
        }
        Ok(each)
    }

    /// Commits what is said not to be, and only logs what fails.
    pub(super) async fn commit_quietly(self: &Arc<Self>, positions: impl FnOnce(&Fetcher) -> Positions) {
        let outcome = self
            .commit(positions)
            .await
            .map(|each| each.into_values().filter_map(Result::err).collect::<Vec<_>>());
        for error in outcome.unwrap_or_else(|error| vec![error]) {
            tracing::warn!(%error, "offsets are not committed");
        }
    }

    pub(super) fn group(&self) -> Result<&Arc<Group>, Error> {
        let missing =
            || ConfigError::Conflict { name: "group.id", reason: "offsets and subscriptions need it".into() };
        self.group.as_ref().ok_or_else(|| missing().into())
    }

    async fn ask_epochs(self: Arc<Self>, broker: BrokerId, questions: Vec<Question<LeaderEpoch>>) {
        let response = self.client.call_broker(broker, epoch_ends(&questions)).await;
        self.drive(|fetcher, now| {
            for question in questions {
                let outcome = response.as_ref().map_err(Error::clone);
                let outcome = outcome.and_then(|response| epoch_end(&question.partition, response));
                fetcher.handle(Event::Validated { question, outcome }, now, fastrand::f64());
            }
        });
    }

    /// Takes no more calls. Whoever waits is told.
    pub(super) fn close(&self) {
        self.is_closed.store(true, Ordering::Release);
        self.tell_member(Ask::Abandon);
        self.wake();
        self.moved.notify_waiters();
        self.changed.notify_one();
    }

    /// Ends the sessions; the sources end behind that.
    pub(super) fn close_sources(&self) -> Vec<JoinHandle<()>> {
        let mut state = self.state.lock();
        let sources = std::mem::take(&mut state.sources);
        for (broker, session_id) in state.fetcher.sessions() {
            if let Some(source) = sources.get(&broker) {
                let _ = source.send(Job::Close { session_id });
            }
        }
        std::mem::take(&mut state.tasks)
    }
}
