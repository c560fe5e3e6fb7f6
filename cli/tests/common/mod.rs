//! A broker of this binary for a test, and the binary's commands against it.

#![allow(dead_code, reason = "each test uses its part")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

const START_MAX: Duration = Duration::from_secs(30);

/// A running `medallion up`; it is stopped when dropped.
pub(crate) struct Server {
    child: Child,
    port: u16,
    /// Removed with the server.
    folder: Option<TempDir>,
}

impl Server {
    /// A broker with its data in a folder of its own.
    pub(crate) fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let mut server = Self::start_in(folder.path());
        server.folder.replace(folder);
        server
    }

    /// A broker with a schema registry, and the registry's URL.
    pub(crate) fn start_with_registry() -> (Self, String) {
        let folder = TempDir::new().unwrap();
        let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port().to_string();
        let mut server = Self::start_as(folder.path(), &["--registry-port", &port]);
        server.folder.replace(folder);
        let (address, started) = (format!("127.0.0.1:{port}"), Instant::now());
        // It comes after the broker, which it asks for its predecessor first.
        while TcpStream::connect(&address).is_err() {
            assert!(started.elapsed() < START_MAX, "the registry does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        (server, format!("http://{address}"))
    }

    /// A broker with its data below `folder`.
    pub(crate) fn start_in(folder: &Path) -> Self {
        Self::start_as(folder, &["--no-registry"])
    }

    fn start_as(folder: &Path, registry: &[&str]) -> Self {
        let ports = [(); 2].map(|()| TcpListener::bind(("127.0.0.1", 0)).unwrap());
        let [port, controller_port] = ports.map(|listener| listener.local_addr().unwrap().port());
        let child = Command::new(env!("CARGO_BIN_EXE_medallion"))
            .args(["up", "--stop-with-stdin", "--set", "medallion.metrics.listener=", "--quiet"])
            .args(registry)
            .args(["--port", &port.to_string(), "--controller-port", &controller_port.to_string()])
            .arg("--data")
            .arg(folder.join("data"))
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let mut server = Self { child, port, folder: None };
        let started = Instant::now();
        while !server.run(&["topic", "list"]).status.success() {
            assert!(started.elapsed() < START_MAX, "the broker does not answer");
            assert!(server.child.try_wait().unwrap().is_none(), "the broker has ended");
            std::thread::sleep(Duration::from_millis(20));
        }
        server
    }

    /// Stops in order; panics when the broker says that something went wrong.
    pub(crate) fn stop(mut self) {
        drop(self.child.stdin.take());
        assert!(self.child.wait().unwrap().success(), "the broker did not stop in order");
    }

    /// Runs a command.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.run_with(arguments, b"")
    }

    /// Starts a command, all of its streams piped.
    pub(crate) fn spawn(&self, arguments: &[&str]) -> Child {
        Command::new(env!("CARGO_BIN_EXE_medallion"))
            .args(arguments)
            .args(["--bootstrap-server", &format!("127.0.0.1:{}", self.port)])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    /// Runs a command with this on its standard input.
    pub(crate) fn run_with(&self, arguments: &[&str], input: &[u8]) -> Output {
        let mut child = self.spawn(arguments);
        // A command that reads no input may have closed it.
        let _ = child.stdin.take().unwrap().write_all(input);
        child.wait_with_output().unwrap()
    }

    /// What a command that must succeed prints.
    pub(crate) fn text(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// The JSON that a command that must succeed prints.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.text(&[arguments, &["--json"]].concat())).unwrap()
    }

    /// The JSON lines that a command that must succeed prints.
    pub(crate) fn json_lines(&self, arguments: &[&str]) -> Vec<Value> {
        let text = self.text(&[arguments, &["--json"]].concat());
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// Waits until something holds; panics when it does not for long.
pub(crate) fn eventually(condition: impl Fn() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(started.elapsed() < START_MAX, "it does not come");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Sends SIGINT, as Ctrl-C does, and waits for the end. Standard input stays open until then.
pub(crate) fn interrupt(mut child: Child) -> Output {
    let input = child.stdin.take();
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
    let output = child.wait_with_output().unwrap();
    drop(input);
    output
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
