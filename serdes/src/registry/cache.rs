//! Answers that are kept. Who misses while the same answer is on its way waits for it; errors are not kept.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use parking_lot::Mutex;
use tokio::time::Instant;
use uuid::Uuid;

use super::{RegisteredSchema, RegistryError, Schema};
use crate::config::RegistrySettings;

type Answer = Result<Arc<RegisteredSchema>, RegistryError>;
/// What a load is: it owns all it needs, for whoever started it may be gone before it ends.
pub(super) type Load = BoxFuture<'static, Answer>;

/// Names with values, which the metadata of a version must have.
type Properties = Vec<(String, String)>;

/// All that a client keeps.
#[derive(Debug)]
pub(super) struct Caches {
    /// By subject, schema, and whether it is normalized: as registered, and as found.
    pub(super) registered: Cache<(Arc<str>, Schema, bool)>,
    pub(super) found: Cache<(Arc<str>, Schema, bool)>,
    /// By id and the subject that it was asked with.
    pub(super) by_id: Cache<(i32, Option<Arc<str>>)>,
    pub(super) by_guid: Cache<Uuid>,
    pub(super) versions: Cache<(Arc<str>, i32)>,
    /// By subject and the properties that the metadata must have.
    pub(super) latest: Cache<(Arc<str>, Properties)>,
}

impl Caches {
    pub(super) fn new(settings: &RegistrySettings) -> Self {
        let size = settings.cache_size;
        Self {
            registered: Cache::new(size, None),
            found: Cache::new(size, None),
            by_id: Cache::new(size, None),
            by_guid: Cache::new(size, None),
            versions: Cache::new(size, None),
            latest: Cache::new(settings.latest_cache_size, settings.latest_cache_ttl.0),
        }
    }

    pub(super) fn clear(&self) {
        self.registered.clear();
        self.found.clear();
        self.by_id.clear();
        self.by_guid.clear();
        self.versions.clear();
        self.latest.clear();
    }
}

/// Answers by key, at most as many as it has places.
pub(super) struct Cache<K> {
    slots: Mutex<Slots<K>>,
    size_max: usize,
    ttl: Option<Duration>,
}

struct Slots<K> {
    by_key: HashMap<K, Slot>,
    /// Grows with each use: the slot that was used longest ago makes room.
    ticks: u64,
}

#[derive(Clone)]
struct Slot {
    answer: Shared<Load>,
    since: Instant,
    used: u64,
    /// Tells slots of the same key apart.
    number: u64,
}

impl<K> fmt::Debug for Cache<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache").field("len", &self.slots.lock().by_key.len()).finish_non_exhaustive()
    }
}

impl<K: Hash + Eq + Clone> Cache<K> {
    pub(super) fn new(size_max: usize, ttl: Option<Duration>) -> Self {
        let slots = Mutex::new(Slots { by_key: HashMap::new(), ticks: 0 });
        Self { slots, size_max: size_max.max(1), ttl }
    }

    pub(super) fn clear(&self) {
        self.slots.lock().by_key.clear();
    }

    /// The answer that is kept, on its way, or that `load` will bring.
    pub(super) async fn get(&self, key: K, load: impl FnOnce() -> Load) -> Answer {
        let slot = self.slot(&key, load);
        let answer = slot.answer.await;
        if answer.is_err() {
            let mut slots = self.slots.lock();
            if slots.by_key.get(&key).is_some_and(|found| found.number == slot.number) {
                slots.by_key.remove(&key);
            }
        }
        answer
    }

    fn slot(&self, key: &K, load: impl FnOnce() -> Load) -> Slot {
        let now = Instant::now();
        let mut slots = self.slots.lock();
        slots.ticks += 1;
        let ticks = slots.ticks;
        if let Some(slot) = slots.by_key.get_mut(key)
            && self.ttl.is_none_or(|ttl| now.duration_since(slot.since) < ttl)
        {
            slot.used = ticks;
            return slot.clone();
        }
        if slots.by_key.len() >= self.size_max && !slots.by_key.contains_key(key) {
            let oldest = slots.by_key.iter().min_by_key(|(_, slot)| slot.used).map(|(key, _)| key.clone());
            if let Some(oldest) = oldest {
                slots.by_key.remove(&oldest);
            }
        }
        let slot = Slot { answer: load().shared(), since: now, used: ticks, number: ticks };
        slots.by_key.insert(key.clone(), slot.clone());
        slot
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI32, Ordering};

    use super::*;
    use crate::registry::SchemaType;

    fn answer(id: i32) -> Arc<RegisteredSchema> {
        let schema = Schema::new(SchemaType::Avro, "\"int\"");
        Arc::new(RegisteredSchema {
            subject: None,
            version: None,
            id: Some(id),
            guid: None,
            schema,
            is_deleted: false,
        })
    }

    /// Each load has another id.
    fn load(loads: &Arc<AtomicI32>) -> Load {
        let loads = Arc::clone(loads);
        async move {
            tokio::time::sleep(Duration::from_millis(10)).await;
            Ok(answer(loads.fetch_add(1, Ordering::Relaxed)))
        }
        .boxed()
    }

    async fn id(cache: &Cache<u32>, key: u32, loads: &Arc<AtomicI32>) -> Option<i32> {
        cache.get(key, || load(loads)).await.expect("no error").id
    }

    #[tokio::test(start_paused = true)]
    async fn misses_at_the_same_time_are_one() {
        let (cache, loads) = (Cache::new(10, None), Arc::default());
        let ids = tokio::join!(id(&cache, 1, &loads), id(&cache, 1, &loads), id(&cache, 1, &loads));
        assert_eq!(ids, (Some(0), Some(0), Some(0)));
        assert_eq!(id(&cache, 2, &loads).await, Some(1));
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_has_the_answer_when_who_asked_is_gone() {
        let (cache, loads) = (Cache::new(10, None), Arc::default());
        let gone = tokio::time::timeout(Duration::from_millis(5), id(&cache, 1, &loads)).await;
        assert!(gone.is_err());
        assert_eq!(id(&cache, 1, &loads).await, Some(0));
    }

    #[tokio::test(start_paused = true)]
    async fn answers_end_with_their_time() {
        let (cache, loads) = (Cache::new(10, Some(Duration::from_secs(5))), Arc::default());
        assert_eq!(id(&cache, 1, &loads).await, Some(0));
        tokio::time::advance(Duration::from_millis(4_900)).await;
        assert_eq!(id(&cache, 1, &loads).await, Some(0));
        tokio::time::advance(Duration::from_millis(100)).await;
        assert_eq!(id(&cache, 1, &loads).await, Some(1));
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_used_longest_ago_makes_room() {
        let (cache, loads) = (Cache::new(2, None), Arc::default());
        for key in [1, 2, 1, 3] {
            id(&cache, key, &loads).await;
        }
        assert_eq!(id(&cache, 1, &loads).await, Some(0));
        assert_eq!(id(&cache, 2, &loads).await, Some(3));
    }

    #[tokio::test]
    async fn errors_are_not_kept() {
        let (cache, loads) = (Cache::<u32>::new(2, None), Arc::default());
        let error = RegistryError::NoGuid { subject: "s".into() };
        let failed = error.clone();
        assert_eq!(cache.get(1, || async { Err(failed) }.boxed()).await, Err(error));
        assert_eq!(id(&cache, 1, &loads).await, Some(0));
    }
}
