//! Other people's clients as programs that run steps (see `tests/clients/README.md`).

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::environment::{Missing, cached, program, tests_folder};
use crate::record::{Hex, Record};
use crate::{kafka_tools, kcat};

/// A client library or program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Client {
    /// Apache Kafka's own, in Java.
    Java,
    /// confluent-kafka-python, on librdkafka.
    Confluent,
    /// kafka-python.
    KafkaPython,
    /// aiokafka.
    Aiokafka,
    /// franz-go.
    FranzGo,
    /// sarama.
    Sarama,
    /// KafkaJS, as producer, admin and member of groups: it does not read by partition.
    KafkaJs,
    /// kcat, on librdkafka.
    Kcat,
    /// The `rdkafka` crate, on librdkafka.
    Rdkafka,
}

/// A produce step.
#[derive(Debug, Clone)]
pub struct Produce<'a> {
    /// To which topic.
    pub topic: &'a str,
    /// To which partition.
    pub partition: i32,
    /// `none`, `gzip`, `snappy`, `lz4` or `zstd`.
    pub codec: &'a str,
    /// `0`, `1` or `all`.
    pub acks: &'a str,
    /// Whether the producer is idempotent.
    pub idempotent: bool,
    /// What is sent, in order.
    pub records: &'a [Record],
}

impl Produce<'_> {
    /// The step as JSON.
    pub fn step(&self) -> Value {
        json!({
            "do": "produce", "topic": self.topic, "partition": self.partition, "codec": self.codec,
            "acks": self.acks, "idempotent": self.idempotent, "records": self.records,
        })
    }
}

/// A step that reads offsets `from..until` of a partition.
pub fn read_step(topic: &str, partition: i32, from: i64, until: i64) -> Value {
    json!({ "do": "read", "topic": topic, "partition": partition, "from": from, "until": until, "seconds": 60 })
}

/// The records in the answer to a read step.
pub fn records_of(answer: &Value) -> Vec<Record> {
    assert!(answer.get("records").is_some(), "the read failed: {answer}");
    serde_json::from_value(answer["records"].clone()).expect("the program prints records")
}

impl Client {
    /// The codecs that the client has without C code that would have to be built.
    pub fn codecs(self) -> &'static [&'static str] {
        match self {
            Self::KafkaJs => &["none", "gzip", "snappy"],
            _ => &["none", "gzip", "snappy", "lz4", "zstd"],
        }
    }

    /// Whether the client has a way to send this record.
    pub fn can_send(self, record: &Record) -> bool {
        let empty = |field: &Option<Hex>| field.as_ref().is_some_and(|bytes| bytes.0.is_empty());
        match self {
            Self::KafkaPython | Self::Aiokafka => {
                let headers = record.headers.iter().all(|(_, value)| value.is_some());
                headers && (record.key.is_some() || record.value.is_some())
            }
            Self::KafkaJs => record.headers.iter().all(|(_, value)| value.is_some()),
            // Keys and headers are arguments, an empty line is not a record.
            Self::Kcat => {
                !empty(&record.key)
                    && !empty(&record.value)
                    && (record.key.is_some() || record.value.is_some())
            }
            _ => true,
        }
    }

    /// Whether the client lets its user choose timestamps.
    pub fn sets_timestamps(self) -> bool {
        self != Self::Kcat
    }

    /// Whether the client can run here.
    ///
    /// # Errors
    /// The reason why not.
    pub fn available(self) -> Result<(), Missing> {
        match self {
            Self::Java => kafka_tools::available(),
            Self::Kcat => program("kcat").map(drop),
            _ => self.command().map(drop),
        }
    }

    /// Runs the steps in order and returns the answer to each.
    ///
    /// # Errors
    /// Where the client is not on this machine.
    pub fn run(self, bootstrap: &str, steps: &[Value]) -> Result<Vec<Value>, Missing> {
        match self {
            Self::Java => kafka_tools::run_steps(bootstrap, steps),
            Self::Kcat => kcat::run_steps(bootstrap, steps),
            _ => self.run_program(bootstrap, steps),
        }
    }

    /// As [`Self::run`], where no step may fail.
    ///
    /// # Errors
    /// Where the client is not on this machine.
    pub fn run_well(self, bootstrap: &str, steps: &[Value]) -> Result<Vec<Value>, Missing> {
        let answers = self.run(bootstrap, steps)?;
        for (step, answer) in steps.iter().zip(&answers) {
            let failed = answer.get("error").or_else(|| answer.get("unsupported"));
            assert!(failed.is_none(), "{self:?}: {answer} to {}", head(step));
        }
        Ok(answers)
    }

    /// The program that reads steps from its standard input.
    pub(crate) fn command(self) -> Result<Command, Missing> {
        let clients = tests_folder().join("clients");
        let mut command;
        match self {
            Self::Confluent | Self::KafkaPython | Self::Aiokafka => {
                let script = match self {
                    Self::Confluent => "confluent_client.py",
                    Self::KafkaPython => "kafka_python_client.py",
                    _ => "aiokafka_client.py",
                };
                command = Command::new(cached("python/bin/python", "python")?);
                command.arg("-B").arg(clients.join("python").join(script));
            }
            Self::FranzGo => command = Command::new(cached("franz-go", "go")?),
            Self::Sarama => command = Command::new(cached("sarama", "go")?),
            Self::Rdkafka => command = Command::new(cached("rdkafka-client", "rust")?),
            Self::KafkaJs => {
                let modules = cached("node/node_modules", "node")?;
                command = Command::new(program("node")?);
                command.env("NODE_PATH", modules).env("KAFKAJS_NO_PARTITIONER_WARNING", "1");
                command.arg(clients.join("node").join("kafkajs_client.js"));
            }
            Self::Java => command = kafka_tools::command()?,
            Self::Kcat => panic!("kcat takes no steps"),
        }
        Ok(command)
    }

    fn run_program(self, bootstrap: &str, steps: &[Value]) -> Result<Vec<Value>, Missing> {
        let mut command = self.command()?;
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child =
            command.spawn().map_err(|error| Missing(format!("{self:?} does not start: {error}")))?;
        let request = json!({ "bootstrap": bootstrap, "steps": steps }).to_string();
        let mut input = child.stdin.take().expect("piped");
        input.write_all(request.as_bytes()).expect("the program reads its input");
        drop(input);
        let output = child.wait_with_output().expect("the program's output can be read");
        let text = String::from_utf8_lossy(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr);
        let answers: Vec<Value> = text
            .lines()
            .map(|line| {
                serde_json::from_str(line).unwrap_or_else(|e| panic!("{self:?}: {e}: {line}\n{errors}"))
            })
            .collect();
        assert_eq!(answers.len(), steps.len(), "{self:?} ended early with {}\n{errors}", output.status);
        Ok(answers)
    }
}

/// The beginning of a step, for messages.
fn head(step: &Value) -> String {
    step.to_string().chars().take(300).collect()
}
