//! Compaction: of records with the same key only the last one stays.
//!
//! ```text
//! plan            -> which part of the log is dirty, whether it is worth it
//! OffsetMapBuilder -> reads the dirty part once: the last offset of each key
//! group_segments  -> which old segments make one new segment together
//! Cleaner         -> reads all segments below the end of the map, hands back what stays of each batch
//! ```
//!
//! Offsets, timestamps and headers of what stays are untouched, so that a reader notices nothing but gaps. What goes:
//!
//! - a record with a later one of its key in the part that was read; a record without key;
//! - a tombstone (a record without value) once `delete.retention.ms` has passed since compaction first met it. That
//!   time, the delete horizon, is kept in the batch header in the place of the base timestamp (KIP-534);
//! - records of aborted transactions, at once; a marker when nothing is left of its transaction and its own delete
//!   horizon has passed, so that readers meanwhile still see the end of what they have begun to read.
//!
//! What stays although it is empty: the last batch of each producer that is still known, so that its sequence and epoch
//! survive, and the batch right below the upper bound, so that the log's offsets stay whole.
//!
//! A batch that does not decode is kept as it is. Nothing here reads or writes files. Source: Kafka's `LogCleaner`,
//! `LogCleanerManager` and `MemoryRecords.filterTo`.

mod cleaner;
mod offset_map;
mod plan;
mod segment_groups;
#[cfg(test)]
mod tests;
mod transactions;

pub use cleaner::{Cleaned, Cleaner, CleanerSettings, CompactionStatistics};
pub use offset_map::{OffsetMap, OffsetMapBuilder};
pub use plan::{CompactionLog, CompactionPlan, CompactionSegment, first_dirty_offset, plan};
pub use segment_groups::{GroupLimits, SegmentSizes, group_segments};
