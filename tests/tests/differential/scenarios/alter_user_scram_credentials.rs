//! AlterUserScramCredentials: set and deleted, refused.

use medallion_tests::differential::codec::print_bytes;
use medallion_tests::differential::script::{Scenario, Script};
use serde_json::{Value, json};

/// The scenario.
pub(crate) const SCENARIO: Scenario = Scenario { api: "AlterUserScramCredentials", run, ..super::USUAL };

fn deletion(user: &str, mechanism: i8) -> Value {
    json!({ "Name": user, "Mechanism": mechanism })
}

/// What a client makes of a password.
pub(crate) fn upsertion(user: &str, mechanism: i8, iterations: i32) -> Value {
    let (salt, salted) = (print_bytes(b"salt"), print_bytes(b"salted password"));
    json!({
        "Name": user, "Mechanism": mechanism, "Iterations": iterations, "Salt": salt, "SaltedPassword": salted,
    })
}

/// A request with these changes.
pub(crate) fn request(deletions: &[Value], upsertions: &[Value]) -> Value {
    json!({ "Deletions": deletions, "Upsertions": upsertions })
}

fn run(script: &mut Script<'_>) {
    let look = json!({ "Users": null });
    let mut alter = |case: &str, deletions: &[Value], upsertions: &[Value]| {
        script.ask(case, request(deletions, upsertions));
        script.look("what is kept now", "DescribeUserScramCredentials", look.clone());
    };
    for (mechanism, iterations) in [
        (1, 4096),
        (2, 16_384),
        (1, 8192),
        (1, 4095),
        (2, 4095),
        (2, 16_385),
        (0, 4096),
        (3, 4096),
        (-1, 4096),
    ] {
        alter("an upsertion", &[], &[upsertion("ann", mechanism, iterations)]);
    }
    alter("no user", &[deletion("", 1)], &[upsertion("", 1, 4096)]);
    for mechanism in [0, 3, -1, 2, 2] {
        alter("a deletion", &[deletion("ann", mechanism)], &[]);
    }
    alter("a deletion of nobody's", &[deletion("nobody", 1)], &[]);
    alter("deleted twice", &[deletion("ann", 1), deletion("ann", 1)], &[]);
    alter("set twice", &[], &[upsertion("bob", 1, 4096), upsertion("bob", 2, 4096)]);
    alter("deleted and set", &[deletion("ann", 1)], &[upsertion("ann", 2, 4096)]);
    alter("set three times", &[], &[1, 2, 1].map(|mechanism| upsertion("bob", mechanism, 4096)));
    alter("good and bad", &[], &[upsertion("bob", 1, 1), upsertion("cid", 1, 4096)]);
    let mut empty = upsertion("dan", 1, 4096);
    empty["SaltedPassword"] = print_bytes(b"").into();
    alter("an empty password", &[], &[empty]);
    alter("nothing", &[], &[]);
    alter("all gone", &[deletion("ann", 1), deletion("cid", 1)], &[]);
}
