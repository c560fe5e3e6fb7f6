//! A partition's log on Kafka's own files. Synchronous, without tokio; all files go through [`medallion_os`].
//!
//! One [`PartitionLog`] writes a partition's folder; any number of [`LogReader`]s read it meanwhile.
//!
//! - [`config`]: [`LogConfig`], the settings of one log;
//! - [`error`]: what can go wrong, by who asked;
//! - [`partition_log`]: the writer: append, roll, flush, truncate, delete, compact;
//! - [`reader`]: reads by offset and by time, the offsets that readers may see.

mod aborted_transactions;
pub mod append_origin;
pub mod append_validation;
mod batch_scanner;
pub mod checkpoint_file;
pub mod clean_shutdown;
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
    AppendOutcome, AppendRequest, CompactionOutcome, DeletedSegment, FlushTask, LogEnvironment, OpenOptions,
    PartitionLog,
};
pub use reader::{
    AbortedTransaction, ActiveProducer, LogReader, LogSlice, SegmentDescription, TimestampedOffset,
};
pub use recovery::{DamagedTail, RecoveryReport};
