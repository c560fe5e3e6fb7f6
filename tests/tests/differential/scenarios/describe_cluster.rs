//! DescribeCluster: endpoints of brokers and controllers.

use medallion_tests::differential::script::{Scenario, Script};
use serde_json::json;

/// The scenario.
pub(crate) const SCENARIO: Scenario = Scenario { api: "DescribeCluster", reads: true, run, ..super::USUAL };

fn run(script: &mut Script<'_>) {
    for kind in [1, 2, 0, 3, -1, 127] {
        for (authorized, fenced) in [(false, false), (true, true)] {
            script.ask(
                "endpoints",
                json!({ "IncludeClusterAuthorizedOperations": authorized, "EndpointType": kind,
                "IncludeFencedBrokers": fenced }),
            );
        }
    }
}
