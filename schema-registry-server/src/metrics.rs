//! What Prometheus reads at `/metrics`.

use std::fmt;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::http::{Method, StatusCode};
use medallion_schema_registry::store::Deleted;
use prometheus::{Error, HistogramOpts, HistogramVec, IntCounterVec, IntGauge, Opts, Registry, TextEncoder};

use crate::http::App;

/// Bounds of the answers' times, in seconds.
const SECONDS: [f64; 10] = [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5, 10.0];

/// All metrics.
pub(crate) struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    seconds: HistogramVec,
    subjects: IntGauge,
    schemas: IntGauge,
    leader: IntGauge,
    offset: IntGauge,
    applied: IntGauge,
    skipped: IntGauge,
    decisions: IntGauge,
    written: IntGauge,
    failures: IntGauge,
    connections: IntGauge,
    cached: IntGauge,
    cache_hits: IntGauge,
    cache_misses: IntGauge,
    resynchronizations: IntGauge,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Metrics {
    /// # Errors
    /// For two metrics of one name.
    pub(crate) fn new() -> Result<Self, Error> {
        let registry = Registry::new();
        let gauge = |name: &str, help: &str| -> Result<IntGauge, Error> {
            let gauge = IntGauge::new(format!("medallion_schema_registry_{name}"), help)?;
            registry.register(Box::new(gauge.clone()))?;
            Ok(gauge)
        };
        let requests = IntCounterVec::new(
            Opts::new("medallion_schema_registry_requests_total", "Requests that were answered."),
            &["endpoint", "method", "status"],
        )?;
        let seconds = HistogramVec::new(
            HistogramOpts::new(
                "medallion_schema_registry_request_seconds",
                "Time from a request's head to its answer.",
            )
            .buckets(SECONDS.to_vec()),
            &["endpoint", "method"],
        )?;
        registry.register(Box::new(requests.clone()))?;
        registry.register(Box::new(seconds.clone()))?;
        Ok(Self {
            subjects: gauge("subjects", "Subjects that are not deleted.")?,
            schemas: gauge("versions", "Versions that are not deleted.")?,
            leader: gauge("leader", "1 where this instance writes, else 0.")?,
            offset: gauge("read_to_offset", "The offset behind everything that was read of the topic.")?,
            applied: gauge("records_applied", "Records that were applied since the start.")?,
            skipped: gauge("records_skipped", "Records that could not be read since the start.")?,
            decisions: gauge("decisions", "Writes that were decided here since the start.")?,
            written: gauge("records_written", "Records that were written since the start.")?,
            failures: gauge("writes_failed", "Writes that were refused or failed since the start.")?,
            connections: gauge("connections", "Connections that are open.")?,
            cached: gauge("cached_schemas", "Parsed schemas that are kept.")?,
            cache_hits: gauge("cache_hits", "Schemas that needed not be parsed since the start.")?,
            cache_misses: gauge("cache_misses", "Schemas that had to be parsed since the start.")?,
            resynchronizations: gauge(
                "resynchronizations",
                "How often the end of the topic was looked for before a decision since the start.",
            )?,
            registry,
            requests,
            seconds,
        })
    }

    pub(crate) fn note_request(&self, endpoint: &str, method: &Method, status: StatusCode, took: Duration) {
        // Methods are the client's texts; only known ones become labels.
        let known = [Method::GET, Method::POST, Method::PUT, Method::DELETE, Method::HEAD];
        let method = if known.contains(method) { method.as_str() } else { "other" };
        self.requests.with_label_values(&[endpoint, method, status.as_str()]).inc();
        self.seconds.with_label_values(&[endpoint, method]).observe(took.as_secs_f64());
    }

    /// Takes over what is counted elsewhere.
    pub(crate) fn update(&self, app: &App) {
        let count = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        let size = |value: usize| i64::try_from(value).unwrap_or(i64::MAX);
        {
            let store = app.state.store();
            self.subjects.set(size(store.subjects(":*:", Deleted::Without).len()));
            self.schemas.set(size(store.schemas(":*:", Deleted::Without, false).len()));
        }
        let (applied, skipped) = app.state.counts();
        if let Some(parsed) = &app.parsed {
            let (hits, misses) = parsed.counts();
            self.cached.set(size(parsed.len()));
            self.cache_hits.set(count(hits));
            self.cache_misses.set(count(misses));
        }
        let counters = app.writer.counters();
        self.connections.set(size(app.connections.count()));
        self.leader.set(i64::from(app.is_leader()));
        self.offset.set(app.state.read_to());
        self.applied.set(count(applied));
        self.skipped.set(count(skipped));
        self.decisions.set(count(counters.decisions.load(Ordering::Relaxed)));
        self.written.set(count(counters.records.load(Ordering::Relaxed)));
        self.failures.set(count(counters.failures.load(Ordering::Relaxed)));
        self.resynchronizations.set(count(counters.resynchronizations.load(Ordering::Relaxed)));
    }

    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        if let Err(error) = TextEncoder::new().encode_utf8(&self.registry.gather(), &mut text) {
            tracing::warn!(%error, "metrics cannot be written");
        }
        text
    }
}
