//! What clients push: OpenTelemetry's `MetricsData` (OTLP 1.x), as far as clients of Kafka fill it (KIP-714).
//!
//! The numbers of fields are those of `opentelemetry/proto/metrics/v1/metrics.proto`; what is not named is skipped.

mod count;

use prost::{Message, Oneof};

/// A number that a client pushes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sample {
    /// Its name: `org.apache.kafka.consumer.fetch.manager.records.lag.max`.
    pub(super) name: String,
    /// What it counts.
    pub(super) value: SampleValue,
    /// Attributes of the number and of the client, which come last.
    pub(super) attributes: Vec<(String, String)>,
}

/// What a number is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum SampleValue {
    /// It goes up and down.
    Gauge(f64),
    /// It only grows; this much since the last push.
    Added(f64),
    /// It only grows; this much since the client started.
    Total(f64),
}

/// What a push holds.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Samples {
    /// Numbers.
    pub(super) samples: Vec<Sample>,
    /// How many metrics are none: distributions, and numbers without a value.
    pub(super) others: usize,
}

/// Reads a push.
///
/// # Errors
/// Why the bytes are none, or that they hold too much.
pub(super) fn read(bytes: &[u8]) -> Result<Samples, String> {
    count::check(bytes)?;
    let mut found = Samples::default();
    let data = MetricsData::decode(bytes).map_err(|error| error.to_string())?;
    for resource in data.resource_metrics {
        let of_client = resource.resource.map(|resource| resource.attributes).unwrap_or_default();
        for metric in resource.scope_metrics.into_iter().flat_map(|scope| scope.metrics) {
            found.add(metric, &of_client);
        }
    }
    Ok(found)
}

impl Samples {
    fn add(&mut self, metric: Metric, of_client: &[KeyValue]) {
        let Metric { name, data } = metric;
        let (points, monotonic_since) = match data {
            Some(Data::Gauge(gauge)) => (gauge.data_points, None),
            Some(Data::Sum(sum)) => {
                (sum.data_points, sum.is_monotonic.then_some(sum.aggregation_temporality))
            }
            Some(Data::Histogram(_) | Data::ExponentialHistogram(_) | Data::Summary(_)) | None => {
                self.others += 1;
                return;
            }
        };
        for point in points {
            let Some(value) = point.value else {
                self.others += 1;
                continue;
            };
            let value = match monotonic_since {
                Some(DELTA) => SampleValue::Added(value.as_f64()),
                Some(_) => SampleValue::Total(value.as_f64()),
                None => SampleValue::Gauge(value.as_f64()),
            };
            let attributes = point.attributes.iter().chain(of_client).filter_map(KeyValue::as_text);
            self.samples.push(Sample { name: name.clone(), value, attributes: attributes.collect() });
        }
    }
}

/// The temporality of what has been added since the last report.
const DELTA: i32 = 1;

#[derive(Clone, PartialEq, Message)]
pub(super) struct MetricsData {
    #[prost(message, repeated, tag = "1")]
    pub(super) resource_metrics: Vec<ResourceMetrics>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ResourceMetrics {
    #[prost(message, optional, tag = "1")]
    pub(super) resource: Option<Resource>,
    #[prost(message, repeated, tag = "2")]
    pub(super) scope_metrics: Vec<ScopeMetrics>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Resource {
    #[prost(message, repeated, tag = "1")]
    pub(super) attributes: Vec<KeyValue>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ScopeMetrics {
    #[prost(message, repeated, tag = "2")]
    pub(super) metrics: Vec<Metric>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Metric {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(oneof = "Data", tags = "5, 7, 9, 10, 11")]
    pub(super) data: Option<Data>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(super) enum Data {
    #[prost(message, tag = "5")]
    Gauge(Gauge),
    #[prost(message, tag = "7")]
    Sum(Sum),
    #[prost(message, tag = "9")]
    Histogram(Skipped),
    #[prost(message, tag = "10")]
    ExponentialHistogram(Skipped),
    #[prost(message, tag = "11")]
    Summary(Skipped),
}

/// A message of which nothing is read.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Skipped {}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Gauge {
    #[prost(message, repeated, tag = "1")]
    pub(super) data_points: Vec<NumberDataPoint>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Sum {
    #[prost(message, repeated, tag = "1")]
    pub(super) data_points: Vec<NumberDataPoint>,
    #[prost(int32, tag = "2")]
    pub(super) aggregation_temporality: i32,
    #[prost(bool, tag = "3")]
    pub(super) is_monotonic: bool,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct NumberDataPoint {
    #[prost(message, repeated, tag = "7")]
    pub(super) attributes: Vec<KeyValue>,
    #[prost(oneof = "Number", tags = "4, 6")]
    pub(super) value: Option<Number>,
}

#[derive(Clone, Copy, PartialEq, Oneof)]
pub(super) enum Number {
    #[prost(double, tag = "4")]
    Double(f64),
    #[prost(sfixed64, tag = "6")]
    Int(i64),
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct KeyValue {
    #[prost(string, tag = "1")]
    pub(super) key: String,
    #[prost(message, optional, tag = "2")]
    pub(super) value: Option<AnyValue>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct AnyValue {
    #[prost(oneof = "Any", tags = "1, 2, 3, 4")]
    pub(super) value: Option<Any>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(super) enum Any {
    #[prost(string, tag = "1")]
    Text(String),
    #[prost(bool, tag = "2")]
    Bool(bool),
    #[prost(int64, tag = "3")]
    Int(i64),
    #[prost(double, tag = "4")]
    Double(f64),
}

impl Number {
    #[expect(clippy::cast_precision_loss, reason = "Prometheus has no other numbers")]
    fn as_f64(self) -> f64 {
        match self {
            Self::Double(value) => value,
            Self::Int(value) => value as f64,
        }
    }
}

impl KeyValue {
    /// The attribute as text; lists and the like are left out.
    fn as_text(&self) -> Option<(String, String)> {
        let text = match self.value.as_ref()?.value.as_ref()? {
            Any::Text(text) => text.clone(),
            Any::Bool(value) => value.to_string(),
            Any::Int(value) => value.to_string(),
            Any::Double(value) => value.to_string(),
        };
        Some((self.key.clone(), text))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    fn attribute(key: &str, value: Any) -> KeyValue {
        KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }) }
    }

    /// A push of one client with these metrics.
    pub(in crate::telemetry) fn push(metrics: Vec<Metric>) -> Vec<u8> {
        let resource = Resource { attributes: vec![attribute("group_id", Any::Text("g".to_owned()))] };
        let scope_metrics = vec![ScopeMetrics { metrics }];
        let resource = ResourceMetrics { resource: Some(resource), scope_metrics };
        MetricsData { resource_metrics: vec![resource] }.encode_to_vec()
    }

    fn point(value: Number, partition: i64) -> NumberDataPoint {
        NumberDataPoint { attributes: vec![attribute("partition", Any::Int(partition))], value: Some(value) }
    }

    /// A gauge with one value.
    pub(in crate::telemetry) fn gauge(name: &str, value: f64) -> Metric {
        let gauge = Gauge { data_points: vec![point(Number::Double(value), 3)] };
        Metric { name: name.to_owned(), data: Some(Data::Gauge(gauge)) }
    }

    /// A counter with one value.
    pub(in crate::telemetry) fn sum(name: &str, value: i64, temporality: i32, is_monotonic: bool) -> Metric {
        let data_points = vec![point(Number::Int(value), 3)];
        let sum = Sum { data_points, aggregation_temporality: temporality, is_monotonic };
        Metric { name: name.to_owned(), data: Some(Data::Sum(sum)) }
    }

    #[test]
    fn numbers_are_read_with_the_attributes_of_both() {
        let histogram = Metric { name: "h".to_owned(), data: Some(Data::Histogram(Skipped {})) };
        let bytes = push(vec![
            gauge("a.b", 1.5),
            sum("c", 7, DELTA, true),
            sum("c", 8, 2, true),
            sum("d", -3, 2, false),
            histogram,
        ]);
        let found = read(&bytes).expect("sound");
        let values: Vec<_> =
            found.samples.iter().map(|sample| (sample.name.as_str(), sample.value)).collect();
        assert_eq!(
            values,
            [
                ("a.b", SampleValue::Gauge(1.5)),
                ("c", SampleValue::Added(7.0)),
                ("c", SampleValue::Total(8.0)),
                ("d", SampleValue::Gauge(-3.0))
            ]
        );
        let attributes: Vec<_> =
            found.samples[0].attributes.iter().map(|(key, value)| format!("{key}={value}")).collect();
        assert_eq!((attributes, found.others), (vec!["partition=3".to_owned(), "group_id=g".to_owned()], 1));
    }

    #[test]
    fn other_bytes_are_refused() {
        assert!(read(b"hello").is_err());
        let mut cut = push(vec![gauge("a", 1.0)]);
        cut.pop();
        assert!(read(&cut).is_err());
        assert_eq!(read(b""), Ok(Samples::default()));
    }
}
