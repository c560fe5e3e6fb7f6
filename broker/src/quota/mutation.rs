//! The partitions that one request makes or removes, held against its client's quota (KIP-599).

use std::sync::Arc;

use medallion_os::Clock;
use parking_lot::Mutex;

use super::client_quotas::ClientQuotas;
use super::table::Client;
use super::{QuotaKind, now_ms};

/// One request's share of its client's quota. Clones share it: the controller takes from it while it decides, and whoever
/// sent it there asks how long the client must wait.
#[derive(Debug, Clone)]
pub(crate) struct MutationQuota {
    quotas: Arc<ClientQuotas>,
    clock: Arc<dyn Clock>,
    user: Arc<str>,
    client_id: String,
    strict: bool,
    /// The last time that it was exceeded: when, and for how long the client must wait from then.
    exceeded: Arc<Mutex<Option<(i64, i64)>>>,
}

impl MutationQuota {
    /// The quota for a request; `None` when nobody has one. A strict one refuses, any other holds back afterwards.
    pub(crate) fn new(
        quotas: &Arc<ClientQuotas>,
        clock: &Arc<dyn Clock>,
        user: &Arc<str>,
        client_id: &str,
        strict: bool,
    ) -> Option<Self> {
        quotas.is_enabled(QuotaKind::ControllerMutation).then(|| Self {
            quotas: Arc::clone(quotas),
            clock: Arc::clone(clock),
            user: Arc::clone(user),
            client_id: client_id.to_owned(),
            strict,
            exceeded: Arc::default(),
        })
    }

    /// Takes this many partitions; whether they may be made or removed.
    pub(crate) fn take(&self, partitions: usize) -> bool {
        let now_ms = now_ms(&*self.clock);
        let client = Client { user: &self.user, client_id: &self.client_id };
        let count = f64::from(u32::try_from(partitions).unwrap_or(u32::MAX));
        let mutation = self.quotas.mutate(client, count, self.strict, now_ms);
        if mutation.throttle_ms > 0 {
            *self.exceeded.lock() = Some((now_ms, mutation.throttle_ms));
        }
        mutation.allowed
    }

    /// How many milliseconds the client must be held back from now on.
    pub(crate) fn throttle_ms(&self) -> i64 {
        let Some((at_ms, throttle_ms)) = *self.exceeded.lock() else { return 0 };
        (throttle_ms - (now_ms(&*self.clock) - at_ms)).max(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controller::image::QuotaEntity;
    use crate::quota::{QuotaWindows, Windows};
    use imbl::OrdMap;
    use medallion_os::ManualClock;
    use std::collections::BTreeMap;
    use std::time::Duration;

    #[test]
    fn the_wait_is_told_and_passes() {
        let windows = Windows { count: 1, size_ms: 1_000 };
        let quotas = Arc::new(ClientQuotas::new(QuotaWindows { client: windows, controller: windows }));
        let manual = Arc::new(ManualClock::new(1_000));
        let clock: Arc<dyn Clock> = Arc::<ManualClock>::clone(&manual);
        let quota = |strict| MutationQuota::new(&quotas, &clock, &"ann".into(), "", strict);
        assert!(quota(true).is_none());
        let entity = QuotaEntity(BTreeMap::from([(Arc::from("user"), Some(Arc::from("ann")))]));
        quotas.follow(&OrdMap::unit(entity, OrdMap::unit(Arc::from("controller_mutation_rate"), 2.0)));

        let strict = quota(true).expect("there is a quota");
        assert!(strict.take(4), "two of them are owed");
        assert_eq!(strict.throttle_ms(), 0);
        assert!(!strict.take(1));
        assert_eq!(strict.throttle_ms(), 1_000);
        manual.advance(Duration::from_millis(400));
        assert_eq!(strict.throttle_ms(), 600);

        let permissive = quota(false).expect("there is a quota");
        assert!(permissive.take(1));
        assert_eq!(permissive.throttle_ms(), 1_100);
    }
}
