//! The single writer of a partition's folder.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use medallion_os::FileSystem;
use medallion_wire::{LeaderEpoch, Offset, TopicId};

use crate::append_origin::AppendOrigin;
use crate::config::LogConfig;
use crate::error::{AppendError, LogError};
use crate::reader::LogReader;
use crate::recovery::RecoveryReport;

/// What every log of a process shares.
#[derive(Debug, Clone)]
pub struct LogEnvironment {
    /// Where the files are.
    pub fs: Arc<dyn FileSystem>,
    /// How long an idle producer's state is kept (`producer.id.expiration.ms`).
    pub producer_id_expiration_ms: i64,
}

impl LogEnvironment {
    /// Kafka's defaults on `fs`.
    pub fn new(fs: Arc<dyn FileSystem>) -> Self {
        Self { fs, producer_id_expiration_ms: 86_400_000 }
    }
}

/// What is known about a log from outside of its folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenOptions {
    /// The offset up to which the log is known to be on disk (`recovery-point-offset-checkpoint`).
    pub recovery_point: Offset,
    /// The first offset that may be read (`log-start-offset-checkpoint`).
    pub log_start_offset: Offset,
    /// Whether the last process closed the log (the clean-shutdown mark), so that nothing is scanned.
    pub clean_shutdown: bool,
    /// The wall clock.
    pub now_ms: i64,
    /// Written to `partition.metadata` when that is not there, compared when it is.
    pub topic_id: Option<TopicId>,
}

impl OpenOptions {
    /// For a new or wholly unflushed log.
    pub fn new(now_ms: i64) -> Self {
        Self {
            recovery_point: Offset::ZERO,
            log_start_offset: Offset::ZERO,
            clean_shutdown: false,
            now_ms,
            topic_id: None,
        }
    }
}

/// One request of [`PartitionLog::append_many`].
#[derive(Debug, Clone)]
pub struct AppendRequest {
    /// Whole record batches, one after the other.
    pub records: Bytes,
    /// The epoch of the leader that appends.
    pub leader_epoch: LeaderEpoch,
    /// Who appends.
    pub origin: AppendOrigin,
}

/// Where records were put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AppendOutcome {
    /// The offset of the first record; for a duplicate that of the first time.
    pub base_offset: Offset,
    /// The offset of the last record.
    pub last_offset: Offset,
    /// The broker's timestamp, where `message.timestamp.type` is `LogAppendTime`.
    pub log_append_time_ms: Option<i64>,
    /// The log's start offset.
    pub log_start_offset: Offset,
    /// The epoch that was written into the batches.
    pub leader_epoch: LeaderEpoch,
    /// The records were there already; nothing was written.
    pub duplicate: bool,
    /// Bytes written.
    pub bytes: usize,
}

/// A segment that retention or `delete_records` took out of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeletedSegment {
    /// Its first offset.
    pub base_offset: Offset,
    /// Bytes of records in it.
    pub size_bytes: u64,
    /// Its files under their `.deleted` names, to be removed after `file.delete.delay.ms`.
    pub files: Vec<PathBuf>,
}

/// A flush that another thread may run while the writer goes on; see [`PartitionLog::flush_handle`].
#[derive(Debug, Clone)]
pub struct FlushTask {}

impl FlushTask {
    /// The offset up to which (exclusive) the log will be on disk.
    pub fn up_to(&self) -> Offset {
        unimplemented!()
    }

    /// Flushes, then moves the recovery point. A failure poisons the log.
    ///
    /// # Errors
    /// The failed flush, or [`LogError::Poisoned`] when an earlier one failed.
    pub fn run(self) -> Result<Offset, LogError> {
        unimplemented!()
    }
}

/// What one compaction did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CompactionOutcome {
    /// Bytes of records read.
    pub bytes_before: u64,
    /// Bytes of records kept.
    pub bytes_after: u64,
    /// Records read.
    pub records_before: u64,
    /// Records kept.
    pub records_after: u64,
    /// Up to where (exclusive) the log is clean now (`cleaner-offset-checkpoint`).
    pub first_dirty_offset: Offset,
}

/// A compaction of closed segments that another thread may run while the writer goes on.
#[derive(Debug)]
pub struct CompactionTask {}

/// New segments that wait to take the place of the old ones.
#[derive(Debug)]
pub struct CompactedSegments {}

impl CompactionTask {
    /// Reads, filters and writes `.cleaned` files.
    ///
    /// # Errors
    /// I/O errors; the log itself is untouched.
    pub fn run(self) -> Result<CompactedSegments, LogError> {
        unimplemented!()
    }
}

/// A partition's log: one writer, which owns the folder.
#[derive(Debug)]
pub struct PartitionLog {}

impl PartitionLog {
    /// Opens the log in `directory`, which is made when absent, and recovers it where needed.
    ///
    /// # Errors
    /// I/O errors, [`LogError::Damaged`], [`LogError::TopicIdMismatch`].
    pub fn open(
        _env: &LogEnvironment,
        _directory: &Path,
        _config: Arc<LogConfig>,
        _options: OpenOptions,
    ) -> Result<(Self, RecoveryReport), LogError> {
        unimplemented!()
    }

    /// The partition's folder.
    pub fn directory(&self) -> &Path {
        unimplemented!()
    }

    /// The settings in force.
    pub fn config(&self) -> &Arc<LogConfig> {
        unimplemented!()
    }

    /// The id in `partition.metadata`.
    pub fn topic_id(&self) -> Option<TopicId> {
        unimplemented!()
    }

    /// A reader of this log.
    pub fn reader(&self) -> LogReader {
        unimplemented!()
    }

    /// Checks the records, assigns offsets and the leader epoch, and appends.
    ///
    /// # Errors
    /// See [`AppendError`]; nothing is appended then.
    pub fn append_as_leader(
        &mut self,
        _records: Bytes,
        _leader_epoch: LeaderEpoch,
        _origin: AppendOrigin,
        _now_ms: i64,
    ) -> Result<AppendOutcome, AppendError> {
        unimplemented!()
    }

    /// Appends the requests in order with one vectored write; one result for each.
    pub fn append_many(
        &mut self,
        _requests: Vec<AppendRequest>,
        _now_ms: i64,
    ) -> Vec<Result<AppendOutcome, AppendError>> {
        unimplemented!()
    }

    /// Appends a leader's records as they are.
    ///
    /// # Errors
    /// [`AppendError::UnexpectedOffset`] and the like; nothing is appended then.
    pub fn append_as_follower(&mut self, _records: Bytes) -> Result<AppendOutcome, AppendError> {
        unimplemented!()
    }

    /// Makes all records durable and moves the recovery point to the log's end.
    ///
    /// # Errors
    /// A failed flush poisons the log.
    pub fn flush(&mut self) -> Result<Offset, LogError> {
        unimplemented!()
    }

    /// A flush of what is there now, to be run by another thread.
    ///
    /// # Errors
    /// [`LogError::Poisoned`].
    pub fn flush_handle(&self) -> Result<FlushTask, LogError> {
        unimplemented!()
    }

    /// Takes new settings; they hold from the next append or check on.
    pub fn update_config(&mut self, _config: Arc<LogConfig>) {
        unimplemented!()
    }

    /// Rolls the active segment when its age asks for it (it is not empty); whether it did.
    ///
    /// # Errors
    /// I/O errors.
    pub fn maybe_roll(&mut self, _now_ms: i64) -> Result<bool, LogError> {
        unimplemented!()
    }

    /// Starts a new segment at the log's end; an empty active segment stays.
    ///
    /// # Errors
    /// I/O errors.
    pub fn roll(&mut self) -> Result<(), LogError> {
        unimplemented!()
    }

    /// Raises the high watermark, at most to the log's end; lower values are ignored. Returns what holds now.
    pub fn advance_high_watermark(&mut self, _to: Offset) -> Offset {
        unimplemented!()
    }

    /// Raises the log start offset to `before`; segments wholly below it go with the next
    /// [`PartitionLog::delete_old_segments`]. A lower value changes nothing. Returns the start that holds now.
    ///
    /// # Errors
    /// [`LogError::OffsetOutOfRange`] above the high watermark.
    pub fn delete_records(&mut self, _before: Offset) -> Result<Offset, LogError> {
        unimplemented!()
    }

    /// Applies retention by time, size and start offset: takes segments out of the log and renames their files to
    /// `.deleted`. The caller removes those files later, see [`PartitionLog::remove_deleted`].
    ///
    /// # Errors
    /// I/O errors.
    pub fn delete_old_segments(&mut self, _now_ms: i64) -> Result<Vec<DeletedSegment>, LogError> {
        unimplemented!()
    }

    /// Removes `.deleted` files whose `file.delete.delay.ms` has passed; how many.
    ///
    /// # Errors
    /// I/O errors.
    pub fn remove_deleted(&mut self, _now_ms: i64) -> Result<usize, LogError> {
        unimplemented!()
    }

    /// Plans a compaction from `first_dirty_offset` on, if the settings ask for one now (dirty ratio, lags).
    /// Transactions that are open hold it back.
    ///
    /// # Errors
    /// I/O errors.
    pub fn compaction_task(
        &self,
        _first_dirty_offset: Offset,
        _now_ms: i64,
    ) -> Result<Option<CompactionTask>, LogError> {
        unimplemented!()
    }

    /// Puts compacted segments in the place of the old ones (`.swap`, then the live names, as Kafka does).
    ///
    /// # Errors
    /// I/O errors; opening the log finishes what was begun.
    pub fn finish_compaction(&mut self, _segments: CompactedSegments) -> Result<CompactionOutcome, LogError> {
        unimplemented!()
    }

    /// Plans, runs and finishes a compaction at once.
    ///
    /// # Errors
    /// I/O errors.
    pub fn compact(
        &mut self,
        first_dirty_offset: Offset,
        now_ms: i64,
    ) -> Result<Option<CompactionOutcome>, LogError> {
        let Some(task) = self.compaction_task(first_dirty_offset, now_ms)? else { return Ok(None) };
        let segments = task.run()?;
        self.finish_compaction(segments).map(Some)
    }

    /// Cuts the log so that it ends at `offset` or, within a batch, before that batch.
    ///
    /// # Errors
    /// I/O errors.
    pub fn truncate_to(&mut self, _offset: Offset) -> Result<(), LogError> {
        unimplemented!()
    }

    /// Throws everything away and starts an empty log at `offset`.
    ///
    /// # Errors
    /// I/O errors.
    pub fn truncate_fully_and_start_at(&mut self, _offset: Offset) -> Result<(), LogError> {
        unimplemented!()
    }

    /// Closes the log for a clean shutdown: flushes, trims indexes, writes the producer snapshot.
    ///
    /// # Errors
    /// I/O errors; the shutdown is then not clean.
    pub fn close(&mut self) -> Result<(), LogError> {
        unimplemented!()
    }

    /// Renames the folder, as for a deletion (`-delete` suffix) or a move between `log.dirs`.
    ///
    /// # Errors
    /// I/O errors.
    pub fn rename_directory(&mut self, _to: &Path) -> Result<(), LogError> {
        unimplemented!()
    }

    /// Checks what must always hold between offsets, segments and indexes.
    ///
    /// # Panics
    /// When something does not hold.
    pub fn check_invariants(&self) {
        unimplemented!()
    }
}
