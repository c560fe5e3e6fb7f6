//! What the broker counts, for Prometheus.
//!
//! - [`names`]: the table of all metrics, each a [`declaration`];
//! - [`Metrics`]: what is counted as it happens, through handles that are looked up once per API and topic;
//! - [`snapshot`]: what is looked up when somebody asks, with the [`groups`]; [`process`]: memory and CPU time.

mod declaration;
pub(crate) mod groups;
mod names;
pub(crate) mod process;
pub(crate) mod snapshot;
mod topics;

use std::sync::OnceLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use medallion_wire::ResponseError;
use medallion_wire::messages::ApiKey;
use prometheus::{Counter, Histogram, IntCounter, IntCounterVec, IntGauge, Registry, TextEncoder};

pub(crate) use groups::{GroupsSnapshot, LagReport, PartitionLag};
pub(crate) use process::ProcessUsage;
pub(crate) use snapshot::{DirectorySnapshot, PartitionSnapshot, Snapshot};
pub(crate) use topics::TopicMetrics;
use topics::Topics;

/// One slot per API number; Kafka's numbers stay below this.
const API_SLOTS: usize = 128;

/// All metrics of a broker.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    apis: Vec<OnceLock<ApiMetrics>>,
    durations: prometheus::HistogramVec,
    request_bytes: IntCounterVec,
    response_bytes: IntCounterVec,
    errors: IntCounterVec,
    in_flight: IntGauge,
    accepted: IntCounterVec,
    refused: IntCounterVec,
    closed: IntCounterVec,
    delayed: IntCounterVec,
    throttles: prometheus::HistogramVec,
    flush_durations: Histogram,
    flush_failures: IntCounter,
    topics: Topics,
}

/// The handles of one API.
#[derive(Debug)]
struct ApiMetrics {
    duration: Histogram,
    request_bytes: IntCounter,
    response_bytes: IntCounter,
}

impl Default for Metrics {
    fn default() -> Self {
        let registry = Registry::new();
        names::BUILD_INFO.gauge(&registry).with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        let started = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        names::START_TIME.float_gauge(&registry).with_label_values::<&str>(&[]).set(started.as_secs_f64());
        Self {
            apis: std::iter::repeat_with(OnceLock::new).take(API_SLOTS).collect(),
            durations: names::REQUEST_DURATION.histogram(&registry),
            request_bytes: names::REQUEST_BYTES.counter(&registry),
            response_bytes: names::RESPONSE_BYTES.counter(&registry),
            errors: names::REQUEST_ERRORS.counter(&registry),
            in_flight: names::REQUESTS_IN_FLIGHT.gauge(&registry).with_label_values::<&str>(&[]),
            accepted: names::CONNECTIONS_ACCEPTED.counter(&registry),
            refused: names::CONNECTIONS_REFUSED.counter(&registry),
            closed: names::CONNECTIONS_CLOSED.counter(&registry),
            delayed: names::CONNECTIONS_DELAYED.counter(&registry),
            throttles: names::QUOTA_THROTTLE.histogram(&registry),
            flush_durations: names::LOG_FLUSH_DURATION.histogram(&registry).with_label_values::<&str>(&[]),
            flush_failures: names::LOG_FLUSH_FAILURES.counter(&registry).with_label_values::<&str>(&[]),
            topics: Topics::new(&registry),
            registry,
        }
    }
}

impl Metrics {
    /// A request is read in full.
    pub(crate) fn request_began(&self) {
        self.in_flight.inc();
    }

    /// A request that [`Metrics::request_began`] counted is answered, or needs no answer any more.
    pub(crate) fn request_ended(&self) {
        self.in_flight.dec();
    }

    /// A request was answered; [`Metrics::request_ended`] is called besides.
    pub(crate) fn request_done(
        &self,
        api: ApiKey,
        request_bytes: usize,
        response_bytes: usize,
        time: Duration,
    ) {
        let Some(slot) = usize::try_from(api as i16).ok().and_then(|key| self.apis.get(key)) else { return };
        let metrics = slot.get_or_init(|| self.api(api));
        metrics.duration.observe(time.as_secs_f64());
        metrics.request_bytes.inc_by(count(request_bytes));
        metrics.response_bytes.inc_by(count(response_bytes));
    }

    /// A response carries an error.
    pub(crate) fn request_failed(&self, api: ApiKey, error: ResponseError) {
        self.errors.with_label_values(&[&format!("{api:?}"), &kafka_name(error)]).inc();
    }

    /// The counters of a topic, to be kept by whoever counts for it.
    pub(crate) fn topic(&self, topic: &str) -> TopicMetrics {
        self.topics.get(topic)
    }

    /// A topic was deleted.
    pub(crate) fn topic_deleted(&self, topic: &str) {
        self.topics.remove(topic);
    }

    /// A connection was accepted by a listener.
    pub(crate) fn connection_accepted(&self, listener: &str) {
        self.accepted.with_label_values(&[listener]).inc();
    }

    /// A connection was closed at once because of the limit `reason`.
    pub(crate) fn connection_refused(&self, reason: &str) {
        self.refused.with_label_values(&[reason]).inc();
    }

    /// The broker closed a connection.
    pub(crate) fn connection_closed(&self, reason: &str) {
        self.closed.with_label_values(&[reason]).inc();
    }

    /// A connection was accepted late, or not served, because of the rate `quota`.
    pub(crate) fn connection_delayed(&self, quota: &str) {
        self.delayed.with_label_values(&[quota]).inc();
    }

    /// A client above the quota with this key was told to wait.
    pub(crate) fn throttled(&self, quota: &str, time: Duration) {
        self.throttles.with_label_values(&[quota]).observe(time.as_secs_f64());
    }

    /// A log was flushed, or could not be.
    pub(crate) fn flushed(&self, time: Duration, succeeded: bool) {
        self.flush_durations.observe(time.as_secs_f64());
        if !succeeded {
            self.flush_failures.inc();
        }
    }

    /// All metrics in Prometheus' text format, with those of `snapshot`.
    pub(crate) fn render(&self, snapshot: &Snapshot) -> String {
        let moment = Registry::new();
        snapshot.register(&moment);
        let cpu = Counter::new(names::PROCESS_CPU.name, names::PROCESS_CPU.help);
        let cpu = cpu.expect("the table's names are valid");
        cpu.inc_by(snapshot.process.cpu_seconds);
        moment.register(Box::new(cpu)).expect("each metric of the table is made once");
        let mut families = self.registry.gather();
        families.extend(moment.gather());
        families.extend(snapshot.clients.families.iter().cloned());
        families.sort_by(|left, right| left.name().cmp(right.name()));
        let mut text = String::new();
        // Writing to a string cannot fail, and families without samples are not gathered.
        let _ = TextEncoder::new().encode_utf8(&families, &mut text);
        text
    }

    fn api(&self, api: ApiKey) -> ApiMetrics {
        let name = format!("{api:?}");
        let labels: [&str; 1] = [&name];
        ApiMetrics {
            duration: self.durations.with_label_values(&labels),
            request_bytes: self.request_bytes.with_label_values(&labels),
            response_bytes: self.response_bytes.with_label_values(&labels),
        }
    }
}

fn count(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

/// Kafka's name of an error: `NOT_LEADER_OR_FOLLOWER`.
fn kafka_name(error: ResponseError) -> String {
    let camel = format!("{error:?}");
    let mut name = String::with_capacity(camel.len() + 8);
    for character in camel.chars() {
        if character.is_ascii_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(character.to_ascii_uppercase());
    }
    name
}

#[cfg(test)]
mod tests;
