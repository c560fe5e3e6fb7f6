//! The LZ4 frame format, as far as Kafka reads it: one frame of independent blocks.
//!
//! Frames are read here and not by `lz4_flex`'s reader, so that nothing is allocated but the output, and because the
//! producers of magic 0 wrote a wrong header checksum (KIP-57) that the reader has to overlook. Like Kafka's
//! `Lz4BlockInputStream` this reader verifies the checksums of header and blocks, not that of the whole content, needs
//! the end mark, and ignores what follows it.

use std::io::Write;

use lz4_flex::block::decompress_into;
use lz4_flex::frame::{BlockMode, BlockSize, FrameEncoder, FrameInfo};
use twox_hash::XxHash32;

use super::{CappedBuffer, DecompressError};

const MAGIC: [u8; 4] = 0x184d_2204_u32.to_le_bytes();
const UNCOMPRESSED_BIT: u32 = 1 << 31;

/// No block yields more than this times its size.
const EXPANSION_MAX: usize = 255;

/// What to do with the checksum of the frame header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HeaderChecksum {
    Verify,
    /// Magic 0: the producers of old computed it over the wrong bytes.
    Ignore,
}

pub(super) fn decompress(
    data: &[u8],
    checksum: HeaderChecksum,
    out: &mut CappedBuffer,
) -> Result<(), DecompressError> {
    let mut rest = data;
    let header = FrameHeader::read(&mut rest, checksum)?;
    loop {
        let word = u32::from_le_bytes(take_array(&mut rest)?);
        let size = usize::try_from(word & !UNCOMPRESSED_BIT).unwrap_or(usize::MAX);
        if size == 0 {
            break;
        }
        if size > header.block_size_max {
            return Err(DecompressError::corrupt("a block is larger than the frame allows"));
        }
        let block = take(&mut rest, size)?;
        if header.has_block_checksums && XxHash32::oneshot(0, block).to_le_bytes() != take_array(&mut rest)? {
            return Err(DecompressError::corrupt("a block's checksum does not fit"));
        }
        if word & UNCOMPRESSED_BIT == 0 {
            decompress_block(block, header.block_size_max, out)?;
        } else {
            out.spare_exactly(size).ok_or(DecompressError::TooLarge)?.copy_from_slice(block);
            out.advance(size);
        }
    }
    if header.has_content_checksum {
        take(&mut rest, 4)?;
    }
    Ok(())
}

fn decompress_block(
    block: &[u8],
    block_size_max: usize,
    out: &mut CappedBuffer,
) -> Result<(), DecompressError> {
    let size_max = block_size_max.min(block.len().saturating_mul(EXPANSION_MAX));
    let room = size_max.min(out.left());
    let spare = out.spare_exactly(room).ok_or(DecompressError::TooLarge)?;
    match decompress_into(block, spare) {
        Ok(written) => {
            out.advance(written);
            Ok(())
        }
        Err(lz4_flex::block::DecompressError::OutputTooSmall { .. }) if room < size_max => {
            Err(DecompressError::TooLarge)
        }
        Err(error) => Err(DecompressError::corrupt(error)),
    }
}

struct FrameHeader {
    block_size_max: usize,
    has_block_checksums: bool,
    has_content_checksum: bool,
}

impl FrameHeader {
    /// Flags: 7-6 version, 5 independent blocks, 4 block checksums, 3 content size, 2 content checksum.
    fn read(rest: &mut &[u8], checksum: HeaderChecksum) -> Result<Self, DecompressError> {
        if take_array(rest)? != MAGIC {
            return Err(DecompressError::corrupt("it is not an LZ4 frame"));
        }
        let descriptor = *rest;
        let [flags, block_descriptor] = take_array(rest)?;
        if flags >> 6 != 1 || flags & 0x03 != 0 || block_descriptor & 0x8f != 0 {
            return Err(DecompressError::corrupt("the frame header has an unknown version or flag"));
        }
        if flags & 0x20 == 0 {
            return Err(DecompressError::corrupt("the frame's blocks depend on one another"));
        }
        let block_size_max = match block_descriptor >> 4 {
            size @ 4..=7 => 1_usize << (8 + 2 * size),
            _ => return Err(DecompressError::corrupt("the frame header has an unknown block size")),
        };
        if flags & 0x08 != 0 {
            take(rest, 8)?;
        }
        let descriptor = &descriptor[..descriptor.len() - rest.len()];
        let [stored] = take_array(rest)?;
        let [_, computed, ..] = XxHash32::oneshot(0, descriptor).to_le_bytes();
        if checksum == HeaderChecksum::Verify && stored != computed {
            return Err(DecompressError::corrupt("the frame header's checksum does not fit"));
        }
        Ok(Self {
            block_size_max,
            has_block_checksums: flags & 0x10 != 0,
            has_content_checksum: flags & 0x04 != 0,
        })
    }
}

fn take<'a>(rest: &mut &'a [u8], size: usize) -> Result<&'a [u8], DecompressError> {
    let (taken, behind) = rest.split_at_checked(size).ok_or_else(cut_off)?;
    *rest = behind;
    Ok(taken)
}

fn take_array<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], DecompressError> {
    let (taken, behind) = rest.split_first_chunk::<N>().ok_or_else(cut_off)?;
    *rest = behind;
    Ok(*taken)
}

fn cut_off() -> DecompressError {
    DecompressError::corrupt("the input ends inside the frame")
}

pub(super) fn compress(data: &[u8], out: &mut Vec<u8>) -> Result<(), lz4_flex::frame::Error> {
    let frame = FrameInfo::new().block_size(BlockSize::Max64KB).block_mode(BlockMode::Independent);
    let mut encoder = FrameEncoder::with_frame_info(frame, out);
    encoder.write_all(data)?;
    encoder.finish()?;
    Ok(())
}
