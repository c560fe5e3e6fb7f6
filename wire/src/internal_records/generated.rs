//! Code generated from the tables in `wire/schema`.

#![allow(clippy::all, clippy::pedantic, unused_variables, reason = "generated from tables")]

pub mod control;
pub mod files;
pub mod group;
pub mod metadata;
pub mod share;
pub mod transaction;

/// What the generated modules use.
mod prelude {
    pub(super) use std::ops::RangeInclusive;

    pub(super) use bytes::{Bytes, BytesMut};
    pub(super) use uuid::Uuid;

    pub(super) use crate::internal_records::codec::{
        Reader, TaggedFields, Writer, check_version, decode_key, decode_value, decode_with, encode_prefixed,
        encode_with,
    };
    pub(super) use crate::internal_records::{DecodeError, EncodeError, UnknownTaggedFields};
}
