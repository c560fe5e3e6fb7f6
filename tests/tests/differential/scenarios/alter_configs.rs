//! AlterConfigs: the whole set of a resource's configs at once.

use medallion_tests::differential::script::{Scenario, Script};
use serde_json::{Value, json};

/// The scenario.
pub(crate) const SCENARIO: Scenario =
    // A resource that is named twice is never answered by Kafka.
    Scenario {
        api: "AlterConfigs",
        frozen: &["Resources[]", "ResourceName", "ResourceType"],
        run,
        ..super::USUAL
    };

type Configs<'a> = &'a [(&'a str, Option<&'a str>)];

fn request(resources: &[(i8, &str, Configs<'_>)]) -> Value {
    let of = |(kind, name, configs): &(i8, &str, Configs<'_>)| json!({ "ResourceType": kind, "ResourceName": name, "Configs": super::pairs(configs) });
    json!({ "Resources": resources.iter().map(of).collect::<Vec<_>>() })
}

fn run(script: &mut Script<'_>) {
    let topic = &*script.create("a", 1, &[("retention.ms", "1000")]);
    let keys = json!(["retention.ms", "cleanup.policy", "max.message.bytes", "segment.bytes"]);
    let look =
        json!({ "Resources": [{ "ResourceType": 2, "ResourceName": topic, "ConfigurationKeys": keys }] });
    let cases: &[Configs<'_>] = &[
        &[("cleanup.policy", Some("compact"))],
        &[],
        &[("retention.ms", Some("7")), ("no.such.config", Some("1"))],
        &[("retention.ms", None)],
        &[("retention.ms", Some("x"))],
        &[("retention.ms", Some("8")), ("retention.ms", Some("9"))],
        &[("segment.bytes", Some("1"))],
        &[("", Some("1"))],
        &[("max.message.bytes", Some("5000"))],
    ];
    for configs in cases {
        script.ask("a topic", request(&[(2, topic, configs)]));
        script.look("what holds now", "DescribeConfigs", look.clone());
        let mut only = request(&[(2, topic, configs)]);
        only["ValidateOnly"] = true.into();
        script.ask("only validated", only);
    }
    for (kind, name) in [
        (2, "unheard.of"),
        (2, ""),
        (2, "a/b"),
        (4, "2"),
        (4, "x"),
        (4, "-1"),
        (0, "x"),
        (1, "x"),
        (64, "x"),
        (-1, "x"),
        (8, "1"),
    ] {
        script.ask("no such resource", request(&[(kind, name, &[("retention.ms", Some("1"))])]));
        script.ask("nothing of no such resource", request(&[(kind, name, &[])]));
    }
    for configs in [
        &[("log.retention.ms", Some("1000000"))][..],
        &[("log.retention.ms", Some("x"))],
        &[("node.id", Some("2"))],
        &[("no.such.config", Some("2"))],
        &[("listeners", Some("x"))],
        &[],
    ] {
        script.ask("the broker", request(&[(4, "1", configs)]));
        script.ask("all brokers", request(&[(4, "", configs)]));
    }
    for configs in [
        &[("kafka.server", Some("INFO")), ("kafka.server", Some("INFO"))][..],
        &[("kafka.server", None)],
        &[("kafka.server", Some("INFO"))],
    ] {
        script.ask("loggers", request(&[(8, "1", configs)]));
    }
    script.ask("good and bad", request(&[(2, topic, &[]), (2, "unheard.of", &[])]));
    script.ask("no resources", request(&[]));
    script.ask("null", json!({ "Resources": null }));
}
