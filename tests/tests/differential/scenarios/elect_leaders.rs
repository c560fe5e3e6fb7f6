//! ElectLeaders: on one node every leader is the preferred one already.

use medallion_tests::differential::script::{Scenario, Script};
use serde_json::{Value, json};

/// The scenario.
pub(crate) const SCENARIO: Scenario = Scenario { api: "ElectLeaders", run, ..super::USUAL };

fn request(kind: i8, topics: &[(&str, &[i32])]) -> Value {
    let topics: Vec<_> = topics
        .iter()
        .map(|(topic, partitions)| json!({ "Topic": topic, "Partitions": partitions }))
        .collect();
    json!({ "ElectionType": kind, "TopicPartitions": topics, "TimeoutMs": 10_000 })
}

fn run(script: &mut Script<'_>) {
    let topic = &*script.create("a", 3, &[]);
    let other = &*script.create("b", 1, &[]);
    for kind in [0, 1, 2, -1, 127] {
        script.ask("one partition", request(kind, &[(topic, &[0])]));
        script.ask("two topics", request(kind, &[(topic, &[2, 0, 1]), (other, &[0])]));
        script.ask("no such partition", request(kind, &[(topic, &[3, -1, i32::MAX])]));
        script.ask("no such topic", request(kind, &[("unheard.of", &[0])]));
        script.ask("an empty name", request(kind, &[("", &[0])]));
        script.ask("a bad name", request(kind, &[("a/b", &[0]), (&super::long_name(), &[0])]));
        script.ask("a partition twice", request(kind, &[(topic, &[0, 0])]));
        script.ask("a topic twice", request(kind, &[(topic, &[0]), (topic, &[1]), (topic, &[0])]));
        script.ask("no partitions", request(kind, &[(topic, &[])]));
        script.ask("no topics", request(kind, &[]));
        script.ask("good and bad", request(kind, &[(topic, &[0, 9]), ("unheard.of", &[0]), (other, &[0])]));
    }
    script.ask("all topics", json!({ "ElectionType": 0, "TopicPartitions": null, "TimeoutMs": 10_000 }));
    script.ask(
        "all topics, unclean",
        json!({ "ElectionType": 1, "TopicPartitions": null, "TimeoutMs": 10_000 }),
    );
    script.ask("null partitions", json!({ "TopicPartitions": [{ "Topic": topic, "Partitions": null }] }));
    script.ask("a null name", json!({ "TopicPartitions": [{ "Topic": null, "Partitions": [0] }] }));
}
