//! SyncGroup: what the leader assigns, and what is refused.

use medallion_tests::differential::script::{Scenario, Script};
use serde_json::{Value, json};

use super::group;

/// The scenario.
pub(crate) const SCENARIO: Scenario = Scenario { api: "SyncGroup", run, ..super::USUAL };

fn request(
    group: &str,
    generation: Value,
    member: &str,
    instance: Option<&str>,
    assignments: Value,
) -> Value {
    json!({ "GroupId": group, "GenerationId": generation, "MemberId": member, "GroupInstanceId": instance,
        "ProtocolType": "consumer", "ProtocolName": "range", "Assignments": assignments })
}

fn run(script: &mut Script<'_>) {
    let group = &*group::found(script, "g");
    let now = || json!("<a-generation>");
    script.ask("an unknown group", request(group, json!(1), "nobody", None, json!([])));
    script.ask("no group", request("", json!(1), "nobody", None, json!([])));
    group::join(script, group, "a", None, &["t"]);
    for generation in [0, 2, -1, i32::MAX] {
        script.ask("another generation", request(group, json!(generation), "<a>", None, json!([])));
    }
    script.ask("an unknown member", request(group, now(), "nobody", None, json!([])));
    script.ask("no member", request(group, now(), "", None, json!([])));
    script.ask("an unknown instance", request(group, now(), "<a>", Some("one"), json!([])));
    if script.version() >= 5 {
        for (field, value) in [("ProtocolType", "connect"), ("ProtocolName", "sticky"), ("ProtocolName", "")]
        {
            let mut other = request(group, now(), "<a>", None, json!([]));
            other[field] = value.into();
            script.ask("another protocol", other);
        }
    }
    let assigned =
        json!([{ "MemberId": "<a>", "Assignment": "001122" }, { "MemberId": "nobody", "Assignment": "33" }]);
    script.ask("an assignment", request(group, now(), "<a>", None, assigned));
    script
        .ask("again", request(group, now(), "<a>", None, json!([{ "MemberId": "<a>", "Assignment": "ff" }])));
    group::look(script, "a group that is stable", group);
    unassigned(script);
    disturbed(script);
    if script.version() >= 3 {
        statics(script);
    }
}

/// The leader assigns nothing.
fn unassigned(script: &mut Script<'_>) {
    let group = &*group::found(script, "unassigned");
    group::join(script, group, "a", None, &["t"]);
    script.ask("nothing assigned", request(group, json!("<a-generation>"), "<a>", None, json!([])));
    group::look(script, "nothing assigned", group);
}

/// A second member is there, which waits for the leader; then a third one comes.
fn disturbed(script: &mut Script<'_>) {
    let (group, version) = (&*group::found(script, "two"), script.version());
    group::join(script, group, "a", None, &["t"]);
    group::sync(script, group, "a", None);
    group::disturb(script, group, "a", "b", &["t"]);
    script.ask(
        "while the group waits for members",
        request(group, json!("<a-generation>"), "<a>", None, json!([])),
    );
    script.other("set up", "JoinGroup", 9, group::consumer(group, "<a>", None, &["t"]));
    script.capture("a-generation", "/GenerationId");
    script.receive("a member that has waited", "b");
    script.send("b", "SyncGroup", version, request(group, json!("<a-generation>"), "<b>", None, json!([])));
    let assigned =
        json!([{ "MemberId": "<b>", "Assignment": "bb" }, { "MemberId": "<a>", "Assignment": "aa" }]);
    script.ask("the leader of two", request(group, json!("<a-generation>"), "<a>", None, assigned));
    script.receive("the follower's part", "b");
    group::look(script, "a group of two", group);
}

fn statics(script: &mut Script<'_>) {
    let group = &*group::found(script, "static");
    group::join(script, group, "s", Some("one"), &["t"]);
    let now = || json!("<s-generation>");
    script.ask("another id of the instance", request(group, now(), "nobody", Some("one"), json!([])));
    script.ask("another instance of the id", request(group, now(), "<s>", Some("two"), json!([])));
    let assigned = json!([{ "MemberId": "<s>", "Assignment": "05" }]);
    script.ask("a static leader", request(group, now(), "<s>", Some("one"), assigned));
    conflict(script, group);
}

/// A static member starts twice: the first one is fenced, whatever it says.
fn conflict(script: &mut Script<'_>, group: &str) {
    let now = || json!("<s-generation>");
    script.other("set up", "JoinGroup", 9, group::consumer(group, "", Some("one"), &["t"]));
    script.capture("twin", "/MemberId");
    script.ask("the first of the twins", request(group, now(), "<s>", Some("one"), json!([])));
    script.ask("the first without its instance", request(group, now(), "<s>", None, json!([])));
    script.ask("the second of the twins", request(group, now(), "<twin>", Some("one"), json!([])));
    for (member, instance) in [
        ("<s>", Some("one")),
        ("<s>", None),
        ("<twin>", Some("one")),
        ("<twin>", Some("two")),
        ("<twin>", None),
    ] {
        let heartbeat = json!({ "GroupId": group, "GenerationId": now(), "MemberId": member, "GroupInstanceId": instance });
        script.other("a twin's heartbeat", "Heartbeat", 4, heartbeat);
        let commit = json!({ "GroupId": group, "MemberId": member, "GenerationIdOrMemberEpoch": now(),
            "GroupInstanceId": instance, "Topics": [{ "Name": "unheard.of", "Partitions": [{ "PartitionIndex": 0 }] }] });
        script.other("a twin's commit", "OffsetCommit", 9, commit);
        let rejoin = group::consumer(group, member, instance, &["t"]);
        if member == "<s>" {
            script.other("the first twin joins again", "JoinGroup", 9, rejoin);
        }
    }
    group::look(script, "after the twins", group);
}
