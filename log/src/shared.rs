//! What the writer of a log shares with its readers and flushes.

use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;
use medallion_os::File;
use medallion_wire::Offset;
use parking_lot::Mutex;

use crate::error::LogError;
use crate::leader_epochs::LeaderEpochs;
use crate::log_directory::LogDirectory;
use crate::producer_state::ProducerStateManager;
use crate::segment::Segment;
use crate::transaction_index::{AbortedTransactionEntry, AbortedTransactionSearch};

/// An offset that one thread writes and many read.
#[derive(Debug)]
pub(crate) struct SharedOffset(AtomicI64);

impl SharedOffset {
    pub(crate) fn new(offset: Offset) -> Self {
        Self(AtomicI64::new(offset.get()))
    }

    pub(crate) fn get(&self) -> Offset {
        Offset(self.0.load(Ordering::Acquire))
    }

    pub(crate) fn set(&self, offset: Offset) {
        self.0.store(offset.get(), Ordering::Release);
    }
}

/// A small file that was written and is not durable yet.
pub(crate) type WrittenFile = (PathBuf, Arc<dyn File>);

/// What must be made durable besides the segments, before the recovery point may move.
#[derive(Debug, Default)]
pub(crate) struct Unsynced {
    /// Names in the folder.
    pub(crate) directory: bool,
    /// Small files that were written whole.
    pub(crate) files: Vec<WrittenFile>,
}

/// The state of one log.
///
/// Lock order: `flushing`, `truncations`, then any of the others, of which none is taken while another is held.
#[derive(Debug)]
pub(crate) struct LogShared {
    pub(crate) directory: Arc<LogDirectory>,
    /// All segments, oldest first, never none. Replaced as a whole.
    pub(crate) segments: ArcSwap<Vec<Arc<Segment>>>,
    pub(crate) log_start_offset: SharedOffset,
    pub(crate) log_end_offset: SharedOffset,
    pub(crate) high_watermark: SharedOffset,
    pub(crate) recovery_point: SharedOffset,
    /// The first offset of an undecided transaction; `i64::MAX` for none.
    pub(crate) first_unstable_offset: SharedOffset,
    pub(crate) producers: Mutex<ProducerStateManager>,
    pub(crate) epochs: Mutex<LeaderEpochs>,
    pub(crate) unsynced: Mutex<Unsynced>,
    /// Held by the one flush that runs.
    pub(crate) flushing: Mutex<()>,
    /// Goes up when records are taken away at the end, so that a flush begun before does not move the recovery point, and
    /// a compaction begun before does not bring them back.
    pub(crate) truncations: Mutex<u64>,
    poison: OnceLock<String>,
}

/// The aborted transactions that a read of `from..to` meets. `segments` are neighbours.
pub(crate) fn aborted_entries(
    segments: &[Arc<Segment>],
    from: Offset,
    to: Offset,
) -> Result<Vec<AbortedTransactionEntry>, LogError> {
    let mut search = AbortedTransactionSearch::new(from, to);
    for segment in &segments[LogShared::segment_index(segments, from)..] {
        search.add_segment(&segment.aborted().entries()?);
        if search.is_complete() {
            break;
        }
    }
    Ok(search.into_entries())
}

/// The first unstable offset when there is none.
pub(crate) const ALL_STABLE: Offset = Offset(i64::MAX);

/// The offsets with which a log opens.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OpeningOffsets {
    pub(crate) log_start_offset: Offset,
    pub(crate) log_end_offset: Offset,
    pub(crate) recovery_point: Offset,
}

impl LogShared {
    pub(crate) fn new(
        directory: Arc<LogDirectory>,
        segments: Vec<Arc<Segment>>,
        offsets: OpeningOffsets,
        producers: ProducerStateManager,
        epochs: LeaderEpochs,
    ) -> Self {
        let first_unstable = producers.first_unstable_offset().unwrap_or(ALL_STABLE);
        Self {
            directory,
            segments: ArcSwap::from_pointee(segments),
            log_start_offset: SharedOffset::new(offsets.log_start_offset),
            log_end_offset: SharedOffset::new(offsets.log_end_offset),
            high_watermark: SharedOffset::new(offsets.log_start_offset),
            recovery_point: SharedOffset::new(offsets.recovery_point),
            first_unstable_offset: SharedOffset::new(first_unstable),
            producers: Mutex::new(producers),
            epochs: Mutex::new(epochs),
            unsynced: Mutex::new(Unsynced { directory: true, files: Vec::new() }),
            flushing: Mutex::new(()),
            truncations: Mutex::new(0),
            poison: OnceLock::new(),
        }
    }

    /// Refuses all writes from now on. The first cause stays.
    pub(crate) fn poison(&self, cause: &LogError) {
        let text = match std::error::Error::source(cause) {
            Some(source) => format!("{cause}: {source}"),
            None => cause.to_string(),
        };
        if self.poison.set(text).is_ok() {
            let directory = self.directory.path();
            tracing::error!(directory = %directory.display(), error = %cause, "log is poisoned, it takes no writes");
        }
    }

    pub(crate) fn poisoned(&self) -> Option<LogError> {
        self.poison.get().map(|cause| LogError::Poisoned {
            directory: self.directory.path().as_ref().clone(),
            cause: cause.clone(),
        })
    }

    /// The segment that holds `offset` if any does: the last one that begins at or below it.
    pub(crate) fn segment_index(segments: &[Arc<Segment>], offset: Offset) -> usize {
        segments.partition_point(|segment| segment.base_offset() <= offset).saturating_sub(1)
    }

    /// Publishes where undecided transactions begin.
    pub(crate) fn publish_first_unstable(&self) {
        let first = self.producers.lock().first_unstable_offset();
        self.first_unstable_offset.set(first.unwrap_or(ALL_STABLE));
    }

    /// The end of what readers of committed data may see.
    pub(crate) fn last_stable_offset(&self) -> Offset {
        self.high_watermark.get().min(self.first_unstable_offset.get())
    }
}
