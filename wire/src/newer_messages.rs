//! Versions of messages that Apache Kafka 4.3.1 has and `kafka_protocol` 0.18 lacks.
//!
//! Each module has the functions that a broker needs, decoding requests and encoding responses, for *all* versions of its
//! API: those that the crate has go to the crate, so that a handler sees one type and calls one function.
//!
//! | API | version | what it adds |
//! |---|---|---|
//! | [`list_offsets`] | 11 | nothing on the wire; the timestamp -6 asks for the earliest offset that is still to be tiered (KIP-1023) |
//! | [`describe_log_dirs`] | 5 | whether a log directory is cordoned (KIP-1066) |
//! | [`offset_commit`] | 10 | topics by id instead of by name (KIP-848) |
//! | [`offset_fetch`] | 10 | topics by id instead of by name (KIP-848) |

pub mod describe_log_dirs;
pub mod list_offsets;
pub mod offset_commit;
pub mod offset_fetch;

use std::collections::BTreeMap;

use bytes::{Buf, Bytes, BytesMut};
use thiserror::Error;

use crate::internal_records::codec::Reader;
use crate::internal_records::{DecodeError, EncodeError};
use crate::kafka_protocol::protocol::{Decodable, Encodable, StrBytes};

/// A message that cannot be decoded or encoded.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum MessageError {
    /// `kafka_protocol` refuses it.
    #[error("{message} of version {version}: {reason}")]
    Crate {
        /// The message's name.
        message: &'static str,
        /// Its version.
        version: i16,
        /// The crate's reason.
        reason: String,
    },
    /// The bytes are no such message.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// A value that the version cannot hold.
    #[error(transparent)]
    Encode(#[from] EncodeError),
}

/// Decodes `version` of a message by `kafka_protocol`.
fn decode_by_crate<T: Decodable>(
    message: &'static str,
    version: i16,
    buf: &mut Bytes,
) -> Result<T, MessageError> {
    T::decode(buf, version).map_err(|error| MessageError::Crate {
        message,
        version,
        reason: format!("{error:#}"),
    })
}

/// Encodes `version` of a message by `kafka_protocol`.
fn encode_by_crate<T: Encodable>(
    message: &'static str,
    version: i16,
    value: &T,
    buf: &mut BytesMut,
) -> Result<(), MessageError> {
    value.encode(buf, version).map_err(|error| MessageError::Crate {
        message,
        version,
        reason: format!("{error:#}"),
    })
}

/// Reads by `read` from the front of `buf`.
fn decode_with<T>(
    buf: &mut Bytes,
    read: impl FnOnce(&mut Reader<'_>) -> Result<T, DecodeError>,
) -> Result<T, MessageError> {
    let mut reader = Reader::new(buf);
    let value = read(&mut reader)?;
    let left = reader.left();
    buf.advance(buf.len() - left);
    Ok(value)
}

fn text(reader: &mut Reader<'_>, field: &'static str) -> Result<StrBytes, DecodeError> {
    reader.string(true, field).map(StrBytes::from_string)
}

fn nullable_text(reader: &mut Reader<'_>, field: &'static str) -> Result<Option<StrBytes>, DecodeError> {
    Ok(reader.nullable_string(true, true, field)?.map(StrBytes::from_string))
}

/// Reads a structure's tagged fields, none of which the schema knows, as `kafka_protocol` keeps them.
fn tagged_fields(
    reader: &mut Reader<'_>,
    structure: &'static str,
) -> Result<BTreeMap<i32, Bytes>, DecodeError> {
    let fields = reader.tagged_fields(structure, |_, _| Ok(false))?;
    Ok(fields.into_iter().map(|(tag, content)| (tag.cast_signed(), content)).collect())
}
