//! Numbers that look random and depend on a seed alone.

use std::f64::consts::TAU;

/// `SplitMix64` (Steele, Lea, Flood 2014): small, quick, and good enough to make up taxi trips.
#[derive(Debug, Clone)]
pub(super) struct Random {
    state: u64,
}

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Evenly from 0 (inclusive) to 1 (exclusive).
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit a double")]
    pub(super) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// True with this probability.
    pub(super) fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// Evenly from 0 to `end` (exclusive); 0 when `end` is.
    pub(super) fn below(&mut self, end: u32) -> u32 {
        u32::try_from((u128::from(self.next()) * u128::from(end)) >> 64).unwrap_or(0)
    }

    /// Log-normal: half of the numbers lie below `median`; `sigma` is the deviation of their logarithms.
    pub(super) fn log_normal(&mut self, median: f64, sigma: f64) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        median * (sigma * radius * (TAU * self.unit()).cos()).exp()
    }

    /// Exponential with this mean.
    pub(super) fn exponential(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.unit()).ln()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sequence_is_splitmix64() {
        // Reference values of the algorithm for seed 1234567.
        let mut random = Random::new(1_234_567);
        assert_eq!(random.next(), 6_457_827_717_110_365_317);
        assert_eq!(random.next(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn the_middle_is_where_it_should_be() {
        let mut random = Random::new(1);
        let below = (0..10_000).filter(|_| random.log_normal(3.0, 0.7) < 3.0).count();
        assert!((4_800..5_200).contains(&below), "{below} of 10,000 below the median");
        let mean = (0..10_000).map(|_| random.exponential(5.0)).sum::<f64>() / 10_000.0;
        assert!((4.7..5.3).contains(&mean), "mean {mean}");
        assert!((0..1000).all(|_| random.below(3) < 3));
    }
}
