//! Clients' metrics as Prometheus sees them: bounded, named like ours, and gone when their client is.

use std::collections::BTreeMap;

use medallion_wire::types::Uuid;
use prometheus::proto::{Counter, Gauge, LabelPair, Metric, MetricFamily, MetricType};

use super::manager::java_text;
use super::otlp::{Sample, SampleValue, Samples};

/// In front of all names, so that no client's metric is taken for one of ours.
const PREFIX: &str = "kafka_client_";
/// What names of Kafka's clients begin with, which is left out.
const KAFKA: &str = "org.apache.kafka.";
/// A number with a longer name is left out, and so is one with more or longer labels. (A topic's name has up to 249 bytes.)
const NAME_BYTES_MAX: usize = 200;
const LABELS_MAX: usize = 16;
const LABELS_BYTES_MAX: usize = 1024;
/// A longer `client.id` is cut.
const CLIENT_ID_CHARACTERS_MAX: usize = 200;
const CLIENT_ID: &str = "client_id";
const CLIENT_INSTANCE_ID: &str = "client_instance_id";

/// The series of all clients. Times are of a clock that never goes back.
#[derive(Debug, Default)]
pub(super) struct ClientSeries {
    clients: BTreeMap<Uuid, Client>,
    /// How many series there are.
    count: usize,
}

#[derive(Debug)]
struct Client {
    client_id: String,
    expires_ms: i64,
    series: BTreeMap<SeriesKey, f64>,
    /// What its last push held beyond the bounds.
    left_out: usize,
}

/// A series within its client.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct SeriesKey {
    family: Family,
    /// Without those that say which client it is; sorted, none twice.
    labels: Vec<(String, String)>,
}

/// Series of one name, of whatever client.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Family {
    name: String,
    is_counter: bool,
}

/// How much is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Counts {
    /// Series of all clients.
    pub(super) series: usize,
    /// What the clients' last pushes held beyond the bounds.
    pub(super) left_out: usize,
}

impl ClientSeries {
    /// Takes what a client has pushed. Gauges that are not in it are over; counters stay until their client is gone.
    pub(super) fn take(
        &mut self,
        id: Uuid,
        client_id: &str,
        samples: Samples,
        expires_ms: i64,
        series_max: usize,
    ) {
        let empty = || Client { client_id: String::new(), expires_ms, series: BTreeMap::new(), left_out: 0 };
        let client = self.clients.entry(id).or_insert_with(empty);
        let others: usize = self.count - client.series.len();
        client.client_id = client_id.chars().take(CLIENT_ID_CHARACTERS_MAX).collect();
        client.expires_ms = expires_ms;
        client.left_out = samples.others;
        client.series.retain(|key, _| key.family.is_counter);
        for sample in samples.samples {
            client.add(sample, series_max.saturating_sub(others));
        }
        self.count = others + client.series.len();
    }

    /// Forgets clients that were silent for too long.
    pub(super) fn expire(&mut self, now_ms: i64) {
        self.clients.retain(|_, client| client.expires_ms > now_ms);
        self.count = self.clients.values().map(|client| client.series.len()).sum();
    }

    pub(super) fn counts(&self) -> Counts {
        Counts { series: self.count, left_out: self.clients.values().map(|client| client.left_out).sum() }
    }

    /// All of it in Prometheus' model, in the order of names.
    pub(super) fn families(&self) -> Vec<MetricFamily> {
        let mut families: BTreeMap<&Family, Vec<Metric>> = BTreeMap::new();
        for (id, client) in &self.clients {
            let id = java_text(*id);
            for (key, value) in &client.series {
                let metric = metric(key, *value, &client.client_id, &id);
                families.entry(&key.family).or_default().push(metric);
            }
        }
        families.into_iter().map(|(family, metrics)| described(family, metrics)).collect()
    }
}

impl Client {
    /// Takes a number, unless it is out of bounds.
    fn add(&mut self, sample: Sample, series_max: usize) {
        let value = sample.value;
        let Some(key) = SeriesKey::of(sample) else {
            self.left_out += 1;
            return;
        };
        let before = self.series.get(&key).copied();
        if before.is_none() && self.series.len() >= series_max {
            self.left_out += 1;
            return;
        }
        let value = match value {
            SampleValue::Gauge(value) | SampleValue::Total(value) => value,
            SampleValue::Added(added) => before.unwrap_or(0.0) + added.max(0.0),
        };
        let _ = self.series.insert(key, value);
    }
}

impl SeriesKey {
    fn of(sample: Sample) -> Option<Self> {
        let is_counter = !matches!(sample.value, SampleValue::Gauge(_));
        let labels_bytes: usize = sample.attributes.iter().map(|(key, value)| key.len() + value.len()).sum();
        if sample.name.len() > NAME_BYTES_MAX
            || sample.attributes.len() > LABELS_MAX
            || labels_bytes > LABELS_BYTES_MAX
        {
            return None;
        }
        let mut labels = BTreeMap::new();
        for (key, value) in sample.attributes {
            let key = sanitized(&key);
            // A number's own attributes come before those of its client.
            if key != CLIENT_ID && key != CLIENT_INSTANCE_ID {
                labels.entry(key).or_insert(value);
            }
        }
        let name = family_name(&sample.name, is_counter);
        Some(Self { family: Family { name, is_counter }, labels: labels.into_iter().collect() })
    }
}

/// Prometheus' name of a client's metric. Only counters end with `_total`, so that one name is never of two types.
fn family_name(name: &str, is_counter: bool) -> String {
    let name = sanitized(name.strip_prefix(KAFKA).unwrap_or(name));
    let stem = name.strip_suffix("_total").unwrap_or(&name);
    let suffix = match (is_counter, stem.len() < name.len()) {
        (true, _) => "_total",
        (false, true) => "_total_value",
        (false, false) => "",
    };
    format!("{PREFIX}{stem}{suffix}")
}

/// Letters, digits and underscores, beginning with no digit.
fn sanitized(text: &str) -> String {
    let mut clean: String = text.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    if clean.is_empty() || clean.starts_with(|c: char| c.is_ascii_digit()) || clean.starts_with("__") {
        clean.insert_str(0, "x_");
    }
    clean
}

fn metric(key: &SeriesKey, value: f64, client_id: &str, id: &str) -> Metric {
    let own = key.labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let labels = own.chain([(CLIENT_ID, client_id), (CLIENT_INSTANCE_ID, id)]).map(|(name, value)| {
        let mut label = LabelPair::default();
        label.set_name(name.to_owned());
        label.set_value(value.to_owned());
        label
    });
    let mut metric = Metric::from_label(labels.collect());
    if key.family.is_counter {
        let mut counter = Counter::default();
        counter.set_value(value);
        metric.set_counter(counter);
    } else {
        let mut gauge = Gauge::default();
        gauge.set_value(value);
        metric.set_gauge(gauge);
    }
    metric
}

fn described(family: &Family, metrics: Vec<Metric>) -> MetricFamily {
    let mut described = MetricFamily::default();
    described.set_name(family.name.clone());
    described.set_help("As clients push it (KIP-714).".to_owned());
    described.set_field_type(if family.is_counter { MetricType::COUNTER } else { MetricType::GAUGE });
    described.set_metric(metrics);
    described
}

#[cfg(test)]
mod tests {
    use prometheus::TextEncoder;

    use super::super::otlp::tests::{gauge, push, sum};
    use super::super::otlp::{Metric as Pushed, read};
    use super::*;

    const DELTA: i32 = 1;
    const CUMULATIVE: i32 = 2;

    fn take(series: &mut ClientSeries, client: u128, metrics: Vec<Pushed>, series_max: usize) {
        let samples = read(&push(metrics)).expect("sound");
        series.take(Uuid::from_u128(client), "app \"1\"", samples, 1000, series_max);
    }

    fn shown(series: &ClientSeries) -> Vec<String> {
        let mut text = String::new();
        TextEncoder::new().encode_utf8(&series.families(), &mut text).expect("it can be written");
        text.lines().filter(|line| !line.starts_with("# HELP")).map(str::to_owned).collect()
    }

    #[test]
    fn what_clients_push_is_shown() {
        let mut series = ClientSeries::default();
        let lag = "org.apache.kafka.consumer.records.lag.max";
        let (records, bytes) = ("org.apache.kafka.producer.record.send.total", "other.bytes");
        take(&mut series, 1, vec![gauge(lag, 3.0), sum(records, 5, DELTA, true)], 100);
        take(&mut series, 1, vec![sum(records, 2, DELTA, true), sum(bytes, 9, CUMULATIVE, true)], 100);
        take(&mut series, 2, vec![gauge(lag, 4.5), gauge(records, 1.0)], 100);
        let of = |client| {
            format!(
                "group_id=\"g\",partition=\"3\",client_id=\"app \\\"1\\\"\",client_instance_id=\"{client}\""
            )
        };
        let (one, two) = (of("AAAAAAAAAAAAAAAAAAAAAQ"), of("AAAAAAAAAAAAAAAAAAAAAg"));
        assert_eq!(
            shown(&series),
            [
                "# TYPE kafka_client_consumer_records_lag_max gauge".to_owned(),
                format!("kafka_client_consumer_records_lag_max{{{two}}} 4.5"),
                "# TYPE kafka_client_other_bytes_total counter".to_owned(),
                format!("kafka_client_other_bytes_total{{{one}}} 9"),
                "# TYPE kafka_client_producer_record_send_total counter".to_owned(),
                format!("kafka_client_producer_record_send_total{{{one}}} 7"),
                "# TYPE kafka_client_producer_record_send_total_value gauge".to_owned(),
                format!("kafka_client_producer_record_send_total_value{{{two}}} 1"),
            ],
            "a gauge that is pushed no more is over, a counter adds up"
        );
        series.expire(1000);
        assert_eq!((shown(&series).len(), series.counts()), (0, Counts { series: 0, left_out: 0 }));
    }

    #[test]
    fn there_are_so_many_series_and_no_more() {
        let mut series = ClientSeries::default();
        take(&mut series, 1, vec![gauge("a", 1.0), gauge("b", 1.0)], 3);
        take(&mut series, 2, vec![gauge("a", 1.0), gauge("b", 1.0), gauge("c", 1.0)], 3);
        assert_eq!(series.counts(), Counts { series: 3, left_out: 2 });
        take(&mut series, 1, vec![gauge("a", 1.0)], 3);
        take(&mut series, 2, vec![gauge("b", 1.0), gauge("c", 1.0)], 3);
        assert_eq!(series.counts(), Counts { series: 3, left_out: 0 });
    }

    #[test]
    fn names_are_prometheus_and_never_ours() {
        assert_eq!(family_name("medallion_groups", false), "kafka_client_medallion_groups");
        assert_eq!(family_name("org.apache.kafka.x-y.z", true), "kafka_client_x_y_z_total");
        assert_eq!(family_name("", false), "kafka_client_x_");
        assert_eq!((sanitized("9a"), sanitized("__name__")), ("x_9a".to_owned(), "x___name__".to_owned()));
        let mut series = ClientSeries::default();
        take(&mut series, 1, vec![gauge(&"n".repeat(201), 1.0)], 3);
        assert_eq!(series.counts(), Counts { series: 0, left_out: 1 });
    }
}
