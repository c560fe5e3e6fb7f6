//! A partition's log on Kafka's own files. Synchronous, without tokio; all files go through [`medallion_os`].
//!
//! One [`PartitionLog`] writes a partition's folder; any number of [`LogReader`]s read it meanwhile, without waiting for
//! its disk.
//!
//! ```text
//! append   records -> append_validation -> producer_state (duplicate?) -> roll? -> segment: one vectored write
//!                  -> offset_index, time_index (sparse) -> leader_epochs -> the published end
//! flush    FlushTask: closed segments' files, the active one, small files, the directory -> recovery point
//! read     LogReader -> list of segments -> offset_index -> headers -> LogSlice (a range of a file, whole batches)
//! clean    retention -> .deleted names;  compaction -> .cleaned -> .swap -> live names
//! open     unfinished replacements -> segments -> scan from the recovery point -> epochs -> producer state
//! ```
//!
//! The writer and what it shares:
//! - [`partition_log`]: append, roll, flush, truncate, delete, compact; [`recovery`]: what opening does after a kill;
//! - [`reader`]: reads by offset and by time, the offsets that readers may see;
//! - [`config`]: [`LogConfig`], the settings of one log; [`error`]: what can go wrong, by who asked.
//!
//! Logic without I/O, which the writer calls:
//! - [`append_validation`], [`producer_state`], [`leader_epochs`], [`transaction_index`], [`retention`], [`compaction`].
//!
//! Small files, of a partition and of a log directory:
//! - [`checkpoint_file`], [`partition_metadata`], [`meta_properties`], [`clean_shutdown`].
//!
//! Files of a partition, all as Kafka writes them: `<base offset>.log`, `.index`, `.timeindex`, `.txnindex`, `.snapshot`,
//! `leader-epoch-checkpoint`, `partition.metadata`; and, when recovery met damage, `damaged-<offset>-at-<byte>.saved`.

mod aborted_transactions;
pub mod append_origin;
pub mod append_validation;
mod batch_scanner;
pub mod checkpoint_file;
pub mod clean_shutdown;
mod cleaned_segment;
pub mod compaction;
pub mod config;
pub mod error;
mod file_names;
mod index_file;
pub mod leader_epochs;
mod log_directory;
pub mod meta_properties;
mod offset_index;
pub mod partition_log;
pub mod partition_metadata;
mod producer_batch;
pub mod producer_state;
pub mod reader;
pub mod recovery;
pub mod retention;
mod segment;
mod shared;
mod snapshots;
mod time_index;
pub mod transaction_index;

pub use append_origin::AppendOrigin;
pub use config::{CleanupPolicy, CompressionSetting, LogConfig, MessageTimestampType};
pub use error::{AppendError, LogError, ReadError};
pub use partition_log::{
    AppendOutcome, AppendRequest, CompactedSegments, CompactionOutcome, CompactionTask, DeletedSegment,
    FlushTask, LogEnvironment, LogLimits, OpenOptions, PartitionLog,
};
pub use reader::{
    AbortedTransaction, ActiveProducer, LogReader, LogSlice, SegmentDescription, TimestampedOffset,
};
pub use recovery::{DamagedTail, RecoveryReport};
