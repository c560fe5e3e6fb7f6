//! Records as the client programs exchange them, and a sample with all that a record may hold.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Bytes that stand as hexadecimal text in JSON.
#[derive(Clone, PartialEq, Eq)]
pub struct Hex(pub Vec<u8>);

impl From<&str> for Hex {
    fn from(text: &str) -> Self {
        Self(text.as_bytes().to_vec())
    }
}

impl std::fmt::Debug for Hex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match std::str::from_utf8(&self.0) {
            Ok(text) if text.len() <= 80 => write!(f, "{text:?}"),
            _ => write!(
                f,
                "<{} bytes, sum {}>",
                self.0.len(),
                self.0.iter().map(|b| u64::from(*b)).sum::<u64>()
            ),
        }
    }
}

impl Serialize for Hex {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble)]);
        let text: String = self.0.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect();
        serializer.serialize_str(&text)
    }
}

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let digit = |c: u8| char::from(c).to_digit(16).and_then(|d| u8::try_from(d).ok());
        let bytes = text.as_bytes().chunks(2).map(|pair| match pair {
            [high, low] => Some((digit(*high)? << 4) | digit(*low)?),
            _ => None,
        });
        bytes.collect::<Option<_>>().map(Self).ok_or_else(|| serde::de::Error::custom("not hexadecimal"))
    }
}

/// A record as sent or as read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Its offset; -1 before it is sent.
    #[serde(default = "unknown")]
    pub offset: i64,
    /// Milliseconds since 1970; `None` leaves it to the client.
    pub timestamp: Option<i64>,
    /// The key; `None` is null, which is not the same as empty.
    pub key: Option<Hex>,
    /// The value; `None` is null.
    pub value: Option<Hex>,
    /// Names and values in order; a name may come twice, a value may be null.
    #[serde(default)]
    pub headers: Vec<(String, Option<Hex>)>,
}

fn unknown() -> i64 {
    -1
}

impl Record {
    /// A record with a value only.
    pub fn of_value(value: &str) -> Self {
        Self { offset: -1, timestamp: None, key: None, value: Some(value.into()), headers: Vec::new() }
    }

    fn of(key: Option<&str>, value: Option<&str>) -> Self {
        Self {
            offset: -1,
            timestamp: None,
            key: key.map(Hex::from),
            value: value.map(Hex::from),
            headers: Vec::new(),
        }
    }

    /// The same record with other headers.
    #[must_use]
    pub fn with_headers(mut self, headers: &[(&str, Option<&str>)]) -> Self {
        self.headers =
            headers.iter().map(|(name, value)| ((*name).to_owned(), value.map(Hex::from))).collect();
        self
    }
}

/// The first timestamp of [`sample`]; its records are a second apart.
pub const SAMPLE_START_MS: i64 = 1_700_000_000_000;

/// Bytes of the large record in [`sample`].
pub const LARGE_BYTES: usize = 900 * 1000;

/// One record of each kind that the protocol allows, a second apart, offsets from 0.
pub fn sample() -> Vec<Record> {
    let mut records = vec![
        Record::of(Some("key"), Some("value")),
        Record::of(None, Some("null key")),
        Record::of(Some("tombstone"), None),
        Record::of(None, None),
        Record::of(Some(""), Some("")),
        Record::of(Some("schlüssel"), Some("значение 値")),
        Record::of(Some("headers"), Some("h")).with_headers(&[
            ("twice", Some("1")),
            ("twice", Some("2")),
            ("null", None),
            ("empty", Some("")),
        ]),
    ];
    let mut large = Record::of(Some("large"), None);
    large.value = Some(Hex(noise(LARGE_BYTES)));
    records.push(large);
    records.extend((0..20).map(|i| Record::of(Some(&format!("k{i}")), Some(&"repeated ".repeat(i)))));
    number(records)
}

/// Gives records offsets from 0 and timestamps a second apart.
pub fn number(mut records: Vec<Record>) -> Vec<Record> {
    for (record, offset) in records.iter_mut().zip(0..) {
        record.offset = offset;
        record.timestamp = Some(SAMPLE_START_MS + offset * 1000);
    }
    records
}

/// Bytes that hardly compress, always the same.
fn noise(size: usize) -> Vec<u8> {
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let mut step = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[0]
    };
    (0..size).map(|_| step()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_survive_json() {
        for record in sample() {
            let text = serde_json::to_string(&record).unwrap();
            assert_eq!(serde_json::from_str::<Record>(&text).unwrap(), record);
        }
    }
}
