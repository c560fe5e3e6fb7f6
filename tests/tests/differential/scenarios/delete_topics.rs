//! DeleteTopics: by names and by ids.

use medallion_tests::differential::script::{Scenario, Script};
use serde_json::{Value, json};

/// The scenario.
pub(crate) const SCENARIO: Scenario = Scenario { api: "DeleteTopics", run, ..super::USUAL };

/// By names in the versions that have only names, else by states.
fn request(names: &[&str]) -> Value {
    let states: Vec<_> = names.iter().map(|name| json!({ "Name": name })).collect();
    json!({ "TopicNames": names, "Topics": states, "TimeoutMs": 10_000 })
}

fn by_state(states: Value) -> Value {
    json!({ "Topics": states, "TimeoutMs": 10_000 })
}

fn run(script: &mut Script<'_>) {
    let [a, b, c, d] = ["a", "b", "c", "d"].map(|topic| script.create(topic, 1, &[]));
    script.ask("good", request(&[&a]));
    script.ask("gone already", request(&[&a]));
    for name in ["unheard.of", "", "a/b", "__cluster_metadata", &super::long_name()] {
        script.ask("no such topic", request(&[name]));
    }
    script.ask("good and bad", request(&["unheard.of", &b]));
    script.ask("a name twice", request(&[&c, &c]));
    script.ask("an unknown name twice", request(&["unheard.of", "unheard.of"]));
    script.ask("no topics", request(&[]));
    script.ask("null", json!({ "TopicNames": null, "Topics": null }));
    if script.version() >= 6 {
        let zero = "AAAAAAAAAAAAAAAAAAAAAA";
        script.ask("a deleted topic's id", by_state(json!([{ "TopicId": format!("<id:{a}>") }])));
        script.ask("an unknown id", by_state(json!([{ "TopicId": "<id:unknown>" }])));
        script.ask("neither", by_state(json!([{ "TopicId": zero }])));
        script.ask("both", by_state(json!([{ "Name": c, "TopicId": format!("<id:{c}>") }])));
        script
            .ask("a name and another's id", by_state(json!([{ "Name": c, "TopicId": format!("<id:{d}>") }])));
        script.ask(
            "a name, and its id apart",
            by_state(json!([{ "Name": c }, { "TopicId": format!("<id:{c}>") }])),
        );
        script.ask(
            "an id twice",
            by_state(json!([{ "TopicId": format!("<id:{c}>") }, { "TopicId": format!("<id:{c}>") }])),
        );
        script.ask(
            "an unknown id twice",
            by_state(json!([{ "TopicId": "<id:unknown>" }, { "TopicId": "<id:unknown>" }])),
        );
        script.ask("by id", by_state(json!([{ "TopicId": format!("<id:{c}>") }])));
    }
    script.ask("two", request(&[&c, &d]));
    for spare in ["e", "f", "g", "h"] {
        script.create(spare, 1, &[]);
    }
}
