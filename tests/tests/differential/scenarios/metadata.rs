//! Metadata: topics by name and id, and those that it creates.

use medallion_tests::differential::script::{Scenario, Script};
use serde_json::{Value, json};

/// The scenario.
pub(crate) const SCENARIO: Scenario = Scenario { api: "Metadata", run, ..super::USUAL };

fn request(topics: Value, create: bool, operations: bool) -> Value {
    json!({ "Topics": topics, "AllowAutoTopicCreation": create, "IncludeClusterAuthorizedOperations": operations,
        "IncludeTopicAuthorizedOperations": operations })
}

fn run(script: &mut Script<'_>) {
    let topic = &*script.create("a", 3, &[]);
    let other = &*script.create("b", 1, &[]);
    let named = |names: &[&str]| -> Value { names.iter().map(|name| json!({ "Name": name })).collect() };
    script.ask("one", request(named(&[topic]), false, false));
    script.ask("one with operations", request(named(&[topic]), false, true));
    script.ask("two", request(named(&[other, topic]), true, false));
    script.ask("one twice", request(named(&[topic, topic]), false, false));
    script.ask("none", request(json!([]), true, true));
    if script.version() >= 1 {
        script.ask("all", request(Value::Null, false, true));
    }
    // Versions below 4 always create what they name.
    let create = script.version() < 4;
    for name in ["", "a/b", "..", "ü", &super::long_name(), "__cluster_metadata"] {
        script.ask("a bad name", request(named(&[name]), create, false));
        script.ask("a bad name to create", request(named(&[name, topic]), true, false));
    }
    if !create {
        script.ask("no such topic", request(named(&["unheard.of", topic]), false, true));
    }
    let [new, newer] = ["new", "newer"].map(|name| script.name(name));
    script.ask("created", request(named(&[&new]), true, false));
    script.ask("created twice", request(named(&[&newer, &newer]), true, false));
    script.settle(&new, 1);
    script.settle(&newer, 1);
    script.look("created", "Metadata", request(named(&[&new, &newer]), false, false));
    if script.version() >= 10 {
        by_id(script, topic, other);
    }
}

fn by_id(script: &mut Script<'_>, topic: &str, other: &str) {
    let id = |topic: &str| format!("<id:{topic}>");
    script.ask("by id", request(json!([{ "TopicId": id(topic), "Name": null }]), false, false));
    script.ask(
        "by two ids",
        request(
            json!([{ "TopicId": id(topic), "Name": null }, { "TopicId": id(other), "Name": null }]),
            true,
            true,
        ),
    );
    script
        .ask("by an unknown id", request(json!([{ "TopicId": "<id:unknown>", "Name": null }]), true, false));
    script.ask("by id and name", request(json!([{ "TopicId": id(topic), "Name": topic }]), false, false));
    script.ask(
        "by id and another name",
        request(json!([{ "TopicId": id(topic), "Name": other }]), false, false),
    );
    script.ask(
        "by ids and names",
        request(json!([{ "TopicId": id(topic), "Name": null }, { "Name": other }]), false, false),
    );
    script.ask("by neither", request(json!([{ "Name": null }]), false, false));
    script.ask("by name and by neither", request(json!([{ "Name": topic }, { "Name": null }]), false, false));
    script.ask(
        "by id and by neither",
        request(json!([{ "TopicId": id(topic), "Name": null }, { "Name": null }]), false, false),
    );
}
