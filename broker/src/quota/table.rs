//! Which quota holds for whom.

use std::collections::HashMap;
use std::sync::Arc;

use imbl::OrdMap;

use crate::controller::image::QuotaEntity;

/// What is limited. Names are those of Kafka's quota keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum QuotaKind {
    /// `producer_byte_rate`, bytes a second.
    Produce,
    /// `consumer_byte_rate`, bytes a second.
    Fetch,
    /// `request_percentage`, hundredths of one thread's time.
    Request,
    /// `controller_mutation_rate`, partitions made or removed a second.
    ControllerMutation,
}

impl QuotaKind {
    fn from_key(key: &str) -> Option<Self> {
        Some(match key {
            "producer_byte_rate" => Self::Produce,
            "consumer_byte_rate" => Self::Fetch,
            "request_percentage" => Self::Request,
            "controller_mutation_rate" => Self::ControllerMutation,
            _ => return None,
        })
    }
}

/// Whose usage is added up: a user, a client id, or a client id of a user. An empty text stands for "all".
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct UsageKey {
    pub(crate) user: Arc<str>,
    pub(crate) client_id: Arc<str>,
}

/// A part of an entity: not named, the default, or a name.
type Part = Option<Option<Arc<str>>>;

/// The default user, or the default client id.
const DEFAULT: Part = Some(None);

/// The quotas of users and client ids, by kind.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct QuotaTable {
    by_entity: HashMap<(QuotaKind, Part, Part), f64>,
}

impl QuotaTable {
    /// Reads the metadata's quotas; those of addresses are not among them.
    pub(crate) fn new(quotas: &OrdMap<QuotaEntity, OrdMap<Arc<str>, f64>>) -> Self {
        let mut table = Self::default();
        for (entity, values) in quotas {
            let part = |kind: &str| entity.0.get(kind).cloned();
            let (user, client_id) = (part("user"), part("client-id"));
            if user.is_none() && client_id.is_none() {
                continue;
            }
            for (key, value) in values {
                if let Some(kind) = QuotaKind::from_key(key) {
                    let _ = table.by_entity.insert((kind, user.clone(), client_id.clone()), *value);
                }
            }
        }
        table
    }

    /// Whether there is no quota at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.by_entity.is_empty()
    }

    /// The quota that holds, and whose usage counts against it. The most specific one holds, a user's before a client
    /// id's, as Kafka documents it.
    pub(crate) fn find(&self, kind: QuotaKind, user: &str, client_id: &str) -> Option<(f64, UsageKey)> {
        if self.by_entity.is_empty() {
            return None;
        }
        let named = |name: &str| Some(Some(Arc::from(name)));
        let (user_part, client_part) = (named(user), named(client_id));
        let in_order: [(Part, Part, bool, bool); 8] = [
            (user_part.clone(), client_part.clone(), true, true),
            (user_part.clone(), DEFAULT, true, true),
            (user_part, None, true, false),
            (DEFAULT, client_part.clone(), true, true),
            (DEFAULT, DEFAULT, true, true),
            (DEFAULT, None, true, false),
            (None, client_part, false, true),
            (None, DEFAULT, false, true),
        ];
        in_order.into_iter().find_map(|(user_part, client_part, by_user, by_client)| {
            let quota = self.by_entity.get(&(kind, user_part, client_part))?;
            let key = UsageKey {
                user: Arc::from(if by_user { user } else { "" }),
                client_id: Arc::from(if by_client { client_id } else { "" }),
            };
            Some((*quota, key))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn entity(parts: &[(&str, Option<&str>)]) -> QuotaEntity {
        let parts = parts.iter().map(|(kind, name)| (Arc::from(*kind), name.map(Arc::from)));
        QuotaEntity(parts.collect::<BTreeMap<_, _>>())
    }

    #[test]
    fn the_most_specific_quota_holds() {
        let entities: [&[(&str, Option<&str>)]; 8] = [
            &[("client-id", None)],
            &[("client-id", Some("c"))],
            &[("user", None)],
            &[("user", None), ("client-id", None)],
            &[("user", None), ("client-id", Some("c"))],
            &[("user", Some("u"))],
            &[("user", Some("u")), ("client-id", None)],
            &[("user", Some("u")), ("client-id", Some("c"))],
        ];
        let mut quotas = OrdMap::new();
        let mut expected_key =
            [("", "c"), ("", "c"), ("u", ""), ("u", "c"), ("u", "c"), ("u", ""), ("u", "c"), ("u", "c")]
                .into_iter();
        for (value, parts) in (1_i32..).zip(entities) {
            let values = OrdMap::unit(Arc::from("producer_byte_rate"), f64::from(value));
            let _ = quotas.insert(entity(parts), values);
            let found = QuotaTable::new(&quotas).find(QuotaKind::Produce, "u", "c").expect("a quota");
            assert!(
                (found.0 - f64::from(value)).abs() < f64::EPSILON,
                "{parts:?} must win over those before"
            );
            let (user, client_id) = expected_key.next().expect("one for each");
            assert_eq!((&*found.1.user, &*found.1.client_id), (user, client_id));
        }
        let table = QuotaTable::new(&quotas);
        assert_eq!(table.find(QuotaKind::Fetch, "u", "c"), None, "another kind");
        assert_eq!(table.find(QuotaKind::Produce, "v", "d").map(|found| found.0), Some(4.0));
    }

    #[test]
    fn quotas_of_addresses_are_not_for_clients() {
        let values = OrdMap::unit(Arc::from("connection_creation_rate"), 5.0);
        let table = QuotaTable::new(&OrdMap::unit(entity(&[("ip", None)]), values));
        assert_eq!(table, QuotaTable::default());
    }
}
