//! kcat behind the same steps as the other clients.

use std::fs;
use std::io::Write;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::environment::{Missing, program};
use crate::member::Join;
use crate::record::{Hex, Record};

/// Runs kcat with these arguments and waits for its end.
///
/// # Errors
/// Where there is no kcat on this machine.
pub fn run(bootstrap: &str, arguments: &[&str]) -> Result<Output, Missing> {
    run_with_input(bootstrap, arguments, &[])
}

/// kcat as a member of a group, which commits by itself and prints `partition offset value`.
pub(crate) fn member(bootstrap: &str, join: Join<'_>, session_timeout_ms: u32) -> Result<Command, Missing> {
    let mut command = Command::new(program("kcat")?);
    command.args(["-b", bootstrap, "-G", join.group, join.topic, "-u", "-f", "%p %o %s\n"]);
    for setting in [
        &format!("partition.assignment.strategy={}", join.assignor),
        &format!("session.timeout.ms={session_timeout_ms}"),
        "heartbeat.interval.ms=300",
        "auto.offset.reset=earliest",
        "auto.commit.interval.ms=100",
        "reconnect.backoff.ms=20",
        "reconnect.backoff.max.ms=200",
    ] {
        command.args(["-X", setting]);
    }
    if let Some(instance) = join.instance {
        command.args(["-X", &format!("group.instance.id={instance}")]);
    }
    Ok(command)
}

fn run_with_input(bootstrap: &str, arguments: &[&str], input: &[u8]) -> Result<Output, Missing> {
    let mut command = Command::new(program("kcat")?);
    command.args(["-b", bootstrap, "-X", "reconnect.backoff.ms=20", "-X", "reconnect.backoff.max.ms=200"]);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| Missing(format!("kcat does not start: {error}")))?;
    let mut stdin = child.stdin.take().expect("piped");
    stdin.write_all(input).expect("kcat reads its input");
    drop(stdin);
    Ok(child.wait_with_output().expect("kcat's output can be read"))
}

pub(crate) fn run_steps(bootstrap: &str, steps: &[Value]) -> Result<Vec<Value>, Missing> {
    steps
        .iter()
        .map(|step| match step["do"].as_str() {
            Some("produce") => produce(bootstrap, step),
            Some("read") => read(bootstrap, step),
            Some("offsets_for_time") => offset_for_time(bootstrap, step),
            _ => Ok(json!({ "unsupported": step["do"] })),
        })
        .collect()
}

fn text<'a>(step: &'a Value, field: &str, default: &'a str) -> &'a str {
    step[field].as_str().unwrap_or(default)
}

fn failure(output: &Output) -> Option<Value> {
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    (!output.status.success()).then(|| json!({ "error": message }))
}

fn producer_arguments(step: &Value, partition: &str) -> Vec<String> {
    let idempotent = step["idempotent"].as_bool().unwrap_or(false);
    let mut arguments =
        vec!["-P".to_owned(), "-t".into(), text(step, "topic", "").into(), "-p".into(), partition.into()];
    arguments.extend(["-z".into(), text(step, "codec", "none").into()]);
    for setting in [
        format!("acks={}", text(step, "acks", "all")),
        format!("enable.idempotence={idempotent}"),
        "message.max.bytes=4194304".into(),
        "linger.ms=0".into(),
    ] {
        arguments.extend(["-X".into(), setting]);
    }
    arguments
}

/// One kcat for each record, because keys and headers are arguments.
fn produce(bootstrap: &str, step: &Value) -> Result<Value, Missing> {
    let folder = TempDir::new().expect("a temporary folder can be made");
    let records: Vec<Record> = serde_json::from_value(step["records"].clone()).expect("steps hold records");
    for record in records {
        let mut arguments = producer_arguments(step, &step["partition"].to_string());
        let as_text = |bytes: &Hex| String::from_utf8(bytes.0.clone()).expect("arguments are text");
        if let Some(key) = &record.key {
            arguments.extend(["-k".into(), as_text(key)]);
        }
        for (name, value) in &record.headers {
            let value = value.as_ref().map(|value| format!("={}", as_text(value))).unwrap_or_default();
            arguments.extend(["-H".into(), format!("{name}{value}")]);
        }
        let output = if let Some(value) = &record.value {
            let file = folder.path().join("value");
            fs::write(&file, &value.0).expect("a file can be written");
            arguments.push(file.display().to_string());
            run(bootstrap, &borrowed(&arguments))?
        } else {
            let key = record.key.as_ref().map(as_text).unwrap_or_default();
            arguments.extend(["-Z".into(), "-K".into(), ":".into()]);
            run_with_input(bootstrap, &borrowed(&arguments), format!("{key}:\n").as_bytes())?
        };
        if let Some(failed) = failure(&output) {
            return Ok(failed);
        }
    }
    Ok(json!({ "offsets": [] }))
}

fn borrowed(arguments: &[String]) -> Vec<&str> {
    arguments.iter().map(String::as_str).collect()
}

fn read(bootstrap: &str, step: &Value) -> Result<Value, Missing> {
    let (from, until) = (step["from"].as_i64().unwrap_or(0), step["until"].as_i64().unwrap_or(0));
    let partition = step["partition"].to_string();
    let isolation = format!("isolation.level={}", text(step, "isolation", "read_uncommitted"));
    let (from_text, count) = (from.to_string(), (until - from).to_string());
    let mut arguments = vec!["-C", "-q", "-t", text(step, "topic", ""), "-p", &partition, "-o", &from_text];
    arguments.extend([
        "-X",
        &isolation,
        "-X",
        "fetch.message.max.bytes=4194304",
        "-f",
        "%o %T %K %S %h\n%k%s\n",
    ]);
    // Control records are counted in offsets but never shown.
    if step.get("isolation").is_some() {
        arguments.push("-e");
    } else {
        arguments.extend(["-c", &count]);
    }
    let output = run(bootstrap, &arguments)?;
    let mut rest = &output.stdout[..];
    let mut records = Vec::new();
    while let Some(record) = next_record(&mut rest) {
        records.push(record);
    }
    Ok(failure(&output).unwrap_or_else(|| json!({ "records": records })))
}

fn next_record(rest: &mut &[u8]) -> Option<Record> {
    let end = rest.iter().position(|byte| *byte == b'\n')?;
    let line = std::str::from_utf8(&rest[..end]).expect("the sample's headers are text");
    *rest = &rest[end + 1..];
    let mut fields = line.splitn(5, ' ');
    let mut number =
        || fields.next().and_then(|field| field.parse::<i64>().ok()).expect("kcat prints numbers");
    let (offset, timestamp, key_size, value_size) = (number(), number(), number(), number());
    let headers = fields.next().unwrap_or("");
    let mut take = |size: i64| {
        let size = usize::try_from(size).ok()?;
        let (bytes, left) = rest.split_at(size);
        *rest = left;
        Some(Hex(bytes.to_vec()))
    };
    let (key, value) = (take(key_size), take(value_size));
    *rest = &rest[1..];
    let headers = headers.split(',').filter(|pair| !pair.is_empty()).map(header).collect();
    Some(Record { offset, timestamp: Some(timestamp), key, value, headers })
}

fn header(pair: &str) -> (String, Option<Hex>) {
    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
    (name.to_owned(), (value != "NULL").then(|| value.into()))
}

fn offset_for_time(bootstrap: &str, step: &Value) -> Result<Value, Missing> {
    let query = format!("{}:{}:{}", text(step, "topic", ""), step["partition"], step["timestamp"]);
    let output = run(bootstrap, &["-Q", "-t", &query])?;
    // "topic [0] offset 7"
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let offset = printed.split_whitespace().last().and_then(|word| word.parse::<i64>().ok());
    Ok(failure(&output).unwrap_or_else(|| json!({ "offset": offset })))
}
