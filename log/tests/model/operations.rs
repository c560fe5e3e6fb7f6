//! The operations.

use std::sync::Arc;

use medallion_log::{AppendError, AppendOrigin, AppendOutcome, AppendRequest, CleanupPolicy, LogError};
use medallion_wire::{LeaderEpoch, Offset, ProducerId};

use super::{Known, Model};
use crate::common::{TestRecord, batch, producer_batch, read_all};

impl Model {
    pub(crate) fn operate(&mut self) {
        match self.random.below(100) {
            0..=39 => self.append_plain(),
            40..=54 => self.append_idempotent(),
            55..=59 => self.flush(),
            60..=63 => self.flush_task(),
            64..=66 => self.roll(),
            67..=69 => self.truncate(),
            70..=72 => self.delete_records(),
            73..=75 => self.retention(),
            76..=78 => self.compact(),
            79..=81 => self.change_config(),
            82..=84 => self.fill_disk(),
            85..=86 => self.fail_flush(),
            87..=90 => self.fail_anywhere(),
            91..=95 => self.crash(),
            96..=97 => self.restart_clean(),
            _ => self.raise_high_watermark(),
        }
    }

    fn records(&mut self) -> Vec<(i64, String, String)> {
        let count = self.random.in_range(1, 4);
        (0..count)
            .map(|_| {
                self.next_value += 1;
                let key = format!("key {}", self.random.below(12));
                let size = usize::try_from(self.random.below(80)).unwrap();
                let tombstone = self.random.chance(10);
                let value = if tombstone { String::new() } else { format!("{:0size$}", self.next_value) };
                (self.now_ms - self.random.in_range(0, 50), key, value)
            })
            .collect()
    }

    fn request(&mut self, producer: Option<(i64, i32)>) -> (AppendRequest, Vec<Known>) {
        let records = self.records();
        let plain: Vec<(i64, &str, &str)> =
            records.iter().map(|(time, key, value)| (*time, key.as_str(), value.as_str())).collect();
        let bytes = match producer {
            Some((id, sequence)) => producer_batch(ProducerId(id), sequence, &plain),
            None => batch(&plain),
        };
        if self.random.chance(12) {
            self.epoch += 1;
        }
        let request = AppendRequest {
            records: bytes,
            leader_epoch: LeaderEpoch(self.epoch),
            origin: AppendOrigin::Client,
        };
        let count = i64::try_from(records.len()).unwrap();
        let known = (0_i64..).zip(records).map(|(offset, (timestamp_ms, key, value))| Known {
            record: TestRecord {
                offset,
                timestamp_ms,
                key: Some(key.into_bytes()),
                value: (!value.is_empty()).then(|| value.into_bytes()),
            },
            epoch: self.epoch,
            producer,
            batch: (0, count - 1),
        });
        (request, known.collect())
    }

    /// Gives the records their offsets.
    fn place(known: &[Known], base: i64) -> Vec<Known> {
        let place = |known: &Known| {
            let mut placed = known.clone();
            placed.record.offset += base;
            placed.batch = (known.batch.0 + base, known.batch.1 + base);
            placed
        };
        known.iter().map(place).collect()
    }

    fn accept(&mut self, known: &[Known], outcome: AppendOutcome) {
        assert_eq!(outcome.base_offset.get(), self.log_end);
        for known in Self::place(known, self.log_end) {
            self.log_end = known.record.offset + 1;
            if let Some((id, sequence)) = known.producer {
                let count = i32::try_from(known.batch.1 - known.batch.0 + 1).unwrap();
                self.producers.insert(id, (sequence, count, known.batch.0));
            }
            self.records.insert(known.record.offset, known);
        }
        assert_eq!(outcome.last_offset.get(), self.log_end - 1);
    }

    /// Several requests at once; with faults some may fail.
    fn append_plain(&mut self) {
        let count = self.random.in_range(1, 3);
        let (requests, known): (Vec<_>, Vec<_>) = (0..count).map(|_| self.request(None)).unzip();
        let now_ms = self.now_ms;
        self.note(format!("append {count} at {}", self.log_end));
        let results = self.log().append_many(requests, now_ms);
        let mut next_maybe = self.log_end;
        for (result, known) in results.into_iter().zip(known) {
            match result {
                Ok(outcome) => {
                    self.accept(&known, outcome);
                    next_maybe = self.log_end;
                }
                Err(AppendError::Log(_)) => {
                    let maybe = Self::place(&known, next_maybe);
                    next_maybe += i64::try_from(maybe.len()).unwrap();
                    self.maybe.extend(maybe);
                }
                Err(error) => panic!("{error:?}"),
            }
        }
        if self.log().reader().is_poisoned() {
            self.reopen_poisoned();
        } else {
            self.maybe.clear();
        }
    }

    fn append_idempotent(&mut self) {
        let pick = self.random.below(4);
        let known_producer =
            self.producers.iter().nth(usize::try_from(pick).unwrap()).map(|(id, last)| (*id, *last));
        let (id, sequence) = match known_producer {
            Some((id, (sequence, count, base))) => {
                if self.random.chance(4) {
                    return self.send_again(id, sequence, base);
                }
                if self.random.chance(6) {
                    return self.send_gap(id, sequence + count + 1);
                }
                (id, sequence + count)
            }
            None => {
                self.next_producer += 1;
                (self.next_producer, 0)
            }
        };
        let (request, known) = self.request(Some((id, sequence)));
        self.note(format!("producer {id} sends {sequence} at {}", self.log_end));
        let now_ms = self.now_ms;
        let outcome = self.log().append_many(vec![request], now_ms).pop().unwrap().unwrap();
        assert!(!outcome.duplicate);
        self.accept(&known, outcome);
    }

    fn send_again(&mut self, id: i64, sequence: i32, base: i64) {
        let of_batch = |known: &&Known| known.batch.0 == base;
        let batch: Vec<_> = self.records.values().filter(of_batch).cloned().collect();
        let (_, last) = batch.first().map_or((0, -1), |known| known.batch);
        if batch.is_empty() || i64::try_from(batch.len()).unwrap() != last - base + 1 {
            return; // partly compacted or deleted
        }
        let text = |bytes: &Option<Vec<u8>>| String::from_utf8(bytes.clone().unwrap_or_default()).unwrap();
        let plain: Vec<_> = batch
            .iter()
            .map(|known| (known.record.timestamp_ms, text(&known.record.key), text(&known.record.value)))
            .collect();
        let plain: Vec<(i64, &str, &str)> =
            plain.iter().map(|(t, k, v)| (*t, k.as_str(), v.as_str())).collect();
        self.note(format!("producer {id} sends {sequence} again"));
        let (epoch, now_ms) = (self.epoch, self.now_ms);
        let bytes = producer_batch(ProducerId(id), sequence, &plain);
        let outcome =
            self.log().append_as_leader(bytes, LeaderEpoch(epoch), AppendOrigin::Client, now_ms).unwrap();
        assert!(outcome.duplicate);
        assert_eq!(outcome.base_offset.get(), base);
    }

    fn send_gap(&mut self, id: i64, sequence: i32) {
        let (request, _) = self.request(Some((id, sequence)));
        let now_ms = self.now_ms;
        let error = self.log().append_many(vec![request], now_ms).pop().unwrap().unwrap_err();
        assert!(matches!(error, AppendError::Producer(_)), "{error:?}");
    }

    fn flush(&mut self) {
        let up_to = self.log().flush().unwrap().get();
        assert_eq!(up_to, self.log_end);
        self.flushed = up_to;
        self.note(format!("flush {up_to}"));
        self.check_durable();
        self.checkpoint();
    }

    fn checkpoint(&mut self) {
        if self.random.chance(2) {
            self.checkpoint_recovery_point = self.log().reader().recovery_point().get();
            self.checkpoint_log_start = self.log_start;
        }
    }

    /// Begins a flush now and runs it later, or runs the one that was begun.
    fn flush_task(&mut self) {
        let Some(task) = self.task.take() else {
            self.task = Some(self.log().flush_handle().unwrap());
            return;
        };
        task.run().unwrap();
        let recovery_point = self.log().reader().recovery_point().get();
        self.note(format!("flush task, recovery point {recovery_point}"));
        self.flushed = self.flushed.max(recovery_point);
        self.checkpoint();
    }

    fn roll(&mut self) {
        self.note("roll");
        self.log().roll().unwrap();
    }

    fn truncate(&mut self) {
        let to = self.random.in_range(self.log_start, self.log_end);
        self.log().truncate_to(Offset(to)).unwrap();
        let end = self.log().reader().log_end_offset().get();
        self.note(format!("truncate to {to}, end {end}"));
        let mut cut = self.records.range(end..to);
        assert!(end <= to && cut.all(|(_, known)| known.batch.1 >= to), "{end} after truncation to {to}");
        self.cut_model(end);
        // The broker writes its checkpoint when it truncates.
        self.checkpoint_recovery_point = self.log().reader().recovery_point().get();
        self.log_start = self.log_start.min(end);
        self.checkpoint_log_start = self.log_start;
        self.task = None;
    }

    /// Forgets what the log no longer holds at its end.
    pub(crate) fn cut_model(&mut self, end: i64) {
        self.records.split_off(&end);
        self.log_end = end;
        self.flushed = self.flushed.min(end);
        self.first_dirty = self.first_dirty.min(end);
        self.producers.clear();
        self.next_producer += 10;
        // Only producers whose last batch is there are sure to be known.
        let mut last = std::collections::BTreeMap::new();
        for known in self.records.values() {
            if let Some((id, sequence)) = known.producer {
                let count = i32::try_from(known.batch.1 - known.batch.0 + 1).unwrap();
                last.insert(id, (sequence, count, known.batch.0));
            }
        }
        last.retain(|id, _| !self.retired.contains(id));
        self.producers = last;
    }

    fn delete_records(&mut self) {
        let high_watermark = self.log().reader().high_watermark().get();
        let before = self.random.in_range(0, high_watermark);
        self.note(format!("delete records before {before}"));
        let start = self.log().delete_records(Offset(before)).unwrap().get();
        assert_eq!(start, self.log_start.max(before));
        self.set_start(start);
        self.checkpoint_log_start = start;
    }

    fn set_start(&mut self, start: i64) {
        self.log_start = start;
        self.records = self.records.split_off(&start);
        self.first_dirty = self.first_dirty.max(start);
        // State of producers without records may go with a restart, so that they are no longer used.
        self.producers.retain(|_, (_, _, base)| *base >= start);
    }

    fn retention(&mut self) {
        let now_ms = self.now_ms;
        let deleted = self.log().delete_old_segments(now_ms).unwrap();
        let start = self.log().reader().log_start_offset().get();
        self.note(format!("retention took {} segments, start {start}", deleted.len()));
        assert!(start >= self.log_start);
        if self.config.retention_ms >= 0 && self.config.cleanup_policy.delete {
            let limit = now_ms - self.config.retention_ms;
            let gone_young =
                self.records.range(..start).filter(|(_, known)| known.record.timestamp_ms >= limit);
            if self.config.retention_bytes < 0 {
                assert_eq!(gone_young.count(), 0, "retention took young records");
            }
        }
        self.set_start(start);
        self.checkpoint_log_start = start;
        let now_ms = self.now_ms;
        self.log().remove_deleted(now_ms).unwrap();
    }

    fn compact(&mut self) {
        if !self.config.cleanup_policy.compact {
            return;
        }
        let (from, now_ms) = (Offset(self.first_dirty), self.now_ms);
        let outcome = self.log().compact(from, now_ms).unwrap();
        self.note(format!("compact from {from}: {outcome:?}"));
        if let Some(outcome) = outcome {
            self.first_dirty = outcome.first_dirty_offset.get();
        }
        self.check_compacted();
    }

    /// Compaction may take any record that has a later one of its key, and tombstones; nothing else.
    pub(crate) fn check_compacted(&mut self) {
        let left = read_all(&self.log().reader(), 0);
        let mut newest = std::collections::BTreeMap::new();
        for known in self.records.values() {
            newest.insert(known.record.key.clone(), known.record.clone());
        }
        for record in &left {
            let known = self.records.get(&record.offset).map(|known| &known.record);
            assert_eq!(known, Some(record), "compaction made a record up");
        }
        for record in newest.into_values().filter(|record| record.value.is_some()) {
            assert!(left.contains(&record), "compaction took the newest record of its key: {record:?}");
        }
        let left: std::collections::BTreeSet<i64> = left.iter().map(|record| record.offset).collect();
        let gone = self.records.values().filter(|known| !left.contains(&known.record.offset));
        self.retired.extend(gone.filter_map(|known| known.producer).map(|(id, _)| id));
        self.records.retain(|offset, _| left.contains(offset));
        self.producers.retain(|id, _| !self.retired.contains(id));
    }

    fn change_config(&mut self) {
        self.config.segment_bytes = u32::try_from(self.random.in_range(600, 3000)).unwrap();
        self.config.index_interval_bytes = u32::try_from(self.random.in_range(0, 500)).unwrap();
        self.config.retention_ms = if self.random.chance(2) { -1 } else { self.random.in_range(100, 800) };
        self.config.retention_bytes =
            if self.random.chance(2) { -1 } else { self.random.in_range(2000, 6000) };
        self.config.segment_ms = self.random.in_range(30, 2000);
        self.config.cleanup_policy = match self.random.below(3) {
            0 => CleanupPolicy::DELETE,
            1 => CleanupPolicy::COMPACT,
            _ => CleanupPolicy { delete: true, compact: true },
        };
        let config = Arc::new(self.config.clone());
        self.log().update_config(config);
        self.note("config");
    }

    fn raise_high_watermark(&mut self) {
        let to = self.random.in_range(0, self.log_end);
        let now = self.log().advance_high_watermark(Offset(to)).get();
        assert!(now >= to);
    }

    /// Little room: appends fail in part and the log stays usable.
    fn fill_disk(&mut self) {
        let room = self.random.below(400);
        self.note(format!("{room} bytes of room"));
        self.disk.set_capacity(Some(self.disk.used_bytes() + room));
        for _ in 0..3 {
            let (request, known) = self.request(None);
            let now_ms = self.now_ms;
            match self.log().append_many(vec![request], now_ms).pop().unwrap() {
                Ok(outcome) => self.accept(&known, outcome),
                Err(AppendError::Log(LogError::DiskFull { .. })) => {}
                Err(error) => panic!("{error:?}"),
            }
            self.check();
        }
        self.disk.set_capacity(None);
        assert!(!self.log().reader().is_poisoned());
    }

    fn fail_flush(&mut self) {
        let (request, known) = self.request(None);
        let now_ms = self.now_ms;
        let outcome = self.log().append_many(vec![request], now_ms).pop().unwrap().unwrap();
        self.accept(&known, outcome);
        self.note("fail a flush");
        self.disk.fail_sync(1);
        self.log().flush().unwrap_err();
        assert!(self.log().reader().is_poisoned());
        self.reopen_poisoned();
    }

    /// Some write, rename or sync of the next operations fails, and all behind it.
    fn fail_anywhere(&mut self) {
        let after = self.random.below(12);
        self.note(format!("fail after {after} changes"));
        self.disk.fail_after(after);
        for _ in 0..4 {
            let (request, known) = self.request(None);
            let now_ms = self.now_ms;
            match self.log().append_many(vec![request], now_ms).pop().unwrap() {
                Ok(outcome) => self.accept(&known, outcome),
                Err(_) => {
                    if self.maybe.is_empty() {
                        self.maybe = Self::place(&known, self.log_end);
                    }
                }
            }
            let failed = match self.random.below(4) {
                0 => self.log().flush().map(|up_to| self.flushed = up_to.get()).is_err(),
                1 => self.log().roll().is_err(),
                2 => self.log().delete_old_segments(now_ms).is_err() | self.sync_start(),
                _ => {
                    let from = Offset(self.first_dirty);
                    let failed = self.log().compact(from, now_ms).is_err();
                    self.loose_compaction();
                    failed
                }
            };
            if failed {
                break;
            }
        }
        self.reopen_poisoned();
    }

    /// Takes over the start offset that retention has set.
    fn sync_start(&mut self) -> bool {
        let start = self.log().reader().log_start_offset().get();
        self.set_start(start);
        self.checkpoint_log_start = start;
        false
    }

    fn loose_compaction(&mut self) {
        self.check_compacted();
    }

    fn reopen_poisoned(&mut self) {
        if self.random.chance(2) {
            self.crash();
            return;
        }
        self.note("reopen");
        self.disk.clear_faults();
        self.log = None;
        self.task = None;
        self.reopened();
    }

    fn crash(&mut self) {
        let seed = self.random.below(u64::MAX);
        self.note(format!("crash {seed}, flushed {}", self.flushed));
        self.log = None;
        self.task = None;
        self.note_files();
        self.disk.crash(seed);
        self.note_files();
        self.reopened();
    }

    pub(crate) fn restart_clean(&mut self) {
        self.note("clean restart");
        self.log().close().unwrap();
        self.check_durable();
        self.flushed = self.log_end;
        self.checkpoint_recovery_point = self.log_end;
        self.checkpoint_log_start = self.log_start;
        self.log = None;
        self.task = None;
        if self.random.chance(2) {
            let seed = self.random.below(u64::MAX);
            self.disk.crash(seed);
        }
        let report = self.open(true);
        assert_eq!(report.scanned_from, None);
        assert_eq!(report.indexes_rebuilt, 0);
        let log_end = report.log_end_offset.get();
        assert!(log_end <= self.log_end && self.records.range(log_end..).next().is_none(), "{log_end}");
        self.cut_model(log_end);
        self.checkpoint_recovery_point = log_end;
    }
}
