//! How much may be used at once: tokens that come at the quota's rate and are saved up to a burst.
//!
//! Source: Kafka's `TokenBucket` and `ControllerMutationQuotaManager` (KIP-599). Debts are allowed: whoever finds tokens
//! may take more than there are, and whoever comes then waits until the debt is paid.

use super::rate::{Windows, as_f64, rounded};

/// The tokens of one client.
#[derive(Debug, Clone)]
pub(crate) struct TokenBucket {
    tokens: f64,
    updated_ms: i64,
}

impl TokenBucket {
    /// A full bucket.
    pub(crate) fn full(quota: f64, windows: Windows, now_ms: i64) -> Self {
        Self { tokens: burst(quota, windows), updated_ms: now_ms }
    }

    /// Takes tokens where there is no debt.
    ///
    /// # Errors
    /// How many milliseconds it takes to pay the debt.
    pub(crate) fn take(&mut self, amount: f64, quota: f64, windows: Windows, now_ms: i64) -> Result<(), i64> {
        let wait_ms = self.wait_ms(quota, windows, now_ms);
        if wait_ms > 0 {
            return Err(wait_ms);
        }
        self.tokens = (self.tokens - amount).min(burst(quota, windows));
        Ok(())
    }

    /// Takes tokens also where there is a debt; how many milliseconds it takes to pay what is owed then.
    pub(crate) fn take_anyway(&mut self, amount: f64, quota: f64, windows: Windows, now_ms: i64) -> i64 {
        let _ = self.wait_ms(quota, windows, now_ms);
        self.tokens = (self.tokens - amount).min(burst(quota, windows));
        self.wait_ms(quota, windows, now_ms)
    }

    /// How many milliseconds it takes to pay the debt; 0 without one.
    fn wait_ms(&mut self, quota: f64, windows: Windows, now_ms: i64) -> i64 {
        let tokens = self.tokens(quota, windows, now_ms);
        if tokens >= 0.0 { 0 } else { rounded(-tokens / quota * 1000.0).max(1) }
    }

    /// The tokens that are there; a debt is negative.
    pub(crate) fn tokens(&mut self, quota: f64, windows: Windows, now_ms: i64) -> f64 {
        let came = quota * as_f64((now_ms - self.updated_ms).max(0)) / 1000.0;
        self.tokens = (self.tokens + came).min(burst(quota, windows));
        self.updated_ms = now_ms;
        self.tokens
    }
}

/// What a client may save up.
fn burst(quota: f64, windows: Windows) -> f64 {
    quota * as_f64(windows.total_ms()) / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debts_are_waited_for() {
        let windows = Windows { count: 11, size_ms: 1_000 };
        let mut bucket = TokenBucket::full(2.0, windows, 0);
        assert_eq!(bucket.take(100.0, 2.0, windows, 0), Ok(()), "22 were there, 78 are owed");
        assert_eq!(bucket.take(1.0, 2.0, windows, 0), Err(39_000));
        assert_eq!(bucket.take(1.0, 2.0, windows, 38_000), Err(1_000));
        assert_eq!(bucket.take(1.0, 2.0, windows, 39_000), Ok(()));
        assert_eq!(bucket.wait_ms(2.0, windows, 39_000), 500);
        assert_eq!(bucket.take(22.0, 2.0, windows, 1_000_000), Ok(()), "no more than the burst is saved");
        assert_eq!(bucket.take(1.0, 2.0, windows, 1_000_000), Ok(()));
        assert_eq!(bucket.take(1.0, 2.0, windows, 1_000_000), Err(500));
    }

    #[test]
    fn who_may_go_on_in_debt_waits_afterwards() {
        let windows = Windows { count: 1, size_ms: 1_000 };
        let mut bucket = TokenBucket::full(2.0, windows, 0);
        assert_eq!(bucket.take_anyway(2.0, 2.0, windows, 0), 0);
        assert_eq!(bucket.take_anyway(4.0, 2.0, windows, 0), 2_000);
        assert_eq!(bucket.take_anyway(2.0, 2.0, windows, 1_000), 2_000);
    }
}
