//! Which leader epoch wrote which offsets of a partition.
//!
//! Each entry says at which offset an epoch began; it lasts up to the next entry, the last one up to the log's end.
//! Followers and consumers ask for the end offset of an epoch to find where two logs part (KIP-101, KIP-320).
//!
//! Worked example, log end offset 50: entries `0@0, 2@10, 5@30`. The end of epoch 0 is 10, of 2 is 30, of 5 is 50. Of
//! epoch 3, which wrote nothing here, it is (2, 30); of 7, which is not known yet, there is none.
//!
//! The machine holds no file: whoever changes it writes [`LeaderEpochs::entries`] by
//! [`crate::checkpoint_file::format_leader_epochs`] when a method returns `true`. Source: Kafka's `LeaderEpochFileCache`.

use medallion_wire::{LeaderEpoch, Offset};

/// An epoch and the first offset that it wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EpochEntry {
    /// The leader's epoch, from 0.
    pub epoch: LeaderEpoch,
    /// The first offset written in it.
    pub start_offset: Offset,
}

/// The epochs of one partition's log, epochs and start offsets both strictly rising.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LeaderEpochs {
    entries: Vec<EpochEntry>,
}

impl LeaderEpochs {
    /// The epochs that a checkpoint holds; entries that break the order are resolved as by [`Self::assign`].
    pub fn from_entries(entries: impl IntoIterator<Item = EpochEntry>) -> Self {
        let mut epochs = Self::default();
        for entry in entries {
            epochs.assign(entry.epoch, entry.start_offset);
        }
        epochs
    }

    /// Notes that a batch of `epoch` is at `start_offset`. Later entries that contradict it are dropped: a leader of
    /// a newer epoch knows better. Returns whether the entries changed; a batch without an epoch changes nothing.
    pub fn assign(&mut self, epoch: LeaderEpoch, start_offset: Offset) -> bool {
        if epoch < LeaderEpoch(0) || start_offset < Offset::ZERO {
            return false;
        }
        let known = |latest: EpochEntry| latest.epoch == epoch && latest.start_offset <= start_offset;
        if self.latest().is_some_and(known) {
            return false;
        }
        while self.latest().is_some_and(|last| last.epoch >= epoch || last.start_offset >= start_offset) {
            self.entries.pop();
        }
        self.entries.push(EpochEntry { epoch, start_offset });
        true
    }

    /// All entries in order.
    pub fn entries(&self) -> &[EpochEntry] {
        &self.entries
    }

    /// The newest entry.
    pub fn latest(&self) -> Option<EpochEntry> {
        self.entries.last().copied()
    }

    /// The epoch in which `offset` was written, or would be if it is past the end.
    pub fn epoch_for_offset(&self, offset: Offset) -> Option<LeaderEpoch> {
        let above = self.entries.partition_point(|entry| entry.start_offset <= offset);
        above.checked_sub(1).map(|index| self.entries[index].epoch)
    }

    /// The largest epoch not above `epoch` and the offset behind its last record, `None` when it is not known.
    ///
    /// An epoch older than all entries ends where the first entry starts, and is answered as itself.
    pub fn end_offset_for(
        &self,
        epoch: LeaderEpoch,
        log_end_offset: Offset,
    ) -> Option<(LeaderEpoch, Offset)> {
        if epoch == LeaderEpoch::NONE {
            return None;
        }
        let above = self.entries.partition_point(|entry| entry.epoch <= epoch);
        match (above.checked_sub(1).map(|index| self.entries[index]), self.entries.get(above)) {
            (Some(floor), Some(higher)) => Some((floor.epoch, higher.start_offset)),
            (None, Some(higher)) => Some((epoch, higher.start_offset)),
            (Some(latest), None) if latest.epoch == epoch => Some((epoch, log_end_offset)),
            _ => None,
        }
    }

    /// Drops epochs that began at or behind `end_offset`, after the log was cut there. Returns whether any was.
    pub fn truncate_from_end(&mut self, end_offset: Offset) -> bool {
        let kept = self.entries.partition_point(|entry| entry.start_offset < end_offset);
        let changed = kept < self.entries.len();
        self.entries.truncate(kept);
        changed
    }

    /// Drops epochs that ended before `start_offset`, after the log's start moved there; the epoch that holds it now
    /// starts there. Returns whether the entries changed.
    pub fn truncate_from_start(&mut self, start_offset: Offset) -> bool {
        let covered = self.entries.partition_point(|entry| entry.start_offset <= start_offset);
        let Some(holder) = covered.checked_sub(1) else { return false };
        if holder == 0 && self.entries[0].start_offset == start_offset {
            return false;
        }
        self.entries.drain(..holder);
        self.entries[0].start_offset = start_offset;
        true
    }

    /// Drops all entries, as when a follower starts anew at its leader's log start. Returns whether there were any.
    pub fn clear(&mut self) -> bool {
        let changed = !self.entries.is_empty();
        self.entries.clear();
        changed
    }

    /// Panics when the entries are not strictly rising.
    pub fn check_invariants(&self) {
        for entry in &self.entries {
            assert!(entry.epoch >= LeaderEpoch(0), "epoch {} is negative", entry.epoch);
            assert!(entry.start_offset >= Offset::ZERO, "start offset {} is negative", entry.start_offset);
        }
        for pair in self.entries.windows(2) {
            assert!(pair[0].epoch < pair[1].epoch, "epochs fall: {:?}", self.entries);
            assert!(pair[0].start_offset < pair[1].start_offset, "start offsets fall: {:?}", self.entries);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn epochs(entries: &[(i32, i64)]) -> LeaderEpochs {
        LeaderEpochs::from_entries(
            entries
                .iter()
                .map(|(epoch, start)| EpochEntry { epoch: (*epoch).into(), start_offset: (*start).into() }),
        )
    }

    fn pairs(epochs: &LeaderEpochs) -> Vec<(i32, i64)> {
        epochs.entries().iter().map(|entry| (entry.epoch.0, entry.start_offset.0)).collect()
    }

    fn end(epochs: &LeaderEpochs, epoch: i32) -> Option<(i32, i64)> {
        epochs.end_offset_for(epoch.into(), Offset(50)).map(|(epoch, offset)| (epoch.0, offset.0))
    }

    #[test]
    fn end_offsets_follow_the_worked_example() {
        let epochs = epochs(&[(0, 0), (2, 10), (5, 30)]);
        assert_eq!(end(&epochs, 0), Some((0, 10)));
        assert_eq!(end(&epochs, 2), Some((2, 30)));
        assert_eq!(end(&epochs, 3), Some((2, 30)));
        assert_eq!(end(&epochs, 5), Some((5, 50)));
        assert_eq!(end(&epochs, 7), None);
        assert_eq!(end(&epochs, -1), None);
    }

    #[test]
    fn an_epoch_older_than_all_ends_at_the_first_start() {
        assert_eq!(end(&epochs(&[(4, 20)]), 1), Some((1, 20)));
        assert_eq!(end(&LeaderEpochs::default(), 1), None);
    }

    #[test]
    fn assigning_the_same_epoch_again_changes_nothing() {
        let mut epochs = epochs(&[(1, 5)]);
        assert!(!epochs.assign(LeaderEpoch(1), Offset(9)));
        assert!(!epochs.assign(LeaderEpoch::NONE, Offset(9)));
        assert!(epochs.assign(LeaderEpoch(2), Offset(9)));
        assert_eq!(pairs(&epochs), [(1, 5), (2, 9)]);
    }

    #[test]
    fn a_contradiction_drops_later_entries() {
        let mut by_offset = epochs(&[(1, 5), (2, 9), (3, 12)]);
        assert!(by_offset.assign(LeaderEpoch(4), Offset(9)));
        assert_eq!(pairs(&by_offset), [(1, 5), (4, 9)]);
        let mut by_epoch = epochs(&[(1, 5), (3, 9)]);
        assert!(by_epoch.assign(LeaderEpoch(2), Offset(20)));
        assert_eq!(pairs(&by_epoch), [(1, 5), (2, 20)]);
    }

    #[test]
    fn truncation_cuts_both_ends() {
        let mut epochs = epochs(&[(0, 0), (2, 10), (5, 30)]);
        assert!(!epochs.truncate_from_end(Offset(31)));
        assert!(epochs.truncate_from_end(Offset(30)));
        assert_eq!(pairs(&epochs), [(0, 0), (2, 10)]);
        assert!(!epochs.truncate_from_start(Offset(0)));
        assert!(epochs.truncate_from_start(Offset(4)));
        assert_eq!(pairs(&epochs), [(0, 4), (2, 10)]);
        assert!(epochs.truncate_from_start(Offset(10)));
        assert_eq!(pairs(&epochs), [(2, 10)]);
        assert!(!epochs.truncate_from_start(Offset(10)));
        assert!(epochs.truncate_from_start(Offset(99)));
        assert_eq!(pairs(&epochs), [(2, 99)]);
        assert!(epochs.clear());
        assert!(!epochs.clear());
    }

    #[test]
    fn an_offset_has_the_epoch_that_began_last() {
        let epochs = epochs(&[(0, 0), (2, 10), (5, 30)]);
        assert_eq!(epochs.epoch_for_offset(Offset(29)), Some(LeaderEpoch(2)));
        assert_eq!(epochs.epoch_for_offset(Offset(30)), Some(LeaderEpoch(5)));
    }

    proptest! {
        /// Against a log that keeps an epoch for every offset.
        #[test]
        fn epochs_match_a_plain_log(steps in prop::collection::vec((0..4_u8, 0..4_i32, 0..12_i64), 1..40)) {
            let mut epochs = LeaderEpochs::default();
            let mut log: Vec<i32> = Vec::new();
            let mut start = 0_usize;
            let mut epoch = 0;
            for (kind, bump, amount) in steps {
                match kind {
                    0 => {
                        let from = log.len().saturating_sub(usize::try_from(amount).unwrap()).max(start);
                        log.truncate(from);
                        epochs.truncate_from_end(Offset(i64::try_from(from).unwrap()));
                    }
                    1 => {
                        start = (start + usize::try_from(amount).unwrap() / 3).min(log.len());
                        epochs.truncate_from_start(Offset(i64::try_from(start).unwrap()));
                    }
                    _ => {
                        epoch += bump;
                        for _ in 0..=amount {
                            epochs.assign(LeaderEpoch(epoch), Offset(i64::try_from(log.len()).unwrap()));
                            log.push(epoch);
                        }
                    }
                }
                epochs.check_invariants();
                for (offset, written_in) in log.iter().enumerate().skip(start) {
                    let at = Offset(i64::try_from(offset).unwrap());
                    prop_assert_eq!(epochs.epoch_for_offset(at), Some(LeaderEpoch(*written_in)));
                }
            }
        }
    }
}
