//! The commands against a broker that the test starts.

mod common;

use common::Server;
use serde_json::{Value, json};

#[test]
fn topics_live_from_create_to_delete() {
    let server = Server::start();
    server.text(&["topic", "create", "trips", "--partitions", "3", "--config", "retention.ms=60000"]);
    let again = server.run(&["topic", "create", "trips"]);
    assert_eq!(again.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&again.stderr).contains("--if-not-exists"));
    server.text(&["topic", "create", "trips", "--if-not-exists"]);
    let listed = server.json(&["topic", "list"]);
    assert_eq!((&listed[0]["name"], &listed[0]["partitions"]), (&json!("trips"), &json!(3)));
    server.text(&["topic", "add-partitions", "trips", "--total", "4"]);
    server.text(&["topic", "alter", "trips", "--set", "cleanup.policy=compact", "--unset", "retention.ms"]);
    let described = server.json(&["topic", "describe", "trips"]);
    assert_eq!(described[0]["partitions"].as_array().map(Vec::len), Some(4));
    let own = |name: &str| {
        let configs = described[0]["configs"].as_array().cloned().unwrap_or_default();
        configs.into_iter().find(|entry| entry["name"] == name).map(|entry| entry["value"].clone())
    };
    assert_eq!(own("cleanup.policy"), Some(json!("compact")));
    assert_eq!(own("retention.ms"), None);
    for arguments in [
        &["topic", "alter", "nope", "--set", "retention.ms=1"][..],
        &["topic", "add-partitions", "nope", "--total", "2"],
    ] {
        let refused = server.run(arguments);
        assert!(
            String::from_utf8_lossy(&refused.stderr).contains("topic nope does not exist"),
            "{arguments:?}"
        );
    }
    let partly = server.run(&["topic", "delete", "trips", "nope", "--json"]);
    assert!(String::from_utf8_lossy(&partly.stderr).contains("deleted trips before the error"));
    assert_eq!(server.json(&["topic", "list"]), json!([]));
    assert_eq!(server.run(&["topic", "describe", "trips"]).status.code(), Some(1));
    server.stop();
}

#[test]
fn records_come_out_as_they_went_in() {
    let server = Server::start();
    server.text(&["topic", "create", "copy", "--partitions", "2"]);
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
        let arguments = ["produce", "copy", "-K", ":", "-H", "codec=x", "--null-value", "NULL", "-z", codec];
        let produced = server.run_with(&arguments, format!("{codec}:1\nb:NULL\n").as_bytes());
        assert!(produced.status.success(), "{codec}: {}", String::from_utf8_lossy(&produced.stderr));
    }
    let records = server.json_lines(&["consume", "copy", "--until-end"]);
    assert_eq!(records.len(), 10);
    let tombstones: Vec<&Value> = records.iter().filter(|record| record["key"] == "b").collect();
    assert_eq!(tombstones.len(), 5);
    assert!(tombstones.iter().all(|record| record["value"].is_null()));
    assert!(tombstones.iter().all(|record| record["partition"] == tombstones[0]["partition"]));
    assert_eq!(records[0]["headers"], json!([{ "name": "codec", "value": "x" }]));
    let last = server.json_lines(&["consume", "copy", "--from", "-1", "--until-end"]);
    assert_eq!(last.len(), 2);
    server.stop();
}

#[test]
fn a_file_of_rows_becomes_keyed_json() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("zones.csv");
    std::fs::write(&file, "id,borough\n4,Manhattan\n132,Queens\n").unwrap();
    let file = file.to_str().unwrap();
    let summary = server.json(&["produce", "zones", "--file", file, "--key-field", "id"]);
    assert_eq!((&summary["records"], &summary["topic"]), (&json!(2), &json!("zones")));
    let records = server.json_lines(&["consume", "zones", "--until-end"]);
    assert_eq!(
        (&records[1]["key"], &records[1]["value"]),
        (&json!("132"), &json!(r#"{"id":132,"borough":"Queens"}"#))
    );
    let missing = server.run(&["produce", "zones", "--file", file, "--key-field", "name"]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&missing.stderr).contains("zones.csv: line 2"));
    server.stop();
}

#[test]
fn an_error_in_a_file_tells_how_many_records_came_before() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rows.csv");
    std::fs::write(&file, "id,borough\n4,Manhattan\n132,Queens\n5\n").unwrap();
    for mode in ["--json", "--quiet"] {
        let output = server.run(&["produce", "rows", "--file", file.to_str().unwrap(), mode]);
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1));
        assert!(text.contains("2 records were acknowledged before the error"), "{text}");
        assert!(text.contains("rows.csv") && text.contains("line: 4"), "{text}");
    }
    assert_eq!(server.json_lines(&["consume", "rows", "--until-end"]).len(), 4);
    server.stop();
}

#[test]
fn many_small_records_fit_a_topic_of_small_batches() {
    let server = Server::start();
    server.text(&["topic", "create", "small", "--config", "max.message.bytes=5000"]);
    let lines = "a small record\n".repeat(5000);
    for codec in ["none", "gzip"] {
        let produced = server.run_with(&["produce", "small", "-z", codec], lines.as_bytes());
        assert!(produced.status.success(), "{codec}: {}", String::from_utf8_lossy(&produced.stderr));
    }
    assert_eq!(server.text(&["consume", "small", "--until-end"]), lines.repeat(2));
    let large = server.run_with(&["produce", "small"], "x".repeat(6000).as_bytes());
    assert!(String::from_utf8_lossy(&large.stderr).contains("MESSAGE_TOO_LARGE"));
    server.stop();
}

/// A slow producer is interrupted by SIGINT: what is read from a file is cut short, which is said; what is typed ends.
#[test]
fn ctrl_c_tells_what_has_been_acknowledged() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("lines.txt");
    std::fs::write(&file, "line\n".repeat(10_000)).unwrap();
    let arguments = ["produce", "slow", "--rate", "50", "--file", file.to_str().unwrap()];
    let producer = server.spawn(&arguments);
    common::eventually(|| server.run(&["consume", "slow", "--until-end"]).stdout.len() >= 10);
    let output = common::interrupt(producer);
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("acknowledged before the error: interrupted before the end of"), "{text}");
    let told: usize = text.split_whitespace().nth(1).unwrap().parse().unwrap();
    assert_eq!(server.text(&["consume", "slow", "--until-end"]).lines().count(), told);
    let mut typed = server.spawn(&["produce", "typed"]);
    std::io::Write::write_all(typed.stdin.as_mut().unwrap(), b"a\nb\n").unwrap();
    common::eventually(|| server.run(&["consume", "typed", "--until-end"]).stdout == b"a\nb\n");
    assert!(common::interrupt(typed).status.success());
    server.stop();
}

#[test]
fn partitions_and_times_are_taken_as_they_are_meant() {
    let server = Server::start();
    assert!(server.run_with(&["produce", "old"], b"a\nb\n").status.success());
    assert_eq!(server.text(&["consume", "old", "--until-end", "--partition", "0,0"]), "a\nb\n");
    for from in ["1969-12-31T23:59:59.999Z", "99999999999d"] {
        assert_eq!(server.text(&["consume", "old", "--until-end", "--from", from]), "a\nb\n", "{from}");
    }
    server.stop();
}

#[test]
fn settings_and_log_levels_change_while_the_broker_runs() {
    let server = Server::start();
    server.text(&["topic", "create", "a"]);
    server.text(&["config", "set", "topic/a", "retention.ms=1000"]);
    assert_eq!(server.text(&["config", "get", "topic/a", "retention.ms"]).trim(), "1000");
    server.text(&["config", "unset", "topic/a", "retention.ms"]);
    assert_eq!(server.text(&["config", "get", "topic/a", "retention.ms"]).trim(), "604800000");
    let wrong = server.run(&["config", "set", "topic/a", "retention.ms=soon"]);
    assert_eq!(wrong.status.code(), Some(1));
    let subscription = "client-metrics/lag";
    server.text(&["config", "set", subscription, "interval.ms=30000", "metrics=org.apache.kafka.consumer."]);
    assert_eq!(server.text(&["config", "get", subscription, "interval.ms"]).trim(), "30000");
    let listed = server.json(&["config", "list"]);
    let resources = listed.as_array().unwrap();
    assert!(resources.iter().any(|listed| listed["resource"] == subscription), "{listed}");
    server.text(&["config", "unset", subscription, "interval.ms", "metrics"]);
    server.text(&["config", "set", "loggers/1", "medallion_log=DEBUG"]);
    assert_eq!(server.text(&["config", "get", "loggers/1", "medallion_log"]).trim(), "DEBUG");
    server.stop();
}

#[test]
fn data_outlives_the_process_and_its_files_are_sound() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_in(folder.path());
    let produced = server.run_with(&["produce", "kept", "-K", ":"], b"a:1\nb:2\n");
    assert!(produced.status.success());
    server.stop();
    let data = folder.path().join("data");
    let server = Server::start_in(folder.path());
    assert_eq!(server.text(&["consume", "kept", "--until-end"]), "1\n2\n");
    let report = server.json(&["log", "verify", data.to_str().unwrap()]);
    assert_eq!(report["damage"], json!([]));
    assert!(report["records"].as_u64().is_some_and(|records| records >= 2));
    let dumped = server.json_lines(&["log", "dump", data.join("kept-0").to_str().unwrap(), "--records"]);
    assert!(dumped.iter().any(|record| record["key"] == "b" && record["value"] == "2"));
    server.stop();
}
