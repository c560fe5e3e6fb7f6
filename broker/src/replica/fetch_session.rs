//! Incremental fetch sessions (KIP-227): what a client asked for is remembered, so that it only names changes and is
//! only told news.
//!
//! A protocol machine without clock or I/O: times come in as milliseconds, session ids as random candidates.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use medallion_wire::ResponseError;
use medallion_wire::messages::TopicName;
use medallion_wire::types::Uuid;
use parking_lot::Mutex;

/// The epoch of a full fetch that wants a session.
pub(crate) const INITIAL_EPOCH: i32 = 0;
/// The epoch of a fetch without session.
pub(crate) const FINAL_EPOCH: i32 = -1;
/// A session that was not used for this long makes room for a new one; one that is older makes room for a larger one.
const EVICTION_MS: i64 = 120_000;

/// A topic as the request's version names it: by name below version 13, by id from there on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum TopicKey {
    /// Versions 4 to 12.
    Name(TopicName),
    /// Version 13 and newer.
    Id(Uuid),
}

/// A partition within a session.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct PartitionKey {
    /// The topic.
    pub(crate) topic: TopicKey,
    /// The partition's index.
    pub(crate) partition: i32,
}

/// What the client wants of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PartitionRequest {
    pub(crate) fetch_offset: i64,
    pub(crate) max_bytes: i32,
    pub(crate) current_leader_epoch: i32,
    pub(crate) last_fetched_epoch: i32,
}

/// What a response tells of a partition, as far as the session needs to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PartitionNews {
    pub(crate) records_len: usize,
    pub(crate) high_watermark: i64,
    pub(crate) log_start_offset: i64,
    pub(crate) error_code: i16,
    pub(crate) diverging: bool,
}

#[derive(Debug)]
struct CachedPartition {
    order: u64,
    request: PartitionRequest,
    high_watermark: i64,
    log_start_offset: i64,
}

/// One client's session.
#[derive(Debug)]
pub(crate) struct FetchSession {
    epoch: i32,
    uses_topic_ids: bool,
    partitions: HashMap<PartitionKey, CachedPartition>,
    by_order: BTreeMap<u64, PartitionKey>,
    next_order: u64,
}

impl FetchSession {
    fn new(uses_topic_ids: bool) -> Self {
        Self {
            epoch: next_epoch(INITIAL_EPOCH),
            uses_topic_ids,
            partitions: HashMap::new(),
            by_order: BTreeMap::new(),
            next_order: 0,
        }
    }

    fn insert(&mut self, key: PartitionKey, request: PartitionRequest) {
        if let Some(cached) = self.partitions.get_mut(&key) {
            cached.request = request;
            return;
        }
        let order = self.next_order;
        self.next_order += 1;
        self.by_order.insert(order, key.clone());
        self.partitions
            .insert(key, CachedPartition { order, request, high_watermark: -1, log_start_offset: -1 });
    }

    fn forget(&mut self, key: &PartitionKey) {
        if let Some(cached) = self.partitions.remove(key) {
            self.by_order.remove(&cached.order);
        }
    }

    /// Everything that the client wants, least recently served first.
    pub(crate) fn requests(&self) -> Vec<(PartitionKey, PartitionRequest)> {
        self.by_order.values().map(|key| (key.clone(), self.partitions[key].request)).collect()
    }

    /// Takes note of a partition's outcome and says whether an incremental response has to name it. A partition
    /// that gave records goes to the end of the order, so that others get their turn.
    pub(crate) fn note(&mut self, key: &PartitionKey, news: PartitionNews) -> bool {
        let Some(cached) = self.partitions.get_mut(key) else { return true };
        let mut must_respond = news.records_len > 0 || news.diverging;
        must_respond |= cached.high_watermark != news.high_watermark;
        must_respond |= cached.log_start_offset != news.log_start_offset;
        cached.high_watermark = news.high_watermark;
        cached.log_start_offset = news.log_start_offset;
        if news.error_code != 0 {
            // The next good answer must be told as well, whatever it says.
            cached.high_watermark = -1;
            must_respond = true;
        }
        if news.records_len > 0 {
            let order = std::mem::replace(&mut cached.order, self.next_order);
            self.by_order.remove(&order);
            self.by_order.insert(self.next_order, key.clone());
            self.next_order += 1;
        }
        must_respond
    }

    /// Checks that both maps describe the same set.
    #[cfg(test)]
    fn check_invariants(&self) {
        assert_eq!(self.partitions.len(), self.by_order.len(), "order and set differ");
        for (order, key) in &self.by_order {
            assert_eq!(self.partitions[key].order, *order, "{key:?} has another order");
        }
    }
}

/// How a fetch request is served.
#[derive(Debug)]
pub(crate) enum FetchContext {
    /// All that is asked is answered; no session.
    Sessionless(Vec<(PartitionKey, PartitionRequest)>),
    /// All that is asked is answered; a session with this id was made.
    Full(Arc<Mutex<FetchSession>>, i32),
    /// Only news is answered.
    Incremental(Arc<Mutex<FetchSession>>, i32),
}

#[derive(Debug)]
struct CacheEntry {
    session: Arc<Mutex<FetchSession>>,
    created_ms: i64,
    last_used_ms: i64,
    size: usize,
}

/// All sessions of a broker, at most `max.incremental.fetch.session.cache.slots`.
#[derive(Debug)]
pub(crate) struct FetchSessionCache {
    sessions: HashMap<i32, CacheEntry>,
    slots_max: usize,
    evictions: u64,
}

/// The session part of a fetch request.
#[derive(Debug)]
pub(crate) struct SessionRequest {
    pub(crate) session_id: i32,
    pub(crate) epoch: i32,
    pub(crate) uses_topic_ids: bool,
    pub(crate) wanted: Vec<(PartitionKey, PartitionRequest)>,
    pub(crate) forgotten: Vec<PartitionKey>,
}

impl FetchSessionCache {
    /// An empty cache.
    pub(crate) fn new(slots_max: usize) -> Self {
        Self { sessions: HashMap::new(), slots_max, evictions: 0 }
    }

    /// How many sessions there are.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.sessions.len()
    }

    /// How many sessions had to make room.
    #[cfg(test)]
    pub(crate) fn evictions(&self) -> u64 {
        self.evictions
    }

    /// Decides how a request is served. `new_id` gives candidates for a new session's id.
    ///
    /// # Errors
    /// `FETCH_SESSION_ID_NOT_FOUND`, `INVALID_FETCH_SESSION_EPOCH`, `FETCH_SESSION_TOPIC_ID_ERROR`.
    pub(crate) fn open(
        &mut self,
        request: SessionRequest,
        now_ms: i64,
        mut new_id: impl FnMut() -> i32,
    ) -> Result<FetchContext, ResponseError> {
        if request.epoch == FINAL_EPOCH || request.epoch == INITIAL_EPOCH {
            self.sessions.remove(&request.session_id);
            if request.epoch == FINAL_EPOCH || !self.make_room(request.wanted.len(), now_ms) {
                return Ok(FetchContext::Sessionless(request.wanted));
            }
            return Ok(self.create(request, now_ms, &mut new_id));
        }
        self.resume(request, now_ms)
    }

    /// Ends a session, if it is there.
    pub(crate) fn discard(&mut self, session_id: i32) {
        self.sessions.remove(&session_id);
    }

    fn create(
        &mut self,
        request: SessionRequest,
        now_ms: i64,
        new_id: &mut impl FnMut() -> i32,
    ) -> FetchContext {
        let id = loop {
            let candidate = new_id() & i32::MAX;
            if candidate != 0 && !self.sessions.contains_key(&candidate) {
                break candidate;
            }
        };
        let mut session = FetchSession::new(request.uses_topic_ids);
        let size = request.wanted.len();
        for (key, wanted) in request.wanted {
            session.insert(key, wanted);
        }
        let session = Arc::new(Mutex::new(session));
        let entry =
            CacheEntry { session: Arc::clone(&session), created_ms: now_ms, last_used_ms: now_ms, size };
        self.sessions.insert(id, entry);
        FetchContext::Full(session, id)
    }

    fn resume(&mut self, request: SessionRequest, now_ms: i64) -> Result<FetchContext, ResponseError> {
        let entry =
            self.sessions.get_mut(&request.session_id).ok_or(ResponseError::FetchSessionIdNotFound)?;
        let handle = Arc::clone(&entry.session);
        let mut session = handle.lock();
        if session.epoch != request.epoch {
            return Err(ResponseError::InvalidFetchSessionEpoch);
        }
        if session.uses_topic_ids != request.uses_topic_ids {
            return Err(ResponseError::FetchSessionTopicIdError);
        }
        for (key, wanted) in &request.wanted {
            session.insert(key.clone(), *wanted);
        }
        // What is both asked for and forgotten is forgotten, as in Kafka's `FetchSession.update`.
        for key in &request.forgotten {
            session.forget(key);
        }
        if session.partitions.is_empty() {
            self.sessions.remove(&request.session_id);
            return Ok(FetchContext::Sessionless(request.wanted));
        }
        session.epoch = next_epoch(request.epoch);
        entry.last_used_ms = now_ms;
        entry.size = session.partitions.len();
        drop(session);
        Ok(FetchContext::Incremental(handle, request.session_id))
    }

    /// Whether there is room for a session of `size` partitions, after evicting a stale one, or a smaller one that is
    /// not new, if need be.
    fn make_room(&mut self, size: usize, now_ms: i64) -> bool {
        if self.sessions.len() < self.slots_max {
            return self.slots_max > 0;
        }
        let oldest = self.sessions.iter().min_by_key(|(id, entry)| (entry.last_used_ms, **id));
        let Some((&oldest_id, oldest)) = oldest else { return false };
        if now_ms - oldest.last_used_ms > EVICTION_MS {
            self.sessions.remove(&oldest_id);
            self.evictions += 1;
            return true;
        }
        let settled = self.sessions.iter().filter(|(_, entry)| now_ms - entry.created_ms > EVICTION_MS);
        match settled.min_by_key(|(id, entry)| (entry.size, **id)) {
            Some((&id, entry)) if entry.size < size => {
                self.sessions.remove(&id);
                self.evictions += 1;
                true
            }
            _ => false,
        }
    }
}

fn next_epoch(epoch: i32) -> i32 {
    if epoch == i32::MAX { 1 } else { epoch + 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(partition: i32) -> PartitionKey {
        PartitionKey { topic: TopicKey::Id(Uuid::from_u128(9)), partition }
    }

    fn wants(fetch_offset: i64) -> PartitionRequest {
        PartitionRequest { fetch_offset, max_bytes: 1_000, current_leader_epoch: -1, last_fetched_epoch: -1 }
    }

    fn request(session_id: i32, epoch: i32, partitions: &[i32]) -> SessionRequest {
        SessionRequest {
            session_id,
            epoch,
            uses_topic_ids: true,
            wanted: partitions.iter().map(|p| (key(*p), wants(0))).collect(),
            forgotten: Vec::new(),
        }
    }

    fn news(records_len: usize, high_watermark: i64) -> PartitionNews {
        PartitionNews { records_len, high_watermark, log_start_offset: 0, error_code: 0, diverging: false }
    }

    fn open_full(cache: &mut FetchSessionCache, partitions: &[i32]) -> (Arc<Mutex<FetchSession>>, i32) {
        let mut next = 100;
        match cache.open(request(0, INITIAL_EPOCH, partitions), 0, || {
            next += 1;
            next
        }) {
            Ok(FetchContext::Full(session, id)) => (session, id),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn epochs_count_up_and_a_repeated_one_is_refused() {
        let mut cache = FetchSessionCache::new(10);
        let (_, id) = open_full(&mut cache, &[0]);
        assert!(matches!(cache.open(request(id, 1, &[]), 0, || 1), Ok(FetchContext::Incremental(..))));
        assert_eq!(
            cache.open(request(id, 1, &[]), 0, || 1).err(),
            Some(ResponseError::InvalidFetchSessionEpoch)
        );
        assert!(matches!(cache.open(request(id, 2, &[]), 0, || 1), Ok(FetchContext::Incremental(..))));
        assert_eq!(
            cache.open(request(999, 1, &[]), 0, || 1).err(),
            Some(ResponseError::FetchSessionIdNotFound)
        );
        let mut by_name = request(id, 3, &[]);
        by_name.uses_topic_ids = false;
        assert_eq!(cache.open(by_name, 0, || 1).err(), Some(ResponseError::FetchSessionTopicIdError));
    }

    #[test]
    fn only_news_is_told() {
        let mut cache = FetchSessionCache::new(10);
        let (session, _) = open_full(&mut cache, &[0]);
        let mut session = session.lock();
        assert!(session.note(&key(0), news(0, 5)), "the first answer is news");
        assert!(!session.note(&key(0), news(0, 5)));
        assert!(session.note(&key(0), news(0, 6)), "the high watermark moved");
        assert!(session.note(&key(0), news(10, 6)), "records");
        let failed = PartitionNews { error_code: 3, ..news(0, -1) };
        assert!(session.note(&key(0), failed));
        assert!(session.note(&key(0), news(0, 6)), "the recovery from an error is news");
    }

    #[test]
    fn a_served_partition_goes_to_the_end() {
        let mut cache = FetchSessionCache::new(10);
        let (session, _) = open_full(&mut cache, &[0, 1, 2]);
        let mut session = session.lock();
        session.note(&key(0), news(10, 1));
        session.check_invariants();
        let order: Vec<i32> = session.requests().iter().map(|(key, _)| key.partition).collect();
        assert_eq!(order, [1, 2, 0]);
    }

    #[test]
    fn forgetting_everything_ends_the_session() {
        let mut cache = FetchSessionCache::new(10);
        let (_, id) = open_full(&mut cache, &[0]);
        let mut forget = request(id, 1, &[]);
        forget.forgotten.push(key(0));
        assert!(matches!(cache.open(forget, 0, || 1), Ok(FetchContext::Sessionless(_))));
        assert_eq!(cache.len(), 0);
    }

    #[test]
    fn what_is_asked_for_and_forgotten_is_forgotten() {
        let mut cache = FetchSessionCache::new(10);
        let (session, id) = open_full(&mut cache, &[0, 1]);
        let mut both = request(id, 1, &[1, 2]);
        both.forgotten = vec![key(1), key(2)];
        assert!(matches!(cache.open(both, 0, || 1), Ok(FetchContext::Incremental(..))));
        let session = session.lock();
        session.check_invariants();
        let left: Vec<i32> = session.requests().iter().map(|(key, _)| key.partition).collect();
        assert_eq!(left, [0]);
    }

    /// Kafka's `FetchSessionCacheShard`: who came lately stays, however small its session is.
    #[test]
    fn a_full_cache_gives_way_to_larger_sessions_and_from_stale_ones_after_a_while() {
        let mut cache = FetchSessionCache::new(1);
        let (_, first) = open_full(&mut cache, &[0, 1]);
        assert!(matches!(cache.open(request(0, 0, &[0, 1, 2]), 10, || 7), Ok(FetchContext::Sessionless(_))));
        let settled = EVICTION_MS + 1;
        assert!(matches!(
            cache.open(request(first, 1, &[]), settled, || 1),
            Ok(FetchContext::Incremental(..))
        ));
        assert!(matches!(cache.open(request(0, 0, &[0]), settled, || 7), Ok(FetchContext::Sessionless(_))));
        assert!(matches!(cache.open(request(0, 0, &[0, 1, 2]), settled, || 8), Ok(FetchContext::Full(_, 8))));
        assert_eq!(
            cache.open(request(first, 2, &[]), settled, || 1).err(),
            Some(ResponseError::FetchSessionIdNotFound)
        );
        let late = settled + EVICTION_MS + 1;
        assert!(matches!(cache.open(request(0, 0, &[0]), late, || 9), Ok(FetchContext::Full(_, 9))));
        assert_eq!(cache.evictions(), 2);
    }
}
