//! What clients have used, held against their quotas.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use arc_swap::ArcSwap;
use imbl::OrdMap;
use parking_lot::Mutex;

use super::rate::{Windows, as_f64};
use super::table::{Client, QuotaKind, QuotaTable};
use super::token_bucket::TokenBucket;
use super::usage::Usages;
use crate::controller::image::QuotaEntity;

/// How many clients the metrics tell of.
const SHOWN_MAX: usize = 1_000;

/// How usage is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct QuotaWindows {
    /// `quota.window.num`, `quota.window.size.seconds`.
    pub(crate) client: Windows,
    /// `controller.quota.window.num`, `controller.quota.window.size.seconds`.
    pub(crate) controller: Windows,
}

impl QuotaWindows {
    /// The windows by which usage of this kind is measured.
    pub(crate) fn of(&self, kind: QuotaKind) -> Windows {
        if kind == QuotaKind::ControllerMutation { self.controller } else { self.client }
    }
}

/// The quotas that hold and the usage of every client that has one. Times are milliseconds of a clock that never goes back.
#[derive(Debug)]
pub(crate) struct ClientQuotas {
    windows: QuotaWindows,
    /// One bit a kind: whether anybody has such a quota.
    enabled: AtomicU8,
    table: ArcSwap<QuotaTable>,
    usages: Mutex<Usages>,
}

/// What became of a change of the metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mutation {
    /// Whether it may be made.
    pub(crate) allowed: bool,
    /// How many milliseconds the client must be held back.
    pub(crate) throttle_ms: i64,
}

/// One client's usage at one moment, for the metrics.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ShownUsage {
    /// What is limited.
    pub(crate) kind: QuotaKind,
    /// The user; empty for all.
    pub(crate) user: String,
    /// The client id; empty for all.
    pub(crate) client_id: String,
    /// What may be used in a second.
    pub(crate) quota: f64,
    /// What is used in a second.
    pub(crate) rate: f64,
    /// What may be used at once; of controller mutations only.
    pub(crate) tokens: Option<f64>,
}

impl ClientQuotas {
    /// No quotas yet.
    pub(crate) fn new(windows: QuotaWindows) -> Self {
        let usages = Mutex::new(Usages::new(windows));
        Self { windows, enabled: AtomicU8::new(0), table: ArcSwap::default(), usages }
    }

    /// Takes the quotas that hold from now on; usage so far counts against them.
    pub(crate) fn follow(&self, quotas: &OrdMap<QuotaEntity, OrdMap<Arc<str>, f64>>) {
        let table = QuotaTable::new(quotas);
        let enabled = QuotaKind::ALL.into_iter().filter(|kind| table.has(*kind));
        let enabled = enabled.fold(0, |bits, kind| bits | bit(kind));
        self.table.store(Arc::new(table));
        self.enabled.store(enabled, Ordering::Relaxed);
    }

    /// Whether anybody has a quota of this kind: without one nothing is measured.
    pub(crate) fn is_enabled(&self, kind: QuotaKind) -> bool {
        self.enabled.load(Ordering::Relaxed) & bit(kind) != 0
    }

    /// Notes usage. Gives how many milliseconds the client must be held back; 0 when it is within its quota.
    pub(crate) fn record(&self, kind: QuotaKind, client: Client<'_>, amount: f64, now_ms: i64) -> i64 {
        if !self.is_enabled(kind) {
            return 0;
        }
        let table = self.table.load();
        let Some((quota, whose)) = table.find(kind, client) else { return 0 };
        let mut usages = self.usages.lock();
        let rate = &mut usages.get(kind, whose, now_ms).rate;
        rate.record(amount, now_ms);
        let throttle_ms = rate.throttle_ms(quota, now_ms);
        // Time on the broker's threads is never made up for by more than one window (KIP-124).
        if kind == QuotaKind::Request { throttle_ms.min(self.windows.client.size_ms) } else { throttle_ms }
    }

    /// Notes usage that nobody is held back for at once; a negative amount takes usage back, of an answer that is not
    /// sent.
    pub(crate) fn note(&self, kind: QuotaKind, client: Client<'_>, amount: f64, now_ms: i64) {
        let _ = self.record(kind, client, amount, now_ms);
    }

    /// The most that may be fetched at once without going beyond the quota for longer than can be measured (KIP-13).
    pub(crate) fn fetch_bytes_max(&self, client: Client<'_>) -> Option<f64> {
        if !self.is_enabled(QuotaKind::Fetch) {
            return None;
        }
        let (quota, _) = self.table.load().find(QuotaKind::Fetch, client)?;
        let windows = self.windows.client;
        Some(quota * as_f64(windows.size_ms * i64::from(windows.count - 1)) / 1000.0)
    }

    /// Takes tokens for changes of the metadata: as many as partitions are made or removed. A strict client is refused
    /// while it is in debt; any other is held back after it went into debt (KIP-599).
    pub(crate) fn mutate(&self, client: Client<'_>, partitions: f64, strict: bool, now_ms: i64) -> Mutation {
        let kind = QuotaKind::ControllerMutation;
        let table = self.table.load();
        let Some((quota, whose)) = table.find(kind, client) else {
            return Mutation { allowed: true, throttle_ms: 0 };
        };
        let windows = self.windows.controller;
        let mut usages = self.usages.lock();
        let usage = usages.get(kind, whose, now_ms);
        let bucket = usage.bucket.get_or_insert_with(|| TokenBucket::full(quota, windows, now_ms));
        let mutation = if strict {
            match bucket.take(partitions, quota, windows, now_ms) {
                Ok(()) => Mutation { allowed: true, throttle_ms: 0 },
                Err(throttle_ms) => Mutation { allowed: false, throttle_ms },
            }
        } else {
            let throttle_ms = bucket.take_anyway(partitions, quota, windows, now_ms);
            Mutation { allowed: true, throttle_ms }
        };
        if mutation.allowed {
            usage.rate.record(partitions, now_ms);
        }
        mutation
    }

    /// The usage of the clients that used something last, of those that still have quotas.
    pub(crate) fn shown(&self, now_ms: i64) -> Vec<ShownUsage> {
        let table = self.table.load();
        let mut usages = self.usages.lock();
        let latest = usages.latest(SHOWN_MAX).into_iter();
        let shown = latest.filter_map(|(key, usage)| {
            let (quota, whose) = table.find(key.kind, key.client())?;
            if whose != key.client() {
                return None; // another quota holds by now
            }
            let windows = self.windows.of(key.kind);
            Some(ShownUsage {
                kind: key.kind,
                user: key.user.to_string(),
                client_id: key.client_id.to_string(),
                quota,
                rate: usage.rate.per_second(now_ms),
                tokens: usage.bucket.as_mut().map(|bucket| bucket.tokens(quota, windows, now_ms)),
            })
        });
        shown.collect()
    }
}

fn bit(kind: QuotaKind) -> u8 {
    1 << kind.index()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    const WINDOWS: Windows = Windows { count: 11, size_ms: 1_000 };

    fn of_each(entity: &str, key: &str, value: f64) -> OrdMap<QuotaEntity, OrdMap<Arc<str>, f64>> {
        let entity = QuotaEntity(BTreeMap::from([(Arc::from(entity), None)]));
        OrdMap::unit(entity, OrdMap::unit(Arc::from(key), value))
    }

    fn quotas(key: &str, value: f64) -> ClientQuotas {
        let quotas = ClientQuotas::new(QuotaWindows { client: WINDOWS, controller: WINDOWS });
        assert!(!QuotaKind::ALL.into_iter().any(|kind| quotas.is_enabled(kind)));
        quotas.follow(&of_each("user", key, value));
        assert_eq!(QuotaKind::ALL.into_iter().filter(|kind| quotas.is_enabled(*kind)).count(), 1);
        quotas
    }

    const ANN: Client<'static> = Client { user: "ann", client_id: "a" };
    const BOB: Client<'static> = Client { user: "bob", client_id: "a" };

    #[test]
    fn each_user_has_the_default_quota_for_itself() {
        let quotas = quotas("producer_byte_rate", 1_000.0);
        assert_eq!(quotas.record(QuotaKind::Produce, ANN, 20_000.0, 0), 10_000);
        assert_eq!(quotas.record(QuotaKind::Produce, BOB, 10_000.0, 0), 0);
        quotas.note(QuotaKind::Produce, ANN, -10_000.0, 0);
        assert_eq!(quotas.record(QuotaKind::Produce, ANN, 0.0, 0), 0);
        assert_eq!(quotas.record(QuotaKind::Fetch, ANN, 1e12, 0), 0, "no such quota");
    }

    #[test]
    fn usage_so_far_counts_against_a_new_quota() {
        let quotas = quotas("producer_byte_rate", 1_000.0);
        assert_eq!(quotas.record(QuotaKind::Produce, ANN, 10_000.0, 0), 0);
        quotas.follow(&of_each("user", "producer_byte_rate", 500.0));
        assert_eq!(quotas.record(QuotaKind::Produce, ANN, 0.0, 0), 10_000);
        quotas.follow(&OrdMap::new());
        assert!(!quotas.is_enabled(QuotaKind::Produce));
        assert_eq!(quotas.record(QuotaKind::Produce, ANN, 1e9, 0), 0);
    }

    #[test]
    fn time_on_threads_is_held_back_for_a_window_at_most() {
        let quotas = quotas("request_percentage", 1.0);
        assert_eq!(quotas.record(QuotaKind::Request, ANN, 1_000.0, 0), 1_000);
    }

    #[test]
    fn a_fetch_is_no_larger_than_what_can_be_measured() {
        assert_eq!(quotas("consumer_byte_rate", 10.0).fetch_bytes_max(ANN), Some(100.0));
        assert_eq!(quotas("producer_byte_rate", 10.0).fetch_bytes_max(ANN), None);
    }

    #[test]
    fn changes_of_the_metadata_wait_for_tokens() {
        let quotas = quotas("controller_mutation_rate", 1.0);
        let (allowed, refused) = (Mutation { allowed: true, throttle_ms: 0 }, |throttle_ms| Mutation {
            allowed: false,
            throttle_ms,
        });
        assert_eq!(quotas.mutate(ANN, 12.0, true, 0), allowed);
        assert_eq!(quotas.mutate(ANN, 1.0, true, 0), refused(1_000));
        assert_eq!(quotas.mutate(BOB, 1.0, true, 0), allowed);
        assert_eq!(quotas.mutate(ANN, 1.0, true, 1_000), allowed);
        assert_eq!(quotas.mutate(ANN, 1.0, false, 1_000), Mutation { allowed: true, throttle_ms: 2_000 });
        let shown = quotas.shown(1_000);
        assert_eq!((shown.len(), shown[0].user.as_str(), shown[0].tokens), (2, "ann", Some(-2.0)));
    }

    #[test]
    fn what_is_forgotten_is_what_counts_no_more() {
        let quotas = ClientQuotas::new(QuotaWindows { client: WINDOWS, controller: WINDOWS });
        quotas.follow(&of_each("client-id", "producer_byte_rate", 1.0));
        let record = |name: &str, now_ms| {
            quotas.record(QuotaKind::Produce, Client { user: "u", client_id: name }, 1.0, now_ms);
        };
        for number in 0..20_000 {
            record(&number.to_string(), 100_000);
        }
        assert_eq!(quotas.usages.lock().len(), 20_000);
        assert_eq!(quotas.shown(100_000).len(), SHOWN_MAX);
        record("new", 105_000);
        assert_eq!(quotas.usages.lock().len(), 20_001, "all still count");
        record("new", 111_500);
        assert_eq!(quotas.usages.lock().len(), 1);
        record("other", 200_000);
        record("other", 111_500 + 3_600_000);
        assert_eq!(quotas.usages.lock().len(), 1, "what was idle for an hour is gone");
    }
}
