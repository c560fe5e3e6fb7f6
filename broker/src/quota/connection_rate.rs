//! How fast connections may be opened: by address (`connection_creation_rate`, KIP-612), and by listener and in all
//! (`max.connection.creation.rate`).
//!
//! Source: Kafka's `ConnectionQuotas`. Whoever is above the rate of a listener or of the broker waits to be accepted; whoever
//! is above the rate of its address is held for as long and then closed, so that others are not kept waiting for it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwap;
use imbl::OrdMap;
use parking_lot::Mutex;

use super::rate::{Rate, Windows};
use crate::controller::image::QuotaEntity;

/// The key of an address's quota.
const KEY: &str = "connection_creation_rate";
/// A limit of this many is none.
pub(crate) const UNLIMITED: i32 = i32::MAX;
/// An address that opened no connection for this long is forgotten. Source: Kafka's inactive sensors.
const FORGET_AFTER_MS: i64 = 3_600_000;
/// With more addresses than this, those are forgotten at once whose connections count no more.
const KEPT_MAX: usize = 10_000;

/// The quotas of addresses.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct IpQuotas {
    default: Option<f64>,
    by_ip: HashMap<IpAddr, f64>,
}

impl IpQuotas {
    /// Reads the metadata's quotas of addresses; `resolve` finds the address of a host name. What it does not find has no
    /// quota.
    pub(crate) fn new(
        quotas: &OrdMap<QuotaEntity, OrdMap<Arc<str>, f64>>,
        resolve: impl Fn(&str) -> Option<IpAddr>,
    ) -> Self {
        let mut table = Self::default();
        for (entity, values) in quotas {
            let (Some(ip), Some(quota)) = (entity.name("ip"), values.get(KEY)) else { continue };
            match ip {
                None => table.default = Some(*quota),
                Some(name) => {
                    if let Some(ip) = name.parse().ok().or_else(|| resolve(name)) {
                        let _ = table.by_ip.insert(ip, *quota);
                    }
                }
            }
        }
        table
    }

    /// The host names among the metadata's quotas of addresses.
    pub(crate) fn has_host_names(quotas: &OrdMap<QuotaEntity, OrdMap<Arc<str>, f64>>) -> bool {
        let mut names = quotas.keys().filter_map(|entity| entity.name("ip").flatten());
        names.any(|name| name.parse::<IpAddr>().is_err())
    }

    fn find(&self, ip: IpAddr) -> Option<f64> {
        self.by_ip.get(&ip).copied().or(self.default)
    }
}

/// The settings in force: most new connections in a second, [`UNLIMITED`] for any number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RateMaxima {
    /// `max.connection.creation.rate`.
    pub(crate) broker: i32,
    /// The same for the listener.
    pub(crate) listener: i32,
}

/// How fast connections were opened lately.
#[derive(Debug)]
pub(crate) struct ConnectionRates {
    windows: Windows,
    has_ip_quotas: AtomicBool,
    ip_quotas: ArcSwap<IpQuotas>,
    rates: Mutex<Rates>,
}

#[derive(Debug)]
struct Rates {
    broker: Rate,
    listeners: HashMap<Arc<str>, Rate>,
    ips: HashMap<IpAddr, (Rate, i64)>,
    swept_ms: i64,
}

impl ConnectionRates {
    /// No quotas yet; `windows` are those of clients' quotas.
    pub(crate) fn new(windows: Windows) -> Self {
        let rates =
            Rates { broker: Rate::new(windows), listeners: HashMap::new(), ips: HashMap::new(), swept_ms: 0 };
        Self {
            windows,
            has_ip_quotas: AtomicBool::new(false),
            ip_quotas: ArcSwap::default(),
            rates: Mutex::new(rates),
        }
    }

    /// Takes the quotas of addresses that hold from now on.
    pub(crate) fn follow(&self, quotas: IpQuotas) {
        let any = quotas != IpQuotas::default();
        self.ip_quotas.store(Arc::new(quotas));
        self.has_ip_quotas.store(any, Ordering::Relaxed);
    }

    /// Counts a connection of a listener; how many milliseconds it must wait to be accepted.
    pub(crate) fn count(&self, listener: &Arc<str>, maxima: RateMaxima, now_ms: i64) -> i64 {
        if maxima == RateMaxima::NONE {
            return 0;
        }
        let mut rates = self.rates.lock();
        let broker_ms = self.record(&mut rates.broker, maxima.broker, now_ms);
        let windows = self.windows;
        let of_listener = rates.listeners.entry(Arc::clone(listener)).or_insert_with(|| Rate::new(windows));
        self.record(of_listener, maxima.listener, now_ms).max(broker_ms)
    }

    /// Counts a connection of an address; how many milliseconds it must be held before it is closed, 0 for one that is
    /// served. One that is not served does not count, and what [`ConnectionRates::count`] counted for it is taken back.
    pub(crate) fn count_ip(&self, listener: &Arc<str>, maxima: RateMaxima, ip: IpAddr, now_ms: i64) -> i64 {
        if !self.has_ip_quotas.load(Ordering::Relaxed) {
            return 0;
        }
        let Some(quota) = self.ip_quotas.load().find(ip) else { return 0 };
        let mut rates = self.rates.lock();
        rates.sweep(now_ms);
        let windows = self.windows;
        let (rate, used_ms) = rates.ips.entry(ip).or_insert_with(|| (Rate::new(windows), now_ms));
        *used_ms = now_ms;
        rate.record(1.0, now_ms);
        let throttle_ms = self.bounded_throttle_ms(rate, quota, now_ms);
        if throttle_ms == 0 {
            return 0;
        }
        rate.record(-1.0, now_ms);
        if maxima.broker != UNLIMITED {
            rates.broker.record(-1.0, now_ms);
        }
        if maxima.listener != UNLIMITED
            && let Some(of_listener) = rates.listeners.get_mut(listener)
        {
            of_listener.record(-1.0, now_ms);
        }
        throttle_ms
    }

    fn record(&self, rate: &mut Rate, max: i32, now_ms: i64) -> i64 {
        if max == UNLIMITED {
            return 0;
        }
        rate.record(1.0, now_ms);
        self.bounded_throttle_ms(rate, f64::from(max), now_ms)
    }

    /// As in Kafka nobody waits for longer than a window.
    fn bounded_throttle_ms(&self, rate: &mut Rate, quota: f64, now_ms: i64) -> i64 {
        rate.throttle_ms(quota, now_ms).min(self.windows.size_ms)
    }
}

impl RateMaxima {
    /// No limit at all.
    pub(crate) const NONE: Self = Self { broker: UNLIMITED, listener: UNLIMITED };
}

impl Rates {
    fn sweep(&mut self, now_ms: i64) {
        let overfull = self.ips.len() > KEPT_MAX;
        if now_ms - self.swept_ms < if overfull { 1_000 } else { 60_000 } {
            return;
        }
        self.swept_ms = now_ms;
        self.ips.retain(|_, (rate, used_ms)| {
            now_ms - *used_ms < FORGET_AFTER_MS && !(overfull && rate.is_spent(now_ms))
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    const WINDOWS: Windows = Windows { count: 11, size_ms: 1_000 };
    const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
    const OTHER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));

    fn quotas(of: &[(Option<&str>, f64)]) -> OrdMap<QuotaEntity, OrdMap<Arc<str>, f64>> {
        let entity = |ip: Option<&str>| QuotaEntity(BTreeMap::from([(Arc::from("ip"), ip.map(Arc::from))]));
        of.iter().map(|(ip, quota)| (entity(*ip), OrdMap::unit(Arc::from(KEY), *quota))).collect()
    }

    #[test]
    fn an_address_has_its_own_quota_or_the_default() {
        let named =
            quotas(&[(None, 1.0), (Some("127.0.0.1"), 2.0), (Some("other"), 3.0), (Some("lost"), 4.0)]);
        assert!(IpQuotas::has_host_names(&named));
        assert!(!IpQuotas::has_host_names(&quotas(&[(None, 1.0), (Some("::1"), 2.0)])));
        let table = IpQuotas::new(&named, |name| (name == "other").then_some(OTHER));
        assert_eq!((table.find(HOME), table.find(OTHER)), (Some(2.0), Some(3.0)));
        assert_eq!(table.find(IpAddr::from([10, 0, 0, 2])), Some(1.0));
        assert_eq!(IpQuotas::new(&quotas(&[]), |_| None).find(HOME), None);
    }

    #[test]
    fn an_address_above_its_rate_is_held_for_a_window_and_does_not_count() {
        let rates = ConnectionRates::new(WINDOWS);
        let listener: Arc<str> = "PLAINTEXT".into();
        assert_eq!(rates.count_ip(&listener, RateMaxima::NONE, HOME, 0), 0);
        rates.follow(IpQuotas::new(&quotas(&[(Some("127.0.0.1"), 1.0)]), |_| None));
        for _ in 0..10 {
            assert_eq!(rates.count_ip(&listener, RateMaxima::NONE, HOME, 0), 0, "ten in ten seconds");
        }
        for _ in 0..100 {
            assert_eq!(rates.count_ip(&listener, RateMaxima::NONE, HOME, 0), 1_000);
        }
        assert_eq!(rates.count_ip(&listener, RateMaxima::NONE, OTHER, 0), 0, "no quota");
        assert_eq!(rates.count_ip(&listener, RateMaxima::NONE, HOME, 2_000), 1_000);
        assert_eq!(
            rates.count_ip(&listener, RateMaxima::NONE, HOME, 11_000),
            0,
            "the refused ones were not counted"
        );
        rates.follow(IpQuotas::default());
        assert_eq!(rates.count_ip(&listener, RateMaxima::NONE, HOME, 0), 0);
    }

    #[test]
    fn listeners_wait_by_their_own_rate_and_the_brokers() {
        let rates = ConnectionRates::new(WINDOWS);
        let (first, second): (Arc<str>, Arc<str>) = ("A".into(), "B".into());
        let maxima = RateMaxima { broker: 2, listener: 1 };
        for _ in 0..10 {
            assert_eq!(rates.count(&first, maxima, 0), 0);
        }
        assert_eq!(rates.count(&first, maxima, 0), 1_000, "the listener's");
        for _ in 0..9 {
            assert_eq!(rates.count(&second, maxima, 0), 0);
        }
        assert!(rates.count(&second, maxima, 0) > 0, "the broker's");
        assert_eq!(rates.count(&first, RateMaxima::NONE, 0), 0);
        assert_eq!(
            rates.count(&first, RateMaxima { broker: 0, listener: 0 }, 0),
            1_000,
            "slowed, not stopped"
        );
    }
}
