//! CreateTopics: names, counts, assignments and configs, good and bad.

use medallion_tests::differential::script::{Scenario, Script};
use serde_json::{Value, json};

/// The scenario.
pub(crate) const SCENARIO: Scenario =
    Scenario { api: "CreateTopics", fresh: &["Topics.Name"], run, ..super::USUAL };

fn request(topics: Value) -> Value {
    json!({ "Topics": topics, "timeoutMs": 10_000 })
}

fn topic(name: &str, partitions: i32, factor: i16) -> Value {
    json!({ "Name": name, "NumPartitions": partitions, "ReplicationFactor": factor })
}

fn run(script: &mut Script<'_>) {
    script.create("there", 1, &[]);
    names(script);
    counts(script);
    assignments(script);
    configs(script);
    several(script);
}

fn names(script: &mut Script<'_>) {
    let many = topic(&script.name("many"), 1_000_000, 1);
    script.ask("a topic of very many partitions twice", request(json!([many, many])));
    script.ask("very many partitions", request(json!([many, topic(&script.name("few"), 1, 1)])));
    script.ask("good", request(json!([topic(&script.name("good"), 2, 1)])));
    script.ask("there already", request(json!([topic(&script.name("there"), 1, 1)])));
    for name in ["", ".", "..", "a/b", "a b", "ü", "\n", &super::long_name(), "__cluster_metadata"] {
        script.ask("a bad name", request(json!([topic(name, 1, 1)])));
    }
    script.ask("the longest name", request(json!([topic(&format!("{:x<249}", script.name("long")), 1, 1)])));
    script.ask("a null name", request(json!([{ "Name": null, "NumPartitions": 1, "ReplicationFactor": 1 }])));
    // Dots and underscores collide in the names of metrics.
    script.ask("a dot", request(json!([topic(&script.name("a.b"), 1, 1)])));
    script.ask("an underscore beside the dot", request(json!([topic(&script.name("a_b"), 1, 1)])));
    script
        .ask("the name of an internal topic with a dot", request(json!([topic("__consumer.offsets", 1, 1)])));
}

fn counts(script: &mut Script<'_>) {
    for (index, (partitions, factor)) in [
        (-1, -1),
        (0, 1),
        (-2, 1),
        (1, 0),
        (1, -2),
        (1, 2),
        (1, i16::MAX),
        (-1, 1),
        (1, -1),
        (10_001, 1),
        (i32::MAX, 1),
        (0, 0),
    ]
    .into_iter()
    .enumerate()
    {
        script.ask(
            "counts",
            request(json!([topic(&script.name(&format!("count{index}")), partitions, factor)])),
        );
    }
}

fn assignments(script: &mut Script<'_>) {
    let to = |partition: i32, brokers: Value| json!({ "PartitionIndex": partition, "BrokerIds": brokers });
    let cases = [
        json!([to(0, json!([1]))]),
        json!([to(1, json!([1])), to(0, json!([1]))]),
        json!([to(0, json!([1])), to(0, json!([1]))]),
        json!([to(0, json!([1])), to(2, json!([1]))]),
        json!([to(1, json!([1]))]),
        json!([to(-1, json!([1]))]),
        json!([to(0, json!([]))]),
        json!([to(0, json!([2]))]),
        json!([to(0, json!([1, 1]))]),
        json!([to(0, json!([1, 2]))]),
        json!([to(0, json!([-1]))]),
        json!([to(0, json!([1])), to(1, json!([1, 2]))]),
        json!([to(0, Value::Null)]),
    ];
    for (index, assignments) in cases.into_iter().enumerate() {
        for (case, partitions, factor) in [("a", -1, -1), ("b", 1, -1), ("c", -1, 1), ("d", 2, 1)] {
            let name = script.name(&format!("assigned{index}{case}"));
            let mut asked = topic(&name, partitions, factor);
            asked["Assignments"] = assignments.clone();
            script.ask("an assignment", request(json!([asked])));
        }
    }
}

fn configs(script: &mut Script<'_>) {
    let cases: &[&[(&str, Option<&str>)]] = &[
        &[("retention.ms", Some("1000")), ("cleanup.policy", Some("compact"))],
        &[("retention.ms", Some("-1"))],
        &[("retention.ms", Some("-2"))],
        &[("retention.ms", Some("x"))],
        &[("retention.ms", Some(""))],
        &[("retention.ms", Some(" 7 "))],
        &[("retention.ms", None)],
        &[("retention.ms", Some("9223372036854775808"))],
        &[("no.such.config", Some("1"))],
        &[("", Some("1"))],
        &[("cleanup.policy", Some("compact,delete"))],
        &[("cleanup.policy", Some("delete, compact"))],
        &[("cleanup.policy", Some("burn"))],
        &[("cleanup.policy", Some(""))],
        &[("cleanup.policy", Some("delete,delete"))],
        &[("compression.type", Some("zstd"))],
        &[("compression.type", Some("rar"))],
        &[("compression.zstd.level", Some("100"))],
        &[("min.insync.replicas", Some("0"))],
        &[("min.insync.replicas", Some("2"))],
        &[("segment.bytes", Some("1"))],
        &[("segment.bytes", Some("1048576"))],
        &[("max.message.bytes", Some("-1"))],
        &[("message.timestamp.type", Some("LogAppendTime"))],
        &[("message.timestamp.type", Some("Never"))],
        &[("unclean.leader.election.enable", Some("maybe"))],
        &[("unclean.leader.election.enable", Some("TRUE"))],
        &[("min.cleanable.dirty.ratio", Some("1.5"))],
        &[("min.cleanable.dirty.ratio", Some("0.25"))],
        &[("leader.replication.throttled.replicas", Some("0:1"))],
        &[("leader.replication.throttled.replicas", Some("x"))],
        &[("leader.replication.throttled.replicas", Some("*"))],
        &[("remote.storage.enable", Some("true"))],
        &[("remote.storage.enable", Some("false"))],
        &[("local.retention.ms", Some("5000")), ("retention.ms", Some("1000"))],
        &[("max.compaction.lag.ms", Some("1")), ("min.compaction.lag.ms", Some("2"))],
        &[("segment.ms", Some("0"))],
        &[("message.format.version", Some("3.0"))],
        &[("preallocate", Some("true")), ("preallocate", Some("false"))],
        &[("retention.ms", Some("1000")), ("retention.ms", Some("x"))],
        &[("internal.segment.bytes", Some("1000"))],
    ];
    for (index, configs) in cases.iter().enumerate() {
        let mut asked = topic(&script.name(&format!("configured{index}")), 1, 1);
        let configs: Vec<_> =
            configs.iter().map(|(name, value)| json!({ "Name": name, "Value": value })).collect();
        asked["Configs"] = configs.into();
        script.ask("configs", request(json!([asked])));
    }
}

fn several(script: &mut Script<'_>) {
    let [first, second] = ["first", "second"].map(|name| script.name(name));
    script
        .ask("good and bad", request(json!([topic(&first, 1, 1), topic("a/b", 1, 1), topic(&second, 0, 1)])));
    let [twice, once] = ["twice", "once"].map(|name| script.name(name));
    script
        .ask("a name twice", request(json!([topic(&twice, 1, 1), topic(&once, 1, 1), topic(&twice, 2, 1)])));
    script.ask("no topics", request(json!([])));
    script.ask("null topics", request(Value::Null));
    let validated = script.name("validated");
    for (name, partitions) in [(&*validated, 3), (&*script.name("there"), 1), ("", 1), (&validated, 0)] {
        let mut asked = request(json!([topic(name, partitions, 1)]));
        asked["validateOnly"] = true.into();
        script.ask("only validated", asked);
    }
    script.look("what is there now", "Metadata", json!({ "Topics": null }));
}
