//! What is in a segment's files, as text or JSON.

use std::fmt::Write;
use std::path::Path;

use anyhow::Context;
use bytes::Bytes;
use medallion_log::transaction_index;
use medallion_wire::Offset;
use medallion_wire::internal_records::ProducerSnapshot;
use medallion_wire::records::{AnyBatch, DecompressionLimits, Record};
use serde_json::{Value, json};

use super::index::{offset_entries, time_entries};
use super::internal::{InternalTopic, describe_control};
use super::segment::{Found, SegmentReader};
use super::{Kind, base_offset, kind};
use crate::output::{Align, Output, bytes, counted, hex, table};
use crate::time::format_timestamp;

/// Prints one file, damage included; gives the number of damaged places.
pub(super) fn run(path: &Path, with_records: bool, output: &Output) -> anyhow::Result<usize> {
    if !output.is_json() {
        output.line(&format!("{}", path.display()))?;
    }
    match kind(path) {
        Some(Kind::Log) => segment(path, with_records, output),
        Some(Kind::Index) => index(path, output),
        Some(Kind::TimeIndex) => time_index(path, output),
        Some(Kind::TransactionIndex) => aborted_transactions(path, output),
        Some(Kind::ProducerSnapshot) => producers(path, output),
        None => Ok(0),
    }
}

fn segment(path: &Path, with_records: bool, output: &Output) -> anyhow::Result<usize> {
    let cannot = || format!("cannot read {}", path.display());
    let mut reader = SegmentReader::open(path).with_context(cannot)?;
    let mut damaged = 0;
    while let Some((position, found)) = reader.next().with_context(cannot)? {
        match found {
            Found::Batch(batch) => {
                damaged += usize::from(!print_batch(path, position, &batch, with_records, output)?);
            }
            Found::Damage(error) => {
                let position = usize::try_from(position).unwrap_or(usize::MAX);
                damaged += print_damage(path, position, &error.to_string(), output)?;
            }
            Found::Zeros => {
                let value = json!({ "file": path.display().to_string(), "position": position, "zeros": reader.length() - position });
                print(output, &value, &format!("  position {position}: zeros up to the end"))?;
            }
        }
    }
    Ok(damaged)
}

/// Prints a batch; tells whether it is sound.
fn print_batch(
    path: &Path,
    position: u64,
    batch: &AnyBatch,
    with_records: bool,
    output: &Output,
) -> anyhow::Result<bool> {
    let crc = batch.verify_crc();
    let base_offset = batch.base_offset(DecompressionLimits::default()).ok();
    let mut value = json!({
        "file": path.display().to_string(),
        "position": position,
        "size": batch.size_bytes(),
        "magic": batch.magic(),
        "base_offset": base_offset.map(i64::from),
        "last_offset": batch.last_offset().get(),
        "max_timestamp": batch.max_timestamp(),
        "timestamp_type": batch.timestamp_type().name(),
        "crc_is_valid": crc.is_ok(),
    });
    let first = base_offset.map_or_else(|| "?".to_owned(), |offset| offset.to_string());
    let mut text = format!(
        "  position {position}  offsets {first} to {}  {}  {}",
        batch.last_offset(),
        format_timestamp(batch.max_timestamp()),
        bytes(batch.size_bytes() as u64)
    );
    if let AnyBatch::Batch(batch) = batch {
        let codec = batch.compression().map_or("unknown codec", medallion_wire::records::Compression::name);
        value["records"] = json!(batch.record_count);
        value["compression"] = json!(codec);
        value["leader_epoch"] = json!(batch.partition_leader_epoch.get());
        value["producer_id"] = json!(batch.producer_id.get());
        value["producer_epoch"] = json!(batch.producer_epoch.get());
        value["base_sequence"] = json!(batch.base_sequence);
        value["transactional"] = json!(batch.is_transactional());
        value["control"] = json!(batch.is_control());
        let count = counted(u64::try_from(batch.record_count).unwrap_or(0), "record");
        let _ = write!(text, "  {count}  {codec}  epoch {}", batch.partition_leader_epoch);
        if batch.is_idempotent() {
            let (id, epoch, sequence) = (batch.producer_id, batch.producer_epoch, batch.base_sequence);
            let _ = write!(text, "  producer {id}/{epoch} from sequence {sequence}");
        }
        for (holds, word) in [(batch.is_transactional(), "transactional"), (batch.is_control(), "control")] {
            if holds {
                text.push_str("  ");
                text.push_str(word);
            }
        }
    } else {
        let _ = write!(text, "  magic {}", batch.magic());
    }
    if let Err(error) = &crc {
        let _ = write!(text, "\n    DAMAGED: {error}");
    }
    print(output, &value, &text)?;
    let records_are_sound = !with_records || print_records(batch, InternalTopic::of_segment(path), output)?;
    Ok(crc.is_ok() && records_are_sound)
}

fn print_records(batch: &AnyBatch, topic: Option<InternalTopic>, output: &Output) -> anyhow::Result<bool> {
    let is_control = matches!(batch, AnyBatch::Batch(batch) if batch.is_control());
    let records = match batch.records(DecompressionLimits::default()) {
        Ok(records) => records,
        Err(error) => {
            print(output, &json!({ "damage": error.to_string() }), &format!("    DAMAGED: {error}"))?;
            return Ok(false);
        }
    };
    for record in records {
        match record {
            Ok(record) => print_record(&record, is_control, topic, output)?,
            Err(error) => {
                print(output, &json!({ "damage": error.to_string() }), &format!("    DAMAGED: {error}"))?;
                return Ok(false);
            }
        }
    }
    Ok(true)
}

fn print_record(
    record: &Record,
    is_control: bool,
    topic: Option<InternalTopic>,
    output: &Output,
) -> anyhow::Result<()> {
    let headers: Vec<(String, Option<Bytes>)> = record
        .headers
        .iter()
        .map(|header| (header.key_text().into_owned(), header.value.map(Bytes::copy_from_slice)))
        .collect();
    let mut value = json!({
        "offset": record.offset.get(),
        "timestamp": record.timestamp,
        "key": content(record.key.as_ref()),
        "value": content(record.value.as_ref()),
        "headers": headers.iter().map(|(name, value)| json!([name, content(value.as_ref())])).collect::<Value>(),
    });
    let shown =
        |bytes: Option<&Bytes>| content(bytes).as_str().map_or_else(|| "null".to_owned(), str::to_owned);
    let mut text = format!("    {}  {}", record.offset, format_timestamp(record.timestamp));
    let meaning =
        if is_control { describe_control(record) } else { topic.and_then(|topic| topic.describe(record)) };
    if let Some(meaning) = meaning {
        let _ = write!(text, "  {meaning}");
        value["meaning"] = json!(meaning);
    } else {
        let _ = write!(text, "  {}  {}", shown(record.key.as_ref()), shown(record.value.as_ref()));
        for (name, value) in &headers {
            let _ = write!(text, "  [{name}={}]", shown(value.as_ref()));
        }
    }
    print(output, &value, &text)
}

/// Text as it is, other bytes in hexadecimal behind `0x`.
fn content(bytes: Option<&Bytes>) -> Value {
    match bytes.map(|bytes| (bytes, std::str::from_utf8(bytes))) {
        None => Value::Null,
        Some((_, Ok(text))) if !text.chars().any(|c| c.is_control() && c != '\n' && c != '\t') => {
            Value::from(text)
        }
        Some((bytes, _)) => Value::from(format!("0x{}", hex(bytes))),
    }
}

fn index(path: &Path, output: &Output) -> anyhow::Result<usize> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let (entries, rest) = offset_entries(&bytes, base_offset(path));
    let position = bytes.len() - rest;
    if output.is_json() {
        for entry in entries {
            let value = json!({ "file": path.display().to_string(), "offset": entry.offset, "position": entry.position });
            output.line(&value.to_string())?;
        }
        return torn_end(path, position, rest, output);
    }
    let mut table = table([("offset", Align::Right), ("position", Align::Right)]);
    for entry in entries {
        table.add_row([entry.offset.to_string(), entry.position.to_string()]);
    }
    output.line(&crate::output::render(&table))?;
    torn_end(path, position, rest, output)
}

fn time_index(path: &Path, output: &Output) -> anyhow::Result<usize> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let (entries, rest) = time_entries(&bytes, base_offset(path));
    let position = bytes.len() - rest;
    if output.is_json() {
        for entry in entries {
            let value = json!({ "file": path.display().to_string(), "timestamp": entry.timestamp_ms, "offset": entry.offset });
            output.line(&value.to_string())?;
        }
        return torn_end(path, position, rest, output);
    }
    let mut table = table([("timestamp", Align::Left), ("offset", Align::Right)]);
    for entry in entries {
        table.add_row([format_timestamp(entry.timestamp_ms), entry.offset.to_string()]);
    }
    output.line(&crate::output::render(&table))?;
    torn_end(path, position, rest, output)
}

fn aborted_transactions(path: &Path, output: &Output) -> anyhow::Result<usize> {
    let cannot = || format!("cannot read {}", path.display());
    let bytes = std::fs::read(path).with_context(cannot)?;
    let entries = match transaction_index::decode(&bytes, Offset(base_offset(path))) {
        Ok(entries) => entries,
        Err(error) => return print_damage(path, 0, &error.to_string(), output),
    };
    for entry in entries {
        let value = json!({
            "file": path.display().to_string(),
            "producer_id": entry.producer_id.get(),
            "first_offset": entry.first_offset.get(),
            "last_offset": entry.last_offset.get(),
            "last_stable_offset": entry.last_stable_offset.get(),
        });
        let text = format!(
            "  producer {}  aborted {} to {}  last stable offset {}",
            entry.producer_id, entry.first_offset, entry.last_offset, entry.last_stable_offset
        );
        print(output, &value, &text)?;
    }
    let rest = bytes.len() % transaction_index::ENTRY_BYTES;
    torn_end(path, bytes.len() - rest, rest, output)
}

fn producers(path: &Path, output: &Output) -> anyhow::Result<usize> {
    let cannot = || format!("cannot read {}", path.display());
    let bytes = Bytes::from(std::fs::read(path).with_context(cannot)?);
    let snapshot = match ProducerSnapshot::decode_file(&bytes) {
        Ok(snapshot) => snapshot,
        Err(error) => return print_damage(path, 0, &error.to_string(), output),
    };
    for entry in snapshot.producer_entries {
        let value = json!({
            "file": path.display().to_string(),
            "producer_id": entry.producer_id,
            "producer_epoch": entry.epoch,
            "last_sequence": entry.last_sequence,
            "last_offset": entry.last_offset,
            "timestamp": entry.timestamp,
            "coordinator_epoch": entry.coordinator_epoch,
            "current_transaction_first_offset": entry.current_txn_first_offset,
        });
        let text = format!(
            "  producer {}/{}  last sequence {}  last offset {}  {}",
            entry.producer_id,
            entry.epoch,
            entry.last_sequence,
            entry.last_offset,
            format_timestamp(entry.timestamp)
        );
        print(output, &value, &text)?;
    }
    Ok(0)
}

/// Prints damage that is not a batch's; it counts as one place.
fn print_damage(path: &Path, position: usize, problem: &str, output: &Output) -> anyhow::Result<usize> {
    let value = json!({ "file": path.display().to_string(), "position": position, "damage": problem });
    print(output, &value, &format!("  position {position}: DAMAGED: {problem}"))?;
    Ok(1)
}

/// Prints the bytes at the end of an index that are no whole entry.
fn torn_end(path: &Path, position: usize, rest: usize, output: &Output) -> anyhow::Result<usize> {
    if rest == 0 {
        return Ok(0);
    }
    print_damage(path, position, &format!("{rest} bytes at the end are no entry"), output)
}

fn print(output: &Output, value: &Value, text: &str) -> anyhow::Result<()> {
    output.line(&if output.is_json() { value.to_string() } else { text.to_owned() })
}
