//! DescribeUserScramCredentials: all users and some.

use medallion_tests::differential::script::{Scenario, Script};
use serde_json::{Value, json};

use super::alter_user_scram_credentials::{request as altered, upsertion};

/// The scenario.
pub(crate) const SCENARIO: Scenario =
    Scenario { api: "DescribeUserScramCredentials", reads: true, run, ..super::USUAL };

fn request(users: &[&str]) -> Value {
    json!({ "Users": users.iter().map(|user| json!({ "Name": user })).collect::<Vec<_>>() })
}

fn run(script: &mut Script<'_>) {
    for (user, mechanism) in [("ann", 1), ("ann", 2), ("bob", 2)] {
        let set = altered(&[], &[upsertion(user, mechanism, 5000)]);
        script.other("set up", "AlterUserScramCredentials", 0, set);
    }
    for users in
        [&["ann"] as &[&str], &["bob", "ann"], &["nobody"], &["ann", "ann"], &["x", "bob", "x"], &[""], &[]]
    {
        script.ask("users", request(users));
    }
    script.ask("all", json!({ "Users": null }));
}
