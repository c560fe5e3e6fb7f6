//! OffsetDelete: offsets of groups with members and without.

use medallion_tests::differential::script::{Scenario, Script};
use serde_json::{Value, json};

use super::group;

/// The scenario.
pub(crate) const SCENARIO: Scenario = Scenario { api: "OffsetDelete", run, ..super::USUAL };

fn request(group: &str, topics: &[(&str, &[i32])]) -> Value {
    let partition = |index: &i32| json!({ "PartitionIndex": index });
    let topic = |(name, partitions): &(&str, &[i32])| json!({ "Name": name, "Partitions": partitions.iter().map(partition).collect::<Vec<_>>() });
    json!({ "GroupId": group, "Topics": topics.iter().map(topic).collect::<Vec<_>>() })
}

fn run(script: &mut Script<'_>) {
    let (topic, other) = (&*script.create("t", 3, &[]), &*script.create("u", 1, &[]));
    let group = &*group::found(script, "g");
    script.ask("an unknown group", request("unheard.of", &[(topic, &[0])]));
    script.ask("no group", request("", &[(topic, &[0])]));
    let commit = |index: i32| json!({ "PartitionIndex": index, "CommittedOffset": 5 });
    let committed = json!([{ "Name": topic, "Partitions": [commit(0), commit(1), commit(2)] },
        { "Name": other, "Partitions": [commit(0)] }]);
    script.other("set up", "OffsetCommit", 9, json!({ "GroupId": group, "Topics": committed }));
    script.ask("some", request(group, &[(topic, &[0])]));
    script.ask("again", request(group, &[(topic, &[0])]));
    script.ask("no such partition", request(group, &[(topic, &[9, -1, 1])]));
    for name in ["unheard.of", "", "a/b"] {
        script.ask("no such topic", request(group, &[(name, &[0])]));
    }
    script.ask("no partitions", request(group, &[(topic, &[])]));
    script.ask("no topics", request(group, &[]));
    script.look("what is left", "OffsetFetch", json!({ "Groups": [{ "GroupId": group, "Topics": null }] }));
    let members = &*group::found(script, "members");
    script.other("set up", "OffsetCommit", 9, json!({ "GroupId": members, "Topics": committed }));
    group::join(script, members, "a", None, &[topic]);
    group::sync(script, members, "a", None);
    script.ask("what a member subscribes to", request(members, &[(topic, &[0]), (other, &[0])]));
    script.look("what is left", "OffsetFetch", json!({ "Groups": [{ "GroupId": members, "Topics": null }] }));
}
