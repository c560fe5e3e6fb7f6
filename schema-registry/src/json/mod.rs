//! JSON as schemas need it: keys in the order of the text, numbers as they were written, a bound on nesting, and written
//! as Jackson writes it, so that canonical schemas come out byte for byte as other registries have them.
//!
//! `serde_json` could keep order and numbers only by features that change the maps of every other crate of the same binary.

mod hash;
mod number;
mod parse;
mod write;

use indexmap::IndexMap;

pub(crate) use hash::{Hashed, Hashes};
pub use number::{Number, double_text, float_text};
pub use parse::{DEPTH_MAX, JsonError, ParseOptions};
pub use write::quote;

/// An object, in the order of its keys. A key that comes twice has the last value at the first place, as in Jackson.
pub type Object = IndexMap<String, Json>;

/// A JSON value.
#[derive(Debug, Clone, PartialEq)]
pub enum Json {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number.
    Number(Number),
    /// A string.
    String(String),
    /// An array.
    Array(Vec<Json>),
    /// An object.
    Object(Object),
}

impl Json {
    /// Reads a text that holds one JSON value and nothing else.
    ///
    /// # Errors
    /// With line and column where the text is not JSON, or is nested deeper than [`DEPTH_MAX`].
    pub fn parse(text: &str) -> Result<Self, JsonError> {
        parse::parse(text, ParseOptions::default())
    }

    /// As [`Json::parse`], and what `options` allow beyond JSON.
    ///
    /// # Errors
    /// As [`Json::parse`].
    pub fn parse_with(text: &str, options: ParseOptions) -> Result<Self, JsonError> {
        parse::parse(text, options)
    }

    /// The value of a key, where this is an object that has it.
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.as_object()?.get(key)
    }

    /// The text of a key, where it is a string.
    pub fn get_str(&self, key: &str) -> Option<&str> {
        self.get(key)?.as_str()
    }

    /// The string, where this is one.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// The boolean, where this is one.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// The number, where this is one.
    pub fn as_number(&self) -> Option<&Number> {
        match self {
            Self::Number(number) => Some(number),
            _ => None,
        }
    }

    /// The whole number, where this is one of 32 bits.
    pub fn as_i32(&self) -> Option<i32> {
        self.as_number()?.as_i32()
    }

    /// The elements, where this is an array.
    pub fn as_array(&self) -> Option<&[Self]> {
        match self {
            Self::Array(elements) => Some(elements),
            _ => None,
        }
    }

    /// The entries, where this is an object.
    pub fn as_object(&self) -> Option<&Object> {
        match self {
            Self::Object(entries) => Some(entries),
            _ => None,
        }
    }

    /// Whether this is `null`.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The same value with the keys of all objects in Java's order of strings (UTF-16 units).
    #[must_use]
    pub fn sorted(&self) -> Self {
        match self {
            Self::Array(elements) => Self::Array(elements.iter().map(Self::sorted).collect()),
            Self::Object(entries) => {
                let mut keys: Vec<&String> = entries.keys().collect();
                keys.sort_by(|a, b| compare_utf16(a, b));
                Self::Object(keys.into_iter().map(|key| (key.clone(), entries[key].sorted())).collect())
            }
            _ => self.clone(),
        }
    }
}

impl Eq for Json {}

impl From<&str> for Json {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

impl From<i32> for Json {
    fn from(value: i32) -> Self {
        Self::Number(Number::from(value))
    }
}

impl FromIterator<(String, Json)> for Json {
    fn from_iter<I: IntoIterator<Item = (String, Json)>>(entries: I) -> Self {
        Self::Object(entries.into_iter().collect())
    }
}

/// How Java compares strings: by UTF-16 units, not by code points.
pub fn compare_utf16(a: &str, b: &str) -> std::cmp::Ordering {
    a.encode_utf16().cmp(b.encode_utf16())
}
