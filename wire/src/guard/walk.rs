//! The walk along a request's schema.

use super::shape::{Field, Kind};
use super::{ARRAY_ELEMENTS_MAX, GuardError, Problem, Step, TAGGED_FIELDS_MAX, Usage};

type Walked<T> = Result<T, GuardError>;

/// The longest text, in bytes.
const STRING_BYTES_MAX: usize = 0x7fff;

/// Walks a request's bytes.
pub(super) struct Walker<'a> {
    body: &'a [u8],
    /// Where the walk stands in `body`.
    at: usize,
    version: i16,
    flexible: bool,
    usage: Usage,
}

impl<'a> Walker<'a> {
    pub(super) fn new(body: &'a [u8], version: i16, flexible: bool) -> Self {
        Self { body, at: 0, version, flexible, usage: Usage::default() }
    }

    pub(super) fn usage(&self) -> Usage {
        self.usage
    }

    /// Fails unless all bytes were walked over.
    fn end(&self) -> Walked<()> {
        match self.left() {
            0 => Ok(()),
            left => Err(self.fault(Problem::TrailingBytes { left })),
        }
    }

    /// Walks over the fields of a structure. The recursion is as deep as the schema, since only that leads into it.
    pub(super) fn structure(&mut self, fields: &'static [Field]) -> Walked<()> {
        for field in fields {
            if field.plain.contains(self.version) {
                self.field(field).map_err(|fault| fault.within(Step::Field(field.name)))?;
            }
        }
        if self.flexible { self.tagged_fields(fields) } else { Ok(()) }
    }

    fn field(&mut self, field: &'static Field) -> Walked<()> {
        let nullable = field.nullable.contains(self.version);
        match &field.kind {
            Kind::Fixed(size) => self.skip(usize::from(*size)),
            Kind::String => self.string(nullable),
            Kind::Bytes => self.bytes(nullable),
            Kind::Array(element) => self.array(element, nullable),
            Kind::Struct(fields) if nullable => match self.byte()? {
                0..=0x7f => self.structure(fields),
                _ => Ok(()),
            },
            Kind::Struct(fields) => self.structure(fields),
        }
    }

    fn string(&mut self, nullable: bool) -> Walked<()> {
        let start = self.at;
        let length = if self.flexible { i64::from(self.varint()?) - 1 } else { i64::from(self.int16()?) };
        match checked_length(length, nullable, start)? {
            Some(length) if length > STRING_BYTES_MAX => {
                let length = i64::try_from(length).unwrap_or(i64::MAX);
                Err(GuardError::new(Problem::InvalidLength { length }, start))
            }
            length => self.skip(length.unwrap_or_default()),
        }
    }

    fn bytes(&mut self, nullable: bool) -> Walked<()> {
        let length = self.wide_length(nullable)?;
        self.skip(length.unwrap_or_default())
    }

    fn array(&mut self, element: &'static Kind, nullable: bool) -> Walked<()> {
        let start = self.at;
        let Some(count) = self.wide_length(nullable)? else { return Ok(()) };
        let left = self.left();
        let element_bytes_min = if let Kind::Fixed(size) = element { usize::from(*size) } else { 1 };
        if count > ARRAY_ELEMENTS_MAX || count.saturating_mul(element_bytes_min) > left {
            return Err(GuardError::new(Problem::TooManyElements { count, left }, start));
        }
        match element {
            Kind::Fixed(size) => {
                let bytes = count * usize::from(*size);
                self.usage.number_bytes += bytes;
                self.skip(bytes)
            }
            Kind::Struct(fields) => {
                self.usage.structures += count;
                self.elements(count, |walker| walker.structure(fields))
            }
            Kind::String => {
                self.usage.texts += count;
                self.elements(count, |walker| walker.string(false))
            }
            Kind::Bytes => {
                self.usage.texts += count;
                self.elements(count, |walker| walker.bytes(false))
            }
            Kind::Array(inner) => {
                self.usage.structures += count;
                self.elements(count, |walker| walker.array(inner, false))
            }
        }
    }

    fn elements(&mut self, count: usize, mut walk: impl FnMut(&mut Self) -> Walked<()>) -> Walked<()> {
        for index in 0..count {
            walk(self).map_err(|fault| fault.within(Step::Index(index)))?;
        }
        Ok(())
    }

    fn tagged_fields(&mut self, fields: &'static [Field]) -> Walked<()> {
        let start = self.at;
        let count = to_usize(self.varint()?);
        let left = self.left();
        // A tagged field takes two bytes at least.
        if count > TAGGED_FIELDS_MAX || count > left / 2 {
            return Err(GuardError::new(Problem::TooManyTaggedFields { count, left }, start));
        }
        for _ in 0..count {
            let start = self.at;
            let tag = self.varint()?;
            let size = to_usize(self.varint()?);
            if size > self.left() {
                return Err(self.fault(Problem::Truncated { needed: size, left: self.left() }));
            }
            match fields.iter().find(|field| field.tag == tag && field.tagged.first <= field.tagged.last) {
                Some(field) if field.tagged.contains(self.version) => {
                    self.tagged_field(field, size).map_err(|fault| fault.within(Step::Field(field.name)))?;
                }
                Some(_) => return Err(GuardError::new(Problem::MisplacedTag { tag }, start)),
                None => {
                    self.usage.unknown_tagged_fields += 1;
                    self.skip(size)?;
                }
            }
        }
        Ok(())
    }

    /// Walks over a tagged field as if the body ended with it.
    fn tagged_field(&mut self, field: &'static Field, size: usize) -> Walked<()> {
        let body = self.body;
        self.body = &body[..self.at + size];
        self.field(field)?;
        self.end()?;
        self.body = body;
        Ok(())
    }

    /// The length of bytes or an array.
    fn wide_length(&mut self, nullable: bool) -> Walked<Option<usize>> {
        let start = self.at;
        let length = if self.flexible { i64::from(self.varint()?) - 1 } else { i64::from(self.int32()?) };
        checked_length(length, nullable, start)
    }

    fn left(&self) -> usize {
        self.body.len() - self.at
    }

    fn fault(&self, problem: Problem) -> GuardError {
        GuardError::new(problem, self.at)
    }

    fn skip(&mut self, bytes: usize) -> Walked<()> {
        if bytes > self.left() {
            return Err(self.fault(Problem::Truncated { needed: bytes, left: self.left() }));
        }
        self.at += bytes;
        Ok(())
    }

    fn array_of<const N: usize>(&mut self) -> Walked<[u8; N]> {
        let Some(bytes) = self.body[self.at..].first_chunk::<N>() else {
            return Err(self.fault(Problem::Truncated { needed: N, left: self.left() }));
        };
        self.at += N;
        Ok(*bytes)
    }

    fn byte(&mut self) -> Walked<u8> {
        self.array_of().map(|[byte]| byte)
    }

    fn int16(&mut self) -> Walked<i16> {
        self.array_of().map(i16::from_be_bytes)
    }

    fn int32(&mut self) -> Walked<i32> {
        self.array_of().map(i32::from_be_bytes)
    }

    fn varint(&mut self) -> Walked<u32> {
        let start = self.at;
        let mut value = 0;
        for shift in [0, 7, 14, 21, 28] {
            let byte = self.byte()?;
            value |= u32::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(GuardError::new(Problem::InvalidVarint, start))
    }
}

fn to_usize(value: u32) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}

fn checked_length(length: i64, nullable: bool, start: usize) -> Walked<Option<usize>> {
    match usize::try_from(length) {
        Ok(length) => Ok(Some(length)),
        Err(_) if length == -1 && nullable => Ok(None),
        Err(_) if length == -1 => Err(GuardError::new(Problem::Null, start)),
        Err(_) => Err(GuardError::new(Problem::InvalidLength { length }, start)),
    }
}
