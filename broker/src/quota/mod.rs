//! Client quotas (KIP-13, KIP-124, KIP-219, KIP-599, KIP-612): how much users, client ids and addresses may ask of the
//! broker.
//!
//! - [`client_quotas`]: what clients have used, held against what they may; [`usage`]: where that is kept;
//! - [`mutation`]: the partitions that one request makes or removes, held against its client's quota;
//! - [`connection_rate`]: how fast addresses and listeners may open connections;
//! - [`table`]: which quota holds for whom, by Kafka's precedence;
//! - [`rate`]: how much was used lately; [`token_bucket`]: how much may be used at once;
//! - [`mod@timed`]: how long a request keeps threads busy.
//!
//! All but the last take the time as a parameter. Without any quota a request costs one look at an atomic byte.

pub(crate) mod client_quotas;
pub(crate) mod connection_rate;
pub(crate) mod mutation;
pub(crate) mod rate;
pub(crate) mod table;
pub(crate) mod timed;
pub(crate) mod token_bucket;
pub(crate) mod usage;

pub(crate) use client_quotas::{ClientQuotas, QuotaWindows, ShownUsage};
pub(crate) use connection_rate::{ConnectionRates, IpQuotas, RateMaxima, UNLIMITED};
pub(crate) use mutation::MutationQuota;
pub(crate) use rate::Windows;
pub(crate) use table::{Client, QuotaKind};
pub(crate) use timed::timed;

/// The time that quotas are reckoned by: milliseconds of a clock that never goes back.
pub(crate) fn now_ms(clock: &dyn medallion_os::Clock) -> i64 {
    i64::try_from(clock.monotonic().as_millis()).unwrap_or(i64::MAX)
}
