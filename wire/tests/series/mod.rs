//! Seeded series of random numbers, for fuzzing in tests.

use std::time::{Duration, Instant};

/// A small generator of pseudo-random numbers (`SplitMix64`).
pub(crate) struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number in `0..bound`, and 0 where that is empty.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(bound.max(1)).unwrap()).unwrap()
    }

    pub(crate) fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[0]
    }
}

/// Calls `round` with the random numbers of `seed`, `rounds` times, and returns how often that was.
///
/// `FUZZ_SEED` makes it another series, `FUZZ_SECONDS` one of that length.
pub(crate) fn series(seed: u64, rounds: u64, mut round: impl FnMut(&mut Random)) -> u64 {
    let mut random = Random(variable("FUZZ_SEED").unwrap_or(seed));
    let limit = variable("FUZZ_SECONDS").map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let mut done = 0;
    while limit.map_or(done < rounds, |end| Instant::now() < end) {
        round(&mut random);
        done += 1;
    }
    println!("{done} rounds");
    done
}

fn variable(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}
