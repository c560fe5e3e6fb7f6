//! JSON lines: rows, and whole records.

use anyhow::{Context, bail};
use bytes::Bytes;
use medallion_wire::PartitionIndex;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::row::key_of;
use super::{InputOptions, InputRecord};

/// A line that becomes the value as it is; it must be JSON, and an object where a field becomes the key.
pub(super) fn row(line: &[u8], options: &InputOptions) -> anyhow::Result<InputRecord> {
    let key = match &options.key_field {
        None => {
            serde_json::from_slice::<serde::de::IgnoredAny>(line).context("not JSON")?;
            None
        }
        Some(name) => {
            let fields: Map<String, Value> = serde_json::from_slice(line).context("not a JSON object")?;
            key_of(fields.get(name), name)?
        }
    };
    Ok(InputRecord::new(key, Some(Bytes::copy_from_slice(line.trim_ascii())), options.headers.clone()))
}

/// What `consume --json` prints. A field that it does not know is an error: a misspelt value would be a null one, which
/// deletes its key in a compacted topic.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WholeRecord {
    #[serde(default, rename = "topic")]
    _topic: Option<String>,
    #[serde(default, rename = "offset")]
    _offset: Option<i64>,
    #[serde(default)]
    partition: Option<i32>,
    #[serde(default)]
    timestamp: Option<i64>,
    #[serde(default)]
    key: Value,
    #[serde(default)]
    key_hex: Option<String>,
    /// `None` where it is absent, as opposed to null.
    #[serde(default, deserialize_with = "present")]
    value: Option<Value>,
    #[serde(default)]
    value_hex: Option<String>,
    #[serde(default)]
    headers: Vec<Header>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    name: String,
    #[serde(default)]
    value: Value,
    #[serde(default)]
    value_hex: Option<String>,
}

fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// A record as `consume --json` prints it; its offset and topic are left aside.
pub(super) fn record(line: &[u8], options: &InputOptions) -> anyhow::Result<InputRecord> {
    let whole: WholeRecord =
        serde_json::from_slice(line).context("not a record as `consume --json` prints it")?;
    if whole.value.is_none() && whole.value_hex.is_none() {
        bail!("no value: name it as value or value_hex; null deletes the key in a compacted topic");
    }
    let mut headers = options.headers.clone();
    for header in whole.headers {
        headers.push((header.name, content(header.value, header.value_hex)?));
    }
    let key = content(whole.key, whole.key_hex)?;
    let mut parsed =
        InputRecord::new(key, content(whole.value.unwrap_or_default(), whole.value_hex)?, headers);
    parsed.partition = whole.partition.map(PartitionIndex);
    parsed.record.timestamp_ms = whole.timestamp.unwrap_or(-1);
    Ok(parsed)
}

/// Text as it is, null as null, other JSON as JSON; bytes that are no text come in hexadecimal.
fn content(value: Value, hex: Option<String>) -> anyhow::Result<Option<Bytes>> {
    match (value, hex) {
        (Value::Null, None) => Ok(None),
        (Value::Null, Some(hex)) => Ok(Some(Bytes::from(from_hex(&hex)?))),
        (Value::String(text), None) => Ok(Some(Bytes::from(text))),
        (other, None) => Ok(Some(Bytes::from(other.to_string()))),
        (_, Some(_)) => bail!("both as text and in hexadecimal"),
    }
}

fn from_hex(text: &str) -> anyhow::Result<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pair = |pair: &[u8]| Some(digit(pair[0])? << 4 | digit(*pair.get(1)?)?);
    let bytes: Option<Vec<u8>> = text.as_bytes().chunks(2).map(pair).collect();
    bytes.with_context(|| format!("{text:?} is not hexadecimal"))
}

#[cfg(test)]
mod tests {
    use super::super::InputFormat;
    use super::super::tests::{options, text};
    use super::*;

    #[test]
    fn a_row_stays_as_it_is() {
        let options = InputOptions { key_field: Some("zone".to_owned()), ..options(InputFormat::Ndjson) };
        let parsed = row(br#" {"zone": 141,  "b": 1}"#, &options).unwrap().record;
        assert_eq!(text(parsed.key.as_ref()), Some("141"));
        assert_eq!(text(parsed.value.as_ref()), Some(r#"{"zone": 141,  "b": 1}"#));
        assert!(row(b"[1]", &options).is_err());
        assert!(row(b"{\"b\": 1}", &options).unwrap_err().to_string().contains("zone"));
    }

    #[test]
    fn whole_records_keep_their_parts() {
        let line = br#"{"partition":2,"timestamp":5,"key":"k","value_hex":"00ff","headers":[{"name":"h","value":null},{"name":"h","value":"x"}],"offset":9,"topic":"t"}"#;
        let parsed = record(line, &options(InputFormat::Records)).unwrap();
        assert_eq!(parsed.partition, Some(PartitionIndex(2)));
        assert_eq!(parsed.record.timestamp_ms, 5);
        assert_eq!(parsed.record.value.as_deref(), Some(&[0, 255][..]));
        let headers = [("h".to_owned(), None), ("h".to_owned(), Some(Bytes::from("x")))];
        assert_eq!(parsed.record.headers, headers);
        let object = record(br#"{"value":{"a":1}}"#, &options(InputFormat::Records)).unwrap().record;
        assert_eq!((object.key, text(object.value.as_ref())), (None, Some(r#"{"a":1}"#)));
    }

    #[test]
    fn a_misspelt_or_absent_value_is_no_tombstone() {
        let parse = |line: &[u8]| record(line, &options(InputFormat::Records));
        assert!(format!("{:#}", parse(br#"{"key":"k","vlaue":"x"}"#).unwrap_err()).contains("vlaue"));
        assert!(parse(br#"{"key":"k"}"#).unwrap_err().to_string().contains("no value"));
        assert!(parse(br#"{"value":"x","headers":[{"name":"h","valeu":1}]}"#).is_err());
        assert_eq!(parse(br#"{"key":"k","value":null}"#).unwrap().record.value, None);
    }

    #[test]
    fn hexadecimal_is_checked() {
        assert_eq!(from_hex("00Ff").unwrap(), [0, 255]);
        assert!(from_hex("0").is_err());
        assert!(from_hex("0g").is_err());
    }
}
