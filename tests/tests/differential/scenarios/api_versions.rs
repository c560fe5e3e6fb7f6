//! ApiVersions: features, and names of clients. What APIs there are is compared by `not_served`.

use medallion_tests::differential::script::{Scenario, Script};
use serde_json::json;

/// The scenario.
pub(crate) const SCENARIO: Scenario = Scenario { api: "ApiVersions", reads: true, run, ..super::USUAL };

fn run(script: &mut Script<'_>) {
    for (name, version) in [
        ("apache-kafka-java", "4.3.1"),
        ("", ""),
        ("a", ""),
        ("", "1"),
        ("a b", "1"),
        ("-a", "1"),
        ("a-", "1"),
        ("a.b-c", "1-2.3"),
        ("ä", "1"),
        ("a", "1\n"),
    ] {
        script.ask("a client", json!({ "ClientSoftwareName": name, "ClientSoftwareVersion": version }));
    }
    script.ask("a null name", json!({ "ClientSoftwareName": null, "ClientSoftwareVersion": "1" }));
}
