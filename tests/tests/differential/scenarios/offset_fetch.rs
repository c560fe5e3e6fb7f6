//! OffsetFetch: of one group or several, of some partitions or all.

use medallion_tests::differential::script::{Scenario, Script};
use serde_json::{Value, json};

use super::group;

/// The scenario.
pub(crate) const SCENARIO: Scenario = Scenario { api: "OffsetFetch", reads: true, run, ..super::USUAL };

/// From this version on several groups are asked for at once.
const GROUPS_MIN: i16 = 8;

fn topics(topics: &[(&str, &[i32])]) -> Value {
    let topic = |(name, partitions): &(&str, &[i32])| json!({ "Name": name, "TopicId": format!("<id:{name}>"), "PartitionIndexes": partitions });
    topics.iter().map(topic).collect()
}

/// As [`topics`], in versions without ids.
fn named(asked: &[(&str, &[i32])]) -> Value {
    let topic = |(name, partitions): &(&str, &[i32])| json!({ "Name": name, "PartitionIndexes": partitions });
    asked.iter().map(topic).collect()
}

fn run(script: &mut Script<'_>) {
    let topic = &*script.create("t", 3, &[]);
    let other = &*script.create("u", 1, &[]);
    let group = &*group::found(script, "g");
    let commit = |partition: i32, offset: i64, epoch: i32, text: Option<&str>| json!({ "PartitionIndex": partition, "CommittedOffset": offset, "CommittedLeaderEpoch": epoch, "CommittedMetadata": text });
    let committed = json!([
        { "Name": topic, "Partitions": [commit(0, 5, 0, Some("text")), commit(1, 6, -1, None)] },
        { "Name": other, "Partitions": [commit(0, 7, 3, Some(""))] }
    ]);
    script.other("set up", "OffsetCommit", 9, json!({ "GroupId": group, "Topics": committed }));
    let version = script.version();
    let request = |group: &str, asked: Option<&[(&str, &[i32])]>| -> Value {
        if version >= GROUPS_MIN {
            json!({ "Groups": [{ "GroupId": group, "Topics": asked.map(topics) }] })
        } else {
            json!({ "GroupId": group, "Topics": asked.map(named) })
        }
    };
    if version >= 2 {
        script.ask("all", request(group, None));
        script.ask("all of an unknown group", request("unheard.of", None));
        script.ask("all of no group", request("", None));
    }
    script.ask("some", request(group, Some(&[(topic, &[0, 1, 2])])));
    script.ask("two topics", request(group, Some(&[(other, &[0]), (topic, &[1])])));
    script.ask("no such partition", request(group, Some(&[(topic, &[7, -1, 0])])));
    for name in ["unheard.of", "", "a/b"] {
        script.ask("no such topic", request(group, Some(&[(name, &[0]), (topic, &[0])])));
    }
    script.ask("an unknown group", request("unheard.of", Some(&[(topic, &[0])])));
    script.ask("no group", request("", Some(&[(topic, &[0])])));
    script.ask("no partitions", request(group, Some(&[(topic, &[])])));
    script.ask("no topics", request(group, Some(&[])));
    script.ask("a partition twice", request(group, Some(&[(topic, &[0, 0])])));
    if version >= 7 {
        let mut stable = request(group, Some(&[(topic, &[0])]));
        stable["RequireStable"] = true.into();
        script.ask("what is decided", stable);
    }
    if version >= GROUPS_MIN {
        let one = |group: &str, asked: Option<&[(&str, &[i32])]>| json!({ "GroupId": group, "Topics": asked.map(topics) });
        script.ask(
            "two groups",
            json!({ "Groups": [one(group, None), one("unheard.of", Some(&[(topic, &[0])]))] }),
        );
        script.ask(
            "a group twice",
            json!({ "Groups": [one(group, None), one(group, Some(&[(topic, &[0])]))] }),
        );
        script.ask("an empty name too", json!({ "Groups": [one("", None), one(group, None)] }));
        script.ask("no groups", json!({ "Groups": [] }));
    }
    if version >= 9 {
        for (member, epoch) in [(Value::Null, 0), (json!("nobody"), 0), (json!("nobody"), -1), (json!(""), 1)]
        {
            let mut asked = request(group, Some(&[(topic, &[0])]));
            asked["Groups"][0]["MemberId"] = member;
            asked["Groups"][0]["MemberEpoch"] = epoch.into();
            script.ask("a member", asked);
        }
    }
}
