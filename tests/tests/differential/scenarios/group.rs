//! What the scenarios of groups share: members that have joined, and names of what is theirs.
//!
//! A member that is called `a` is `<a>` in requests, and its generation `<a-generation>`.

use medallion_tests::differential::codec::print_bytes;
use medallion_tests::differential::script::Script;
use serde_json::{Value, json};

/// Sessions outlast the test, so that no member is lost while others are asked.
pub(crate) const SESSION_MS: i32 = 1_800_000;

/// A name of a group for this scenario and version, whose coordinator both servers have found.
pub(crate) fn found(script: &mut Script<'_>, group: &str) -> String {
    let name = script.name(group);
    let asked = json!({ "KeyType": 0, "CoordinatorKeys": [name] });
    script.until("FindCoordinator", &asked, "/Coordinators/0/ErrorCode", &json!(0));
    let asked = json!({ "Groups": [{ "GroupId": name, "Topics": null }] });
    script.until("OffsetFetch", &asked, "/Groups/0/ErrorCode", &json!(0));
    script.use_text(&name);
    name
}

/// What a consumer says that it subscribes to.
pub(crate) fn subscription(topics: &[&str]) -> String {
    let mut bytes = vec![0, 0];
    bytes.extend(u32::try_from(topics.len()).expect("few topics").to_be_bytes());
    for topic in topics {
        bytes.extend(u16::try_from(topic.len()).expect("a short name").to_be_bytes());
        bytes.extend(topic.as_bytes());
    }
    bytes.extend([0xFF; 4]);
    print_bytes(&bytes)
}

/// A request to join; `protocols` are assignors with what the member tells them.
pub(crate) fn join_request(
    group: &str,
    member: &str,
    instance: Option<&str>,
    protocols: &[(&str, &str)],
) -> Value {
    let protocol = |(name, metadata): &(&str, &str)| json!({ "Name": name, "Metadata": metadata });
    json!({ "GroupId": group, "SessionTimeoutMs": SESSION_MS, "RebalanceTimeoutMs": SESSION_MS, "MemberId": member,
        "GroupInstanceId": instance, "ProtocolType": "consumer",
        "Protocols": protocols.iter().map(protocol).collect::<Vec<_>>() })
}

/// As [`join_request`], of a consumer that subscribes to these topics.
pub(crate) fn consumer(group: &str, member: &str, instance: Option<&str>, topics: &[&str]) -> Value {
    join_request(group, member, instance, &[("range", &subscription(topics))])
}

/// Has a member join that nobody else has to join again for. `name` is what its id is called from then on.
pub(crate) fn join(
    script: &mut Script<'_>,
    group: &str,
    name: &str,
    instance: Option<&str>,
    topics: &[&str],
) {
    let known = format!("<{name}>");
    script.other("set up", "JoinGroup", 9, consumer(group, "", instance, topics));
    script.capture(name, "/MemberId");
    if instance.is_none() {
        script.other("set up", "JoinGroup", 9, consumer(group, &known, None, topics));
    }
    script.capture(&format!("{name}-generation"), "/GenerationId");
}

/// Has the only member of a group, which leads it, assign itself something.
pub(crate) fn sync(script: &mut Script<'_>, group: &str, name: &str, instance: Option<&str>) {
    let member = format!("<{name}>");
    let request = json!({ "GroupId": group, "GenerationId": format!("<{name}-generation>"), "MemberId": member,
        "GroupInstanceId": instance, "ProtocolType": "consumer", "ProtocolName": "range",
        "Assignments": [{ "MemberId": member, "Assignment": "0011" }] });
    script.other("set up", "SyncGroup", 5, request);
}

/// Has a second member begin to join, so that the group waits for the first one. Its reply is received as `name`.
pub(crate) fn disturb(script: &mut Script<'_>, group: &str, first: &str, name: &str, topics: &[&str]) {
    script.other("set up", "JoinGroup", 9, consumer(group, "", None, topics));
    script.capture(name, "/MemberId");
    script.send(name, "JoinGroup", 9, consumer(group, &format!("<{name}>"), None, topics));
    let heartbeat = json!({ "GroupId": group, "GenerationId": format!("<{first}-generation>"),
        "MemberId": format!("<{first}>") });
    script.until("Heartbeat", &heartbeat, "/ErrorCode", &json!(27));
}

/// What `DescribeGroups` says of a group.
pub(crate) fn look(script: &mut Script<'_>, case: &str, group: &str) {
    script.look(case, "DescribeGroups", json!({ "Groups": [group], "IncludeAuthorizedOperations": true }));
}
