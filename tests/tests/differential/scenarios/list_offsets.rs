//! ListOffsets: times and the names of places.

use medallion_tests::batch;
use medallion_tests::differential::codec::print_bytes;
use medallion_tests::differential::script::{Scenario, Script};
use medallion_wire::records::{BatchOptions, Compression};
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
    // Nulls of the length -2, and the offset deltas 5 and 5, which leaders take.
    let odd = [0x0e, 0, 0, 0x0a, 0x03, 2, 0x61, 0].repeat(2);
    let odd = print_bytes(&batch::batch(0, 2, &odd));
    let kinds = &*script.create("kinds", 2, &[]);
    super::append(script, kinds, 0, &odd);
    let stamped = &*script.create("stamped", 1, &[("message.timestamp.type", "LogAppendTime")]);
    super::append(script, stamped, 0, &super::records(&["one", "two"]));
    let compressed = BatchOptions { compression: Compression::Gzip.into(), ..BatchOptions::default() };
    super::append(script, kinds, 1, &super::batch(compressed, &["one", "two", "three"]));
    for timestamp in [-1, -2, -3, -4, -5, -6, 0, start, start + 1, start + 1001, i64::MAX] {
        script.ask("other batches", request(&[(kinds, &[(0, -1, timestamp), (1, 0, timestamp)])]));
        // Others are answered with the brokers' own times.
        if matches!(timestamp, -1 | -2 | i64::MAX) {
            script.ask_once("stamped by the broker", request(&[(stamped, &[(0, -1, timestamp)])]));
        }
    }
    script.delete(stamped);
    let delete = json!([{ "Name": topic, "Partitions": [{ "PartitionIndex": 0, "Offset": 3 }] }]);
    script.other("set up", "DeleteRecords", 2, json!({ "Topics": delete, "TimeoutMs": 10_000 }));
    for timestamp in [-1, -2, -3, -4, -5, -6, start, start + 1000, start + 2000] {
        script.ask("behind deleted records", request(&[(topic, &[(0, -1, timestamp)])]));
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
