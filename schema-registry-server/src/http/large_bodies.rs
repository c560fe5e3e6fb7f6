//! Large bodies, which would otherwise keep everybody else waiting and take all memory.

use std::sync::Arc;

use axum::body::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::api::Problem;

/// Larger bodies wait for each other.
const LARGE_BODY_BYTES: usize = 64 * 1024;
/// How many of them may be here.
const COUNT_MAX: usize = 256;
/// How many bytes they may have together; a single one that is allowed to be larger has place when it is alone.
const BYTES_MAX: usize = 64 << 20;
/// How many bytes may be worked on beside the largest body: no two of the largest, and no small one keeps a large one out.
const WORK_BYTES_BESIDE: usize = 8 << 20;

/// Large bodies are read as JSON one after another, and only so much of them is looked at as schemas at the same time: in
/// memory they may take a hundred times their size. Those that wait are counted, since their clients may have gone.
#[derive(Debug)]
pub(crate) struct LargeBodies {
    count: Arc<Semaphore>,
    bytes: Arc<Semaphore>,
    working: Arc<Semaphore>,
    turn: Arc<Semaphore>,
    bytes_max: usize,
}

/// As long as it is there, its body counts as one that is here.
#[derive(Debug)]
pub(super) struct Place {
    _here: [OwnedSemaphorePermit; 2],
    body_bytes: u32,
}

/// As long as it is there, its body counts as one that is worked on. Whatever works on one has it, since requests may end
/// meanwhile.
pub(super) type Work = Arc<OwnedSemaphorePermit>;

/// As long as it is there, no other large body is read.
pub(super) type Turn = OwnedSemaphorePermit;

impl LargeBodies {
    /// For bodies of `body_bytes_max` at most.
    pub(crate) fn new(body_bytes_max: usize) -> Self {
        let of = |permits: usize| Arc::new(Semaphore::new(permits));
        let bytes_max = BYTES_MAX.max(body_bytes_max).min(u32::MAX as usize);
        let work_bytes_max = body_bytes_max.saturating_add(WORK_BYTES_BESIDE).min(bytes_max);
        Self {
            count: of(COUNT_MAX),
            bytes: of(bytes_max),
            working: of(work_bytes_max),
            turn: of(1),
            bytes_max,
        }
    }

    /// A place for this body; nothing for one that is not large.
    ///
    /// # Errors
    /// Where there are too many.
    pub(super) fn place(&self, body: &Bytes) -> Result<Option<Place>, Problem> {
        if body.len() <= LARGE_BODY_BYTES {
            return Ok(None);
        }
        let body_bytes = u32::try_from(body.len().min(self.bytes_max)).unwrap_or(u32::MAX);
        let count = Arc::clone(&self.count).try_acquire_owned();
        let bytes = Arc::clone(&self.bytes).try_acquire_many_owned(body_bytes);
        match (count, bytes) {
            (Ok(count), Ok(bytes)) => Ok(Some(Place { _here: [count, bytes], body_bytes })),
            _ => Err(Problem::busy(format!(
                "Too many requests with large bodies are under way: at most {COUNT_MAX} with {} bytes together; try again later",
                self.bytes_max
            ))),
        }
    }

    /// Waits until a body that has a place may be worked on.
    pub(super) async fn work(&self, place: &Place) -> Option<Work> {
        // It is never closed, and has as many as the largest body needs.
        Arc::clone(&self.working).acquire_many_owned(place.body_bytes).await.ok().map(Arc::new)
    }

    /// Waits until a body that is worked on may be read.
    pub(super) async fn turn(&self) -> Option<Turn> {
        Arc::clone(&self.turn).acquire_owned().await.ok()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    const WAIT: Duration = Duration::from_secs(1);

    fn body(bytes: usize) -> Bytes {
        Bytes::from(vec![0; bytes])
    }

    #[test]
    fn more_than_there_is_place_for_are_refused() {
        let bodies = LargeBodies::new(16 << 20);
        assert!(bodies.place(&body(LARGE_BODY_BYTES)).expect("it is small").is_none());
        let mut places: Vec<_> = (0..4).map(|_| bodies.place(&body(16 << 20))).collect();
        assert!(places.iter().all(|place| matches!(place, Ok(Some(_)))));
        let refused = bodies.place(&body(LARGE_BODY_BYTES + 1)).expect_err("there is no place");
        assert_eq!(refused.code, 503);
        assert!(bodies.place(&body(LARGE_BODY_BYTES)).is_ok());
        places.pop();
        let small = body(LARGE_BODY_BYTES + 1);
        let many: Vec<_> = (0..COUNT_MAX).map(|_| bodies.place(&small)).collect();
        assert_eq!(many.iter().filter(|place| place.is_err()).count(), 3);
        // One that fills all places, and more, is let in alone.
        let one = LargeBodies::new(BYTES_MAX + 1);
        assert!(matches!(one.place(&body(BYTES_MAX + 1)), Ok(Some(_))));
    }

    #[tokio::test(start_paused = true)]
    async fn the_largest_are_worked_on_beside_smaller_ones_and_read_alone() {
        let bodies = LargeBodies::new(16 << 20);
        let place = |bytes| bodies.place(&body(bytes)).ok().flatten().expect("there is place");
        let (slow, large, second) = (place(LARGE_BODY_BYTES + 1), place(16 << 20), place(16 << 20));
        let (slow, large) = (bodies.work(&slow).await, bodies.work(&large).await);
        assert!(timeout(WAIT, bodies.work(&second)).await.is_err());
        let turn = bodies.turn().await;
        assert!(timeout(WAIT, bodies.turn()).await.is_err());
        drop(turn);
        assert!(bodies.turn().await.is_some());
        // What works on goes on after its request.
        let working = large.clone();
        drop((slow, large));
        assert!(timeout(WAIT, bodies.work(&second)).await.is_err());
        drop(working);
        assert!(bodies.work(&second).await.is_some());
    }
}
