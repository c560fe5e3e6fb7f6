//! OffsetCommit: of members and of clients that manage their partitions themselves.

use medallion_tests::differential::script::{Scenario, Script};
use serde_json::{Value, json};

use super::group;

/// The scenario.
pub(crate) const SCENARIO: Scenario =
    Scenario { api: "OffsetCommit", frozen: &["RetentionTimeMs"], run, ..super::USUAL };

/// A partition, an offset, a leader epoch and a text.
type Committed<'a> = (i32, i64, i32, Option<&'a str>);

fn topic(name: &str, partitions: &[Committed<'_>]) -> Value {
    let partition = |(index, offset, epoch, text): &Committed<'_>| json!({ "PartitionIndex": index, "CommittedOffset": offset, "CommittedLeaderEpoch": epoch, "CommittedMetadata": text });
    json!({ "Name": name, "TopicId": format!("<id:{name}>"), "Partitions": partitions.iter().map(partition).collect::<Vec<_>>() })
}

fn request(group: &str, generation: Value, member: &str, topics: Value) -> Value {
    json!({ "GroupId": group, "GenerationIdOrMemberEpoch": generation, "MemberId": member, "Topics": topics })
}

fn run(script: &mut Script<'_>) {
    let name = &*script.create("t", 2, &[]);
    let group = &*group::found(script, "g");
    let simple = |topics: Value| request(group, json!(-1), "", topics);
    script.ask("without members", simple(json!([topic(name, &[(0, 5, 0, Some("text")), (1, 7, -1, None)])])));
    let long = "x".repeat(4096);
    let longer = "x".repeat(4097);
    for partition in [
        (0, 0, -1, Some("")),
        (0, -1, -1, None),
        (0, -2, -1, None),
        (0, i64::MAX, -1, None),
        (0, 3, 5, None),
        (0, 3, -2, None),
        (0, 3, -1, Some(long.as_str())),
        (0, 3, -1, Some(longer.as_str())),
        (2, 3, -1, None),
        (-1, 3, -1, None),
    ] {
        script.ask("a partition", simple(json!([topic(name, &[partition])])));
    }
    script.ask(
        "good and bad",
        simple(json!([topic(name, &[(1, 8, -1, None), (9, 8, -1, None), (0, 8, -1, Some(&longer))])])),
    );
    script.ask("a partition twice", simple(json!([topic(name, &[(1, 1, -1, None), (1, 2, -1, None)])])));
    let [one, two] = [(1, 1, -1, None), (0, 2, -1, None)].map(|partition| topic(name, &[partition]));
    script.ask("a topic twice", simple(json!([one, two])));
    let missing = topic(name, &[(1, 1, -1, None), (7, 1, -1, None)]);
    script.ask("a topic twice, a partition of which is not there", simple(json!([two, missing])));
    for other in ["unheard.of", "", "a/b"] {
        script.ask(
            "no such topic",
            simple(json!([topic(other, &[(0, 1, -1, None)]), topic(name, &[(0, 2, -1, None)])])),
        );
    }
    script.ask("no partitions", simple(json!([topic(name, &[])])));
    script.ask("no topics", simple(json!([])));
    script.ask("no group", request("", json!(-1), "", json!([topic(name, &[(0, 1, -1, None)])])));
    committed(script, "what clients without members have committed", group);
    of_members(script, name);
}

fn of_members(script: &mut Script<'_>, name: &str) {
    let group = &*group::found(script, "members");
    let some = || json!([topic(name, &[(0, 5, 0, None)])]);
    script.ask("a member of an unknown group", request(group, json!(1), "nobody", some()));
    script.ask("a generation without a member", request(group, json!(0), "", some()));
    group::join(script, group, "a", None, &[name]);
    script.ask("before anything is assigned", request(group, json!("<a-generation>"), "<a>", some()));
    group::sync(script, group, "a", None);
    script.ask("a member", request(group, json!("<a-generation>"), "<a>", some()));
    for generation in [0, 2, -1, i32::MAX] {
        script.ask("another generation", request(group, json!(generation), "<a>", some()));
    }
    script.ask("an unknown member", request(group, json!("<a-generation>"), "nobody", some()));
    script.ask("nobody, though there are members", request(group, json!(-1), "", some()));
    if script.version() >= 7 {
        let mut instance = request(group, json!("<a-generation>"), "<a>", some());
        instance["GroupInstanceId"] = "one".into();
        script.ask("an unknown instance", instance);
        let group = &*group::found(script, "static");
        group::join(script, group, "s", Some("one"), &[name]);
        group::sync(script, group, "s", Some("one"));
        for member in ["<s>", "nobody", ""] {
            let mut of_instance = request(group, json!("<s-generation>"), member, some());
            of_instance["GroupInstanceId"] = "one".into();
            script.ask("a static member", of_instance);
        }
    }
    committed(script, "what members have committed", group);
}

fn committed(script: &mut Script<'_>, case: &str, group: &str) {
    script.look(case, "OffsetFetch", json!({ "Groups": [{ "GroupId": group, "Topics": null }] }));
}
