//! What makes a log durable.

use std::sync::Arc;

use medallion_wire::Offset;

use super::PartitionLog;
use crate::error::LogError;
use crate::segment::Segment;
use crate::shared::LogShared;

/// How many bytes may be appended before a flush writes producer state too, so that a restart reads few headers.
const SNAPSHOT_INTERVAL_BYTES: u64 = 64 << 20;

/// A flush that another thread may run while the writer goes on; see [`PartitionLog::flush_handle`].
#[derive(Debug, Clone)]
pub struct FlushTask {
    shared: Arc<LogShared>,
    /// The segments from the recovery point on, and whether the indexes of each go to disk too.
    segments: Vec<(Arc<Segment>, bool)>,
    up_to: Offset,
    truncations: u64,
}

impl FlushTask {
    /// The offset up to which (exclusive) the log will be on disk.
    pub fn up_to(&self) -> Offset {
        self.up_to
    }

    /// Flushes, then moves the recovery point. A failure poisons the log, but for a full disk on
    /// which index entries found no room. Flushes of one log wait for one another.
    ///
    /// # Errors
    /// The failed flush, or [`LogError::Poisoned`] when an earlier one failed.
    pub fn run(self) -> Result<Offset, LogError> {
        let _one_at_a_time = self.shared.flushing.lock();
        if let Some(error) = self.shared.poisoned() {
            return Err(error);
        }
        if self.shared.recovery_point.get() >= self.up_to && !self.shared.unsynced.lock().directory {
            return Ok(self.up_to);
        }
        if let Err(error) = self.sync() {
            if !matches!(error, LogError::DiskFull { .. }) {
                self.shared.poison(&error);
            }
            return Err(error);
        }
        let truncations = self.shared.truncations.lock();
        if *truncations == self.truncations && self.shared.recovery_point.get() < self.up_to {
            self.shared.recovery_point.set(self.up_to);
        }
        Ok(self.up_to)
    }

    fn sync(&self) -> Result<(), LogError> {
        for (segment, with_indexes) in &self.segments {
            segment.sync(*with_indexes)?;
        }
        let unsynced = std::mem::take(&mut *self.shared.unsynced.lock());
        for (path, file) in unsynced.files {
            file.sync_data().map_err(|error| LogError::io("flush", &path, error))?;
        }
        if unsynced.directory {
            self.shared.directory.sync()?;
        }
        Ok(())
    }
}

impl PartitionLog {
    /// Makes all records durable and moves the recovery point to the log's end.
    ///
    /// # Errors
    /// A failed flush poisons the log.
    pub fn flush(&mut self) -> Result<Offset, LogError> {
        self.flush_handle()?.run()
    }

    /// A flush of what is there now, to be run by another thread.
    ///
    /// # Errors
    /// [`LogError::Poisoned`], and I/O errors of what is written besides the records.
    pub fn flush_handle(&mut self) -> Result<FlushTask, LogError> {
        self.writable()?;
        let is_snapshot_due = self.bytes_since_snapshot >= SNAPSHOT_INTERVAL_BYTES;
        if is_snapshot_due {
            let taken = self.take_snapshot();
            self.ignore_full_disk(taken)?;
            let removed = self.snapshots.remove_superseded(&self.shared);
            self.or_poison(removed)?;
        }
        let written = self.active.write_pending_index_entries();
        self.or_poison(written)?;
        let recovery_point = self.shared.recovery_point.get();
        let segments = self.shared.segments.load();
        let first = LogShared::segment_index(&segments, recovery_point);
        let last = segments.len() - 1;
        let unflushed = segments.iter().enumerate().skip(first);
        Ok(FlushTask {
            shared: Arc::clone(&self.shared),
            // Recovery trusts indexes up to a snapshot, so that they go to disk together.
            segments: unflushed
                .map(|(index, segment)| (Arc::clone(segment), index < last || is_snapshot_due))
                .collect(),
            up_to: self.end_offset(),
            truncations: *self.shared.truncations.lock(),
        })
    }

    /// For files that only save time, so that a full disk must not stop a flush or a deletion.
    pub(super) fn ignore_full_disk(&self, result: Result<(), LogError>) -> Result<(), LogError> {
        match result {
            Err(LogError::DiskFull { .. }) => Ok(()),
            other => self.or_poison(other),
        }
    }

    /// Closes the log for a clean shutdown: flushes, trims indexes, writes the producer snapshot. A closed log refuses
    /// writes; its readers go on.
    ///
    /// # Errors
    /// I/O errors; the shutdown is then not clean.
    pub fn close(&mut self) -> Result<(), LogError> {
        self.writable()?;
        let closed = self.close_files();
        self.or_poison(closed)?;
        self.is_closed = true;
        Ok(())
    }

    fn close_files(&mut self) -> Result<(), LogError> {
        self.take_snapshot()?;
        self.active.close_indexes()?;
        self.active.sync(true)?;
        self.shared.unsynced.lock().directory = true;
        self.flush()?;
        Ok(())
    }
}
