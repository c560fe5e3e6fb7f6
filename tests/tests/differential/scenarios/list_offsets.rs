//! ListOffsets: times and the names of places.

use medallion_tests::differential::script::{Scenario, Script};
use serde_json::{Value, json};

/// The scenario.
pub(crate) const SCENARIO: Scenario =
    Scenario { api: "ListOffsets", reads: true, frozen: &["ReplicaId"], run, ..super::USUAL };

/// A partition, its leader's epoch and a time.
type Asked = (i32, i32, i64);

fn request(topics: &[(&str, &[Asked])]) -> Value {
    let partition = |(index, epoch, timestamp): &Asked| json!({ "PartitionIndex": index, "CurrentLeaderEpoch": epoch, "Timestamp": timestamp });
    let of = |(topic, partitions): &(&str, &[Asked])| json!({ "Name": topic, "Partitions": partitions.iter().map(partition).collect::<Vec<_>>() });
    json!({ "ReplicaId": -1, "Topics": topics.iter().map(of).collect::<Vec<_>>() })
}

fn run(script: &mut Script<'_>) {
    let topic = &*script.create("a", 2, &[]);
    for values in [&["one", "two"][..], &["three"], &["four", "five", "six"]] {
        super::append(script, topic, 0, &super::records(values));
    }
    let start = super::START_MS;
    for timestamp in [
        -1,
        -2,
        -3,
        -4,
        -5,
        -6,
        -7,
        -8,
        i64::MIN,
        0,
        1,
        start,
        start + 1,
        start + 1000,
        start + 1500,
        start + 2000,
        start + 2001,
        i64::MAX,
    ] {
        script.ask("a time", request(&[(topic, &[(0, -1, timestamp)])]));
        script.ask("a time in an empty partition", request(&[(topic, &[(1, -1, timestamp)])]));
    }
    for epoch in [0, 1, -2, i32::MAX] {
        script.ask("an epoch", request(&[(topic, &[(0, epoch, -1), (1, epoch, 0)])]));
    }
    for isolation in [0, 1] {
        let mut request = request(&[(topic, &[(0, -1, -1), (1, -1, start)])]);
        request["IsolationLevel"] = isolation.into();
        script.ask("isolation", request);
    }
    for replica in [-2, -3, 0, 1, 7] {
        let mut request = request(&[(topic, &[(0, -1, -1), (1, -1, start)])]);
        request["ReplicaId"] = replica.into();
        script.ask("a replica", request);
    }
    script.ask("no such partition", request(&[(topic, &[(2, -1, -1), (-1, -1, -1), (0, -1, -1)])]));
    for name in ["unheard.of", "", "a/b"] {
        script.ask("no such topic", request(&[(name, &[(0, -1, -1), (0, -1, 0)])]));
    }
    script.ask("a partition twice", request(&[(topic, &[(0, -1, -1), (0, -1, -2), (1, -1, -1)])]));
    script.ask("a topic twice", request(&[(topic, &[(0, -1, -1)]), (topic, &[(1, -1, -1)])]));
    script.ask("no partitions", request(&[(topic, &[])]));
    script.ask("no topics", request(&[]));
    script.ask("null", json!({ "ReplicaId": -1, "Topics": null }));
}
