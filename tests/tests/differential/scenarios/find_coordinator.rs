//! FindCoordinator: who coordinates a group.

use medallion_tests::differential::script::{Scenario, Script};
use serde_json::{Value, json};

/// The scenario. Kafka first creates the topic in which groups are kept, so it is asked again.
pub(crate) const SCENARIO: Scenario =
    Scenario { api: "FindCoordinator", reads: true, frozen: &["KeyType"], run, ..super::USUAL };

fn run(script: &mut Script<'_>) {
    let version = script.version();
    let request = |kind: i8, keys: &[&str]| -> Value {
        if version >= 4 {
            json!({ "KeyType": kind, "CoordinatorKeys": keys })
        } else {
            json!({ "KeyType": kind, "Key": keys[0] })
        }
    };
    super::group::found(script, "g");
    for key in ["g", "", " ", "a/b", "ü", &super::long_name()] {
        script.ask("a group", request(0, &[key]));
    }
    if version >= 1 {
        for kind in [-1, 3, 127] {
            script.ask("no kind of key", request(kind, &["g"]));
        }
    }
    if version >= 4 {
        script.ask("two groups", request(0, &["g", "h"]));
        script.ask("a group twice", request(0, &["g", "g"]));
        script.ask("no group", request(0, &[]));
        script.ask("an empty name too", request(0, &["g", ""]));
    }
}
