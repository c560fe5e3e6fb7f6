//! One shard at work: loads, then takes turns.
//!
//! A turn takes all that waits, appends every decision in one write, and answers when that is committed. A failed append
//! takes the shard back to what is committed; whoever waited for it is told to try again.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use medallion_group::assignor::GroupAssignment;
use medallion_group::offsets::Offsets;
use medallion_group::{
    AssignmentJob, Caller, Environment, GroupId, JobId, Output, Reply, Request, Settings, Shard, Token,
};
use medallion_log::{AppendOrigin, AppendRequest};
use medallion_wire::ResponseError;
use medallion_wire::types::Uuid;
use tokio::sync::{mpsc, oneshot};
use tracing::{debug, error, info, warn};

use super::batches;
use super::group_coordinator::CoordinatorSurroundings;
use super::loader::{self, Loaded};
use super::view::{self, ImageTopics};
use crate::error::Refusal;
use crate::replica::Partition;

/// At most this many waiting messages share one turn.
const TURN_MAX: usize = 500;
/// An assignment of no more members and partitions than this is computed in microseconds: sooner than a thread wakes for it.
const SMALL_ASSIGNMENT_MAX: usize = 128;
/// How long a shard without timers sleeps.
const IDLE: Duration = Duration::from_secs(60);

/// Where a shard stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Phase {
    /// The log is being read.
    Loading = 0,
    /// Requests are served.
    Serving = 1,
    /// The log cannot be read; the reason was logged.
    Failed = 2,
}

impl Phase {
    pub(super) fn from_code(code: u8) -> Self {
        match code {
            0 => Self::Loading,
            1 => Self::Serving,
            _ => Self::Failed,
        }
    }
}

/// What a shard is told.
#[derive(Debug)]
pub(super) enum Message {
    /// A client asks.
    Request { caller: Caller, request: Box<Request>, reply: oneshot::Sender<Reply> },
    /// Topics were created, changed or deleted; those that were deleted, by id and name.
    TopicsChanged { deleted: Arc<[(Uuid, Arc<str>)]> },
    /// An assignment was computed; `None` where the assignor failed.
    Assigned { group: GroupId, job: JobId, assignment: Option<GroupAssignment> },
    /// Somebody wants to see what is committed.
    Offsets { reply: oneshot::Sender<Offsets> },
}

/// Drives one shard until its inbox is closed.
pub(super) struct ShardTask {
    partition: Arc<Partition>,
    shard: Shard,
    inbox: mpsc::UnboundedReceiver<Message>,
    /// For assignments that come back; it does not keep the inbox open.
    own: mpsc::WeakUnboundedSender<Message>,
    phase: Arc<AtomicU8>,
    surroundings: Arc<CoordinatorSurroundings>,
    waiting: HashMap<Token, oneshot::Sender<Reply>>,
    tokens: u64,
}

/// What one turn has gathered.
struct Turn {
    settings: Settings,
    batches: BytesMut,
    replies: Vec<(Token, Reply)>,
}

impl ShardTask {
    pub(super) fn new(
        partition: Arc<Partition>,
        (own, inbox): (mpsc::WeakUnboundedSender<Message>, mpsc::UnboundedReceiver<Message>),
        phase: Arc<AtomicU8>,
        surroundings: Arc<CoordinatorSurroundings>,
    ) -> Self {
        let shard = Shard::default();
        Self { partition, shard, inbox, own, phase, surroundings, waiting: HashMap::new(), tokens: 0 }
    }

    /// Loads the shard and serves.
    pub(super) async fn run(mut self) {
        loop {
            match self.load().await {
                Ok(loaded) => debug!(partition = %self.partition.id(), ?loaded, "groups loaded"),
                Err(reason) => {
                    error!(partition = %self.partition.id(), %reason, "groups cannot be loaded");
                    self.set_phase(Phase::Failed);
                    return;
                }
            }
            self.set_phase(Phase::Serving);
            if self.serve().await == Next::End {
                return;
            }
            info!(partition = %self.partition.id(), "groups are loaded again");
            self.set_phase(Phase::Loading);
            self.waiting.clear(); // whoever waits is told that this is no coordinator, and asks again
        }
    }

    fn set_phase(&self, phase: Phase) {
        self.phase.store(phase as u8, Ordering::Release);
    }

    async fn load(&mut self) -> Result<Loaded, String> {
        let reader = self.partition.opened_reader().await.map_err(|error| error.to_string())?;
        let chunk_bytes = self.surroundings.config.load().offsets_load_buffer_size;
        let load = move || {
            let mut shard = Shard::default();
            loader::load(&reader, &mut shard, chunk_bytes).map(|loaded| (shard, loaded))
        };
        let outcome = tokio::task::spawn_blocking(load).await.map_err(|error| error.to_string())?;
        let (shard, loaded) = outcome.map_err(|error| error.to_string())?;
        self.shard = shard;
        let settings = view::settings(&self.surroundings.config.load());
        let mut output = Output::default();
        self.with_environment(&settings, |shard, environment| shard.loaded(environment, &mut output));
        debug_assert!(output.batches.is_empty() && output.replies.is_empty(), "nobody has asked yet");
        self.note_rebalances(&mut output);
        Ok(loaded)
    }

    /// Runs a step of the shard with what it may look at.
    fn with_environment<T>(
        &mut self,
        settings: &Settings,
        step: impl FnOnce(&mut Shard, &mut Environment<'_>) -> T,
    ) -> T {
        let image = (self.surroundings.image)();
        let mut random = self.surroundings.random;
        let mut environment = Environment {
            now_ms: self.surroundings.clock.now_ms(),
            monotonic_ms: monotonic_ms(&self.surroundings),
            settings,
            topics: &ImageTopics(&image),
            overrides: &|group| view::overrides(&image, group),
            random: &mut random,
        };
        step(&mut self.shard, &mut environment)
    }

    async fn serve(&mut self) -> Next {
        loop {
            let wait = self.until_deadline();
            let first = tokio::select! {
                message = self.inbox.recv() => match message {
                    Some(message) => Some(message),
                    None => return Next::End,
                },
                () = tokio::time::sleep(wait) => None,
            };
            let turn = self.take(first);
            if self.finish(turn).await == Next::Reload {
                return Next::Reload;
            }
        }
    }

    fn until_deadline(&self) -> Duration {
        let Some(deadline) = self.shard.next_deadline() else { return IDLE };
        let left = deadline.saturating_sub(monotonic_ms(&self.surroundings));
        Duration::from_millis(u64::try_from(left).unwrap_or(0)).min(IDLE)
    }

    /// Takes a message, all others that wait, and what is due.
    fn take(&mut self, first: Option<Message>) -> Turn {
        let settings = view::settings(&self.surroundings.config.load());
        let mut turn = Turn { settings, batches: BytesMut::new(), replies: Vec::new() };
        let mut next = first;
        for _ in 0..TURN_MAX {
            let Some(message) = next.take() else { break };
            self.take_one(message, &mut turn);
            next = self.inbox.try_recv().ok();
        }
        if let Some(message) = next {
            self.take_one(message, &mut turn);
        }
        self.step(&mut turn, Shard::on_time);
        turn
    }

    fn take_one(&mut self, message: Message, turn: &mut Turn) {
        match message {
            Message::Request { caller, request, reply } => {
                self.tokens += 1;
                let token = Token(self.tokens);
                let _ = self.waiting.insert(token, reply);
                self.step(turn, |shard, environment, output| {
                    shard.handle(token, &caller, *request, environment, output);
                });
            }
            Message::TopicsChanged { deleted } => {
                self.step(turn, |shard, _, output| shard.topics_deleted(&deleted, output));
            }
            Message::Assigned { group, job, assignment } => {
                self.step(turn, |shard, environment, output| {
                    shard.assigned(&group, job, assignment.as_ref(), environment, output);
                });
            }
            Message::Offsets { reply } => {
                let _ = reply.send(self.shard.offsets().clone()); // cheap: the clone shares
            }
        }
    }

    /// Runs one step; its records join the turn's, or the step is undone where they cannot be written.
    fn step(&mut self, turn: &mut Turn, step: impl FnOnce(&mut Shard, &mut Environment<'_>, &mut Output)) {
        let mut output = Output::default();
        self.with_environment(&turn.settings, |shard, environment| step(shard, environment, &mut output));
        match self.encode(&output, turn) {
            Ok(()) => {
                self.shard.stage();
                turn.replies.append(&mut output.replies);
                for job in output.assignments.drain(..) {
                    self.compute(job);
                }
            }
            Err(reason) => {
                warn!(partition = %self.partition.id(), %reason, "a change of a group cannot be written");
                let error = ResponseError::UnknownServerError;
                self.with_environment(&turn.settings, |shard, environment| {
                    shard.undo(error, environment, &mut output);
                });
                let replies = std::mem::take(&mut output.replies);
                turn.replies.extend(replies.into_iter().map(|(token, _)| (token, refusal(error))));
            }
        }
        self.note_rebalances(&mut output);
    }

    fn note_rebalances(&self, output: &mut Output) {
        for rebalance in output.rebalances.drain(..) {
            self.surroundings.rebalances.note(rebalance);
        }
    }

    /// Computes an assignment, on a thread for such work unless it is a small one; the result is a message like any other.
    fn compute(&self, job: AssignmentJob) {
        let own = self.own.clone();
        let is_small = job.spec.size() <= SMALL_ASSIGNMENT_MAX;
        let work = move || {
            let assignment = outcome_of(|| job.run());
            if assignment.is_none() {
                error!(group = %job.group, assignor = job.assignor.name(), "the assignor failed; it is asked again later");
            }
            if let Some(own) = own.upgrade() {
                let _ = own.send(Message::Assigned { group: job.group, job: job.id, assignment });
            }
        };
        if is_small {
            work();
        } else {
            drop(self.surroundings.runtime.spawn_blocking(work));
        }
    }

    fn encode(&self, output: &Output, turn: &mut Turn) -> Result<(), batches::BatchError> {
        let before = turn.batches.len();
        let now_ms = self.surroundings.clock.now_ms();
        let size_bytes_max = self.partition.settings().log.max_message_bytes;
        let size_bytes_max = usize::try_from(size_bytes_max).unwrap_or(usize::MAX);
        let compression = self.surroundings.config.load().offsets_topic_compression;
        for records in &output.batches {
            let written = batches::write(records, compression, now_ms, size_bytes_max, &mut turn.batches);
            if let Err(error) = written {
                turn.batches.truncate(before);
                return Err(error);
            }
        }
        Ok(())
    }

    /// Appends what the turn has decided, then answers.
    async fn finish(&mut self, turn: Turn) -> Next {
        let Turn { batches, mut replies, settings } = turn;
        if !batches.is_empty()
            && let Err(error) = self.append(batches.freeze()).await
        {
            warn!(partition = %self.partition.id(), ?error, "changes of groups were not written");
            let mut output = Output::default();
            self.with_environment(&settings, |shard, environment| {
                shard.roll_back(error, environment, &mut output);
            });
            self.note_rebalances(&mut output);
            replies.append(&mut output.replies);
            for (token, _) in replies {
                self.answer(token, refusal(error));
            }
            let poisoned = self.partition.peek_reader().is_none_or(|reader| reader.is_poisoned());
            return if poisoned { Next::Reload } else { Next::Turn };
        }
        self.shard.commit();
        for (token, reply) in replies {
            self.answer(token, reply);
        }
        Next::Turn
    }

    async fn append(&self, records: Bytes) -> Result<(), ResponseError> {
        let durable = self.surroundings.config.load().acks_all_fsync;
        let request = AppendRequest {
            records,
            leader_epoch: self.partition.leader_epoch(),
            origin: AppendOrigin::Coordinator,
        };
        let appended = self.partition.append(request, durable);
        match appended.await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(failure)) => Err(coordinator_code(Refusal::from(failure).error)),
            Err(_) => Err(ResponseError::NotCoordinator),
        }
    }

    fn answer(&mut self, token: Token, reply: Reply) {
        if let Some(waiting) = self.waiting.remove(&token) {
            let _ = waiting.send(reply); // a client that went away needs no answer
        }
    }
}

/// What a computation gives; `None` where it panics, which must not leave the group without any other.
fn outcome_of(compute: impl FnOnce() -> GroupAssignment) -> Option<GroupAssignment> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(compute)).ok()
}

/// What a shard does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Turn,
    Reload,
    End,
}

fn refusal(error: ResponseError) -> Reply {
    Reply::Refused(error.into())
}

fn monotonic_ms(surroundings: &CoordinatorSurroundings) -> i64 {
    i64::try_from(surroundings.clock.monotonic().as_millis()).unwrap_or(i64::MAX)
}

/// What the client of a coordinator is told when an append failed. Source: Kafka's `CoordinatorOperationExceptionHelper`.
fn coordinator_code(error: ResponseError) -> ResponseError {
    match error {
        ResponseError::UnknownTopicOrPartition
        | ResponseError::NotEnoughReplicas
        | ResponseError::RequestTimedOut => ResponseError::CoordinatorNotAvailable,
        ResponseError::NotLeaderOrFollower | ResponseError::KafkaStorageError => {
            ResponseError::NotCoordinator
        }
        ResponseError::MessageTooLarge | ResponseError::RecordListTooLarge => {
            ResponseError::UnknownServerError
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_assignor_that_panics_has_failed() {
        assert_eq!(outcome_of(GroupAssignment::new), Some(GroupAssignment::new()));
        assert_eq!(outcome_of(|| panic!("on purpose")), None);
    }
}
