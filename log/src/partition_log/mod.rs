//! The single writer of a partition's folder.
//!
//! - `append`: checks, offsets, one vectored write, producer state, leader epochs;
//! - `flush`: what makes it durable, here or on another thread;
//! - `roll`: new segments;
//! - `retention`: records taken away at the front;
//! - `truncate`: records taken away at the end;
//! - `compact`: older records of the same keys taken away, by a `compaction_task` that runs beside the writer.
//!
//! After a failed write or flush the log is poisoned: every write is refused until it is opened anew, and a failed flush
//! is never tried again. Only a full disk is survived, when the half-written bytes can be cut off.

mod append;
mod compact;
mod compaction_task;
mod flush;
mod retention;
mod roll;
mod truncate;
mod types;

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use medallion_wire::{LeaderEpoch, Offset, TopicId};

pub use compact::CompactedSegments;
pub use compaction_task::CompactionTask;
pub use flush::FlushTask;
pub use types::{
    AppendOutcome, AppendRequest, CompactionOutcome, DeletedSegment, LogEnvironment, LogLimits, OpenOptions,
};

use crate::config::LogConfig;
use crate::error::LogError;
use crate::log_directory::LogDirectory;
use crate::partition_metadata;
use crate::reader::LogReader;
use crate::recovery::{self, RecoveryReport};
use crate::segment::Segment;
use crate::shared::LogShared;
use crate::snapshots::{Expiration, Snapshots};

/// A partition's log: one writer, which owns the folder.
#[derive(Debug)]
pub struct PartitionLog {
    env: LogEnvironment,
    config: Arc<LogConfig>,
    shared: Arc<LogShared>,
    /// The segment that takes appends: the last one.
    active: Arc<Segment>,
    active_created_ms: i64,
    snapshots: Snapshots,
    topic_id: Option<TopicId>,
    /// `.deleted` files and when they may go.
    deleted: VecDeque<(i64, PathBuf)>,
    /// Bytes appended since the newest producer snapshot.
    bytes_since_snapshot: u64,
    /// Whether a leader epoch began that the checkpoint does not hold yet.
    epoch_unwritten: bool,
    /// The newest wall-clock time that a caller has told.
    now_ms: i64,
    is_closed: bool,
}

impl PartitionLog {
    /// Opens the log in `directory`, which is made when absent, and recovers it where needed.
    ///
    /// # Errors
    /// I/O errors, [`LogError::Damaged`], [`LogError::TopicIdMismatch`].
    pub fn open(
        env: &LogEnvironment,
        directory: &Path,
        config: Arc<LogConfig>,
        options: OpenOptions,
    ) -> Result<(Self, RecoveryReport), LogError> {
        make_directory(env, directory)?;
        let topic_id = settle_topic_id(env, directory, options.topic_id)?;
        let folder = Arc::new(LogDirectory::new(Arc::clone(&env.fs), directory));
        let loaded = recovery::load(env, &folder, &config, options)?;
        let active = Arc::clone(loaded.segments.last().expect("loading makes a segment"));
        let active_created_ms = match active.file().modified_ms() {
            Ok(modified_ms) if modified_ms > 0 => modified_ms.min(options.now_ms),
            _ => options.now_ms,
        };
        let shared = LogShared::new(folder, loaded.segments, loaded.offsets, loaded.producers, loaded.epochs);
        let log = Self {
            env: env.clone(),
            config,
            shared: Arc::new(shared),
            active,
            active_created_ms,
            snapshots: loaded.snapshots,
            topic_id,
            deleted: VecDeque::new(),
            bytes_since_snapshot: 0,
            epoch_unwritten: false,
            now_ms: options.now_ms,
            is_closed: false,
        };
        if loaded.epochs_changed {
            log.write_epochs()?;
        }
        Ok((log, loaded.report))
    }

    /// The partition's folder.
    pub fn directory(&self) -> PathBuf {
        self.shared.directory.path().as_ref().clone()
    }

    /// The settings in force.
    pub fn config(&self) -> &Arc<LogConfig> {
        &self.config
    }

    /// The id in `partition.metadata`.
    pub fn topic_id(&self) -> Option<TopicId> {
        self.topic_id
    }

    /// A reader of this log.
    pub fn reader(&self) -> LogReader {
        LogReader::new(&self.shared)
    }

    /// Takes new settings; they hold from the next append or check on.
    pub fn update_config(&mut self, config: Arc<LogConfig>) {
        self.config = config;
    }

    /// A leader begins its epoch at the log's end, before it writes anything. The checkpoint gets it with the first
    /// append: a leader that wrote nothing has nothing to tell after a restart.
    pub fn begin_leader_epoch(&mut self, epoch: LeaderEpoch) {
        let end = self.end_offset();
        self.epoch_unwritten |= self.shared.epochs.lock().assign(epoch, end);
    }

    /// Raises the high watermark, at most to the log's end; lower values are ignored. Returns what holds now.
    pub fn advance_high_watermark(&mut self, to: Offset) -> Offset {
        let now = self.shared.high_watermark.get();
        let to = to.min(self.end_offset());
        if to <= now {
            return now;
        }
        self.shared.producers.lock().on_high_watermark_updated(to);
        self.shared.high_watermark.set(to);
        self.shared.publish_first_unstable();
        to
    }

    /// Forgets producers that were silent for longer than `producer.id.expiration.ms`.
    pub fn expire_producers(&mut self, now_ms: i64) {
        let expiration_ms = self.env.limits.producer_id_expiration_ms();
        self.shared.producers.lock().remove_expired(now_ms, expiration_ms);
    }

    /// Renames the folder, as for a deletion (`-delete` suffix) or a move between `log.dirs`.
    ///
    /// # Errors
    /// I/O errors.
    pub fn rename_directory(&mut self, to: &Path) -> Result<(), LogError> {
        self.writable()?;
        let from = self.shared.directory.path();
        self.shared.directory.move_to(to)?;
        for (_, path) in &mut self.deleted {
            if let Ok(name) = path.strip_prefix(from.as_path()) {
                *path = to.join(name);
            }
        }
        Ok(())
    }

    fn end_offset(&self) -> Offset {
        self.shared.log_end_offset.get()
    }

    fn writable(&self) -> Result<(), LogError> {
        if self.is_closed {
            return Err(LogError::Closed { directory: self.directory() });
        }
        self.shared.poisoned().map_or(Ok(()), Err)
    }

    /// Passes a result on; an error that leaves the disk's state unknown poisons the log.
    fn or_poison<T>(&self, result: Result<T, LogError>) -> Result<T, LogError> {
        if let Err(error) = &result
            && !matches!(error, LogError::DiskFull { .. } | LogError::OffsetOutOfRange { .. })
        {
            self.shared.poison(error);
        }
        result
    }

    fn expiration(&self) -> Expiration {
        Expiration { now_ms: self.now_ms, expiration_ms: self.env.limits.producer_id_expiration_ms() }
    }

    /// Writes the leader epochs; they become durable with the next flush.
    fn write_epochs(&self) -> Result<(), LogError> {
        let epochs = self.shared.epochs.lock().clone();
        let file = recovery::write_epochs(&self.shared.directory, &epochs)?;
        let mut unsynced = self.shared.unsynced.lock();
        unsynced.files.retain(|(path, _)| *path != file.0);
        unsynced.files.push(file);
        unsynced.directory = true;
        Ok(())
    }

    /// Writes producer state at the log's end; it becomes durable with the next flush.
    fn take_snapshot(&mut self) -> Result<(), LogError> {
        let log_start_offset = self.shared.log_start_offset.get();
        let taken = self.snapshots.take(&self.shared.producers.lock(), log_start_offset)?;
        if let Some(file) = taken {
            let mut unsynced = self.shared.unsynced.lock();
            unsynced.files.push(file);
            unsynced.directory = true;
            self.bytes_since_snapshot = 0;
        }
        Ok(())
    }

    /// Publishes a new list of segments; the last one takes appends.
    fn publish_segments(&mut self, segments: Vec<Arc<Segment>>) {
        self.active = Arc::clone(segments.last().expect("a log has a segment"));
        self.shared.segments.store(Arc::new(segments));
    }

    /// Checks what must always hold between offsets, segments and indexes.
    ///
    /// # Panics
    /// When something does not hold.
    pub fn check_invariants(&self) {
        let reader = self.reader();
        let (start, end) = (reader.log_start_offset(), reader.log_end_offset());
        assert!(start <= end, "the log starts at {start}, behind its end {end}");
        let high_watermark = reader.high_watermark();
        assert!(high_watermark <= end, "high watermark {high_watermark} is above the end {end}");
        assert!(
            reader.last_stable_offset() <= high_watermark,
            "the last stable offset is above the watermark"
        );
        assert!(
            reader.recovery_point() <= end,
            "recovery point {} is above the end",
            reader.recovery_point()
        );
        let segments = self.shared.segments.load();
        assert!(!segments.is_empty(), "a log has a segment");
        assert!(segments[0].base_offset() <= start, "the first segment begins behind the start {start}");
        for pair in segments.windows(2) {
            let (base, next) = (pair[0].base_offset(), pair[1].base_offset());
            assert!(base < next, "segments {base} and {next} are out of order");
            assert!(pair[0].end().next_offset <= next, "segment {base} reaches into {next}");
        }
        let last = &segments[segments.len() - 1];
        assert!(Arc::ptr_eq(last, &self.active), "appends go to the last segment");
        assert_eq!(last.end().next_offset.max(last.base_offset()), end, "the last segment ends the log");
        // What lies wholly below the start need not be whole: it is not read any more, and not flushed.
        for segment in segments.iter().filter(|segment| segment.end().next_offset > start) {
            segment.check_invariants();
        }
        self.shared.epochs.lock().check_invariants();
        self.shared.producers.lock().check_invariants();
    }
}

fn make_directory(env: &LogEnvironment, directory: &Path) -> Result<(), LogError> {
    env.fs.create_directories_durably(directory).map_err(|error| LogError::io("make", directory, error))
}

/// The folder's topic id; writes the wanted one where there is none.
fn settle_topic_id(
    env: &LogEnvironment,
    directory: &Path,
    wanted: Option<TopicId>,
) -> Result<Option<TopicId>, LogError> {
    let fs = env.fs.as_ref();
    match (partition_metadata::read(fs, directory)?, wanted) {
        (Some(found), Some(expected)) if found != expected => {
            Err(LogError::TopicIdMismatch { directory: directory.to_owned(), found, expected })
        }
        (Some(found), _) => Ok(Some(found)),
        (None, Some(wanted)) => {
            partition_metadata::write(fs, directory, wanted)?;
            Ok(Some(wanted))
        }
        (None, None) => Ok(None),
    }
}
