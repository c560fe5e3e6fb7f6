//! Fetch: offsets, epochs, sessions and sizes.

use medallion_tests::differential::codec::ZERO_UUID;
use medallion_tests::differential::script::{Scenario, Script};
use serde_json::{Value, json};

/// The scenario.
pub(crate) const SCENARIO: Scenario =
    Scenario { api: "Fetch", frozen: &["ReplicaId"], skips: fails_kafka, run, ..super::USUAL };

/// Kafka fails where a session's id is in none of the ranges that it shares out, and on partitions side by side of a topic
/// that has neither a name nor an id.
fn fails_kafka(request: &Value) -> bool {
    let limits = [i32::MIN, i32::MAX].map(Value::from);
    let mut topics = request["Topics"].as_array().into_iter().flatten();
    limits.contains(&request["SessionId"]) || topics.any(|topic| topic["TopicId"] == ZERO_UUID)
}

fn request(topics: &[(&str, Value)]) -> Value {
    let of = |(topic, partitions): &(&str, Value)| json!({ "Topic": topic, "TopicId": format!("<id:{topic}>"), "Partitions": partitions });
    json!({ "ReplicaId": -1, "MaxWaitMs": 1, "MinBytes": 1, "MaxBytes": 1_000_000,
        "Topics": topics.iter().map(of).collect::<Vec<_>>() })
}

fn at(partition: i32, offset: i64) -> Value {
    json!({ "Partition": partition, "FetchOffset": offset, "PartitionMaxBytes": 100_000 })
}

fn run(script: &mut Script<'_>) {
    let topic = &*script.create("a", 2, &[]);
    for values in [&["one", "two"][..], &["three"], &["four", "five", "six"]] {
        super::append(script, topic, 0, &super::records(values));
    }
    for offset in [0, 1, 2, 5, 6, 7, -1, -2, i64::MAX] {
        script.ask("an offset", request(&[(topic, json!([at(0, offset)]))]));
    }
    script.ask("two partitions", request(&[(topic, json!([at(1, 0), at(0, 3)]))]));
    script.ask("no such partition", request(&[(topic, json!([at(2, 0), at(-1, 0), at(0, 0)]))]));
    for name in ["unheard.of", "", "a/b"] {
        script.ask("no such topic", request(&[(name, json!([at(0, 0)])), (topic, json!([at(0, 5)]))]));
    }
    script.ask("a partition twice", request(&[(topic, json!([at(0, 0), at(0, 5)]))]));
    script.ask("a topic twice", request(&[(topic, json!([at(0, 0)])), (topic, json!([at(1, 0)]))]));
    script.ask("no partitions", request(&[(topic, json!([]))]));
    script.ask("no topics", request(&[]));
    epochs(script, topic);
    sizes(script, topic);
    if script.version() >= 7 {
        sessions(script, topic);
    }
}

fn epochs(script: &mut Script<'_>, topic: &str) {
    for (current, last) in
        [(0, -1), (1, -1), (-2, -1), (i32::MAX, -1), (-1, 0), (-1, 1), (0, 0), (-1, -2), (0, i32::MAX)]
    {
        for offset in [3, 99] {
            let mut partition = at(0, offset);
            partition["CurrentLeaderEpoch"] = current.into();
            partition["LastFetchedEpoch"] = last.into();
            script.ask("epochs", request(&[(topic, json!([partition]))]));
        }
    }
}

fn sizes(script: &mut Script<'_>, topic: &str) {
    for (bytes, partition_bytes) in
        [(1, 1), (200, 200), (0, 0), (-1, -1), (i32::MAX, i32::MAX), (100_000, 1), (1, 100_000)]
    {
        let mut partition = at(0, 0);
        partition["PartitionMaxBytes"] = partition_bytes.into();
        let mut request = request(&[(topic, json!([partition, at(1, 0)]))]);
        request["MaxBytes"] = bytes.into();
        script.ask("sizes", request);
    }
    for isolation in [0, 1] {
        let mut request = request(&[(topic, json!([at(0, 0)]))]);
        request["IsolationLevel"] = isolation.into();
        script.ask("isolation", request);
    }
    for wait in [-1, 0] {
        let mut request = request(&[(topic, json!([at(0, 6)]))]);
        request["MaxWaitMs"] = wait.into();
        request["MinBytes"] = 0.into();
        script.ask("no wait", request);
    }
}

fn of(session: Value, epoch: i32, topics: &[(&str, Value)]) -> Value {
    let mut request = request(topics);
    request["SessionId"] = session;
    request["SessionEpoch"] = epoch.into();
    request
}

fn sessions(script: &mut Script<'_>, topic: &str) {
    let other = &*script.create("b", 1, &[]);
    script.ask(
        "a session",
        of(0.into(), 0, &[(topic, json!([at(0, 0), at(1, 0)])), (other, json!([at(0, 0)]))]),
    );
    script.capture("session", "/SessionId");
    let session = || json!("<session>");
    script.ask("the same again", of(session(), 1, &[]));
    script.ask("a new place", of(session(), 2, &[(topic, json!([at(0, 5)]))]));
    let mut forget = of(session(), 3, &[]);
    forget["ForgottenTopicsData"] =
        json!([{ "Topic": topic, "TopicId": format!("<id:{topic}>"), "Partitions": [0] }]);
    script.ask("a forgotten partition", forget);
    super::append(script, topic, 1, &super::records(&["late"]));
    super::append(script, other, 0, &super::records(&["later"]));
    script.ask("what has come", of(session(), 4, &[]));
    script.ask(
        "an unknown partition",
        of(session(), 5, &[(topic, json!([at(9, 0)])), ("unheard.of", json!([at(0, 0)]))]),
    );
    script.ask("an epoch again", of(session(), 5, &[]));
    script.ask("an epoch left out", of(session(), 9, &[]));
    script.ask("no such session", of(12_345.into(), 1, &[]));
    script.ask("a session without an id", of(0.into(), 1, &[]));
    forgotten(script, topic, other);
}

/// What is forgotten, and epochs that a session is not in.
fn forgotten(script: &mut Script<'_>, topic: &str, other: &str) {
    let session = || json!("<session>");
    let mut stranger = of(session(), 6, &[]);
    stranger["ForgottenTopicsData"] = json!([
        { "Topic": "unheard.of", "TopicId": "<id:unheard.of>", "Partitions": [0] },
        { "Topic": topic, "TopicId": format!("<id:{topic}>"), "Partitions": [7, -1] },
        { "Topic": other, "TopicId": format!("<id:{other}>"), "Partitions": [] },
    ]);
    script.ask("what was never in it is forgotten", stranger);
    let mut both = of(session(), 7, &[(topic, json!([at(1, 0)]))]);
    both["ForgottenTopicsData"] =
        json!([{ "Topic": topic, "TopicId": format!("<id:{topic}>"), "Partitions": [1] }]);
    script.ask("forgotten and asked for", both);
    script.ask("a bad place", of(session(), 8, &[(topic, json!([at(1, 99)])), (other, json!([at(0, -5)]))]));
    script.ask("a bad place again", of(session(), 9, &[]));
    for epoch in [8, 9, 11, -2, i32::MIN, i32::MAX] {
        script.ask("another epoch", of(session(), epoch, &[]));
    }
    script.ask("a session anew", of(session(), 0, &[(topic, json!([at(0, 0)]))]));
    script.capture("anew", "/SessionId");
    script.ask("the old one", of(session(), 10, &[]));
    let mut all = of(json!("<anew>"), 1, &[]);
    all["ForgottenTopicsData"] =
        json!([{ "Topic": topic, "TopicId": format!("<id:{topic}>"), "Partitions": [0] }]);
    script.ask("everything is forgotten", all);
    script.ask("nothing is left of it", of(json!("<anew>"), 2, &[]));
    script.ask("a session of nothing", of(0.into(), 0, &[]));
    script.ask(
        "one more session",
        of(
            0.into(),
            0,
            &[
                (topic, json!([at(0, 0), at(9, 0)])),
                ("unheard.of", json!([at(0, 0)])),
                (other, json!([at(0, 0)])),
            ],
        ),
    );
    script.capture("session", "/SessionId");
    script.ask("what is still unknown", of(session(), 1, &[]));
    script.ask(
        "what is left to read",
        of(session(), 2, &[(topic, json!([at(0, 6)])), (other, json!([at(0, 1)]))]),
    );
    script.ask("closed", of(session(), -1, &[(topic, json!([at(0, 5)]))]));
    script.ask("closed already", of(session(), 6, &[]));
}
