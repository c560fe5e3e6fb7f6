//! UpdateFeatures: what is refused, and what is only validated.

use medallion_tests::differential::script::{Scenario, Script};
use serde_json::{Value, json};

/// The scenario. A mutation could change what the cluster is.
pub(crate) const SCENARIO: Scenario =
    Scenario { api: "UpdateFeatures", mutations_percent: 0, run, ..super::USUAL };

fn update(name: &str, level: i16, kind: i8) -> Value {
    json!({ "Feature": name, "MaxVersionLevel": level, "UpgradeType": kind, "AllowDowngrade": kind != 1 })
}

fn request(updates: Value, validate: bool) -> Value {
    json!({ "FeatureUpdates": updates, "ValidateOnly": validate })
}

fn run(script: &mut Script<'_>) {
    for (name, level) in [
        ("metadata.version", 30),
        ("metadata.version", 31),
        ("metadata.version", 0),
        ("metadata.version", -1),
        ("metadata.version", 1),
        ("kraft.version", 2),
        ("kraft.version", -1),
        ("transaction.version", 3),
        ("group.version", 2),
        ("group.version", -2),
        ("unheard.of", 1),
        ("unheard.of", 0),
        ("unheard.of", -1),
        ("", 1),
        ("share.version", 9),
        ("streams.version", 5),
        ("eligible.leader.replicas.version", 2),
    ] {
        for kind in [1, 2, 3, 0, 4, -1] {
            script.ask("refused", request(json!([update(name, level, kind)]), false));
        }
    }
    if script.version() >= 1 {
        for (name, level) in [
            ("metadata.version", 29),
            ("metadata.version", 25),
            ("metadata.version", 24),
            ("metadata.version", 7),
            ("group.version", 0),
            ("group.version", 1),
            ("transaction.version", 0),
            ("transaction.version", 1),
            ("transaction.version", 2),
            ("kraft.version", 0),
            ("kraft.version", 1),
            ("share.version", 1),
            ("share.version", 0),
            ("streams.version", 1),
            ("streams.version", 0),
            ("eligible.leader.replicas.version", 0),
            ("eligible.leader.replicas.version", 1),
        ] {
            for kind in [1, 2, 3] {
                script.ask("only validated", request(json!([update(name, level, kind)]), true));
            }
        }
        let mixed = json!([update("group.version", 0, 2), update("unheard.of", 1, 1)]);
        script.ask("good and bad", request(mixed, true));
    }
    let twice = json!([update("group.version", 1, 1), update("group.version", 1, 1)]);
    script.ask("a feature twice", request(twice, false));
    script.ask("nothing", request(json!([]), false));
    script.ask("null", request(Value::Null, false));
    script.look(
        "what holds now",
        "ApiVersions",
        json!({ "ClientSoftwareName": "a", "ClientSoftwareVersion": "1" }),
    );
}
