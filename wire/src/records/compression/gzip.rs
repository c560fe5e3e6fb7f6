//! Gzip (RFC 1952), one member or several.

use std::io::{Read, Write};

use flate2::bufread::GzDecoder;
use flate2::write::GzEncoder;

use super::{CappedBuffer, DecompressError};

/// Deflate yields at most about a thousand times its input.
const EXPANSION_MAX: usize = 1032;

/// A gzip header takes at least so much, and begins with [`MEMBER_START`].
const MEMBER_SIZE_MIN: usize = 18;
const MEMBER_START: [u8; 3] = [0x1f, 0x8b, 0x08];

/// Reads members until the input ends or goes on with something else, which is ignored as Java's reader does.
pub(super) fn decompress(data: &[u8], out: &mut CappedBuffer) -> Result<(), DecompressError> {
    let mut rest = data;
    loop {
        rest = decompress_member(rest, out)?;
        if rest.len() < MEMBER_SIZE_MIN || !rest.starts_with(&MEMBER_START) {
            return Ok(());
        }
    }
}

fn decompress_member<'a>(data: &'a [u8], out: &mut CappedBuffer) -> Result<&'a [u8], DecompressError> {
    let size_hint = size_hint(data);
    let mut decoder = GzDecoder::new(data);
    loop {
        let spare = out.spare_about(size_hint);
        if spare.is_empty() {
            return expect_end(decoder);
        }
        match decoder.read(spare).map_err(DecompressError::corrupt)? {
            0 => return Ok(decoder.into_inner()),
            written => out.advance(written),
        }
    }
}

/// The limit is reached: fine if the member ends right here.
fn expect_end(mut decoder: GzDecoder<&[u8]>) -> Result<&[u8], DecompressError> {
    match decoder.read(&mut [0]).map_err(DecompressError::corrupt)? {
        0 => Ok(decoder.into_inner()),
        _ => Err(DecompressError::TooLarge),
    }
}

/// A single member ends with its uncompressed size, which is believed as far as the input can yield it.
fn size_hint(data: &[u8]) -> usize {
    let claimed = data.last_chunk::<4>().map_or(0, |size| u32::from_le_bytes(*size));
    let plausible = data.len().saturating_mul(EXPANSION_MAX);
    // At least one more byte than fits is asked for, so that the end is met without growing.
    usize::try_from(claimed).unwrap_or(usize::MAX).min(plausible).saturating_add(1)
}

pub(super) fn compress(data: &[u8], level: Option<i32>, out: &mut Vec<u8>) {
    let level = level.and_then(|level| u32::try_from(level).ok());
    let level = level.map_or(flate2::Compression::default(), flate2::Compression::new);
    let mut encoder = GzEncoder::new(out, level);
    encoder.write_all(data).and_then(|()| encoder.try_finish()).expect("a vector takes every write");
}
