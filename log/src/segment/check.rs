//! What must hold within a segment.

use std::collections::BTreeMap;

use super::Segment;
use crate::batch_scanner::BatchScanner;

impl Segment {
    /// Walks all batches and compares them with what is published and with the indexes. A damaged segment is checked up
    /// to the damage.
    ///
    /// # Panics
    /// When something does not hold.
    pub(crate) fn check_invariants(&self) {
        let end = self.end();
        let path = self.path();
        let path = path.display();
        let mut scanner = BatchScanner::new(self.file.as_ref(), 0, end.size_bytes);
        let mut next_offset = self.base_offset;
        let mut max_timestamp_ms = -1;
        let mut batches = BTreeMap::new();
        while let Ok(Some(entry)) = scanner.next() {
            let (first, last) = (entry.base_offset, entry.last_offset);
            assert!(first >= next_offset, "{path}: batch {first} follows offset {next_offset}");
            next_offset = last.next();
            max_timestamp_ms = max_timestamp_ms.max(entry.max_timestamp_ms);
            batches.insert(entry.position, (last, entry.end(), max_timestamp_ms));
        }
        let scanned = batches.last_key_value().map_or(0, |(_, (_, end, _))| *end);
        assert!(
            next_offset <= end.next_offset,
            "{path}: offsets reach {next_offset}, {} is published",
            end.next_offset
        );
        if let Some(damaged_at) = end.damaged_at {
            assert!(scanned <= damaged_at, "{path}: damage at {damaged_at}, sound up to {scanned}");
            return;
        }
        assert_eq!(scanned, end.size_bytes, "{path}: bytes of whole batches");
        if let Some(known) = end.max_timestamp {
            assert_eq!(known.timestamp_ms, max_timestamp_ms, "{path}: largest timestamp");
        }
        let entries = self.offset_index.entries().expect("the offset index can be read");
        for entry in &entries {
            let batch = batches.get(&entry.position);
            let (last, ..) =
                batch.unwrap_or_else(|| panic!("{path}: index entry {entry:?} points into a batch"));
            assert_eq!(*last, entry.offset, "{path}: index entry at {}", entry.position);
        }
        assert!(entries.is_sorted_by(|a, b| a.offset < b.offset), "{path}: {entries:?}");
        let times = self.time_index.entries().expect("the time index can be read");
        assert!(
            times.is_sorted_by(|a, b| a.timestamp_ms < b.timestamp_ms && a.offset <= b.offset),
            "{path}: {times:?}"
        );
        for time in &times {
            let so_far = batches.values().take_while(|(last, ..)| *last <= time.offset).last();
            let so_far = so_far.map_or(-1, |(_, _, max)| *max);
            assert!(so_far <= time.timestamp_ms, "{path}: {time:?}, but {so_far} was seen up to there");
        }
    }
}
