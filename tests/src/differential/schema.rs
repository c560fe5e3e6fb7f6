//! Kafka's descriptions of its requests and responses, read out of the jar of Kafka's client.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use serde_json::Value;
use zip::ZipArchive;

use crate::environment::{Missing, cached};
use crate::server::KAFKA;

/// A range of versions, both ends inclusive; empty where the first is above the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Versions {
    first: i16,
    last: i16,
}

impl Versions {
    const NONE: Self = Self { first: 0, last: -1 };

    /// Reads `3`, `3+`, `1-3` or `none`.
    ///
    /// # Panics
    /// Where the text is no range.
    pub fn parse(text: &str) -> Self {
        let number = |text: &str| text.parse().unwrap_or_else(|_| panic!("no range of versions: {text:?}"));
        if text == "none" {
            Self::NONE
        } else if let Some(first) = text.strip_suffix('+') {
            Self { first: number(first), last: i16::MAX }
        } else if let Some((first, last)) = text.split_once('-') {
            Self { first: number(first), last: number(last) }
        } else {
            Self { first: number(text), last: number(text) }
        }
    }

    fn of(object: &Value, name: &str) -> Self {
        object[name].as_str().map_or(Self::NONE, Self::parse)
    }

    /// Whether the range holds a version.
    pub fn contains(self, version: i16) -> bool {
        (self.first..=self.last).contains(&version)
    }
}

/// The type of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// One byte, 0 or 1.
    Bool,
    /// A signed integer of so many bytes.
    Int(usize),
    /// An unsigned integer of so many bytes.
    Uint(usize),
    /// An IEEE 754 number of 8 bytes.
    Float,
    /// 16 bytes, in JSON as Kafka prints them: base64 with the alphabet for URLs.
    Uuid,
    /// UTF-8.
    String,
    /// Bytes, in JSON as hexadecimal digits.
    Bytes,
    /// Fields in their order.
    Struct(Vec<Field>),
    /// Elements of one type.
    Array(Box<Kind>),
}

/// A field of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Kafka's name, as `TopicName`.
    pub name: String,
    /// The type.
    pub kind: Kind,
    /// The versions that have the field.
    pub versions: Versions,
    /// The versions that allow null.
    pub nullable: Versions,
    /// The number of the field in the versions where it is tagged.
    pub tag: Option<(u32, Versions)>,
    /// What stands for the field where a request does not name it.
    pub default: Value,
}

/// A request or a response.
#[derive(Debug, Clone)]
pub struct Message {
    /// Kafka's name, as `ListOffsetsRequest`.
    pub name: String,
    /// The versions that exist.
    pub versions: Versions,
    /// The versions with compact lengths and tagged fields.
    pub flexible: Versions,
    /// The fields.
    pub fields: Vec<Field>,
}

/// A request with its response.
#[derive(Debug, Clone)]
pub struct Api {
    /// The number in a request's header.
    pub key: i16,
    /// Kafka's name, as `ListOffsets`.
    pub name: String,
    /// The request.
    pub request: Message,
    /// The response.
    pub response: Message,
}

/// All APIs of Kafka's jar by their names.
pub type Apis = BTreeMap<String, Api>;

/// Reads the descriptions of all APIs.
///
/// # Errors
/// Where Kafka's jars are not on this machine.
pub fn read() -> Result<Apis, Missing> {
    let list = cached(&format!("kafka-{KAFKA}.classpath"), &format!("kafka-{KAFKA}"))?;
    let list = fs::read_to_string(list).map_err(|error| Missing(error.to_string()))?;
    let name = format!("/kafka-clients-{KAFKA}.jar");
    let path = list.trim().split(':').find(|path| path.ends_with(&name));
    let path = path.ok_or_else(|| Missing(format!("the class path of Kafka does not name {name}")))?;
    let file = File::open(path).map_err(|error| Missing(format!("{path}: {error}")))?;
    let mut jar = ZipArchive::new(file).expect("a jar is a zip archive");
    let (mut requests, mut responses) = (BTreeMap::new(), BTreeMap::new());
    for index in 0..jar.len() {
        let mut entry = jar.by_index(index).expect("an entry of the jar");
        let name = entry.name().expect("names of entries are text").into_owned();
        let is_json = Path::new(&name).extension().is_some_and(|extension| extension == "json");
        if !(name.starts_with("common/message/") && is_json) {
            continue;
        }
        let mut text = String::new();
        entry.read_to_string(&mut text).expect("descriptions are text");
        let parsed: Value =
            serde_json::from_str(&without_comments(&text)).unwrap_or_else(|error| panic!("{name}: {error}"));
        match parsed["type"].as_str() {
            Some("request") => requests.insert(key(&parsed), parse(&parsed)),
            Some("response") => responses.insert(key(&parsed), parse(&parsed)),
            _ => None,
        };
    }
    Ok(join(requests, responses))
}

fn key(message: &Value) -> i16 {
    i16::try_from(message["apiKey"].as_i64().expect("a key")).expect("a key of 16 bits")
}

fn join(requests: BTreeMap<i16, Message>, mut responses: BTreeMap<i16, Message>) -> Apis {
    let apis = requests.into_iter().filter_map(|(key, request)| {
        let response = responses.remove(&key)?;
        let name = request.name.trim_end_matches("Request").to_owned();
        Some((name.clone(), Api { key, name, request, response }))
    });
    apis.collect()
}

/// Kafka's descriptions are JSON with comments to the end of the line.
fn without_comments(text: &str) -> String {
    let lines = text.lines().map(|line| if line.trim_start().starts_with("//") { "" } else { line });
    lines.collect::<Vec<_>>().join("\n")
}

fn parse(message: &Value) -> Message {
    let common = message["commonStructs"].as_array().cloned().unwrap_or_default();
    let common = common.iter().map(|s| (s["name"].as_str().expect("a name"), &s["fields"])).collect();
    Message {
        name: message["name"].as_str().expect("a name").to_owned(),
        versions: Versions::of(message, "validVersions"),
        flexible: Versions::of(message, "flexibleVersions"),
        fields: parse_fields(&message["fields"], &common),
    }
}

type Common<'a> = BTreeMap<&'a str, &'a Value>;

fn parse_fields(fields: &Value, common: &Common<'_>) -> Vec<Field> {
    let fields = fields.as_array().map(Vec::as_slice).unwrap_or_default();
    fields.iter().map(|field| parse_field(field, common)).collect()
}

fn parse_field(field: &Value, common: &Common<'_>) -> Field {
    let kind = parse_kind(field["type"].as_str().expect("a type"), &field["fields"], common);
    let tag = field["tag"]
        .as_u64()
        .map(|tag| (u32::try_from(tag).expect("a tag of 32 bits"), Versions::of(field, "taggedVersions")));
    Field {
        name: field["name"].as_str().expect("a name").to_owned(),
        versions: Versions::of(field, "versions"),
        nullable: Versions::of(field, "nullableVersions"),
        default: default(&kind, &field["default"]),
        kind,
        tag,
    }
}

fn parse_kind(text: &str, fields: &Value, common: &Common<'_>) -> Kind {
    if let Some(element) = text.strip_prefix("[]") {
        return Kind::Array(Box::new(parse_kind(element, fields, common)));
    }
    match text {
        "bool" => Kind::Bool,
        "int8" => Kind::Int(1),
        "int16" => Kind::Int(2),
        "int32" => Kind::Int(4),
        "int64" => Kind::Int(8),
        "uint16" => Kind::Uint(2),
        "uint32" => Kind::Uint(4),
        "float64" => Kind::Float,
        "uuid" => Kind::Uuid,
        "string" => Kind::String,
        "bytes" | "records" => Kind::Bytes,
        name => {
            let fields = common.get(name).copied().unwrap_or(fields);
            Kind::Struct(parse_fields(fields, common))
        }
    }
}

/// The default as JSON; structures without one are objects whose fields have theirs.
fn default(kind: &Kind, given: &Value) -> Value {
    let text = match given {
        Value::Null => "",
        Value::String(text) if text == "null" => return Value::Null,
        Value::String(text) => text,
        other => return other.clone(),
    };
    match kind {
        Kind::Bool => (text == "true").into(),
        Kind::Int(_) | Kind::Uint(_) if text.is_empty() => 0.into(),
        Kind::Int(_) | Kind::Uint(_) => number(text).into(),
        Kind::Float => text.parse::<f64>().unwrap_or(0.0).into(),
        Kind::Uuid => super::codec::ZERO_UUID.into(),
        Kind::String | Kind::Bytes => text.into(),
        Kind::Struct(_) => Value::Object(serde_json::Map::new()),
        Kind::Array(_) => Value::Array(Vec::new()),
    }
}

fn number(text: &str) -> i64 {
    let parsed = match text.strip_prefix("0x") {
        Some(digits) => i64::from_str_radix(digits, 16),
        None => text.parse(),
    };
    parsed.unwrap_or_else(|_| panic!("no default of a number: {text:?}"))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A request with every type of field, for the tests of this folder.
    pub(crate) const SAMPLE: &str = r#"
    // a comment
    { "apiKey": 7, "type": "request", "name": "SampleRequest", "validVersions": "0-2", "flexibleVersions": "2+",
      "commonStructs": [ { "name": "Row", "fields": [
          { "name": "Id", "type": "int32", "versions": "0+", "default": "-1" },
          { "name": "Text", "type": "string", "versions": "1+", "nullableVersions": "1+", "default": "null" } ] } ],
      "fields": [
        { "name": "Flag", "type": "bool", "versions": "0+", "default": "true" },
        // a comment
        { "name": "Rows", "type": "[]Row", "versions": "0+", "nullableVersions": "1+" },
        { "name": "One", "type": "Row", "versions": "1+", "nullableVersions": "1+", "default": "null" },
        { "name": "Key", "type": "uuid", "versions": "1+" },
        { "name": "Data", "type": "bytes", "versions": "0+" },
        { "name": "Mask", "type": "int64", "versions": "0+", "default": "0x10" },
        { "name": "Late", "type": "uint16", "versions": "2+", "tag": 0, "taggedVersions": "2+" } ] }"#;

    pub(crate) fn sample() -> Message {
        parse(&serde_json::from_str(&without_comments(SAMPLE)).unwrap())
    }

    #[test]
    fn descriptions_are_parsed() {
        let message = sample();
        assert_eq!(message.name, "SampleRequest");
        assert!(
            message.flexible.contains(2) && !message.flexible.contains(1) && !message.versions.contains(3)
        );
        let names: Vec<_> = message.fields.iter().map(|field| field.name.as_str()).collect();
        assert_eq!(names, ["Flag", "Rows", "One", "Key", "Data", "Mask", "Late"]);
        assert_eq!(message.fields[5].default, Value::from(16));
        assert_eq!(message.fields[2].default, Value::Null);
        let Kind::Array(row) = &message.fields[1].kind else { panic!("an array") };
        assert_eq!(**row, message.fields[2].kind, "the common structure in both places");
    }

    #[test]
    fn every_api_of_kafka_is_read() {
        let apis = crate::need!(read());
        for api in medallion_wire::api::Api::all() {
            let read = apis.get(api.name()).unwrap_or_else(|| panic!("{} is not in the jar", api.name()));
            assert_eq!(read.key, api.key(), "{}", api.name());
            assert!(read.request.versions.contains(api.last_version()), "{}", api.name());
        }
    }
}
