//! How a record says which schema it was written with.
//!
//! ```text
//! before the value, version 0    00 │ id, 4 bytes, big end first │ Protobuf: indexes of the message │ value
//! before the value, version 1    01 │ GUID, 16 bytes             │ Protobuf: indexes of the message │ value
//! in a header                    01 │ GUID, 16 bytes             │ Protobuf: indexes of the message
//! ```
//! The headers are `__key_schema_id` and `__value_schema_id`; the value is bare then. Indexes lead from the file to the message: their
//! count and each of them as a zig-zag number of variable length, and a single 0 for the first message of the file.

use std::fmt;

use bytes::{BufMut, Bytes, BytesMut};
use uuid::Uuid;

use crate::subject::RecordPart;

const VERSION_0: u8 = 0;
const VERSION_1: u8 = 1;
/// More levels of messages in messages than `protoc` takes.
const INDEXES_MAX: usize = 100;

/// Why bytes have no frame.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WireFormatError {
    /// Neither version.
    #[error("the first byte is {0}, not 0 or 1: the record was written without a schema registry")]
    Version(u8),
    /// The end comes within the frame.
    #[error("{0} bytes are too few for the id of a schema")]
    Short(usize),
    /// A header that has no GUID.
    #[error("the header {0} has no GUID of a schema")]
    Header(&'static str),
    /// Indexes of a Protobuf message that are none.
    #[error("the indexes of the Protobuf message are broken")]
    Indexes,
    /// A value in header mode without its header.
    #[error("{setting}=HeaderSchemaIdSerializer puts the id into a header: use `encode`, which returns it")]
    NeedsHeader {
        /// The setting.
        setting: &'static str,
    },
}

/// What names a schema in a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SchemaId {
    /// Its id, version 0.
    Id(i32),
    /// Its GUID, version 1.
    Guid(Uuid),
}

impl fmt::Display for SchemaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => id.fmt(f),
            Self::Guid(guid) => guid.fmt(f),
        }
    }
}

impl SchemaId {
    /// Writes the frame before a value.
    pub fn write(self, out: &mut BytesMut) {
        match self {
            Self::Id(id) => {
                out.put_u8(VERSION_0);
                out.put_i32(id);
            }
            Self::Guid(guid) => {
                out.put_u8(VERSION_1);
                out.put_slice(guid.as_bytes());
            }
        }
    }

    /// Reads the frame and gives back what follows it.
    ///
    /// ```
    /// use medallion_serdes::SchemaId;
    ///
    /// assert_eq!(SchemaId::read(b"\0\0\0\0\x07fare"), Ok((SchemaId::Id(7), &b"fare"[..])));
    /// ```
    ///
    /// # Errors
    /// Where there is none.
    pub fn read(bytes: &[u8]) -> Result<(Self, &[u8]), WireFormatError> {
        let short = || WireFormatError::Short(bytes.len());
        let (version, rest) = bytes.split_first().ok_or_else(short)?;
        match *version {
            VERSION_0 => {
                let (id, rest) = rest.split_first_chunk().ok_or_else(short)?;
                Ok((Self::Id(i32::from_be_bytes(*id)), rest))
            }
            VERSION_1 => {
                let (guid, rest) = rest.split_first_chunk().ok_or_else(short)?;
                Ok((Self::Guid(Uuid::from_bytes(*guid)), rest))
            }
            other => Err(WireFormatError::Version(other)),
        }
    }
}

/// A header for the record that the value goes into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaHeader {
    /// `__key_schema_id` or `__value_schema_id`.
    pub name: &'static str,
    /// The GUID in version 1, with the indexes of a Protobuf message.
    pub value: Bytes,
}

/// Where a deserializer looks for headers: slices of names and values, and whatever else a client has.
pub trait Headers {
    /// The value of the last header of that name.
    fn last(&self, name: &str) -> Option<&[u8]>;
}

impl<K: AsRef<str>, V: AsRef<[u8]>> Headers for [(K, V)] {
    fn last(&self, name: &str) -> Option<&[u8]> {
        self.iter().rev().find(|(key, _)| key.as_ref() == name).map(|(_, value)| value.as_ref())
    }
}

impl Headers for Option<&SchemaHeader> {
    fn last(&self, name: &str) -> Option<&[u8]> {
        self.filter(|header| header.name == name).map(|header| header.value.as_ref())
    }
}

/// No headers.
impl Headers for () {
    fn last(&self, _: &str) -> Option<&[u8]> {
        None
    }
}

/// What a record says of its schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The schema.
    pub id: SchemaId,
    /// The header behind the GUID, where the schema is named there: a Protobuf message has its indexes in it.
    pub header_rest: Option<&'a [u8]>,
    /// The bytes behind the frame; for Protobuf they begin with the indexes unless those are in the header.
    pub rest: &'a [u8],
}

impl<'a> Frame<'a> {
    /// Looks into the headers first, then before the value.
    ///
    /// # Errors
    /// Where neither has it.
    pub fn read(
        part: RecordPart,
        bytes: &'a [u8],
        headers: &'a (impl Headers + ?Sized),
    ) -> Result<Self, WireFormatError> {
        let Some(header) = headers.last(part.header_name()) else {
            let (id, rest) = SchemaId::read(bytes)?;
            return Ok(Self { id, header_rest: None, rest });
        };
        match SchemaId::read(header) {
            Ok((id @ SchemaId::Guid(_), header_rest)) => {
                Ok(Self { id, header_rest: Some(header_rest), rest: bytes })
            }
            _ => Err(WireFormatError::Header(part.header_name())),
        }
    }
}

/// Writes the indexes of a Protobuf message.
pub fn write_indexes(indexes: &[i32], out: &mut BytesMut) {
    if indexes == [0] {
        return out.put_u8(0);
    }
    write_varint(i32::try_from(indexes.len()).unwrap_or(i32::MAX), out);
    for index in indexes {
        write_varint(*index, out);
    }
}

/// Reads them, and gives back what follows.
///
/// # Errors
/// Where they are broken, negative or more than a hundred.
pub fn read_indexes(bytes: &[u8]) -> Result<(Vec<i32>, &[u8]), WireFormatError> {
    let (count, mut rest) = read_varint(bytes)?;
    if count == 0 {
        return Ok((vec![0], rest));
    }
    let count = usize::try_from(count).map_err(|_| WireFormatError::Indexes)?;
    if count > INDEXES_MAX {
        return Err(WireFormatError::Indexes);
    }
    let mut indexes = Vec::with_capacity(count);
    for _ in 0..count {
        let (index, behind) = read_varint(rest)?;
        if index < 0 {
            return Err(WireFormatError::Indexes);
        }
        indexes.push(index);
        rest = behind;
    }
    Ok((indexes, rest))
}

fn write_varint(number: i32, out: &mut BytesMut) {
    let mut bits = ((number << 1) ^ (number >> 31)).cast_unsigned();
    while bits >= 0x80 {
        out.put_u8(u8::try_from(bits & 0x7f).unwrap_or_default() | 0x80);
        bits >>= 7;
    }
    out.put_u8(u8::try_from(bits).unwrap_or_default());
}

fn read_varint(bytes: &[u8]) -> Result<(i32, &[u8]), WireFormatError> {
    let mut bits = 0u32;
    for (at, byte) in bytes.iter().take(5).enumerate() {
        bits |= u32::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            let number = (bits >> 1).cast_signed() ^ -(bits & 1).cast_signed();
            return Ok((number, &bytes[at + 1..]));
        }
    }
    Err(WireFormatError::Indexes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(indexes: &[i32]) -> Vec<u8> {
        let mut out = BytesMut::new();
        write_indexes(indexes, &mut out);
        out.to_vec()
    }

    #[test]
    fn indexes_are_those_of_confluents_serializers() {
        assert_eq!(written(&[0]), [0]);
        assert_eq!(written(&[1]), [2, 2]);
        assert_eq!(written(&[1, 0]), [4, 2, 0]);
        assert_eq!(written(&[64, 200]), [4, 0x80, 1, 0x90, 3]);
        for indexes in [vec![0], vec![3], vec![0, 0], vec![64, 200, 1], vec![i32::MAX]] {
            let mut bytes = written(&indexes);
            bytes.push(9);
            assert_eq!(read_indexes(&bytes), Ok((indexes, &[9u8][..])));
        }
        // [0] in its long form, as some write it.
        assert_eq!(read_indexes(&[2, 0, 7]), Ok((vec![0], &[7u8][..])));
    }

    #[test]
    fn broken_indexes_are_refused() {
        for bytes in [
            &[][..],
            &[2],
            &[4, 0],
            &[1],
            &[2, 1],
            &[0xff, 0xff, 0xff, 0xff, 0xff, 1],
            &[0xfe, 0xff, 3, 0, 0],
        ] {
            assert_eq!(read_indexes(bytes), Err(WireFormatError::Indexes), "{bytes:?}");
        }
    }

    #[test]
    fn frames_of_both_versions_are_read() {
        let guid = Uuid::from_u128(0x0011_2233_4455_6677_8899_aabb_ccdd_eeff);
        for id in [SchemaId::Id(1), SchemaId::Id(i32::MAX), SchemaId::Guid(guid)] {
            let mut out = BytesMut::new();
            id.write(&mut out);
            out.put_u8(5);
            assert_eq!(SchemaId::read(&out), Ok((id, &[5u8][..])));
            for length in 0..out.len() - 1 {
                assert_eq!(SchemaId::read(&out[..length]), Err(WireFormatError::Short(length)));
            }
        }
        assert_eq!(SchemaId::read(b"{}"), Err(WireFormatError::Version(b'{')));
    }

    #[test]
    fn the_header_goes_before_the_prefix() {
        let guid = Uuid::from_u128(7);
        let mut header = BytesMut::new();
        SchemaId::Guid(guid).write(&mut header);
        let headers = [("__value_schema_id", header.to_vec())];
        let frame = Frame::read(RecordPart::Value, b"x", &headers[..]).unwrap();
        assert_eq!((frame.id, frame.rest), (SchemaId::Guid(guid), &b"x"[..]));
        let frame = Frame::read(RecordPart::Key, b"\0\0\0\0\x01x", &headers[..]).unwrap();
        assert_eq!((frame.id, frame.rest), (SchemaId::Id(1), &b"x"[..]));
        let broken = [("__value_schema_id", b"\0\0\0\0\x01")];
        let error = Frame::read(RecordPart::Value, b"\0\0\0\0\x01x", &broken[..]).unwrap_err();
        assert_eq!(error, WireFormatError::Header("__value_schema_id"));
    }
}
