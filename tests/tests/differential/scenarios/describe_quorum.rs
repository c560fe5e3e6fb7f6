//! DescribeQuorum: the one partition that has a quorum, and others.

use medallion_tests::differential::script::{Scenario, Script};
use serde_json::{Value, json};

/// The scenario.
pub(crate) const SCENARIO: Scenario = Scenario { api: "DescribeQuorum", reads: true, run, ..super::USUAL };

fn run(script: &mut Script<'_>) {
    let of = |name: &str, partitions: &[i32]| {
        let partitions: Vec<_> = partitions.iter().map(|p| json!({ "PartitionIndex": p })).collect();
        json!({ "TopicName": name, "Partitions": partitions })
    };
    let quorum = "__cluster_metadata";
    script.ask("the quorum", json!({ "Topics": [of(quorum, &[0])] }));
    script.ask("another partition", json!({ "Topics": [of(quorum, &[1])] }));
    script.ask("two partitions", json!({ "Topics": [of(quorum, &[0, 1])] }));
    script.ask("a partition twice", json!({ "Topics": [of(quorum, &[0, 0])] }));
    script.ask("another topic", json!({ "Topics": [of("unheard.of", &[0])] }));
    script.ask("two topics", json!({ "Topics": [of(quorum, &[0]), of("unheard.of", &[0])] }));
    script.ask("an empty name", json!({ "Topics": [of("", &[0])] }));
    script.ask("no partitions", json!({ "Topics": [of(quorum, &[])] }));
    script.ask("no topics", json!({ "Topics": [] }));
    script.ask("null topics", json!({ "Topics": Value::Null }));
}
