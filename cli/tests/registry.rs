//! `medallion up` with its schema registry, and `medallion registry` where it must refuse.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

fn free_ports<const N: usize>() -> [String; N] {
    let listeners = [(); N].map(|()| TcpListener::bind(("127.0.0.1", 0)).unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port().to_string())
}

fn post(address: &str, path: &str, body: &Value) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    let body = body.to_string();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Type: application/json\r\n"
    );
    write!(stream, "{head}Content-Length: {}\r\n\r\n{body}", body.len()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// `medallion up` in a folder, at the same ports whenever it is started.
struct Up {
    folder: tempfile::TempDir,
    ports: [String; 3],
}

impl Up {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), ports: free_ports() }
    }

    /// The process, what it announces, and the registry's address.
    fn start(&self) -> (Child, Value, String) {
        let [port, controller, registry] = &self.ports;
        let mut child = Command::new(env!("CARGO_BIN_EXE_medallion"))
            .args(["up", "--stop-with-stdin", "--json", "--set", "medallion.metrics.listener="])
            .args(["--port", port, "--controller-port", controller, "--registry-port", registry])
            .arg("--data")
            .arg(self.folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let announced = serde_json::from_str(&line).unwrap();
        (child, announced, format!("127.0.0.1:{registry}"))
    }
}

fn register(address: &str, subject: &str, schema: &str) -> String {
    post(address, &format!("/subjects/{subject}/versions"), &json!({ "schema": schema }))
}

#[test]
fn up_has_a_registry_that_stops_with_it() {
    let up = Up::new();
    let (mut child, announced, address) = up.start();
    assert_eq!(announced["schema_registry"], json!(format!("http://{address}")));
    let answer = register(&address, "a", "\"string\"");
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("\"id\":1"), "{answer}");
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
    assert!(TcpStream::connect(&address).is_err());
}

/// Those who were killed are members of the registries' group for 30 seconds more.
#[test]
fn up_registers_again_as_soon_as_it_was_killed_and_started() {
    let up = Up::new();
    for (id, schema) in [(1, "\"string\""), (2, "\"int\""), (3, "\"long\"")] {
        let (mut child, _, address) = up.start();
        let started = Instant::now();
        let answer = register(&address, &format!("s{id}"), schema);
        let whole = answer.starts_with("HTTP/1.1 200") && answer.contains(&format!("\"id\":{id}"));
        assert!(whole && started.elapsed() < Duration::from_secs(9), "{:?}: {answer}", started.elapsed());
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

#[test]
fn what_is_wrong_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("registry.properties");
    std::fs::write(
        &file,
        "listeners=http://127.0.0.1:0\nkafkastore.bootstrap.servers=127.0.0.1:1\nkafkastore.tpic=x\n",
    )
    .unwrap();
    let refused = |arguments: &[&str]| {
        let output =
            Command::new(env!("CARGO_BIN_EXE_medallion")).arg("registry").args(arguments).output().unwrap();
        assert!(!output.status.success());
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let message = refused(&[file.to_str().unwrap()]);
    assert!(message.contains("kafkastore.") && message.contains("tpic"), "{message}");
    let nobody = refused(&[
        "--set=listeners=http://127.0.0.1:0",
        "--set=kafkastore.bootstrap.servers=127.0.0.1:1",
        "--set=kafkastore.init.timeout.ms=3500",
    ]);
    assert!(nobody.contains("kafkastore.bootstrap.servers=127.0.0.1:1 answered within 3500 ms"), "{nobody}");
    assert!(refused(&["no-such-file"]).contains("no-such-file"));
    assert!(refused(&[]).contains("kafkastore.bootstrap.servers"));
    assert!(refused(&["--set", "nonsense"]).contains("NAME=VALUE"));
}

#[test]
fn settings_without_effect_are_told_of_in_the_log() {
    // It ends at once: the address is taken.
    let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let listener = format!("listeners=http://{}", taken.local_addr().unwrap());
    let output = Command::new(env!("CARGO_BIN_EXE_medallion"))
        .args(["registry", "--set", &listener, "--set", "kafkastore.bootstrap.servers=127.0.0.1:1"])
        .args(["--set", "metrics.jmx.prefix=registry"])
        .output()
        .unwrap();
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(!output.status.success() && said.contains("listeners"), "{said}");
    assert!(said.contains("a setting without effect") && said.contains("metrics.jmx.prefix"), "{said}");
}
