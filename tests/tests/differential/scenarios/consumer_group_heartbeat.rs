//! ConsumerGroupHeartbeat: members of the consumer protocol from their first word to their last.

mod assigned;

use medallion_tests::differential::script::{Scenario, Script};
use serde_json::{Value, json};

use super::group;

/// The scenario.
pub(crate) const SCENARIO: Scenario = Scenario { api: "ConsumerGroupHeartbeat", run, ..super::USUAL };

/// The first version with regular expressions, in which clients choose their ids.
const REGEX_MIN: i16 = 1;

/// A heartbeat that says nothing but what `more` says.
pub(crate) fn beat(group: &str, member: &str, epoch: i32, more: &Value) -> Value {
    let mut request = json!({ "GroupId": group, "MemberId": member, "MemberEpoch": epoch, "InstanceId": null,
        "RackId": null, "RebalanceTimeoutMs": -1, "SubscribedTopicNames": null, "ServerAssignor": null,
        "TopicPartitions": null });
    let fields = request.as_object_mut().expect("it is made as one");
    fields.extend(more.as_object().into_iter().flatten().map(|(name, value)| (name.clone(), value.clone())));
    request
}

/// The first heartbeat of a member that reads these topics.
pub(crate) fn join(group: &str, member: &str, topics: &[&str]) -> Value {
    let more = json!({ "RebalanceTimeoutMs": 60_000, "SubscribedTopicNames": topics, "TopicPartitions": [] });
    beat(group, member, 0, &more)
}

fn with(mut request: Value, name: &str, value: Value) -> Value {
    request[name] = value;
    request
}

fn run(script: &mut Script<'_>) {
    let group = &*group::found(script, "g");
    refused(script, group);
    let topic = script.name("t");
    script.ask("a topic that is not there", join(group, "a", &[&topic]));
    script.ask("it lives", beat(group, "a", 1, &json!({})));
    script.ask("it lives in its next epoch", beat(group, "a", 2, &json!({})));
    script.ask("an epoch that is to come", beat(group, "a", 9, &json!({})));
    script.ask("somebody else", beat(group, "nobody", 2, &json!({})));
    script.ask("another instance", with(beat(group, "a", 2, &json!({})), "InstanceId", json!("one")));
    script.ask("the same once more", join(group, "a", &[&topic]));
    if script.version() >= REGEX_MIN {
        let regex = |regex: &str| with(join(group, "b", &[]), "SubscribedTopicRegex", json!(regex));
        script.ask("no regular expression", with(regex("a("), "SubscribedTopicNames", Value::Null));
    }
    script.ask("it leaves", beat(group, "a", -1, &json!({})));
    script.ask("it is gone", beat(group, "a", -1, &json!({})));
    script.ask("nobody is left", beat(group, "a", 2, &json!({})));
    of_static_members(script);
    of_classic_groups(script);
    assigned::run(script);
}

fn refused(script: &mut Script<'_>, group: &str) {
    let usual = || join(group, "a", &["t"]);
    script.ask("no group", with(usual(), "GroupId", json!("")));
    script.ask("a group of blanks", with(usual(), "GroupId", json!("  ")));
    script.ask("a group that is not there", beat(group, "a", 1, &json!({})));
    script.ask("no member in an epoch", beat(group, "", 1, &json!({})));
    script.ask("no member that leaves", beat(group, "", -1, &json!({})));
    script.ask("no timeout", with(usual(), "RebalanceTimeoutMs", json!(-1)));
    script.ask("nothing owned", with(usual(), "TopicPartitions", Value::Null));
    let owned = json!([{ "TopicId": "AAAAAAAAAAAAAAAAAAAAAQ", "Partitions": [0] }]);
    script.ask("something owned", with(usual(), "TopicPartitions", owned));
    script.ask("no topics", with(usual(), "SubscribedTopicNames", Value::Null));
    script.ask("an unknown assignor", with(usual(), "ServerAssignor", json!("best")));
    script.ask("an empty instance", with(usual(), "InstanceId", json!("")));
    script.ask("an empty rack", with(usual(), "RackId", json!("")));
    for epoch in [-2, -3, i32::MIN, i32::MAX] {
        script.ask("an epoch that nobody has", beat(group, "a", epoch, &json!({})));
    }
}

fn of_static_members(script: &mut Script<'_>) {
    let group = &*group::found(script, "static");
    let of = |request: Value| with(request, "InstanceId", json!("one"));
    script.ask("a static member", of(join(group, "s", &["t"])));
    script.ask("its instance has an owner", of(join(group, "other", &["t"])));
    script.ask("its answer was lost", of(join(group, "s", &["t"])));
    script.ask("another member", of(beat(group, "other", 2, &json!({}))));
    script.ask("an unknown instance", with(beat(group, "s", 2, &json!({})), "InstanceId", json!("two")));
    script.ask("it leaves for now", of(beat(group, "s", -2, &json!({}))));
    script.ask("it has left for now", of(beat(group, "s", 2, &json!({}))));
    script.ask("it leaves for now once more", of(beat(group, "s", -2, &json!({}))));
    group::look(script, "a member that is to come back", group);
    let groups = json!({ "GroupIds": [group] });
    script.look("a member that is to come back", "ConsumerGroupDescribe", groups.clone());
    script.ask("somebody without an instance", join(group, "dynamic", &["t"]));
    script.ask("it comes back", of(join(group, "again", &["t"])));
    script.ask("it has left for good", of(beat(group, "s", -1, &json!({}))));
    script.look("two members", "ConsumerGroupDescribe", groups);
    script.ask("who is not static leaves for now", beat(group, "dynamic", -2, &json!({})));
    script.ask("who is not static takes an instance", of(beat(group, "dynamic", 4, &json!({}))));
    script.ask("who is not static leaves", beat(group, "dynamic", -1, &json!({})));
    script.ask("the id of before", of(beat(group, "s", 2, &json!({}))));
    script.ask("it leaves", of(beat(group, "again", -1, &json!({}))));
}

fn of_classic_groups(script: &mut Script<'_>) {
    let group = &*group::found(script, "classic");
    group::join(script, group, "c", None, &["t"]);
    group::sync(script, group, "c", None);
    script.ask("no consumer group", beat(group, "d", 1, &json!({})));
    script.ask("it cannot be read", join(group, "d", &["t"]));
    group::look(script, "it is as it was", group);
}
