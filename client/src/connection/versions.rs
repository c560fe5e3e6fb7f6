//! Which versions of which APIs a broker speaks.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::{Buf, Bytes};
use medallion_wire::kafka_protocol::protocol::{HeaderVersion, Request};
use medallion_wire::messages::ApiVersionsResponse;

use super::frame::api_key;
use crate::error::Error;

/// The versions of a broker, by API.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ApiVersions {
    ranges: BTreeMap<i16, (i16, i16)>,
}

impl ApiVersions {
    pub(super) fn of(response: &ApiVersionsResponse) -> Self {
        let ranges = response.api_keys.iter().map(|api| (api.api_key, (api.min_version, api.max_version)));
        Self { ranges: ranges.collect() }
    }

    /// The highest version of `R` that both sides speak, at most `cap`.
    pub(super) fn agree<R: Request>(&self, address: &Arc<str>, cap: i16) -> Result<i16, Error> {
        let (ours, theirs) = (R::VERSIONS, self.ranges.get(&R::KEY).copied());
        let (min, max) = theirs.unwrap_or((0, -1));
        let version = ours.max.min(max).min(cap);
        if version >= ours.min.max(min) { Ok(version) } else { Err(self.lack::<R>(address, cap)) }
    }

    /// That the broker cannot be asked for what is wanted in the versions that it speaks.
    pub(super) fn lack<R: Request>(&self, address: &Arc<str>, cap: i16) -> Error {
        let (ours, theirs) = (R::VERSIONS, self.ranges.get(&R::KEY).copied());
        Error::UnsupportedVersion {
            address: Arc::clone(address),
            api: api_key::<R>(),
            ours: format!("{} to {}", ours.min, ours.max.min(cap)).into(),
            theirs: theirs.map_or_else(|| "none".into(), |(min, max)| format!("{min} to {max}").into()),
        }
    }
}

/// The most tagged fields of a response header; none is defined so far.
const TAGS_MAX: u32 = 1000;

/// Skips what a response header of `R` has behind the correlation id.
pub(super) fn skip_header_tags<R: Request>(body: &mut Bytes, version: i16) -> Result<(), String> {
    if <R::Response as HeaderVersion>::header_version(version) < 1 {
        return Ok(());
    }
    let tags = unsigned_varint(body)?;
    if tags > TAGS_MAX {
        return Err(format!("{tags} tagged fields in its header"));
    }
    for _ in 0..tags {
        unsigned_varint(body)?;
        let size = usize::try_from(unsigned_varint(body)?).unwrap_or(usize::MAX);
        if size > body.len() {
            return Err("its header is cut".to_owned());
        }
        body.advance(size);
    }
    Ok(())
}

fn unsigned_varint(body: &mut Bytes) -> Result<u32, String> {
    let mut value = 0;
    for shift in [0, 7, 14, 21, 28] {
        let byte = body.try_get_u8().map_err(|_| "its header is cut".to_owned())?;
        value |= u32::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err("its header has a malformed number".to_owned())
}

#[cfg(test)]
mod tests {
    use medallion_wire::messages::{ApiVersionsRequest, MetadataRequest};

    use super::*;

    #[test]
    fn the_highest_common_version_is_taken() {
        let address: Arc<str> = "a:1".into();
        let versions =
            |min, max| ApiVersions { ranges: BTreeMap::from([(MetadataRequest::KEY, (min, max))]) };
        assert_eq!(versions(0, 99).agree::<MetadataRequest>(&address, i16::MAX).unwrap(), 13);
        assert_eq!(versions(0, 99).agree::<MetadataRequest>(&address, 9).unwrap(), 9);
        assert_eq!(versions(4, 7).agree::<MetadataRequest>(&address, i16::MAX).unwrap(), 7);
        let error = versions(50, 60).agree::<MetadataRequest>(&address, i16::MAX).unwrap_err();
        assert_eq!(
            error.to_string(),
            "a:1 does not support Metadata as needed here: we speak 0 to 13, it speaks 50 to 60"
        );
        assert!(versions(0, 1).agree::<ApiVersionsRequest>(&address, i16::MAX).is_err());
    }

    #[test]
    fn tagged_fields_of_headers_are_skipped() {
        let skip = |bytes: &'static [u8], version| {
            let mut body = Bytes::from_static(bytes);
            skip_header_tags::<MetadataRequest>(&mut body, version).map(|()| body)
        };
        assert_eq!(skip(b"\x01\x05\x02abrest", 9).unwrap(), &b"rest"[..]);
        assert_eq!(skip(b"rest", 8).unwrap(), &b"rest"[..]);
        assert!(skip(b"\x01\x05\x09ab", 9).is_err());
        assert!(skip(b"\xff\xff\xff\xff\xff", 9).is_err());
    }
}
