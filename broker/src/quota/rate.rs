//! How much was used lately: a sum over the last few windows of time.
//!
//! Source: Kafka's `Rate` over `SampledStat`, and `QuotaUtils.throttleTime`.

use std::collections::VecDeque;

/// How usage is measured (`quota.window.num`, `quota.window.size.seconds`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Windows {
    /// How many windows count, the one that is being filled included; at least 1.
    pub(crate) count: u32,
    /// The length of one.
    pub(crate) size_ms: i64,
}

impl Windows {
    /// All windows together.
    pub(crate) fn total_ms(self) -> i64 {
        self.size_ms.saturating_mul(i64::from(self.count))
    }
}

#[derive(Debug, Clone, Copy)]
struct Sample {
    began_ms: i64,
    last_ms: i64,
    sum: f64,
}

/// Usage over the last windows.
#[derive(Debug, Clone)]
pub(crate) struct Rate {
    windows: Windows,
    /// The oldest first; the last one is being filled.
    samples: VecDeque<Sample>,
}

impl Rate {
    /// No usage yet.
    pub(crate) fn new(windows: Windows) -> Self {
        Self { windows, samples: VecDeque::new() }
    }

    /// Notes usage; a negative amount takes usage back.
    pub(crate) fn record(&mut self, amount: f64, now_ms: i64) {
        self.forget(now_ms);
        match self.samples.back_mut() {
            Some(sample) if now_ms - sample.began_ms < self.windows.size_ms => {
                sample.sum += amount;
                sample.last_ms = now_ms;
            }
            _ => self.samples.push_back(Sample { began_ms: now_ms, last_ms: now_ms, sum: amount }),
        }
    }

    /// Usage a second.
    pub(crate) fn per_second(&mut self, now_ms: i64) -> f64 {
        self.forget(now_ms);
        let sum: f64 = self.samples.iter().map(|sample| sample.sum).sum();
        sum / (self.measured_ms(now_ms) / 1000.0)
    }

    /// Whether nothing counts any more, so that it is as a new one.
    pub(crate) fn is_spent(&mut self, now_ms: i64) -> bool {
        self.forget(now_ms);
        self.samples.is_empty()
    }

    /// How long the client must wait so that its rate falls to `quota` a second; 0 when it is within it.
    pub(crate) fn throttle_ms(&mut self, quota: f64, now_ms: i64) -> i64 {
        let rate = self.per_second(now_ms);
        if rate <= quota {
            return 0;
        }
        let wait_ms = (rate - quota) / quota * self.measured_ms(now_ms);
        rounded(wait_ms)
    }

    /// The time over which usage is spread: a client that has just come is measured as if it had been silent before.
    fn measured_ms(&self, now_ms: i64) -> f64 {
        let elapsed_ms = self.samples.front().map_or(0, |oldest| now_ms - oldest.began_ms);
        let full = elapsed_ms / self.windows.size_ms;
        let missing = (i64::from(self.windows.count) - 1 - full).max(0);
        as_f64((elapsed_ms + missing * self.windows.size_ms).max(1))
    }

    fn forget(&mut self, now_ms: i64) {
        let age_ms = self.windows.total_ms();
        self.samples.retain(|sample| now_ms - sample.last_ms < age_ms);
    }
}

/// A time as a number to reckon with; exact up to 2^53.
#[expect(clippy::cast_precision_loss, reason = "milliseconds of some hours")]
pub(super) fn as_f64(ms: i64) -> f64 {
    ms as f64
}

/// A number of milliseconds from a reckoning; what is out of range is the nearest that is not.
#[expect(clippy::cast_possible_truncation, reason = "bounded before")]
pub(super) fn rounded(ms: f64) -> i64 {
    ms.round().clamp(0.0, f64::from(i32::MAX)) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOWS: Windows = Windows { count: 11, size_ms: 1_000 };

    #[test]
    fn a_burst_is_spread_over_the_windows() {
        let mut rate = Rate::new(WINDOWS);
        rate.record(10_000.0, 5_000);
        // Ten full windows are assumed before the burst.
        assert!((rate.per_second(5_000) - 1_000.0).abs() < 1e-6);
        assert_eq!(rate.throttle_ms(1_000.0, 5_000), 0);
        rate.record(10_000.0, 5_000);
        assert_eq!(rate.throttle_ms(1_000.0, 5_000), 10_000, "twice the quota: as long again");
        assert_eq!(rate.throttle_ms(1_000.0, 15_900), 9_100, "it wears off");
        assert!(!rate.is_spent(15_999));
        assert_eq!(rate.throttle_ms(1_000.0, 16_000), 0, "and is forgotten after all windows");
        assert!(rate.is_spent(16_000));
    }

    #[test]
    fn a_steady_rate_is_itself() {
        let mut rate = Rate::new(WINDOWS);
        for step in 0..300_i64 {
            rate.record(50.0, step * 100);
        }
        assert!((rate.per_second(29_900) - 500.0).abs() < 30.0, "{}", rate.per_second(29_900));
        rate.record(-500.0, 29_900);
        assert!(rate.per_second(29_900) < 470.0);
    }
}
