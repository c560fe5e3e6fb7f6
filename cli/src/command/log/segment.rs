//! The batches of a `.log` file.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use bytes::Bytes;
use medallion_wire::records::header::HEADER_SIZE_UP_TO_MAGIC;
use medallion_wire::records::{AnyBatch, LogEntryHeader, RecordError};

/// What lies at a position of the file.
#[derive(Debug)]
pub(super) enum Found {
    /// A batch; its CRC has not been looked at.
    Batch(AnyBatch),
    /// Something that is no batch; what follows it cannot be found.
    Damage(RecordError),
    /// Zeros up to the end of the file: room that was set aside and never written.
    Zeros,
}

/// Walks over a file, holding one batch at a time.
#[derive(Debug)]
pub(super) struct SegmentReader {
    file: BufReader<File>,
    position: u64,
    length: u64,
    is_done: bool,
}

impl SegmentReader {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        Ok(Self { file: BufReader::with_capacity(256 << 10, file), position: 0, length, is_done: false })
    }

    /// The file's length when it was opened.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// What comes next, with its position.
    pub(super) fn next(&mut self) -> io::Result<Option<(u64, Found)>> {
        if self.is_done || self.position >= self.length {
            return Ok(None);
        }
        let position = self.position;
        let found = self.read()?;
        match &found {
            Found::Batch(batch) => self.position += batch.size_bytes() as u64,
            Found::Damage(_) | Found::Zeros => self.is_done = true,
        }
        Ok(Some((position, found)))
    }

    fn read(&mut self) -> io::Result<Found> {
        let left = self.length - self.position;
        let mut bytes = Vec::new();
        self.fill(&mut bytes, HEADER_SIZE_UP_TO_MAGIC as u64)?;
        if bytes.iter().all(|byte| *byte == 0) && self.is_zero_to_the_end()? {
            return Ok(Found::Zeros);
        }
        let header = match LogEntryHeader::parse(&bytes) {
            Ok(header) => header,
            Err(error) => return Ok(Found::Damage(error)),
        };
        let size = header.size_bytes as u64;
        if size > left {
            let available = usize::try_from(left).unwrap_or(usize::MAX);
            return Ok(Found::Damage(RecordError::Truncated { needed: header.size_bytes, available }));
        }
        let rest = size - bytes.len() as u64;
        self.fill(&mut bytes, rest)?;
        let found = AnyBatch::split_from(&mut Bytes::from(bytes));
        Ok(found.map_or_else(Found::Damage, Found::Batch))
    }

    fn fill(&mut self, bytes: &mut Vec<u8>, count: u64) -> io::Result<()> {
        self.file.by_ref().take(count).read_to_end(bytes)?;
        Ok(())
    }

    fn is_zero_to_the_end(&mut self) -> io::Result<bool> {
        let mut block = [0; 4096];
        loop {
            match self.file.read(&mut block)? {
                0 => return Ok(true),
                count if block[..count].iter().any(|byte| *byte != 0) => return Ok(false),
                _ => {}
            }
        }
    }
}
