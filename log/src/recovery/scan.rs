//! The check of what was not flushed before a kill.

use std::sync::Arc;

use medallion_wire::Offset;

use super::damage::{self, Damage};
use super::files::remove_segment;
use super::{Loader, indexes};
use crate::batch_scanner::{BatchEntry, BatchScanner, ScanError, read_verified};
use crate::error::LogError;
use crate::leader_epochs::EpochEntry;
use crate::segment::Segment;

/// How the scan of a segment ended.
enum Scanned {
    /// All of it is sound.
    Whole,
    /// At or above the recovery point something is wrong: the log ends here.
    EndsAt(Damage),
    /// Below the recovery point something is wrong: nothing is cut, and appends go to a new segment.
    DamagedBelow,
}

impl Loader<'_> {
    /// Checks the segments from the one with the recovery point on.
    pub(super) fn recover_unflushed(&mut self, segments: &mut Vec<Arc<Segment>>) -> Result<(), LogError> {
        let recovery_point = self.options.recovery_point;
        let first =
            segments.partition_point(|segment| segment.base_offset() <= recovery_point).saturating_sub(1);
        let Some(from) = segments.get(first).map(|segment| segment.base_offset().max(recovery_point)) else {
            return Ok(());
        };
        self.report.scanned_from = Some(from);
        for index in first..segments.len() {
            let segment = Arc::clone(&segments[index]);
            let is_last = index + 1 == segments.len();
            match self.recover_segment(&segment, recovery_point)? {
                Scanned::Whole if is_last => {}
                Scanned::Whole => {
                    segment.close_indexes()?;
                    self.note_gap(&segment, segments[index + 1].base_offset());
                    segment.set_next_offset(segments[index + 1].base_offset());
                }
                Scanned::EndsAt(damage) => {
                    let behind = segments.split_off(index + 1);
                    return damage::end_log(self.directory, &segment, &behind, damage, &mut self.report);
                }
                Scanned::DamagedBelow if is_last => {
                    let base_offset = recovery_point.max(segment.end().next_offset);
                    segment.set_next_offset(base_offset);
                    segments.push(Arc::new(Segment::create(self.directory, base_offset)?));
                }
                Scanned::DamagedBelow => segment.set_next_offset(segments[index + 1].base_offset()),
            }
        }
        self.drop_empty_tail(segments)
    }

    /// A power failure may lose an earlier segment and leave a later one. What is there is kept, as Kafka does: compaction
    /// leaves the same gaps, and the recovery point may be older than what was flushed.
    fn note_gap(&mut self, segment: &Segment, next: Offset) {
        let end = segment.end().next_offset;
        if end >= next {
            return;
        }
        self.first_gap = self.first_gap.min(end);
        if !self.config.cleanup_policy.compact {
            tracing::warn!(file = %segment.path().display(), from = %end, to = %next, "offsets are missing");
            self.report.missing.push((end, next));
        }
    }

    /// Removes empty segments at the end that do not continue the one before: the records between are lost, and their
    /// offsets were never seen.
    fn drop_empty_tail(&mut self, segments: &mut Vec<Arc<Segment>>) -> Result<(), LogError> {
        while let [.., before, last] = segments.as_slice() {
            let end = match before.records_end() {
                Ok(end) => end,
                Err(ScanError::Damaged { .. }) => break,
                Err(error) => return Err(before.scan_error(error)),
            };
            let base_offset = last.base_offset();
            if last.size_bytes() > 0 || end >= base_offset || base_offset <= self.options.recovery_point {
                break;
            }
            segments.pop();
            remove_segment(self.directory, base_offset)?;
            self.directory.sync()?;
            self.report.missing.retain(|(_, to)| *to < base_offset);
            if let Some(last) = segments.last() {
                last.set_next_offset(end);
            }
        }
        Ok(())
    }

    fn recover_segment(&mut self, segment: &Segment, recovery_point: Offset) -> Result<Scanned, LogError> {
        let file_bytes = segment.size_bytes();
        let start = self.trusted_start(segment, recovery_point.min(self.indexes_synced_below))?;
        let (position, mut expected) =
            start.map_or((0, segment.base_offset()), |entry| (entry.position, entry.base_offset));
        segment.rewind(position, expected)?;
        segment.offset_index().file().write_again()?;
        segment.time_index().file().write_again()?;
        segment.aborted().truncate_to(expected.max(recovery_point))?;
        self.index_transactions_from = self.index_transactions_from.min(expected.max(recovery_point));
        let mut scanner = BatchScanner::new(segment.file().as_ref(), position, file_bytes);
        loop {
            let next = match scanner.next() {
                Ok(Some(entry)) => {
                    self.check_batch(segment, &entry, expected, recovery_point).map(|()| Some(entry))
                }
                other => other,
            };
            match next {
                Ok(None) => return Ok(Scanned::Whole),
                Ok(Some(entry)) => {
                    segment.note(&entry, self.config.index_interval_bytes)?;
                    self.note_epoch(&entry);
                    expected = entry.last_offset.next();
                }
                Err(ScanError::Damaged { position, reason }) if expected < recovery_point => {
                    let file = segment.path();
                    tracing::error!(
                        file = %file.display(), position, reason, offset = %expected,
                        "batches below the recovery point are damaged, they cannot be read"
                    );
                    segment.keep_file_size(file_bytes);
                    return Ok(Scanned::DamagedBelow);
                }
                Err(ScanError::Damaged { position, reason }) => {
                    return Ok(Scanned::EndsAt(Damage { position, offset: expected, reason, file_bytes }));
                }
                Err(error) => return Err(segment.scan_error(error)),
            }
        }
    }

    /// The batch from which on headers are read: near `trusted`, the offset below which the indexes are on disk.
    fn trusted_start(&mut self, segment: &Segment, trusted: Offset) -> Result<Option<BatchEntry>, LogError> {
        if trusted <= segment.base_offset() {
            return Ok(None);
        }
        if indexes::check(segment).is_err() {
            self.report.indexes_rebuilt += 1;
            return Ok(None);
        }
        let before = Offset(trusted.get() - 1);
        let at = segment.offset_index().lookup(before)?;
        let first = BatchScanner::new(segment.file().as_ref(), at.position, segment.size_bytes()).next();
        Ok(first.ok().flatten().filter(|entry| entry.base_offset <= at.offset && at.position > 0))
    }

    /// Offsets continue; at and above the recovery point the checksum is right too.
    fn check_batch(
        &mut self,
        segment: &Segment,
        entry: &BatchEntry,
        expected: Offset,
        recovery_point: Offset,
    ) -> Result<(), ScanError> {
        if entry.base_offset < expected || !segment.takes_offset(entry.last_offset) {
            let reason = format!("offset {} follows offset {expected}", entry.base_offset);
            return Err(ScanError::Damaged { position: entry.position, reason });
        }
        if entry.last_offset < recovery_point {
            return Ok(());
        }
        self.report.scanned_bytes += entry.size_bytes as u64;
        let batch = read_verified(segment.file().as_ref(), entry)?;
        segment.write_again(entry, &batch).map_err(ScanError::Log)
    }

    fn note_epoch(&mut self, entry: &BatchEntry) {
        let known = self.scanned_epochs.last().is_some_and(|last| last.epoch == entry.leader_epoch);
        if !known && entry.leader_epoch.get() >= 0 {
            self.scanned_epochs
                .push(EpochEntry { epoch: entry.leader_epoch, start_offset: entry.base_offset });
        }
    }
}
