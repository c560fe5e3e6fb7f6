//! How much to ask a broker for at once.

use std::time::Duration;

/// What an answer has at most from a broker that is near. Records that wait to be polled hold the whole answer in memory, and more at
/// once makes nothing faster.
const NEAR_BYTES: usize = 1 << 20;
/// How many answers' worth the partitions of a broker may have waiting between them, unless they are many.
const READ_AHEAD: usize = 2;
/// The least that a partition may be asked for, as a part of an answer.
const LEAST_SHARE: usize = 4;
/// With so many partitions that have records waiting, one is fetched again when its last batch is being polled: the others' last till then.
const MANY: usize = 4;
/// A full answer that takes so long comes from far away, or over a thin line.
const FAR: Duration = Duration::from_millis(20);

/// Grows while full answers take long: then a round trip is to be worth it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct AnswerSize {
    bytes_max: usize,
}

impl Default for AnswerSize {
    fn default() -> Self {
        Self { bytes_max: NEAR_BYTES }
    }
}

impl AnswerSize {
    /// What the next answer may have.
    pub(super) fn bytes_max(self) -> usize {
        self.bytes_max
    }

    /// What it may have of each of the partitions. Behind compressed bytes a multiple of them waits to be decompressed, so that little is
    /// enough.
    pub(super) fn partition_bytes_max(self, sharing: Sharing) -> usize {
        let share = self.bytes_max.saturating_mul(READ_AHEAD) / sharing.partitions;
        share.max(self.bytes_max / LEAST_SHARE)
    }

    /// An answer of so many bytes has come `after` it was asked for; of some partition there `was_more`.
    pub(super) fn note(&mut self, bytes: usize, was_more: bool, after: Duration) {
        let is_full = was_more || bytes >= self.bytes_max / 2;
        self.bytes_max = match after >= FAR {
            true if is_full => self.bytes_max.saturating_mul(2),
            // The broker has waited for records, which tells nothing.
            true => return,
            false => (self.bytes_max / 2).max(NEAR_BYTES),
        };
    }
}

/// Among how many partitions of a broker what may wait is shared: those that have records waiting. It follows them by powers of two and
/// slowly down, since every change has to be told to the broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sharing {
    partitions: usize,
}

impl Default for Sharing {
    fn default() -> Self {
        Self { partitions: 1 }
    }
}

impl Sharing {
    /// So many have records waiting.
    pub(super) fn note(&mut self, partitions: usize) {
        if partitions > self.partitions || partitions < self.partitions / 4 {
            self.partitions = partitions.max(1).next_power_of_two();
        }
    }

    pub(super) fn is_among_many(self) -> bool {
        self.partitions >= MANY
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_partitions_get_less_each() {
        let mut size = AnswerSize::default();
        let of = |size: AnswerSize| {
            [0, 1, 3, 8, 1000].map(|count| {
                let mut sharing = Sharing::default();
                sharing.note(count);
                size.partition_bytes_max(sharing) / (64 << 10)
            })
        };
        assert_eq!(of(size), [32, 32, 8, 4, 4], "64 KiB each");
        size.note(1000, true, Duration::from_millis(100));
        assert_eq!(of(size), [64, 64, 16, 8, 8], "more from far away");
        let mut sharing = Sharing::default();
        let seen = [1, 2, 3, 8, 5, 2, 1, 0].map(|count| {
            sharing.note(count);
            sharing.partitions
        });
        assert_eq!(seen, [1, 2, 4, 8, 8, 8, 1, 1]);
    }

    #[test]
    fn answers_from_far_away_grow_and_shrink_again() {
        let mut size = AnswerSize::default();
        let (near, far) = (Duration::from_millis(2), Duration::from_millis(100));
        size.note(NEAR_BYTES, false, near);
        size.note(NEAR_BYTES / 4, false, far);
        assert_eq!(size.bytes_max(), NEAR_BYTES, "near, or without much to tell");
        size.note(NEAR_BYTES, false, far);
        size.note(NEAR_BYTES, false, far);
        assert_eq!(size.bytes_max(), 4 * NEAR_BYTES);
        size.note(NEAR_BYTES, false, far);
        assert_eq!(size.bytes_max(), 4 * NEAR_BYTES, "there was no more");
        for _ in 0..5 {
            size.note(NEAR_BYTES, false, near);
        }
        assert_eq!(size.bytes_max(), NEAR_BYTES);
        for _ in 0..100 {
            size.note(usize::MAX, false, far);
        }
        assert_eq!(size.bytes_max(), usize::MAX);
    }
}
