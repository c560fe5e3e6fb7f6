//! AlterPartitionReassignments: what one node can be asked for, and what it must refuse.

use medallion_tests::differential::script::{Scenario, Script};
use serde_json::{Value, json};

/// The scenario.
pub(crate) const SCENARIO: Scenario = Scenario { api: "AlterPartitionReassignments", run, ..super::USUAL };

fn request(topics: &[(&str, Value)]) -> Value {
    let topics: Vec<_> =
        topics.iter().map(|(topic, partitions)| json!({ "Name": topic, "Partitions": partitions })).collect();
    json!({ "TimeoutMs": 10_000, "Topics": topics })
}

fn to(partition: i32, replicas: Value) -> Value {
    json!([{ "PartitionIndex": partition, "Replicas": replicas }])
}

fn run(script: &mut Script<'_>) {
    let topic = &*script.create("a", 2, &[]);
    let other = &*script.create("b", 1, &[]);
    script.ask("to where it is", request(&[(topic, to(0, json!([1])))]));
    script.ask("cancel what is not under way", request(&[(topic, to(0, Value::Null))]));
    script.ask("no replicas", request(&[(topic, to(0, json!([])))]));
    script.ask("a replica twice", request(&[(topic, to(0, json!([1, 1])))]));
    script.ask("no such broker", request(&[(topic, to(0, json!([2])))]));
    script.ask("one broker too many", request(&[(topic, to(0, json!([1, 2])))]));
    script.ask("brokers below zero", request(&[(topic, to(0, json!([-1])))]));
    script.ask("brokers below zero and good", request(&[(topic, to(0, json!([1, -5])))]));
    script.ask("no such partition", request(&[(topic, to(2, json!([1])))]));
    script.ask("a partition below zero", request(&[(topic, to(-1, json!([1])))]));
    script.ask("cancel no such partition", request(&[(topic, to(7, Value::Null))]));
    script.ask("no such topic", request(&[("unheard.of", to(0, json!([1])))]));
    script.ask("cancel in no such topic", request(&[("unheard.of", to(0, Value::Null))]));
    script.ask("an empty name", request(&[("", to(0, json!([1])))]));
    script.ask("a bad name", request(&[("a/b", to(0, json!([1])))]));
    script.ask(
        "good and bad",
        request(&[(topic, to(0, json!([1]))), ("unheard.of", to(0, json!([1]))), (other, to(0, json!([3])))]),
    );
    let twice = json!([{ "PartitionIndex": 0, "Replicas": [1] }, { "PartitionIndex": 0, "Replicas": [1] }]);
    script.ask("a partition twice", request(&[(topic, twice)]));
    script.ask("a topic twice", request(&[(topic, to(0, json!([1]))), (topic, to(1, json!([1])))]));
    script.ask("no partitions", request(&[(topic, json!([]))]));
    script.ask("no topics", request(&[]));
    script.ask("null topics", json!({ "Topics": null }));
    script.ask("null partitions", request(&[(topic, Value::Null)]));
    let fixed = |replicas| {
        let mut request = request(&[(topic, to(0, replicas))]);
        request["AllowReplicationFactorChange"] = false.into();
        request
    };
    script.ask("the same factor", fixed(json!([1])));
    script.ask("another factor, which is not allowed", fixed(json!([1, 2])));
    script.ask("another broker with a fixed factor", fixed(json!([2])));
    script.ask("cancel with a fixed factor", fixed(Value::Null));
    script.look("nothing moves", "ListPartitionReassignments", json!({ "Topics": null }));
}
