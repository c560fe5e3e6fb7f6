//! Snappy: the framing of `snappy-java` ("xerial"), as Java's clients write it, or one bare block.
//!
//! Framing: 8 bytes of magic, version and lowest compatible version (`i32` each), then blocks with their length
//! (`i32`) in front. All numbers are big endian.

use snap::raw::{Decoder, Encoder, decompress_len, max_compress_len};

use super::{CappedBuffer, DecompressError};

const MAGIC: [u8; 8] = [0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0];
const FRAME_HEADER_SIZE: usize = 16;
const VERSION: [u8; 4] = 1_i32.to_be_bytes();

/// The block size of `snappy-java`.
const BLOCK_SIZE: usize = 32 << 10;

/// A copy of 64 bytes takes three, so no block yields more than this times its size.
const EXPANSION_MAX: usize = 22;

pub(super) fn decompress(data: &[u8], out: &mut CappedBuffer) -> Result<(), DecompressError> {
    if !data.starts_with(&MAGIC) {
        return decompress_block(data, out);
    }
    let mut rest = data;
    while !rest.is_empty() {
        // Streams that were written one behind the other are one stream.
        if rest.starts_with(&MAGIC) {
            rest = rest
                .get(FRAME_HEADER_SIZE..)
                .ok_or_else(|| DecompressError::corrupt("the framing ends inside its header"))?;
            continue;
        }
        let (length, behind) = rest
            .split_first_chunk::<4>()
            .ok_or_else(|| DecompressError::corrupt("the framing ends inside a block length"))?;
        let (block, behind) = usize::try_from(i32::from_be_bytes(*length))
            .ok()
            .and_then(|length| behind.split_at_checked(length))
            .ok_or_else(|| DecompressError::corrupt("a block is longer than the input"))?;
        decompress_block(block, out)?;
        rest = behind;
    }
    Ok(())
}

fn decompress_block(block: &[u8], out: &mut CappedBuffer) -> Result<(), DecompressError> {
    let size = decompress_len(block).map_err(DecompressError::corrupt)?;
    if size > block.len().saturating_mul(EXPANSION_MAX) {
        return Err(DecompressError::corrupt("a block claims more bytes than it can hold"));
    }
    let spare = out.spare_exactly(size).ok_or(DecompressError::TooLarge)?;
    let written = Decoder::new().decompress(block, spare).map_err(DecompressError::corrupt)?;
    out.advance(written);
    Ok(())
}

pub(super) fn compress(data: &[u8], out: &mut Vec<u8>) -> Result<(), snap::Error> {
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&VERSION);
    out.extend_from_slice(&VERSION);
    let mut encoder = Encoder::new();
    for block in data.chunks(BLOCK_SIZE) {
        let start = out.len();
        out.resize(start + 4 + max_compress_len(block.len()), 0);
        let size = encoder.compress(block, &mut out[start + 4..])?;
        let length = u32::try_from(size).expect("a block of 32 KiB compresses to less than 4 GiB");
        out[start..start + 4].copy_from_slice(&length.to_be_bytes());
        out.truncate(start + 4 + size);
    }
    Ok(())
}
