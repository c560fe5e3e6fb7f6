//! JoinGroup: first members, members that come again, static ones, and what is refused.

use medallion_tests::differential::script::{Scenario, Script};
use serde_json::{Value, json};

use super::group::{self, join_request};

/// The scenario. Kafka never answers a member that names a protocol twice.
pub(crate) const SCENARIO: Scenario = Scenario {
    api: "JoinGroup",
    fresh: &["GroupId"],
    frozen: &["RebalanceTimeoutMs"],
    skips: repeats_a_protocol,
    run,
    ..super::USUAL
};

fn repeats_a_protocol(request: &Value) -> bool {
    let protocols: Vec<_> =
        request["Protocols"].as_array().into_iter().flatten().map(|one| &one["Name"]).collect();
    protocols.iter().enumerate().any(|(at, name)| protocols[..at].contains(name))
}

const RANGE: (&str, &str) = ("range", "00");
const OTHER: (&str, &str) = ("roundrobin", "0102");

fn run(script: &mut Script<'_>) {
    let group = &*group::found(script, "g");
    first(script, group, "a", &[RANGE, OTHER]);
    script.ask("again, before anything is assigned", join_request(group, "<a>", None, &[RANGE, OTHER]));
    script.capture("a-generation", "/GenerationId");
    group::sync(script, group, "a", None);
    script.ask("the leader again", join_request(group, "<a>", None, &[RANGE, OTHER]));
    script.ask("with other protocols", join_request(group, "<a>", None, &[OTHER]));
    refused(script, group);
    group::look(script, "what has become of the group", group);
    two(script);
    if script.version() >= 5 {
        statics(script);
    }
}

/// A member joins an empty group, with the id that it is given where the version asks for one.
fn first(script: &mut Script<'_>, group: &str, name: &str, protocols: &[(&str, &str)]) {
    script.ask("a first member", join_request(group, "", None, protocols));
    script.capture(name, "/MemberId");
    if script.version() >= 4 {
        group::look(script, "a member that was only given an id", group);
        script.ask("with the id it was given", join_request(group, &format!("<{name}>"), None, protocols));
    }
    script.capture(&format!("{name}-generation"), "/GenerationId");
}

fn refused(script: &mut Script<'_>, group: &str) {
    let empty = &*script.name("empty");
    script.ask("an unknown member", join_request(group, "nobody", None, &[RANGE, OTHER]));
    script.ask("an unknown member of an unknown group", join_request(empty, "nobody", None, &[RANGE]));
    script.ask("no group", join_request("", "", None, &[RANGE]));
    script.ask("no protocol in common", join_request(group, "", None, &[("sticky", "")]));
    script.ask("no protocols", join_request(group, "", None, &[]));
    script.ask("no protocols for a new group", join_request(empty, "", None, &[]));
    let changed = |name: &str, value: Value| {
        let mut request = join_request(group, "", None, &[RANGE, OTHER]);
        request[name] = value;
        request
    };
    for kind in ["connect", "", "Consumer"] {
        script.ask("another type of protocol", changed("ProtocolType", kind.into()));
    }
    let mut untyped = join_request(empty, "", None, &[RANGE]);
    untyped["ProtocolType"] = "".into();
    script.ask("no type of protocol for a new group", untyped);
    for timeout in [0, -1, 5999, 1_800_001, i32::MAX, i32::MIN] {
        script.ask("a session that is not allowed", changed("SessionTimeoutMs", timeout.into()));
    }
    for name in [" ", &super::long_name(), "ü"] {
        first(script, &format!("{empty}{name}"), "named", &[RANGE]);
    }
}

/// A second member waits until the first comes again.
fn two(script: &mut Script<'_>) {
    let group = &*group::found(script, "two");
    group::join(script, group, "a", None, &["t"]);
    group::sync(script, group, "a", None);
    group::disturb(script, group, "a", "b", &["t", "u"]);
    script.ask("a member that the group waits for", group::consumer(group, "<a>", None, &["t"]));
    script.capture("a-generation", "/GenerationId");
    script.receive("a member that has waited", "b");
    script.look("a wait for assignments", "DescribeGroups", json!({ "Groups": [group] }));
    let sync = |member: &str, assignments: Value| {
        json!({ "GroupId": group, "GenerationId": "<a-generation>", "MemberId": member, "ProtocolType": "consumer",
            "ProtocolName": "range", "Assignments": assignments })
    };
    script.send("b", "SyncGroup", 5, sync("<b>", json!([])));
    let assignments =
        json!([{ "MemberId": "<a>", "Assignment": "aa" }, { "MemberId": "<b>", "Assignment": "bb" }]);
    script.other("set up", "SyncGroup", 5, sync("<a>", assignments));
    script.receive("the assignment of the second member", "b");
    group::look(script, "a group of two", group);
    script.ask("a follower again", group::consumer(group, "<b>", None, &["t", "u"]));
    script.ask("an unknown protocol", join_request(group, "<b>", None, &[("sticky", "00")]));
}

fn statics(script: &mut Script<'_>) {
    let group = &*group::found(script, "static");
    script.ask("a static member", join_request(group, "", Some("one"), &[RANGE]));
    script.capture("s", "/MemberId");
    script.capture("s-generation", "/GenerationId");
    group::sync(script, group, "s", Some("one"));
    script.ask("the same instance anew", join_request(group, "", Some("one"), &[RANGE]));
    script.capture("again", "/MemberId");
    script.ask("the id that it had before", join_request(group, "<s>", Some("one"), &[RANGE]));
    script.ask("its id without the instance", join_request(group, "<again>", None, &[RANGE]));
    script.ask("another instance with its id", join_request(group, "<again>", Some("two"), &[RANGE]));
    script.ask("an unknown id of a new instance", join_request(group, "nobody", Some("two"), &[RANGE]));
    script.ask("the instance with other protocols", join_request(group, "", Some("one"), &[OTHER]));
    group::look(script, "a group of static members", group);
    let names = ["", ".", "a/b", &super::long_name(), "ü"];
    for (instance, number) in names.into_iter().zip(0..) {
        // Each in a group of its own, so that nobody waits for others.
        let group = script.name(&format!("instance-{number}"));
        script.ask("a name of an instance", join_request(&group, "", Some(instance), &[RANGE]));
    }
}
