//! CreatePartitions: counts and assignments, good and bad.

use medallion_tests::differential::script::{Scenario, Script};
use serde_json::{Value, json};

/// The scenario.
pub(crate) const SCENARIO: Scenario =
    // Asked for more than 10000 partitions, Kafka creates the first 10000 and answers with an error, or runs out of memory.
    Scenario { api: "CreatePartitions", frozen: &["Count"], run, ..super::USUAL };

fn request(topics: Value) -> Value {
    json!({ "Topics": topics, "TimeoutMs": 10_000 })
}

fn run(script: &mut Script<'_>) {
    let topic = &*script.create("a", 2, &[]);
    let other = &*script.create("b", 1, &[]);
    let grow = |name: &str, count: i32, assignments: Value| {
        let assignments: Value = match assignments {
            Value::Array(lists) => lists.into_iter().map(|brokers| json!({ "BrokerIds": brokers })).collect(),
            other => other,
        };
        json!({ "Name": name, "Count": count, "Assignments": assignments })
    };
    for count in [3, 3, 2, 1, 0, -1, i32::MIN] {
        script.ask("a count", request(json!([grow(topic, count, Value::Null)])));
    }
    for assignments in [
        json!([]),
        json!([[1]]),
        json!([[1], [1]]),
        json!([[2]]),
        json!([[]]),
        json!([[1, 1]]),
        json!([[1, 2]]),
        json!([[-1]]),
        json!([[1], [2]]),
        json!([null]),
    ] {
        for count in [4, 5] {
            script.ask("an assignment", request(json!([grow(other, count, assignments.clone())])));
        }
    }
    script.ask("no such topic", request(json!([grow("unheard.of", 3, Value::Null)])));
    script.ask("an empty name", request(json!([grow("", 3, Value::Null)])));
    script.ask("a bad name", request(json!([grow("a/b", 3, Value::Null)])));
    script.ask("a topic twice", request(json!([grow(topic, 5, Value::Null), grow(topic, 6, Value::Null)])));
    script.ask(
        "good and bad",
        request(json!([grow(topic, 6, Value::Null), grow("unheard.of", 6, Value::Null)])),
    );
    script.ask("no topics", request(json!([])));
    script.ask("null topics", request(Value::Null));
    for count in [9, 1] {
        let mut only =
            request(json!([grow(topic, count, Value::Null), grow("unheard.of", count, Value::Null)]));
        only["ValidateOnly"] = true.into();
        script.ask("only validated", only);
    }
    script.look("what is there now", "Metadata", json!({ "Topics": [{ "Name": topic }, { "Name": other }] }));
}
