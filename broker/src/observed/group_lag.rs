//! How far groups are behind, measured when somebody asks.
//!
//! Records cost nothing: offsets are in memory. For the time the first unread record of a partition is looked up, which reads
//! a batch where its header does not tell enough. What was found is kept as long as the offset stays; looking up ends with a
//! budget of time, and what is left then is told without one.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use medallion_group::offsets::{CommittedOffset, Offsets};
use medallion_group::{GroupId, lag};
use medallion_log::LogReader;
use medallion_os::Clock;
use medallion_wire::{Offset, TopicId};

use crate::metrics::{LagReport, PartitionLag};

/// How long looking up records may take for one answer.
const BUDGET: Duration = Duration::from_millis(500);

/// The logs of a broker.
pub(super) trait Logs {
    /// The id of a topic and the log of its partition where that is open here; `None` when there is no such partition.
    fn find(&self, topic: &str, partition: i32) -> Option<(TopicId, Option<LogReader>)>;
}

/// Measures lags, and remembers when records were written.
#[derive(Debug, Default)]
pub(super) struct LagMeter {
    written: HashMap<Place, Option<i64>>,
}

/// Where a record was looked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Place {
    topic: TopicId,
    partition: i32,
    offset: Offset,
}

/// One answer in the making.
struct Measuring<'a> {
    logs: &'a dyn Logs,
    clock: &'a dyn Clock,
    until: Duration,
    before: HashMap<Place, Option<i64>>,
    after: HashMap<Place, Option<i64>>,
    report: LagReport,
}

impl LagMeter {
    /// Measures the lag of all groups in `offsets`, of the first `partitions_max` partitions in the order of their names.
    /// Reads from the disk.
    pub(super) fn measure(
        &mut self,
        offsets: &[Offsets],
        logs: &dyn Logs,
        clock: &dyn Clock,
        partitions_max: usize,
    ) -> LagReport {
        let mut groups: Vec<(&GroupId, &Offsets)> =
            offsets.iter().flat_map(|shard| shard.groups().map(move |group| (group, shard))).collect();
        groups.sort_unstable_by_key(|(group, _)| *group);
        let mut measuring = Measuring {
            logs,
            clock,
            until: clock.monotonic() + BUDGET,
            before: std::mem::take(&mut self.written),
            after: HashMap::new(),
            report: LagReport::default(),
        };
        for (group, shard) in groups {
            for (topic, partition, committed) in shard.of_group(group) {
                if measuring.report.lags.len() < partitions_max {
                    measuring.add(group, topic, partition, committed);
                } else {
                    measuring.report.over_limit += 1;
                }
            }
        }
        self.written = measuring.after;
        measuring.report
    }
}

impl Measuring<'_> {
    fn add(&mut self, group: &GroupId, topic: &str, partition: i32, committed: &CommittedOffset) {
        let Some((topic_id, reader)) = self.logs.find(topic, partition) else { return };
        // What was committed for a topic of this name that was deleted says nothing of this one.
        if !committed.topic_id.is_nil() && committed.topic_id != topic_id.0 {
            return;
        }
        let Some(reader) = reader else {
            self.report.without_log += 1;
            return;
        };
        let high_watermark = reader.high_watermark();
        let records = lag::records(committed.offset, high_watermark.get());
        let offset = Offset(lag::first_unread(committed.offset, reader.log_start_offset().get()));
        let time_ms = if records == 0 {
            Some(0)
        } else {
            let written_ms = self.written_ms(Place { topic: topic_id, partition, offset }, &reader);
            lag::time_ms(records, written_ms, self.clock.now_ms())
        };
        self.report.without_time += usize::from(time_ms.is_none());
        let topic = Arc::from(topic);
        self.report.lags.push(PartitionLag { group: group.clone(), topic, partition, records, time_ms });
    }

    /// When the first record at a place was written. Where only transactions' markers are left it is written just now.
    fn written_ms(&mut self, place: Place, reader: &LogReader) -> Option<i64> {
        if let Some(known) = self.after.get(&place).or_else(|| self.before.get(&place)).copied() {
            let _ = self.after.insert(place, known);
            return known;
        }
        let now = self.clock.monotonic();
        if now >= self.until {
            return None;
        }
        match reader.first_record_from(place.offset, reader.high_watermark()) {
            Ok(Some(found)) => {
                let _ = self.after.insert(place, Some(found.timestamp_ms));
                Some(found.timestamp_ms)
            }
            Ok(None) => Some(self.clock.now_ms()),
            Err(error) => {
                // Remembered, so that it is told once.
                tracing::warn!(?place, %error, "the age of a record cannot be looked up");
                let _ = self.after.insert(place, None);
                None
            }
        }
    }
}

#[cfg(test)]
mod tests;
