//! What clients have used, held against their quotas.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use parking_lot::Mutex;

use super::rate::{Rate, Windows};
use super::table::{QuotaKind, QuotaTable, UsageKey};
use super::token_bucket::TokenBucket;

/// Usage that nobody has added to for this long is forgotten. Source: Kafka's inactive sensors.
const FORGET_AFTER_MS: i64 = 3_600_000;
/// How often it is looked for such usage.
const SWEEP_INTERVAL_MS: i64 = 60_000;

/// Whose usage it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Client<'a> {
    /// The user's name.
    pub(crate) user: &'a str,
    /// The request's `client.id`; empty where it had none.
    pub(crate) client_id: &'a str,
}

/// How usage is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct QuotaWindows {
    /// `quota.window.num`, `quota.window.size.seconds`.
    pub(crate) client: Windows,
    /// `controller.quota.window.num`, `controller.quota.window.size.seconds`.
    pub(crate) controller: Windows,
}

/// The quotas that hold and the usage of every client that has one.
#[derive(Debug)]
pub(crate) struct ClientQuotas {
    windows: QuotaWindows,
    table: ArcSwap<QuotaTable>,
    usages: Mutex<Usages>,
}

#[derive(Debug, Default)]
struct Usages {
    rates: HashMap<(QuotaKind, UsageKey), (Rate, i64)>,
    buckets: HashMap<UsageKey, (TokenBucket, i64)>,
    swept_ms: i64,
}

impl ClientQuotas {
    /// No quotas yet.
    pub(crate) fn new(windows: QuotaWindows) -> Self {
        Self { windows, table: ArcSwap::default(), usages: Mutex::default() }
    }

    /// Takes the quotas that hold from now on; usage so far counts against them.
    pub(crate) fn follow(&self, table: QuotaTable) {
        self.table.store(Arc::new(table));
    }

    /// Whether anybody has a quota: without one nothing is measured.
    pub(crate) fn is_enabled(&self) -> bool {
        !self.table.load().is_empty()
    }

    /// Notes usage. Gives how many milliseconds the client must be held back; 0 when it is within its quota.
    pub(crate) fn record(&self, kind: QuotaKind, client: Client<'_>, amount: f64, now_ms: i64) -> i64 {
        let Some((quota, key)) = self.table.load().find(kind, client.user, client.client_id) else {
            return 0;
        };
        let mut usages = self.usages.lock();
        usages.sweep(now_ms);
        let windows = self.windows.client;
        let (rate, used_ms) = usages.rates.entry((kind, key)).or_insert_with(|| (Rate::new(windows), now_ms));
        rate.record(amount, now_ms);
        *used_ms = now_ms;
        let throttle_ms = rate.throttle_ms(quota, now_ms);
        // Time on the broker's threads is never made up for by more than one window (KIP-124).
        if kind == QuotaKind::Request { throttle_ms.min(windows.size_ms) } else { throttle_ms }
    }

    /// Takes usage back that was noted for an answer that is not sent.
    pub(crate) fn unrecord(&self, kind: QuotaKind, client: Client<'_>, amount: f64, now_ms: i64) {
        let _ = self.record(kind, client, -amount, now_ms);
    }

    /// The most that may be fetched at once without going beyond the quota for longer than can be measured (KIP-13).
    pub(crate) fn fetch_bytes_max(&self, client: Client<'_>) -> Option<f64> {
        let (quota, _) = self.table.load().find(QuotaKind::Fetch, client.user, client.client_id)?;
        let windows = self.windows.client;
        let seconds = super::rate::as_f64(windows.size_ms * i64::from(windows.count - 1)) / 1000.0;
        Some(quota * seconds)
    }

    /// Takes tokens for changes of the metadata: as many as partitions are made or removed.
    ///
    /// # Errors
    /// How many milliseconds the client must wait first.
    pub(crate) fn mutate(&self, client: Client<'_>, partitions: f64, now_ms: i64) -> Result<(), i64> {
        let kind = QuotaKind::ControllerMutation;
        let Some((quota, key)) = self.table.load().find(kind, client.user, client.client_id) else {
            return Ok(());
        };
        let mut usages = self.usages.lock();
        usages.sweep(now_ms);
        let windows = self.windows.controller;
        let (bucket, used_ms) =
            usages.buckets.entry(key).or_insert_with(|| (TokenBucket::full(quota, windows, now_ms), now_ms));
        *used_ms = now_ms;
        bucket.take(partitions, quota, windows, now_ms)
    }
}

impl Usages {
    fn sweep(&mut self, now_ms: i64) {
        if now_ms - self.swept_ms < SWEEP_INTERVAL_MS {
            return;
        }
        self.swept_ms = now_ms;
        self.rates.retain(|_, (_, used_ms)| now_ms - *used_ms < FORGET_AFTER_MS);
        self.buckets.retain(|_, (_, used_ms)| now_ms - *used_ms < FORGET_AFTER_MS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controller::image::QuotaEntity;
    use imbl::OrdMap;
    use std::collections::BTreeMap;

    const WINDOWS: Windows = Windows { count: 11, size_ms: 1_000 };

    fn quotas(key: &str, value: f64) -> ClientQuotas {
        let entity = QuotaEntity(BTreeMap::from([(Arc::from("user"), None)]));
        let table = QuotaTable::new(&OrdMap::unit(entity, OrdMap::unit(Arc::from(key), value)));
        let quotas = ClientQuotas::new(QuotaWindows { client: WINDOWS, controller: WINDOWS });
        assert!(!quotas.is_enabled());
        quotas.follow(table);
        quotas
    }

    const ANN: Client<'static> = Client { user: "ann", client_id: "a" };
    const BOB: Client<'static> = Client { user: "bob", client_id: "a" };

    #[test]
    fn each_user_has_the_default_quota_for_itself() {
        let quotas = quotas("producer_byte_rate", 1_000.0);
        assert_eq!(quotas.record(QuotaKind::Produce, ANN, 20_000.0, 0), 10_000);
        assert_eq!(quotas.record(QuotaKind::Produce, BOB, 10_000.0, 0), 0);
        quotas.unrecord(QuotaKind::Produce, ANN, 10_000.0, 0);
        assert_eq!(quotas.record(QuotaKind::Produce, ANN, 0.0, 0), 0);
        assert_eq!(quotas.record(QuotaKind::Fetch, ANN, 1e12, 0), 0, "no such quota");
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
        assert_eq!(quotas.mutate(ANN, 12.0, 0), Ok(()));
        assert_eq!(quotas.mutate(ANN, 1.0, 0), Err(1_000));
        assert_eq!(quotas.mutate(BOB, 1.0, 0), Ok(()));
        assert_eq!(quotas.mutate(ANN, 1.0, 1_000), Ok(()));
    }
}
