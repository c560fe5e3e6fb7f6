//! Parks fetch requests until enough bytes have arrived; nothing polls.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use parking_lot::Mutex;
use tokio::sync::Notify;

/// A fetch request that waits for data.
#[derive(Debug)]
pub(crate) struct FetchWaiter {
    missing_bytes: AtomicI64,
    notify: Notify,
}

impl FetchWaiter {
    /// A waiter that wakes after `missing_bytes` more bytes on any of its partitions.
    pub(crate) fn new(missing_bytes: i64) -> Arc<Self> {
        Arc::new(Self { missing_bytes: AtomicI64::new(missing_bytes), notify: Notify::new() })
    }

    /// Waits for the bytes or for [`FetchWaiter::wake`]; what happened before the call counts.
    pub(crate) async fn woken(&self) {
        self.notify.notified().await;
    }

    /// Wakes the request whatever has arrived: its partition is gone, failed or has another leader.
    pub(crate) fn wake(&self) {
        self.notify.notify_one();
    }

    fn arrived(&self, bytes: i64) {
        if self.missing_bytes.fetch_sub(bytes, Ordering::AcqRel) <= bytes {
            self.notify.notify_one();
        }
    }
}

/// The waiters of one partition.
#[derive(Debug, Default)]
pub(crate) struct WaiterList {
    waiters: Mutex<Vec<Arc<FetchWaiter>>>,
}

impl WaiterList {
    /// Adds a waiter; remove it with [`WaiterList::remove`].
    pub(crate) fn add(&self, waiter: &Arc<FetchWaiter>) {
        self.waiters.lock().push(Arc::clone(waiter));
    }

    /// Takes a waiter off the list.
    pub(crate) fn remove(&self, waiter: &Arc<FetchWaiter>) {
        self.waiters.lock().retain(|other| !Arc::ptr_eq(other, waiter));
    }

    /// Tells all waiters that `bytes` more can be read.
    pub(crate) fn arrived(&self, bytes: usize) {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        for waiter in self.waiters.lock().iter() {
            waiter.arrived(bytes);
        }
    }

    /// Wakes all waiters.
    pub(crate) fn wake_all(&self) {
        for waiter in self.waiters.lock().iter() {
            waiter.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test]
    async fn wakes_when_enough_has_arrived() {
        let list = WaiterList::default();
        let waiter = FetchWaiter::new(100);
        list.add(&waiter);
        list.arrived(60);
        assert!(tokio::time::timeout(Duration::from_millis(20), waiter.woken()).await.is_err());
        list.arrived(40);
        tokio::time::timeout(Duration::from_secs(5), waiter.woken()).await.expect("100 bytes have arrived");
        list.remove(&waiter);
        assert!(list.waiters.lock().is_empty());
    }
}
