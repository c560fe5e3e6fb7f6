//! LeaveGroup: one member or several.

use medallion_tests::differential::script::{Scenario, Script};
use serde_json::{Value, json};

use super::group;

/// The scenario.
pub(crate) const SCENARIO: Scenario = Scenario { api: "LeaveGroup", run, ..super::USUAL };

fn members(group: &str, members: &[(&str, Option<&str>)]) -> Value {
    let member = |(id, instance): &(&str, Option<&str>)| json!({ "MemberId": id, "GroupInstanceId": instance, "Reason": "a reason" });
    json!({ "GroupId": group, "Members": members.iter().map(member).collect::<Vec<_>>() })
}

fn run(script: &mut Script<'_>) {
    let group = &*group::found(script, "g");
    let version = script.version();
    let one = |group: &str, member: &str| {
        if version >= 3 {
            members(group, &[(member, None)])
        } else {
            json!({ "GroupId": group, "MemberId": member })
        }
    };
    script.ask("an unknown group", one(group, "nobody"));
    script.ask("no group", one("", "nobody"));
    group::join(script, group, "a", None, &["t"]);
    script.ask("an unknown member", one(group, "nobody"));
    script.ask("no member", one(group, ""));
    script.ask("the only member", one(group, "<a>"));
    group::look(script, "a group without members", group);
    script.ask("again", one(group, "<a>"));
    // One of two leaves, which the other one hears of.
    group::join(script, group, "a", None, &["t"]);
    group::sync(script, group, "a", None);
    group::disturb(script, group, "a", "b", &["t"]);
    script.ask("the member that the group waits for", one(group, "<a>"));
    script.receive("the member that is left", "b");
    group::look(script, "the member that is left", group);
    if version >= 3 {
        several(script);
    }
}

fn several(script: &mut Script<'_>) {
    let group = &*group::found(script, "several");
    script.ask("nobody of an unknown group", members(group, &[]));
    group::join(script, group, "s", Some("one"), &["t"]);
    group::sync(script, group, "s", Some("one"));
    script.ask("nobody", members(group, &[]));
    script.ask("another id of an instance", members(group, &[("nobody", Some("one"))]));
    script.ask("an unknown instance", members(group, &[("", Some("two"))]));
    script.ask("an id with an unknown instance", members(group, &[("<s>", Some("two"))]));
    script.ask(
        "good and bad",
        members(group, &[("nobody", None), ("", Some("one")), ("", Some("two")), ("", Some("one"))]),
    );
    group::look(script, "after they left", group);
    of_many(script);
}

/// Two of three members leave at once, a static one among them.
fn of_many(script: &mut Script<'_>) {
    let group = &*group::found(script, "many");
    group::join(script, group, "a", None, &["t"]);
    group::sync(script, group, "a", None);
    group::disturb(script, group, "a", "b", &["t"]);
    script.other("set up", "JoinGroup", 9, group::consumer(group, "<a>", None, &["t"]));
    script.capture("a-generation", "/GenerationId");
    script.receive("a member that has waited", "b");
    group::sync(script, group, "a", None);
    let heartbeat =
        |generation: Value| json!({ "GroupId": group, "GenerationId": generation, "MemberId": "<a>" });
    script.send("s", "JoinGroup", 9, group::consumer(group, "", Some("one"), &["t"]));
    script.until("Heartbeat", &heartbeat(json!("<a-generation>")), "/ErrorCode", &json!(27));
    let commit = |member: &str, generation: Value| {
        json!({ "GroupId": group, "MemberId": member,
        "GenerationIdOrMemberEpoch": generation, "Topics": [{ "Name": "unheard.of", "Partitions": [] }] })
    };
    script.other("a commit while members come", "OffsetCommit", 9, commit("<a>", json!("<a-generation>")));
    script.other("a commit of another generation", "OffsetCommit", 9, commit("<a>", json!(1)));
    script.ask("two of them, and nobody", members(group, &[("<b>", None), ("nobody", None), ("<b>", None)]));
    script.other("set up", "JoinGroup", 9, group::consumer(group, "<a>", None, &["t"]));
    script.capture("a-generation", "/GenerationId");
    script.receive("the static one", "s");
    script.capture("s", "/MemberId");
    group::look(script, "a dynamic and a static member", group);
    script.other("a heartbeat of before", "Heartbeat", 4, heartbeat(json!(1)));
    script.other("a heartbeat", "Heartbeat", 4, heartbeat(json!("<a-generation>")));
    script.ask("the static one by its id", members(group, &[("<s>", None)]));
    script.ask("an id and another's instance", members(group, &[("<a>", Some("one"))]));
    script.ask("both", members(group, &[("", Some("one")), ("<a>", None)]));
    group::look(script, "nobody is left", group);
}
