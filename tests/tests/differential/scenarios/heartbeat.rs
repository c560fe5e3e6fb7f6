//! Heartbeat: of members in every state of their group.

use medallion_tests::differential::script::{Scenario, Script};
use serde_json::{Value, json};

use super::group;

/// The scenario.
pub(crate) const SCENARIO: Scenario = Scenario { api: "Heartbeat", run, ..super::USUAL };

fn request(group: &str, generation: Value, member: &str, instance: Option<&str>) -> Value {
    json!({ "GroupId": group, "GenerationId": generation, "MemberId": member, "GroupInstanceId": instance })
}

fn run(script: &mut Script<'_>) {
    let group = &*group::found(script, "g");
    let now = || json!("<a-generation>");
    script.ask("an unknown group", request(group, json!(1), "nobody", None));
    script.ask("no group", request("", json!(1), "nobody", None));
    group::join(script, group, "a", None, &["t"]);
    script.ask("before anything is assigned", request(group, now(), "<a>", None));
    group::sync(script, group, "a", None);
    script.ask("a member", request(group, now(), "<a>", None));
    for generation in [0, 2, -1, i32::MAX, i32::MIN] {
        script.ask("another generation", request(group, json!(generation), "<a>", None));
    }
    script.ask("an unknown member", request(group, now(), "nobody", None));
    script.ask("no member", request(group, now(), "", None));
    script.ask("an unknown instance", request(group, now(), "<a>", Some("one")));
    group::disturb(script, group, "a", "b", &["t"]);
    script.ask("while the group waits for it", request(group, now(), "<a>", None));
    script.ask("of the one who waits", request(group, now(), "<b>", None));
    script.other("set up", "JoinGroup", 9, group::consumer(group, "<a>", None, &["t"]));
    script.capture("a-generation", "/GenerationId");
    script.receive("a member that has waited", "b");
    script.ask("both members are there", request(group, now(), "<b>", None));
    if script.version() >= 3 {
        let group = &*group::found(script, "static");
        group::join(script, group, "s", Some("one"), &["t"]);
        group::sync(script, group, "s", Some("one"));
        script.ask("a static member", request(group, json!("<s-generation>"), "<s>", Some("one")));
        script.ask(
            "another id of the instance",
            request(group, json!("<s-generation>"), "nobody", Some("one")),
        );
        script.ask("the id without its instance", request(group, json!("<s-generation>"), "<s>", None));
    }
}
