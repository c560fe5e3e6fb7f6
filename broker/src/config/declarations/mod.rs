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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::declaration::DefaultValue;
    use std::collections::BTreeSet;

    /// What Apache Kafka 4.3.1 declares.
    const KAFKA: &str = include_str!("../../../testdata/kafka-4.3.1-settings.tsv");

    fn table_of(kind: &str) -> &'static Table {
        match kind {
            "broker" => broker(),
            "topic" => topic(),
            "group" => group(),
            _ => client_metrics(),
        }
    }

    #[test]
    fn every_setting_of_kafka_is_declared_with_its_facts() {
        let mut rows = 0;
        for line in KAFKA.lines().skip(1) {
            let fields: Vec<&str> = line.split('\t').collect();
            let [kind, name, value_type, default, importance, internal, update_mode, synonyms] = fields[..]
            else {
                panic!("{line}");
            };
            let declaration =
                table_of(kind).get(name).unwrap_or_else(|| panic!("{kind} {name} is not declared"));
            let ours = match declaration.default {
                DefaultValue::Required => "<none>",
                DefaultValue::Null => "<null>",
                DefaultValue::Value(text) => text,
            };
            assert_eq!(ours, default, "{name}");
            assert_eq!(declaration.value_type.to_string(), value_type, "{name}");
            assert_eq!(declaration.importance.to_string(), importance, "{name}");
            assert_eq!(declaration.internal.to_string(), internal, "{name}");
            if kind == "broker" {
                assert_eq!(declaration.update_mode.to_string(), update_mode, "{name}");
            }
            assert_eq!(declaration.broker_synonyms.join(" "), synonyms, "{name}");
            rows += 1;
        }
        assert_eq!(rows, 414);
    }

    #[test]
    fn every_declaration_is_kafkas_or_our_own_and_stands_once() {
        let kafkas: BTreeSet<(&str, &str)> = KAFKA
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once('\t'))
            .map(|(kind, rest)| (kind, rest.split('\t').next().unwrap_or_default()))
            .collect();
        for kind in ["broker", "topic", "group", "client-metrics"] {
            for name in table_of(kind).keys() {
                let own = kind == "broker" && name.starts_with(OWN_PREFIX);
                assert!(own != kafkas.contains(&(kind, name)), "{kind} {name}");
            }
        }
        let rows: usize = chapters().iter().map(|(_, rows)| rows.len()).sum();
        assert_eq!(rows, broker().len(), "a setting stands in two tables");
    }

    #[test]
    fn every_declaration_says_what_it_is() {
        for kind in ["broker", "topic", "group", "client-metrics"] {
            for declaration in table_of(kind).values() {
                assert!(declaration.doc.ends_with('.'), "{}", declaration.name);
            }
        }
    }
}
