//! Compressed bombs end with an error before they take memory. A binary of its own: it watches the process's memory.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::Write;

use bytes::Bytes;
use medallion_wire::records::{
    BATCH_HEADER_SIZE, BatchAttributes, BatchBuilder, BatchHeader, BatchOptions, Compression,
    DecompressionLimits, RecordBatch, RecordError,
};

const MAX_BYTES: usize = 1 << 20;
const BOMB_BYTES: usize = 512 << 20;
/// What the limit, a decompressor's state and the bomb's own bytes may take.
const GROWTH_MAX_KIB: usize = 8 << 10;

fn batch(compression: Compression, body: &[u8]) -> RecordBatch {
    let template = BatchBuilder::new(BatchOptions::default()).build().unwrap();
    let mut header = BatchHeader {
        attributes: BatchAttributes::default().with_compression(compression),
        batch_length: i32::try_from(BATCH_HEADER_SIZE - 12 + body.len()).unwrap(),
        record_count: 1,
        ..*template.header()
    };
    header.seal(body);
    let mut bytes = header.encode().to_vec();
    bytes.extend_from_slice(body);
    RecordBatch::parse(Bytes::from(bytes)).unwrap()
}

fn gzip_bomb() -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let zeros = vec![0; 64 << 10];
    for _ in 0..BOMB_BYTES / zeros.len() {
        encoder.write_all(&zeros).unwrap();
    }
    encoder.finish().unwrap()
}

fn snappy_bomb() -> Vec<u8> {
    let mut out = b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01".to_vec();
    let block = snap::raw::Encoder::new().compress_vec(&vec![0; 32 << 10]).unwrap();
    // Snappy expands little: so much is enough.
    for _ in 0..BOMB_BYTES / 100 / (32 << 10) {
        out.extend_from_slice(&u32::try_from(block.len()).unwrap().to_be_bytes());
        out.extend_from_slice(&block);
    }
    out
}

fn lz4_bomb() -> Vec<u8> {
    let block = lz4_flex::block::compress(&vec![0; 64 << 10]);
    let mut out = vec![0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82];
    for _ in 0..BOMB_BYTES / (64 << 10) {
        out.extend_from_slice(&u32::try_from(block.len()).unwrap().to_le_bytes());
        out.extend_from_slice(&block);
    }
    out.extend_from_slice(&[0; 4]);
    out
}

/// A frame with the largest window, full of runs of 128 KiB in four bytes each.
fn zstd_bomb() -> Vec<u8> {
    let mut out = vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, 17 << 3];
    let blocks = BOMB_BYTES / (128 << 10);
    for block in 1..=blocks {
        let is_last = u32::from(block == blocks);
        let header = (128 << 10) << 3 | 1 << 1 | is_last;
        out.extend_from_slice(&u32::to_le_bytes(header)[..3]);
        out.push(0);
    }
    out
}

/// The most memory that the process has had resident.
fn peak_kib() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse().ok()
}

#[test]
fn bombs_are_refused_before_they_take_memory() {
    let limits = DecompressionLimits::new(MAX_BYTES);
    let bombs = [
        (Compression::Gzip, gzip_bomb()),
        (Compression::Snappy, snappy_bomb()),
        (Compression::Lz4, lz4_bomb()),
        (Compression::Zstd, zstd_bomb()),
    ]
    .map(|(compression, body)| (compression, batch(compression, &body)));
    for (compression, bomb) in bombs {
        let before = peak_kib();
        let error = bomb.decode(limits).unwrap_err();
        let too_large = RecordError::DecompressedTooLarge { offset: 0, compression, max_bytes: MAX_BYTES };
        assert_eq!(error, too_large);
        if let (Some(before), Some(after)) = (before, peak_kib()) {
            assert!(after - before < GROWTH_MAX_KIB, "{compression} took {} KiB", after - before);
        }
    }

    // Small inputs that claim much: nobody believes them.
    let generous = DecompressionLimits::new(BOMB_BYTES);
    let mut gzip = gzip_bomb();
    gzip.truncate(100);
    gzip.extend_from_slice(&[0xff; 4]);
    let snappy = vec![0xff, 0xff, 0xff, 0x7f, 0x00, 0x00];
    let zstd = [&[0x28, 0xb5, 0x2f, 0xfd, 0xe0][..], &(1_u64 << 60).to_le_bytes(), &[0x01, 0, 0]].concat();
    let claims = [(Compression::Gzip, gzip), (Compression::Snappy, snappy), (Compression::Zstd, zstd)];
    for (compression, body) in claims {
        let before = peak_kib();
        let error = batch(compression, &body).decode(generous).unwrap_err();
        assert!(matches!(error, RecordError::Decompression { .. }), "{error}");
        if let (Some(before), Some(after)) = (before, peak_kib()) {
            assert!(after - before < GROWTH_MAX_KIB, "{compression} took {} KiB", after - before);
        }
    }
}
