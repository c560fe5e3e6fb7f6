//! How long threads were busy with the appends of one request.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Adds up time, from several partitions; clones add to the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct AppendTime {
    nanoseconds: Arc<AtomicU64>,
}

impl AppendTime {
    /// The time so far.
    pub(crate) fn total(&self) -> Duration {
        Duration::from_nanos(self.nanoseconds.load(Ordering::Relaxed))
    }

    fn add(&self, time: Duration) {
        let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let _ = self.nanoseconds.fetch_add(nanoseconds, Ordering::Relaxed);
    }
}

/// The requests of one write whose time is measured, each with its bytes.
#[derive(Debug, Default)]
pub(super) struct TimedAppends {
    timed: Vec<(AppendTime, usize)>,
    bytes: usize,
}

impl TimedAppends {
    /// Notes a request of the write; those that are not measured take their share of the time as well.
    pub(super) fn note(&mut self, time: Option<AppendTime>, bytes: usize) {
        self.bytes += bytes;
        if let Some(time) = time {
            self.timed.push((time, bytes));
        }
    }

    /// Whether nothing is measured, so that no clock needs to be read.
    pub(super) fn is_empty(&self) -> bool {
        self.timed.is_empty()
    }

    /// Shares the time of the write out, by bytes.
    pub(super) fn share(self, time: Duration) {
        let nanoseconds = time.as_nanos();
        for (of_request, bytes) in self.timed {
            let share = nanoseconds * bytes as u128 / (self.bytes.max(1) as u128);
            of_request.add(Duration::from_nanos(u64::try_from(share).unwrap_or(u64::MAX)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_shared_by_bytes() {
        let (first, second) = (AppendTime::default(), AppendTime::default());
        let mut appends = TimedAppends::default();
        assert!(appends.is_empty());
        appends.note(Some(first.clone()), 100);
        appends.note(None, 200);
        appends.note(Some(second.clone()), 700);
        assert!(!appends.is_empty());
        appends.share(Duration::from_micros(50));
        assert_eq!((first.total(), second.total()), (Duration::from_micros(5), Duration::from_micros(35)));
        let mut more = TimedAppends::default();
        more.note(Some(first.clone()), 1);
        more.share(Duration::from_micros(3));
        assert_eq!(first.total(), Duration::from_micros(8));
    }
}
