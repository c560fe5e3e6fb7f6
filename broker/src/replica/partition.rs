//! A partition of which this broker has the replica: its log, the queue of appends and those who wait.
//!
//! Appends are queued in the order in which requests were read and written by one job at a time on the I/O pool, so
//! several waiting requests share one vectored write (and one flush, where `acks=all` asks for it); one job may write for
//! several partitions ([`super::append_job`]). Where a write would not wait, the caller writes the queue at once
//! ([`super::inline_append`]). The queue exists before the log is open: what comes in while it recovers is
//! written when it is.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use medallion_log::{AppendError, AppendOutcome, AppendRequest, LogError, LogReader, PartitionLog};
use medallion_os::Clock;
use medallion_wire::{LeaderEpoch, Offset, TopicId, TopicPartition};
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::{Notify, oneshot};

use super::append_job::AppendJobs;
use super::append_time::{AppendTime, TimedAppends};
use super::fetch_waiter::WaiterList;
use super::inline_append::{INLINE_BYTES_MAX, InlineAppends};
use crate::config::TopicConfig;
use crate::controller::image::PartitionRegistration;
use crate::metrics::{Metrics, TopicMetrics};

/// How long a request waits for a log that is being opened.
pub(crate) const OPENING_WAIT_MAX: Duration = Duration::from_secs(5);

/// Why a partition cannot serve a request.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum PartitionError {
    /// The log is being opened; the client should try again.
    #[error("{0} is being recovered")]
    Opening(TopicPartition),
    /// The log failed; the reason was logged.
    #[error("{partition} is offline: {reason}")]
    Offline { partition: TopicPartition, reason: Arc<str> },
    /// The broker stops; the client should try again.
    #[error("{0} is closed: the broker stops")]
    Stopped(TopicPartition),
    /// The topic was deleted.
    #[error("{0} was deleted")]
    Deleted(TopicPartition),
}

/// What became of an append.
pub(crate) type AppendReply = Result<AppendOutcome, AppendFailure>;

/// Why an append was refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AppendFailure {
    /// By the log.
    #[error(transparent)]
    Log(#[from] AppendError),
    /// By the partition's state.
    #[error(transparent)]
    Partition(#[from] PartitionError),
}

#[derive(Debug)]
struct PendingAppend {
    request: AppendRequest,
    durable: bool,
    /// Where the time of the append is added, if it is measured.
    time: Option<AppendTime>,
    reply: oneshot::Sender<AppendReply>,
}

#[derive(Debug, Default)]
struct AppendQueue {
    pending: Vec<PendingAppend>,
    draining: bool,
}

#[derive(Debug)]
enum State {
    Opening,
    Online(LogReader),
    Offline(Arc<str>),
    Stopped,
    Deleted,
}

/// What all partitions of a broker share.
#[derive(Debug, Clone)]
pub(crate) struct Surroundings {
    /// The time.
    pub(crate) clock: Arc<dyn Clock>,
    /// Whose blocking threads are the I/O pool.
    pub(crate) runtime: Handle,
    /// Where appends and flushes are counted.
    pub(crate) metrics: Arc<Metrics>,
    /// The broker stops: nobody waits for data or for a log any longer.
    pub(crate) stopping: Arc<AtomicBool>,
    /// Who may append without the I/O pool.
    pub(crate) inline: Arc<InlineAppends>,
}

/// One replica on this broker.
#[derive(Debug)]
pub(crate) struct Partition {
    id: TopicPartition,
    topic_id: TopicId,
    state: ArcSwap<State>,
    opened: Notify,
    wanted: AtomicBool,
    leader_epoch: AtomicI32,
    isr_len: AtomicUsize,
    replicas_len: AtomicUsize,
    log: Mutex<Option<PartitionLog>>,
    queue: Mutex<AppendQueue>,
    waiters: WaiterList,
    settings: ArcSwap<TopicConfig>,
    surroundings: Surroundings,
    topic_metrics: TopicMetrics,
    last_flush_ms: AtomicI64,
    first_dirty_offset: AtomicI64,
}

impl Partition {
    /// A partition whose log is not open yet.
    pub(crate) fn opening(
        id: TopicPartition,
        topic_id: TopicId,
        registration: &PartitionRegistration,
        settings: Arc<TopicConfig>,
        surroundings: Surroundings,
    ) -> Arc<Self> {
        let topic_metrics = surroundings.metrics.topic(&id.topic);
        let now_ms = surroundings.clock.now_ms();
        Arc::new(Self {
            id,
            topic_id,
            state: ArcSwap::from_pointee(State::Opening),
            opened: Notify::new(),
            wanted: AtomicBool::new(false),
            leader_epoch: AtomicI32::new(registration.leader_epoch.get()),
            isr_len: AtomicUsize::new(registration.isr.len()),
            replicas_len: AtomicUsize::new(registration.replicas.len()),
            log: Mutex::new(None),
            queue: Mutex::new(AppendQueue::default()),
            waiters: WaiterList::default(),
            settings: ArcSwap::new(settings),
            surroundings,
            topic_metrics,
            last_flush_ms: AtomicI64::new(now_ms),
            first_dirty_offset: AtomicI64::new(0),
        })
    }

    /// What this partition shares with all others.
    pub(super) fn surroundings(&self) -> &Surroundings {
        &self.surroundings
    }

    /// The partition's name.
    pub(crate) fn id(&self) -> &TopicPartition {
        &self.id
    }

    /// The topic's id.
    pub(crate) fn topic_id(&self) -> TopicId {
        self.topic_id
    }

    /// The epoch in which this broker leads the partition.
    pub(crate) fn leader_epoch(&self) -> LeaderEpoch {
        LeaderEpoch(self.leader_epoch.load(Ordering::Acquire))
    }

    /// Takes the leader epoch and the ISR from the metadata; waiting fetches look again.
    pub(crate) fn follow(&self, registration: &PartitionRegistration) {
        self.leader_epoch.store(registration.leader_epoch.get(), Ordering::Release);
        self.isr_len.store(registration.isr.len(), Ordering::Release);
        self.replicas_len.store(registration.replicas.len(), Ordering::Release);
        if let Some(log) = self.log.lock().as_mut() {
            log.begin_leader_epoch(registration.leader_epoch);
        }
        self.waiters.wake_all();
    }

    /// The settings of the topic.
    pub(crate) fn settings(&self) -> Arc<TopicConfig> {
        self.settings.load_full()
    }

    /// Takes new settings; an open log follows at once.
    pub(crate) fn set_settings(&self, settings: Arc<TopicConfig>) {
        self.settings.store(Arc::clone(&settings));
        if let Some(log) = self.log.lock().as_mut() {
            log.update_config(Arc::new(settings.log.clone()));
        }
    }

    /// How many replicas must be in sync for `acks=all`: what `min.insync.replicas` says, at most all of them.
    pub(crate) fn min_insync_replicas(&self) -> usize {
        let wanted = usize::try_from(self.settings.load().min_insync_replicas).unwrap_or(1);
        wanted.min(self.replicas_len.load(Ordering::Acquire))
    }

    /// How many replicas are in sync, as the metadata says.
    pub(crate) fn in_sync_replicas(&self) -> usize {
        self.isr_len.load(Ordering::Acquire)
    }

    /// Those who wait for data.
    pub(crate) fn waiters(&self) -> &WaiterList {
        &self.waiters
    }

    /// Whether a request has asked for this partition while it was opening.
    pub(crate) fn is_wanted(&self) -> bool {
        self.wanted.load(Ordering::Relaxed)
    }

    /// The log for reading, if it is open.
    ///
    /// # Errors
    /// [`PartitionError`] says why it is not.
    pub(crate) fn reader(&self) -> Result<LogReader, PartitionError> {
        match &**self.state.load() {
            State::Online(reader) => Ok(reader.clone()),
            State::Opening => {
                self.wanted.store(true, Ordering::Relaxed);
                Err(self.refusal())
            }
            State::Offline(_) | State::Stopped | State::Deleted => Err(self.refusal()),
        }
    }

    /// Why there is no log.
    fn refusal(&self) -> PartitionError {
        match &**self.state.load() {
            State::Opening => PartitionError::Opening(self.id.clone()),
            State::Offline(reason) => {
                PartitionError::Offline { partition: self.id.clone(), reason: Arc::clone(reason) }
            }
            State::Stopped => PartitionError::Stopped(self.id.clone()),
            State::Online(_) | State::Deleted => PartitionError::Deleted(self.id.clone()),
        }
    }

    /// The log for reading if it is open, without asking for it to be opened.
    pub(crate) fn peek_reader(&self) -> Option<LogReader> {
        match &**self.state.load() {
            State::Online(reader) => Some(reader.clone()),
            State::Opening | State::Offline(_) | State::Stopped | State::Deleted => None,
        }
    }

    /// Whether the log failed.
    pub(crate) fn is_offline(&self) -> bool {
        matches!(&**self.state.load(), State::Offline(_))
    }

    /// As [`Partition::reader`], but waits while the log is being opened and the broker does not stop.
    ///
    /// # Errors
    /// As [`Partition::reader`].
    pub(crate) async fn opened_reader(&self) -> Result<LogReader, PartitionError> {
        loop {
            let opened = self.opened.notified();
            tokio::pin!(opened);
            opened.as_mut().enable();
            match self.reader() {
                Err(PartitionError::Opening(_)) if !self.is_stopping() => opened.await,
                other => return other,
            }
        }
    }

    /// As [`Partition::opened_reader`], but waits for [`OPENING_WAIT_MAX`] at most: clients give up in the end and ask
    /// again.
    ///
    /// # Errors
    /// As [`Partition::reader`].
    pub(crate) async fn reader_soon(&self) -> Result<LogReader, PartitionError> {
        let opened = tokio::time::timeout(OPENING_WAIT_MAX, self.opened_reader()).await;
        opened.unwrap_or_else(|_| Err(self.refusal()))
    }

    /// Whether the broker stops, so that nobody should wait.
    pub(crate) fn is_stopping(&self) -> bool {
        self.surroundings.stopping.load(Ordering::Acquire)
    }

    /// Lets all who wait look again.
    pub(crate) fn wake_all(&self) {
        self.opened.notify_waiters();
        self.waiters.wake_all();
    }

    /// The log is there: waiting appends are written and waiting readers wake.
    pub(crate) fn open(self: &Arc<Self>, mut log: PartitionLog) {
        log.advance_high_watermark(log.reader().log_end_offset());
        let mut guard = self.log.lock();
        log.begin_leader_epoch(self.leader_epoch()); // under the lock, so that an epoch that comes meanwhile is not missed
        if matches!(&**self.state.load(), State::Opening) {
            self.state.store(Arc::new(State::Online(log.reader())));
        }
        *guard = Some(log); // also where the topic was deleted meanwhile: `take_log` asks for it
        drop(guard);
        self.wake_all();
        if !self.queue.lock().pending.is_empty() {
            AppendJobs::add_alone(&self.surroundings.runtime, Arc::clone(self));
        }
    }

    /// The log failed: all requests are refused from now on.
    pub(crate) fn fail(&self, reason: &str) {
        self.close_with(State::Offline(Arc::from(reason)));
    }

    /// Takes the log away to open it anew; what comes meanwhile waits in the queue. `None` when it is not open.
    pub(crate) fn reopen(&self) -> Option<PartitionLog> {
        let mut guard = self.log.lock();
        self.peek_reader()?;
        self.state.store(Arc::new(State::Opening));
        guard.take()
    }

    /// The topic was deleted: all requests are refused from now on.
    pub(crate) fn delete(&self) {
        self.close_with(State::Deleted);
    }

    /// Takes the log of a deleted partition, so that its folder can be removed. `None` where it is not open.
    pub(crate) fn take_log(&self) -> Option<PartitionLog> {
        self.log.lock().take()
    }

    /// Takes the log for a clean stop; later appends are refused.
    pub(crate) fn stop(&self) -> Option<PartitionLog> {
        self.close_with(State::Stopped);
        self.log.lock().take()
    }

    fn close_with(&self, state: State) {
        {
            let _writer = self.log.lock(); // states change under it, so that none is overtaken by an older one
            if matches!(&**self.state.load(), State::Deleted) {
                return;
            }
            self.state.store(Arc::new(state));
        }
        self.wake_all();
        let mut queue = self.queue.lock();
        if !queue.draining {
            let pending = std::mem::take(&mut queue.pending);
            drop(queue);
            self.refuse(pending);
        }
    }

    /// Runs `work` on the open log, with the writer's lock: for short operations on the I/O pool only.
    ///
    /// # Errors
    /// As [`Partition::reader`], but nobody counts as waiting for a log that is being opened.
    pub(crate) fn with_log<T>(&self, work: impl FnOnce(&mut PartitionLog) -> T) -> Result<T, PartitionError> {
        let mut guard = self.log.lock();
        let log = guard.as_mut().ok_or_else(|| self.refusal())?;
        Ok(work(log))
    }

    /// Puts another log in the place of the open one. `make` gets the old log, whose writer is held meanwhile, and
    /// gives the new one with whatever the caller wants back.
    ///
    /// # Errors
    /// As [`Partition::with_log`]; when `make` fails the old log stays.
    pub(crate) fn replace_log<T, E>(
        &self,
        make: impl FnOnce(&mut PartitionLog) -> Result<(PartitionLog, T), E>,
    ) -> Result<Result<T, E>, PartitionError> {
        let mut guard = self.log.lock();
        self.peek_reader().ok_or_else(|| self.refusal())?;
        let old = guard.as_mut().ok_or_else(|| self.refusal())?;
        Ok(make(old).map(|(log, outcome)| {
            self.state.store(Arc::new(State::Online(log.reader())));
            *guard = Some(log);
            self.waiters.wake_all();
            outcome
        }))
    }

    /// Queues an append and starts a job that writes it. Requests of one caller are written in the order of their
    /// calls; `durable` asks for a flush before the reply.
    pub(crate) fn append(
        self: &Arc<Self>,
        request: AppendRequest,
        durable: bool,
    ) -> oneshot::Receiver<AppendReply> {
        self.append_with(request, durable, &mut AppendJobs::default())
    }

    /// As [`Partition::append`], by one of the `jobs` of a request.
    pub(crate) fn append_with(
        self: &Arc<Self>,
        request: AppendRequest,
        durable: bool,
        jobs: &mut AppendJobs,
    ) -> oneshot::Receiver<AppendReply> {
        let (reply, receiver) = oneshot::channel();
        let bytes = request.records.len();
        let is_drained = {
            let mut queue = self.queue.lock();
            queue.pending.push(PendingAppend { request, durable, time: jobs.time.clone(), reply });
            queue.draining
        };
        match &**self.state.load() {
            State::Opening => self.wanted.store(true, Ordering::Relaxed),
            _ if is_drained => {}
            _ if durable => AppendJobs::add_alone(&self.surroundings.runtime, Arc::clone(self)),
            _ => jobs.add(Arc::clone(self), bytes),
        }
        receiver
    }

    /// Writes all that waits in the queue, unless another job does so already.
    pub(super) fn drain(&self) {
        let mut is_ours = false;
        loop {
            let batch = {
                let mut queue = self.queue.lock();
                if queue.draining && !is_ours {
                    return;
                }
                queue.draining = !queue.pending.is_empty();
                is_ours = queue.draining;
                std::mem::take(&mut queue.pending)
            };
            if batch.is_empty() {
                return;
            }
            match self.reader() {
                Ok(_) => self.write(batch),
                Err(_) => self.refuse(batch),
            }
        }
    }

    /// Runs a flush and counts how long it took.
    ///
    /// # Errors
    /// Those of the flush.
    pub(crate) fn timed_flush<T>(&self, flush: impl FnOnce() -> Result<T, LogError>) -> Result<T, LogError> {
        let began = self.surroundings.clock.monotonic();
        let outcome = flush();
        let time = self.surroundings.clock.monotonic().saturating_sub(began);
        self.surroundings.metrics.flushed(time, outcome.is_ok());
        self.last_flush_ms.store(self.surroundings.clock.now_ms(), Ordering::Relaxed);
        outcome
    }

    /// When the log was flushed last; when it was made, before the first time.
    pub(crate) fn last_flush_ms(&self) -> i64 {
        self.last_flush_ms.load(Ordering::Relaxed)
    }

    /// Up to where (exclusive) the log was compacted.
    pub(crate) fn first_dirty_offset(&self) -> Offset {
        Offset(self.first_dirty_offset.load(Ordering::Relaxed))
    }

    /// Notes up to where the log was compacted.
    pub(crate) fn set_first_dirty_offset(&self, offset: Offset) {
        self.first_dirty_offset.store(offset.get(), Ordering::Relaxed);
    }

    /// Counts what a fetch takes.
    pub(crate) fn count_sent(&self, bytes: usize) {
        self.topic_metrics.sent(bytes);
    }

    fn count(&self, outcomes: &[Result<AppendOutcome, AppendError>]) {
        for outcome in outcomes.iter().flatten().filter(|outcome| !outcome.duplicate) {
            let records = outcome.last_offset - outcome.base_offset + 1;
            self.topic_metrics.received(outcome.bytes, usize::try_from(records).unwrap_or(0));
        }
    }

    fn refuse(&self, pending: Vec<PendingAppend>) {
        for append in pending {
            let _ = append.reply.send(Err(self.refusal().into()));
        }
    }

    fn write(&self, batch: Vec<PendingAppend>) {
        let mut guard = self.log.lock();
        let Some(log) = guard.as_mut() else {
            drop(guard);
            return self.refuse(batch);
        };
        let written = self.append_to(log, batch);
        drop(guard);
        self.finish(written);
    }

    /// Whether a job is at the queue.
    #[cfg(test)]
    pub(super) fn is_draining(&self) -> bool {
        self.queue.lock().draining
    }

    /// Writes all that waits in the queue, if that takes no more than a write into the page cache and nobody else is at
    /// the log. What comes of it is to be given to [`Partition::finish`]; `None` where a job has to write.
    pub(super) fn write_now(&self) -> Option<Written> {
        let mut guard = self.log.try_lock()?;
        let log = guard.as_mut()?;
        self.peek_reader()?;
        let batch = {
            let mut queue = self.queue.lock();
            if queue.draining {
                return Some(Written::default()); // who drains looks into the queue once more
            }
            if !is_plain(log, &queue.pending, self.surroundings.clock.now_ms()) {
                return None;
            }
            std::mem::take(&mut queue.pending)
        };
        Some(self.append_to(log, batch))
    }

    fn append_to(&self, log: &mut PartitionLog, batch: Vec<PendingAppend>) -> Written {
        let mut requests = Vec::with_capacity(batch.len());
        let mut replies = Vec::with_capacity(batch.len());
        let mut flush = false;
        let mut timed = TimedAppends::default();
        for append in batch {
            flush |= append.durable;
            timed.note(append.time, append.request.records.len());
            requests.push(append.request);
            replies.push((append.durable, append.reply));
        }
        let began = (!timed.is_empty()).then(|| self.surroundings.clock.monotonic());
        let mut outcomes = log.append_many(requests, self.surroundings.clock.now_ms());
        if let Some(began) = began {
            timed.share(self.surroundings.clock.monotonic().saturating_sub(began));
        }
        if flush && let Err(error) = self.timed_flush(|| log.flush()) {
            fail_durable(&mut outcomes, &replies, &error);
        }
        let before = log.reader().high_watermark();
        let end = log.reader().log_end_offset();
        let is_visible = log.advance_high_watermark(end) > before;
        Written { outcomes, replies, is_visible }
    }

    /// Tells all who wait what was written.
    pub(super) fn finish(&self, Written { outcomes, replies, is_visible }: Written) {
        self.count(&outcomes);
        if is_visible {
            let bytes = outcomes.iter().flatten().map(|outcome| outcome.bytes).sum();
            self.waiters.arrived(bytes);
        }
        for ((_, reply), outcome) in replies.into_iter().zip(outcomes) {
            let _ = reply.send(outcome.map_err(AppendFailure::from));
        }
    }
}

/// What a write has done, and who wants to know.
#[derive(Debug, Default)]
pub(super) struct Written {
    outcomes: Vec<Result<AppendOutcome, AppendError>>,
    replies: Vec<(bool, oneshot::Sender<AppendReply>)>,
    /// The high watermark has moved.
    is_visible: bool,
}

/// Whether writing all of `pending` takes one write into the page cache and nothing more.
fn is_plain(log: &PartitionLog, pending: &[PendingAppend], now_ms: i64) -> bool {
    let bytes: usize = pending.iter().map(|append| append.request.records.len()).sum();
    let is_plain = |append: &PendingAppend| {
        let AppendRequest { leader_epoch, origin, .. } = &append.request;
        !append.durable && log.is_append_plain(bytes, *leader_epoch, *origin, now_ms)
    };
    bytes <= INLINE_BYTES_MAX && pending.iter().all(is_plain)
}

fn fail_durable(
    outcomes: &mut [Result<AppendOutcome, AppendError>],
    replies: &[(bool, oneshot::Sender<AppendReply>)],
    error: &LogError,
) {
    for (outcome, (durable, _)) in outcomes.iter_mut().zip(replies) {
        if *durable && outcome.is_ok() {
            *outcome = Err(AppendError::Log(LogError::Poisoned {
                directory: PathBuf::new(),
                cause: error.to_string(),
            }));
        }
    }
}
