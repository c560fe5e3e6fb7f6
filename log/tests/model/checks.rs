//! What must hold after each operation, and after a crash.

use medallion_wire::Offset;

use super::Model;
use crate::common::{decode, read_all};

impl Model {
    pub(crate) fn check(&mut self) {
        let trace = self.trace.len();
        let log = self.log.as_ref().unwrap();
        log.check_invariants();
        let reader = log.reader();
        assert_eq!(reader.log_end_offset().get(), self.log_end, "log end after {trace} steps");
        assert_eq!(reader.log_start_offset().get(), self.log_start, "log start");
        // Nothing below the start needs to be on disk.
        assert!(
            reader.recovery_point().get() <= self.flushed.max(self.log_start),
            "the recovery point is not flushed"
        );
        self.check_read();
        match self.random.below(8) {
            0 => self.check_all(),
            1 => self.check_time(),
            2 => self.check_epochs(),
            3 => self.check_first_record(),
            _ => {}
        }
    }

    pub(crate) fn check_all(&mut self) {
        let expected: Vec<_> = self.records.values().map(|known| known.record.clone()).collect();
        let found = read_all(&self.log().reader(), 0);
        let same = found.iter().zip(&expected).take_while(|(found, expected)| found == expected).count();
        assert_eq!(
            found.get(same),
            expected.get(same),
            "the first difference of {} and {}",
            found.len(),
            expected.len()
        );
    }

    /// One read from a random offset, size and bound.
    fn check_read(&mut self) {
        let from = self.random.in_range(self.log_start, self.log_end);
        let bound = self.random.in_range(self.log_start, self.log_end);
        let max_bytes = usize::try_from(self.random.below(2000)).unwrap();
        let at_least_one = self.random.chance(2);
        let reader = self.log().reader();
        let slice = reader.read(Offset(from), max_bytes, at_least_one, Offset(bound)).unwrap();
        let read = decode(slice.read_to_vec().unwrap());
        let wanted: Vec<_> = self.records.range(from..).map(|(_, known)| known).collect();
        let readable = wanted.first().is_some_and(|known| known.batch.1 < bound);
        if at_least_one && readable {
            assert!(slice.len > 0, "nothing read from {from} below {bound}");
        }
        if !at_least_one {
            assert!(slice.len <= max_bytes, "{} bytes read of {max_bytes}", slice.len);
        }
        let read: Vec<_> = read.into_iter().filter(|record| record.offset >= from).collect();
        assert!(read.iter().all(|record| record.offset < bound), "read {read:?} up to {bound}");
        let expected: Vec<_> = wanted.iter().take(read.len()).map(|known| known.record.clone()).collect();
        assert_eq!(read, expected, "read from {from} below {bound}");
    }

    fn check_time(&mut self) {
        let timestamp_ms = self.now_ms - self.random.in_range(0, 600);
        let reader = self.log().reader();
        let found = reader.offset_for_timestamp(timestamp_ms).unwrap();
        let expected = self.records.values().find(|known| known.record.timestamp_ms >= timestamp_ms);
        assert_eq!(
            found.map(|found| (found.offset.get(), found.timestamp_ms)),
            expected.map(|known| (known.record.offset, known.record.timestamp_ms)),
            "time {timestamp_ms}"
        );
    }

    fn check_first_record(&mut self) {
        let from = self.random.in_range(self.log_start, self.log_end);
        let bound = self.random.in_range(self.log_start, self.log_end);
        let found = self.log().reader().first_record_from(Offset(from), Offset(bound)).unwrap();
        let expected = self.records.range(from..).next().filter(|(offset, _)| **offset < bound);
        assert_eq!(
            found.map(|found| (found.offset.get(), found.timestamp_ms)),
            expected.map(|(offset, known)| (*offset, known.record.timestamp_ms)),
            "the first record from {from} below {bound}"
        );
    }

    fn check_epochs(&mut self) {
        let reader = self.log().reader();
        for (offset, known) in &self.records {
            let epoch = reader.epoch_for_offset(Offset(*offset)).map(medallion_wire::LeaderEpoch::get);
            assert_eq!(epoch, Some(known.epoch), "epoch of offset {offset}");
        }
    }

    /// Opens after a kill or a crash: all that was flushed is there, of the rest a part, and nothing else.
    pub(crate) fn reopened(&mut self) {
        let report = self.open(false);
        let log_end = report.log_end_offset.get();
        self.note(format!("opened: {report:?}"));
        // A gap at the end, as compaction and then a truncation leave it, is not remembered.
        let flushed_end = self.records.range(..self.flushed).next_back().map_or(0, |(offset, _)| offset + 1);
        assert!(log_end >= flushed_end, "{log_end} is left of {flushed_end} flushed");
        let maybe = std::mem::take(&mut self.maybe);
        if log_end > self.log_end {
            for known in maybe.into_iter().filter(|known| known.record.offset < log_end) {
                self.records.insert(known.record.offset, known);
            }
        }
        // Whole segments may be missing above what was flushed.
        let left = read_all(&self.log().reader(), 0);
        let flushed = self.flushed;
        self.records.retain(|offset, known| *offset < flushed || left.contains(&known.record));
        self.cut_model(log_end);
        // The broker writes its checkpoint when the log ends below it.
        let recovery_point = self.log().reader().recovery_point().get();
        self.checkpoint_recovery_point = self.checkpoint_recovery_point.min(recovery_point);
        // A new leader comes with a new epoch.
        self.epoch += 1;
        self.log_start = self.log().reader().log_start_offset().get();
        assert!(self.log_start >= self.checkpoint_log_start, "the log starts at {}", self.log_start);
        self.records = self.records.split_off(&self.log_start);
        self.producers.retain(|_, (_, _, base)| *base >= self.log_start);
        self.check_all();
    }
}
