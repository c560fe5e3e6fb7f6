//! `buffer.memory`: what all records that are not acknowledged may take.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Semaphore;

/// Who has waited goes on only when so much is free, or an eighth of all: woken for every batch that ends it would sleep again at
/// once, and that costs more than what the batch is about.
const WAKE_BYTES_MAX: usize = 1 << 20;

/// The memory of one producer's batches, in bytes.
#[derive(Debug)]
pub(super) struct Memory {
    free: Semaphore,
    total: usize,
    wake_bytes: usize,
    waiting: AtomicUsize,
}

/// While one exists, somebody waits for memory.
#[derive(Debug)]
pub(super) struct Waiting<'a>(&'a Memory);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Bytes that were taken; given back when it is dropped.
#[derive(Debug)]
pub(super) struct Reservation {
    memory: Arc<Memory>,
    bytes: usize,
}

impl Memory {
    pub(super) fn new(total: usize) -> Arc<Self> {
        let total = total.min(Semaphore::MAX_PERMITS);
        let wake_bytes = WAKE_BYTES_MAX.min(total / 8);
        Arc::new(Self { free: Semaphore::new(total), total, wake_bytes, waiting: AtomicUsize::new(0) })
    }

    pub(super) fn total(&self) -> usize {
        self.total
    }

    /// What is free now.
    pub(super) fn free(&self) -> usize {
        self.free.available_permits()
    }

    /// Whether somebody waits for room: then batches are sent though they are not full.
    pub(super) fn is_short(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }

    /// Takes `bytes` if they are free.
    pub(super) fn try_take(self: &Arc<Self>, bytes: usize) -> Option<Reservation> {
        let permit = self.free.try_acquire_many(u32::try_from(bytes).ok()?).ok()?;
        permit.forget();
        Some(Reservation { memory: Arc::clone(self), bytes })
    }

    /// Notes that somebody is going to wait.
    pub(super) fn waiting(&self) -> Waiting<'_> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        Waiting(self)
    }

    /// Waits for `bytes`, first come first served, and until there is room for some more records. Giving up takes nothing.
    pub(super) async fn take(self: &Arc<Self>, bytes: usize) -> Option<Reservation> {
        let free = bytes.max(self.wake_bytes);
        let permit = self.free.acquire_many(u32::try_from(free).ok()?).await.ok()?;
        permit.forget();
        let mut taken = Reservation { memory: Arc::clone(self), bytes: free };
        taken.shrink_to(bytes);
        Some(taken)
    }

    /// Whoever waits is told that there will be no room.
    pub(super) fn close(&self) {
        self.free.close();
    }
}

impl Reservation {
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Takes `more` in addition, if that is free.
    pub(super) fn try_grow(&mut self, more: usize) -> bool {
        let Some(mut taken) = self.memory.try_take(more) else { return false };
        self.bytes += std::mem::take(&mut taken.bytes);
        true
    }

    /// Parts with `bytes`, or all that it has.
    pub(super) fn split_off(&mut self, bytes: usize) -> Self {
        let bytes = bytes.min(self.bytes);
        self.bytes -= bytes;
        Self { memory: Arc::clone(&self.memory), bytes }
    }

    /// Gives back what is above `bytes`.
    pub(super) fn shrink_to(&mut self, bytes: usize) {
        let spare = self.bytes.saturating_sub(bytes);
        self.bytes -= spare;
        self.memory.free.add_permits(spare);
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if self.bytes > 0 {
            self.memory.free.add_permits(self.bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_taken_comes_back_and_waiters_are_served_in_order() {
        let memory = Memory::new(100);
        let mut first = memory.try_take(60).unwrap();
        assert!(memory.try_take(60).is_none() && !first.try_grow(50) && first.try_grow(10));
        assert_eq!((first.bytes(), memory.free()), (70, 30));
        let waiting = memory.waiting();
        assert!(memory.is_short());
        let mut waits = std::pin::pin!(memory.take(50));
        let early = tokio::time::timeout(std::time::Duration::from_millis(1), &mut waits).await;
        assert!(early.is_err(), "there is no room yet");
        first.shrink_to(40);
        let second = waits.await.unwrap();
        drop(waiting);
        assert!(!memory.is_short());
        drop((first, second));
        assert_eq!(memory.free(), 100);
        memory.close();
        assert!(memory.take(1).await.is_none());
    }
}
