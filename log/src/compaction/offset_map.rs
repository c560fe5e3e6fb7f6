//! The last offset of each key, in bounded memory.

use std::hash::{DefaultHasher, Hasher};

use medallion_wire::Offset;
use medallion_wire::records::{AnyBatch, DecompressionLimits, RecordError};

use super::transactions::CleanedTransactions;
use crate::transaction_index::AbortedTransactionEntry;

/// Key hash and offset.
const SLOT_BYTES: usize = 24;
/// Probing gets slow in a table that is nearly full (`log.cleaner.io.buffer.load.factor`).
const LOAD_PERCENT_MAX: usize = 90;

/// The last offset of each key in a range of a log.
///
/// Keys are known by a hash of 128 bits: two keys with the same one would be taken for one, which is not to be expected
/// in the life of a cluster (Kafka relies on MD5 in the same way).
#[derive(Debug)]
pub struct OffsetMap {
    slots: Vec<Slot>,
    entries: usize,
    entries_max: usize,
    latest_offset: Offset,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    hash: [u64; 2],
    /// [`Offset`] -1 marks an empty slot.
    offset: Offset,
}

const NO_OFFSET: Offset = Offset(-1);

impl OffsetMap {
    /// A map of at most `memory_bytes`, and of less if fewer keys can come.
    fn new(memory_bytes: usize, keys_max: u64) -> Self {
        let affordable = memory_bytes / SLOT_BYTES;
        let useful = usize::try_from(keys_max).unwrap_or(usize::MAX).saturating_mul(100) / LOAD_PERCENT_MAX;
        let slot_count = affordable.min(useful.saturating_add(1)).max(2);
        Self {
            slots: vec![Slot { hash: [0; 2], offset: NO_OFFSET }; slot_count],
            entries: 0,
            entries_max: (slot_count * LOAD_PERCENT_MAX / 100).max(1),
            latest_offset: NO_OFFSET,
        }
    }

    /// The last offset of a key; `None` when the key does not come in the range.
    pub fn get(&self, key: &[u8]) -> Option<Offset> {
        let slot = self.slots[self.find(hash(key))];
        (slot.offset != NO_OFFSET).then_some(slot.offset)
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.entries
    }

    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.entries == 0
    }

    /// Behind the last offset that the map has seen: the log is clean up to here when the cleaner is done.
    pub fn end_offset(&self) -> Offset {
        self.latest_offset.next()
    }

    /// Whether the key found its place; a full map takes only keys that it knows.
    fn put(&mut self, key: &[u8], offset: Offset) -> bool {
        let hash = hash(key);
        let position = self.find(hash);
        if self.slots[position].offset == NO_OFFSET {
            if self.entries == self.entries_max {
                return false;
            }
            self.entries += 1;
        }
        self.slots[position] = Slot { hash, offset };
        self.latest_offset = offset;
        true
    }

    /// The slot of a key, or the empty one where it belongs; there is always an empty one.
    fn find(&self, hash: [u64; 2]) -> usize {
        let count = self.slots.len();
        let mut position = usize::try_from(hash[0] % u64::try_from(count).unwrap_or(1)).unwrap_or(0);
        while self.slots[position].offset != NO_OFFSET && self.slots[position].hash != hash {
            position = if position + 1 == count { 0 } else { position + 1 };
        }
        position
    }
}

fn hash(key: &[u8]) -> [u64; 2] {
    [0_u8, 1].map(|seed| {
        let mut hasher = DefaultHasher::new();
        hasher.write_u8(seed);
        hasher.write(key);
        hasher.finish()
    })
}

/// Builds an [`OffsetMap`] out of the dirty part of a log, batch by batch.
///
/// Begin with the segment that holds the first dirty offset, [`Self::add`] its batches in order, tell the end of each
/// segment by [`Self::end_segment`], and stop when a batch no longer fits.
#[derive(Debug)]
pub struct OffsetMapBuilder {
    map: OffsetMap,
    start: Offset,
    transactions: CleanedTransactions,
    decompression: DecompressionLimits,
}

impl OffsetMapBuilder {
    /// A map of `start..end` with at most `memory_bytes` (`log.cleaner.dedupe.buffer.size`). `aborted` are the aborted
    /// transactions that touch the range: their records do not count.
    pub fn new(
        start: Offset,
        end: Offset,
        memory_bytes: usize,
        aborted: Vec<AbortedTransactionEntry>,
        decompression: DecompressionLimits,
    ) -> Self {
        let keys_max = u64::try_from(end - start).unwrap_or(0);
        let mut transactions = CleanedTransactions::default();
        transactions.add_aborted(aborted);
        Self { map: OffsetMap::new(memory_bytes, keys_max), start, transactions, decompression }
    }

    /// Takes the keys of a batch. `false` when the map is full: then the map ends inside of or before this batch, and
    /// the rest of the log stays dirty.
    #[must_use]
    pub fn add(&mut self, batch: &AnyBatch) -> bool {
        let is_skipped = match batch {
            AnyBatch::Batch(batch) if batch.is_control() => {
                self.transactions.on_control_batch(batch);
                true
            }
            AnyBatch::Batch(batch) => self.transactions.on_batch(batch),
            AnyBatch::Legacy(_) => false,
        };
        let last_offset = batch.last_offset();
        // What a batch holds that does not decode cannot be told, so it hides no other record, and the cleaner leaves it
        // alone.
        if !is_skipped && last_offset >= self.start && matches!(self.add_records(batch), Ok(false)) {
            return false;
        }
        if last_offset >= self.start {
            self.map.latest_offset = last_offset;
        }
        true
    }

    fn add_records(&mut self, batch: &AnyBatch) -> Result<bool, RecordError> {
        let mut put = |offset: Offset, key: Option<&[u8]>| match key {
            Some(key) if offset >= self.start => self.map.put(key, offset),
            _ => true,
        };
        match batch {
            AnyBatch::Batch(batch) => {
                for record in &batch.decode(self.decompression)? {
                    let record = record?;
                    if !put(record.offset, record.key) {
                        return Ok(false);
                    }
                }
            }
            AnyBatch::Legacy(_) => {
                for record in batch.records(self.decompression)? {
                    let record = record?;
                    if !put(record.offset, record.key.as_deref()) {
                        return Ok(false);
                    }
                }
            }
        }
        Ok(true)
    }

    /// All batches of a segment were added; the next segment (or the end of the dirty part) begins at `next_offset`.
    pub fn end_segment(&mut self, next_offset: Offset) {
        self.map.latest_offset = Offset(next_offset.0 - 1);
    }

    /// The map.
    pub fn finish(self) -> OffsetMap {
        self.map
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_full_map_takes_known_keys_only() {
        let mut map = OffsetMap::new(SLOT_BYTES * 10, 1000);
        let keys: Vec<String> = (0..9).map(|key| key.to_string()).collect();
        for (offset, key) in (0..).zip(&keys) {
            assert!(map.put(key.as_bytes(), Offset(offset)));
        }
        assert!(!map.put(b"another", Offset(9)));
        assert_eq!(map.end_offset(), Offset(9));
        assert!(map.put(b"3", Offset(10)));
        assert_eq!((map.get(b"3"), map.get(b"another"), map.len()), (Some(Offset(10)), None, 9));
    }

    #[test]
    fn a_small_range_takes_little_memory() {
        assert_eq!(OffsetMap::new(1 << 30, 90).slots.len(), 101);
        assert!(OffsetMap::new(0, 0).put(b"key", Offset(0)), "there is always room for one key");
    }

    proptest! {
        #[test]
        fn a_map_remembers_the_last_offset(keys in prop::collection::vec("[a-e]{0,2}", 0..80)) {
            let mut map = OffsetMap::new(1 << 20, 80);
            let mut model = HashMap::new();
            for (offset, key) in (0..).zip(&keys) {
                prop_assert!(map.put(key.as_bytes(), Offset(offset)));
                model.insert(key.clone(), Offset(offset));
            }
            prop_assert_eq!(map.len(), model.len());
            for (key, offset) in model {
                prop_assert_eq!(map.get(key.as_bytes()), Some(offset));
            }
        }
    }
}
