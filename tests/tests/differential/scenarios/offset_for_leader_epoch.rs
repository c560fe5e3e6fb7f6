//! OffsetForLeaderEpoch: where epochs end.

use medallion_tests::differential::script::{Scenario, Script};
use serde_json::{Value, json};

/// The scenario.
pub(crate) const SCENARIO: Scenario =
    Scenario { api: "OffsetForLeaderEpoch", reads: true, frozen: &["ReplicaId"], run, ..super::USUAL };

/// A partition, its leader's epoch and the epoch whose end is asked for.
type Asked = (i32, i32, i32);

fn request(topics: &[(&str, &[Asked])]) -> Value {
    let partition = |(index, current, epoch): &Asked| json!({ "Partition": index, "CurrentLeaderEpoch": current, "LeaderEpoch": epoch });
    let of = |(topic, partitions): &(&str, &[Asked])| json!({ "Topic": topic, "Partitions": partitions.iter().map(partition).collect::<Vec<_>>() });
    json!({ "ReplicaId": -1, "Topics": topics.iter().map(of).collect::<Vec<_>>() })
}

fn run(script: &mut Script<'_>) {
    let topic = &*script.create("a", 2, &[]);
    super::append(script, topic, 0, &super::records(&["one", "two"]));
    for current in [-1, 0, 1, -2, i32::MAX] {
        for epoch in [0, 1, -1, -2, i32::MAX] {
            script.ask("epochs", request(&[(topic, &[(0, current, epoch), (1, current, epoch)])]));
        }
    }
    script.ask("no such partition", request(&[(topic, &[(2, -1, 0), (-1, -1, 0), (0, -1, 0)])]));
    for name in ["unheard.of", "", "a/b"] {
        script.ask("no such topic", request(&[(name, &[(0, -1, 0)])]));
    }
    script.ask("twice", request(&[(topic, &[(0, -1, 0), (0, -1, 1)]), (topic, &[(0, -1, 0)])]));
    script.ask("no partitions", request(&[(topic, &[])]));
    script.ask("no topics", request(&[]));
    script.ask("null", json!({ "ReplicaId": -1, "Topics": null }));
}
