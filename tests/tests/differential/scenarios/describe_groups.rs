//! DescribeGroups: groups in every state, and those that are not there.

use medallion_tests::differential::script::{Scenario, Script};
use serde_json::{Value, json};

use super::group;

/// The scenario.
pub(crate) const SCENARIO: Scenario = Scenario { api: "DescribeGroups", reads: true, run, ..super::USUAL };

fn request(groups: &[&str], operations: bool) -> Value {
    json!({ "Groups": groups, "IncludeAuthorizedOperations": operations })
}

fn run(script: &mut Script<'_>) {
    let stable = &*group::found(script, "stable");
    group::join(script, stable, "a", Some("one"), &["t"]);
    group::sync(script, stable, "a", Some("one"));
    let waiting = &*group::found(script, "waiting");
    group::join(script, waiting, "b", None, &["t"]);
    let simple = &*group::found(script, "simple");
    let topic = &*script.create("t", 1, &[]);
    let committed = json!([{ "Name": topic, "Partitions": [{ "PartitionIndex": 0, "CommittedOffset": 5 }] }]);
    script.other("set up", "OffsetCommit", 9, json!({ "GroupId": simple, "Topics": committed }));
    for group in [stable, waiting, simple, "unheard.of", "", "a/b"] {
        script.ask("a group", request(&[group], false));
        script.ask("a group with operations", request(&[group], true));
    }
    script.ask("several", request(&[stable, "unheard.of", simple], true));
    script.ask("a group twice", request(&[stable, stable], false));
    script.ask("none", request(&[], true));
}
