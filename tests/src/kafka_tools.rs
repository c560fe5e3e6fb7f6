//! Kafka's own command-line tools and client, in one JVM for each test program (a JVM is slow to start).

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::environment::{Missing, cached, program};
use crate::server::KAFKA;

/// How long one call may take.
const PATIENCE: Duration = Duration::from_mins(4);

/// What a tool printed and how it ended.
#[derive(Debug, Deserialize)]
pub struct Output {
    /// Its exit status.
    pub status: i32,
    /// Its standard output.
    pub out: String,
    /// Its standard error.
    pub err: String,
}

impl Output {
    /// The standard output of a tool that must succeed.
    pub fn success(self) -> String {
        assert!(self.status == 0, "the tool ended with {}\n{}\n{}", self.status, self.out, self.err);
        self.out
    }

    /// Everything printed by a tool that must fail.
    pub fn failure(self) -> String {
        assert!(self.status != 0, "the tool succeeded\n{}\n{}", self.out, self.err);
        self.out + &self.err
    }
}

/// Runs one of Kafka's tools: `kafka-topics`, `kafka-configs`, ... as named in its `bin` folder, without `.sh`.
///
/// # Errors
/// Where there is no Java or no Kafka on this machine.
pub fn run(tool: &str, arguments: &[&str]) -> Result<Output, Missing> {
    run_with_input(tool, arguments, "")
}

/// As [`run`], with a standard input.
///
/// # Errors
/// Where there is no Java or no Kafka on this machine.
pub fn run_with_input(tool: &str, arguments: &[&str], input: &str) -> Result<Output, Missing> {
    let request = json!({ "tool": class(tool), "args": arguments, "stdin": input });
    let answer = exchange(&request)?;
    Ok(serde_json::from_value(answer).expect("KafkaTools answers with status, out and err"))
}

/// Runs steps (see `tests/clients/README.md`) with Kafka's own client.
pub(crate) fn run_steps(bootstrap: &str, steps: &[Value]) -> Result<Vec<Value>, Missing> {
    let answer = exchange(&json!({ "bootstrap": bootstrap, "steps": steps }))?;
    Ok(answer["results"].as_array().expect("KafkaTools answers with results").clone())
}

/// Has Kafka's own server-side assignors assign (see `tests/clients/java/Assignors.java`).
///
/// # Errors
/// Where there is no Java or no Kafka on this machine.
pub(crate) fn assign(groups: &[Value]) -> Result<Vec<Value>, Missing> {
    let answer = exchange(&json!({ "assign": groups }))?;
    Ok(answer["results"].as_array().expect("Assignors answers with results").clone())
}

/// Has the assignors of Kafka's own consumer assign (see `tests/clients/java/ClientAssignors.java`).
///
/// # Errors
/// Where there is no Java or no Kafka on this machine.
pub fn assign_by_client(groups: &[Value]) -> Result<Vec<Value>, Missing> {
    let answer = exchange(&json!({ "assign_by_client": groups }))?;
    Ok(answer["results"].as_array().expect("ClientAssignors answers with results").clone())
}

/// Whether the tools can run here.
///
/// # Errors
/// Where there is no Java or no Kafka on this machine.
pub fn available() -> Result<(), Missing> {
    command().map(drop)
}

/// The tools that are run, and their classes.
pub(crate) const TOOLS: [(&str, &str); 21] = [
    ("kafka-topics", "org.apache.kafka.tools.TopicCommand"),
    ("kafka-configs", "kafka.admin.ConfigCommand"),
    ("kafka-console-producer", "org.apache.kafka.tools.ConsoleProducer"),
    ("kafka-console-consumer", "org.apache.kafka.tools.consumer.ConsoleConsumer"),
    ("kafka-get-offsets", "org.apache.kafka.tools.GetOffsetShell"),
    ("kafka-delete-records", "org.apache.kafka.tools.DeleteRecordsCommand"),
    ("kafka-log-dirs", "org.apache.kafka.tools.LogDirsCommand"),
    ("kafka-metadata-quorum", "org.apache.kafka.tools.MetadataQuorumCommand"),
    ("kafka-features", "org.apache.kafka.tools.FeatureCommand"),
    ("kafka-producer-perf-test", "org.apache.kafka.tools.ProducerPerformance"),
    ("kafka-broker-api-versions", "org.apache.kafka.tools.BrokerApiVersionsCommand"),
    ("kafka-dump-log", "org.apache.kafka.tools.DumpLogSegments"),
    ("kafka-leader-election", "org.apache.kafka.tools.LeaderElectionCommand"),
    ("kafka-reassign-partitions", "org.apache.kafka.tools.reassign.ReassignPartitionsCommand"),
    ("kafka-cluster", "org.apache.kafka.tools.ClusterTool"),
    ("kafka-consumer-groups", "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand"),
    ("kafka-groups", "org.apache.kafka.tools.GroupsCommand"),
    ("kafka-consumer-perf-test", "org.apache.kafka.tools.ConsumerPerformance"),
    ("kafka-e2e-latency", "org.apache.kafka.tools.EndToEndLatency"),
    ("kafka-client-metrics", "org.apache.kafka.tools.ClientMetricsCommand"),
    ("kafka-transactions", "org.apache.kafka.tools.TransactionsCommand"),
];

fn class(tool: &str) -> &'static str {
    let found = TOOLS.into_iter().find(|(name, _)| *name == tool);
    found.unwrap_or_else(|| panic!("no such tool: {tool}")).1
}

#[derive(Debug)]
struct Jvm {
    child: Child,
    requests: ChildStdin,
    answers: Receiver<String>,
}

static JVM: Mutex<Option<Jvm>> = Mutex::new(None);

/// One request and its answer; calls wait for each other, because the tools print to the JVM's one output.
fn exchange(request: &Value) -> Result<Value, Missing> {
    let mut slot = JVM.lock().unwrap_or_else(PoisonError::into_inner);
    if slot.is_none() {
        *slot = Some(Jvm::start()?);
    }
    let jvm = slot.as_mut().expect("just started");
    let line = format!("{request}\n");
    let sent = jvm.requests.write_all(line.as_bytes()).and_then(|()| jvm.requests.flush());
    let answer = sent.ok().and_then(|()| jvm.answers.recv_timeout(PATIENCE).ok());
    let Some(answer) = answer else {
        if let Some(mut broken) = slot.take() {
            let _ = broken.child.kill();
            let _ = broken.child.wait();
        }
        let head: String = line.chars().take(300).collect();
        panic!("Kafka's tools ended, or gave no answer within {PATIENCE:?}, to {head}");
    };
    Ok(serde_json::from_str(&answer).unwrap_or_else(|error| panic!("{error}: {answer}")))
}

/// The JVM of the tools and of Kafka's client.
pub(crate) fn command() -> Result<Command, Missing> {
    jvm("KafkaTools")
}

/// A JVM that runs a class of the tests' own or of Kafka's jars.
pub(crate) fn jvm(class: &str) -> Result<Command, Missing> {
    let classes = cached("java", "java")?;
    let jars = cached(&format!("kafka-{KAFKA}.classpath"), &format!("kafka-{KAFKA}"))?;
    let jars = std::fs::read_to_string(jars).map_err(|error| Missing(error.to_string()))?;
    let mut command = Command::new(program("java")?);
    command.args(["-Xmx768M", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]);
    command.args(["-Dorg.slf4j.simpleLogger.defaultLogLevel=error", "-cp"]);
    command.arg(format!("{}:{}", classes.display(), jars.trim())).arg(class);
    Ok(command)
}

impl Jvm {
    fn start() -> Result<Self, Missing> {
        let spawned = command()?.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        let mut child = spawned.map_err(|error| Missing(format!("java does not start: {error}")))?;
        let requests = child.stdin.take().expect("piped");
        let output = BufReader::new(child.stdout.take().expect("piped"));
        let (sender, answers) = mpsc::channel();
        thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Ok(Self { child, requests, answers })
    }
}
