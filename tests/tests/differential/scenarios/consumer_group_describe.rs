//! ConsumerGroupDescribe: groups with members, without, of the other protocol, and none.

use medallion_tests::differential::script::{Scenario, Script};
use serde_json::json;

use super::consumer_group_heartbeat::{beat, join};
use super::group;

/// The scenario.
pub(crate) const SCENARIO: Scenario = Scenario { api: "ConsumerGroupDescribe", run, ..super::USUAL };

fn run(script: &mut Script<'_>) {
    let ask = |script: &mut Script<'_>, case: &str, groups: &[&str]| {
        for operations in [false, true] {
            let request = json!({ "GroupIds": groups, "IncludeAuthorizedOperations": operations });
            script.ask(case, request);
        }
    };
    let group = &*group::found(script, "g");
    ask(script, "no group", &[]);
    ask(script, "groups that are not there", &[group, ""]);
    script.other("set up", "ConsumerGroupHeartbeat", 1, join(group, "a", &["none"]));
    ask(script, "a group", &[group]);
    ask(script, "a group twice", &[group, group]);
    let members = json!({ "Groups": [group], "IncludeAuthorizedOperations": true });
    script.look("by the other API", "DescribeGroups", members);
    script.other("set up", "ConsumerGroupHeartbeat", 1, beat(group, "a", -1, &json!({})));
    ask(script, "nobody is left", &[group]);
    let classic = &*group::found(script, "classic");
    group::join(script, classic, "c", None, &["t"]);
    ask(script, "a classic group", &[classic]);
}
