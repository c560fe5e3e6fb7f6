//! Other people's serializers and deserializers: one process of each takes many requests.

use std::io::{BufRead, BufReader, BufWriter, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::Value;

use crate::environment::{Missing, cached, program, tests_folder};

/// Whose they are; the head of `tests/clients/python/serdes_client.py` tells requests and answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SerdesLibrary {
    /// confluent-kafka-python.
    Python,
    /// `@confluentinc/schemaregistry`, in Node.
    Node,
    /// franz-go's `pkg/sr`, with hamba/avro.
    FranzGo,
    /// Apache Avro's Java library behind framing of our own: it only reads.
    JavaAvro,
}

/// A running program of one library.
#[derive(Debug)]
pub struct SerdesClient {
    library: SerdesLibrary,
    child: Child,
    input: BufWriter<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl SerdesClient {
    /// Starts it for the registry at `url`.
    ///
    /// # Errors
    /// Where the library is not on this machine.
    pub fn start(library: SerdesLibrary, url: &str) -> Result<Self, Missing> {
        let mut command = command(library)?;
        let child = command.arg(url).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = child.map_err(|error| Missing(format!("{library:?} does not start: {error}")))?;
        let input = BufWriter::new(child.stdin.take().expect("piped"));
        let output = BufReader::new(child.stdout.take().expect("piped"));
        Ok(Self { library, child, input, output })
    }

    /// Its answer, which may be an error.
    ///
    /// # Panics
    /// When the program ends.
    pub fn try_ask(&mut self, request: &Value) -> Value {
        writeln!(self.input, "{request}").and_then(|()| self.input.flush()).expect("the program reads");
        let mut line = String::new();
        self.output.read_line(&mut line).expect("the program writes text");
        serde_json::from_str(&line)
            .unwrap_or_else(|error| panic!("{:?} answered {line:?}: {error}", self.library))
    }

    /// Its answer, which must be none.
    ///
    /// # Panics
    /// When it is an error.
    pub fn ask(&mut self, request: &Value) -> Value {
        let answer = self.try_ask(request);
        assert!(answer.get("error").is_none(), "{:?}: {answer} to {request}", self.library);
        answer
    }
}

impl Drop for SerdesClient {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn command(library: SerdesLibrary) -> Result<Command, Missing> {
    let clients = tests_folder().join("clients");
    match library {
        SerdesLibrary::Python => {
            let mut command = Command::new(cached("python/bin/python", "python")?);
            command.args(["-W", "ignore"]).arg(clients.join("python/serdes_client.py"));
            Ok(command)
        }
        SerdesLibrary::Node => {
            let modules = cached("node/node_modules", "node")?;
            let mut command = Command::new(program("node")?);
            command.env("NODE_PATH", modules).arg(clients.join("node/serdes_client.js"));
            Ok(command)
        }
        SerdesLibrary::FranzGo => Ok(Command::new(cached("franz-go-serdes", "go")?)),
        SerdesLibrary::JavaAvro => {
            let part = "schema-judges-java";
            let jars = cached("schema-judges/classpath", part)?;
            let classes = cached("schema-judges/java", part)?;
            let jars = std::fs::read_to_string(jars).map_err(|error| Missing(error.to_string()))?;
            let mut command = Command::new(program("java")?);
            command.args(["-Xmx256M", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp"]);
            command.arg(format!("{}:{}", classes.display(), jars.trim())).arg("AvroSerdes");
            Ok(command)
        }
    }
}
