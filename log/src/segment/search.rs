//! Finding batches in a segment.

use medallion_wire::Offset;

use super::Segment;
use crate::batch_scanner::{BatchEntry, BatchScanner, ScanError};
use crate::offset_index::OffsetPosition;

impl Segment {
    /// A scan that begins at an index entry; at the segment's begin when the entry does not point to a batch.
    fn scan_from(&self, at: OffsetPosition, end: u64) -> Result<BatchScanner<'_>, ScanError> {
        let file = self.file().as_ref();
        if at.position == 0 {
            return Ok(BatchScanner::new(file, 0, end));
        }
        let mut scanner = BatchScanner::new(file, at.position, end);
        let sound = match scanner.next() {
            Ok(Some(entry)) => entry.base_offset <= at.offset && entry.base_offset >= self.base_offset(),
            Ok(None) | Err(ScanError::Damaged { .. }) => false,
            Err(error) => return Err(error),
        };
        scanner.rewind(if sound { at.position } else { 0 });
        Ok(scanner)
    }

    /// The batch that holds `offset`, or the first one behind it.
    pub(crate) fn locate(&self, offset: Offset) -> Result<Option<BatchEntry>, ScanError> {
        let end = self.size_bytes();
        let mut scanner = self.scan_from(self.offset_index().lookup(offset)?, end)?;
        while let Some(entry) = scanner.next()? {
            if entry.last_offset >= offset {
                return Ok(Some(entry));
            }
        }
        Ok(None)
    }

    /// Where batches that are sound and lie wholly below `bound` end.
    pub(crate) fn position_of_bound(&self, bound: Offset) -> Result<u64, ScanError> {
        let end = self.end();
        if bound >= end.next_offset {
            return Ok(end.damaged_at.unwrap_or(end.size_bytes));
        }
        match self.locate(bound) {
            Ok(found) => Ok(found.map_or(end.size_bytes, |entry| entry.position)),
            Err(ScanError::Damaged { position, .. }) => Ok(position),
            Err(error) => Err(error),
        }
    }

    /// The end of the last whole batch between `first` and `end_max`, at least that of `first` itself.
    pub(crate) fn last_whole_batch(&self, first: &BatchEntry, end_max: u64) -> Result<u64, ScanError> {
        let mut best = first.end();
        if best >= end_max {
            return Ok(best);
        }
        let near = self.offset_index().lookup_position(end_max)?;
        let end = self.size_bytes();
        let mut scanner = if near.position > best {
            self.scan_from(near, end)?
        } else {
            BatchScanner::new(self.file().as_ref(), best, end)
        };
        loop {
            match scanner.next() {
                Ok(Some(entry)) if entry.position <= end_max => {
                    best = best.max(entry.position);
                    if entry.end() <= end_max {
                        best = best.max(entry.end());
                    } else {
                        return Ok(best);
                    }
                }
                // What is whole so far is readable; the damage is named when somebody asks for it.
                Ok(_) | Err(ScanError::Damaged { .. }) => return Ok(best),
                Err(error) => return Err(error),
            }
        }
    }
}
