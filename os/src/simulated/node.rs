//! Files' bytes, live and durable.

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

    pub(super) fn crash(&mut self, mut survives: impl FnMut() -> bool) {
        self.lose_pending(&mut survives);
        self.live.clone_from(&self.durable);
    }
}

/// Applies those sectors of a change that reach the disk.
fn apply(image: &mut Vec<u8>, change: Change, mut survives: impl FnMut() -> bool) {
    match change {
        Change::SetLen(len) => {
            if survives() {
                image.resize(len, 0);
            }
        }
        Change::Write { bytes, position } => {
            let mut start = 0;
            while start < bytes.len() {
                let to_boundary = SECTOR_BYTES - (position + start) % SECTOR_BYTES;
                let end = bytes.len().min(start + to_boundary);
                if survives() {
                    write(image, &bytes[start..end], position + start);
                }
                start = end;
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
