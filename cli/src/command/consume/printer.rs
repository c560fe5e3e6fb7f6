//! How records are printed.

use std::io::{self, BufWriter, Write};

use bytes::Bytes;
use clap::ValueEnum;
use serde_json::{Value, json};

use crate::client::ConsumedRecord;
use crate::output::hex;
use crate::time::format_timestamp;

/// How a record is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RecordFormat {
    /// The value
    Value,
    /// Key and value, with --key-separator between
    KeyValue,
    /// Partition, offset, time, key, headers and value
    Full,
    /// A JSON object a line
    Json,
}

/// Prints records to standard output.
pub(super) struct Printer {
    pub(super) out: BufWriter<io::Stdout>,
    format: RecordFormat,
    key_separator: String,
    pub(super) count: u64,
}

impl Printer {
    /// A printer in that format.
    pub(super) fn new(format: RecordFormat, key_separator: &str) -> Self {
        Self {
            out: BufWriter::with_capacity(64 << 10, io::stdout()),
            format,
            key_separator: key_separator.to_owned(),
            count: 0,
        }
    }

    /// Prints a record.
    pub(super) fn print(&mut self, consumed: &ConsumedRecord) -> io::Result<()> {
        self.count += 1;
        let record = &consumed.record;
        match self.format {
            RecordFormat::Value => self.out.write_all(record.value.as_deref().unwrap_or_default())?,
            RecordFormat::KeyValue => {
                self.out.write_all(record.key.as_deref().unwrap_or_default())?;
                self.out.write_all(self.key_separator.as_bytes())?;
                self.out.write_all(record.value.as_deref().unwrap_or_default())?;
            }
            RecordFormat::Full => self.out.write_all(full_text(consumed).as_bytes())?,
            RecordFormat::Json => self.out.write_all(record_as_json(consumed).to_string().as_bytes())?,
        }
        self.out.write_all(b"\n")
    }
}

/// One line for people: where, when, key, headers, value.
fn full_text(consumed: &ConsumedRecord) -> String {
    let record = &consumed.record;
    let text = |bytes: &Option<Bytes>| match bytes {
        None => "null".to_owned(),
        Some(bytes) => String::from_utf8_lossy(bytes).into_owned(),
    };
    let headers: Vec<_> =
        record.headers.iter().map(|(name, value)| format!("{name}={}", text(value))).collect();
    let headers = if headers.is_empty() { String::new() } else { format!("  [{}]", headers.join(", ")) };
    format!(
        "{}@{}  {}  {}{headers}  {}",
        consumed.partition,
        consumed.offset,
        format_timestamp(record.timestamp_ms),
        text(&record.key),
        text(&record.value)
    )
}

/// A record as one JSON object; what is no text stands in hexadecimal under another name.
fn record_as_json(consumed: &ConsumedRecord) -> Value {
    let record = &consumed.record;
    let mut value = json!({
        "topic": &*consumed.partition.topic,
        "partition": consumed.partition.partition.get(),
        "offset": consumed.offset.get(),
        "timestamp": record.timestamp_ms,
    });
    put_content(&mut value, "key", record.key.as_ref());
    put_content(&mut value, "value", record.value.as_ref());
    let header = |(name, content): &(String, Option<Bytes>)| {
        let mut header = json!({ "name": name });
        put_content(&mut header, "value", content.as_ref());
        header
    };
    value["headers"] = record.headers.iter().map(header).collect();
    value
}

fn put_content(object: &mut Value, name: &str, content: Option<&Bytes>) {
    match content.map(|bytes| (bytes, std::str::from_utf8(bytes))) {
        None => object[name] = Value::Null,
        Some((_, Ok(text))) => object[name] = Value::from(text),
        Some((bytes, Err(_))) => {
            object[format!("{name}_hex")] = Value::from(hex(bytes));
        }
    }
}

#[cfg(test)]
mod tests {
    use medallion_wire::{Offset, TopicPartition};

    use super::*;
    use crate::client::Record;

    #[test]
    fn json_keeps_nulls_bytes_and_repeated_headers() {
        let consumed = ConsumedRecord {
            partition: TopicPartition::new("a", 1),
            offset: Offset(7),
            record: Record {
                key: None,
                value: Some(Bytes::from_static(&[0, 255])),
                headers: vec![("h".to_owned(), None), ("h".to_owned(), Some(Bytes::from("x")))],
                timestamp_ms: 5,
            },
        };
        let expected = json!({
            "topic": "a", "partition": 1, "offset": 7, "timestamp": 5, "key": null, "value_hex": "00ff",
            "headers": [{ "name": "h", "value": null }, { "name": "h", "value": "x" }],
        });
        assert_eq!(record_as_json(&consumed), expected);
    }

    #[test]
    fn a_full_line_says_where_and_when() {
        let consumed = ConsumedRecord {
            partition: TopicPartition::new("a", 1),
            offset: Offset(7),
            record: Record {
                key: Some(Bytes::from("k")),
                value: None,
                headers: vec![("h".to_owned(), Some(Bytes::from("x")))],
                timestamp_ms: 0,
            },
        };
        assert_eq!(full_text(&consumed), "a-1@7  1970-01-01T00:00:00.000Z  k  [h=x]  null");
    }
}
