//! What tests do with quotas over a plain connection.
#![allow(dead_code, reason = "each test takes what it needs")]

use medallion_wire::messages::alter_client_quotas_request::{EntityData, EntryData, OpData};
use medallion_wire::messages::describe_client_quotas_request::ComponentData;
use medallion_wire::messages::{AlterClientQuotasRequest, DescribeClientQuotasRequest};

use super::Connection;

/// The parts of an entity: type and name, `None` for the default.
pub(crate) type Entity<'a> = &'a [(&'static str, Option<&'static str>)];

/// Sets one quota, or removes it; what is said of it.
pub(crate) fn try_alter(
    connection: &mut Connection,
    entity: Entity<'_>,
    key: &'static str,
    value: Option<f64>,
) -> (i16, Option<String>) {
    let part = |(kind, name): &(&'static str, Option<&'static str>)| {
        EntityData::default().with_entity_type((*kind).into()).with_entity_name(name.map(Into::into))
    };
    let operation = OpData::default().with_key(key.into()).with_value(value.unwrap_or_default());
    let entry = EntryData::default()
        .with_entity(entity.iter().map(part).collect())
        .with_ops(vec![operation.with_remove(value.is_none())]);
    let request = AlterClientQuotasRequest::default().with_entries(vec![entry]);
    let entry = connection.ask(1, &request).entries.remove(0);
    (entry.error_code, entry.error_message.map(|message| message.to_string()))
}

/// Sets one quota, or removes it.
pub(crate) fn alter(connection: &mut Connection, entity: Entity<'_>, key: &'static str, value: Option<f64>) {
    assert_eq!(try_alter(connection, entity, key, value), (0, None));
}

/// The quotas that a filter picks, printed. A component is its type, how it matches (0 exactly, 1 the default, 2 any), and
/// the name.
pub(crate) fn describe(
    connection: &mut Connection,
    filter: &[(&'static str, i8, Option<&'static str>)],
    strict: bool,
) -> Result<Vec<String>, (i16, String)> {
    let component = |(kind, match_type, name): &(&'static str, i8, Option<&'static str>)| {
        ComponentData::default()
            .with_entity_type((*kind).into())
            .with_match_type(*match_type)
            .with_match(name.map(Into::into))
    };
    let request = DescribeClientQuotasRequest::default()
        .with_components(filter.iter().map(component).collect())
        .with_strict(strict);
    let response = connection.ask(1, &request);
    let Some(entries) = response.entries else {
        let message = response.error_message.map(|message| message.to_string());
        return Err((response.error_code, message.unwrap_or_default()));
    };
    assert_eq!((response.error_code, response.error_message.as_deref()), (0, Some("")), "as Kafka has it");
    let printed = entries.iter().map(|entry| {
        let parts = entry.entity.iter().map(|part| {
            let name = part.entity_name.as_ref().map_or("<default>", |name| name.as_str());
            format!("{}={name}", part.entity_type.as_str())
        });
        let values = entry.values.iter().map(|value| format!("{}={}", value.key.as_str(), value.value));
        format!("{}: {}", parts.collect::<Vec<_>>().join(" "), values.collect::<Vec<_>>().join(" "))
    });
    Ok(printed.collect())
}
