//! What goes in and out of a log.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

use bytes::Bytes;
use medallion_os::FileSystem;
use medallion_wire::{LeaderEpoch, Offset, TopicId};

use crate::append_origin::AppendOrigin;

/// What every log of a process shares.
#[derive(Debug, Clone)]
pub struct LogEnvironment {
    /// Where the files are.
    pub fs: Arc<dyn FileSystem>,
    /// Whether clients may write records of a transaction.
    pub transactional_writes: bool,
    /// How large the records of one batch may get when they must be decompressed.
    pub decompressed_batch_bytes_max: usize,
    /// Limits that may change while logs are open.
    pub limits: Arc<LogLimits>,
}

/// Limits of all logs of a process, in force from the moment in which they are set.
#[derive(Debug)]
pub struct LogLimits {
    producer_id_expiration_ms: AtomicI64,
    compaction_keys_bytes_max: AtomicUsize,
}

impl Default for LogLimits {
    /// Kafka's defaults.
    fn default() -> Self {
        Self {
            producer_id_expiration_ms: AtomicI64::new(86_400_000),
            compaction_keys_bytes_max: AtomicUsize::new(128 << 20),
        }
    }
}

impl LogLimits {
    /// How long an idle producer's state is kept (`producer.id.expiration.ms`).
    pub fn producer_id_expiration_ms(&self) -> i64 {
        self.producer_id_expiration_ms.load(Ordering::Relaxed)
    }

    /// Sets how long an idle producer's state is kept.
    pub fn set_producer_id_expiration_ms(&self, expiration_ms: i64) {
        self.producer_id_expiration_ms.store(expiration_ms, Ordering::Relaxed);
    }

    /// How much memory the keys of one compaction may take (`log.cleaner.dedupe.buffer.size`).
    pub fn compaction_keys_bytes_max(&self) -> usize {
        self.compaction_keys_bytes_max.load(Ordering::Relaxed)
    }

    /// Sets how much memory the keys of one compaction may take.
    pub fn set_compaction_keys_bytes_max(&self, bytes: usize) {
        self.compaction_keys_bytes_max.store(bytes, Ordering::Relaxed);
    }
}

impl LogEnvironment {
    /// Kafka's defaults on `fs`; transactional writes are refused.
    pub fn new(fs: Arc<dyn FileSystem>) -> Self {
        Self {
            fs,
            transactional_writes: false,
            decompressed_batch_bytes_max: 256 << 20,
            limits: Arc::default(),
        }
    }
}

/// What is known about a log from outside of its folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenOptions {
    /// The offset up to which the log is known to be on disk (`recovery-point-offset-checkpoint`). When the log's own
    /// recovery point is lower after opening, or after a truncation, the checkpoint must be lowered at once.
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

/// One request of [`PartitionLog::append_many`](super::PartitionLog::append_many).
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
