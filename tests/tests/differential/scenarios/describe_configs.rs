//! DescribeConfigs: topics, the broker and the other kinds of resources.

use medallion_tests::differential::script::{Scenario, Script};
use serde_json::{Value, json};

/// The scenario.
pub(crate) const SCENARIO: Scenario = Scenario { api: "DescribeConfigs", reads: true, run, ..super::USUAL };

fn request(resources: &[(i8, &str, Value)]) -> Value {
    let of = |(kind, name, keys): &(i8, &str, Value)| json!({ "ResourceType": kind, "ResourceName": name, "ConfigurationKeys": keys });
    json!({ "Resources": resources.iter().map(of).collect::<Vec<_>>() })
}

fn run(script: &mut Script<'_>) {
    let configs = [("retention.ms", "1000"), ("cleanup.policy", "compact"), ("min.insync.replicas", "1")];
    let topic = &*script.create("a", 1, &configs);
    for (synonyms, documentation) in [(false, false), (true, false)] {
        let mut all = request(&[(2, topic, Value::Null), (4, "1", Value::Null), (4, "", Value::Null)]);
        all["IncludeSynonyms"] = synonyms.into();
        all["IncludeDocumentation"] = documentation.into();
        script.ask("everything", all);
    }
    let keys = json!(["retention.ms", "no.such.config", "retention.ms", ""]);
    for (kind, name) in [
        (2, topic),
        (2, "unheard.of"),
        (2, ""),
        (2, "a/b"),
        (4, "1"),
        (4, "2"),
        (4, ""),
        (4, "x"),
        (4, "-1"),
        (8, "2"),
        (8, "x"),
        (8, ""),
        (16, "metrics"),
        (16, ""),
        (32, "group"),
        (32, ""),
        (0, "x"),
        (1, "x"),
        (3, "x"),
        (5, "x"),
        (-1, "x"),
        (64, "x"),
        (127, ""),
    ] {
        script.ask("some configs", request(&[(kind, name, keys.clone())]));
        script.ask("no configs", request(&[(kind, name, json!([]))]));
        if ![2, 4].contains(&kind) || ![topic, "1", ""].contains(&name) {
            script.ask("all configs", request(&[(kind, name, Value::Null)]));
        }
    }
    script.ask(
        "one key of the broker",
        request(&[(4, "1", json!(["log.retention.ms", "node.id", "log.dirs"]))]),
    );
    script.ask("a resource twice", request(&[(2, topic, keys.clone()), (2, topic, json!([]))]));
    script.ask("no resources", request(&[]));
    script.ask("null", json!({ "Resources": null }));
}
