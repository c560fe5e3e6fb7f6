//! `medallion schema`: without a registry, and against the one of `medallion up`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output};
use std::thread::{self, JoinHandle};

use common::Server;
use serde_json::{Value, json};

fn medallion(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_medallion"))
        .args(arguments)
        .env_remove("MEDALLION_SCHEMA_REGISTRY")
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn write(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

fn record(fields: &str) -> String {
    format!(r#"{{"type":"record","name":"Trip","fields":[{{"name":"id","type":"long"}}{fields}]}}"#)
}

#[test]
fn a_file_is_checked_against_another_without_a_registry() {
    let folder = tempfile::tempdir().unwrap();
    let old = write(folder.path(), "old.avsc", &record(""));
    let new = write(folder.path(), "new.avsc", &record(r#",{"name":"fare","type":"double"}"#));
    let checked = medallion(&["schema", "check", &new, "--against", &old]);
    assert_eq!(checked.status.code(), Some(1));
    let said = text(&checked.stdout);
    for part in [
        "Trip.fare  READER_FIELD_MISSING_DEFAULT_VALUE",
        "What helps: give the field fare a default",
        "NONE, FORWARD",
    ] {
        assert!(said.contains(part), "{part} is missing in:\n{said}");
    }
    let checked = medallion(&["schema", "check", &new, "--against", &old, "--level", "forward", "--json"]);
    assert!(checked.status.success());
    let value: Value = serde_json::from_slice(&checked.stdout).unwrap();
    assert_eq!((&value["compatible"], &value["level"]), (&json!(true), &json!("FORWARD")));
}

#[test]
fn two_files_are_compared() {
    let folder = tempfile::tempdir().unwrap();
    let message = |fields: &str| format!("syntax = \"proto3\";\nmessage Trip {{ int64 id = 1; {fields} }}\n");
    let old = write(folder.path(), "old.proto", &message("double fare = 2;"));
    let new = write(folder.path(), "new.proto", &message("string fare = 2;"));
    let compared = medallion(&["schema", "diff", &old, &new]);
    assert!(compared.status.success(), "{}", text(&compared.stderr));
    let said = text(&compared.stdout);
    for part in [
        "-  double fare = 2;",
        "+  string fare = 2;",
        "no:  the new schema reads old data",
        "Trip.fare (field 2)",
    ] {
        assert!(said.contains(part), "{part} is missing in:\n{said}");
    }
    let same: Value =
        serde_json::from_slice(&medallion(&["schema", "diff", &old, &old, "--json"]).stdout).unwrap();
    assert_eq!((&same["same"], &same["new_reads_old_data"]), (&json!(true), &json!(true)));
}

#[test]
fn what_cannot_be_checked_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let broken = write(
        folder.path(),
        "broken.avsc",
        r#"{"type":"record","name":"Trip","fields":[{"name":"id","type":"lon"}]}"#,
    );
    let unknown = write(folder.path(), "schema.txt", "{}");
    let cases: [(&[&str], i32, &[&str]); 6] = [
        (
            &["schema", "check", &broken, "--against", &broken],
            1,
            &["broken.avsc is not a valid AVRO schema", "lon"],
        ),
        (&["schema", "check", &unknown, "--against", &unknown], 2, &["schema.txt", "--type"]),
        (&["schema", "check", &broken], 2, &["subject", "--against"]),
        (&["schema", "check", "absent.avsc", "--against", &broken], 1, &["absent.avsc"]),
        (&["schema", "check", "trips-value", &broken, "--against", &broken], 2, &["--against"]),
        (&["schema", "list", "--registry", "http://127.0.0.1:1"], 3, &["127.0.0.1:1"]),
    ];
    for (arguments, code, parts) in cases {
        let output = medallion(arguments);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        assert!(parts.iter().all(|part| said.contains(part)), "{arguments:?}: {said}");
    }
}

/// As one who works with a registry does it: register, refuse, check, mend, register, compare, delete.
#[test]
fn a_subject_lives_from_its_first_schema_to_its_end() {
    let (server, url) = Server::start_with_registry();
    let folder = tempfile::tempdir().unwrap();
    let schema = |arguments: &[&str]| {
        let output = medallion(&[&["schema"], arguments, &["--registry", &url]].concat());
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    let json_of = |arguments: &[&str]| -> Value {
        let (code, out, err) = schema(&[arguments, &["--json"]].concat());
        assert_eq!(code, Some(0), "{arguments:?}: {err}");
        serde_json::from_str(&out).unwrap()
    };
    let first = write(folder.path(), "first.avsc", &record(""));
    let broken = write(folder.path(), "broken.avsc", &record(r#",{"name":"fare","type":"double"}"#));
    let mended =
        write(folder.path(), "mended.avsc", &record(r#",{"name":"fare","type":"double","default":0}"#));
    assert_eq!(json_of(&["list"]), json!([]));
    let registered = json_of(&["register", "trips-value", &first]);
    assert_eq!((&registered["version"], &registered["id"]), (&json!(1), &json!(1)));
    let (code, _, err) = schema(&["register", "trips-value", &broken]);
    assert_eq!(code, Some(1));
    assert!(
        err.contains("trips-value does not take") && err.contains("medallion schema check trips-value "),
        "{err}"
    );
    let (code, out, _) = schema(&["check", "trips-value", &broken]);
    assert_eq!(code, Some(1));
    assert!(out.contains("version 1 of trips-value") && out.contains("Trip.fare"), "{out}");
    assert_eq!(schema(&["check", "trips-value", &mended]).0, Some(0));
    assert_eq!(schema(&["check", &mended, "--subject", "trips-value"]).0, Some(0));
    assert_eq!(json_of(&["register", "trips-value", &mended])["version"], 2);
    let got = json_of(&["get", "trips-value"]);
    assert_eq!((&got["version"], &got["type"]), (&json!(2), &json!("AVRO")));
    let (_, out, _) = schema(&["diff", "trips-value:1", "trips-value:latest"]);
    assert!(out.contains("yes: the new schema reads old data") && out.contains("\"fare\""), "{out}");
    assert_eq!(schema(&["compat"]).1, "BACKWARD\n");
    json_of(&["compat", "trips-value", "--set", "full-transitive"]);
    assert_eq!(schema(&["compat", "trips-value"]).1, "FULL_TRANSITIVE\n");
    let listed = json!({ "subject": "trips-value", "latest": 2, "id": 2, "type": "AVRO" });
    assert_eq!(json_of(&["list"]), json!([listed]));
    assert_eq!(json_of(&["list", "--prefix", "other"]), json!([]));
    assert_eq!(json_of(&["list", "--levels"])[0]["level"], "FULL_TRANSITIVE");
    let (_, out, _) = schema(&["list", "--levels"]);
    assert_eq!(out, "SUBJECT      TYPE  LATEST  ID  LEVEL\ntrips-value  AVRO       2   2  FULL_TRANSITIVE\n");
    assert_eq!(json_of(&["compat", "trips-value", "--unset"])["level"], "BACKWARD");
    assert_eq!(json_of(&["delete", "trips-value", "--version", "1"])["deleted"], json!([1]));
    assert_eq!(json_of(&["delete", "trips-value"])["deleted"], json!([2]));
    assert_eq!(json_of(&["list"]), json!([]));
    assert_eq!(
        schema(&["list", "--deleted"]).1,
        "SUBJECT      TYPE     LATEST  ID\ntrips-value  deleted       -   -\n"
    );
    assert_eq!(json_of(&["delete", "trips-value", "--permanent"])["deleted"], json!([1, 2]));
    let (code, _, err) = schema(&["get", "trips-value"]);
    assert_eq!(code, Some(1));
    assert!(err.contains("40401"), "{err}");
    server.stop();
}

/// Answers `requests` requests over HTTP by path and query, and gives them back.
fn answering(
    answers: impl Fn(&str) -> (u16, Value) + Send + 'static,
    requests: usize,
) -> (String, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked = thread::spawn(move || {
        let mut asked = Vec::new();
        while asked.len() < requests {
            let (mut stream, _) = listener.accept().unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                head.push(byte[0]);
            }
            let path = text(&head).split(' ').nth(1).unwrap().to_owned();
            let (status, body) = answers(&path);
            let body = body.to_string();
            let length = body.len();
            write!(
                stream,
                "HTTP/1.1 {status} x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
            )
            .unwrap();
            asked.push(path);
        }
        asked
    });
    (url, asked)
}

fn entry(subject: &str, version: i32) -> Value {
    json!({ "subject": subject, "version": version, "id": version + 10, "schema": "\"int\"" })
}

fn listed(url: &str, more: &[&str]) -> String {
    let output = medallion(&[&["schema", "list", "--registry", url], more].concat());
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}

#[test]
fn a_long_list_comes_in_parts() {
    let parts = |path: &str| {
        let all = ["a", "b", "c", "d", "e"].map(|subject| entry(subject, 3));
        let offset: usize = path.rsplit_once("offset=").unwrap().1.parse().unwrap();
        (200, all.into_iter().skip(offset).take(2).collect())
    };
    let (url, asked) = answering(parts, 4);
    assert_eq!(listed(&url, &[]).lines().count(), 6);
    let asked = asked.join().unwrap();
    assert!(
        asked.iter().all(|path| path.starts_with("/schemas?subjectPrefix=&latestOnly=true")),
        "{asked:?}"
    );
}

#[test]
fn a_registry_that_knows_neither_parts_nor_latest_versions_is_understood() {
    let all = |_: &str| (200, json!([entry("a", 1), entry("a", 2), entry("b", 1), entry("ab", 7)]));
    let (url, asked) = answering(all, 2);
    let expected = "SUBJECT  TYPE  LATEST  ID\na        AVRO       2  12\nab       AVRO       7  17\n";
    assert_eq!(listed(&url, &["--prefix", "a"]), expected);
    assert_eq!(asked.join().unwrap().len(), 2);
}

#[test]
fn a_registry_without_lists_of_schemas_is_asked_for_each_subject() {
    let older = |path: &str| match path {
        "/subjects/a/versions/latest" => (200, entry("a", 4)),
        "/subjects/b/versions/latest" => {
            (404, json!({ "error_code": 40401, "message": "deleted meanwhile" }))
        }
        _ if path.starts_with("/subjects?") => (200, json!(["a", "b"])),
        _ => (404, json!({ "error_code": 404, "message": "HTTP 404 Not Found" })),
    };
    let (url, asked) = answering(older, 4);
    assert_eq!(listed(&url, &[]), "SUBJECT  TYPE  LATEST  ID\na        AVRO       4  14\n");
    assert_eq!(asked.join().unwrap().len(), 4);
}
