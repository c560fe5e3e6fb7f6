//! Files' bytes, live and durable.

use std::iter::successors;
use std::ops::Range;

use super::SECTOR_BYTES;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct NodeId(pub(super) u64);

impl NodeId {
    pub(super) const ROOT: Self = Self(0);
}

#[derive(Debug)]
pub(super) enum Node {
    Directory,
    File(Content),
}

#[derive(Debug)]
enum Change {
    Write { bytes: Vec<u8>, position: usize },
    SetLen(usize),
}

#[derive(Debug, Default)]
pub(super) struct Content {
    live: Vec<u8>,
    durable: Vec<u8>,
    /// Changes since the last sync, oldest first.
    pending: Vec<Change>,
    pub(super) modified_ms: i64,
}

impl Content {
    pub(super) fn len(&self) -> u64 {
        self.live.len() as u64
    }

    pub(super) fn is_durable(&self) -> bool {
        self.live == self.durable
    }

    pub(super) fn read_at(&self, buffer: &mut [u8], position: u64) -> usize {
        let start = usize::try_from(position).unwrap_or(usize::MAX).min(self.live.len());
        let count = buffer.len().min(self.live.len() - start);
        buffer[..count].copy_from_slice(&self.live[start..start + count]);
        count
    }

    pub(super) fn write_at(&mut self, bytes: Vec<u8>, position: u64) {
        if bytes.is_empty() {
            return;
        }
        let position = usize::try_from(position).expect("simulated files are small");
        write(&mut self.live, &bytes, position);
        self.pending.push(Change::Write { bytes, position });
    }

    pub(super) fn set_len(&mut self, len: u64) {
        let len = usize::try_from(len).expect("simulated files are small");
        self.live.resize(len, 0);
        self.pending.push(Change::SetLen(len));
    }

    pub(super) fn sync(&mut self) {
        for change in self.pending.drain(..) {
            apply(&mut self.durable, change, || true);
        }
    }

    /// A sync that fails: a part has reached the disk, and no later sync writes the rest, though reads still show it.
    pub(super) fn lose_pending(&mut self, mut survives: impl FnMut() -> bool) {
        for change in self.pending.drain(..) {
            apply(&mut self.durable, change, &mut survives);
        }
    }

    pub(super) fn crash(&mut self, survives: impl FnMut() -> bool) {
        self.lose_pending(survives);
        self.live.clone_from(&self.durable);
    }

    /// How many parts the changes since the last sync reach the disk in: as often is asked, at most, what survives.
    pub(super) fn pending_parts(&self) -> usize {
        let parts = self.pending.iter().map(|change| match change {
            Change::SetLen(_) => 1,
            Change::Write { bytes, position } => 1 + sectors(bytes.len(), *position).count(),
        });
        parts.sum()
    }
}

/// Where a write of `len` bytes from `position` on is cut into sectors: ranges of its bytes.
fn sectors(len: usize, position: usize) -> impl Iterator<Item = Range<usize>> {
    let end_of = move |start: usize| len.min(start + SECTOR_BYTES - (position + start) % SECTOR_BYTES);
    let first = (len > 0).then(|| 0..end_of(0));
    successors(first, move |sector| (sector.end < len).then(|| sector.end..end_of(sector.end)))
}

/// Applies those parts of a change that reach the disk. The length is one of them: it can be there without the bytes, which
/// are zeros then.
fn apply(image: &mut Vec<u8>, change: Change, mut survives: impl FnMut() -> bool) {
    match change {
        Change::SetLen(len) => {
            if survives() {
                image.resize(len, 0);
            }
        }
        Change::Write { bytes, position } => {
            let end = position + bytes.len();
            if image.len() < end && survives() {
                image.resize(end, 0);
            }
            for sector in sectors(bytes.len(), position) {
                if survives() {
                    write(image, &bytes[sector.clone()], position + sector.start);
                }
            }
        }
    }
}

fn write(image: &mut Vec<u8>, bytes: &[u8], position: usize) {
    let end = position + bytes.len();
    if image.len() < end {
        image.resize(end, 0);
    }
    image[position..end].copy_from_slice(bytes);
}
