//! One group driven by chance: requests and answers are lost, doubled, late and out of order; appends fail; the clocks jump;
//! the coordinator starts anew from its records. A seed is a whole run, so a failure is played again by [`run`] of its seed.
//!
//! Always holds:
//! - the group's invariants, after each step;
//! - a generation's assignment is one: nobody is told of another, and no partition is told to two members;
//! - no heartbeat of another generation than the group's is taken;
//! - generations that members were told an assignment of never go back.
//!
//! In the end faults stop, and in a bounded time all clients are in one stable generation, and stay there.

mod chance;
mod clients;
mod oracle;
mod world;

use world::World;

/// How long a run is under fire.
const FAULTS_MS: i64 = 240_000;
/// How long it may take to settle afterwards: late requests, members that nobody knows of, one last rebalance.
const SETTLE_MS: i64 = 300_000;
/// How long it must stay settled.
const CALM_MS: i64 = 120_000;

/// Tells which seed a failing run had.
struct Named(u64);

impl Drop for Named {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the run of seed {} failed", self.0);
        }
    }
}

/// One run. Answers how many generations and restarts it saw.
fn run(seed: u64) -> (i32, u32) {
    let _named = Named(seed);
    let mut world = World::new(seed);
    world.run_until(FAULTS_MS);
    world.heal();
    let bound_ms = FAULTS_MS + SETTLE_MS;
    while !world.is_settled() {
        assert!(world.elapsed_ms() < bound_ms, "not settled: {world:#?}");
        let next_ms = world.elapsed_ms() + 1_000;
        world.run_until(next_ms);
    }
    let (generation, end_ms) = (world.generation(), world.elapsed_ms() + CALM_MS);
    world.run_until(end_ms);
    assert!(world.is_settled(), "it did not stay settled: {world:#?}");
    assert_eq!(world.generation(), generation, "it rebalanced without a reason: {world:#?}");
    (generation, world.restarts())
}

#[test]
fn every_run_settles() {
    let (mut generations, mut restarts) = (0, 0);
    for seed in 0..150 {
        let (generation, restarted) = run(seed);
        generations += i64::from(generation);
        restarts += i64::from(restarted);
    }
    assert!(generations > 150 * 10, "runs that hardly rebalance test little: {generations}");
    assert!(restarts > 150 * 2, "runs that hardly restart test little: {restarts}");
}

#[test]
fn a_run_is_the_same_each_time() {
    assert_eq!(run(7), run(7));
}
