//! Produce: good and damaged batches, idempotent producers, and partitions that are not there.

use medallion_tests::batch;
use medallion_tests::differential::codec::{parse_bytes, print_bytes};
use medallion_tests::differential::script::{Scenario, Script};
use medallion_wire::records::{BATCH_HEADER_SIZE, BatchOptions};
use medallion_wire::types::{ProducerEpoch, ProducerId};
use serde_json::{Value, json};

/// Where the attributes of a batch lie, behind its checksum.
const ATTRIBUTES: usize = 21;

/// The scenario.
pub(crate) const SCENARIO: Scenario = Scenario {
    api: "Produce",
    // What comes with a transactional id differs until there are transactions.
    frozen: &["TransactionalId"],
    repair: seal,
    skips: names_a_partition_twice,
    run,
    ..super::USUAL
};

/// Makes the lengths and checksums of batches fit that are not compressed: what is in compressed ones may differ.
fn seal(request: &mut Value) {
    let topics = request["TopicData"].as_array_mut().into_iter().flatten();
    for data in topics.flat_map(|topic| topic["PartitionData"].as_array_mut().into_iter().flatten()) {
        let Some(mut bytes) = data["Records"].as_str().and_then(parse_bytes) else { continue };
        if bytes.len() < BATCH_HEADER_SIZE || bytes[ATTRIBUTES + 1] & 7 != 0 {
            continue;
        }
        let length = u32::try_from(bytes.len() - 12).expect("a small batch");
        bytes[8..12].copy_from_slice(&length.to_be_bytes());
        let crc = crc32c::crc32c(&bytes[ATTRIBUTES..]);
        bytes[ATTRIBUTES - 4..ATTRIBUTES].copy_from_slice(&crc.to_be_bytes());
        data["Records"] = print_bytes(&bytes).into();
    }
}

/// Kafka may append one batch then and answer for the other.
fn names_a_partition_twice(request: &Value) -> bool {
    let topics = request["TopicData"].as_array().into_iter().flatten();
    let partitions = topics.flat_map(|topic| {
        let indexes = topic["PartitionData"].as_array().into_iter().flatten();
        indexes.map(move |data| {
            (topic["Name"].to_string(), topic["TopicId"].to_string(), data["Index"].to_string())
        })
    });
    let all: Vec<_> = partitions.collect();
    all.iter()
        .enumerate()
        .any(|(at, (name, id, index))| all[..at].iter().any(|(n, i, x)| x == index && (n == name || i == id)))
}

fn request(acks: i16, topics: &[(&str, &[(i32, Value)])]) -> Value {
    let of = |(topic, partitions): &(&str, &[(i32, Value)])| {
        let data: Vec<_> =
            partitions.iter().map(|(index, records)| json!({ "Index": index, "Records": records })).collect();
        json!({ "Name": topic, "TopicId": format!("<id:{topic}>"), "PartitionData": data })
    };
    json!({ "Acks": acks, "TimeoutMs": 10_000, "TopicData": topics.iter().map(of).collect::<Vec<_>>() })
}

fn run(script: &mut Script<'_>) {
    let topic = &*script.create("a", 2, &[]);
    let good = &json!(super::records(&["one", "two"]));
    if script.version() < 3 {
        script.ask("a version that is no more", request(-1, &[(topic, &[(0, good.clone())])]));
        return;
    }
    places(script, topic, good);
    damage(script, topic, good);
    garbage(script);
    idempotence(script, topic);
    topics_of_their_own(script, good);
    for acks in [1, 2, -2, i16::MAX] {
        script.ask("acks", request(acks, &[(topic, &[(0, good.clone())])]));
    }
    let ends = json!([{ "PartitionIndex": 0, "Timestamp": -1 }, { "PartitionIndex": 1, "Timestamp": -1 }]);
    script.look(
        "where it ends",
        "ListOffsets",
        json!({ "ReplicaId": -1, "Topics": [{ "Name": topic, "Partitions": ends }] }),
    );
}

fn places(script: &mut Script<'_>, topic: &str, good: &Value) {
    script.ask("good", request(-1, &[(topic, &[(0, good.clone()), (1, good.clone())])]));
    script.ask(
        "no such partition",
        request(-1, &[(topic, &[(2, good.clone()), (-1, good.clone()), (0, good.clone())])]),
    );
    for name in ["unheard.of", "", "a/b", "__cluster_metadata"] {
        script.ask("no such topic", request(-1, &[(name, &[(0, good.clone())])]));
    }
    script.ask(
        "good and bad",
        request(-1, &[(topic, &[(0, good.clone())]), ("unheard.of", &[(0, good.clone())])]),
    );
    let other = json!(super::records(&["other"]));
    script.ask(
        "a partition twice",
        request(-1, &[(topic, &[(0, good.clone()), (1, good.clone()), (0, other.clone())])]),
    );
    script.ask(
        "a topic twice",
        request(-1, &[(topic, &[(0, good.clone())]), (topic, &[(0, other), (1, good.clone())])]),
    );
    script.ask("no partitions", request(-1, &[(topic, &[])]));
    script.ask("no topics", request(-1, &[]));
}

fn damage(script: &mut Script<'_>, topic: &str, good: &Value) {
    let good = good.as_str().expect("a text");
    let put = |at: usize, digits: &str| format!("{}{digits}{}", &good[..at], &good[at + digits.len()..]);
    let cases = [
        // Not null, which Kafka never answers.
        json!(""),
        json!(good[..good.len() - 2]),
        json!(good[..20]),
        json!(format!("{good}{good}")),
        json!(format!("{good}00")),
        json!(put(good.len() - 2, "7f")),
        json!(put(32, "00")),
        json!(put(32, "01")),
        json!(put(32, "03")),
        json!(put(34, "00000000")),
        json!(put(0, "0000000000000007")),
        json!(print_bytes(&batch::batch(0, 0, &[]))),
        json!(print_bytes(&batch::batch(0, 1, &[1, 2, 3]))),
        json!(print_bytes(&batch::batch(0, -1, &[]))),
        json!(print_bytes(&batch::batch(32, 1, &[0; 9]))),
        json!(print_bytes(&batch::batch(16, 1, &[0; 9]))),
        json!(print_bytes(&batch::batch_of(&vec![0; 1_100_000]))),
        // A negative last offset delta and record count under a wrong checksum.
        json!(put(46, "ffffffff")),
        json!(put(114, "ffffffff")),
    ];
    for records in cases {
        script.ask("damage", request(-1, &[(topic, &[(0, records)])]));
    }
    damaged_records(script, topic);
}

/// Batches with a right checksum around records that contradict it, or themselves.
fn damaged_records(script: &mut Script<'_>, topic: &str) {
    // Length 7, attributes, deltas of timestamp and offset, no key, the value `a`, no headers.
    let good: &[u8] = &[0x0e, 0, 0, 0, 1, 2, 0x61, 0];
    let with = |at: usize, byte: u8| {
        let mut record = good.to_vec();
        record[at] = byte;
        record
    };
    let cases: &[(i32, Vec<u8>)] = &[
        (1, good.to_vec()),
        (2, good.to_vec()),
        (1, good.repeat(2)),
        (2, good.repeat(2)),
        (1, [good, &[0]].concat()),
        (1, good[..7].to_vec()),
        (1, with(0, 0x0c)),
        (1, with(0, 0x10)),
        (1, with(0, 0x01)),
        (1, with(1, 0x7f)),
        (1, with(2, 0x09)),
        (1, with(3, 0x0a)),
        (1, with(3, 0x01)),
        (1, with(4, 0x03)),
        (1, with(4, 0x02)),
        (1, with(5, 0x7e)),
        (1, with(5, 0x01)),
        (1, with(7, 0x01)),
        (1, with(7, 0x02)),
        (1, with(7, 0x80)),
        (1, vec![0xff, 0xff, 0xff, 0xff, 0x0f]),
        (1, vec![0x12, 0, 0, 0, 1, 1, 2, 1, 1, 0]),
        (1, vec![0x12, 0, 0, 0, 1, 1, 2, 2, 0x61, 1]),
        (1, vec![0x12, 0, 0, 0, 1, 1, 2, 2, 0x61, 2]),
        (1, vec![0]),
        (i32::MAX, good.to_vec()),
    ];
    for (count, records) in cases {
        let records = json!(print_bytes(&batch::batch(0, *count, records)));
        script.ask("records", request(-1, &[(topic, &[(0, records)])]));
    }
}

/// What says that it is compressed and is not, and lengths that have no end: Kafka fails on them.
fn garbage(script: &mut Script<'_>) {
    let topic = &*script.create("garbage", 1, &[]);
    for (codec, payload) in
        [(1, &[0; 9][..]), (2, &[0; 9]), (3, &[0; 9]), (1, &[]), (5, &[0; 9]), (7, &[0; 9])]
    {
        let records = json!(print_bytes(&batch::batch(codec, 1, payload)));
        script.ask_once("no codec's bytes", request(-1, &[(topic, &[(0, records)])]));
    }
    let records = json!(print_bytes(&batch::batch(0, 1, &[0x80; 8])));
    script.ask_once("a length without an end", request(-1, &[(topic, &[(0, records)])]));
    script.delete(topic);
}

fn idempotence(script: &mut Script<'_>, topic: &str) {
    let by = |id: i64, epoch: i16, sequence: i32, transactional: bool| {
        let options = BatchOptions {
            producer_id: ProducerId(id),
            producer_epoch: ProducerEpoch(epoch),
            base_sequence: sequence,
            is_transactional: transactional,
            ..BatchOptions::default()
        };
        json!(super::batch(options, &["x", "y"]))
    };
    let cases = [
        (4000, 0, 0, false),
        (4000, 0, 2, false),
        (4000, 0, 2, false),
        (4000, 0, 0, false),
        (4000, 0, 7, false),
        (4000, 1, 5, false),
        (4000, 1, 0, false),
        (4000, 0, 4, false),
        (4001, 3, 9, false),
        (4002, -1, 0, false),
        (4003, 0, -1, false),
        (4004, 0, i32::MAX, false),
        (4004, 0, 1, false),
        (-1, 0, 0, false),
        (-2, 0, 0, false),
        (4005, 0, 0, true),
        (-1, -1, -1, true),
    ];
    for (id, epoch, sequence, transactional) in cases {
        script.ask("a producer", request(-1, &[(topic, &[(1, by(id, epoch, sequence, transactional))])]));
    }
}

fn topics_of_their_own(script: &mut Script<'_>, good: &Value) {
    let small = &*script.create("small", 1, &[("max.message.bytes", "100")]);
    let compacted = &*script.create("compacted", 1, &[("cleanup.policy", "compact")]);
    let stamped = &*script.create("stamped", 1, &[("message.timestamp.type", "LogAppendTime")]);
    let recent = &*script.create("recent", 1, &[("message.timestamp.before.max.ms", "1000")]);
    let unready = &*script.create("unready", 1, &[("min.insync.replicas", "2")]);
    let old = json!(super::records(&["much", "too", "large", "for", "one", "hundred", "bytes"]));
    for topic in [small, compacted, stamped, recent, unready] {
        script.ask("a topic of its own kind", request(-1, &[(topic, &[(0, good.clone())])]));
        script.ask("a larger batch", request(1, &[(topic, &[(0, old.clone())])]));
    }
    // A key is what compaction goes by.
    script.ask("no key", request(-1, &[(compacted, &[(0, json!(print_bytes(&batch::batch_of(b"value"))))])]));
}
