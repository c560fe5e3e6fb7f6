//! A segment's `.txnindex`: the aborted transactions whose markers the segment holds.
//!
//! 34 bytes an entry, big-endian: version (2 bytes, 0), producer id, first offset, last offset (that of the marker) and
//! the last stable offset at the time of the marker, 8 bytes each. Entries are in the order of their markers. A segment
//! without aborted transactions has no such file, or an empty one.
//!
//! Source: Kafka's `TransactionIndex` and `AbortedTxn` (KIP-98).

use bytes::{Buf, BufMut};
use medallion_wire::{Offset, ProducerId};

/// The size of an entry.
pub const ENTRY_BYTES: usize = 34;

const VERSION: i16 = 0;

/// An aborted transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AbortedTransactionEntry {
    /// Who wrote it.
    pub producer_id: ProducerId,
    /// Its first record.
    pub first_offset: Offset,
    /// Its marker.
    pub last_offset: Offset,
    /// Where the last stable offset stood right after the marker: the first offset of the oldest transaction still
    /// open then, else the offset behind the marker.
    pub last_stable_offset: Offset,
}

/// Why a transaction index cannot be used. It is rebuilt from the segment's records.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TransactionIndexError {
    /// The version of an entry is not known.
    #[error("entry {index} is of unknown version {version}")]
    UnknownVersion {
        /// The entry, from 0.
        index: usize,
        /// Its version.
        version: i16,
    },
    /// A marker lies below the segment, or not above the one before.
    #[error("entry {index} ends at offset {last_offset}, at least {lowest} is due")]
    OutOfOrder {
        /// The entry, from 0.
        index: usize,
        /// The offset of its marker.
        last_offset: Offset,
        /// The lowest offset that it may have.
        lowest: Offset,
    },
}

impl AbortedTransactionEntry {
    /// The bytes of the entry.
    pub fn encode(&self) -> [u8; ENTRY_BYTES] {
        let mut entry = [0; ENTRY_BYTES];
        let mut rest = &mut entry[..];
        rest.put_i16(VERSION);
        rest.put_i64(self.producer_id.0);
        rest.put_i64(self.first_offset.0);
        rest.put_i64(self.last_offset.0);
        rest.put_i64(self.last_stable_offset.0);
        entry
    }

    /// Whether readers of `from..to` meet records of the transaction.
    pub fn overlaps(&self, from: Offset, to: Offset) -> bool {
        self.last_offset >= from && self.first_offset < to
    }
}

/// The content of an index file.
pub fn encode(entries: &[AbortedTransactionEntry]) -> Vec<u8> {
    entries.iter().flat_map(AbortedTransactionEntry::encode).collect()
}

/// The entries of an index file; an entry cut off at the end, as a crash leaves it, is not read.
///
/// # Errors
/// [`TransactionIndexError`] when the content contradicts the segment that begins at `base_offset`.
pub fn decode(
    content: &[u8],
    base_offset: Offset,
) -> Result<Vec<AbortedTransactionEntry>, TransactionIndexError> {
    let mut lowest = base_offset;
    let mut entries = Vec::with_capacity(content.len() / ENTRY_BYTES);
    for (index, mut rest) in content.chunks_exact(ENTRY_BYTES).enumerate() {
        let version = rest.get_i16();
        if version != VERSION {
            return Err(TransactionIndexError::UnknownVersion { index, version });
        }
        let entry = AbortedTransactionEntry {
            producer_id: ProducerId(rest.get_i64()),
            first_offset: Offset(rest.get_i64()),
            last_offset: Offset(rest.get_i64()),
            last_stable_offset: Offset(rest.get_i64()),
        };
        if entry.last_offset < lowest {
            return Err(TransactionIndexError::OutOfOrder { index, last_offset: entry.last_offset, lowest });
        }
        lowest = entry.last_offset.next();
        entries.push(entry);
    }
    Ok(entries)
}

/// How many entries stay when the segment is cut at `offset`: those whose markers lie below it.
pub fn entries_below(entries: &[AbortedTransactionEntry], offset: Offset) -> usize {
    entries.partition_point(|entry| entry.last_offset < offset)
}

/// Collects the aborted transactions that a read of `from..to` meets, segment by segment.
///
/// Begin with the segment that holds `from` and go on until [`Self::is_complete`] or the last segment: a transaction
/// stands in the index of the segment that holds its marker, which may lie far behind the read.
#[derive(Debug)]
pub struct AbortedTransactionSearch {
    from: Offset,
    to: Offset,
    found: Vec<AbortedTransactionEntry>,
    is_complete: bool,
}

impl AbortedTransactionSearch {
    /// A search for the range from `from` up to but without `to`.
    pub fn new(from: Offset, to: Offset) -> Self {
        Self { from, to, found: Vec::new(), is_complete: false }
    }

    /// Takes the entries of the next segment.
    pub fn add_segment(&mut self, entries: &[AbortedTransactionEntry]) {
        for entry in entries {
            if self.is_complete {
                return;
            }
            if entry.overlaps(self.from, self.to) {
                self.found.push(*entry);
            }
            // Every transaction that began below this offset was decided by then, so none of a later marker did.
            self.is_complete = entry.last_stable_offset >= self.to;
        }
    }

    /// Whether no further segment can add anything.
    pub fn is_complete(&self) -> bool {
        self.is_complete
    }

    /// What was found, in the order of the markers.
    pub fn into_entries(self) -> Vec<AbortedTransactionEntry> {
        self.found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(producer_id: i64, first: i64, last: i64, last_stable: i64) -> AbortedTransactionEntry {
        AbortedTransactionEntry {
            producer_id: ProducerId(producer_id),
            first_offset: Offset(first),
            last_offset: Offset(last),
            last_stable_offset: Offset(last_stable),
        }
    }

    #[test]
    fn entries_survive_a_round_trip() {
        let entries = [entry(1, 5, 15, 16), entry(i64::MAX, 10, 30, 20)];
        let mut content = encode(&entries);
        assert_eq!(content.len(), 2 * ENTRY_BYTES);
        assert_eq!(decode(&content, Offset(12)).unwrap(), entries);
        content.extend_from_slice(&[0; 33]);
        assert_eq!(decode(&content, Offset(12)).unwrap(), entries, "a torn entry is not read");
    }

    #[test]
    fn damage_is_named() {
        let content = encode(&[entry(1, 5, 15, 16), entry(2, 6, 15, 16)]);
        let error = decode(&content, Offset(0)).unwrap_err();
        assert!(matches!(error, TransactionIndexError::OutOfOrder { index: 1, .. }), "{error}");
        let error = decode(&content, Offset(16)).unwrap_err();
        assert!(matches!(error, TransactionIndexError::OutOfOrder { index: 0, .. }), "{error}");
        let zeros = [1; ENTRY_BYTES];
        let error = decode(&zeros, Offset(0)).unwrap_err();
        assert!(
            matches!(error, TransactionIndexError::UnknownVersion { index: 0, version: 0x0101 }),
            "{error}"
        );
    }

    #[test]
    fn a_cut_keeps_markers_below_it() {
        let entries = [entry(1, 5, 15, 16), entry(2, 10, 30, 31)];
        assert_eq!(entries_below(&entries, Offset(15)), 0);
        assert_eq!(entries_below(&entries, Offset(30)), 1);
        assert_eq!(entries_below(&entries, Offset(31)), 2);
    }

    #[test]
    fn a_search_ends_where_all_is_decided() {
        let mut search = AbortedTransactionSearch::new(Offset(20), Offset(40));
        search.add_segment(&[entry(1, 0, 19, 20), entry(2, 10, 25, 22)]);
        assert!(!search.is_complete());
        search.add_segment(&[entry(3, 22, 60, 61), entry(4, 30, 70, 71)]);
        assert!(search.is_complete());
        assert_eq!(search.into_entries(), [entry(2, 10, 25, 22), entry(3, 22, 60, 61)]);
    }
}
