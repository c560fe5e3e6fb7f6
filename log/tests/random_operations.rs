//! A log on a simulated disk against a plain list of records, under random operations, failures and crashes.
//!
//! Each seed is one history. `MEDALLION_LOG_SEEDS=1000` runs more of them, `MEDALLION_LOG_SEED=42` only that one.

#![allow(clippy::unwrap_used, clippy::single_match_else, reason = "a test may panic")]

mod common;
mod model;

use model::Model;

/// How many histories run by themselves.
const SEEDS: u64 = 60;
/// Operations in one history.
const OPERATIONS: u32 = 150;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn run(seed: u64) {
    // Seen only when the test fails.
    println!("seed {seed}");
    let mut model = Model::new(seed);
    for _ in 0..OPERATIONS {
        model.step();
    }
    model.finish();
}

#[test]
fn the_log_does_what_a_plain_list_does() {
    if let Some(seed) = number("MEDALLION_LOG_SEED") {
        return run(seed);
    }
    for seed in 0..number("MEDALLION_LOG_SEEDS").unwrap_or(SEEDS) {
        run(seed);
    }
}
