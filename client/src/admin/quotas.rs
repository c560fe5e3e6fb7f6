//! Quotas of users, clients and addresses (KIP-546).

use std::collections::BTreeMap;
use std::fmt;

use medallion_wire::messages::describe_client_quotas_request::ComponentData;
use medallion_wire::messages::{
    AlterClientQuotasRequest, DescribeClientQuotasRequest, alter_client_quotas_request,
    alter_client_quotas_response, describe_client_quotas_response,
};

use super::{Admin, Asked, Each, outcome, text};
use crate::error::Error;

/// Who a quota is for: names by the type of entity (`user`, `client-id`, `ip`); `None` for all that have none of their own.
///
/// ```
/// use medallion_client::admin::QuotaEntity;
///
/// let billing = QuotaEntity::default().named("user", "billing").default_of("client-id");
/// assert_eq!(billing.to_string(), "default client-id, user billing");
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QuotaEntity {
    /// Names by type.
    pub names: BTreeMap<String, Option<String>>,
}

impl QuotaEntity {
    /// Adds a name of this type.
    #[must_use]
    pub fn named(mut self, kind: impl Into<String>, name: impl Into<String>) -> Self {
        self.names.insert(kind.into(), Some(name.into()));
        self
    }

    /// Adds what counts for all of this type that have no quota of their own.
    #[must_use]
    pub fn default_of(mut self, kind: impl Into<String>) -> Self {
        self.names.insert(kind.into(), None);
        self
    }
}

impl fmt::Display for QuotaEntity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (kind, name)) in self.names.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            match name {
                Some(name) => write!(f, "{comma}{kind} {name}")?,
                None => write!(f, "{comma}default {kind}")?,
            }
        }
        Ok(())
    }
}

/// Which names of a type of entity are looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QuotaMatch {
    /// This one.
    Exact(String),
    /// What counts for all that have none of their own.
    Default,
    /// Any.
    Any,
}

/// Which entities are described.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct QuotaFilter {
    /// What must match, by type; an entity needs all of these types.
    pub components: BTreeMap<String, QuotaMatch>,
    /// Whether entities that have further types are left out.
    pub is_strict: bool,
}

/// Changes of one entity's quotas, by name (`producer_byte_rate`, ...); `None` removes one.
pub type QuotaChanges = BTreeMap<String, Option<f64>>;

impl Admin {
    /// The quotas of all entities that match, by the quotas' names.
    ///
    /// # Errors
    /// Where no broker answers within `default.api.timeout.ms`, or it refuses the filter.
    pub async fn describe_client_quotas(
        &self,
        filter: &QuotaFilter,
    ) -> Result<BTreeMap<QuotaEntity, BTreeMap<String, f64>>, Error> {
        let component = |(kind, name): (&String, &QuotaMatch)| {
            let (code, name) = match name {
                QuotaMatch::Exact(name) => (0, Some(text(name))),
                QuotaMatch::Default => (1, None),
                QuotaMatch::Any => (2, None),
            };
            ComponentData::default().with_entity_type(text(kind)).with_match_type(code).with_match(name)
        };
        let request = DescribeClientQuotasRequest::default()
            .with_components(filter.components.iter().map(component).collect())
            .with_strict(filter.is_strict);
        let response = self.ask(Asked::Any, request).await?;
        let message = response.error_message.as_ref();
        let entries = outcome(response.error_code, "quotas", message, response.entries.unwrap_or_default())?;
        let entry = |entry: &describe_client_quotas_response::EntryData| {
            let values = entry.values.iter().map(|value| (value.key.to_string(), value.value));
            let names = entry.entity.iter().map(|one| (&one.entity_type, one.entity_name.as_ref()));
            (entity(names), values.collect())
        };
        Ok(entries.iter().map(entry).collect())
    }

    /// Changes quotas; those that are not named stay.
    ///
    /// # Errors
    /// Where no broker answers within `default.api.timeout.ms`.
    pub async fn alter_client_quotas(
        &self,
        changes: &BTreeMap<QuotaEntity, QuotaChanges>,
    ) -> Result<Each<QuotaEntity, ()>, Error> {
        use alter_client_quotas_request::{EntityData, EntryData, OpData};
        let entry = |(entity, changes): (&QuotaEntity, &QuotaChanges)| {
            let names = entity.names.iter().map(|(kind, name)| {
                EntityData::default().with_entity_type(text(kind)).with_entity_name(name.as_deref().map(text))
            });
            let ops = changes.iter().map(|(key, value)| {
                OpData::default()
                    .with_key(text(key))
                    .with_value(value.unwrap_or_default())
                    .with_remove(value.is_none())
            });
            EntryData::default().with_entity(names.collect()).with_ops(ops.collect())
        };
        let request = AlterClientQuotasRequest::default().with_entries(changes.iter().map(entry).collect());
        let response = self.ask(Asked::Controller, request).await?;
        let result = |entry: &alter_client_quotas_response::EntryData| {
            let names = entry.entity.iter().map(|one| (&one.entity_type, one.entity_name.as_ref()));
            let entity = entity(names);
            let subject = format!("quotas of {entity}");
            (entity, outcome(entry.error_code, &subject, entry.error_message.as_ref(), ()))
        };
        Ok(response.entries.iter().map(result).collect())
    }
}

fn entity<'a, T: ToString + 'a>(names: impl Iterator<Item = (&'a T, Option<&'a T>)>) -> QuotaEntity {
    QuotaEntity { names: names.map(|(kind, name)| (kind.to_string(), name.map(T::to_string))).collect() }
}
