//! How long to wait before the next attempt: exponential, with jitter (KIP-144, KIP-580).

use std::time::Duration;

/// How the waits grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Backoff {
    /// The wait after the first failure.
    pub(crate) first: Duration,
    /// The longest wait, before jitter.
    pub(crate) max: Duration,
}

/// The jitter is a fifth in either direction, so that clients that failed together do not come back together.
const JITTER: f64 = 0.2;

impl Backoff {
    /// The wait after `failures` failures in a row (from 1); `random` is from 0 to 1.
    pub(crate) fn after(self, failures: u32, random: f64) -> Duration {
        let doublings = failures.saturating_sub(1).min(30);
        let grown = self.first.saturating_mul(1 << doublings).min(self.max.max(self.first));
        grown.mul_f64(1.0 - JITTER + 2.0 * JITTER * random.clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_maximum_within_a_fifth() {
        let backoff = Backoff { first: Duration::from_millis(50), max: Duration::from_millis(1000) };
        let waits: Vec<u128> =
            [1, 2, 3, 5, 6, 100].map(|failures| backoff.after(failures, 0.5).as_millis()).to_vec();
        assert_eq!(waits, [50, 100, 200, 800, 1000, 1000]);
        assert_eq!(backoff.after(1, 0.0).as_millis(), 40);
        assert_eq!(backoff.after(u32::MAX, 1.0).as_millis(), 1200);
    }
}
