//! What one metric is: a row of the table from which metrics are made and the reference page is written.

use prometheus::{
    GaugeVec, HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts, Registry, core::Collector,
};
use std::fmt;

/// What a metric measures, and how.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    /// A number that only grows.
    Counter,
    /// A number that goes up and down.
    Gauge,
    /// Durations in seconds, counted by these upper bounds.
    Histogram(&'static [f64]),
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram(_) => "histogram",
        })
    }
}

/// One metric.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Declaration {
    /// Its name, by Prometheus' conventions: base unit last, `_total` behind counters.
    pub(crate) name: &'static str,
    /// How it is measured.
    pub(crate) kind: Kind,
    /// The names of its labels.
    pub(crate) labels: &'static [&'static str],
    /// What it is, in a sentence.
    pub(crate) help: &'static str,
}

impl Declaration {
    pub(super) fn counter(&self, registry: &Registry) -> IntCounterVec {
        let metric = IntCounterVec::new(Opts::new(self.name, self.help), self.labels);
        register(registry, metric.expect("the table's names and labels are valid"))
    }

    pub(super) fn gauge(&self, registry: &Registry) -> IntGaugeVec {
        let metric = IntGaugeVec::new(Opts::new(self.name, self.help), self.labels);
        register(registry, metric.expect("the table's names and labels are valid"))
    }

    pub(super) fn float_gauge(&self, registry: &Registry) -> GaugeVec {
        let metric = GaugeVec::new(Opts::new(self.name, self.help), self.labels);
        register(registry, metric.expect("the table's names and labels are valid"))
    }

    pub(super) fn histogram(&self, registry: &Registry) -> HistogramVec {
        let buckets = if let Kind::Histogram(buckets) = self.kind { buckets.to_vec() } else { Vec::new() };
        let options = HistogramOpts::new(self.name, self.help).buckets(buckets);
        let metric = HistogramVec::new(options, self.labels);
        register(registry, metric.expect("the table's names and labels are valid"))
    }
}

fn register<C: Collector + Clone + 'static>(registry: &Registry, metric: C) -> C {
    registry.register(Box::new(metric.clone())).expect("each metric of the table is made once");
    metric
}
