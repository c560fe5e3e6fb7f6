//! How many connections there may be, and which one has to go when one more comes.
//!
//! Idle connections are no reason to turn anybody away: at the limit the one that has been idle the longest is closed.
//! Where all are busy, a new one waits.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use rustix::process::{Resource, getrlimit};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

/// How many connections there may be where the system sets no limit to open files.
const UNLIMITED: usize = 65_536;

/// All connections of a registry.
#[derive(Debug)]
pub(crate) struct Connections {
    limit: usize,
    places: Arc<Semaphore>,
    idle: Mutex<Idle>,
}

#[derive(Debug, Default)]
struct Idle {
    /// Since when, as numbers that only rise.
    since: BTreeMap<u64, Arc<Slot>>,
    next: u64,
    /// How many connections wait for a place.
    waiting: usize,
    /// How many were told to go and are not gone yet.
    leaving: usize,
}

#[derive(Debug, Default)]
struct Slot {
    must_go: Notify,
    is_told: AtomicBool,
}

/// A connection's place; it is free again when this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    connections: Arc<Connections>,
    slot: Arc<Slot>,
    /// Nothing while it is busy.
    idle_since: Mutex<Option<u64>>,
    _permit: OwnedSemaphorePermit,
}

/// Makes a connection busy until it is dropped.
#[derive(Debug)]
pub(super) struct Busy(Arc<Place>);

impl Connections {
    /// `limit` connections; for 0 so many that their sockets take half of the files that the process may open.
    pub(crate) fn new(limit: usize) -> Arc<Self> {
        let limit = if limit == 0 { half_of_files() } else { limit }.min(Semaphore::MAX_PERMITS);
        Arc::new(Self { limit, places: Arc::new(Semaphore::new(limit)), idle: Mutex::default() })
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.limit - self.places.available_permits()
    }

    /// A place for one more. It waits only where all connections are busy.
    pub(super) async fn admit(self: &Arc<Self>) -> Arc<Place> {
        let permit = match Arc::clone(&self.places).try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => {
                let _waiting = Waiting::start(self);
                // It is never closed.
                match Arc::clone(&self.places).acquire_owned().await {
                    Ok(permit) => permit,
                    Err(_) => std::future::pending().await,
                }
            }
        };
        let place = Place {
            connections: Arc::clone(self),
            slot: Arc::default(),
            idle_since: Mutex::new(None),
            _permit: permit,
        };
        place.become_idle();
        Arc::new(place)
    }
}

/// Somebody waits for a place, as long as this is there.
struct Waiting<'a>(&'a Connections);

impl<'a> Waiting<'a> {
    fn start(connections: &'a Connections) -> Self {
        let mut idle = connections.idle.lock();
        idle.waiting += 1;
        idle.make_room();
        Self(connections)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.idle.lock().waiting -= 1;
    }
}

impl Idle {
    /// Tells as many of those that were idle the longest to go as there are new ones that wait.
    fn make_room(&mut self) {
        while self.leaving < self.waiting {
            let Some((_, slot)) = self.since.pop_first() else { return };
            slot.is_told.store(true, Ordering::Relaxed);
            slot.must_go.notify_one();
            self.leaving += 1;
        }
    }
}

impl Place {
    /// For as long as a request is answered.
    pub(super) fn busy(self: &Arc<Self>) -> Busy {
        if let Some(since) = self.idle_since.lock().take() {
            self.connections.idle.lock().since.remove(&since);
        }
        Busy(Arc::clone(self))
    }

    fn become_idle(&self) {
        let mut idle = self.connections.idle.lock();
        if self.slot.is_told.load(Ordering::Relaxed) {
            return;
        }
        let since = idle.next;
        idle.next += 1;
        idle.since.insert(since, Arc::clone(&self.slot));
        *self.idle_since.lock() = Some(since);
        idle.make_room();
    }

    /// Whether no request is answered now.
    pub(super) fn is_idle(&self) -> bool {
        self.slot.is_told.load(Ordering::Relaxed) || self.idle_since.lock().is_some()
    }

    /// Comes back when the connection is to end, since others wait.
    pub(super) async fn must_go(&self) {
        self.slot.must_go.notified().await;
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.become_idle();
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut idle = self.connections.idle.lock();
        if let Some(since) = self.idle_since.lock().take() {
            idle.since.remove(&since);
        }
        if self.slot.is_told.load(Ordering::Relaxed) {
            idle.leaving -= 1;
        }
    }
}

fn half_of_files() -> usize {
    let files = getrlimit(Resource::Nofile).current;
    files.map_or(UNLIMITED, |files| usize::try_from(files / 2).unwrap_or(UNLIMITED).clamp(1, UNLIMITED))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    const MOMENT: Duration = Duration::from_millis(50);

    #[tokio::test]
    async fn the_one_that_was_idle_the_longest_goes() {
        let connections = Connections::new(2);
        let (first, second) = (connections.admit().await, connections.admit().await);
        drop(first.busy());
        let third = tokio::spawn({
            let connections = Arc::clone(&connections);
            async move { connections.admit().await }
        });
        timeout(MOMENT, second.must_go()).await.expect("the second one is idle since the first was busy");
        assert!(timeout(MOMENT, first.must_go()).await.is_err(), "one is enough");
        drop(second);
        let third = third.await.unwrap();
        assert_eq!(connections.count(), 2);
        drop((first, third));
        assert_eq!(connections.count(), 0);
        let idle = connections.idle.lock();
        assert_eq!((idle.since.len(), idle.waiting, idle.leaving), (0, 0, 0));
    }

    #[tokio::test]
    async fn busy_ones_are_waited_for() {
        let connections = Connections::new(1);
        let first = connections.admit().await;
        let busy = first.busy();
        assert!(!first.is_idle());
        assert!(timeout(MOMENT, connections.admit()).await.is_err());
        let second = tokio::spawn({
            let connections = Arc::clone(&connections);
            async move { connections.admit().await }
        });
        assert!(timeout(MOMENT, first.must_go()).await.is_err());
        drop(busy);
        timeout(MOMENT, first.must_go()).await.expect("it is idle now, and somebody waits");
        assert!(first.is_idle());
        drop(first);
        second.await.unwrap();
    }
}
