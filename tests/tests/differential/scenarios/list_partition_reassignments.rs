//! ListPartitionReassignments: on one node nothing ever moves.

use medallion_tests::differential::script::{Scenario, Script};
use serde_json::{Value, json};

/// The scenario.
pub(crate) const SCENARIO: Scenario =
    Scenario { api: "ListPartitionReassignments", reads: true, run, ..super::USUAL };

fn request(topics: Value) -> Value {
    json!({ "TimeoutMs": 10_000, "Topics": topics })
}

fn run(script: &mut Script<'_>) {
    let topic = script.create("a", 2, &[]);
    let of = |name: &str, partitions: Value| json!({ "Name": name, "PartitionIndexes": partitions });
    script.ask("all", request(Value::Null));
    script.ask("one topic", request(json!([of(&topic, json!([0, 1]))])));
    script.ask("no such partition", request(json!([of(&topic, json!([5, -1]))])));
    script.ask("no such topic", request(json!([of("unheard.of", json!([0]))])));
    script.ask("an empty name", request(json!([of("", json!([0]))])));
    script.ask("twice", request(json!([of(&topic, json!([0, 0])), of(&topic, json!([0]))])));
    script.ask("no partitions", request(json!([of(&topic, json!([]))])));
    script.ask("no topics", request(json!([])));
    script.ask("null partitions", request(json!([of(&topic, Value::Null)])));
}
