//! Settings of a client metrics subscription.

use super::super::declaration::{Declaration, int, list};

pub(super) const SETTINGS: &[Declaration] = &[
    int("interval.ms").default("300000").doc("Time between two pushes of a client, in milliseconds."),
    list("match").default("").list_or_empty(&[]).doc(
        "Which clients push, as attribute=expression pairs that must all match: \
             `client_id`, `client_instance_id`, `client_software_name`, `client_software_version`, \
             `client_source_address`, `client_source_port`; expressions have no look-around and no \
             back references.",
    ),
    list("metrics").default("").list_or_empty(&[]).doc("Prefixes of the metrics to push; `*` for all."),
];
