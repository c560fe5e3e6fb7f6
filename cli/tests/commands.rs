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
    server.text(&["topic", "delete", "trips"]);
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
fn settings_and_log_levels_change_while_the_broker_runs() {
    let server = Server::start();
    server.text(&["topic", "create", "a"]);
    server.text(&["config", "set", "topic/a", "retention.ms=1000"]);
    assert_eq!(server.text(&["config", "get", "topic/a", "retention.ms"]).trim(), "1000");
    server.text(&["config", "unset", "topic/a", "retention.ms"]);
    assert_eq!(server.text(&["config", "get", "topic/a", "retention.ms"]).trim(), "604800000");
    let wrong = server.run(&["config", "set", "topic/a", "retention.ms=soon"]);
    assert_eq!(wrong.status.code(), Some(1));
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
