//! Members that are assigned partitions of topics that are there: what they own, commit, lose and leave behind.

use medallion_tests::differential::script::Script;
use serde_json::{Value, json};

use super::super::group;
use super::{REGEX_MIN, beat, join, with};

/// Partitions that a member says it owns.
fn owned(topics: &[(&str, &[i32])]) -> Value {
    let of = |(topic, partitions): &(&str, &[i32])| json!({ "TopicId": format!("<id:{topic}>"), "Partitions": partitions });
    topics.iter().map(of).collect()
}

fn owning(group: &str, member: &str, epoch: &str, topics: &[(&str, &[i32])]) -> Value {
    let mut request = beat(group, member, 0, &json!({ "TopicPartitions": owned(topics) }));
    request["MemberEpoch"] = epoch.into();
    request
}

/// A heartbeat in the epoch that the member was last told.
fn now(group: &str, member: &str) -> Value {
    let mut request = beat(group, member, 0, &json!({}));
    request["MemberEpoch"] = format!("<{member}-epoch>").into();
    request
}

fn ask(script: &mut Script<'_>, case: &str, member: &str, request: Value) {
    script.ask(case, request);
    script.capture(&format!("{member}-epoch"), "/MemberEpoch");
}

/// Everything that other APIs tell of the group.
fn look(script: &mut Script<'_>, case: &str, group: &str) {
    let groups = json!({ "GroupIds": [group], "IncludeAuthorizedOperations": true });
    script.look(case, "ConsumerGroupDescribe", groups);
    group::look(script, case, group);
    script.look(case, "OffsetFetch", json!({ "Groups": [{ "GroupId": group, "Topics": null }] }));
}

pub(super) fn run(script: &mut Script<'_>) {
    let (t, u) = (&*script.create("t", 4, &[]), &*script.create("u", 2, &[]));
    alone(script, t, u);
    shared(script, t);
    of_owned(script, t, u);
    if script.version() >= REGEX_MIN {
        by_regex(script, t);
    }
    upgraded(script, t);
}

/// One member, whose subscription changes.
fn alone(script: &mut Script<'_>, t: &str, u: &str) {
    let group = &*group::found(script, "alone");
    ask(script, "a topic that is there", "a", join(group, "a", &[t]));
    look(script, "a member with partitions", group);
    ask(script, "all of it owned", "a", owning(group, "a", "<a-epoch>", &[(t, &[0, 1, 2, 3])]));
    ask(script, "nothing new", "a", now(group, "a"));
    commits(script, group, t);
    let more = with(now(group, "a"), "SubscribedTopicNames", json!([t, u, "unheard.of"]));
    ask(script, "more topics", "a", more);
    ask(
        script,
        "more topics, owned",
        "a",
        owning(group, "a", "<a-epoch>", &[(t, &[0, 1, 2, 3]), (u, &[0, 1])]),
    );
    let assignor = with(now(group, "a"), "ServerAssignor", json!("range"));
    ask(script, "another assignor", "a", assignor);
    ask(script, "it lives", "a", now(group, "a"));
    ask(script, "a rack", "a", with(now(group, "a"), "RackId", json!("rack")));
    ask(script, "another timeout", "a", with(now(group, "a"), "RebalanceTimeoutMs", json!(1000)));
    look(script, "after changes", group);
    let fewer = with(now(group, "a"), "SubscribedTopicNames", json!([u]));
    ask(script, "fewer topics", "a", fewer);
    ask(script, "what is left, owned", "a", owning(group, "a", "<a-epoch>", &[(u, &[0, 1])]));
    let offsets = |name: &str| json!({ "GroupId": group, "Topics": [{ "Name": name, "Partitions": [{ "PartitionIndex": 0 }] }] });
    script.other("offsets of a topic that is read", "OffsetDelete", 0, offsets(u));
    script.other("offsets of a topic that is not read any more", "OffsetDelete", 0, offsets(t));
    script.other("a group with a member", "DeleteGroups", 2, json!({ "GroupsNames": [group] }));
    script.ask("no topics any more", with(now(group, "a"), "SubscribedTopicNames", json!([])));
    script.ask("it leaves", beat(group, "a", -1, &json!({})));
    look(script, "nobody is left", group);
    script.other("a group of nobody", "DeleteGroups", 2, json!({ "GroupsNames": [group] }));
    look(script, "a deleted group", group);
}

/// Commits and fetches by epoch.
fn commits(script: &mut Script<'_>, group: &str, t: &str) {
    let partition = json!({ "PartitionIndex": 0, "CommittedOffset": 3, "CommittedLeaderEpoch": 0 });
    let topics = json!([{ "Name": t, "TopicId": format!("<id:{t}>"), "Partitions": [partition] }]);
    let commit = |member: &str, epoch: Value| json!({ "GroupId": group, "MemberId": member, "GenerationIdOrMemberEpoch": epoch, "Topics": topics });
    for version in [8, 9, 10] {
        script.other("a member's commit", "OffsetCommit", version, commit("a", json!("<a-epoch>")));
        for epoch in [0, 1, 77, -1, -2] {
            script.other("of another epoch", "OffsetCommit", version, commit("a", json!(epoch)));
        }
        script.other("of somebody else", "OffsetCommit", version, commit("nobody", json!("<a-epoch>")));
        script.other("of nobody", "OffsetCommit", version, commit("", json!(-1)));
        script.other("of nobody in an epoch", "OffsetCommit", version, commit("", json!("<a-epoch>")));
        let instance = with(commit("a", json!("<a-epoch>")), "GroupInstanceId", json!("one"));
        script.other("of an instance", "OffsetCommit", version, instance);
    }
    let fetch = |member: Value, epoch: Value| {
        json!({ "Groups": [{ "GroupId": group, "MemberId": member, "MemberEpoch": epoch,
            "Topics": [{ "Name": t, "TopicId": format!("<id:{t}>"), "PartitionIndexes": [0, 9] }] }] })
    };
    for (member, epoch) in [
        (json!("a"), json!("<a-epoch>")),
        (json!("a"), json!(1)),
        (json!("a"), json!(77)),
        (json!("a"), json!(-1)),
        (json!("nobody"), json!("<a-epoch>")),
        (json!(""), json!(-1)),
        (Value::Null, json!(-1)),
    ] {
        script.look("what is committed", "OffsetFetch", fetch(member.clone(), epoch.clone()));
        script.other("what is committed, by name", "OffsetFetch", 9, fetch(member, epoch));
    }
}

/// Two members, who pass partitions on.
fn shared(script: &mut Script<'_>, t: &str) {
    let group = &*group::found(script, "shared");
    ask(script, "the first of two", "a", join(group, "a", &[t]));
    ask(script, "all of it owned", "a", owning(group, "a", "<a-epoch>", &[(t, &[0, 1, 2, 3])]));
    ask(script, "the second of two", "b", join(group, "b", &[t]));
    look(script, "partitions that are still another's", group);
    ask(script, "nothing to give yet", "b", now(group, "b"));
    ask(script, "what is to be given up", "a", owning(group, "a", "<a-epoch>", &[(t, &[0, 1, 2, 3])]));
    look(script, "a member that gives up partitions", group);
    ask(script, "given up", "a", owning(group, "a", "<a-epoch>", &[(t, &[0, 1])]));
    ask(script, "given up, the other half", "a", owning(group, "a", "<a-epoch>", &[(t, &[2, 3])]));
    ask(script, "nothing owned", "a", owning(group, "a", "<a-epoch>", &[]));
    ask(script, "what is free now", "b", now(group, "b"));
    look(script, "two members", group);
    ask(script, "both live", "a", now(group, "a"));
    script.ask("the first leaves", beat(group, "a", -1, &json!({})));
    ask(script, "the other takes over", "b", now(group, "b"));
    look(script, "one of two is left", group);
    ask(script, "all of it owned", "b", owning(group, "b", "<b-epoch>", &[(t, &[0, 1, 2, 3])]));
}

/// What members say that they own, in epochs that are and that are not theirs.
fn of_owned(script: &mut Script<'_>, t: &str, u: &str) {
    let group = &*group::found(script, "owned");
    ask(script, "a member", "a", join(group, "a", &[t]));
    ask(script, "all of it owned", "a", owning(group, "a", "<a-epoch>", &[(t, &[0, 1, 2, 3])]));
    let more = with(now(group, "a"), "SubscribedTopicNames", json!([t, u]));
    ask(script, "another epoch", "a", more);
    for partitions in [
        &[(t, &[0, 1][..])][..],
        &[],
        &[(t, &[0, 1, 2, 3]), (u, &[0])],
        &[(u, &[7])],
        &[("unheard.of", &[0])],
    ] {
        for epoch in [1, 2, 3, 4] {
            let mut request = beat(group, "a", epoch, &json!({ "TopicPartitions": owned(partitions) }));
            script.ask("owned in an epoch", request.clone());
            request["MemberId"] = "nobody".into();
            script.ask("owned by somebody else", request);
        }
    }
    look(script, "after wrong epochs", group);
    ask(script, "it joins anew", "a", join(group, "a", &[t, u]));
    ask(script, "it lives", "a", now(group, "a"));
}

/// Regular expressions, alone and beside names.
fn by_regex(script: &mut Script<'_>, t: &str) {
    let group = &*group::found(script, "regex");
    let mut regex = with(join(group, "a", &[]), "SubscribedTopicRegex", json!(format!("{t}.*")));
    regex["SubscribedTopicNames"] = Value::Null;
    ask(script, "a regular expression", "a", regex);
    let described = json!({ "GroupIds": [group] });
    // Expressions are resolved beside the coordinator's turn.
    script.until("ConsumerGroupHeartbeat", &now(group, "a"), "/MemberEpoch", &json!(2));
    script.capture("a-epoch", "/MemberEpoch");
    script.look("a member that reads what it describes", "ConsumerGroupDescribe", described);
    look(script, "a member that reads what it describes", group);
    ask(
        script,
        "the same expression",
        "a",
        with(now(group, "a"), "SubscribedTopicRegex", json!(format!("{t}.*"))),
    );
    script.ask("an empty one", with(now(group, "a"), "SubscribedTopicRegex", json!("")));
    script.ask("a bad one", with(now(group, "a"), "SubscribedTopicRegex", json!("[")));
    script.ask("it leaves", beat(group, "a", -1, &json!({})));
}

/// A classic consumer's group that a member of the new protocol joins.
fn upgraded(script: &mut Script<'_>, t: &str) {
    let group = &*group::found(script, "upgraded");
    let commit = json!([{ "Name": t, "Partitions": [{ "PartitionIndex": 1, "CommittedOffset": 7 }] }]);
    script.other("set up", "OffsetCommit", 9, json!({ "GroupId": group, "Topics": commit }));
    ask(script, "a group of offsets", "a", join(group, "a", &[t]));
    look(script, "its offsets stay", group);
    script.other("of nobody", "OffsetCommit", 9, json!({ "GroupId": group, "Topics": commit }));
    let classic = group::consumer(group, "nobody", None, &[t]);
    script.other("a classic member that nobody knows", "JoinGroup", 9, classic);
    for api in ["Heartbeat", "SyncGroup"] {
        let request = json!({ "GroupId": group, "GenerationId": 1, "MemberId": "a" });
        script.other("by the classic protocol", api, 4, request);
    }
    let leaves = json!({ "GroupId": group, "Members": [{ "MemberId": "nobody" }, { "MemberId": "a" }] });
    script.other("by the classic protocol", "LeaveGroup", 5, leaves);
    look(script, "after the classic protocol", group);
}
