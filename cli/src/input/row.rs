//! A row with named fields, in the order of its file.

use anyhow::anyhow;
use bytes::Bytes;
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value;

use super::{InputOptions, InputRecord};

/// Fields in the order of the file, which a JSON map of `serde_json` would sort.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row(pub(super) Vec<(String, Value)>);

impl Serialize for Row {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl Row {
    /// The record whose value is this row as JSON.
    pub(super) fn into_record(self, options: &InputOptions) -> anyhow::Result<InputRecord> {
        let key = match &options.key_field {
            None => None,
            Some(name) => {
                let field = self.0.iter().find(|(field, _)| field == name);
                key_of(field.map(|(_, value)| value), name)?
            }
        };
        let value = Bytes::from(serde_json::to_vec(&self)?);
        Ok(InputRecord::new(key, Some(value), options.headers.clone()))
    }
}

/// A field as a key: text as it is, null as null, everything else as JSON.
pub(super) fn key_of(value: Option<&Value>, name: &str) -> anyhow::Result<Option<Bytes>> {
    match value {
        None => Err(anyhow!("no field {name:?}, which should be the key")),
        Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(Bytes::from(text.clone()))),
        Some(other) => Ok(Some(Bytes::from(other.to_string()))),
    }
}
