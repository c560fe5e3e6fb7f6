//! DeleteGroups: groups with members, without, and those that are not there.

use medallion_tests::differential::script::{Scenario, Script};
use serde_json::json;

use super::group;

/// The scenario.
pub(crate) const SCENARIO: Scenario = Scenario { api: "DeleteGroups", run, ..super::USUAL };

fn run(script: &mut Script<'_>) {
    let members = &*group::found(script, "members");
    group::join(script, members, "a", None, &["t"]);
    let topic = &*script.create("t", 1, &[]);
    let committed = json!([{ "Name": topic, "Partitions": [{ "PartitionIndex": 0, "CommittedOffset": 5 }] }]);
    for name in ["simple", "other", "third"] {
        let group = group::found(script, name);
        script.other("set up", "OffsetCommit", 9, json!({ "GroupId": group, "Topics": committed }));
    }
    let [simple, other, third] = ["simple", "other", "third"].map(|name| script.name(name));
    let request = |groups: &[&str]| json!({ "GroupsNames": groups });
    script.ask("a group with a member", request(&[members]));
    script.ask("a group of offsets", request(&[&simple]));
    script.ask("again", request(&[&simple]));
    script.ask("an unknown group", request(&["unheard.of"]));
    script.ask("no group's name", request(&[""]));
    script.ask("several", request(&[members, &other, "unheard.of", ""]));
    script.ask("a group twice", request(&[&third, &third]));
    script.ask("none", request(&[]));
    script.look(
        "what is left",
        "OffsetFetch",
        json!({ "Groups": [{ "GroupId": simple, "Topics": null }, { "GroupId": third, "Topics": null }] }),
    );
}
