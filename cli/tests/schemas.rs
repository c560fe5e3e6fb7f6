//! `medallion schema`: without a registry, and against the one of `medallion up`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

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
    let cases: [(&[&str], i32, &[&str]); 5] = [
        (
            &["schema", "check", &broken, "--against", &broken],
            1,
            &["broken.avsc is not a valid AVRO schema", "lon"],
        ),
        (&["schema", "check", &unknown, "--against", &unknown], 2, &["schema.txt", "--type"]),
        (&["schema", "check", &broken], 2, &["--subject"]),
        (&["schema", "check", "absent.avsc", "--against", &broken], 1, &["absent.avsc"]),
        (&["schema", "list", "--registry", "http://127.0.0.1:1"], 3, &["127.0.0.1:1"]),
    ];
    for (arguments, code, parts) in cases {
        let output = medallion(arguments);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        assert!(parts.iter().all(|part| said.contains(part)), "{arguments:?}: {said}");
    }
}
