//! A consumer group driven by chance: requests and answers are lost, come twice and late; appends fail; assignments take
//! their time; topics come, grow and go; the wall clock jumps; the coordinator starts anew from its log. A seed is a whole
//! run.
//!
//! Always holds, after each step:
//! - the group's invariants: among them that no partition has two owners;
//! - what a member that is not fenced off believes to own is held for it by the coordinator;
//! - a member that repeats its request is not fenced off for it;
//! - epochs never go back.
//!
//! In the end faults stop, and within a bound all members have, together, each partition once, and stay there.

mod clients;
mod world;

use world::World;

/// Tells which seed a failing run had.
struct Named(u64);

impl Drop for Named {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the run of seed {} failed", self.0);
        }
    }
}

const FAULTS_MS: i64 = 180_000;
const SETTLE_MS: i64 = 150_000;
const CALM_MS: i64 = 60_000;

fn run(seed: u64) -> (i32, u32) {
    let _named = Named(seed);
    let mut world = World::new(seed);
    world.run_until(FAULTS_MS);
    world.heal();
    while !world.is_settled() {
        assert!(world.now_ms() < FAULTS_MS + SETTLE_MS, "not settled: {}", world.picture());
        world.run_until(world.now_ms() + 1_000);
    }
    let (epoch, end_ms) = (world.epoch(), world.now_ms() + CALM_MS);
    world.run_until(end_ms);
    assert!(world.is_settled(), "it did not stay settled: {}", world.picture());
    assert_eq!(world.epoch(), epoch, "it rebalanced without a reason: {}", world.picture());
    (epoch, world.restarts)
}

#[test]
fn every_run_settles() {
    let (mut epochs, mut restarts) = (0, 0);
    for seed in 0..150 {
        let (epoch, restarted) = run(seed);
        epochs += i64::from(epoch);
        restarts += restarted;
    }
    assert!(epochs > 150 * 10, "runs that hardly rebalance test little: {epochs}");
    assert!(restarts > 150, "runs that hardly restart test little: {restarts}");
}

#[test]
fn a_run_is_the_same_each_time() {
    assert_eq!(run(7), run(7));
}
