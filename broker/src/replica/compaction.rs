//! The compaction of logs, the dirtiest first, at a limited rate.

use std::cell::RefCell;
use std::ops::ControlFlow;
use std::sync::Arc;

use medallion_log::{CompactionTask, LogError};
use medallion_os::Clock;
use tracing::{error, info};

use super::background::StopSignal;
use super::partition::Partition;
use super::replica_manager::ReplicaManager;
use super::throttle::Throttle;

/// How fast compactions may read and write, and whether they go on.
pub(crate) struct Pace<'a> {
    clock: &'a dyn Clock,
    stop: &'a StopSignal,
    /// `log.cleaner.io.max.bytes.per.second`, which may change meanwhile.
    bytes_per_second: &'a dyn Fn() -> f64,
    throttle: RefCell<Throttle>,
}

impl<'a> Pace<'a> {
    /// A pace for all compactions of a round; `bytes_per_second` is asked again and again.
    pub(crate) fn new(
        clock: &'a dyn Clock,
        stop: &'a StopSignal,
        bytes_per_second: &'a dyn Fn() -> f64,
    ) -> Self {
        let throttle = RefCell::new(Throttle::new(clock.monotonic()));
        Self { clock, stop, bytes_per_second, throttle }
    }

    /// Waits until `bytes` more fit the rate; breaks when the broker stops.
    fn pass(&self, bytes: u64) -> ControlFlow<()> {
        let mut throttle = self.throttle.borrow_mut();
        throttle.observe(bytes);
        while let Some(wait) = throttle.wait((self.bytes_per_second)(), self.clock.monotonic()) {
            if !self.stop.sleep(|| wait) {
                break;
            }
        }
        if self.stop.is_stopped() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

/// Compacts logs, the dirtiest first, until none needs it or as many rounds as there are logs have passed. One that
/// cannot be compacted does not hold up the others.
pub(crate) fn compact_logs(manager: &ReplicaManager, now_ms: i64, pace: &Pace<'_>) {
    let is_compacted = |partition: &Arc<Partition>| partition.settings().log.cleanup_policy.compact;
    let mut partitions: Vec<Arc<Partition>> = manager.all().into_iter().filter(is_compacted).collect();
    let mut compacted = false;
    for _ in 0..partitions.len() {
        if pace.stop.is_stopped() {
            break;
        }
        let Some((partition, task)) = dirtiest(&partitions, now_ms) else { break };
        match compact_log(&partition, task, pace) {
            Ok(()) => compacted = true,
            Err(reason) => {
                error!(partition = %partition.id(), %reason, "compaction failed");
                partitions.retain(|other| !Arc::ptr_eq(other, &partition));
            }
        }
    }
    if compacted {
        manager.write_cleaner_checkpoints();
    }
}

fn dirtiest(partitions: &[Arc<Partition>], now_ms: i64) -> Option<(Arc<Partition>, CompactionTask)> {
    let mut dirtiest: Option<(Arc<Partition>, CompactionTask)> = None;
    for partition in partitions {
        let first_dirty = partition.first_dirty_offset();
        let task = match partition.with_log(|log| log.compaction_task(first_dirty, now_ms)) {
            Ok(Ok(Some(task))) => task,
            Ok(Err(reason)) => {
                error!(partition = %partition.id(), %reason, "compaction cannot be planned");
                continue;
            }
            Ok(Ok(None)) | Err(_) => continue,
        };
        if dirtiest.as_ref().is_none_or(|(_, other)| task.dirty_ratio() > other.dirty_ratio()) {
            dirtiest = Some((Arc::clone(partition), task));
        }
    }
    dirtiest
}

/// Reads and writes beside the log's writer, which is held only while files are exchanged.
fn compact_log(partition: &Arc<Partition>, task: CompactionTask, pace: &Pace<'_>) -> Result<(), LogError> {
    let Some(segments) = task.run(|bytes| pace.pass(bytes))? else { return Ok(()) };
    if let Ok(outcome) = partition.with_log(|log| log.finish_compaction(segments))
        && let Some(outcome) = outcome?
    {
        partition.set_first_dirty_offset(outcome.first_dirty_offset);
        info!(partition = %partition.id(), ?outcome, "log compacted");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use medallion_os::SystemClock;

    use super::*;

    #[test]
    fn what_is_too_fast_waits() {
        let (clock, stop, rate) = (SystemClock::new(), StopSignal::default(), || 20_000.0);
        let begun = Instant::now();
        let pace = Pace::new(&clock, &stop, &rate);
        assert_eq!(pace.pass(10_000), ControlFlow::Continue(()));
        stop.sleep(|| Duration::from_millis(310));
        assert_eq!(pace.pass(2000), ControlFlow::Continue(()));
        let took = begun.elapsed();
        assert!((600..5000).contains(&took.as_millis()), "{took:?}");
    }

    #[test]
    fn a_stop_ends_the_wait() {
        let (clock, stop, rate) = (SystemClock::new(), StopSignal::default(), || 1.0);
        let pace = Pace::new(&clock, &stop, &rate);
        stop.sleep(|| Duration::from_millis(310));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(Duration::from_millis(50));
                stop.stop();
            });
            assert_eq!(pace.pass(1_000_000), ControlFlow::Break(()));
        });
        assert_eq!(pace.pass(0), ControlFlow::Break(()), "and the next batch too");
    }
}
