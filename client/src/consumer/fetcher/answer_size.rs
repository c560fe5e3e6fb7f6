//! How much to ask a broker for at once.

use std::time::Duration;

/// What an answer has at most from a broker that is near. Records that wait to be polled hold the whole answer in memory, and more at
/// once makes nothing faster.
const NEAR_BYTES: usize = 1 << 20;
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
