//! ListGroups: all groups, and those in some states and of some types.

use medallion_tests::differential::script::{Scenario, Script};
use serde_json::{Value, json};

use super::group;

/// The scenario.
pub(crate) const SCENARIO: Scenario = Scenario { api: "ListGroups", reads: true, run, ..super::USUAL };

fn request(states: &[&str], types: &[&str]) -> Value {
    json!({ "StatesFilter": states, "TypesFilter": types })
}

fn run(script: &mut Script<'_>) {
    let stable = &*group::found(script, "stable");
    group::join(script, stable, "a", None, &["t"]);
    group::sync(script, stable, "a", None);
    let waiting = &*group::found(script, "waiting");
    group::join(script, waiting, "b", None, &["t"]);
    let simple = &*group::found(script, "simple");
    let topic = &*script.create("t", 1, &[]);
    let committed = json!([{ "Name": topic, "Partitions": [{ "PartitionIndex": 0, "CommittedOffset": 5 }] }]);
    script.other("set up", "OffsetCommit", 9, json!({ "GroupId": simple, "Topics": committed }));
    script.ask("all", request(&[], &[]));
    if script.version() >= 4 {
        for states in [
            &["Stable"][..],
            &["stable"],
            &["Empty"],
            &["CompletingRebalance"],
            &["PreparingRebalance", "Empty"],
            &["Dead"],
            &["Assigning"],
            &["Reconciling"],
            &["unheard.of"],
            &["Stable", "unheard.of"],
            &[""],
        ] {
            script.ask("states", request(states, &[]));
        }
    }
    if script.version() >= 5 {
        for types in [
            &["classic"][..],
            &["Classic"],
            &["CLASSIC"],
            &["consumer"],
            &["consumer", "classic"],
            &["share"],
            &["streams"],
            &["unheard.of"],
            &[""],
        ] {
            script.ask("types", request(&[], types));
            script.ask("states and types", request(&["Stable"], types));
        }
    }
}
