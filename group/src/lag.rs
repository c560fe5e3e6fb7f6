//! How far a group is behind in a partition: in records, and in time. One definition for metrics and for the command line.

/// How many records there are between what a group has committed and the partition's high watermark, as far as offsets
/// tell: compacted records and transactions' markers count. Never below 0, also where a group has committed more than is
/// there.
pub fn records(committed: i64, high_watermark: i64) -> i64 {
    high_watermark.saturating_sub(committed).max(0)
}

/// From where on a group that has committed `committed` finds records: retention may have taken what it had not read.
pub fn first_unread(committed: i64, log_start_offset: i64) -> i64 {
    committed.max(log_start_offset)
}

/// For how long the oldest record that a group has not read has been there, in milliseconds. `written_ms` is that record's
/// timestamp: of the first at or behind [`first_unread`]. 0 without lag, and for a record from the future; `None` where the
/// record has no timestamp, or is not known.
pub fn time_ms(records: i64, written_ms: Option<i64>, now_ms: i64) -> Option<i64> {
    if records == 0 {
        return Some(0);
    }
    let written_ms = written_ms.filter(|written_ms| *written_ms >= 0)?;
    Some(now_ms.saturating_sub(written_ms).max(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_counted_by_offsets() {
        assert_eq!(records(3, 10), 7);
        assert_eq!(records(10, 10), 0);
        assert_eq!(records(12, 10), 0, "the topic was made anew");
        assert_eq!(first_unread(3, 0), 3);
        assert_eq!(first_unread(3, 5), 5);
    }

    #[test]
    fn time_counts_from_the_oldest_unread_record() {
        assert_eq!(time_ms(2, Some(1_000), 5_500), Some(4_500));
        assert_eq!(time_ms(0, None, 5_500), Some(0));
        assert_eq!(time_ms(0, Some(1_000), 5_500), Some(0), "nothing is unread");
        assert_eq!(time_ms(2, Some(9_000), 5_500), Some(0), "from the future");
        assert_eq!(time_ms(2, Some(-1), 5_500), None, "without a timestamp");
        assert_eq!(time_ms(2, None, 5_500), None);
    }
}
