//! The memory that requests may take in the whole process.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A budget of bytes that all connections share (`medallion.request.memory.bytes`).
///
/// A frame takes its whole size before its body is read and gives it back when its reply is written. Waiters are
/// served in the order in which they came, so a large frame is not starved by small ones.
#[derive(Debug, Clone)]
pub(crate) struct MemoryBudget {
    permits: Arc<Semaphore>,
    total_bytes: u32,
}

/// Bytes taken from a [`MemoryBudget`]; dropping it gives them back.
#[derive(Debug)]
pub(crate) struct MemoryLease {
    _permit: OwnedSemaphorePermit,
}

impl MemoryBudget {
    /// A budget of `total_bytes`, at most 4 GiB.
    pub(crate) fn new(total_bytes: u64) -> Self {
        let total_bytes = u32::try_from(total_bytes).unwrap_or(u32::MAX).max(1);
        let permits = usize::try_from(total_bytes).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
        Self { permits: Arc::new(Semaphore::new(permits)), total_bytes }
    }

    /// Waits until `bytes` are free and takes them. A frame larger than the whole budget takes all of it.
    pub(crate) async fn take(&self, bytes: usize) -> MemoryLease {
        let permits = u32::try_from(bytes).unwrap_or(u32::MAX).min(self.total_bytes);
        let permit = Arc::clone(&self.permits).acquire_many_owned(permits).await;
        MemoryLease { _permit: permit.expect("the budget's semaphore is never closed") }
    }

    /// All bytes of the budget.
    pub(crate) fn total_bytes(&self) -> u64 {
        u64::from(self.total_bytes)
    }

    /// Bytes taken at the moment.
    pub(crate) fn used_bytes(&self) -> u64 {
        let free = u64::try_from(self.permits.available_permits()).unwrap_or(u64::MAX);
        u64::from(self.total_bytes).saturating_sub(free)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn leases_come_back() {
        let budget = MemoryBudget::new(100);
        let lease = budget.take(60).await;
        assert_eq!(budget.used_bytes(), 60);
        let waiting = budget.take(60);
        tokio::pin!(waiting);
        let early = tokio::time::timeout(std::time::Duration::from_millis(20), &mut waiting).await;
        assert!(early.is_err(), "60 bytes more than there are were given out");
        drop(lease);
        let _second = waiting.await;
        assert_eq!(budget.used_bytes(), 60);
    }

    #[tokio::test]
    async fn a_frame_larger_than_the_budget_takes_all_of_it() {
        let budget = MemoryBudget::new(100);
        let _lease = budget.take(1_000).await;
        assert_eq!(budget.used_bytes(), 100);
    }
}
