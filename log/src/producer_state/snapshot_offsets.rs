//! Which producer snapshot files a partition's folder holds.

use std::collections::BTreeSet;

use medallion_wire::Offset;

/// The offsets of the snapshot files that are there. The methods decide; the caller writes, renames and removes files.
///
/// A snapshot is taken when a segment is rolled and when the log is closed, named after the log's end at that time. So
/// each segment but the first has the snapshot of its base offset, and one may lie above all base offsets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SnapshotOffsets {
    offsets: BTreeSet<Offset>,
}

impl SnapshotOffsets {
    /// The files that were found.
    pub fn new(offsets: impl IntoIterator<Item = Offset>) -> Self {
        Self { offsets: offsets.into_iter().collect() }
    }

    /// The newest, to be loaded first.
    pub fn latest(&self) -> Option<Offset> {
        self.offsets.last().copied()
    }

    /// The newest at or below `offset`: from there on recovery reads records.
    pub fn latest_at_or_below(&self, offset: Offset) -> Option<Offset> {
        self.offsets.range(..=offset).next_back().copied()
    }

    /// Whether a snapshot at `map_end_offset` is due: nothing is gained when one is there at or above it. Without any, a
    /// log that holds no record needs one only for producers whose records were deleted.
    pub fn is_due(&self, map_end_offset: Offset, log_start_offset: Offset, has_producers: bool) -> bool {
        match self.latest() {
            Some(latest) => map_end_offset > latest,
            None => map_end_offset > log_start_offset || has_producers,
        }
    }

    /// Notes that a file was written.
    pub fn insert(&mut self, offset: Offset) {
        self.offsets.insert(offset);
    }

    /// Notes that a file is gone, with its segment or because it is damaged; whether it was there.
    pub fn remove(&mut self, offset: Offset) -> bool {
        self.offsets.remove(&offset)
    }

    /// After a truncation or at start: only snapshots above the log's start and up to its end are of use. Returns the
    /// files to remove.
    pub fn retain_range(&mut self, log_start_offset: Offset, log_end_offset: Offset) -> Vec<Offset> {
        self.take(|offset| offset <= log_start_offset || offset > log_end_offset)
    }

    /// Snapshots below `offset` are of no use any more. Returns the files to remove.
    pub fn remove_below(&mut self, offset: Offset) -> Vec<Offset> {
        self.take(|snapshot| snapshot < offset)
    }

    /// All snapshots go, as when the log starts anew. Returns the files to remove.
    pub fn remove_all(&mut self) -> Vec<Offset> {
        self.take(|_| true)
    }

    /// Before recovery: snapshots that belong to no segment go, but for the newest if it lies above all base offsets,
    /// which a clean shutdown left. Returns the files to remove.
    pub fn remove_stray(&mut self, segment_base_offsets: &BTreeSet<Offset>) -> Vec<Offset> {
        let strays: Vec<Offset> = self.offsets.difference(segment_base_offsets).copied().collect();
        let newest_base = segment_base_offsets.last().copied();
        let kept = strays.last().copied().filter(|stray| newest_base.is_none_or(|base| *stray >= base));
        self.take(|offset| strays.binary_search(&offset).is_ok() && Some(offset) != kept)
    }

    /// A flush may take snapshots between base offsets. Of those, recovery needs the newest one at or below the recovery
    /// point and what is above. Returns the files to remove.
    pub fn remove_superseded(
        &mut self,
        segment_base_offsets: &BTreeSet<Offset>,
        recovery_point: Offset,
    ) -> Vec<Offset> {
        let Some(needed) = self.latest_at_or_below(recovery_point) else { return Vec::new() };
        self.take(|offset| offset < needed && !segment_base_offsets.contains(&offset))
    }

    fn take(&mut self, is_gone: impl Fn(Offset) -> bool) -> Vec<Offset> {
        let (gone, kept): (BTreeSet<Offset>, _) = self.offsets.iter().partition(|offset| is_gone(**offset));
        self.offsets = kept;
        gone.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offsets(values: &[i64]) -> Vec<Offset> {
        values.iter().copied().map(Offset).collect()
    }

    fn snapshots(values: &[i64]) -> SnapshotOffsets {
        SnapshotOffsets::new(offsets(values))
    }

    #[test]
    fn only_snapshots_inside_of_the_log_stay() {
        let mut snapshots = snapshots(&[0, 10, 20, 30]);
        assert_eq!(snapshots.retain_range(Offset(10), Offset(20)), offsets(&[0, 10, 30]));
        assert_eq!(snapshots.latest(), Some(Offset(20)));
        assert_eq!(snapshots.remove_all(), offsets(&[20]));
    }

    #[test]
    fn strays_go_but_for_the_one_of_a_clean_shutdown() {
        let bases: BTreeSet<Offset> = offsets(&[0, 10, 20]).into_iter().collect();
        let mut closed = snapshots(&[5, 10, 20, 25]);
        assert_eq!(closed.remove_stray(&bases), offsets(&[5]));
        assert_eq!(closed, snapshots(&[10, 20, 25]));
        let mut two_above = snapshots(&[10, 22, 25]);
        assert_eq!(two_above.remove_stray(&bases), offsets(&[22]));
        let mut below = snapshots(&[5, 20]);
        assert_eq!(below.remove_stray(&bases), offsets(&[5]));
        let mut no_segment = snapshots(&[5, 9]);
        assert_eq!(no_segment.remove_stray(&BTreeSet::new()), offsets(&[5]));
    }

    #[test]
    fn snapshots_within_segments_do_not_pile_up() {
        let bases: BTreeSet<Offset> = offsets(&[0, 10, 20]).into_iter().collect();
        let mut flushed = snapshots(&[5, 10, 15, 20, 22, 24, 26]);
        assert_eq!(flushed.remove_superseded(&bases, Offset(4)), []);
        assert_eq!(flushed.remove_superseded(&bases, Offset(12)), offsets(&[5]));
        assert_eq!(flushed.remove_superseded(&bases, Offset(24)), offsets(&[15, 22]));
        assert_eq!(flushed, snapshots(&[10, 20, 24, 26]));
    }

    #[test]
    fn a_snapshot_is_due_once_the_log_has_grown() {
        let mut snapshots = snapshots(&[10]);
        assert!(!snapshots.is_due(Offset(10), Offset(0), true));
        assert!(snapshots.is_due(Offset(11), Offset(0), false));
        snapshots.insert(Offset(11));
        assert!(!snapshots.is_due(Offset(11), Offset(0), true));
        assert_eq!(snapshots.remove_below(Offset(11)), offsets(&[10]));
        assert!(snapshots.remove(Offset(11)));
        assert!(!snapshots.is_due(Offset(5), Offset(5), false));
        assert!(snapshots.is_due(Offset(5), Offset(5), true));
        assert_eq!(snapshots.latest_at_or_below(Offset(50)), None);
    }
}
