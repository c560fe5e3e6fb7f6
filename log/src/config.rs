//! The settings of one log, already parsed.

/// What happens to old segments (`cleanup.policy`); both may be on, and with neither data stays for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CleanupPolicy {
    /// Segments past retention are deleted.
    pub delete: bool,
    /// The last record of each key is kept.
    pub compact: bool,
}

impl CleanupPolicy {
    /// `cleanup.policy=delete`, the default.
    pub const DELETE: Self = Self { delete: true, compact: false };
    /// `cleanup.policy=compact`.
    pub const COMPACT: Self = Self { delete: false, compact: true };
}

/// Whose timestamps a log keeps (`message.timestamp.type`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageTimestampType {
    /// Those of the producer.
    CreateTime,
    /// The broker's time of append.
    LogAppendTime,
}

/// The codec that a log keeps (`compression.type`) with its level; `None` is the codec's own default level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompressionSetting {
    /// What the producer chose.
    Producer,
    /// No compression.
    Uncompressed,
    /// gzip, `compression.gzip.level`.
    Gzip(Option<i32>),
    /// snappy.
    Snappy,
    /// lz4, `compression.lz4.level`.
    Lz4(Option<i32>),
    /// zstd, `compression.zstd.level`.
    Zstd(Option<i32>),
}

/// The settings of one log. Names are Kafka's topic settings with dots as underscores; -1 means "no limit" as there.
///
/// Source: Kafka's `LogConfig`.
#[derive(Debug, Clone, PartialEq)]
pub struct LogConfig {
    /// Size at which a segment is rolled.
    pub segment_bytes: u32,
    /// Age (by the timestamp of its first batch) at which a segment is rolled, in milliseconds.
    pub segment_ms: i64,
    /// How much earlier than `segment_ms` a segment may be rolled.
    pub segment_jitter_ms: i64,
    /// Largest size of an offset or time index file.
    pub segment_index_bytes: u32,
    /// Bytes of log between two index entries.
    pub index_interval_bytes: u32,
    /// Records after which the log is flushed; `i64::MAX` leaves it to the operating system.
    pub flush_messages: i64,
    /// Milliseconds after which the log is flushed; `i64::MAX` leaves it to the operating system.
    pub flush_ms: i64,
    /// Size above which the oldest segments are deleted; -1: none.
    pub retention_bytes: i64,
    /// Age above which the oldest segments are deleted; -1: none.
    pub retention_ms: i64,
    /// Milliseconds between the `.deleted` rename of a file and its removal.
    pub file_delete_delay_ms: i64,
    /// Largest batch that a producer may send, as it is stored.
    pub max_message_bytes: u32,
    /// What happens to old segments.
    pub cleanup_policy: CleanupPolicy,
    /// The dirty share of the log from which on it is compacted.
    pub min_cleanable_dirty_ratio: f64,
    /// Age below which a record is not compacted away.
    pub min_compaction_lag_ms: i64,
    /// Age above which a record is compacted even below the dirty ratio.
    pub max_compaction_lag_ms: i64,
    /// How long a tombstone or a transaction marker stays after compaction has reached it.
    pub delete_retention_ms: i64,
    /// Whose timestamps are kept.
    pub message_timestamp_type: MessageTimestampType,
    /// How far a producer's timestamp may lie before the broker's clock.
    pub message_timestamp_before_max_ms: i64,
    /// How far a producer's timestamp may lie after the broker's clock.
    pub message_timestamp_after_max_ms: i64,
    /// The codec of the log.
    pub compression: CompressionSetting,
    /// Whether a new segment takes its room on disk at once. Accepted; segments here grow as they are written.
    pub preallocate: bool,
}

impl LogConfig {
    /// The age at which a segment is closed: `segment.ms`, in a compacted log at most `max.compaction.lag.ms`, because the
    /// newest segment is never compacted.
    pub fn segment_ms_max(&self) -> i64 {
        match self.max_compaction_lag_ms {
            lag_ms @ 1.. if self.cleanup_policy.compact => self.segment_ms.min(lag_ms),
            _ => self.segment_ms,
        }
    }
}

impl Default for LogConfig {
    /// Kafka 4.3's defaults.
    fn default() -> Self {
        Self {
            segment_bytes: 1 << 30,
            segment_ms: 7 * DAY_MS,
            segment_jitter_ms: 0,
            segment_index_bytes: 10 << 20,
            index_interval_bytes: 4096,
            flush_messages: i64::MAX,
            flush_ms: i64::MAX,
            retention_bytes: -1,
            retention_ms: 7 * DAY_MS,
            file_delete_delay_ms: 60_000,
            max_message_bytes: 1_048_588,
            cleanup_policy: CleanupPolicy::DELETE,
            min_cleanable_dirty_ratio: 0.5,
            min_compaction_lag_ms: 0,
            max_compaction_lag_ms: i64::MAX,
            delete_retention_ms: DAY_MS,
            message_timestamp_type: MessageTimestampType::CreateTime,
            message_timestamp_before_max_ms: i64::MAX,
            message_timestamp_after_max_ms: 3_600_000,
            compression: CompressionSetting::Producer,
            preallocate: false,
        }
    }
}

const DAY_MS: i64 = 86_400_000;
