//! Other people's libraries as judges of schemas: one process takes thousands of questions.

use std::io::{BufRead, BufReader, BufWriter, Write};
use std::process::{Command, Stdio};
use std::thread;

use serde_json::Value;

use crate::environment::{Missing, cached, program, tests_folder};

/// Who is asked; see the head of each file in `tests/clients/schema-judges` for questions and answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judge {
    /// Avro's Java library.
    JavaAvro,
    /// Avro's Python library, and fastavro.
    PythonAvro,
    /// Python's jsonschema.
    PythonJsonSchema,
    /// Google's protoc, and Python's protobuf.
    PythonProtobuf,
    /// Apicurio Registry's rules of compatibility.
    Apicurio,
}

/// Asks all questions and returns the answers in the same order.
///
/// # Errors
/// Where the judge is not on this machine.
pub fn ask(judge: Judge, questions: Vec<Value>) -> Result<Vec<Value>, Missing> {
    let mut child = command(judge)?
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| Missing(format!("{judge:?} does not start: {error}")))?;
    let mut input = BufWriter::new(child.stdin.take().expect("piped"));
    let count = questions.len();
    let writing = thread::spawn(move || {
        for question in questions {
            writeln!(input, "{question}").expect("the judge reads to the end");
        }
    });
    let output = BufReader::new(child.stdout.take().expect("piped"));
    let lines = output.lines().map(|line| line.expect("the judge writes text"));
    let answers: Vec<Value> =
        lines.map(|line| serde_json::from_str(&line).expect("the judge answers in JSON")).collect();
    writing.join().expect("all questions were written");
    let status = child.wait().expect("the judge ends");
    assert!(status.success(), "{judge:?} ended with {status}");
    assert_eq!(answers.len(), count, "{judge:?} answers each question");
    Ok(answers)
}

fn command(judge: Judge) -> Result<Command, Missing> {
    let folder = tests_folder().join("clients/schema-judges");
    match judge {
        Judge::JavaAvro => {
            let part = "schema-judges-java";
            let jars = cached("schema-judges/classpath", part)?;
            let classes = cached("schema-judges/java", part)?;
            let jars = std::fs::read_to_string(jars).map_err(|error| Missing(error.to_string()))?;
            let mut command = Command::new(program("java")?);
            command.args(["-Xmx512M", "-Xss4M", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp"]);
            command.arg(format!("{}:{}", classes.display(), jars.trim())).arg("AvroJudge");
            Ok(command)
        }
        Judge::Apicurio => {
            let part = "schema-judges-apicurio";
            let jars = cached("schema-judges/apicurio/lib", part)?;
            let classes = cached("schema-judges/apicurio/classes", part)?;
            let mut command = Command::new(program("java")?);
            command.args(["-Xmx512M", "-Xss4M", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp"]);
            command.arg(format!("{}:{}/*", classes.display(), jars.display())).arg("ApicurioJudge");
            command.stderr(Stdio::null());
            Ok(command)
        }
        Judge::PythonAvro | Judge::PythonJsonSchema | Judge::PythonProtobuf => {
            let judge = match judge {
                Judge::PythonJsonSchema => "json_judge.py",
                Judge::PythonProtobuf => "protobuf_judge.py",
                Judge::JavaAvro | Judge::PythonAvro | Judge::Apicurio => "avro_judge.py",
            };
            let mut command =
                Command::new(cached("schema-judges/python/bin/python", "schema-judges-python")?);
            command.args(["-W", "ignore"]).arg(folder.join(judge));
            Ok(command)
        }
    }
}
