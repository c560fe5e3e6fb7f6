//! The primitive types of Kafka's schemas, as the generated code reads and writes them.

use std::ops::RangeInclusive;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use uuid::Uuid;

use super::{DecodeError, EncodeError};

/// The longest text, in bytes: Kafka counts texts with an int16 also where the length is a varint.
const STRING_BYTES_MAX: usize = 0x7fff;

/// Tagged fields that a schema does not know, by tag, as they were read.
pub type UnknownTaggedFields = Vec<(u32, Bytes)>;

/// Where the errors of versions come from: both ways have the same one.
pub(crate) trait VersionError {
    fn unsupported(record: &'static str, version: i16, first: i16, last: i16) -> Self;
}

impl VersionError for DecodeError {
    fn unsupported(record: &'static str, version: i16, first: i16, last: i16) -> Self {
        Self::UnsupportedVersion { record, version, first, last }
    }
}

impl VersionError for EncodeError {
    fn unsupported(record: &'static str, version: i16, first: i16, last: i16) -> Self {
        Self::UnsupportedVersion { record, version, first, last }
    }
}

pub(crate) fn check_version<E: VersionError>(
    record: &'static str,
    versions: &RangeInclusive<i16>,
    version: i16,
) -> Result<(), E> {
    if versions.contains(&version) {
        return Ok(());
    }
    Err(E::unsupported(record, version, *versions.start(), *versions.end()))
}

pub(crate) fn decode_with<T>(
    record: &'static str,
    versions: &RangeInclusive<i16>,
    version: i16,
    buf: &mut Bytes,
    read: impl FnOnce(&mut Reader<'_>, i16) -> Result<T, DecodeError>,
) -> Result<T, DecodeError> {
    check_version(record, versions, version)?;
    let mut reader = Reader::new(buf);
    let value = read(&mut reader, version)?;
    let left = reader.left();
    buf.advance(buf.len() - left);
    Ok(value)
}

pub(crate) fn encode_with(
    record: &'static str,
    versions: &RangeInclusive<i16>,
    version: i16,
    buf: &mut BytesMut,
    write: impl FnOnce(&mut Writer<'_>) -> Result<(), EncodeError>,
) -> Result<(), EncodeError> {
    check_version(record, versions, version)?;
    write(&mut Writer::new(buf))
}

/// Reads the key of a coordinator's record. Bytes behind it are left alone, as Kafka does.
pub(crate) fn decode_key<T>(
    bytes: &Bytes,
    read: impl FnOnce(i16, &mut Reader<'_>) -> Result<T, DecodeError>,
) -> Result<T, DecodeError> {
    let mut reader = Reader::new(bytes);
    let key = reader.int16("record type")?;
    read(key, &mut reader)
}

/// Reads the value of a coordinator's record. Bytes behind it are left alone, as Kafka does.
pub(crate) fn decode_value<T>(
    bytes: &Bytes,
    read: impl FnOnce(i16, &mut Reader<'_>) -> Result<T, DecodeError>,
) -> Result<T, DecodeError> {
    let mut reader = Reader::new(bytes);
    let version = reader.int16("record version")?;
    read(version, &mut reader)
}

/// A body with an int16 before it.
pub(crate) fn encode_prefixed(
    prefix: i16,
    write: impl FnOnce(&mut Writer<'_>) -> Result<(), EncodeError>,
) -> Result<Bytes, EncodeError> {
    let mut buf = BytesMut::new();
    buf.put_i16(prefix);
    write(&mut Writer::new(&mut buf))?;
    Ok(buf.freeze())
}

/// Reads fields off a slice.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

macro_rules! numbers {
    ($($name:ident -> $number:ty;)*) => {
        $(pub(crate) fn $name(&mut self, field: &'static str) -> Result<$number, DecodeError> {
            self.array_of(field).map(<$number>::from_be_bytes)
        })*
    };
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// The bytes that are left to read.
    pub(crate) fn left(&self) -> usize {
        self.rest.len()
    }

    /// Takes all that is left.
    pub(crate) fn rest(&mut self) -> Bytes {
        Bytes::copy_from_slice(std::mem::take(&mut self.rest))
    }

    /// Fails if anything is left.
    pub(crate) fn end(&self, record: &'static str) -> Result<(), DecodeError> {
        match self.left() {
            0 => Ok(()),
            left => Err(DecodeError::TrailingBytes { record, left }),
        }
    }

    fn take(&mut self, needed: usize, field: &'static str) -> Result<&'a [u8], DecodeError> {
        let Some((taken, rest)) = self.rest.split_at_checked(needed) else {
            return Err(DecodeError::Truncated { field, needed, left: self.rest.len() });
        };
        self.rest = rest;
        Ok(taken)
    }

    fn array_of<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], DecodeError> {
        let Some((taken, rest)) = self.rest.split_first_chunk::<N>() else {
            return Err(DecodeError::Truncated { field, needed: N, left: self.rest.len() });
        };
        self.rest = rest;
        Ok(*taken)
    }

    numbers! {
        int8 -> i8;
        int16 -> i16;
        uint16 -> u16;
        int32 -> i32;
        uint32 -> u32;
        int64 -> i64;
        float64 -> f64;
    }

    pub(crate) fn bool(&mut self, field: &'static str) -> Result<bool, DecodeError> {
        Ok(self.int8(field)? != 0)
    }

    pub(crate) fn uuid(&mut self, field: &'static str) -> Result<Uuid, DecodeError> {
        self.array_of(field).map(Uuid::from_bytes)
    }

    /// An unsigned varint of at most five bytes. Bits above the 32nd are dropped in the fifth, as Kafka does.
    pub(crate) fn unsigned_varint(&mut self, field: &'static str) -> Result<u32, DecodeError> {
        let mut value = 0;
        for shift in [0, 7, 14, 21, 28] {
            let [byte] = self.array_of(field)?;
            value |= u32::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(DecodeError::InvalidVarint { field })
    }

    /// The length of what follows, `None` for null. `wide` tells how it is written where versions are not flexible:
    /// int32 rather than int16.
    fn length(
        &mut self,
        flexible: bool,
        wide: bool,
        field: &'static str,
    ) -> Result<Option<usize>, DecodeError> {
        let length = match (flexible, wide) {
            (true, _) => i64::from(self.unsigned_varint(field)?) - 1,
            (false, true) => i64::from(self.int32(field)?),
            (false, false) => i64::from(self.int16(field)?),
        };
        match usize::try_from(length) {
            Ok(length) => Ok(Some(length)),
            Err(_) if length == -1 => Ok(None),
            Err(_) => Err(DecodeError::InvalidLength { field, length }),
        }
    }

    pub(crate) fn string(&mut self, flexible: bool, field: &'static str) -> Result<String, DecodeError> {
        self.nullable_string(flexible, false, field)?.ok_or(DecodeError::Null { field })
    }

    pub(crate) fn nullable_string(
        &mut self,
        flexible: bool,
        nullable: bool,
        field: &'static str,
    ) -> Result<Option<String>, DecodeError> {
        let Some(length) = self.length(flexible, false, field)? else {
            return null(nullable, field);
        };
        if length > STRING_BYTES_MAX {
            return Err(DecodeError::InvalidLength {
                field,
                length: i64::try_from(length).unwrap_or(i64::MAX),
            });
        }
        let text = std::str::from_utf8(self.take(length, field)?);
        Ok(Some(text.map_err(|_| DecodeError::InvalidUtf8 { field })?.to_owned()))
    }

    pub(crate) fn bytes(&mut self, flexible: bool, field: &'static str) -> Result<Bytes, DecodeError> {
        self.nullable_bytes(flexible, false, field)?.ok_or(DecodeError::Null { field })
    }

    pub(crate) fn nullable_bytes(
        &mut self,
        flexible: bool,
        nullable: bool,
        field: &'static str,
    ) -> Result<Option<Bytes>, DecodeError> {
        let Some(length) = self.length(flexible, true, field)? else {
            return null(nullable, field);
        };
        Ok(Some(Bytes::copy_from_slice(self.take(length, field)?)))
    }

    pub(crate) fn array<T>(
        &mut self,
        flexible: bool,
        element_bytes_min: usize,
        field: &'static str,
        read: impl FnMut(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<Vec<T>, DecodeError> {
        self.nullable_array(flexible, false, element_bytes_min, field, read)?
            .ok_or(DecodeError::Null { field })
    }

    pub(crate) fn nullable_array<T>(
        &mut self,
        flexible: bool,
        nullable: bool,
        element_bytes_min: usize,
        field: &'static str,
        mut read: impl FnMut(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<Option<Vec<T>>, DecodeError> {
        let Some(count) = self.length(flexible, true, field)? else {
            return null(nullable, field);
        };
        if count > self.left() / element_bytes_min.max(1) {
            return Err(DecodeError::CountTooLarge { field, count, left: self.left() });
        }
        let mut elements = Vec::with_capacity(count);
        for _ in 0..count {
            elements.push(read(self)?);
        }
        Ok(Some(elements))
    }

    pub(crate) fn nullable_struct<T>(
        &mut self,
        nullable: bool,
        field: &'static str,
        read: impl FnOnce(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<Option<Box<T>>, DecodeError> {
        let is_null = self.int8(field)? < 0;
        self.boxed(is_null, nullable, field, read)
    }

    /// As a tagged field: 0 for null where others have -1.
    pub(crate) fn nullable_tagged_struct<T>(
        &mut self,
        nullable: bool,
        field: &'static str,
        read: impl FnOnce(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<Option<Box<T>>, DecodeError> {
        let is_null = self.int8(field)? == 0;
        self.boxed(is_null, nullable, field, read)
    }

    fn boxed<T>(
        &mut self,
        is_null: bool,
        nullable: bool,
        field: &'static str,
        read: impl FnOnce(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<Option<Box<T>>, DecodeError> {
        if is_null { null(nullable, field) } else { Ok(Some(Box::new(read(self)?))) }
    }

    /// Reads the tagged fields at a structure's end: gives the known ones to `read`, which tells whether it knew the tag,
    /// and returns the others.
    pub(crate) fn tagged_fields(
        &mut self,
        structure: &'static str,
        mut read: impl FnMut(u32, &mut Reader<'a>) -> Result<bool, DecodeError>,
    ) -> Result<UnknownTaggedFields, DecodeError> {
        let count = usize::try_from(self.unsigned_varint(structure)?).unwrap_or(usize::MAX);
        // A tagged field takes two bytes at least.
        if count > self.left() / 2 {
            return Err(DecodeError::CountTooLarge { field: structure, count, left: self.left() });
        }
        let mut unknown = UnknownTaggedFields::new();
        for _ in 0..count {
            let tag = self.unsigned_varint(structure)?;
            let size = usize::try_from(self.unsigned_varint(structure)?).unwrap_or(usize::MAX);
            let content = self.take(size, structure)?;
            let mut field = Reader::new(content);
            if !read(tag, &mut field)? {
                unknown.push((tag, Bytes::copy_from_slice(content)));
            } else if field.left() > 0 {
                return Err(DecodeError::TaggedFieldTooLong { structure, tag, left: field.left() });
            }
        }
        // Written by tag, so they are kept by tag.
        unknown.sort_by_key(|(tag, _)| *tag);
        Ok(unknown)
    }

    #[expect(clippy::unused_self, reason = "the generated code names no error type")]
    pub(crate) fn misplaced_tag(&self, field: &'static str, version: i16) -> DecodeError {
        DecodeError::MisplacedTag { field, version }
    }
}

fn null<T>(nullable: bool, field: &'static str) -> Result<Option<T>, DecodeError> {
    if nullable { Ok(None) } else { Err(DecodeError::Null { field }) }
}

/// Appends fields to a buffer.
#[derive(Debug)]
pub(crate) struct Writer<'a> {
    buf: &'a mut BytesMut,
}

impl<'a> Writer<'a> {
    pub(crate) fn new(buf: &'a mut BytesMut) -> Self {
        Self { buf }
    }

    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        self.buf.put_slice(bytes);
    }

    pub(crate) fn bool(&mut self, value: bool) {
        self.buf.put_u8(u8::from(value));
    }

    pub(crate) fn int8(&mut self, value: i8) {
        self.buf.put_i8(value);
    }

    pub(crate) fn int16(&mut self, value: i16) {
        self.buf.put_i16(value);
    }

    pub(crate) fn uint16(&mut self, value: u16) {
        self.buf.put_u16(value);
    }

    pub(crate) fn int32(&mut self, value: i32) {
        self.buf.put_i32(value);
    }

    pub(crate) fn uint32(&mut self, value: u32) {
        self.buf.put_u32(value);
    }

    pub(crate) fn int64(&mut self, value: i64) {
        self.buf.put_i64(value);
    }

    pub(crate) fn float64(&mut self, value: f64) {
        self.buf.put_f64(value);
    }

    pub(crate) fn uuid(&mut self, value: Uuid) {
        self.buf.put_slice(value.as_bytes());
    }

    pub(crate) fn unsigned_varint(&mut self, mut value: u32) {
        while value > 0x7f {
            self.buf.put_u8(value.to_le_bytes()[0] | 0x80);
            value >>= 7;
        }
        self.buf.put_u8(value.to_le_bytes()[0]);
    }

    /// Writes a length, or -1 for null, in the way of [`Reader::length`].
    pub(crate) fn length(
        &mut self,
        flexible: bool,
        wide: bool,
        length: Option<usize>,
        field: &'static str,
    ) -> Result<(), EncodeError> {
        let too_long = || EncodeError::TooLong { field, length: length.unwrap_or_default() };
        let signed = match length {
            None => -1,
            Some(length) if !wide && length > STRING_BYTES_MAX => return Err(too_long()),
            Some(length) => i32::try_from(length).map_err(|_| too_long())?,
        };
        match (flexible, wide) {
            (true, _) => self.unsigned_varint(signed.checked_add(1).ok_or_else(too_long)?.cast_unsigned()),
            (false, true) => self.int32(signed),
            (false, false) => self.int16(i16::try_from(signed).map_err(|_| too_long())?),
        }
        Ok(())
    }

    pub(crate) fn string(
        &mut self,
        flexible: bool,
        text: &str,
        field: &'static str,
    ) -> Result<(), EncodeError> {
        self.nullable_string(flexible, true, Some(text), field)
    }

    pub(crate) fn nullable_string(
        &mut self,
        flexible: bool,
        nullable: bool,
        text: Option<&str>,
        field: &'static str,
    ) -> Result<(), EncodeError> {
        check_null(nullable, text.is_none(), field)?;
        self.length(flexible, false, text.map(str::len), field)?;
        self.raw(text.unwrap_or_default().as_bytes());
        Ok(())
    }

    pub(crate) fn bytes(
        &mut self,
        flexible: bool,
        bytes: &[u8],
        field: &'static str,
    ) -> Result<(), EncodeError> {
        self.nullable_bytes(flexible, true, Some(bytes), field)
    }

    pub(crate) fn nullable_bytes(
        &mut self,
        flexible: bool,
        nullable: bool,
        bytes: Option<&[u8]>,
        field: &'static str,
    ) -> Result<(), EncodeError> {
        check_null(nullable, bytes.is_none(), field)?;
        self.length(flexible, true, bytes.map(<[u8]>::len), field)?;
        self.raw(bytes.unwrap_or_default());
        Ok(())
    }

    pub(crate) fn array<T>(
        &mut self,
        flexible: bool,
        elements: &[T],
        field: &'static str,
        write: impl FnMut(&mut Self, &T) -> Result<(), EncodeError>,
    ) -> Result<(), EncodeError> {
        self.nullable_array(flexible, true, Some(elements), field, write)
    }

    pub(crate) fn nullable_array<T>(
        &mut self,
        flexible: bool,
        nullable: bool,
        elements: Option<&[T]>,
        field: &'static str,
        mut write: impl FnMut(&mut Self, &T) -> Result<(), EncodeError>,
    ) -> Result<(), EncodeError> {
        check_null(nullable, elements.is_none(), field)?;
        self.length(flexible, true, elements.map(<[T]>::len), field)?;
        elements.unwrap_or_default().iter().try_for_each(|element| write(self, element))
    }

    pub(crate) fn nullable_struct<T>(
        &mut self,
        nullable: bool,
        value: Option<&T>,
        field: &'static str,
        write: impl FnOnce(&mut Self, &T) -> Result<(), EncodeError>,
    ) -> Result<(), EncodeError> {
        self.marked(-1, nullable, value, field, write)
    }

    /// As a tagged field: 0 for null where others have -1.
    pub(crate) fn nullable_tagged_struct<T>(
        &mut self,
        nullable: bool,
        value: Option<&T>,
        field: &'static str,
        write: impl FnOnce(&mut Self, &T) -> Result<(), EncodeError>,
    ) -> Result<(), EncodeError> {
        self.marked(0, nullable, value, field, write)
    }

    /// Writes 1 and the structure, or what stands for null.
    fn marked<T>(
        &mut self,
        null: i8,
        nullable: bool,
        value: Option<&T>,
        field: &'static str,
        write: impl FnOnce(&mut Self, &T) -> Result<(), EncodeError>,
    ) -> Result<(), EncodeError> {
        check_null(nullable, value.is_none(), field)?;
        self.int8(if value.is_some() { 1 } else { null });
        value.map_or(Ok(()), |value| write(self, value))
    }

    #[expect(clippy::unused_self, reason = "the generated code names no error type")]
    pub(crate) fn not_in_version(&self, field: &'static str, version: i16) -> EncodeError {
        EncodeError::NotInVersion { field, version }
    }
}

fn check_null(nullable: bool, is_null: bool, field: &'static str) -> Result<(), EncodeError> {
    if is_null && !nullable { Err(EncodeError::Null { field }) } else { Ok(()) }
}

/// The tagged fields at a structure's end, in the order of their tags.
#[derive(Debug)]
pub(crate) struct TaggedFields<'a> {
    known: Vec<(u32, Bytes)>,
    unknown: &'a [(u32, Bytes)],
}

impl<'a> TaggedFields<'a> {
    pub(crate) fn new(unknown: &'a UnknownTaggedFields) -> Self {
        Self { known: Vec::new(), unknown }
    }

    pub(crate) fn add(
        &mut self,
        tag: u32,
        write: impl FnOnce(&mut Writer<'_>) -> Result<(), EncodeError>,
    ) -> Result<(), EncodeError> {
        let mut buf = BytesMut::new();
        write(&mut Writer::new(&mut buf))?;
        self.known.push((tag, buf.freeze()));
        Ok(())
    }

    pub(crate) fn write(self, writer: &mut Writer<'_>) -> Result<(), EncodeError> {
        let too_long = |length| EncodeError::TooLong { field: "tagged fields", length };
        let mut fields: Vec<_> = self.known.iter().chain(self.unknown).collect();
        fields.sort_by_key(|(tag, _)| *tag);
        writer.unsigned_varint(u32::try_from(fields.len()).map_err(|_| too_long(fields.len()))?);
        for (tag, content) in fields {
            writer.unsigned_varint(*tag);
            writer.unsigned_varint(u32::try_from(content.len()).map_err(|_| too_long(content.len()))?);
            writer.raw(content);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn varint(value: u32) -> Vec<u8> {
        let mut buf = BytesMut::new();
        Writer::new(&mut buf).unsigned_varint(value);
        buf.to_vec()
    }

    #[test]
    fn varints_take_seven_bits_a_byte() {
        for (value, bytes) in [
            (0, &[0][..]),
            (127, &[0x7f]),
            (128, &[0x80, 1]),
            (300, &[0xac, 2]),
            (u32::MAX, &[0xff, 0xff, 0xff, 0xff, 0x0f]),
        ] {
            assert_eq!(varint(value), bytes);
            assert_eq!(Reader::new(bytes).unsigned_varint("n"), Ok(value));
        }
    }

    #[test]
    fn a_varint_of_six_bytes_is_refused() {
        let error = Reader::new(&[0x80, 0x80, 0x80, 0x80, 0x80, 0]).unsigned_varint("n");
        assert_eq!(error, Err(DecodeError::InvalidVarint { field: "n" }));
        let error = Reader::new(&[0x80, 0x80]).unsigned_varint("n");
        assert_eq!(error, Err(DecodeError::Truncated { field: "n", needed: 1, left: 0 }));
    }

    #[test]
    fn a_count_is_held_against_the_bytes_left() {
        let bytes = [0x7f, 0xff, 0xff, 0xff, 1, 2, 3, 4];
        let error = Reader::new(&bytes).array(false, 4, "list", |reader| reader.int32("list"));
        assert_eq!(error, Err(DecodeError::CountTooLarge { field: "list", count: 0x7fff_ffff, left: 4 }));
        let error =
            Reader::new(&[0xff, 0xff, 0xff, 0xfe]).array(false, 4, "list", |reader| reader.int32("list"));
        assert_eq!(error, Err(DecodeError::InvalidLength { field: "list", length: -2 }));
    }

    #[test]
    fn nulls_only_where_they_may_be() {
        assert_eq!(Reader::new(&[0]).nullable_string(true, true, "s"), Ok(None));
        assert_eq!(
            Reader::new(&[0]).nullable_string(true, false, "s"),
            Err(DecodeError::Null { field: "s" })
        );
        assert_eq!(Reader::new(&[0xff, 0xff]).string(false, "s"), Err(DecodeError::Null { field: "s" }));
        let mut buf = BytesMut::new();
        let error = Writer::new(&mut buf).nullable_string(true, false, None, "s");
        assert_eq!(error, Err(EncodeError::Null { field: "s" }));
    }

    #[test]
    fn unknown_tags_are_written_between_known_ones() {
        let unknown = vec![(7, Bytes::from_static(b"z")), (1, Bytes::from_static(b"yy"))];
        let mut tagged = TaggedFields::new(&unknown);
        tagged
            .add(3, |writer| {
                writer.int8(5);
                Ok(())
            })
            .unwrap();
        let mut buf = BytesMut::new();
        tagged.write(&mut Writer::new(&mut buf)).unwrap();
        assert_eq!(&buf[..], b"\x03\x01\x02yy\x03\x01\x05\x07\x01z");
    }

    #[test]
    fn texts_above_an_int16_are_refused() {
        let mut buf = BytesMut::new();
        let error = Writer::new(&mut buf).string(true, &"x".repeat(0x8000), "s");
        assert_eq!(error, Err(EncodeError::TooLong { field: "s", length: 0x8000 }));
    }
}
