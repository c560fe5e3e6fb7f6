//! AlterClientQuotas: entities, keys and values. None of the quotas holds for the connection that asks.

use medallion_tests::differential::script::{Scenario, Script};
use serde_json::{Value, json};

/// The scenario.
pub(crate) const SCENARIO: Scenario = Scenario {
    api: "AlterClientQuotas",
    // So that no mutation gives a quota to whoever asks.
    frozen: &["EntityType", "EntityName", "Value", "ValidateOnly"],
    run,
    ..super::USUAL
};

/// Types and names.
pub(crate) type Entity<'a> = &'a [(&'a str, Option<&'a str>)];
/// Keys and values; `None` removes.
type Operations<'a> = &'a [(&'a str, Option<f64>)];

fn entry(entity: Entity<'_>, operations: Operations<'_>) -> Value {
    let part = |(kind, name): &(&str, Option<&str>)| json!({ "EntityType": kind, "EntityName": name });
    let operation = |(key, value): &(&str, Option<f64>)| json!({ "Key": key, "Value": value.unwrap_or_default(), "Remove": value.is_none() });
    json!({
        "Entity": entity.iter().map(part).collect::<Vec<_>>(),
        "Ops": operations.iter().map(operation).collect::<Vec<_>>(),
    })
}

/// A request with these quotas.
pub(crate) fn request(entries: &[(Entity<'_>, Operations<'_>)]) -> Value {
    let entries: Vec<_> = entries.iter().map(|(entity, operations)| entry(entity, operations)).collect();
    json!({ "Entries": entries, "ValidateOnly": false })
}

/// Asks first whether a change is good, then for it, then for what holds.
fn alter(script: &mut Script<'_>, case: &str, entries: &[(Entity<'_>, Operations<'_>)]) {
    let mut only = request(entries);
    only["ValidateOnly"] = true.into();
    script.ask(case, only);
    script.ask(case, request(entries));
    let all = json!({ "Components": [], "Strict": false });
    script.look("what holds now", "DescribeClientQuotas", all);
}

fn run(script: &mut Script<'_>) {
    let user: Entity<'_> = &[("user", Some("u"))];
    for operations in [
        &[("producer_byte_rate", Some(1e9)), ("consumer_byte_rate", Some(2e9))] as Operations<'_>,
        &[("producer_byte_rate", Some(1e9))],
        &[("request_percentage", Some(12.5)), ("controller_mutation_rate", Some(0.001))],
        &[("producer_byte_rate", Some(1.5))],
        &[("producer_byte_rate", Some(0.0))],
        &[("producer_byte_rate", Some(-1.0))],
        &[("producer_byte_rate", Some(1e300))],
        &[("request_percentage", Some(1e300))],
        &[("connection_creation_rate", Some(5.0))],
        &[("no.such.key", Some(5.0))],
        &[("no.such.key", None)],
        &[("consumer_byte_rate", None), ("producer_byte_rate", Some(3e9))],
        &[("consumer_byte_rate", None)],
        &[("producer_byte_rate", Some(1e9)), ("producer_byte_rate", Some(2e9))],
        &[("producer_byte_rate", Some(4e9)), ("no.such.key", Some(1.0))],
        &[],
        &[("producer_byte_rate", None), ("request_percentage", None), ("controller_mutation_rate", None)],
    ] {
        alter(script, "a user", &[(user, operations)]);
    }
    for entity in [
        &[("user", Some("u")), ("client-id", Some("c"))] as Entity<'_>,
        &[("client-id", Some("c")), ("user", None)],
        &[("client-id", None)],
        &[("user", Some(""))],
        &[("client-id", Some(""))],
        &[("moon", Some("m"))],
        &[("", None)],
        &[("user", Some("u")), ("user", Some("v"))],
        &[("ip", Some("10.0.0.1")), ("user", Some("u"))],
        &[],
    ] {
        alter(script, "an entity", &[(entity, &[("producer_byte_rate", Some(1e12))])]);
        alter(script, "an entity's removal", &[(entity, &[("producer_byte_rate", None)])]);
    }
    keys(script);
    for address in [Some("10.0.0.1"), Some("::2"), Some("no.such.host.invalid"), Some(""), Some("10.0.0.300")]
    {
        let entity: Entity<'_> = &[("ip", address)];
        for value in [Some(5.0), Some(0.0), Some(2.5), Some(3e9), None] {
            alter(script, "an address", &[(entity, &[("connection_creation_rate", value)])]);
        }
        alter(script, "another key of an address", &[(entity, &[("producer_byte_rate", Some(5.0))])]);
    }
    alter(
        script,
        "an entity twice",
        &[(user, &[("producer_byte_rate", Some(1e9))]), (user, &[("producer_byte_rate", Some(2e9))])],
    );
    let other: Entity<'_> = &[("user", Some("w"))];
    alter(
        script,
        "good and bad",
        &[(user, &[("x", Some(1.0))]), (other, &[("producer_byte_rate", Some(2e9))])],
    );
    alter(script, "nothing", &[]);
    alter(
        script,
        "all gone",
        &[(user, &[("producer_byte_rate", None)]), (other, &[("producer_byte_rate", None)])],
    );
}

/// Each key of each kind of entity.
fn keys(script: &mut Script<'_>) {
    for entity in [
        &[("user", Some("u"))] as Entity<'_>,
        &[("user", None)],
        &[("client-id", Some("c"))],
        &[("user", Some("u")), ("client-id", Some("c"))],
        &[("user", None), ("client-id", None)],
        &[("user", Some("u")), ("client-id", None)],
        &[("user", None), ("client-id", Some("c"))],
        &[("ip", Some("10.0.0.9"))],
    ] {
        let keys = [
            "producer_byte_rate",
            "consumer_byte_rate",
            "request_percentage",
            "controller_mutation_rate",
            "connection_creation_rate",
        ];
        for key in keys {
            alter(script, "a key of a kind of entity", &[(entity, &[(key, Some(1e9))])]);
            alter(script, "a key's removal", &[(entity, &[(key, None)])]);
        }
    }
}
