//! Zstandard (RFC 8878).
//!
//! Frames are decompressed straight into the output. A streaming decoder would allocate the window that a frame's
//! header claims (up to 128 MiB for twenty bytes of input); here the frames' block headers tell first how much can come
//! out at most.

use parking_lot::Mutex;
use zstd::zstd_safe::{CCtx, CParameter, DCtx, ResetDirective, compress_bound, get_error_name};

use super::DecompressError;

const FRAME_MAGIC: u32 = 0xfd2f_b528;
/// Skippable frames have this magic with any last four bits.
const SKIPPABLE_MAGIC: u32 = 0x184d_2a50;

/// A block yields at most this much.
const BLOCK_SIZE_MAX: usize = 128 << 10;

/// Larger windows are refused, as every reader with default settings does.
const WINDOW_SIZE_MAX: u64 = 1 << 27;

/// zstd's error number for an output that is too small (`ZSTD_error_dstSize_tooSmall`).
const OUTPUT_TOO_SMALL: usize = 70;

/// How many contexts of a kind wait to be used again. Who needs one more makes it.
const SPARE_MAX: usize = 4;
/// What a context may take to be kept: one of a high level takes hundreds of MiB.
const SPARE_BYTES_MAX: usize = 4 << 20;

static COMPRESSORS: Spare<CCtx<'static>> = Spare(Mutex::new(Vec::new()));
static DECOMPRESSORS: Spare<DCtx<'static>> = Spare(Mutex::new(Vec::new()));

/// The scratch memory of one call. To make it takes longer than to compress a small batch.
trait Context: Sized {
    fn make() -> Self;
    fn size_bytes(&self) -> usize;
}

impl Context for CCtx<'static> {
    fn make() -> Self {
        Self::create()
    }

    fn size_bytes(&self) -> usize {
        self.sizeof()
    }
}

impl Context for DCtx<'static> {
    fn make() -> Self {
        Self::create()
    }

    fn size_bytes(&self) -> usize {
        self.sizeof()
    }
}

/// Contexts that nobody uses just now.
struct Spare<C>(Mutex<Vec<C>>);

impl<C: Context> Spare<C> {
    fn with<T>(&self, work: impl FnOnce(&mut C) -> T) -> T {
        let spare = self.0.lock().pop();
        let mut context = spare.unwrap_or_else(C::make);
        let result = work(&mut context);
        if context.size_bytes() <= SPARE_BYTES_MAX {
            let mut spare = self.0.lock();
            if spare.len() < SPARE_MAX {
                spare.push(context);
            }
        }
        result
    }
}

pub(super) fn decompress(data: &[u8], max_bytes: usize) -> Result<Vec<u8>, DecompressError> {
    let bound = output_bound(data)?;
    let mut out = Vec::with_capacity(bound.min(max_bytes));
    let written = DECOMPRESSORS.with(|context| context.decompress(&mut out, data)).map_err(|code| {
        if code.wrapping_neg() == OUTPUT_TOO_SMALL && bound > max_bytes {
            return DecompressError::TooLarge;
        }
        DecompressError::corrupt(get_error_name(code))
    })?;
    debug_assert_eq!(written, out.len(), "the vector is as long as what was written");
    Ok(out)
}

/// The most bytes that the frames of `data` can yield.
fn output_bound(data: &[u8]) -> Result<usize, DecompressError> {
    let mut rest = Reader { rest: data };
    let mut bound = 0_usize;
    while !rest.rest.is_empty() {
        let magic = u32::from_le_bytes(rest.take_array()?);
        if magic == FRAME_MAGIC {
            bound = bound.saturating_add(frame_bound(&mut rest)?);
        } else if magic & 0xffff_fff0 == SKIPPABLE_MAGIC {
            let size = u32::from_le_bytes(rest.take_array()?);
            rest.take(usize::try_from(size).unwrap_or(usize::MAX))?;
        } else {
            return Err(DecompressError::corrupt("no zstd frame begins where one should"));
        }
    }
    Ok(bound)
}

fn frame_bound(rest: &mut Reader<'_>) -> Result<usize, DecompressError> {
    let header = FrameHeader::read(rest)?;
    let block_size_max = usize::try_from(header.window_size).unwrap_or(usize::MAX).min(BLOCK_SIZE_MAX);
    let mut blocks = 0_usize;
    loop {
        let block = Block::read(rest)?;
        blocks = blocks.saturating_add(block.bound(block_size_max));
        if block.is_last {
            break;
        }
    }
    if header.has_checksum {
        rest.take(4)?;
    }
    let claimed = header.content_size.map_or(usize::MAX, |size| usize::try_from(size).unwrap_or(usize::MAX));
    Ok(blocks.min(claimed))
}

struct FrameHeader {
    window_size: u64,
    content_size: Option<u64>,
    has_checksum: bool,
}

impl FrameHeader {
    fn read(rest: &mut Reader<'_>) -> Result<Self, DecompressError> {
        let [descriptor] = rest.take_array()?;
        let is_single_segment = descriptor & 0x20 != 0;
        let mut window_size = 0;
        if !is_single_segment {
            let [window] = rest.take_array()?;
            let base = 1_u64 << (10 + (window >> 3));
            window_size = base + base / 8 * u64::from(window & 7);
        }
        rest.take([0, 1, 2, 4][usize::from(descriptor & 3)])?;
        let content_size = match descriptor >> 6 {
            0 if is_single_segment => Some(u64::from(u8::from_le_bytes(rest.take_array()?))),
            0 => None,
            1 => Some(u64::from(u16::from_le_bytes(rest.take_array()?)) + 256),
            2 => Some(u64::from(u32::from_le_bytes(rest.take_array()?))),
            _ => Some(u64::from_le_bytes(rest.take_array()?)),
        };
        if is_single_segment {
            window_size = content_size.unwrap_or(0);
        } else if window_size > WINDOW_SIZE_MAX {
            return Err(DecompressError::corrupt("the frame asks for a window above 128 MiB"));
        }
        Ok(Self { window_size, content_size, has_checksum: descriptor & 4 != 0 })
    }
}

struct Block {
    kind: u32,
    size: usize,
    is_last: bool,
}

impl Block {
    const RAW: u32 = 0;
    const RUN: u32 = 1;

    fn read(rest: &mut Reader<'_>) -> Result<Self, DecompressError> {
        let [low, middle, high] = rest.take_array()?;
        let header = u32::from_le_bytes([low, middle, high, 0]);
        let size = usize::try_from(header >> 3).unwrap_or(usize::MAX);
        let block = Self { kind: (header >> 1) & 3, size, is_last: header & 1 != 0 };
        // A run is one byte and the number of its repeats.
        rest.take(if block.kind == Self::RUN { 1 } else { size })?;
        Ok(block)
    }

    fn bound(&self, block_size_max: usize) -> usize {
        if self.kind == Self::RAW { self.size } else { block_size_max }
    }
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, size: usize) -> Result<&'a [u8], DecompressError> {
        let (taken, rest) = self.rest.split_at_checked(size).ok_or_else(cut_off)?;
        self.rest = rest;
        Ok(taken)
    }

    fn take_array<const N: usize>(&mut self) -> Result<[u8; N], DecompressError> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or_else(cut_off)?;
        self.rest = rest;
        Ok(*taken)
    }
}

fn cut_off() -> DecompressError {
    DecompressError::corrupt("the input ends inside a frame")
}

pub(super) fn compress(data: &[u8], level: Option<i32>, out: &mut Vec<u8>) -> Result<(), &'static str> {
    let level = level.unwrap_or(zstd::DEFAULT_COMPRESSION_LEVEL);
    let start = out.len();
    out.resize(start + compress_bound(data.len()), 0);
    let written = COMPRESSORS.with(|context| {
        // Whatever the context did before, and however that ended.
        context.reset(ResetDirective::SessionAndParameters)?;
        context.set_parameter(CParameter::CompressionLevel(level))?;
        context.compress2(&mut out[start..], data)
    });
    out.truncate(start + written.map_err(get_error_name)?);
    Ok(())
}
