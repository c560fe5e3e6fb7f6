//! Opening a log: unfinished replacements are settled, segments loaded, and after a kill what was not flushed is checked.
//!
//! Only batches at and above the recovery point are read in whole and checked, so that the time is that of the unflushed
//! bytes. A torn last write is cut off. A damaged batch ends the log there, and the bytes behind it are kept under a name
//! that Kafka ignores. What is kept is written once more, because a page that the system has failed to write may only
//! look written. Below the recovery point nothing is ever cut: damage there is met, and named, by whoever reads it.
//!
//! Source for the order of steps: Kafka's `LogLoader`.

mod damage;
mod files;
mod indexes;
mod report;
mod scan;

use std::path::Path;
use std::sync::Arc;

use medallion_wire::Offset;

pub use report::{DamagedTail, RecoveryReport};

use crate::batch_scanner::BatchScanner;
use crate::checkpoint_file::LEADER_EPOCH_CHECKPOINT;
use crate::error::LogError;
use crate::leader_epochs::{EpochEntry, LeaderEpochs};
use crate::log_directory::LogDirectory;
use crate::partition_log::{LogEnvironment, OpenOptions};
use crate::producer_state::ProducerStateManager;
use crate::segment::Segment;
use crate::shared::{OpeningOffsets, WrittenFile};
use crate::snapshots::{Expiration, Snapshots, replay};
use crate::{LogConfig, checkpoint_file};

/// A log as it is after opening.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) segments: Vec<Arc<Segment>>,
    pub(crate) offsets: OpeningOffsets,
    pub(crate) producers: ProducerStateManager,
    pub(crate) epochs: LeaderEpochs,
    /// Whether the epochs differ from the file.
    pub(crate) epochs_changed: bool,
    pub(crate) snapshots: Snapshots,
    pub(crate) report: RecoveryReport,
}

/// One opening.
struct Loader<'a> {
    directory: &'a Arc<LogDirectory>,
    config: &'a LogConfig,
    options: OpenOptions,
    report: RecoveryReport,
    /// Epochs met while batches were checked.
    scanned_epochs: Vec<EpochEntry>,
    /// Below this offset the indexes are on disk: a producer snapshot is taken with them.
    indexes_synced_below: Offset,
    /// Where the first gap between checked segments begins.
    first_gap: Offset,
    /// From here on transaction indexes are written anew.
    index_transactions_from: Offset,
}

/// Opens what is in the folder.
pub(crate) fn load(
    env: &LogEnvironment,
    directory: &Arc<LogDirectory>,
    config: &LogConfig,
    options: OpenOptions,
) -> Result<Loaded, LogError> {
    let mut loader = Loader {
        directory,
        config,
        options,
        report: RecoveryReport::default(),
        scanned_epochs: Vec::new(),
        indexes_synced_below: Offset::ZERO,
        first_gap: Offset(i64::MAX),
        index_transactions_from: Offset(i64::MAX),
    };
    loader.report.swaps_settled = files::settle_replacements(directory)?;
    let names = files::names(directory)?;
    let mut snapshots = Snapshots::new(directory, names.iter().map(String::as_str));
    loader.indexes_synced_below =
        snapshots.latest_at_or_below(options.recovery_point).unwrap_or(Offset::ZERO);
    let mut segments = loader.load_segments(&names)?;
    loader.recover(&mut segments)?;
    let log_start_offset = loader.settle_start(&mut segments, &mut snapshots)?;
    loader.open_active(&mut segments, log_start_offset)?;
    let active = segments.last().expect("made when there was none");
    let log_end_offset = active.end().next_offset;
    loader.report.log_end_offset = log_end_offset;

    let (epochs, epochs_changed) = loader.load_epochs(&segments, log_start_offset, log_end_offset)?;
    let expiration =
        Expiration { now_ms: options.now_ms, expiration_ms: env.limits.producer_id_expiration_ms() };
    let producers =
        loader.load_producers(&segments, &mut snapshots, log_start_offset, log_end_offset, expiration)?;
    let flushed = if options.clean_shutdown && loader.report.scanned_from.is_none() {
        log_end_offset
    } else {
        options.recovery_point.min(log_end_offset).max(log_start_offset.min(log_end_offset))
    };
    let offsets = OpeningOffsets { log_start_offset, log_end_offset, recovery_point: flushed };
    Ok(Loaded { segments, offsets, producers, epochs, epochs_changed, snapshots, report: loader.report })
}

impl Loader<'_> {
    /// Opens all segments that are there. An index without a log file is removed; one that is missing is made anew.
    fn load_segments(&mut self, names: &[String]) -> Result<Vec<Arc<Segment>>, LogError> {
        let found = files::segments(self.directory, names)?;
        let mut segments: Vec<Arc<Segment>> = Vec::with_capacity(found.len());
        for files in &found {
            let segment = Segment::open(self.directory, files.base_offset, files.has_transaction_index)?;
            if let Some(before) = segments.last() {
                before.set_next_offset(files.base_offset);
            }
            if !(files.has_offset_index && files.has_time_index) {
                indexes::rebuild(&segment, self.config)?;
                self.report.indexes_rebuilt += 1;
            }
            if let Err(LogError::Damaged { .. }) = segment.aborted().entries() {
                segment.aborted().clear()?;
                self.report.indexes_rebuilt += 1;
                self.index_transactions_from = self.index_transactions_from.min(files.base_offset);
            }
            segments.push(Arc::new(segment));
        }
        // Rebuilding an index sets the end by the batches alone; what follows a closed segment is the next one.
        for pair in segments.windows(2) {
            pair[0].set_next_offset(pair[1].base_offset());
        }
        Ok(segments)
    }

    /// After a kill: checks what was not flushed. After a clean stop: finds the log's end.
    fn recover(&mut self, segments: &mut Vec<Arc<Segment>>) -> Result<(), LogError> {
        if self.options.clean_shutdown && end_is_sound(segments) {
            return Ok(());
        }
        self.recover_unflushed(segments)
    }

    /// The first offset that may be read. A log that ends below the checkpointed start is emptied, as Kafka does.
    fn settle_start(
        &mut self,
        segments: &mut Vec<Arc<Segment>>,
        snapshots: &mut Snapshots,
    ) -> Result<Offset, LogError> {
        let wanted = self.options.log_start_offset;
        let (Some(first), Some(last)) = (segments.first(), segments.last()) else { return Ok(wanted) };
        let end = last.end().next_offset;
        if end >= wanted {
            return Ok(wanted.max(first.base_offset()));
        }
        tracing::warn!(
            directory = %self.directory.path().display(), log_end_offset = %end, log_start_offset = %wanted,
            "the log ends below its start offset, it is emptied"
        );
        for segment in segments.drain(..) {
            files::remove_segment(self.directory, segment.base_offset())?;
        }
        snapshots.remove_all()?;
        Ok(wanted)
    }

    /// There is always a segment to append to.
    fn open_active(
        &mut self,
        segments: &mut Vec<Arc<Segment>>,
        log_start_offset: Offset,
    ) -> Result<(), LogError> {
        if segments.is_empty() {
            segments.push(Arc::new(Segment::create(self.directory, log_start_offset)?));
        }
        Ok(())
    }

    /// The checkpoint's epochs, those met in checked batches, and nothing outside of the log.
    fn load_epochs(
        &mut self,
        segments: &[Arc<Segment>],
        log_start_offset: Offset,
        log_end_offset: Offset,
    ) -> Result<(LeaderEpochs, bool), LogError> {
        let path = self.directory.path().join(LEADER_EPOCH_CHECKPOINT);
        let content = checkpoint_file::read_file(self.directory.fs(), &path)?.unwrap_or_default();
        let (mut epochs, mut changed) = match whole_epochs(&path, &content) {
            Some(epochs) if !epochs.entries().is_empty() || self.options.clean_shutdown => {
                (epochs, self.report.scanned_from.is_some())
            }
            // Absent, empty or torn by a crash: the batches tell the epochs too.
            _ => (epochs_of(segments), true),
        };
        // The batches that were read tell their epochs better than the file, which may be older or newer.
        if let Some(first) = self.scanned_epochs.first() {
            changed |= epochs.truncate_from_end(first.start_offset);
        }
        for entry in self.scanned_epochs.drain(..) {
            changed |= epochs.assign(entry.epoch, entry.start_offset);
        }
        changed |= epochs.truncate_from_end(log_end_offset);
        changed |= epochs.truncate_from_start(log_start_offset);
        Ok((epochs, changed))
    }

    fn load_producers(
        &mut self,
        segments: &[Arc<Segment>],
        snapshots: &mut Snapshots,
        log_start_offset: Offset,
        log_end_offset: Offset,
        expiration: Expiration,
    ) -> Result<ProducerStateManager, LogError> {
        // A snapshot behind a gap may know of records that are lost.
        snapshots.remove_above(log_end_offset.min(self.first_gap))?;
        snapshots.remove_stray(&segments.iter().map(|segment| segment.base_offset()).collect())?;
        // A snapshot within the last segment vouches for the indexes below it, which were just written anew.
        if let (Some(active), Some(latest)) = (segments.last(), snapshots.latest())
            && self.report.scanned_from.is_some()
            && latest > active.base_offset()
        {
            active.sync_indexes()?;
        }
        let clean = self.report.scanned_from.is_none() && self.options.clean_shutdown;
        if clean && snapshots.latest().is_none() && self.index_transactions_from == Offset(i64::MAX) {
            // A clean stop leaves a snapshot, so that no producer was ever here (or Kafka is older than snapshots).
            return Ok(ProducerStateManager::new(log_end_offset));
        }
        let load_up_to = log_end_offset.min(self.index_transactions_from);
        let mut producers = snapshots.load(load_up_to, log_start_offset, expiration)?;
        replay(&mut producers, segments, log_end_offset, self.index_transactions_from)?;
        producers.on_high_watermark_updated(log_start_offset);
        Ok(producers)
    }
}

/// Whether the log's end can be found without reading all of the last segment.
fn end_is_sound(segments: &[Arc<Segment>]) -> bool {
    let Some(active) = segments.last() else { return true };
    match indexes::check(active).and_then(|()| active.find_end()) {
        Ok(()) => true,
        Err(error) => {
            let error = active.scan_error(error);
            tracing::warn!(%error, "the log was closed in order but its end is not sound, recovering");
            false
        }
    }
}

/// The epochs in a checkpoint's content; `None` when a crash has torn it, perhaps in the middle of a number.
fn whole_epochs(path: &Path, content: &[u8]) -> Option<LeaderEpochs> {
    if content.last().is_some_and(|byte| *byte != b'\n') {
        return None;
    }
    if content.is_empty() {
        return Some(LeaderEpochs::default());
    }
    let entries = checkpoint_file::parse_leader_epochs(path, content).ok()?;
    let epochs = LeaderEpochs::from_entries(entries.iter().copied());
    (epochs.entries() == entries).then_some(epochs)
}

/// The epochs by the headers of all batches.
fn epochs_of(segments: &[Arc<Segment>]) -> LeaderEpochs {
    let mut epochs = LeaderEpochs::default();
    for segment in segments {
        let mut scanner = BatchScanner::new(segment.file().as_ref(), 0, segment.size_bytes());
        while let Ok(Some(entry)) = scanner.next() {
            epochs.assign(entry.leader_epoch, entry.base_offset);
        }
    }
    epochs
}

/// Writes the epochs without waiting for the disk; the file is to be synced with the log.
pub(crate) fn write_epochs(directory: &LogDirectory, epochs: &LeaderEpochs) -> Result<WrittenFile, LogError> {
    let path = directory.path().join(LEADER_EPOCH_CHECKPOINT);
    let temporary = crate::file_names::with_suffix(Path::new(&path), ".tmp");
    let file = directory.open(&temporary, medallion_os::OpenMode::CreateOrTruncate)?;
    let content = checkpoint_file::format_leader_epochs(epochs.entries());
    file.write_all_at(&[content.as_bytes()], 0).map_err(|error| LogError::io("write", &temporary, error))?;
    directory.rename(&temporary, &path)?;
    Ok((path, file))
}
