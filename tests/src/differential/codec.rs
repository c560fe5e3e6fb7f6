//! Messages between JSON and bytes, by Kafka's description of them.
//!
//! A request names its fields as Kafka does; a field that it leaves out has its default, and a field that the version
//! does not have is left out, so that one text serves all versions. `null` is written also where Kafka's
//! description forbids it, as bad clients do.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use serde_json::{Map, Value};

use super::schema::{Field, Kind, Message};

/// The topic id that means none.
pub const ZERO_UUID: &str = "AAAAAAAAAAAAAAAAAAAAAA";

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// The bytes of a message.
///
/// # Panics
/// Where the value has fields that no version of the message has, or values of another type.
pub fn encode(message: &Message, version: i16, value: &Value) -> Bytes {
    let mut writer = Writer {
        bytes: BytesMut::new(),
        version,
        flexible: message.flexible.contains(version),
        path: message.name.clone(),
    };
    writer.fields(&message.fields, value);
    writer.bytes.freeze()
}

/// A message out of all of its bytes.
///
/// # Errors
/// What does not fit the description, with the field.
pub fn decode(message: &Message, version: i16, bytes: Bytes) -> Result<Value, String> {
    let mut reader = Reader { bytes, version, flexible: message.flexible.contains(version) };
    let value = reader.fields(&message.fields)?;
    match reader.bytes.len() {
        0 => Ok(value),
        left => Err(format!("{left} bytes follow the {}", message.name)),
    }
}

/// 16 bytes as Kafka prints them.
pub fn print_uuid(bytes: [u8; 16]) -> String {
    let bits = u128::from_be_bytes(bytes);
    let digit = |index: u32| {
        let bits = if index == 21 { bits << 4 } else { bits >> (122 - 6 * index) };
        char::from(DIGITS[usize::try_from(bits & 63).expect("six bits")])
    };
    (0..22).map(digit).collect()
}

fn parse_uuid(text: &str) -> Option<[u8; 16]> {
    let digits = text.bytes().map(|byte| DIGITS.iter().position(|digit| *digit == byte));
    let digits: Vec<u128> = digits.map(|digit| digit.map(|d| d as u128)).collect::<Option<_>>()?;
    let (last, first) = digits.split_last().filter(|(_, first)| first.len() == 21)?;
    let bits = first.iter().fold(0, |bits: u128, digit| bits << 6 | digit);
    Some((bits << 2 | last >> 4).to_be_bytes())
}

/// Bytes as hexadecimal digits.
pub fn print_bytes(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Reads what [`print_bytes`] prints.
pub fn parse_bytes(text: &str) -> Option<Vec<u8>> {
    let pairs = text.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).ok());
    pairs.map(|pair| u8::from_str_radix(pair?, 16).ok()).collect()
}

/// Whether a field stands in the tagged section of a version.
fn tag_in(field: &Field, version: i16) -> Option<u32> {
    field.tag.filter(|(_, versions)| versions.contains(version)).map(|(tag, _)| tag)
}

struct Writer {
    bytes: BytesMut,
    version: i16,
    flexible: bool,
    /// Where in the message the writer is, for panics.
    path: String,
}

impl Writer {
    fn fields(&mut self, fields: &[Field], value: &Value) {
        let object = value.as_object().unwrap_or_else(|| panic!("{}: {value} is no object", self.path));
        for name in object.keys() {
            assert!(fields.iter().any(|field| field.name == *name), "{} has no field {name}", self.path);
        }
        let of = |field: &Field| object.get(&field.name).unwrap_or(&field.default).clone();
        let version = self.version;
        for field in fields.iter().filter(|field| field.versions.contains(version)) {
            if tag_in(field, self.version).is_none() {
                self.field(field, &of(field));
            }
        }
        if !self.flexible {
            return;
        }
        let mut tagged: Vec<_> =
            fields.iter().filter_map(|field| Some((tag_in(field, self.version)?, field))).collect();
        tagged.retain(|(_, field)| of(field) != field.default);
        tagged.sort_by_key(|(tag, _)| *tag);
        self.unsigned(tagged.len());
        for (tag, field) in tagged {
            self.unsigned(tag as usize);
            let outside = std::mem::take(&mut self.bytes);
            self.field(field, &of(field));
            let inside = std::mem::replace(&mut self.bytes, outside);
            self.unsigned(inside.len());
            self.bytes.put_slice(&inside);
        }
    }

    fn field(&mut self, field: &Field, value: &Value) {
        let outer = self.path.len();
        self.path.push('.');
        self.path.push_str(&field.name);
        self.value(&field.kind, field.nullable.contains(self.version), value);
        self.path.truncate(outer);
    }

    fn value(&mut self, kind: &Kind, nullable: bool, value: &Value) {
        match kind {
            Kind::Bool => self.bytes.put_u8(u8::from(self.expect(value.as_bool(), value))),
            Kind::Int(size) | Kind::Uint(size) => self.integer(*size, value),
            Kind::Float => self.bytes.put_f64(self.expect(value.as_f64(), value)),
            Kind::Uuid => {
                let uuid = self.expect(value.as_str().and_then(parse_uuid), value);
                self.bytes.put_slice(&uuid);
            }
            Kind::String => {
                let bytes = value.as_str().map(|text| text.as_bytes().to_vec());
                self.sized(2, bytes, value);
            }
            Kind::Bytes => self.sized(4, value.as_str().and_then(parse_bytes), value),
            Kind::Struct(fields) => {
                if nullable {
                    self.bytes.put_i8(if value.is_null() { -1 } else { 1 });
                }
                if !value.is_null() {
                    self.fields(fields, value);
                }
            }
            Kind::Array(element) => {
                let elements = value.as_array();
                assert!(elements.is_some() || value.is_null(), "{}: {value} is no array", self.path);
                self.length(4, elements.map(Vec::len));
                for one in elements.into_iter().flatten() {
                    self.value(element, false, one);
                }
            }
        }
    }

    fn expect<T>(&self, found: Option<T>, value: &Value) -> T {
        found.unwrap_or_else(|| panic!("{}: {value} is of another type", self.path))
    }

    fn integer(&mut self, size: usize, value: &Value) {
        let bytes = self.expect(value.as_i64(), value).to_be_bytes();
        self.bytes.put_slice(&bytes[8 - size..]);
    }

    fn sized(&mut self, size: usize, bytes: Option<Vec<u8>>, value: &Value) {
        assert!(bytes.is_some() || value.is_null(), "{}: {value} is of another type", self.path);
        self.length(size, bytes.as_ref().map(Vec::len));
        self.bytes.put_slice(&bytes.unwrap_or_default());
    }

    /// A length or null, in so many bytes where the version is not flexible.
    fn length(&mut self, size: usize, length: Option<usize>) {
        if self.flexible {
            return self.unsigned(length.map_or(0, |length| length + 1));
        }
        let length = length.map_or(-1, |length| i64::try_from(length).expect("a length of 63 bits"));
        self.bytes.put_slice(&length.to_be_bytes()[8 - size..]);
    }

    fn unsigned(&mut self, mut value: usize) {
        while value >= 0x80 {
            self.bytes.put_u8(u8::try_from(value & 0x7F).expect("seven bits") | 0x80);
            value >>= 7;
        }
        self.bytes.put_u8(u8::try_from(value).expect("seven bits"));
    }
}

struct Reader {
    bytes: Bytes,
    version: i16,
    flexible: bool,
}

impl Reader {
    fn fields(&mut self, fields: &[Field]) -> Result<Value, String> {
        let (mut object, version) = (Map::new(), self.version);
        for field in fields.iter().filter(|field| field.versions.contains(version)) {
            let value = match tag_in(field, self.version) {
                Some(_) => field.default.clone(),
                None => self.field(field)?,
            };
            object.insert(field.name.clone(), value);
        }
        if self.flexible {
            for _ in 0..self.unsigned()? {
                let (tag, size) = (self.unsigned()?, self.unsigned()?);
                let rest = self.take(size)?;
                let field =
                    fields.iter().find(|f| tag_in(f, self.version).is_some_and(|t| t as usize == tag));
                let field = field.ok_or_else(|| format!("no field has the tag {tag}"))?;
                let mut inside = Self { bytes: rest, ..*self };
                object.insert(field.name.clone(), inside.field(field)?);
                if !inside.bytes.is_empty() {
                    return Err(format!("{}: {} bytes too many", field.name, inside.bytes.len()));
                }
            }
        }
        Ok(Value::Object(object))
    }

    fn field(&mut self, field: &Field) -> Result<Value, String> {
        let nullable = field.nullable.contains(self.version);
        let value = self.value(&field.kind, nullable);
        let value = value.map_err(|error| format!("{}: {error}", field.name))?;
        if value.is_null() && !nullable {
            return Err(format!("{}: null", field.name));
        }
        Ok(value)
    }

    fn value(&mut self, kind: &Kind, nullable: bool) -> Result<Value, String> {
        Ok(match kind {
            Kind::Bool => (self.take(1)?[0] != 0).into(),
            Kind::Int(size) => {
                let bytes = self.take(*size)?;
                let first = if bytes[0] & 0x80 == 0 { 0 } else { -1 };
                bytes.iter().fold(first, |number: i64, byte| number << 8 | i64::from(*byte)).into()
            }
            Kind::Uint(size) => self.take(*size)?.iter().fold(0, |n: u64, b| n << 8 | u64::from(*b)).into(),
            Kind::Float => self.take(8)?.get_f64().into(),
            Kind::Uuid => print_uuid(self.take(16)?[..].try_into().expect("16 bytes")).into(),
            Kind::String => match self.length(2)? {
                Some(length) => {
                    let bytes = self.take(length)?;
                    std::str::from_utf8(&bytes).map_err(|error| error.to_string())?.into()
                }
                None => Value::Null,
            },
            Kind::Bytes => match self.length(4)? {
                Some(length) => print_bytes(&self.take(length)?).into(),
                None => Value::Null,
            },
            Kind::Struct(_) if nullable && self.take(1)?[0] == 0xFF => Value::Null,
            Kind::Struct(fields) => self.fields(fields)?,
            Kind::Array(element) => match self.length(4)? {
                Some(length) => {
                    let mut elements = Vec::new();
                    for _ in 0..length {
                        elements.push(self.value(element, false)?);
                    }
                    elements.into()
                }
                None => Value::Null,
            },
        })
    }

    fn take(&mut self, size: usize) -> Result<Bytes, String> {
        if self.bytes.len() < size {
            return Err(format!("{size} bytes expected, {} left", self.bytes.len()));
        }
        Ok(self.bytes.split_to(size))
    }

    fn length(&mut self, size: usize) -> Result<Option<usize>, String> {
        if self.flexible {
            return Ok(self.unsigned()?.checked_sub(1));
        }
        let Value::Number(length) = self.value(&Kind::Int(size), false)? else { unreachable!("an integer") };
        match length.as_i64() {
            Some(-1) => Ok(None),
            length => match length.and_then(|length| usize::try_from(length).ok()) {
                Some(length) => Ok(Some(length)),
                None => Err(format!("a length of {length:?}")),
            },
        }
    }

    fn unsigned(&mut self) -> Result<usize, String> {
        let mut value = 0;
        for shift in [0, 7, 14, 21, 28] {
            let byte = self.take(1)?[0];
            value |= usize::from(byte & 0x7F) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err("a number of more than five bytes".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::differential::schema::tests::sample;
    use serde_json::json;

    #[test]
    fn a_message_survives_in_every_version() {
        let value = json!({
            "Flag": false, "Rows": [{ "Id": 7, "Text": "seven" }, { "Id": -2, "Text": null }],
            "One": { "Id": 1, "Text": "" }, "Key": "MkU3OEVBNTcwNTJENDM2Qg", "Data": "00ff", "Mask": -1, "Late": 65535
        });
        for version in 0..3 {
            let read = decode(&sample(), version, encode(&sample(), version, &value)).unwrap();
            let mut expected = value.clone();
            if version < 2 {
                expected.as_object_mut().unwrap().remove("Late");
            }
            if version == 0 {
                expected =
                    json!({ "Flag": false, "Rows": [{ "Id": 7 }, { "Id": -2 }], "Data": "00ff", "Mask": -1 });
            }
            assert_eq!(read, expected, "version {version}");
        }
    }

    #[test]
    fn what_is_left_out_has_its_default() {
        let read = decode(&sample(), 2, encode(&sample(), 2, &json!({ "Rows": null }))).unwrap();
        let expected = json!({ "Flag": true, "Rows": null, "One": null, "Key": ZERO_UUID, "Data": "", "Mask": 16,
            "Late": 0 });
        assert_eq!(read, expected);
    }

    #[test]
    fn bytes_too_many_or_too_few_are_errors() {
        let bytes = encode(&sample(), 2, &json!({}));
        assert!(decode(&sample(), 2, bytes.slice(1..)).is_err());
        assert!(decode(&sample(), 2, bytes.slice(..bytes.len() - 1)).is_err());
        let more: Bytes = [&bytes[..], &[0]].concat().into();
        assert!(decode(&sample(), 2, more).is_err());
    }

    #[test]
    #[should_panic(expected = "SampleRequest has no field Nothing")]
    fn a_misspelt_field_is_named() {
        encode(&sample(), 0, &json!({ "Nothing": 1 }));
    }

    #[test]
    fn uuids_are_printed_as_kafka_does() {
        let bytes = *b"\x32\x45\x37\x38\x45\x42\x41\x35\x37\x30\x35\x32\x44\x34\x33\x36";
        let text = print_uuid(bytes);
        assert_eq!(text, "MkU3OEVCQTU3MDUyRDQzNg");
        assert_eq!(parse_uuid(&text), Some(bytes));
        assert_eq!(parse_uuid(ZERO_UUID), Some([0; 16]));
        assert_eq!(parse_uuid("short"), None);
    }
}
