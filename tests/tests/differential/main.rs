//! Medallion's answers held against those of Apache Kafka, for every API and version that both advertise.
//!
//! `MEDALLION_DIFFERENTIAL_SEED` and `MEDALLION_DIFFERENTIAL_CASES` say what the made requests come from and how many
//! there are for each API and version; `MEDALLION_DIFFERENTIAL_ONLY` names one API. An API that is new on both sides is
//! asked with made requests at once, and with written ones when it has a file in `scenarios`.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod accepted;
mod not_served;
mod page;
mod rules;
mod scenarios;

use std::collections::BTreeSet;
use std::env;
use std::time::Instant;

use medallion_tests::differential::pair::Pair;
use medallion_tests::differential::schema;
use medallion_tests::differential::script::{Plan, Run};
use medallion_tests::need;

fn number(variable: &str, default: u64) -> u64 {
    let parse = |text: String| text.parse().unwrap_or_else(|_| panic!("{variable} is no number: {text}"));
    env::var(variable).map_or(default, parse)
}

#[test]
fn medallion_answers_as_kafka_does() {
    let apis = need!(schema::read());
    let mut pair = need!(Pair::start());
    let problems = not_served::check(&mut pair, &apis);
    let plan = Plan {
        rules: rules::RULES,
        accepted: accepted::ACCEPTED,
        seed: number("MEDALLION_DIFFERENTIAL_SEED", 20_261_125),
        cases: usize::try_from(number("MEDALLION_DIFFERENTIAL_CASES", 10)).unwrap(),
    };
    let only = env::var("MEDALLION_DIFFERENTIAL_ONLY").ok().filter(|api| !api.is_empty());
    let mut run = Run::new(pair, apis, plan);
    let written: BTreeSet<_> = scenarios::ALL.iter().map(|scenario| scenario.api).collect();
    let unwritten = run.apis().into_iter().filter(|api| !written.contains(api.as_str()));
    let unwritten: Vec<_> = unwritten.map(|api| scenarios::of_defaults(api.leak())).collect();
    for scenario in scenarios::ALL.iter().chain(&unwritten) {
        if only.as_deref().is_none_or(|only| only == scenario.api) {
            let began = Instant::now();
            run.scenario(scenario);
            println!("{}: {:.1} s", scenario.api, began.elapsed().as_secs_f64());
        }
    }
    run.finish(&problems, only.is_none());
}
