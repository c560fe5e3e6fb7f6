//! DeleteRecords: up to an offset.

use medallion_tests::differential::script::{Scenario, Script};
use serde_json::{Value, json};

/// The scenario.
pub(crate) const SCENARIO: Scenario = Scenario { api: "DeleteRecords", run, ..super::USUAL };

fn request(topics: &[(&str, &[(i32, i64)])]) -> Value {
    let of = |(topic, partitions): &(&str, &[(i32, i64)])| {
        let partitions: Vec<_> = partitions
            .iter()
            .map(|(index, offset)| json!({ "PartitionIndex": index, "Offset": offset }))
            .collect();
        json!({ "Name": topic, "Partitions": partitions })
    };
    json!({ "TimeoutMs": 10_000, "Topics": topics.iter().map(of).collect::<Vec<_>>() })
}

fn run(script: &mut Script<'_>) {
    let topic = &*script.create("a", 2, &[]);
    let compacted = &*script.create("compacted", 1, &[("cleanup.policy", "compact")]);
    let both = &*script.create("both", 1, &[("cleanup.policy", "compact,delete")]);
    for topic in [topic, compacted, both] {
        super::append(script, topic, 0, &super::records(&["one", "two", "three", "four"]));
    }
    for offset in [0, 1, 1, 0, 3, 5, -2, i64::MIN, i64::MAX, 4, -1] {
        script.ask("an offset", request(&[(topic, &[(0, offset)])]));
    }
    script.ask("a compacted topic", request(&[(compacted, &[(0, 1)])]));
    script.ask("a topic compacted and deleted from", request(&[(both, &[(0, 1)])]));
    script.ask("no such partition", request(&[(topic, &[(2, 0), (-1, 0), (1, 0)])]));
    for name in ["unheard.of", "", "a/b", "__cluster_metadata"] {
        script.ask("no such topic", request(&[(name, &[(0, 0)])]));
    }
    script.ask("a partition twice", request(&[(topic, &[(1, 0), (1, 0)])]));
    script.ask("a topic twice", request(&[(topic, &[(1, 0)]), (topic, &[(0, -1)])]));
    script.ask("no partitions", request(&[(topic, &[])]));
    script.ask("no topics", request(&[]));
    script.ask("null", json!({ "Topics": null }));
}
