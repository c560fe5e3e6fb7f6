//! Large bodies, which would otherwise keep everybody else waiting and take all memory.

use std::sync::Arc;

use axum::body::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Larger bodies wait for each other.
const LARGE_BODY_BYTES: usize = 64 * 1024;

/// Large bodies are read one after another: as JSON, and then as a schema, each may take a hundred times its size.
#[derive(Debug)]
pub(crate) struct LargeBodies(Arc<Semaphore>);

/// As long as it is there, no other large body is read. Whatever works on one has it, since clients may go meanwhile.
pub(super) type Turn = Arc<OwnedSemaphorePermit>;

impl Default for LargeBodies {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(1)))
    }
}

impl LargeBodies {
    /// Waits until this body may be read; nothing for one that is not large.
    pub(super) async fn turn(&self, body: &Bytes) -> Option<Turn> {
        if body.len() <= LARGE_BODY_BYTES {
            return None;
        }
        // It is never closed.
        Arc::clone(&self.0).acquire_owned().await.ok().map(Arc::new)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn large_ones_wait_for_each_other_and_small_ones_for_nobody() {
        let bodies = LargeBodies::default();
        let large = Bytes::from(vec![0; LARGE_BODY_BYTES + 1]);
        let turn = bodies.turn(&large).await.expect("it is the first");
        // Work that goes on after its client is gone.
        let working = Arc::clone(&turn);
        drop(turn);
        let wait = Duration::from_secs(1);
        assert!(bodies.turn(&large.slice(1..)).await.is_none());
        assert!(timeout(wait, bodies.turn(&large)).await.is_err());
        drop(working);
        assert!(bodies.turn(&large).await.is_some());
    }
}
