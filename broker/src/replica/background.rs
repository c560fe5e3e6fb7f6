//! What runs beside the requests: flushing, checkpoints, retention and the disk reserve; compaction is in
//! [`super::compaction`].
//!
//! Each task is a plain thread that wakes at an interval, which may change meanwhile, and stops with the broker.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use medallion_log::LogError;
use parking_lot::{Condvar, Mutex};
use tracing::{error, info, warn};

use super::partition::Partition;
use super::replica_manager::ReplicaManager;

/// The stack of a background thread.
const STACK_BYTES: usize = 512 << 10;

/// Told to all background tasks when the broker stops, and when their intervals may have changed.
#[derive(Debug, Default)]
pub(crate) struct StopSignal {
    stopped: Mutex<bool>,
    changed: Condvar,
}

impl StopSignal {
    /// Ends all waits, now and later.
    pub(crate) fn stop(&self) {
        *self.stopped.lock() = true;
        self.changed.notify_all();
    }

    /// Lets all who sleep ask anew for how long.
    pub(crate) fn look_again(&self) {
        let _stopped = self.stopped.lock(); // so that nobody is between asking and sleeping
        self.changed.notify_all();
    }

    /// Whether the broker stops.
    pub(crate) fn is_stopped(&self) -> bool {
        *self.stopped.lock()
    }

    /// Waits for `time`, asked for again with every [`StopSignal::look_again`]; `false` when the broker stops.
    pub(crate) fn sleep(&self, time: impl Fn() -> Duration) -> bool {
        let began = Instant::now();
        let mut stopped = self.stopped.lock();
        while !*stopped {
            let left = time().saturating_sub(began.elapsed());
            if left.is_zero() {
                return true;
            }
            self.changed.wait_for(&mut stopped, left);
        }
        false
    }
}

/// Writes to disk what has waited for `flush.ms` of its topic, or for `background` where that is shorter.
pub(crate) fn flush_logs(
    manager: &ReplicaManager,
    background: Option<Duration>,
    now_ms: i64,
    stop: &StopSignal,
) {
    let background_ms =
        background.map_or(i64::MAX, |time| i64::try_from(time.as_millis()).unwrap_or(i64::MAX));
    for partition in manager.all() {
        if stop.is_stopped() {
            return;
        }
        let waited_ms = now_ms.saturating_sub(partition.last_flush_ms());
        if waited_ms >= partition.settings().log.flush_ms.min(background_ms) {
            flush_log(&partition);
        }
    }
}

fn flush_log(partition: &Arc<Partition>) {
    let Some(reader) = partition.peek_reader() else { return };
    if reader.recovery_point() >= reader.log_end_offset() || reader.is_poisoned() {
        return;
    }
    let outcome = partition.with_log(|log| log.flush_handle());
    match outcome {
        Ok(Ok(task)) => {
            if let Err(reason) = partition.timed_flush(|| task.run()) {
                error!(partition = %partition.id(), %reason, "background flush failed");
            }
        }
        Ok(Err(reason)) => warn!(partition = %partition.id(), %reason, "cannot flush"),
        Err(_) => {}
    }
}

/// Forgets producers that were silent for longer than `producer.id.expiration.ms`.
pub(crate) fn expire_producers(manager: &ReplicaManager, now_ms: i64) {
    for partition in manager.all() {
        let _ = partition.with_log(|log| log.expire_producers(now_ms)); // a log that is not open has none
    }
}

/// Applies retention to every log and removes files whose delay has passed.
pub(crate) fn apply_retention(manager: &ReplicaManager, now_ms: i64, stop: &StopSignal) {
    for partition in manager.all() {
        if stop.is_stopped() {
            return;
        }
        let outcome = partition.with_log(|log| {
            log.maybe_roll(now_ms)?;
            let deleted = log.delete_old_segments(now_ms)?;
            log.remove_deleted(now_ms)?;
            Ok::<_, LogError>(deleted)
        });
        match outcome {
            Ok(Ok(deleted)) if !deleted.is_empty() => {
                info!(partition = %partition.id(), segments = deleted.len(), "old segments deleted");
            }
            Ok(Err(reason)) => error!(partition = %partition.id(), %reason, "retention failed"),
            Ok(Ok(_)) | Err(_) => {}
        }
    }
    manager.remove_deleted(now_ms);
}

/// Notes for each directory whether its volume has less room than the reserve. Writes are refused from there on, so
/// that deletions, metadata and checkpoints still find room; with a tenth more than the reserve they go on.
pub(crate) fn watch_disks(manager: &ReplicaManager, reserve_bytes: u64) {
    for directory in manager.directories() {
        let usable = match directory.space() {
            Ok(space) => space.usable_bytes,
            Err(error) => {
                error!(directory = %directory.path().display(), %error, "cannot tell the room on the volume");
                continue;
            }
        };
        let threshold = if directory.is_full() {
            reserve_bytes.saturating_add(reserve_bytes / 10)
        } else {
            reserve_bytes
        };
        let full = usable < threshold;
        directory.set_room(usable.saturating_sub(reserve_bytes));
        if directory.set_full(full) {
            let path = directory.path().display();
            if full {
                error!(directory = %path, usable, reserve_bytes, "disk reserve reached: writes are refused");
            } else {
                info!(directory = %path, usable, "there is room again: writes are taken");
            }
        }
    }
}

/// Starts a thread that does `work`, and again after every `interval` until the broker stops.
pub(crate) fn every(
    name: &str,
    stop: &Arc<StopSignal>,
    interval: impl Fn() -> Duration + Send + 'static,
    mut work: impl FnMut(&StopSignal) + Send + 'static,
) -> std::io::Result<JoinHandle<()>> {
    let stop = Arc::clone(stop);
    std::thread::Builder::new().name(name.to_owned()).stack_size(STACK_BYTES).spawn(move || {
        while stop.sleep(&interval) {
            work(&stop);
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};

    #[test]
    fn a_shorter_interval_holds_for_who_sleeps_already() {
        let (stop, interval_ms) = (Arc::new(StopSignal::default()), Arc::new(AtomicU64::new(3_600_000)));
        let (done, ticks) = std::sync::mpsc::channel();
        let asked = Arc::clone(&interval_ms);
        let interval = move || Duration::from_millis(asked.load(Ordering::Relaxed));
        let thread = every("ticks", &stop, interval, move |_| {
            let _ = done.send(());
        })
        .expect("a thread");
        assert!(ticks.recv_timeout(Duration::from_millis(50)).is_err(), "an hour is not over");
        interval_ms.store(1, Ordering::Relaxed);
        stop.look_again();
        ticks.recv_timeout(Duration::from_secs(20)).expect("the new interval holds");
        interval_ms.store(3_600_000, Ordering::Relaxed);
        stop.stop();
        thread.join().expect("no panic");
        assert!(!stop.sleep(|| Duration::from_secs(3_600)));
    }
}
