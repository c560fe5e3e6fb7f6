//! How much to ask a broker for at once.

use std::time::Duration;

/// What an answer has at most from a broker that is near. Records that wait to be polled hold the whole answer in memory, and more at
/// once makes nothing faster.
const NEAR_BYTES: usize = 1 << 20;
/// How many answers' worth all partitions of a broker may have waiting between them.
const READ_AHEAD: usize = 2;
/// The least that a partition may be asked for, as a part of an answer.
const LEAST_SHARE: usize = 4;
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

    /// What it may have of each of so many partitions: between them they are not to wait with more than [`READ_AHEAD`] answers. Behind
    /// compressed bytes a multiple of them waits to be decompressed, so that little is enough.
    pub(super) fn partition_bytes_max(self, partitions: usize) -> usize {
        let share = self.bytes_max.saturating_mul(READ_AHEAD) / partitions.max(1);
        share.max(self.bytes_max / LEAST_SHARE)
    }

    /// An answer of so many bytes has come `after` it was asked for.
    pub(super) fn note(&mut self, bytes: usize, after: Duration) {
        let is_full = bytes >= self.bytes_max / 2;
        self.bytes_max = match after >= FAR {
            true if is_full => self.bytes_max.saturating_mul(2),
            // The broker has waited for records, which tells nothing.
            true => return,
            false => (self.bytes_max / 2).max(NEAR_BYTES),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_partitions_get_less_each() {
        let mut size = AnswerSize::default();
        let of = |size: AnswerSize| [1, 4, 8, 1000].map(|count| size.partition_bytes_max(count) / (64 << 10));
        assert_eq!(of(size), [32, 8, 4, 4], "64 KiB each");
        size.note(NEAR_BYTES, Duration::from_millis(100));
        assert_eq!(of(size), [64, 16, 8, 8], "more from far away");
    }

    #[test]
    fn answers_from_far_away_grow_and_shrink_again() {
        let mut size = AnswerSize::default();
        let (near, far) = (Duration::from_millis(2), Duration::from_millis(100));
        size.note(NEAR_BYTES, near);
        size.note(NEAR_BYTES / 4, far);
        assert_eq!(size.bytes_max(), NEAR_BYTES, "near, or without much to tell");
        size.note(NEAR_BYTES, far);
        size.note(NEAR_BYTES, far);
        assert_eq!(size.bytes_max(), 4 * NEAR_BYTES);
        size.note(NEAR_BYTES, far);
        assert_eq!(size.bytes_max(), 4 * NEAR_BYTES, "there was no more");
        for _ in 0..5 {
            size.note(NEAR_BYTES, near);
        }
        assert_eq!(size.bytes_max(), NEAR_BYTES);
        for _ in 0..100 {
            size.note(usize::MAX, far);
        }
        assert_eq!(size.bytes_max(), usize::MAX);
    }
}
