//! Schemas that were parsed lately, so that the next request needs not parse them again.

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use lru::LruCache;
use medallion_schema_registry::ParsedSchema;
use medallion_schema_registry::store::{NothingKept, ParsedSchemas, Source};
use parking_lot::Mutex;
use tokio::time::Instant;

/// How long the texts of all schemas that are kept may be together. A parsed schema takes seven times its text in Avro, twenty
/// times in JSON Schema.
const TEXT_BYTES_MAX: usize = 1 << 20;
/// No schema may drive all others out.
const ONE_TEXT_BYTES_MAX: usize = TEXT_BYTES_MAX / 4;

/// The schemas that were asked for last (`schema.cache.size`), each until nobody has asked for it for a while
/// (`schema.cache.expiry.secs`).
pub(crate) struct ParsedCache {
    expiry: Duration,
    entries: Mutex<Entries>,
    hits: AtomicU64,
    misses: AtomicU64,
}

struct Entries {
    by_source: LruCache<Source, Entry>,
    text_bytes: usize,
}

struct Entry {
    schema: Arc<ParsedSchema>,
    text_bytes: usize,
    used: Instant,
}

impl fmt::Debug for ParsedCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ParsedCache").field("schemas", &self.len()).finish_non_exhaustive()
    }
}

impl ParsedCache {
    /// A cache of so many schemas; for none, something that keeps nothing.
    pub(crate) fn new(size: usize, expiry: Duration) -> Option<Arc<Self>> {
        let size = NonZeroUsize::new(size)?;
        Some(Arc::new(Self {
            expiry,
            // Room is made as it is needed.
            entries: Mutex::new(Entries { by_source: LruCache::sparse(size), text_bytes: 0 }),
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
        }))
    }

    /// What the store takes.
    pub(crate) fn for_store(cache: Option<&Arc<Self>>) -> Arc<dyn ParsedSchemas> {
        match cache {
            Some(cache) => Arc::clone(cache) as Arc<dyn ParsedSchemas>,
            None => Arc::new(NothingKept),
        }
    }

    /// How many schemas are kept.
    pub(crate) fn len(&self) -> usize {
        self.entries.lock().by_source.len()
    }

    /// How often a schema was there, and how often not.
    pub(crate) fn counts(&self) -> (u64, u64) {
        (self.hits.load(Ordering::Relaxed), self.misses.load(Ordering::Relaxed))
    }
}

impl Entries {
    fn put(&mut self, source: Source, entry: Entry) {
        self.text_bytes += entry.text_bytes;
        // An older one of this source, or the one that nobody has asked for the longest.
        if let Some((_, gone)) = self.by_source.push(source, entry) {
            self.text_bytes -= gone.text_bytes;
        }
        while self.text_bytes > TEXT_BYTES_MAX {
            self.drop_oldest();
        }
    }

    fn expire(&mut self, now: Instant, expiry: Duration) {
        while self.by_source.peek_lru().is_some_and(|(_, oldest)| now.duration_since(oldest.used) > expiry) {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        let gone = self.by_source.pop_lru().map_or(self.text_bytes, |(_, gone)| gone.text_bytes);
        self.text_bytes -= gone;
    }
}

impl ParsedSchemas for ParsedCache {
    fn get(&self, source: &Source) -> Option<Arc<ParsedSchema>> {
        let now = Instant::now();
        let mut entries = self.entries.lock();
        entries.expire(now, self.expiry);
        let found = entries.by_source.get_mut(source).map(|entry| {
            entry.used = now;
            Arc::clone(&entry.schema)
        });
        let counter = if found.is_some() { &self.hits } else { &self.misses };
        counter.fetch_add(1, Ordering::Relaxed);
        found
    }

    fn keep(&self, source: Source, schema: &Arc<ParsedSchema>) {
        let text_bytes = source.text_bytes();
        if text_bytes > ONE_TEXT_BYTES_MAX {
            return;
        }
        let entry = Entry { schema: Arc::clone(schema), text_bytes, used: Instant::now() };
        self.entries.lock().put(source, entry);
    }
}

#[cfg(test)]
mod tests {
    use medallion_schema_registry::store::{RegisterRequest, Settings};
    use medallion_schema_registry::{Store, Subject};

    use super::*;

    /// A check of the schema of this name, which parses it once.
    fn check(store: &Store, name: &str, padding: usize) {
        let doc = "x".repeat(padding);
        let text = format!(r#"{{"type":"record","name":"{name}","doc":"{doc}","fields":[]}}"#);
        let request = RegisterRequest { schema: Some(text), ..RegisterRequest::default() };
        assert!(store.check_compatibility(&Subject::parse("a"), None, &request).unwrap().is_empty());
    }

    fn store(size: usize, expiry_ms: u64) -> (Store, Arc<ParsedCache>) {
        let cache = ParsedCache::new(size, Duration::from_millis(expiry_ms)).unwrap();
        (Store::with_parsed(Settings::default(), ParsedCache::for_store(Some(&cache))), cache)
    }

    #[tokio::test]
    async fn what_was_asked_for_last_is_kept() {
        let (store, cache) = store(2, 1000);
        for name in ["A", "B", "A", "C", "A", "B"] {
            check(&store, name, 0);
        }
        assert_eq!((cache.len(), cache.counts()), (2, (2, 4)), "A twice; B had to go for C");
        assert!(ParsedCache::new(0, Duration::ZERO).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn what_nobody_asks_for_is_dropped() {
        let (store, cache) = store(10, 1000);
        check(&store, "A", 0);
        check(&store, "B", 0);
        tokio::time::advance(Duration::from_millis(600)).await;
        check(&store, "A", 0);
        tokio::time::advance(Duration::from_millis(600)).await;
        check(&store, "C", 0);
        assert_eq!((cache.len(), cache.counts()), (2, (1, 3)), "A and C");
    }

    #[tokio::test]
    async fn long_texts_take_no_more_than_their_share() {
        let (store, cache) = store(1000, 1000);
        check(&store, "TooLong", ONE_TEXT_BYTES_MAX);
        assert_eq!(cache.len(), 0);
        for number in 0..20 {
            check(&store, &format!("Long{number}"), ONE_TEXT_BYTES_MAX - 1000);
        }
        let text_bytes = cache.entries.lock().text_bytes;
        assert_eq!(cache.len(), 4, "{text_bytes}");
        assert!(text_bytes <= TEXT_BYTES_MAX && text_bytes > TEXT_BYTES_MAX * 9 / 10, "{text_bytes}");
    }
}
