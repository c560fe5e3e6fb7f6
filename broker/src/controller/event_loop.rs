//! The controller's thread: decides, appends, publishes, answers.

use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use medallion_os::{Clock, FileSystem};
use medallion_wire::ResponseError;
use medallion_wire::types::{Offset, Uuid};
use tokio::sync::oneshot;

use super::handle::{ControllerHandle, Event, MetadataListener};
use super::image::delta::Changes;
use super::image::{Endpoint, MetadataDelta, MetadataImage, Provenance};
use super::quorum::batches::MAX_BATCH_BYTES;
use super::quorum::snapshot::{self, BOOTSTRAP_CHECKPOINT};
use super::quorum::{MetadataError, MetadataLog, MetadataLogSettings, Replay};
use super::quorum_description::QuorumDescription;
use super::records::MetadataRecord;
use super::state_machine::{ApiError, Command, ControllerSettings, Inputs, Reply, StateMachine};
use crate::quota::MutationQuota;

/// At most this many waiting commands share one append and one flush.
const MAX_GROUP: usize = 500;
/// How often an idle controller looks whether a snapshot is due.
const IDLE_CHECK: Duration = Duration::from_secs(10);

/// A source of random 128-bit numbers.
pub(crate) type Random = Box<dyn FnMut() -> u128 + Send>;

/// The controller of this node, its log replayed; not leading yet.
pub(crate) struct Controller {
    machine: StateMachine,
    log: MetadataLog,
    replay: Replay,
    fs: Arc<dyn FileSystem>,
    clock: Arc<dyn Clock>,
    random: Random,
    log_settings: MetadataLogSettings,
}

impl std::fmt::Debug for Controller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Controller").field("log", &self.log).finish_non_exhaustive()
    }
}

impl Controller {
    /// Opens the metadata log and replays it.
    ///
    /// # Errors
    /// Damage, a quorum that is not this node's alone, and metadata of a newer release.
    pub(crate) fn open(
        fs: Arc<dyn FileSystem>,
        clock: Arc<dyn Clock>,
        random: Random,
        settings: ControllerSettings,
        log_settings: MetadataLogSettings,
    ) -> Result<Self, MetadataError> {
        let (log, replay) = MetadataLog::open(Arc::clone(&fs), log_settings.clone(), clock.now_ms())?;
        let machine = StateMachine::new(settings, replay.image.clone(), log.voters().kraft_version());
        Ok(Self { machine, log, replay, fs, clock, random, log_settings })
    }

    /// The metadata as found on disk.
    pub(crate) fn image(&self) -> &MetadataImage {
        &self.replay.image
    }

    /// Leads the quorum from now on: writes what a new leader writes, then serves commands on a thread of its own.
    ///
    /// # Errors
    /// I/O errors, and features in `bootstrap.checkpoint` that this release does not support.
    pub(crate) fn start(
        mut self,
        endpoints: Vec<Endpoint>,
        listener: Box<dyn MetadataListener>,
    ) -> Result<ControllerHandle, MetadataError> {
        if let Err(error) = self.lead(self.clock.now_ms()) {
            return Err(if error.is_disk_full() {
                let folder = self.log.folder().to_owned();
                MetadataError::NoRoomToStart { folder, source: Box::new(error) }
            } else {
                error
            });
        }
        let quorum = QuorumDescription {
            node_id: self.log_settings.node_id,
            directory_id: self.log.voters().directory(self.log_settings.node_id).unwrap_or(Uuid::nil()),
            leader_epoch: self.log.epoch(),
            endpoints,
        };
        let image = Arc::new(ArcSwap::from_pointee(self.machine.image().clone()));
        let (commands, events) = mpsc::channel();
        let handle = ControllerHandle::new(commands, Arc::clone(&image), quorum);
        let folder = self.log.folder().to_owned();
        let event_loop = EventLoop {
            machine: self.machine,
            log: self.log,
            clock: self.clock,
            random: self.random,
            image,
            listener,
        };
        thread::Builder::new()
            .name("controller".to_owned())
            .spawn(move || event_loop.run(&events))
            .map_err(MetadataError::io("start the controller's thread for", &folder))?;
        Ok(handle)
    }

    /// Writes what a new leader writes.
    fn lead(&mut self, now_ms: i64) -> Result<(), MetadataError> {
        self.log.become_leader(&mut self.replay, now_ms)?;
        self.machine.reset(self.replay.image.clone());
        if self.replay.image.features.metadata_version() == 0 {
            let levels = self.bootstrap_levels()?;
            let records = self.machine.bootstrap_records(levels).map_err(|source| MetadataError::Apply {
                path: self.log_settings.directory.join(BOOTSTRAP_CHECKPOINT),
                offset: Offset::ZERO,
                source,
            })?;
            self.write_now(&records, now_ms)?;
        }
        let records = self.machine.activation_records();
        if !records.is_empty() {
            self.write_now(&records, now_ms)?;
        }
        Ok(())
    }

    /// The features in `bootstrap.checkpoint`, as records.
    fn bootstrap_levels(&self) -> Result<Vec<MetadataRecord>, MetadataError> {
        let path = self.log_settings.directory.join(BOOTSTRAP_CHECKPOINT);
        let mut replay = Replay::new(MetadataImage::default(), &path);
        if !snapshot::load(&*self.fs, &path, &mut replay)? || replay.image.features.metadata_version() == 0 {
            let reason =
                "it names no metadata.version, so the directory was never formatted: run `medallion format`";
            return Err(MetadataError::refused(&path, reason));
        }
        Ok(replay.image.snapshot_records().collect())
    }

    /// Appends records outside of the event loop, before it runs.
    fn write_now(&mut self, records: &[MetadataRecord], now_ms: i64) -> Result<(), MetadataError> {
        // The bootstrap records name the version that they are written in.
        let mut ahead = self.replay.image.clone();
        super::records::apply_all(&mut ahead, records);
        let batch = self.log.encode(records, &ahead, self.log.end_offset(), now_ms)?;
        self.log.append(vec![batch.as_bytes().clone()], now_ms)?;
        self.replay.apply_log_batch(&batch)?;
        self.machine.reset(self.replay.image.clone());
        Ok(())
    }
}

type ReplySender = oneshot::Sender<Result<Reply, ApiError>>;

struct EventLoop {
    machine: StateMachine,
    log: MetadataLog,
    clock: Arc<dyn Clock>,
    random: Random,
    image: Arc<ArcSwap<MetadataImage>>,
    listener: Box<dyn MetadataListener>,
}

/// Decisions that wait for their common flush.
#[derive(Default)]
struct Group {
    batches: Vec<Bytes>,
    changes: Changes,
    replies: Vec<(ReplySender, Result<Reply, ApiError>)>,
}

impl EventLoop {
    fn run(mut self, events: &Receiver<Event>) {
        loop {
            let first = match events.recv_timeout(IDLE_CHECK) {
                Ok(event) => Some(event),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return self.close_unasked(),
            };
            let mut group = Group::default();
            let mut stop = None;
            let waiting = std::iter::from_fn(|| events.try_recv().ok()).take(MAX_GROUP);
            for event in first.into_iter().chain(waiting) {
                match event {
                    Event::Submit(command, quota, reply) => {
                        self.decide(&command, quota.as_ref(), reply, &mut group);
                    }
                    Event::Stop(reply) => {
                        stop = Some(reply);
                        break;
                    }
                }
            }
            if let Err(error) = self.commit(group) {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "the metadata log takes no more records"
                );
                self.listener.on_failure(&error);
                if let Some(reply) = stop {
                    let _ = reply.send(Err(error));
                }
                return;
            }
            if let Some(reply) = stop {
                let _ = reply.send(self.log.close());
                return;
            }
            self.maybe_snapshot();
        }
    }

    fn decide(
        &mut self,
        command: &Command,
        quota: Option<&MutationQuota>,
        reply: ReplySender,
        group: &mut Group,
    ) {
        let now_ms = self.clock.now_ms();
        let place = self.machine.image().provenance;
        let next_offset = place.last_offset.next();
        let mut inputs = Inputs {
            next_offset: next_offset.get(),
            random: &mut *self.random,
            take_partitions: &mut |count| quota.is_none_or(|quota| quota.take(count)),
        };
        let outcome = self.machine.decide(command, &mut inputs);
        let outcome = outcome.and_then(|decision| {
            if !decision.records.is_empty() {
                let bytes_max = if command.is_of_client() { MAX_BATCH_BYTES } else { u32::MAX };
                self.stage(&decision.records, next_offset, now_ms, bytes_max, group)?;
            }
            Ok(decision.reply)
        });
        group.replies.push((reply, outcome));
    }

    /// Applies a decision to the state at append, and puts its batch to those of the group.
    fn stage(
        &mut self,
        records: &[MetadataRecord],
        base_offset: Offset,
        now_ms: i64,
        bytes_max: u32,
        group: &mut Group,
    ) -> Result<(), ApiError> {
        let failed = |error: &(dyn std::error::Error + 'static)| {
            tracing::error!(error, "a decision of the controller cannot be written");
            ApiError::bare(ResponseError::UnknownServerError)
        };
        let batch =
            self.log.encode(records, self.machine.image(), base_offset, now_ms).map_err(|e| failed(&e))?;
        if u32::try_from(batch.as_bytes().len()).map_or(true, |bytes| bytes > bytes_max) {
            return Err(ApiError::too_large());
        }
        let before = self.machine.image().clone();
        for record in records {
            if let Err(error) = self.machine.apply(record, &mut group.changes) {
                self.machine.reset(before);
                return Err(failed(&error));
            }
        }
        self.machine.advance(Provenance {
            last_offset: batch.last_offset(),
            last_epoch: self.log.epoch(),
            last_timestamp_ms: now_ms,
        });
        group.batches.push(batch.into_bytes());
        Ok(())
    }

    /// Makes a group durable, publishes the state, tells the listener, then answers.
    ///
    /// On a full disk nothing was appended: the state goes back to the committed one and the clients are told so.
    ///
    /// # Errors
    /// What stops the controller for good.
    fn commit(&mut self, group: Group) -> Result<(), MetadataError> {
        if !group.batches.is_empty() {
            if let Err(error) = self.log.append(group.batches, self.clock.now_ms()) {
                let committed = self.image.load_full();
                self.machine.reset(committed.as_ref().clone());
                let refusal = ApiError::new(ResponseError::KafkaStorageError, error.to_string());
                for (reply, _) in group.replies {
                    let _ = reply.send(Err(refusal.clone()));
                }
                return if error.is_disk_full() { Ok(()) } else { Err(error) };
            }
            let after = Arc::new(self.machine.image().clone());
            let before = self.image.swap(Arc::clone(&after));
            self.listener.on_change(&MetadataDelta { before, after, changes: group.changes });
        }
        for (reply, outcome) in group.replies {
            let _ = reply.send(outcome); // a client that went away needs no answer
        }
        Ok(())
    }

    fn maybe_snapshot(&mut self) {
        if let Err(error) = self.log.maybe_snapshot(self.machine.image(), self.clock.now_ms()) {
            tracing::warn!(error = &error as &dyn std::error::Error, "no metadata snapshot for now");
        }
    }

    fn close_unasked(mut self) {
        if let Err(error) = self.log.close() {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the metadata log did not close in order"
            );
        }
    }
}
