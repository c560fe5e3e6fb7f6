//! The codecs of record batches, and decompression that stays within a limit.

mod gzip;
mod lz4;
mod snappy;
mod zstd;

use std::fmt;

use bytes::Bytes;

use super::RecordError;
use crate::types::Offset;

/// A codec of record batches (`compression.type` knows them by [`Compression::name`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Compression {
    /// Records as they are.
    #[default]
    None,
    /// RFC 1952.
    Gzip,
    /// Snappy blocks in the framing of Java's `snappy-java` ("xerial"); one bare block is read too.
    Snappy,
    /// The LZ4 frame format with independent blocks.
    Lz4,
    /// RFC 8878 (KIP-110).
    Zstd,
}

impl Compression {
    /// Every codec, in the order of the codes.
    pub const ALL: [Self; 5] = [Self::None, Self::Gzip, Self::Snappy, Self::Lz4, Self::Zstd];

    /// The codec bits of the attributes.
    pub const fn code(self) -> u8 {
        match self {
            Self::None => 0,
            Self::Gzip => 1,
            Self::Snappy => 2,
            Self::Lz4 => 3,
            Self::Zstd => 4,
        }
    }

    /// Reads [`Compression::code`].
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::None),
            1 => Some(Self::Gzip),
            2 => Some(Self::Snappy),
            3 => Some(Self::Lz4),
            4 => Some(Self::Zstd),
            _ => None,
        }
    }

    /// The name as `compression.type` has it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }

    /// Reads [`Compression::name`].
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|candidate| candidate.name() == name)
    }

    /// The level that `compression.<codec>.level` has unless told; `None` for codecs without levels.
    pub const fn default_level(self) -> Option<i32> {
        match self {
            Self::None | Self::Snappy => None,
            Self::Gzip => Some(-1),
            Self::Lz4 => Some(9),
            Self::Zstd => Some(3),
        }
    }

    /// Whether `compression.<codec>.level` takes `level` (KIP-390).
    pub fn allows_level(self, level: i32) -> bool {
        match self {
            Self::None | Self::Snappy => false,
            Self::Gzip => level == -1 || (1..=9).contains(&level),
            Self::Lz4 => (1..=17).contains(&level),
            Self::Zstd => (-131_072..=22).contains(&level),
        }
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A codec with its level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct CompressionSettings {
    compression: Compression,
    level: Option<i32>,
}

impl CompressionSettings {
    /// A codec with a level of its own.
    ///
    /// LZ4 takes Kafka's levels but always compresses in its fast mode (Kafka's own default): the level only trades
    /// time for size, any reader reads either.
    ///
    /// # Errors
    /// [`InvalidCompressionLevel`] when the codec has no such level.
    pub fn with_level(compression: Compression, level: i32) -> Result<Self, InvalidCompressionLevel> {
        if compression.allows_level(level) {
            return Ok(Self { compression, level: Some(level) });
        }
        Err(InvalidCompressionLevel { compression, level })
    }

    /// The codec.
    pub const fn compression(self) -> Compression {
        self.compression
    }

    /// The level, or the codec's default one.
    pub fn level(self) -> Option<i32> {
        self.level.or(self.compression.default_level())
    }
}

impl From<Compression> for CompressionSettings {
    fn from(compression: Compression) -> Self {
        Self { compression, level: None }
    }
}

/// A compression level that the codec does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{compression} has no compression level {level}")]
pub struct InvalidCompressionLevel {
    /// The codec.
    pub compression: Compression,
    /// The level asked for.
    pub level: i32,
}

/// How much memory one batch may take when decompressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecompressionLimits {
    /// The most bytes that the records of one batch may take; decompression ends with an error before it allocates
    /// more than this for its output.
    pub max_bytes: usize,
}

impl DecompressionLimits {
    /// At most `max_bytes` a batch.
    pub const fn new(max_bytes: usize) -> Self {
        Self { max_bytes }
    }
}

impl Default for DecompressionLimits {
    /// 128 MiB: more than a hundred times Kafka's default `message.max.bytes`.
    fn default() -> Self {
        Self { max_bytes: 128 << 20 }
    }
}

/// Why bytes do not decompress, before it is known which batch they belong to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum DecompressError {
    TooLarge,
    Corrupt(String),
}

impl DecompressError {
    #[expect(clippy::needless_pass_by_value, reason = "map_err hands errors over by value")]
    fn corrupt(reason: impl ToString) -> Self {
        Self::Corrupt(reason.to_string())
    }

    pub(super) fn at(
        self,
        offset: Offset,
        compression: Compression,
        limits: DecompressionLimits,
    ) -> RecordError {
        let offset = offset.get();
        match self {
            Self::TooLarge => {
                RecordError::DecompressedTooLarge { offset, compression, max_bytes: limits.max_bytes }
            }
            Self::Corrupt(reason) => RecordError::Decompression { offset, compression, reason },
        }
    }
}

/// Decompresses the body of a magic-2 batch.
pub(super) fn decompress(
    compression: Compression,
    data: &Bytes,
    limits: DecompressionLimits,
) -> Result<Bytes, DecompressError> {
    let mut out = CappedBuffer::new(limits.max_bytes);
    match compression {
        Compression::None => return Ok(data.clone()),
        Compression::Gzip => gzip::decompress(data, &mut out)?,
        Compression::Snappy => snappy::decompress(data, &mut out)?,
        Compression::Lz4 => lz4::decompress(data, lz4::HeaderChecksum::Verify, &mut out)?,
        Compression::Zstd => return zstd::decompress(data, limits.max_bytes).map(Bytes::from),
    }
    Ok(out.into_bytes())
}

/// Decompresses bytes that are no batch, in the form that the records of magic-2 batches have: clients push their metrics so.
///
/// # Errors
/// Why they do not decompress, or that they take more than the limit.
pub fn decompress_bytes(
    compression: Compression,
    data: &Bytes,
    limits: DecompressionLimits,
) -> Result<Bytes, String> {
    let too_large = || format!("more than {} bytes", limits.max_bytes);
    if compression == Compression::None && data.len() > limits.max_bytes {
        return Err(too_large());
    }
    decompress(compression, data, limits).map_err(|error| match error {
        DecompressError::TooLarge => too_large(),
        DecompressError::Corrupt(reason) => reason,
    })
}

/// Decompresses the value of a wrapper message of magic 0 or 1.
pub(super) fn decompress_legacy(
    compression: Compression,
    magic: i8,
    data: &Bytes,
    limits: DecompressionLimits,
) -> Result<Bytes, DecompressError> {
    if compression == Compression::Lz4 && magic == 0 {
        let mut out = CappedBuffer::new(limits.max_bytes);
        lz4::decompress(data, lz4::HeaderChecksum::Ignore, &mut out)?;
        return Ok(out.into_bytes());
    }
    decompress(compression, data, limits)
}

/// Appends `data`, compressed, to `out`.
pub(super) fn compress(settings: CompressionSettings, data: &[u8], out: &mut Vec<u8>) -> Result<(), String> {
    let level = settings.level();
    match settings.compression() {
        Compression::None => out.extend_from_slice(data),
        Compression::Gzip => gzip::compress(data, level, out),
        Compression::Snappy => snappy::compress(data, out).map_err(|error| error.to_string())?,
        Compression::Lz4 => lz4::compress(data, out).map_err(|error| error.to_string())?,
        Compression::Zstd => zstd::compress(data, level, out).map_err(str::to_owned)?,
    }
    Ok(())
}

/// Decompressed bytes that never take more than a limit, spare capacity included.
#[derive(Debug)]
struct CappedBuffer {
    bytes: Vec<u8>,
    filled: usize,
    max_bytes: usize,
}

impl CappedBuffer {
    const fn new(max_bytes: usize) -> Self {
        Self { bytes: Vec::new(), filled: 0, max_bytes }
    }

    /// Room for at least one and about `wanted` bytes behind what is filled; empty when the limit is reached.
    fn spare_about(&mut self, wanted: usize) -> &mut [u8] {
        if self.bytes.len() == self.filled {
            let grown = self.filled.saturating_mul(2).max(self.filled.saturating_add(wanted));
            self.grow_to(grown.min(self.max_bytes));
        }
        &mut self.bytes[self.filled..]
    }

    /// Room for exactly `wanted` bytes, or `None` when the limit does not allow it.
    fn spare_exactly(&mut self, wanted: usize) -> Option<&mut [u8]> {
        let end = self.filled.checked_add(wanted).filter(|end| *end <= self.max_bytes)?;
        if end > self.bytes.len() {
            self.grow_to(end.max(self.filled.saturating_mul(2).min(self.max_bytes)));
        }
        Some(&mut self.bytes[self.filled..end])
    }

    fn grow_to(&mut self, size: usize) {
        self.bytes.reserve_exact(size - self.bytes.len());
        self.bytes.resize(size, 0);
    }

    /// How many bytes may still be added.
    const fn left(&self) -> usize {
        self.max_bytes - self.filled
    }

    fn advance(&mut self, written: usize) {
        self.filled += written;
        assert!(self.filled <= self.bytes.len(), "more was written than there was room for");
    }

    fn into_bytes(mut self) -> Bytes {
        self.bytes.truncate(self.filled);
        Bytes::from(self.bytes)
    }
}
