//! A limit on bytes a second, kept by waiting. A machine without I/O or clock.
//!
//! Bytes are counted over a period of at least [`PERIOD_MIN`]. When they were too many for its length, the period goes on
//! while the caller waits, until its mean rate is the wanted one; then the next begins.
//!
//! Worked example, 1000 bytes a second: after 400 ms 900 bytes have passed. They take 900 ms, so that 500 ms are to be
//! waited. When the rate is raised to 2000 meanwhile, the next question finds that 450 ms would have done.
//!
//! Source: Kafka's `Throttler`.

use std::time::Duration;

/// Shorter periods are not looked at: until then a burst passes.
const PERIOD_MIN: Duration = Duration::from_millis(300);
/// The longest wait at once, so that a new rate is soon obeyed.
const WAIT_MAX: Duration = Duration::from_secs(1);

/// What has passed in the current period.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Throttle {
    period_start: Duration,
    observed_bytes: u64,
}

impl Throttle {
    /// A throttle whose first period begins at `now`, on a clock that never goes back.
    pub(crate) fn new(now: Duration) -> Self {
        Self { period_start: now, observed_bytes: 0 }
    }

    /// Counts bytes that have passed.
    pub(crate) fn observe(&mut self, bytes: u64) {
        self.observed_bytes = self.observed_bytes.saturating_add(bytes);
    }

    /// How long to wait before asking again; `None` to go on. There is no limit where `bytes_per_second` is not above 0.
    pub(crate) fn wait(&mut self, bytes_per_second: f64, now: Duration) -> Option<Duration> {
        let elapsed = now.saturating_sub(self.period_start);
        if elapsed <= PERIOD_MIN {
            return None;
        }
        let due = due_after(self.observed_bytes, bytes_per_second);
        match due.saturating_sub(elapsed) {
            Duration::ZERO => {
                *self = Self::new(now);
                None
            }
            left => Some(left.min(WAIT_MAX)),
        }
    }
}

/// How long `bytes` take at the rate.
#[expect(clippy::cast_precision_loss, reason = "a time needs no more than 53 bits")]
fn due_after(bytes: u64, bytes_per_second: f64) -> Duration {
    if bytes_per_second > 0.0 {
        Duration::try_from_secs_f64(bytes as f64 / bytes_per_second).unwrap_or(Duration::MAX)
    } else {
        Duration::ZERO
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn the_worked_example() {
        let mut throttle = Throttle::new(at(5000));
        throttle.observe(900);
        assert_eq!(throttle.wait(1000.0, at(5300)), None, "a short burst passes");
        assert_eq!(throttle.wait(1000.0, at(5400)), Some(at(500)));
        assert_eq!(throttle.wait(1000.0, at(5899)), Some(at(1)));
        let mut raised = throttle;
        assert_eq!(raised.wait(2000.0, at(5500)), None);
        assert_eq!(throttle.wait(1000.0, at(5900)), None);
        throttle.observe(400);
        assert_eq!(
            throttle.wait(1000.0, at(6201)),
            Some(at(99)),
            "the next period began at the end of the wait"
        );
    }

    #[test]
    fn a_slow_caller_saves_nothing_up() {
        let mut throttle = Throttle::new(at(0));
        throttle.observe(10);
        assert_eq!(throttle.wait(1000.0, at(60_000)), None);
        throttle.observe(1000);
        assert_eq!(throttle.wait(1000.0, at(60_400)), Some(at(600)));
    }

    #[test]
    fn odd_rates_neither_panic_nor_wait_long() {
        for unlimited in [f64::MAX, f64::INFINITY, 0.0, -1.0, f64::NAN] {
            let mut throttle = Throttle::new(at(0));
            throttle.observe(u64::MAX);
            throttle.observe(1);
            assert_eq!(throttle.wait(unlimited, at(400)), None, "{unlimited}");
        }
        let mut throttle = Throttle::new(at(0));
        throttle.observe(1);
        assert_eq!(throttle.wait(f64::MIN_POSITIVE, at(400)), Some(WAIT_MAX));
    }

    #[test]
    fn the_mean_rate_is_kept_whatever_the_steps() {
        for step_bytes in [1, 700, 50_000, 3_000_000] {
            let (mut throttle, mut now, mut passed_bytes) = (Throttle::new(at(0)), at(0), 0);
            while now < at(60_000) {
                throttle.observe(step_bytes);
                passed_bytes += step_bytes;
                now += Duration::from_micros(200);
                while let Some(wait) = throttle.wait(100_000.0, now) {
                    now += wait;
                }
            }
            let allowed_bytes = u64::try_from(now.as_millis()).unwrap() * 100 + step_bytes;
            assert!(
                passed_bytes <= allowed_bytes + 1000,
                "{passed_bytes} of {allowed_bytes} by {step_bytes}"
            );
        }
    }
}
