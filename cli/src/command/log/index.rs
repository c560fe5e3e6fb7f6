//! The entries of `.index` and `.timeindex` files.
//!
//! Source: Kafka's `OffsetIndex` (relative offset and position, 4 bytes each) and `TimeIndex` (timestamp in 8 bytes,
//! relative offset in 4). A broker that was killed leaves zeros behind the last entry.

const OFFSET_ENTRY: usize = 8;
const TIME_ENTRY: usize = 12;

/// An entry of an `.index` file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OffsetEntry {
    /// The last offset of the batch at `position`.
    pub(super) offset: i64,
    /// Where that batch begins in the `.log` file.
    pub(super) position: u64,
}

/// An entry of a `.timeindex` file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TimeEntry {
    /// The largest timestamp so far.
    pub(super) timestamp_ms: i64,
    /// The offset that it was seen at.
    pub(super) offset: i64,
}

/// The entries of an `.index` file's bytes, and how many bytes behind them are no entry.
pub(super) fn offset_entries(bytes: &[u8], base_offset: i64) -> (Vec<OffsetEntry>, usize) {
    entries::<OFFSET_ENTRY, _>(bytes, |entry| OffsetEntry {
        offset: base_offset.saturating_add(i64::from(number(&entry[..4]))),
        position: u64::from(number(&entry[4..])),
    })
}

/// The entries of a `.timeindex` file's bytes, and how many bytes behind them are no entry.
pub(super) fn time_entries(bytes: &[u8], base_offset: i64) -> (Vec<TimeEntry>, usize) {
    entries::<TIME_ENTRY, _>(bytes, |entry| TimeEntry {
        timestamp_ms: entry[..8].iter().fold(0, |sum, byte| sum << 8 | i64::from(*byte)),
        offset: base_offset.saturating_add(i64::from(number(&entry[8..]))),
    })
}

fn entries<const SIZE: usize, T>(bytes: &[u8], read: impl Fn(&[u8]) -> T) -> (Vec<T>, usize) {
    let used = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let used = used.div_ceil(SIZE) * SIZE;
    let whole = bytes.len() / SIZE * SIZE;
    let entries = bytes[..used.min(whole)].chunks_exact(SIZE).map(read).collect();
    (entries, bytes.len() - whole)
}

fn number(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_behind_the_last_entry_are_no_entries() {
        let bytes = [0, 0, 0, 5, 0, 0, 1, 0, 0, 0, 0, 9, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let (entries, rest) = offset_entries(&bytes, 100);
        let expected =
            [OffsetEntry { offset: 105, position: 256 }, OffsetEntry { offset: 109, position: 512 }];
        assert_eq!(entries, expected);
        assert_eq!(rest, 1);
        assert_eq!(offset_entries(&[], 0), (vec![], 0));
    }

    #[test]
    fn time_entries_have_twelve_bytes() {
        let bytes = [0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 7];
        assert_eq!(time_entries(&bytes, 10), (vec![TimeEntry { timestamp_ms: 257, offset: 17 }], 0));
    }
}
