//! What a log does before it is used after a kill.

use std::path::PathBuf;

use medallion_wire::Offset;

/// What opening a log found and mended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecoveryReport {
    /// The offset from which batches were read and checked; `None` after a clean shutdown.
    pub scanned_from: Option<Offset>,
    /// Bytes of log that were read and checked.
    pub scanned_bytes: u64,
    /// Bytes of a torn last write that were cut off.
    pub truncated_bytes: u64,
    /// A damaged batch ended the log: where, and where the bytes behind it were put.
    pub damaged: Option<DamagedTail>,
    /// Offsets (from, up to but without) above the recovery point that a power failure took while later ones are there.
    pub missing: Vec<(Offset, Offset)>,
    /// Index files that were missing or wrong and were written anew.
    pub indexes_rebuilt: u32,
    /// Unfinished file replacements (of a compaction) that were finished or undone.
    pub swaps_settled: u32,
    /// The offset behind the last record that is there.
    pub log_end_offset: Offset,
}

/// A damaged batch at or above the recovery point, and what was behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DamagedTail {
    /// The segment's file.
    pub file: PathBuf,
    /// Where in the file the damage begins.
    pub position: u64,
    /// The first offset that was lost.
    pub offset: Offset,
    /// What is wrong.
    pub reason: String,
    /// The files that hold the bytes from there on; Kafka's tools ignore their names.
    pub saved_as: Vec<PathBuf>,
}
