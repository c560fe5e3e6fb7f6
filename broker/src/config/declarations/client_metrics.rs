//! Settings of a client metrics subscription.

use super::super::declaration::{Declaration, int, list};
use super::reasons::CLIENT_METRICS;

pub(super) const SETTINGS: &[Declaration] = &[
    int("interval.ms")
        .default("300000")
        .without_effect(CLIENT_METRICS)
        .doc("Time between two pushes of a client, in milliseconds."),
    list("match")
        .default("")
        .list_or_empty(&[])
        .without_effect(CLIENT_METRICS)
        .doc("Which clients push, as key=pattern pairs."),
    list("metrics")
        .default("")
        .list_or_empty(&[])
        .without_effect(CLIENT_METRICS)
        .doc("Prefixes of the metrics to push; `*` for all."),
];
