//! The files of a log's folder before it is opened.

use std::collections::BTreeMap;
use std::path::Path;

use medallion_wire::Offset;

use crate::batch_scanner::BatchScanner;
use crate::error::LogError;
use crate::file_names::{CLEANED, DELETED, FileKind, SWAP, parse_segment_file, segment_file};
use crate::log_directory::LogDirectory;

/// A metadata snapshot waiting for its deletion, which is not ours to remove.
const METADATA_SNAPSHOT_DELETED: &str = ".checkpoint.deleted";

/// Which files a segment has.
#[expect(clippy::struct_excessive_bools, reason = "one for each kind of file")]
#[derive(Debug, Clone, Copy)]
pub(super) struct SegmentFiles {
    pub(super) base_offset: Offset,
    has_log: bool,
    pub(super) has_offset_index: bool,
    pub(super) has_time_index: bool,
    pub(super) has_transaction_index: bool,
}

/// The names of the files in the folder, sorted.
pub(super) fn names(directory: &LogDirectory) -> Result<Vec<String>, LogError> {
    let path = directory.path();
    let entries = directory.fs().read_directory(&path).map_err(|error| LogError::io("list", &path, error))?;
    Ok(entries.into_iter().filter(|entry| !entry.is_directory).map(|entry| entry.name).collect())
}

/// The segments that are there. Indexes without a log file are removed.
pub(super) fn segments(directory: &LogDirectory, names: &[String]) -> Result<Vec<SegmentFiles>, LogError> {
    let mut found: BTreeMap<Offset, SegmentFiles> = BTreeMap::new();
    for (base_offset, kind) in names.iter().filter_map(|name| parse_segment_file(name)) {
        let files = found.entry(base_offset).or_insert(SegmentFiles {
            base_offset,
            has_log: false,
            has_offset_index: false,
            has_time_index: false,
            has_transaction_index: false,
        });
        match kind {
            FileKind::Log => files.has_log = true,
            FileKind::OffsetIndex => files.has_offset_index = true,
            FileKind::TimeIndex => files.has_time_index = true,
            FileKind::TransactionIndex => files.has_transaction_index = true,
            FileKind::ProducerSnapshot => {}
        }
    }
    for files in found.values().filter(|files| !files.has_log) {
        for kind in [FileKind::OffsetIndex, FileKind::TimeIndex, FileKind::TransactionIndex] {
            directory.remove_if_there(&directory.file(files.base_offset, kind))?;
        }
    }
    Ok(found.into_values().filter(|files| files.has_log).collect())
}

/// Removes a segment's files; the one of batches last, so that a crash leaves no index without it.
pub(super) fn remove_segment(directory: &LogDirectory, base_offset: Offset) -> Result<(), LogError> {
    for kind in FileKind::OF_SEGMENT.into_iter().rev() {
        directory.remove_if_there(&directory.file(base_offset, kind))?;
    }
    Ok(())
}

/// Finishes or undoes what a compaction began: `.deleted` and `.cleaned` files go; `.swap` files are complete, so they
/// take the place of the segments whose offsets they cover. A `.swap` at or above a `.cleaned` belongs to a replacement
/// that was not complete, and goes too. Returns how many files were settled.
pub(super) fn settle_replacements(directory: &LogDirectory) -> Result<u32, LogError> {
    let names = names(directory)?;
    let path = directory.path();
    let with = |suffix: &'static str| {
        names.iter().filter_map(move |name| {
            let live = name.strip_suffix(suffix)?;
            parse_segment_file(live).map(|(offset, kind)| (offset, kind, name.clone()))
        })
    };
    for name in
        names.iter().filter(|name| name.ends_with(DELETED) && !name.ends_with(METADATA_SNAPSHOT_DELETED))
    {
        directory.remove_if_there(&path.join(name))?;
    }
    let first_cleaned = with(CLEANED).map(|(offset, ..)| offset).min().unwrap_or(Offset(i64::MAX));
    let (complete, incomplete): (Vec<_>, Vec<_>) =
        with(SWAP).partition(|(offset, ..)| *offset < first_cleaned);
    for (_, _, name) in &incomplete {
        directory.remove_if_there(&path.join(name))?;
    }
    let mut settled = u32::try_from(incomplete.len()).unwrap_or(u32::MAX);
    for (_, _, name) in with(CLEANED) {
        directory.remove_if_there(&path.join(name))?;
        settled += 1;
    }
    let covered = covered_offsets(directory, &path, &complete)?;
    for name in names.iter().filter(|_| covered.is_some()) {
        let covered = covered.as_ref().is_some_and(|(first, end)| {
            parse_segment_file(name).is_some_and(|(offset, _)| (*first..*end).contains(&offset))
        });
        if covered {
            directory.remove_if_there(&path.join(name))?;
        }
    }
    for (offset, kind, name) in &complete {
        directory.rename(&path.join(name), &segment_file(&path, *offset, *kind))?;
        settled += 1;
    }
    if settled > 0 {
        directory.sync()?;
    }
    Ok(settled)
}

/// The offsets that the segments among `.swap` files stand for: from the first one's base to the last record.
fn covered_offsets(
    directory: &LogDirectory,
    path: &Path,
    swaps: &[(Offset, FileKind, String)],
) -> Result<Option<(Offset, Offset)>, LogError> {
    let mut covered: Option<(Offset, Offset)> = None;
    for (base_offset, _, name) in swaps.iter().filter(|(_, kind, _)| *kind == FileKind::Log) {
        let path = path.join(name);
        let file = directory.open(&path, medallion_os::OpenMode::Read)?;
        let len = file.len().map_err(|error| LogError::io("measure", &path, error))?;
        // A replacement without a batch still stands for the segment at its own offset.
        let mut next = base_offset.next();
        let mut scanner = BatchScanner::new(file.as_ref(), 0, len);
        while let Ok(Some(entry)) = scanner.next() {
            next = entry.last_offset.next();
        }
        let (first, end) = covered.unwrap_or((*base_offset, next));
        covered = Some((first.min(*base_offset), end.max(next)));
    }
    Ok(covered)
}
