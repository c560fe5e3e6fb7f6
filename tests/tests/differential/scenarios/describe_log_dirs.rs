//! DescribeLogDirs: folders and the sizes of partitions in them.

use medallion_tests::differential::script::{Scenario, Script};
use serde_json::{Value, json};

/// The scenario.
pub(crate) const SCENARIO: Scenario = Scenario { api: "DescribeLogDirs", reads: true, run, ..super::USUAL };

fn run(script: &mut Script<'_>) {
    let topic = &*script.create("a", 2, &[]);
    super::append(script, topic, 0, &super::records(&["one", "two"]));
    let request = |topics: &[(&str, &[i32])]| {
        let of = |(topic, partitions): &(&str, &[i32])| json!({ "Topic": topic, "Partitions": partitions });
        json!({ "Topics": topics.iter().map(of).collect::<Vec<_>>() })
    };
    script.ask("one partition", request(&[(topic, &[0])]));
    script.ask("two partitions", request(&[(topic, &[0, 1])]));
    script.ask("no such partition", request(&[(topic, &[7, -1])]));
    script.ask("no such topic", request(&[("unheard.of", &[0])]));
    script.ask("an empty name", request(&[("", &[0])]));
    script.ask("twice", request(&[(topic, &[0, 0]), (topic, &[1])]));
    script.ask("no partitions", request(&[(topic, &[])]));
    script.ask("no topics", request(&[]));
    script.ask("all", json!({ "Topics": Value::Null }));
}
