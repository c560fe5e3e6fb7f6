//! The state that all requests look at, and how far the topic has been read into it.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use medallion_client::consumer::Batch;
use medallion_schema_registry::Store;
use medallion_schema_registry::store::{Applied, ParsedSchemas, Record, Settings};
use parking_lot::{RwLock, RwLockReadGuard};
use tokio::sync::watch;
use tokio::time::timeout;
use tracing::warn;

/// The state. Readers hold the lock while they look, the reader of the topic and the writer while records are applied.
#[derive(Debug)]
pub(crate) struct State {
    store: RwLock<Store>,
    /// The offset behind everything that is in the state.
    read_to: watch::Sender<i64>,
    applied: AtomicU64,
    skipped: AtomicU64,
}

impl State {
    /// Without a record; parsed schemas are kept in `parsed`.
    pub(crate) fn new(settings: Settings, parsed: Arc<dyn ParsedSchemas>) -> Self {
        Self {
            store: RwLock::new(Store::with_parsed(settings, parsed)),
            read_to: watch::Sender::new(0),
            applied: AtomicU64::new(0),
            skipped: AtomicU64::new(0),
        }
    }

    /// The state as it is. Never held over an `await`.
    pub(crate) fn store(&self) -> RwLockReadGuard<'_, Store> {
        self.store.read()
    }

    /// Applies what was read of the topic.
    pub(super) fn apply(&self, batch: &Batch) {
        let mut store = self.store.write();
        for record in batch {
            self.apply_one(&mut store, (record.offset.get(), record.timestamp), record.key, record.value);
        }
        drop(store);
        self.advance(batch.next_offset().get());
    }

    /// Applies what was just written at `offset`, where nothing else stands between that and the state. Otherwise it comes
    /// when it is read.
    pub(super) fn apply_written(&self, offset: i64, timestamp: i64, records: &[Record]) {
        let mut store = self.store.write();
        if store.next_offset() != offset {
            return;
        }
        let mut next = offset;
        for record in records {
            self.apply_one(&mut store, (next, timestamp), Some(&record.key), record.value.as_deref());
            next += 1;
        }
        drop(store);
        self.advance(next);
    }

    fn apply_one(
        &self,
        store: &mut Store,
        (offset, timestamp): (i64, i64),
        key: Option<&[u8]>,
        value: Option<&[u8]>,
    ) {
        match store.apply_at(offset, Some(timestamp), key, value) {
            Applied::Taken => drop(self.applied.fetch_add(1, Ordering::Relaxed)),
            Applied::Again => {}
            Applied::Skipped => {
                self.skipped.fetch_add(1, Ordering::Relaxed);
                let reason =
                    store.skipped().1.last().map(|skipped| skipped.reason.as_str()).unwrap_or_default();
                warn!(offset, reason, "a record of the schemas topic is left out");
            }
        }
    }

    /// Whether a record at one of these offsets, which are not long ago, could not be applied.
    pub(super) fn left_out(&self, offsets: RangeInclusive<i64>) -> bool {
        let store = self.store.read();
        let (_, mut skipped) = store.skipped();
        skipped.any(|skipped| offsets.contains(&skipped.offset))
    }

    /// Notes that everything below `offset` is in the state.
    pub(super) fn advance(&self, offset: i64) {
        self.read_to.send_if_modified(|read_to| {
            let is_further = offset > *read_to;
            *read_to = offset.max(*read_to);
            is_further
        });
    }

    /// The offset behind everything that is in the state.
    pub(crate) fn read_to(&self) -> i64 {
        *self.read_to.borrow()
    }

    /// Waits until everything below `offset` is in the state; whether it came in time.
    pub(crate) async fn wait_for(&self, offset: i64, patience: Duration) -> bool {
        let mut read_to = self.read_to.subscribe();
        matches!(timeout(patience, read_to.wait_for(|read_to| *read_to >= offset)).await, Ok(Ok(_)))
    }

    /// How many records were applied, and how many left out.
    pub(crate) fn counts(&self) -> (u64, u64) {
        (self.applied.load(Ordering::Relaxed), self.skipped.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use medallion_schema_registry::store::NothingKept;

    use super::*;

    fn state() -> State {
        State::new(Settings::default(), Arc::new(NothingKept))
    }

    fn record(subject: &str, id: i32, text: &str) -> Record {
        let key = format!(r#"{{"keytype":"SCHEMA","subject":"{subject}","version":1,"magic":1}}"#);
        let value = format!(
            r#"{{"subject":"{subject}","version":1,"id":{id},"schema":"\"{text}\"","deleted":false}}"#
        );
        Record { key: key.into_bytes(), value: Some(value.into_bytes()) }
    }

    #[test]
    fn what_was_written_is_applied_where_nothing_stands_between() {
        let state = state();
        state.apply_written(0, 5, &[record("a", 1, "int"), record("b", 2, "long")]);
        assert_eq!((state.read_to(), state.counts()), (2, (2, 0)));
        // Offset 2 is somebody else's: it comes first.
        state.apply_written(3, 5, &[record("c", 3, "string")]);
        assert_eq!(state.read_to(), 2);
        assert!(!state.left_out(0..=3));
    }

    #[test]
    fn a_record_that_lost_its_id_is_known_to_have_been_left_out() {
        let state = state();
        state.apply_written(0, 5, &[record("a", 1, "int")]);
        state.apply_written(1, 5, &[record("b", 1, "long")]);
        assert!(state.left_out(1..=1) && !state.left_out(0..=0));
        assert_eq!(state.counts(), (1, 1));
    }

    #[test]
    fn the_offset_never_goes_back() {
        let state = state();
        state.advance(7);
        state.advance(3);
        assert_eq!(state.read_to(), 7);
    }
}
