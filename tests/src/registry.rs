//! A schema registry under test, in a process of its own, and other people's clients of it.

use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::environment::{Missing, cached, program, tests_folder};
use crate::server::{free_port, medallion_binary};

/// How long a registry may take to start or to stop.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running `medallion registry`; it ends with the value, and its log is shown when the test panics.
#[derive(Debug)]
pub struct RegistryServer {
    port: u16,
    settings: Vec<(String, String)>,
    folder: TempDir,
    child: Option<Child>,
}

impl RegistryServer {
    /// A registry on a cluster, with more settings.
    ///
    /// # Panics
    /// When it does not answer in time.
    pub fn start(bootstrap: &str, more: &[(&str, &str)]) -> Self {
        let mut server = Self::stopped(bootstrap, more);
        server.start_again();
        server
    }

    /// As [`RegistryServer::start`], with a listener among the settings that has this port.
    ///
    /// # Panics
    /// When it does not answer in time.
    pub fn start_at(bootstrap: &str, port: u16, more: &[(&str, &str)]) -> Self {
        let mut server = Self::stopped(bootstrap, more);
        server.port = port;
        server.start_again();
        server
    }

    /// What a registry prints that must refuse its settings or its topic.
    ///
    /// # Panics
    /// When it does not end by itself, or ends well.
    pub fn refusal(bootstrap: &str, more: &[(&str, &str)]) -> String {
        let mut server = Self::stopped(bootstrap, more);
        server.spawn();
        server.end()
    }

    /// What it has printed when it ends by itself, as it must.
    ///
    /// # Panics
    /// When it does not, or ends well.
    pub fn end(&mut self) -> String {
        let mut child = self.child.take().expect("the registry runs");
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = child.try_wait().expect("it is this process's child") {
                assert!(!status.success(), "the registry ended well: {}", self.log());
                return self.log();
            }
            if Instant::now() > deadline {
                drop(child.kill());
                panic!("the registry did not end: {}", self.log());
            }
            thread::sleep(Duration::from_millis(10));
        }
    }

    fn stopped(bootstrap: &str, more: &[(&str, &str)]) -> Self {
        let port = free_port();
        let own = [
            ("kafkastore.bootstrap.servers", bootstrap.to_owned()),
            ("kafkastore.topic.replication.factor", "1".to_owned()),
            // The machine of a test may be busy.
            ("kafkastore.timeout.ms", "20000".to_owned()),
            ("kafkagroup.session.timeout.ms", "30000".to_owned()),
            ("listeners", format!("http://127.0.0.1:{port}")),
            ("host.name", "127.0.0.1".to_owned()),
        ];
        let own = own.into_iter().map(|(name, value)| (name.to_owned(), value));
        let more = more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let folder = TempDir::with_prefix("medallion-registry-").expect("a temporary folder can be made");
        Self { port, settings: own.chain(more).collect(), folder, child: None }
    }

    /// Starts a registry that was stopped or killed, at the same port.
    ///
    /// # Panics
    /// When it does not answer in time.
    pub fn start_again(&mut self) {
        self.spawn();
        let deadline = Instant::now() + PATIENCE;
        while !self.is_ready() {
            let ended = self.child.as_mut().and_then(|child| child.try_wait().ok().flatten());
            assert!(ended.is_none(), "the registry ended at start: {}", self.log());
            assert!(Instant::now() < deadline, "the registry does not answer: {}", self.log());
            thread::sleep(Duration::from_millis(10));
        }
    }

    fn spawn(&mut self) {
        assert!(self.child.is_none(), "the registry runs already");
        let mut command = Command::new(medallion_binary());
        command.args(["registry", "--stop-with-stdin"]);
        for (name, value) in &self.settings {
            command.arg("--set").arg(format!("{name}={value}"));
        }
        let log =
            OpenOptions::new().create(true).append(true).open(self.log_file()).expect("a log can be opened");
        let errors = log.try_clone().expect("a file handle can be doubled");
        // It stops should the test program die: its standard input ends then.
        let child = command.stdin(Stdio::piped()).stdout(log).stderr(errors).spawn();
        self.child = Some(child.expect("the registry can be started"));
    }

    fn is_ready(&self) -> bool {
        let scheme = self.settings.iter().rev().find(|(name, _)| name == "listeners");
        if scheme.is_some_and(|(_, value)| value.starts_with("https")) {
            return TcpStream::connect(self.address()).is_ok();
        }
        matches!(self.try_ask("GET", "/health/ready", &[], ""), Ok(Answer { status: 200, .. }))
    }

    /// `host:port`
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// `http://host:port`
    pub fn url(&self) -> String {
        format!("http://{}", self.address())
    }

    /// All that it has printed.
    pub fn log(&self) -> String {
        fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    /// Asks it to stop, and waits for its end.
    ///
    /// # Panics
    /// When it does not end well.
    pub fn stop(&mut self) {
        self.signal(Signal::TERM);
        self.wait_for_end();
    }

    /// Waits for the end of a registry that was asked to stop.
    ///
    /// # Panics
    /// When it does not end, or not well.
    pub fn wait_for_end(&mut self) {
        let mut child = self.child.take().expect("the registry runs");
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = child.try_wait().expect("it is this process's child") {
                assert!(status.success(), "the registry ended with {status}: {}", self.log());
                return;
            }
            assert!(Instant::now() < deadline, "the registry does not stop: {}", self.log());
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Kills it (SIGKILL).
    ///
    /// # Panics
    /// When it does not run.
    pub fn kill(&mut self) {
        self.signal(Signal::KILL);
        drop(self.child.take().expect("the registry runs").wait());
    }

    /// The process id.
    ///
    /// # Panics
    /// When it does not run.
    pub fn process_id(&self) -> u32 {
        self.child.as_ref().expect("the registry runs").id()
    }

    /// Sends it a signal, as SIGSTOP.
    ///
    /// # Panics
    /// When it does not run.
    pub fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.process_id()).ok().and_then(Pid::from_raw).expect("a process id");
        kill_process(id, signal).expect("the registry's process is there");
    }

    /// The answer to a request with these headers.
    ///
    /// # Errors
    /// When nobody answers, or not by HTTP.
    pub fn try_ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> io::Result<Answer> {
        ask(&self.address(), method, path, headers, body)
    }

    /// The head of the answer to a request, and the bytes of its body as they came.
    ///
    /// # Panics
    /// When nobody answers, or not by HTTP.
    pub fn ask_bytes(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> (String, Vec<u8>) {
        let answer = ask_for_bytes(&self.address(), method, path, headers, "").expect("the registry answers");
        let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").expect("a head has an end");
        (String::from_utf8_lossy(&answer[..end]).into_owned(), answer[end + 4..].to_vec())
    }

    /// The status and the JSON of the answer to a request.
    ///
    /// # Panics
    /// When nobody answers by JSON.
    pub fn ask(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let text = if body.is_null() { String::new() } else { body.to_string() };
        let headers = [("Content-Type", "application/vnd.schemaregistry.v1+json")];
        let answer = self.try_ask(method, path, &headers, &text).expect("the registry answers");
        (answer.status, serde_json::from_str(&answer.body).unwrap_or(Value::String(answer.body)))
    }

    /// The JSON of a GET that must succeed.
    ///
    /// # Panics
    /// When it does not.
    pub fn get(&self, path: &str) -> Value {
        let (status, body) = self.ask("GET", path, &Value::Null);
        assert_eq!(status, 200, "GET {path}: {body}");
        body
    }

    /// Whether this instance writes, as its metrics say.
    pub fn is_leader(&self) -> bool {
        let metrics = self.try_ask("GET", "/metrics", &[], "");
        metrics.is_ok_and(|answer| answer.body.contains("\nmedallion_schema_registry_leader 1\n"))
    }

    /// The id of a schema that must be registered under a subject.
    ///
    /// # Panics
    /// When it is not.
    pub fn register(&self, subject: &str, schema: &str) -> i64 {
        let path = format!("/subjects/{subject}/versions");
        let (status, body) = self.ask("POST", &path, &json!({ "schema": schema }));
        assert_eq!(status, 200, "POST {path}: {body}");
        body["id"].as_i64().expect("an id")
    }

    fn log_file(&self) -> std::path::PathBuf {
        self.folder.path().join("registry.log")
    }
}

impl Drop for RegistryServer {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            drop(child.kill());
            drop(child.wait());
        }
        if thread::panicking() {
            let log = self.log();
            let lines: Vec<&str> = log.lines().collect();
            eprintln!("the registry's log:\n{}", lines[lines.len().saturating_sub(60)..].join("\n"));
        }
    }
}

/// An answer over HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The lines of the head.
    pub head: String,
    /// The body.
    pub body: String,
}

/// One request over HTTP, on a connection of its own.
///
/// # Errors
/// When nobody answers, or not by HTTP with a body in one piece.
pub fn ask(
    address: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> io::Result<Answer> {
    let answer = ask_for_bytes(address, method, path, headers, body)?;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let malformed = || io::Error::other(format!("no whole answer: {answer:?}"));
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(malformed)?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(malformed)?;
    Ok(Answer { status, head: head.to_owned(), body: body.to_owned() })
}

fn ask_for_bytes(
    address: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n");
    for (name, value) in headers {
        write!(head, "{name}: {value}\r\n").expect("a string takes all");
    }
    write!(head, "Content-Length: {}\r\n\r\n", body.len()).expect("a string takes all");
    // A server that refuses a body early may close before all of it is sent.
    drop(stream.write_all(format!("{head}{body}").as_bytes()));
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Err(error) if answer.is_empty() => Err(error),
        _ => Ok(answer),
    }
}

/// Somebody's client of schema registries (see `tests/clients/README.md`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RegistryClient {
    /// confluent-kafka-python.
    Confluent,
    /// `@kafkajs/confluent-schema-registry`, in Node.
    KafkaJs,
    /// `@confluentinc/schemaregistry`, in Node.
    ConfluentNode,
    /// confluent-kafka-go's `schemaregistry`, with its serializers.
    ConfluentGo,
    /// Confluent's Java client, as Apache Flink brings it.
    ConfluentJava,
    /// franz-go's `pkg/sr`.
    FranzGo,
    /// The crate `schema_registry_converter`.
    RustConverter,
}

impl RegistryClient {
    /// What the client's program, which `tests/clients` has, sees at this URL.
    ///
    /// # Errors
    /// Where the client is not on this machine.
    ///
    /// # Panics
    /// When the program fails.
    pub fn run(self, url: &str) -> Result<Value, Missing> {
        let mut command = self.command()?;
        let output = command.arg(url).stdin(Stdio::null()).output();
        let output = output.map_err(|error| Missing(format!("{command:?} does not start: {error}")))?;
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{self:?}: {}\n{printed}\n{errors}", output.status);
        let last = printed.lines().last().unwrap_or_default();
        Ok(serde_json::from_str(last).unwrap_or_else(|error| panic!("{self:?} printed {printed:?}: {error}")))
    }

    fn command(self) -> Result<Command, Missing> {
        let clients = tests_folder().join("clients");
        let node = |file: &str| -> Result<Command, Missing> {
            let modules = cached("node/node_modules", "node")?;
            let mut command = Command::new(program("node")?);
            command.env("NODE_PATH", modules).arg(clients.join("node").join(file));
            Ok(command)
        };
        match self {
            Self::Confluent => {
                let mut command = Command::new(cached("python/bin/python", "python")?);
                command.arg(clients.join("python/registry_client.py"));
                Ok(command)
            }
            Self::KafkaJs => node("registry_kafkajs.js"),
            Self::ConfluentNode => node("registry_confluent.js"),
            Self::ConfluentGo => Ok(Command::new(cached("confluent-go", "go-confluent")?)),
            Self::ConfluentJava => {
                let part = "java-confluent";
                let jars = cached("java-confluent/classpath", part)?;
                let classes = cached("java-confluent/classes", part)?;
                let jars = fs::read_to_string(jars).map_err(|error| Missing(error.to_string()))?;
                let mut command = Command::new(program("java")?);
                command.args(["-Xmx256M", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp"]);
                command.arg(format!("{}:{}", classes.display(), jars.trim())).arg("RegistryClient");
                Ok(command)
            }
            Self::FranzGo => Ok(Command::new(cached("franz-go-sr", "go")?)),
            Self::RustConverter => Ok(Command::new(cached("registry-client", "rust")?)),
        }
    }
}
