//! DescribeProducers: who writes to a partition.

use medallion_tests::differential::script::{Scenario, Script};
use medallion_wire::records::BatchOptions;
use medallion_wire::types::{ProducerEpoch, ProducerId};
use serde_json::{Value, json};

/// The scenario.
pub(crate) const SCENARIO: Scenario = Scenario { api: "DescribeProducers", reads: true, run, ..super::USUAL };

fn request(topics: &[(&str, &[i32])]) -> Value {
    let of = |(topic, partitions): &(&str, &[i32])| json!({ "Name": topic, "PartitionIndexes": partitions });
    json!({ "Topics": topics.iter().map(of).collect::<Vec<_>>() })
}

fn run(script: &mut Script<'_>) {
    let topic = &*script.create("a", 2, &[]);
    for (id, epoch, sequence) in [(7000, 0, 0), (7001, 5, 3), (7000, 0, 2)] {
        let options = BatchOptions {
            producer_id: ProducerId(id),
            producer_epoch: ProducerEpoch(epoch),
            base_sequence: sequence,
            ..BatchOptions::default()
        };
        super::append(script, topic, 0, &super::batch(options, &["x", "y"]));
    }
    script.ask("two partitions", request(&[(topic, &[0, 1])]));
    script.ask("no such partition", request(&[(topic, &[2, -1])]));
    for name in ["unheard.of", "", "a/b"] {
        script.ask("no such topic", request(&[(name, &[0])]));
    }
    script.ask("twice", request(&[(topic, &[0, 0]), (topic, &[1])]));
    script.ask("no partitions", request(&[(topic, &[])]));
    script.ask("no topics", request(&[]));
    script.ask("null", json!({ "Topics": null }));
}
