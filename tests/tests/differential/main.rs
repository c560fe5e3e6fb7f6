//! Medallion's answers held against those of Apache Kafka, for every API and version that both advertise.
//!
//! `MEDALLION_DIFFERENTIAL_SEED` and `MEDALLION_DIFFERENTIAL_CASES` say what the made requests come from and how many
//! there are for each API and version; `MEDALLION_DIFFERENTIAL_ONLY` names one API. An API is added by a file in
//! `scenarios`.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod accepted;
mod not_served;
mod rules;
mod scenarios;

use std::collections::BTreeSet;
use std::env;

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
    not_served::check(&mut pair, &apis);
    let plan = Plan {
        rules: rules::RULES,
        accepted: accepted::ACCEPTED,
        seed: number("MEDALLION_DIFFERENTIAL_SEED", 20_261_125),
        cases: usize::try_from(number("MEDALLION_DIFFERENTIAL_CASES", 10)).unwrap(),
    };
    let only = env::var("MEDALLION_DIFFERENTIAL_ONLY").ok();
    let mut run = Run::new(pair, apis, plan);
    for scenario in scenarios::ALL {
        if only.as_deref().is_none_or(|only| only == scenario.api) {
            run.scenario(scenario);
        }
    }
    run.finish(only.is_none());
    let with_scenario: BTreeSet<_> = scenarios::ALL.iter().map(|scenario| scenario.api).collect();
    let without: BTreeSet<_> = run.apis().filter(|api| !with_scenario.contains(api)).collect();
    let known: BTreeSet<_> = not_served::NOT_ASKED.iter().copied().collect();
    assert_eq!(
        without, known,
        "APIs that both advertise and that no scenario asks, and those listed as such"
    );
}
