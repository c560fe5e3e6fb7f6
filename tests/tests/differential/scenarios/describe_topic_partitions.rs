//! DescribeTopicPartitions: pages of partitions.

use medallion_tests::differential::script::{Scenario, Script};
use serde_json::{Value, json};

/// The scenario.
pub(crate) const SCENARIO: Scenario =
    Scenario { api: "DescribeTopicPartitions", reads: true, skips: overflows, run, ..super::USUAL };

/// Kafka adds the limit to the cursor's partition and counts on below zero.
fn overflows(request: &Value) -> bool {
    request["Cursor"]["PartitionIndex"].as_i64().is_some_and(|index| index > i64::from(i32::MAX / 2))
}

fn run(script: &mut Script<'_>) {
    let [a, b] = [("a", 3), ("b", 4)].map(|(topic, partitions)| script.create(topic, partitions, &[]));
    let request = |names: &[&str], limit: i32, cursor: Value| {
        let topics: Vec<_> = names.iter().map(|name| json!({ "Name": name })).collect();
        json!({ "Topics": topics, "ResponsePartitionLimit": limit, "Cursor": cursor })
    };
    let at = |topic: &str, partition: i32| json!({ "TopicName": topic, "PartitionIndex": partition });
    for limit in [2000, 1, 2, 3, 4, 7, 0, -1, i32::MAX] {
        script.ask("two topics", request(&[&b, &a], limit, Value::Null));
        script.ask("an unknown one too", request(&["unheard.of", &a], limit, Value::Null));
        script.ask("from a cursor", request(&[&a, &b], limit, at(&a, 1)));
        script.ask("from a cursor in the second", request(&[&a, &b], limit, at(&b, 3)));
    }
    script.ask("from a cursor beyond the topic", request(&[&a, &b], 2000, at(&a, 9)));
    script.ask("from a cursor below zero", request(&[&a, &b], 2000, at(&a, -1)));
    script.ask("from a cursor in no such topic", request(&[&a, &b], 2000, at("unheard.of", 0)));
    script.ask("from a cursor in a topic not asked for", request(&[&a], 2000, at(&b, 0)));
    script.ask("from a cursor without a name", request(&[&a], 2000, at("", 0)));
    for name in ["", "a/b", "..", &super::long_name()] {
        script.ask("a bad name", request(&[name], 2000, Value::Null));
    }
    for limit in [1, 2000] {
        script.ask("no name among good ones", request(&[&a, "", "unheard.of", ""], limit, Value::Null));
    }
    script.ask("no name before the cursor", request(&["", &a, &b], 2000, at(&a, 1)));
    script.ask("a topic twice", request(&[&a, &a], 2000, Value::Null));
    script.ask("null", json!({ "Topics": null }));
}
