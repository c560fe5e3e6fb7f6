//! IncrementalAlterConfigs: set, delete, append and subtract.

use medallion_tests::differential::script::{Scenario, Script};
use serde_json::{Value, json};

/// The scenario.
pub(crate) const SCENARIO: Scenario = Scenario { api: "IncrementalAlterConfigs", run, ..super::USUAL };

type Configs<'a> = &'a [(&'a str, i8, Option<&'a str>)];

const SET: i8 = 0;
const DELETE: i8 = 1;
const APPEND: i8 = 2;
const SUBTRACT: i8 = 3;

fn request(resources: &[(i8, &str, Configs<'_>)]) -> Value {
    let config = |(name, operation, value): &(&str, i8, Option<&str>)| json!({ "Name": name, "ConfigOperation": operation, "Value": value });
    let of = |(kind, name, configs): &(i8, &str, Configs<'_>)| {
        let configs: Vec<_> = configs.iter().map(config).collect();
        json!({ "ResourceType": kind, "ResourceName": name, "Configs": configs })
    };
    json!({ "Resources": resources.iter().map(of).collect::<Vec<_>>() })
}

fn run(script: &mut Script<'_>) {
    let topic = &*script.create("a", 1, &[("retention.ms", "1000")]);
    topics(script, topic);
    brokers(script);
    appended(script, topic);
    others(script);
    script.ask(
        "good and bad",
        request(&[(2, topic, &[("retention.ms", DELETE, None)]), (2, "unheard.of", &[])]),
    );
    let twice = request(&[
        (2, topic, &[("segment.ms", SET, Some("1000"))]),
        (2, topic, &[("segment.ms", SET, Some("9"))]),
    ]);
    script.ask("a resource twice", twice);
    script.ask("no resources", request(&[]));
    script.ask("null", json!({ "Resources": null }));
}

fn topics(script: &mut Script<'_>, topic: &str) {
    let cases: &[Configs<'_>] = &[
        &[("cleanup.policy", SET, Some("compact"))],
        &[("cleanup.policy", APPEND, Some("delete"))],
        &[("cleanup.policy", APPEND, Some("delete"))],
        &[("cleanup.policy", SUBTRACT, Some("compact"))],
        &[("cleanup.policy", SUBTRACT, Some("compact"))],
        &[("cleanup.policy", SUBTRACT, Some("delete"))],
        &[("cleanup.policy", SUBTRACT, Some("burn"))],
        &[("cleanup.policy", APPEND, Some("burn"))],
        &[("cleanup.policy", APPEND, Some("compact,delete"))],
        &[("cleanup.policy", SET, Some(" compact , delete "))],
        &[("cleanup.policy", APPEND, None)],
        &[("cleanup.policy", DELETE, Some("ignored"))],
        &[("retention.ms", APPEND, Some("1"))],
        &[("retention.ms", SUBTRACT, Some("1"))],
        &[("retention.ms", SET, None)],
        &[("retention.ms", SET, Some("x"))],
        &[("retention.ms", SET, Some("-1"))],
        &[("retention.ms", DELETE, None)],
        &[("retention.ms", DELETE, None)],
        &[("retention.ms", 4, Some("1"))],
        &[("retention.ms", -1, Some("1"))],
        &[("no.such.config", SET, Some("1"))],
        &[("no.such.config", DELETE, None)],
        &[("no.such.config", APPEND, Some("1"))],
        &[("", SET, Some("1"))],
        &[("retention.ms", SET, Some("5")), ("retention.ms", DELETE, None)],
        &[("retention.ms", SET, Some("5")), ("segment.bytes", SET, Some("1"))],
        &[("min.insync.replicas", SET, Some("3"))],
        &[("min.insync.replicas", DELETE, None)],
        &[("leader.replication.throttled.replicas", APPEND, Some("0:1"))],
        &[("leader.replication.throttled.replicas", APPEND, Some("1:1"))],
        &[("leader.replication.throttled.replicas", SUBTRACT, Some("0:1"))],
        &[],
    ];
    let keys = json!([
        "retention.ms",
        "cleanup.policy",
        "segment.bytes",
        "min.insync.replicas",
        "leader.replication.throttled.replicas"
    ]);
    let look =
        json!({ "Resources": [{ "ResourceType": 2, "ResourceName": topic, "ConfigurationKeys": keys }] });
    for configs in cases {
        let mut only = request(&[(2, topic, configs)]);
        only["ValidateOnly"] = true.into();
        script.ask("only validated", only);
        script.ask("a topic", request(&[(2, topic, configs)]));
        script.look("what holds now", "DescribeConfigs", look.clone());
    }
}

fn brokers(script: &mut Script<'_>) {
    let cases: &[Configs<'_>] = &[
        &[("log.retention.ms", SET, Some("1000000"))],
        &[("log.retention.ms", SET, Some("x"))],
        &[("log.retention.ms", DELETE, None)],
        &[("log.cleanup.policy", APPEND, Some("compact"))],
        &[("log.cleanup.policy", DELETE, None)],
        &[("node.id", SET, Some("2"))],
        &[("process.roles", DELETE, None)],
        &[("log.dirs", SET, Some("/x"))],
        &[("no.such.config", SET, Some("2"))],
        &[("no.such.config", DELETE, None)],
        &[("listeners", SET, Some("x"))],
        &[("max.connections", SET, Some("1000"))],
        &[("max.connections", DELETE, None)],
        &[("num.io.threads", SET, Some("0"))],
        &[("min.insync.replicas", SET, Some("1"))],
        &[("min.insync.replicas", DELETE, None)],
        &[("unclean.leader.election.enable", SET, Some("maybe"))],
        &[],
    ];
    for configs in cases {
        for name in ["1", ""] {
            script.ask("the broker", request(&[(4, name, configs)]));
        }
    }
}

/// What appending to texts and numbers is told, which differs by who looks at it first.
fn appended(script: &mut Script<'_>, topic: &str) {
    for operation in [APPEND, SUBTRACT] {
        for (kind, name, key) in [
            (2, topic, "retention.ms"),
            (2, topic, "no.such.config"),
            (2, "", "retention.ms"),
            (2, "a/b", "retention.ms"),
            (2, "unheard.of", "retention.ms"),
            (4, "1", "log.retention.ms"),
            (4, "", "log.retention.ms"),
            (4, "", "no.such.config"),
            (16, "metrics", "metrics"),
            (16, "metrics", "match"),
            (32, "group", "consumer.session.timeout.ms"),
        ] {
            script.ask("a value is added", request(&[(kind, name, &[(key, operation, Some("1"))])]));
        }
    }
}

fn others(script: &mut Script<'_>) {
    let some: Configs<'_> = &[("retention.ms", SET, Some("1"))];
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
        (8, "2"),
        (8, "x"),
        (16, "metrics"),
        (16, ""),
        (32, "group"),
        (32, ""),
    ] {
        script.ask("another resource", request(&[(kind, name, some)]));
        script.ask("nothing of another resource", request(&[(kind, name, &[])]));
    }
    for (name, value) in [
        ("consumer.session.timeout.ms", "50000"),
        ("consumer.session.timeout.ms", "1"),
        ("share.auto.offset.reset", "earliest"),
        ("consumer.heartbeat.interval.ms", "x"),
    ] {
        script.ask("a group", request(&[(32, "group", &[(name, SET, Some(value))])]));
    }
    for (name, value) in [
        ("interval.ms", "1000"),
        ("interval.ms", "1"),
        ("metrics", "a,b"),
        ("match", "x"),
        ("match", "client_id=.*"),
    ] {
        script.ask("metrics of clients", request(&[(16, "metrics", &[(name, SET, Some(value))])]));
    }
    for changes in [
        &[("kafka.server", SET, Some("LOUD"))][..],
        &[("root", DELETE, None)],
        &[("root", SET, Some("WARN")), ("root", DELETE, None)],
        &[("root", APPEND, Some("WARN"))],
        &[("root", SET, Some("LOUD")), ("no.such.logger", APPEND, Some("WARN"))],
        &[("no.such.logger", DELETE, None), ("root", DELETE, None)],
        &[("root", SET, None)],
        &[("root", SET, Some("INFO"))],
    ] {
        script.ask("loggers", request(&[(8, "1", changes)]));
    }
    script.ask(
        "a deleted group config",
        request(&[(
            32,
            "group",
            &[("consumer.session.timeout.ms", DELETE, None), ("share.auto.offset.reset", DELETE, None)],
        )]),
    );
    script.ask(
        "deleted metrics",
        request(&[(
            16,
            "metrics",
            &[("interval.ms", DELETE, None), ("metrics", DELETE, None), ("match", DELETE, None)],
        )]),
    );
}
