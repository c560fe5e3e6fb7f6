//! Options and defaults in the language of Protobuf.

use std::fmt::Write as _;

use prost_reflect::{DynamicMessage, Kind, MapKey, Value};

/// All options that are set, as `name = value`, custom ones with their full names in parentheses.
pub(super) fn entries(options: &DynamicMessage) -> Vec<String> {
    let mut entries = Vec::new();
    for (field, value) in options.fields() {
        each(value, &mut |value| {
            entries.push(format!("{} = {}", field.name(), text(&field.kind(), value)));
        });
    }
    for (extension, value) in options.extensions() {
        let name = extension.full_name();
        each(value, &mut |value| {
            entries.push(format!("({name}) = {}", text(&extension.kind(), value)));
        });
    }
    entries
}

/// A repeated option is given as often as it has values.
fn each<'a>(value: &'a Value, write: &mut impl FnMut(&'a Value)) {
    match value {
        Value::List(values) => values.iter().for_each(write),
        value => write(value),
    }
}

/// One value; messages are in the text format.
fn text(kind: &Kind, value: &Value) -> String {
    match value {
        Value::Bool(value) => value.to_string(),
        Value::I32(value) => value.to_string(),
        Value::I64(value) => value.to_string(),
        Value::U32(value) => value.to_string(),
        Value::U64(value) => value.to_string(),
        Value::F32(value) => float(f64::from(*value)),
        Value::F64(value) => float(*value),
        Value::String(value) => quoted(value.as_bytes()),
        Value::Bytes(value) => quoted(value),
        Value::EnumNumber(number) => match kind.as_enum().and_then(|found| found.get_value(*number)) {
            Some(found) => found.name().to_owned(),
            None => number.to_string(),
        },
        Value::Message(message) => block(message),
        Value::List(values) => {
            let values: Vec<String> = values.iter().map(|value| text(kind, value)).collect();
            format!("[{}]", values.join(", "))
        }
        // Only as a field of a message.
        Value::Map(_) => String::new(),
    }
}

fn block(message: &DynamicMessage) -> String {
    let mut out = String::from("{ ");
    for (field, value) in message.fields() {
        match (value, field.kind()) {
            (Value::Map(entries), Kind::Message(entry)) => {
                let mut entries: Vec<_> = entries.iter().collect();
                entries.sort_by_key(|(key, _)| *key);
                for (key, value) in entries {
                    let kind = entry.map_entry_value_field().kind();
                    let (key, value) = (map_key(key), text(&kind, value));
                    let _ = write!(out, "{}: {{ key: {key} value: {value} }} ", field.name());
                }
            }
            (value, kind) => {
                let _ = write!(out, "{}: {} ", field.name(), text(&kind, value));
            }
        }
    }
    for (extension, value) in message.extensions() {
        let _ = write!(out, "[{}]: {} ", extension.full_name(), text(&extension.kind(), value));
    }
    out + "}"
}

fn map_key(key: &MapKey) -> String {
    match key {
        MapKey::Bool(key) => key.to_string(),
        MapKey::I32(key) => key.to_string(),
        MapKey::I64(key) => key.to_string(),
        MapKey::U32(key) => key.to_string(),
        MapKey::U64(key) => key.to_string(),
        MapKey::String(key) => quoted(key.as_bytes()),
    }
}

fn float(value: f64) -> String {
    if value.is_finite() { format!("{value:?}") } else { value.to_string().to_ascii_lowercase() }
}

/// A string with escapes for what is no printable character of ASCII.
pub(super) fn quoted(bytes: &[u8]) -> String {
    let mut out = String::from("\"");
    // Text stays text; bytes that are none are octal.
    match std::str::from_utf8(bytes) {
        Ok(text) => {
            for character in text.chars() {
                match character {
                    '"' | '\\' => out.extend(['\\', character]),
                    '\n' => out.push_str("\\n"),
                    '\r' => out.push_str("\\r"),
                    '\t' => out.push_str("\\t"),
                    control if control.is_ascii_control() => {
                        let _ = write!(out, "\\{:03o}", u32::from(control));
                    }
                    other => out.push(other),
                }
            }
        }
        Err(_) => {
            for byte in bytes {
                let _ = write!(out, "\\{byte:03o}");
            }
        }
    }
    out + "\""
}
