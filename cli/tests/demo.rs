//! The demo, from the first trip to the last comparison.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::TcpListener;
use std::process::{Command, Output};

use serde_json::Value;

/// A port that is free, and the one behind it too.
fn two_free_ports() -> u16 {
    for _ in 0..100 {
        let first = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = first.local_addr().unwrap().port();
        if port < u16::MAX && TcpListener::bind(("127.0.0.1", port + 1)).is_ok() {
            return port;
        }
    }
    panic!("no two free ports side by side");
}

fn demo(arguments: &[&str]) -> Output {
    let ports = [(); 2].map(|()| TcpListener::bind(("127.0.0.1", 0)).unwrap());
    let [metrics_port, registry_port] = ports.map(|listener| listener.local_addr().unwrap().port());
    Command::new(env!("CARGO_BIN_EXE_medallion"))
        .args(["demo", "--mode", "once", "--port", &two_free_ports().to_string()])
        .args(["--metrics-port", &metrics_port.to_string()])
        .args(["--registry-port", &registry_port.to_string()])
        .args(arguments)
        .env("MEDALLION_DEMO_PYTHON", python())
        .env_remove("TRIPS")
        .env_remove("REPEAT")
        .output()
        .unwrap()
}

/// The interpreter with confluent-kafka that the tests use, where it is set up.
fn python() -> std::path::PathBuf {
    let found = medallion_tests::environment::cached("python/bin/python", "python");
    found.unwrap_or_else(|_| "python3".into())
}

fn result(output: &Output) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn made_up_trips_come_out_as_they_went_in() {
    let value = result(&demo(&["--count", "3000", "--json"]));
    assert_eq!(value["agree"], true);
    assert_eq!(value["written"]["records"], 3000);
    let schemas = &value["schemas"];
    assert_eq!(
        (&schemas["ids"], &schemas["trips_read"]),
        (&serde_json::json!([1, 2]), &serde_json::json!(3000))
    );
    assert_eq!(schemas["tips_read"], schemas["tips_written"]);
    assert!(schemas["tips_read"].as_f64().unwrap() > 0.0, "{schemas}");
    assert_eq!(schemas["refused"]["place"], "Trip.driver_id");
    if medallion_tests::environment::cached("python/bin/python", "python").is_ok() {
        assert!(schemas["reader"].as_str().unwrap().starts_with("Python's"), "{schemas}");
    }
    let boroughs = value["boroughs"].as_array().unwrap();
    assert!(boroughs.len() >= 4, "{boroughs:?}");
    assert!(boroughs.iter().all(|borough| borough["fares_written"] == borough["fares_read"]));
}

#[test]
fn trips_of_a_file_are_repeated_and_their_data_kept_where_it_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("trips.csv");
    let header = "lpep_pickup_datetime,lpep_dropoff_datetime,PULocationID,DOLocationID,fare_amount";
    let trip = "2019-03-23 20:21:09,2019-03-23 20:27:24,132,230,52.0";
    std::fs::write(&file, format!("{header}\n{trip}\n{trip}\n,,132,230,52.0\n")).unwrap();
    let data = folder.path().join("kept");
    let arguments =
        ["--trips", file.to_str().unwrap(), "--repeat", "3", "--data", data.to_str().unwrap(), "--json"];
    let value = result(&demo(&arguments));
    assert_eq!(value["boroughs"][0]["borough"], "Queens");
    assert_eq!(value["boroughs"][0]["trips_read"], 6);
    assert_eq!(value["boroughs"][0]["fares_read"], 312.0);
    assert!(data.join("data").join("meta.properties").exists());
}

#[test]
fn people_are_told_where_to_look() {
    let output = demo(&["--count", "500"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    for part in [
        "500 trips made up from seed 1",
        "250 with schema 1 and 250 with schema 2",
        "version 3, for Trip.driver_id: READER_FIELD_MISSING_DEFAULT_VALUE",
        "What helps: give the field driver_id a default",
        "All that went in came out: 500 trips",
        "/metrics",
        "Where to look",
    ] {
        assert!(text.contains(part), "{part} is missing in:\n{text}");
    }
    assert!(!text.contains('\x1b'), "no colors without a terminal");
}
