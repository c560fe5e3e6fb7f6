//! Checks of index files, and writing them anew from the batches.

use crate::LogConfig;
use crate::batch_scanner::{BatchScanner, ScanError};
use crate::error::LogError;
use crate::segment::Segment;

/// A cheap check: entries rise, and the last one points into the file.
///
/// # Errors
/// [`ScanError::Damaged`] names the index entry's position.
pub(super) fn check(segment: &Segment) -> Result<(), ScanError> {
    let damaged = |position, reason: &str| ScanError::Damaged { position, reason: reason.to_owned() };
    let offsets = segment.offset_index().entries()?;
    let last = offsets.last().map_or(0, |entry| entry.position);
    if offsets.windows(2).any(|pair| pair[0].offset >= pair[1].offset || pair[0].position >= pair[1].position)
    {
        return Err(damaged(last, "the offset index does not rise"));
    }
    if !offsets.is_empty() && last >= segment.size_bytes() {
        return Err(damaged(last, "the offset index points behind the end"));
    }
    let times = segment.time_index().entries()?;
    if times
        .windows(2)
        .any(|pair| pair[0].timestamp_ms >= pair[1].timestamp_ms || pair[0].offset > pair[1].offset)
    {
        return Err(damaged(last, "the time index does not rise"));
    }
    Ok(())
}

/// Writes both indexes anew. Batches behind damage are not indexed but stay in the file.
pub(super) fn rebuild(segment: &Segment, config: &LogConfig) -> Result<(), LogError> {
    let size_bytes = segment.size_bytes();
    segment.rewind(0, segment.base_offset())?;
    let mut scanner = BatchScanner::new(segment.file().as_ref(), 0, size_bytes);
    loop {
        match scanner.next() {
            Ok(Some(entry)) => segment.note(&entry, config.index_interval_bytes)?,
            Ok(None) => break,
            Err(ScanError::Damaged { position, reason }) => {
                let file = segment.path();
                tracing::error!(file = %file.display(), position, reason, "batches are damaged, the index ends there");
                break;
            }
            Err(error) => return Err(segment.scan_error(error)),
        }
    }
    segment.keep_file_size(size_bytes);
    segment.close_indexes()
}
