//! AlterReplicaLogDirs: partitions between folders.

use medallion_tests::differential::script::{Scenario, Script};
use serde_json::{Value, json};

/// The scenario.
pub(crate) const SCENARIO: Scenario = Scenario { api: "AlterReplicaLogDirs", run, ..super::USUAL };

fn run(script: &mut Script<'_>) {
    let topic = &*script.create("a", 2, &[]);
    let to = |path: &str, topics: &[(&str, &[i32])]| {
        let of = |(topic, partitions): &(&str, &[i32])| json!({ "Name": topic, "Partitions": partitions });
        json!({ "Path": path, "Topics": topics.iter().map(of).collect::<Vec<_>>() })
    };
    let request = |dirs: &[Value]| json!({ "Dirs": dirs });
    script.ask("where it is", request(&[to("<dir0>", &[(topic, &[0])])]));
    for path in ["/no/such/folder", "", "relative", "/"] {
        script.ask("no such folder", request(&[to(path, &[(topic, &[0])])]));
    }
    script.ask("no such partition", request(&[to("<dir0>", &[(topic, &[2, -1])])]));
    for name in ["unheard.of", "", "a/b"] {
        script.ask("no such topic", request(&[to("<dir0>", &[(name, &[0])])]));
    }
    script.ask("no such topic to no such folder", request(&[to("/no/such/folder", &[("unheard.of", &[0])])]));
    script.ask("good and bad", request(&[to("<dir0>", &[(topic, &[0]), ("unheard.of", &[0])])]));
    script.ask("no partitions", request(&[to("<dir0>", &[(topic, &[])])]));
    script.ask("no topics", request(&[to("<dir0>", &[])]));
    script.ask("no folders", request(&[]));
    script.ask("null", json!({ "Dirs": null }));
}
