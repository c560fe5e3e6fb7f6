//! What clients have used.

use std::collections::HashMap;

use super::client_quotas::QuotaWindows;
use super::rate::Rate;
use super::table::{Client, QuotaKind};
use super::token_bucket::TokenBucket;

/// Usage that nobody has added to for this long is forgotten. Source: Kafka's inactive sensors.
const FORGET_AFTER_MS: i64 = 3_600_000;
/// How often it is looked for such usage.
const SWEEP_INTERVAL_MS: i64 = 60_000;
/// With more clients than this, those are forgotten at once whose usage counts no more: clients that change their
/// client id with every request take no memory for long.
const KEPT_MAX: usize = 10_000;

/// Whose usage it is; empty texts stand for "all".
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct UsageKey {
    pub(crate) kind: QuotaKind,
    pub(crate) user: Box<str>,
    pub(crate) client_id: Box<str>,
}

impl UsageKey {
    pub(super) fn new(kind: QuotaKind, client: Client<'_>) -> Self {
        Self { kind, user: client.user.into(), client_id: client.client_id.into() }
    }

    pub(super) fn client(&self) -> Client<'_> {
        Client { user: &self.user, client_id: &self.client_id }
    }
}

/// One client's usage of one kind.
#[derive(Debug)]
pub(super) struct Usage {
    pub(super) rate: Rate,
    /// Of controller mutations only.
    pub(super) bucket: Option<TokenBucket>,
    used_ms: i64,
}

/// The usage of all clients that have quotas.
#[derive(Debug)]
pub(super) struct Usages {
    windows: QuotaWindows,
    by_key: HashMap<UsageKey, Usage>,
    swept_ms: i64,
}

impl Usages {
    pub(super) fn new(windows: QuotaWindows) -> Self {
        Self { windows, by_key: HashMap::new(), swept_ms: 0 }
    }

    /// The usage to add to; there is none yet of somebody new.
    pub(super) fn get(&mut self, kind: QuotaKind, client: Client<'_>, now_ms: i64) -> &mut Usage {
        self.sweep(now_ms);
        let windows = self.windows.of(kind);
        let usage = self.by_key.entry(UsageKey::new(kind, client)).or_insert_with(|| Usage {
            rate: Rate::new(windows),
            bucket: None,
            used_ms: now_ms,
        });
        usage.used_ms = now_ms;
        usage
    }

    /// The `max` clients that used something last, the last one first.
    pub(super) fn latest(&mut self, max: usize) -> Vec<(&UsageKey, &mut Usage)> {
        let mut usages: Vec<_> = self.by_key.iter_mut().collect();
        usages.sort_unstable_by(|(left_key, left), (right_key, right)| {
            right.used_ms.cmp(&left.used_ms).then_with(|| left_key.cmp(right_key))
        });
        usages.truncate(max);
        usages
    }

    fn sweep(&mut self, now_ms: i64) {
        let overfull = self.by_key.len() > KEPT_MAX;
        let interval_ms = if overfull { SWEEP_INTERVAL_MS / 60 } else { SWEEP_INTERVAL_MS };
        if now_ms - self.swept_ms < interval_ms {
            return;
        }
        self.swept_ms = now_ms;
        self.by_key.retain(|_, usage| {
            let counts_no_more = usage.bucket.is_none() && usage.rate.is_spent(now_ms);
            now_ms - usage.used_ms < FORGET_AFTER_MS && !(overfull && counts_no_more)
        });
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.by_key.len()
    }
}
