//! What a partition knows of its idempotent and transactional producers.
//!
//! For each producer id with data in the log: its epoch, the sequences and offsets of its last five batches (enough to
//! recognise what a client with five requests in flight sends again), and the first offset of its open transaction.
//! From it follow the answers to duplicates and gaps, the last stable offset, and the transaction index.
//!
//! - [`ProducerBatch`]: what an append needs to know of a batch;
//! - [`ProducerStateManager`]: the machine. [`ProducerStateManager::check`] judges without changing anything,
//!   [`ProducerStateManager::apply`] takes over what was appended;
//! - [`snapshot`]: the bytes of an `<offset>.snapshot` file;
//! - [`SnapshotOffsets`]: which snapshot files are there, which to load and which to remove.
//!
//! Source: Kafka's `ProducerStateManager`, `ProducerAppendInfo` and `ProducerStateEntry`; KIP-98, KIP-360, KIP-890.

mod append;
mod batch;
mod entry;
mod manager;
pub mod snapshot;
mod snapshot_offsets;
#[cfg(test)]
mod tests;

pub use append::{PendingAppend, ProducerStateError, Verdict};
pub use batch::{BatchKind, ProducerBatch, ProducerBatchError, TransactionEnd};
pub use entry::{BatchMetadata, ProducerStateEntry};
pub use manager::{CompletedTransaction, LastRecord, ProducerStateManager};
pub use snapshot_offsets::SnapshotOffsets;
