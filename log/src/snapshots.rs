//! The `.snapshot` files of a log: writing, reading, and the walk over batches that brings producer state up to date.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use medallion_os::OpenMode;
use medallion_wire::Offset;

use crate::append_origin::AppendOrigin;
use crate::batch_scanner::{BatchScanner, ScanError};
use crate::checkpoint_file::read_file;
use crate::error::LogError;
use crate::file_names::{FileKind, parse_segment_file};
use crate::log_directory::LogDirectory;
use crate::producer_batch;
use crate::producer_state::{ProducerStateManager, SnapshotOffsets, Verdict};
use crate::segment::Segment;
use crate::shared::{LogShared, WrittenFile};

/// When producers are forgotten.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Expiration {
    pub(crate) now_ms: i64,
    pub(crate) expiration_ms: i64,
}

/// The snapshot files of one log.
#[derive(Debug)]
pub(crate) struct Snapshots {
    directory: Arc<LogDirectory>,
    offsets: SnapshotOffsets,
}

impl Snapshots {
    /// Those among the names of the folder's files.
    pub(crate) fn new<'a>(directory: &Arc<LogDirectory>, names: impl Iterator<Item = &'a str>) -> Self {
        let of_snapshot = |name: &str| match parse_segment_file(name) {
            Some((offset, FileKind::ProducerSnapshot)) => Some(offset),
            _ => None,
        };
        let offsets = SnapshotOffsets::new(names.filter_map(of_snapshot));
        Self { directory: Arc::clone(directory), offsets }
    }

    fn path(&self, offset: Offset) -> PathBuf {
        self.directory.file(offset, FileKind::ProducerSnapshot)
    }

    pub(crate) fn latest(&self) -> Option<Offset> {
        self.offsets.latest()
    }

    pub(crate) fn latest_at_or_below(&self, offset: Offset) -> Option<Offset> {
        self.offsets.latest_at_or_below(offset)
    }

    /// Writes the state as it is, without waiting for the disk; the file is to be synced with the log. `None` when there
    /// is such a snapshot already.
    pub(crate) fn take(
        &mut self,
        producers: &ProducerStateManager,
        log_start_offset: Offset,
    ) -> Result<Option<WrittenFile>, LogError> {
        let offset = producers.map_end_offset();
        if !self.offsets.is_due(offset, log_start_offset, producers.producers().len() > 0) {
            return Ok(None);
        }
        let path = self.path(offset);
        let file = self.directory.open(&path, OpenMode::CreateOrTruncate)?;
        if let Err(error) = file.write_all_at(&[&producers.to_snapshot()], 0) {
            self.directory.remove_if_there(&path)?;
            return Err(LogError::io("write", &path, error));
        }
        self.offsets.insert(offset);
        Ok(Some((path, file)))
    }

    /// Removes the files that belong to no segment, but for the newest.
    pub(crate) fn remove_stray(&mut self, bases: &BTreeSet<Offset>) -> Result<(), LogError> {
        let strays = self.offsets.remove_stray(bases);
        self.remove_files(strays)
    }

    /// Removes what a flush has left within segments and no recovery needs any more.
    pub(crate) fn remove_superseded(&mut self, shared: &LogShared) -> Result<(), LogError> {
        let bases = shared.segments.load().iter().map(|segment| segment.base_offset()).collect();
        let superseded = self.offsets.remove_superseded(&bases, shared.recovery_point.get());
        self.remove_files(superseded)
    }

    /// Removes the files above `offset`, durably: one that came back would pass for the state of other records.
    pub(crate) fn remove_above(&mut self, offset: Offset) -> Result<(), LogError> {
        let above = self.offsets.retain_range(Offset(-1), offset);
        if above.is_empty() {
            return Ok(());
        }
        self.remove_files(above)?;
        self.directory.sync()
    }

    /// Removes the files below `offset`.
    pub(crate) fn remove_below(&mut self, offset: Offset) -> Result<(), LogError> {
        let below = self.offsets.remove_below(offset);
        self.remove_files(below)
    }

    /// Removes the files of these offsets, where they are there.
    pub(crate) fn remove_at(&mut self, mut offsets: Vec<Offset>) -> Result<(), LogError> {
        offsets.retain(|offset| self.offsets.remove(*offset));
        self.remove_files(offsets)
    }

    pub(crate) fn remove_all(&mut self) -> Result<(), LogError> {
        let all = self.offsets.remove_all();
        self.remove_files(all)
    }

    fn remove_files(&self, offsets: Vec<Offset>) -> Result<(), LogError> {
        for offset in offsets {
            self.directory.remove_if_there(&self.path(offset))?;
        }
        Ok(())
    }

    /// Loads the newest sound snapshot at or below `offset`; damaged ones are removed. Without any the state is empty
    /// and begins at `log_start_offset`.
    pub(crate) fn load(
        &mut self,
        offset: Offset,
        log_start_offset: Offset,
        expiration: Expiration,
    ) -> Result<ProducerStateManager, LogError> {
        let mut producers = ProducerStateManager::new(log_start_offset);
        while let Some(newest) = self.offsets.latest_at_or_below(offset) {
            let path = self.path(newest);
            let content = read_file(self.directory.fs(), &path)?.unwrap_or_default();
            match producers.load_snapshot(newest, &content, expiration.now_ms, expiration.expiration_ms) {
                Ok(()) => {
                    if newest < log_start_offset {
                        producers.on_log_start_offset_incremented(log_start_offset);
                    }
                    break;
                }
                Err(error) => {
                    tracing::warn!(file = %path.display(), %error, "producer snapshot is damaged, using an older one");
                    self.offsets.remove(newest);
                    self.directory.remove_if_there(&path)?;
                }
            }
        }
        Ok(producers)
    }
}

/// Brings `producers` from its end up to `end` by the headers of the batches there. Aborted transactions whose markers
/// lie at or above `index_from` are put into the segments' transaction indexes.
pub(crate) fn replay(
    producers: &mut ProducerStateManager,
    segments: &[Arc<Segment>],
    end: Offset,
    index_from: Offset,
) -> Result<(), LogError> {
    let start = producers.map_end_offset();
    for segment in segments {
        if segment.end().next_offset <= start || segment.base_offset() >= end {
            continue;
        }
        match replay_segment(producers, segment, start, end, index_from) {
            Ok(()) => {}
            // Below the recovery point nothing is cut; whoever reads there is told of the damage.
            Err(ScanError::Damaged { position, reason }) => {
                let file = segment.path();
                tracing::error!(file = %file.display(), position, reason, "batches are damaged, producer state may lack some");
            }
            Err(error) => return Err(segment.scan_error(error)),
        }
    }
    producers.set_map_end_offset(end);
    Ok(())
}

fn replay_segment(
    producers: &mut ProducerStateManager,
    segment: &Segment,
    start: Offset,
    end: Offset,
    index_from: Offset,
) -> Result<(), ScanError> {
    let Some(first) = segment.locate(start)? else { return Ok(()) };
    let file = segment.file().as_ref();
    let mut scanner = BatchScanner::new(file, first.position, segment.size_bytes());
    while let Some(entry) = scanner.next()? {
        if entry.last_offset >= end {
            break;
        }
        let Some(batch) = producer_batch::of_entry(file, &entry)? else { continue };
        // What is in the log was judged when it came; a judgement today changes nothing.
        let Ok(Verdict::Append(pending)) = producers.check(&[batch], AppendOrigin::Replication) else {
            continue;
        };
        let aborted = producers.apply(pending, entry.last_offset);
        let indexed: Vec<_> = aborted.into_iter().filter(|entry| entry.last_offset >= index_from).collect();
        segment.aborted().append(&indexed)?;
    }
    Ok(())
}
