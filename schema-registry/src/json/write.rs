//! Writing JSON: without spaces, as Jackson does, and over several lines for people.

use std::fmt::{self, Write};

use indexmap::IndexMap;

use super::Json;

/// Compact JSON: control characters escaped (in upper-case hexadecimals), all else as it is.
impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Number(number) if number.is_finite() => write!(f, "{number}"),
            Self::Number(number) => write!(f, "\"{number}\""),
            Self::String(text) => write_string(f, text),
            Self::Array(elements) => {
                f.write_char('[')?;
                for (index, element) in elements.iter().enumerate() {
                    if index > 0 {
                        f.write_char(',')?;
                    }
                    write!(f, "{element}")?;
                }
                f.write_char(']')
            }
            Self::Object(entries) => {
                f.write_char('{')?;
                for (index, (key, value)) in entries.iter().enumerate() {
                    if index > 0 {
                        f.write_char(',')?;
                    }
                    write_string(f, key)?;
                    write!(f, ":{value}")?;
                }
                f.write_char('}')
            }
        }
    }
}

impl Json {
    /// The same over several lines, for people: two spaces for each level, short arrays and objects in one line.
    pub fn pretty(&self) -> String {
        let mut text = String::new();
        write_pretty(&mut text, self, 0).expect("a String takes all that is written");
        text
    }
}

/// How long something may be that stands in one line, in bytes.
const LINE_MAX: usize = 80;

fn write_pretty(out: &mut String, value: &Json, depth: usize) -> fmt::Result {
    let compact = value.to_string();
    let is_nested = |value: &Json| matches!(value, Json::Object(_));
    let has_objects = match value {
        Json::Array(elements) => elements.iter().any(is_nested),
        Json::Object(entries) => entries.values().any(|value| is_nested(value) || value.as_array().is_some()),
        _ => return out.write_str(&compact),
    };
    if !has_objects && compact.len() + 2 * depth <= LINE_MAX {
        return write_spaced(out, value);
    }
    let indent = "  ".repeat(depth + 1);
    let (open, close, count) = match value {
        Json::Array(elements) => ('[', ']', elements.len()),
        _ => ('{', '}', value.as_object().map_or(0, IndexMap::len)),
    };
    out.write_char(open)?;
    let comma = |index: usize| if index + 1 < count { "," } else { "" };
    for (index, element) in value.as_array().unwrap_or_default().iter().enumerate() {
        write!(out, "\n{indent}")?;
        write_pretty(out, element, depth + 1)?;
        out.write_str(comma(index))?;
    }
    for (index, (key, value)) in value.as_object().into_iter().flatten().enumerate() {
        write!(out, "\n{indent}{}: ", quote(key))?;
        write_pretty(out, value, depth + 1)?;
        out.write_str(comma(index))?;
    }
    write!(out, "\n{}{close}", "  ".repeat(depth))
}

/// In one line, with spaces behind commas and colons.
fn write_spaced(out: &mut String, value: &Json) -> fmt::Result {
    match value {
        Json::Array(elements) => {
            out.write_char('[')?;
            for (index, element) in elements.iter().enumerate() {
                out.write_str(if index > 0 { ", " } else { "" })?;
                write_spaced(out, element)?;
            }
            out.write_char(']')
        }
        Json::Object(entries) if entries.is_empty() => out.write_str("{}"),
        Json::Object(entries) => {
            out.write_str("{ ")?;
            for (index, (key, value)) in entries.iter().enumerate() {
                write!(out, "{}{}: ", if index > 0 { ", " } else { "" }, quote(key))?;
                write_spaced(out, value)?;
            }
            out.write_str(" }")
        }
        _ => write!(out, "{value}"),
    }
}

/// A string in quotes, escaped as in JSON.
pub fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    write_string(&mut quoted, text).expect("a String takes all that is written");
    quoted
}

fn write_string(out: &mut impl Write, text: &str) -> fmt::Result {
    out.write_char('"')?;
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| c == '"' || c == '\\' || c < ' ') {
        out.write_str(&rest[..at])?;
        match rest.as_bytes()[at] {
            b'"' => out.write_str("\\\"")?,
            b'\\' => out.write_str("\\\\")?,
            b'\n' => out.write_str("\\n")?,
            b'\r' => out.write_str("\\r")?,
            b'\t' => out.write_str("\\t")?,
            0x08 => out.write_str("\\b")?,
            0x0c => out.write_str("\\f")?,
            control => write!(out, "\\u{control:04X}")?,
        }
        rest = &rest[at + 1..];
    }
    out.write_str(rest)?;
    out.write_char('"')
}
