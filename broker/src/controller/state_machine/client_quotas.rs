//! Changes of client quotas (KIP-546).

use std::collections::{BTreeMap, BTreeSet};

use m::alter_client_quotas_request::EntryData as Request;
use m::alter_client_quotas_response::{EntityData as ReplyEntity, EntryData as Outcome};
use medallion_wire::ResponseError;
use medallion_wire::messages as m;

use super::ApiError;
use super::decision::Decision;
use crate::controller::image::{MetadataImage, QuotaEntity};
use crate::controller::records::{ClientQuotaRecord, MetadataRecord, quota_entity};

/// What a client asks to change.
#[derive(Debug, Clone, Default)]
pub(crate) struct QuotaAlteration {
    /// The request.
    pub(crate) request: m::AlterClientQuotasRequest,
    /// The host names in it that have no address.
    pub(crate) unknown_hosts: BTreeSet<String>,
}

/// How a quota's value is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Long,
    Int,
    Double,
}

fn unit(entity: &QuotaEntity, key: &str) -> Option<Unit> {
    if entity.name("ip").is_some() {
        return (key == "connection_creation_rate").then_some(Unit::Int);
    }
    Some(match key {
        "producer_byte_rate" | "consumer_byte_rate" => Unit::Long,
        "request_percentage" | "controller_mutation_rate" => Unit::Double,
        _ => return None,
    })
}

/// Changes the quotas of entities; each succeeds or fails for itself.
pub(crate) fn alter(
    image: &MetadataImage,
    alteration: &QuotaAlteration,
) -> Decision<m::AlterClientQuotasResponse> {
    let request = &alteration.request;
    let mut records = Vec::new();
    let mut outcomes: BTreeMap<QuotaEntity, Result<(), ApiError>> = BTreeMap::new();
    for entry in &request.entries {
        let entity = entity_of(entry);
        let duplicate = || invalid(format!("Ignoring duplicate entity {}", describe(&entity)));
        if let Some(earlier) = outcomes.get_mut(&entity) {
            *earlier = Err(duplicate());
            continue;
        }
        let outcome = if has_duplicate_key(entry) {
            Err(duplicate())
        } else {
            let changes = alter_one(image, &alteration.unknown_hosts, &entity, entry);
            changes.map(|more| records.extend(more))
        };
        outcomes.insert(entity, outcome);
    }
    if request.validate_only {
        records.clear();
    }
    let outcome = |(entity, outcome): (QuotaEntity, Result<(), ApiError>)| {
        let error = outcome.err();
        let (code, message) = error.map_or((0, None), |error| (error.code(), error.message));
        let parts = entity.0.iter().map(|(kind, name)| {
            ReplyEntity::default()
                .with_entity_type(kind.to_string().into())
                .with_entity_name(name.as_ref().map(|name| name.to_string().into()))
        });
        Outcome::default()
            .with_error_code(code)
            .with_error_message(message.map(Into::into))
            .with_entity(parts.collect())
    };
    let entries = outcomes.into_iter().map(outcome).collect();
    Decision { records, reply: m::AlterClientQuotasResponse::default().with_entries(entries) }
}

/// Kafka calls the entity duplicate then, whatever else is wrong with it.
fn has_duplicate_key(entry: &Request) -> bool {
    let mut seen = BTreeSet::new();
    !entry.ops.iter().all(|operation| seen.insert(&*operation.key))
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new(ResponseError::InvalidRequest, message)
}

fn entity_of(entry: &Request) -> QuotaEntity {
    let part = |part: &m::alter_client_quotas_request::EntityData| {
        ((&*part.entity_type).into(), part.entity_name.as_ref().map(|name| (&**name).into()))
    };
    QuotaEntity(entry.entity.iter().map(part).collect())
}

/// As Kafka prints an entity: in the order of its hash map.
fn describe(entity: &QuotaEntity) -> String {
    let (ip, others): (Vec<_>, Vec<_>) = entity.0.iter().partition(|(kind, _)| &***kind == "ip");
    let parts = others.into_iter().chain(ip);
    let parts: Vec<String> =
        parts.map(|(kind, name)| format!("{kind}={}", name.as_deref().unwrap_or("null"))).collect();
    format!("ClientQuotaEntity(entries={{{}}})", parts.join(", "))
}

fn alter_one(
    image: &MetadataImage,
    unknown_hosts: &BTreeSet<String>,
    entity: &QuotaEntity,
    entry: &Request,
) -> Result<Vec<MetadataRecord>, ApiError> {
    check_entity(entity, unknown_hosts)?;
    let current = image.client_quotas.get(entity);
    let mut records = Vec::new();
    for operation in &entry.ops {
        let key = &*operation.key;
        let before = current.and_then(|quotas| quotas.get(key)).copied();
        if !operation.remove {
            check_value(entity, key, operation.value)?;
        }
        let changes = if operation.remove { before.is_some() } else { before != Some(operation.value) };
        if changes {
            let record = ClientQuotaRecord {
                entity: quota_entity(entity),
                key: key.to_owned(),
                value: if operation.remove { 0.0 } else { operation.value },
                remove: operation.remove,
                ..ClientQuotaRecord::default()
            };
            records.push(record.into());
        }
    }
    Ok(records)
}

fn check_entity(entity: &QuotaEntity, unknown_hosts: &BTreeSet<String>) -> Result<(), ApiError> {
    if entity.0.is_empty() {
        return Err(invalid("Invalid empty client quota entity"));
    }
    for (kind, name) in &entity.0 {
        if !matches!(&**kind, "user" | "client-id" | "ip") {
            return Err(invalid(format!("Unhandled client quota entity type: {kind}")));
        }
        if name.as_deref() == Some("") {
            return Err(invalid(format!("Empty {kind} not supported")));
        }
    }
    let Some(ip) = entity.name("ip") else { return Ok(()) };
    if entity.0.len() > 1 {
        return Err(invalid(
            "Invalid quota entity combination, IP entity shouldnot be combined with User or ClientId",
        ));
    }
    match ip {
        Some(ip) if unknown_hosts.contains(ip) => {
            Err(invalid(format!("{ip} is not a valid IP or resolvable host.")))
        }
        _ => Ok(()),
    }
}

fn check_value(entity: &QuotaEntity, key: &str, value: f64) -> Result<(), ApiError> {
    let unit = unit(entity, key).ok_or_else(|| invalid(format!("Invalid configuration key {key}")))?;
    if value <= 0.0 || value.is_nan() {
        return Err(invalid(format!("Quota {key} must be greater than 0")));
    }
    let (largest, name) = match unit {
        Unit::Double => return Ok(()),
        Unit::Int => (f64::from(i32::MAX), "an INT"),
        Unit::Long => (9_223_372_036_854_775_807.0, "a LONG"),
    };
    if value > largest {
        return Err(invalid(format!("Proposed value for {key} is too large for {name}.")));
    }
    if (value % 1.0).abs() > 1e-6 {
        return Err(invalid(format!("{key} cannot be a fractional value.")));
    }
    Ok(())
}
