//! ListConfigResources: by kinds of resources.

use medallion_tests::differential::script::{Scenario, Script};
use serde_json::json;

/// The scenario.
pub(crate) const SCENARIO: Scenario =
    Scenario { api: "ListConfigResources", reads: true, run, ..super::USUAL };

fn run(script: &mut Script<'_>) {
    script.create("a", 1, &[]);
    for kinds in [
        json!([]),
        json!([2]),
        json!([4]),
        json!([8]),
        json!([16]),
        json!([32]),
        json!([2, 4]),
        json!([2, 2]),
        json!([0]),
        json!([1]),
        json!([2, 3]),
        json!([-1]),
        json!([127, 64]),
        json!(null),
    ] {
        script.ask("kinds", json!({ "ResourceTypes": kinds }));
    }
}
