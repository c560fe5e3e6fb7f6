//! The tables of all settings.

mod client_metrics;
mod controller;
mod group;
mod groups;
mod log;
mod medallion;
mod network;
mod reasons;
mod replication;
mod requests;
mod security;
mod tiered_storage;
mod topic;
mod transactions;

use super::declaration::Declaration;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// The prefix of the settings that Kafka does not have.
pub const OWN_PREFIX: &str = "medallion.";

/// The settings of one kind of resource, by name.
pub type Table = BTreeMap<&'static str, &'static Declaration>;

fn table(rows: impl IntoIterator<Item = &'static Declaration>) -> Table {
    rows.into_iter().map(|declaration| (declaration.name, declaration)).collect()
}

/// All settings of a broker, Kafka's and our own.
pub fn broker() -> &'static Table {
    static TABLE: LazyLock<Table> =
        LazyLock::new(|| table(chapters().into_iter().flat_map(|(_, rows)| rows)));
    &TABLE
}

/// All settings of a topic.
pub fn topic() -> &'static Table {
    static TABLE: LazyLock<Table> = LazyLock::new(|| table(topic::SETTINGS));
    &TABLE
}

/// All settings of a group.
pub fn group() -> &'static Table {
    static TABLE: LazyLock<Table> = LazyLock::new(|| table(group::SETTINGS));
    &TABLE
}

/// All settings of a client metrics subscription.
pub fn client_metrics() -> &'static Table {
    static TABLE: LazyLock<Table> = LazyLock::new(|| table(client_metrics::SETTINGS));
    &TABLE
}

/// The broker settings table by table with a title each, for the reference page.
pub(super) fn chapters() -> [(&'static str, &'static [Declaration]); 10] {
    [
        ("Listeners and connections", network::SETTINGS),
        ("Logs", log::SETTINGS),
        ("Node and metadata", controller::SETTINGS),
        ("Requests, topics and background work", requests::SETTINGS),
        ("Medallion's own", medallion::SETTINGS),
        ("Replication", replication::SETTINGS),
        ("Groups and offsets", groups::SETTINGS),
        ("Transactions", transactions::SETTINGS),
        ("Security", security::SETTINGS),
        ("Tiered storage", tiered_storage::SETTINGS),
    ]
}
