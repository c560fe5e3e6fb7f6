//! The memory that requests may take in the whole process.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A budget of bytes that all connections share (`medallion.request.memory.bytes`).
///
/// A frame takes its whole size before its body is read and gives it back when its reply is written. Waiters are
/// served in the order in which they came, so a large frame is not starved by others. Small frames have an eighth of the
/// budget to themselves: who announces large ones cannot make them wait.
#[derive(Debug, Clone)]
pub(crate) struct MemoryBudget {
    small: Pool,
    large: Pool,
}

/// Up to this size a frame is small.
pub(crate) const SMALL_FRAME_BYTES: usize = 64 << 10;

#[derive(Debug, Clone)]
struct Pool {
    permits: Arc<Semaphore>,
    total_bytes: u32,
}

impl Pool {
    fn new(total_bytes: u32) -> Self {
        let total_bytes = total_bytes.max(1);
        let permits = usize::try_from(total_bytes).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
        Self { permits: Arc::new(Semaphore::new(permits)), total_bytes }
    }

    fn used_bytes(&self) -> u64 {
        let free = u64::try_from(self.permits.available_permits()).unwrap_or(u64::MAX);
        u64::from(self.total_bytes).saturating_sub(free)
    }
}

/// Bytes taken from a [`MemoryBudget`]; dropping it gives them back.
#[derive(Debug)]
pub(crate) struct MemoryLease {
    _permit: OwnedSemaphorePermit,
}

impl MemoryBudget {
    /// A budget of `total_bytes`, at most 4 GiB.
    pub(crate) fn new(total_bytes: u64) -> Self {
        let total_bytes = u32::try_from(total_bytes).unwrap_or(u32::MAX);
        let small_bytes = total_bytes / 8;
        Self { small: Pool::new(small_bytes), large: Pool::new(total_bytes - small_bytes) }
    }

    /// Waits until `bytes` are free and takes them. A frame larger than all there is takes all there is.
    pub(crate) async fn take(&self, bytes: usize) -> MemoryLease {
        let pool = if bytes <= SMALL_FRAME_BYTES { &self.small } else { &self.large };
        let permits = u32::try_from(bytes).unwrap_or(u32::MAX).min(pool.total_bytes);
        let permit = Arc::clone(&pool.permits).acquire_many_owned(permits).await;
        MemoryLease { _permit: permit.expect("the budget's semaphore is never closed") }
    }

    /// All bytes of the budget.
    pub(crate) fn total_bytes(&self) -> u64 {
        u64::from(self.small.total_bytes) + u64::from(self.large.total_bytes)
    }

    /// Bytes taken at the moment.
    pub(crate) fn used_bytes(&self) -> u64 {
        self.small.used_bytes() + self.large.used_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const BUDGET: u64 = 8 << 20;

    #[tokio::test]
    async fn leases_come_back() {
        let budget = MemoryBudget::new(BUDGET);
        let lease = budget.take(5 << 20).await;
        assert_eq!(budget.used_bytes(), 5 << 20);
        let waiting = budget.take(5 << 20);
        tokio::pin!(waiting);
        let early = tokio::time::timeout(Duration::from_millis(20), &mut waiting).await;
        assert!(early.is_err(), "more bytes than there are were given out");
        drop(lease);
        let _second = waiting.await;
        assert_eq!(budget.used_bytes(), 5 << 20);
    }

    #[tokio::test]
    async fn small_frames_do_not_wait_for_large_ones() {
        let budget = MemoryBudget::new(BUDGET);
        let _all = budget.take(100 << 20).await;
        assert_eq!(
            budget.used_bytes(),
            BUDGET / 8 * 7,
            "a frame larger than all there is takes all there is"
        );
        let waiting = budget.take(100 << 20);
        tokio::pin!(waiting);
        assert!(tokio::time::timeout(Duration::from_millis(20), &mut waiting).await.is_err());
        let small = tokio::time::timeout(Duration::from_secs(5), budget.take(100)).await;
        assert!(small.is_ok(), "a small frame waits behind a large one");
    }
}
