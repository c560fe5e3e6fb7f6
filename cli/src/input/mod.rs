//! Records out of files and standard input, for `produce`.
//!
//! - [`lines`]: a record a line, perhaps with a key before a separator;
//! - [`json`]: NDJSON rows, and whole records as `consume --json` prints them;
//! - [`csv`], [`parquet`]: rows that become JSON objects.

mod csv;
mod json;
mod lines;
mod parquet;
mod row;

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Context;
use bytes::Bytes;
use clap::ValueEnum;
use medallion_wire::PartitionIndex;

use crate::client::Record;
use crate::failure::UsageError;

/// What the input looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum InputFormat {
    /// A value a line
    Lines,
    /// A record a line, as `consume --json` prints it
    Records,
    /// A JSON object a line, which becomes the value as it is
    Ndjson,
    /// Comma-separated values with a line of names; each row becomes a JSON object
    Csv,
    /// A Parquet file; each row becomes a JSON object
    Parquet,
}

impl InputFormat {
    /// What a file's name says.
    pub(crate) fn of_path(path: &Path) -> Self {
        let extension = path.extension().map(|extension| extension.to_string_lossy().to_ascii_lowercase());
        match extension.as_deref() {
            Some("ndjson" | "jsonl" | "json") => Self::Ndjson,
            Some("csv") => Self::Csv,
            Some("parquet") => Self::Parquet,
            _ => Self::Lines,
        }
    }
}

/// How records are made of the input.
#[derive(Debug, Clone)]
pub(crate) struct InputOptions {
    /// What the input looks like.
    pub(crate) format: InputFormat,
    /// What stands between key and value of a line; no keys without it.
    pub(crate) key_separator: Option<String>,
    /// Which field of a row becomes the key.
    pub(crate) key_field: Option<String>,
    /// The text that stands for null.
    pub(crate) null_value: Option<String>,
    /// Headers of every record.
    pub(crate) headers: Vec<(String, Option<Bytes>)>,
}

/// A record with where it should go.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct InputRecord {
    /// The record; its timestamp is negative when the input names none.
    pub(crate) record: Record,
    /// The partition that the input names.
    pub(crate) partition: Option<PartitionIndex>,
}

impl InputRecord {
    fn new(key: Option<Bytes>, value: Option<Bytes>, headers: Vec<(String, Option<Bytes>)>) -> Self {
        Self { record: Record { key, value, headers, timestamp_ms: -1 }, partition: None }
    }
}

/// Something that records come out of, one after the other.
pub(crate) type Records = Box<dyn Iterator<Item = anyhow::Result<InputRecord>> + Send>;

/// An opened input.
pub(crate) struct Input {
    /// The records.
    pub(crate) records: Records,
    /// How far they have been read: bytes, or rows for Parquet.
    pub(crate) position: Arc<AtomicU64>,
    /// How far it goes, where that is known; in the unit of `position`.
    pub(crate) length: Option<u64>,
}

/// Opens a file.
pub(crate) fn open_file(path: &Path, options: InputOptions) -> anyhow::Result<Input> {
    let shown = path.display();
    let file = File::open(path).with_context(|| format!("cannot open {shown}"))?;
    if options.format == InputFormat::Parquet {
        return parquet::open(file, options).with_context(|| format!("cannot read {shown} as Parquet"));
    }
    let length = file.metadata().with_context(|| format!("cannot read {shown}"))?.len();
    let mut input = open_text(file, options).with_context(|| format!("cannot read {shown}"))?;
    input.length = Some(length);
    Ok(input)
}

/// Opens standard input.
pub(crate) fn open_stdin(options: InputOptions) -> anyhow::Result<Input> {
    if options.format == InputFormat::Parquet {
        return Err(UsageError("Parquet is read from a file: pass --file".to_owned()).into());
    }
    open_text(io::stdin(), options)
}

fn open_text(reader: impl Read + Send + 'static, options: InputOptions) -> anyhow::Result<Input> {
    let position = Arc::new(AtomicU64::new(0));
    let reader = BufReader::with_capacity(256 << 10, Counted { reader, position: Arc::clone(&position) });
    let records: Records = match options.format {
        InputFormat::Lines => Box::new(text_lines(reader).map(move |line| lines::record(&line?, &options))),
        InputFormat::Records => Box::new(numbered(reader, move |line| json::record(line, &options))),
        InputFormat::Ndjson => Box::new(numbered(reader, move |line| json::row(line, &options))),
        InputFormat::Csv => csv::records(reader, options)?,
        InputFormat::Parquet => unreachable!("both callers have sent Parquet elsewhere"),
    };
    Ok(Input { records, position, length: None })
}

/// Lines without their ends.
fn text_lines(
    mut reader: impl BufRead + Send + 'static,
) -> impl Iterator<Item = anyhow::Result<Vec<u8>>> + Send {
    std::iter::from_fn(move || {
        let mut line = Vec::new();
        match reader.read_until(b'\n', &mut line) {
            Ok(0) => None,
            Ok(_) => {
                if line.ends_with(b"\n") {
                    line.pop();
                }
                if line.ends_with(b"\r") {
                    line.pop();
                }
                Some(Ok(line))
            }
            Err(error) => Some(Err(anyhow::Error::new(error).context("cannot read the input"))),
        }
    })
}

/// One record for each line that is not empty; errors name the line.
fn numbered(
    reader: impl BufRead + Send + 'static,
    parse: impl Fn(&[u8]) -> anyhow::Result<InputRecord> + Send + 'static,
) -> impl Iterator<Item = anyhow::Result<InputRecord>> + Send {
    text_lines(reader)
        .enumerate()
        .filter(|(_, line)| !matches!(line, Ok(line) if line.iter().all(u8::is_ascii_whitespace)))
        .map(move |(index, line)| parse(&line?).with_context(|| format!("line {}", index + 1)))
}

/// Counts what is read.
struct Counted<R> {
    reader: R,
    position: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.position.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn options(format: InputFormat) -> InputOptions {
        InputOptions { format, key_separator: None, key_field: None, null_value: None, headers: Vec::new() }
    }

    pub(super) fn text(record: Option<&Bytes>) -> Option<&str> {
        record.map(|bytes| std::str::from_utf8(bytes).unwrap())
    }

    #[test]
    fn formats_are_known_by_name() {
        assert_eq!(InputFormat::of_path(Path::new("a.parquet")), InputFormat::Parquet);
        assert_eq!(InputFormat::of_path(Path::new("b/a.jsonl")), InputFormat::Ndjson);
        assert_eq!(InputFormat::of_path(Path::new("TRIPS.CSV")), InputFormat::Csv);
        assert_eq!(InputFormat::of_path(Path::new("a")), InputFormat::Lines);
    }

    #[test]
    fn lines_lose_their_ends_and_are_counted() {
        let input = open_text(&b"a\r\nb\n\nc"[..], options(InputFormat::Lines)).unwrap();
        let values: Vec<_> =
            input.records.map(|record| record.unwrap().record.value.unwrap_or_default()).collect();
        assert_eq!(values, ["a", "b", "", "c"]);
        assert_eq!(input.position.load(Ordering::Relaxed), 7);
    }

    #[test]
    fn a_wrong_line_is_named() {
        let input = open_text(&b"{\"a\":1}\n\n{"[..], options(InputFormat::Ndjson)).unwrap();
        let results: Vec<_> = input.records.collect();
        assert_eq!(results.len(), 2);
        assert!(results[0].is_ok());
        assert!(results[1].as_ref().unwrap_err().to_string().contains("line 3"));
    }
}
