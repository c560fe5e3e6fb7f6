//! What commands say when there is no broker.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::TcpListener;
use std::process::{Command, Output};

fn medallion(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_medallion")).args(arguments).output().unwrap()
}

/// A port where nobody listens.
fn closed_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

#[test]
fn an_unreachable_broker_is_named_with_what_to_do() {
    let address = format!("127.0.0.1:{}", closed_port());
    let output = medallion(&["topic", "list", "--bootstrap-server", &address]);
    assert_eq!(output.status.code(), Some(3));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains(&format!("cannot reach {address}: connection refused")), "{text}");
    assert!(text.contains("medallion up"), "{text}");
    let output = medallion(&["topic", "list", "--json", "--bootstrap-server", &address]);
    let error: serde_json::Value = serde_json::from_slice(&output.stderr).unwrap();
    assert_eq!(error["exit_code"], 3);
}

#[test]
fn an_unreachable_admin_address_is_named_with_what_to_do() {
    let address = format!("127.0.0.1:{}", closed_port());
    let output = medallion(&["group", "history", "billing", "--admin-address", &address]);
    assert_eq!(output.status.code(), Some(3));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains(&format!("cannot reach {address}: connection refused")), "{text}");
    assert!(text.contains("medallion.metrics.listener") && text.contains("--admin-address"), "{text}");
    assert_eq!(medallion(&["group", "history", "--admin-address", "nowhere"]).status.code(), Some(2));
}

#[test]
fn wrong_usage_ends_with_two() {
    assert_eq!(medallion(&["topic", "create"]).status.code(), Some(2));
    assert_eq!(medallion(&["config", "get", "trips", "retention.ms"]).status.code(), Some(2));
    assert_eq!(medallion(&["consume", "a", "--from", "yesterday"]).status.code(), Some(2));
    assert_eq!(medallion(&["broker", "--set", "nonsense"]).status.code(), Some(2));
    assert_eq!(medallion(&["topic", "list", "--bootstrap-server", "a:b"]).status.code(), Some(2));
}

#[test]
fn options_that_the_input_would_ignore_are_refused() {
    for (arguments, named) in [
        (&["--key-field", "id"][..], "--key-field"),
        (&["--key-field", "id", "--format", "records"], "--key-field"),
        (&["--key-separator", ":", "--file", "a.csv"], "--key-separator"),
        (&["--null-value", "x", "--format", "ndjson"], "--null-value"),
        (&["--key-separator", ""], "--key-separator"),
    ] {
        let output = medallion(&[&["produce", "a"], arguments].concat());
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {text}");
        assert!(text.contains(named), "{text}");
    }
}

#[test]
fn a_dump_goes_on_behind_damage() {
    use std::os::unix::ffi::OsStrExt;
    let folder = tempfile::tempdir().unwrap();
    // A path need not be UTF-8.
    let partition = folder.path().join(std::ffi::OsStr::from_bytes(b"trips\xff-0"));
    std::fs::create_dir(&partition).unwrap();
    for (extension, bytes) in [("log", 80), ("snapshot", 30), ("timeindex", 5), ("txnindex", 30)] {
        std::fs::write(partition.join(format!("00000000000000000000.{extension}")), vec![1; bytes]).unwrap();
    }
    let run = |command: &str| {
        let mut medallion = Command::new(env!("CARGO_BIN_EXE_medallion"));
        medallion.args(["log", command, "--json"]).arg(&partition).output().unwrap()
    };
    let dumped = run("dump");
    assert_eq!(dumped.status.code(), Some(4), "{}", String::from_utf8_lossy(&dumped.stderr));
    let text = String::from_utf8(dumped.stdout).unwrap();
    let damaged = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    assert_eq!(damaged.filter(|line| line["damage"].is_string()).count(), 4, "{text}");
    let verified = run("verify");
    assert_eq!(verified.status.code(), Some(4));
    let report: serde_json::Value = serde_json::from_slice(&verified.stdout).unwrap();
    assert_eq!(report["damage"].as_array().map(Vec::len), Some(4), "{report}");
}

#[test]
fn completions_and_help_need_nothing() {
    for shell in ["bash", "zsh", "fish"] {
        let output = medallion(&["completions", shell]);
        assert!(output.status.success() && !output.stdout.is_empty(), "{shell}");
    }
    let help = String::from_utf8(medallion(&["--help"]).stdout).unwrap();
    assert!(help.contains("Exit codes") && help.contains("produce"), "{help}");
}

#[test]
fn directories_are_formatted_once() {
    let folder = tempfile::tempdir().unwrap();
    let directories = format!("log.dirs={}", folder.path().join("data").display());
    let id = "MkU3OEVBNTcwNTJENDM2Qk";
    let format = |more: &[&str]| {
        medallion(&[&["format", "--set", &directories, "--cluster-id", id, "--json"], more].concat())
    };
    let output = format(&["--release-version", "4.1"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let value: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(value["cluster_id"], id);
    assert_eq!(format(&[]).status.code(), Some(1));
    assert!(format(&["--ignore-formatted"]).status.success());
    assert_eq!(format(&["--release-version", "1.0"]).status.code(), Some(2));
}
