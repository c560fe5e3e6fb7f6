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
    /// All kinds, each at the place that [`QuotaKind::index`] gives it.
    pub(crate) const ALL: [Self; 4] = [Self::Produce, Self::Fetch, Self::Request, Self::ControllerMutation];

    /// Its place in tables by kind.
    pub(crate) fn index(self) -> usize {
        match self {
            Self::Produce => 0,
            Self::Fetch => 1,
            Self::Request => 2,
            Self::ControllerMutation => 3,
        }
    }

    /// The quota's key in Kafka's metadata.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Produce => "producer_byte_rate",
            Self::Fetch => "consumer_byte_rate",
            Self::Request => "request_percentage",
            Self::ControllerMutation => "controller_mutation_rate",
        }
    }

    fn from_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.key() == key)
    }
}

/// Who uses something, or whose usage is added up: there, an empty text stands for "all".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Client<'a> {
    /// The user's name.
    pub(crate) user: &'a str,
    /// The request's `client.id`; empty where it had none.
    pub(crate) client_id: &'a str,
}

/// The quotas of users and client ids, by kind.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct QuotaTable {
    by_kind: [KindTable; QuotaKind::ALL.len()],
}

#[derive(Debug, Clone, Default, PartialEq)]
struct KindTable {
    count: usize,
    users: HashMap<Arc<str>, UserQuotas>,
    default_user: UserQuotas,
    /// Of client ids, whoever the user is.
    any_user: ClientIdQuotas,
}

#[derive(Debug, Clone, Default, PartialEq)]
struct UserQuotas {
    /// Of everything that the user does.
    whole: Option<f64>,
    /// Of single client ids of the user.
    client_ids: ClientIdQuotas,
}

#[derive(Debug, Clone, Default, PartialEq)]
struct ClientIdQuotas {
    named: HashMap<Arc<str>, f64>,
    default: Option<f64>,
}

impl ClientIdQuotas {
    fn set(&mut self, client_id: Option<&Arc<str>>, quota: f64) {
        match client_id {
            Some(client_id) => {
                let _ = self.named.insert(Arc::clone(client_id), quota);
            }
            None => self.default = Some(quota),
        }
    }

    /// As in Kafka a request without client id has no quota of client ids, not even the default one.
    fn find(&self, client_id: &str) -> Option<f64> {
        if client_id.is_empty() {
            return None;
        }
        self.named.get(client_id).copied().or(self.default)
    }
}

impl KindTable {
    fn user(&mut self, user: Option<&Arc<str>>) -> &mut UserQuotas {
        match user {
            Some(user) => self.users.entry(Arc::clone(user)).or_default(),
            None => &mut self.default_user,
        }
    }
}

impl QuotaTable {
    /// Reads the metadata's quotas; those of addresses are not among them.
    pub(crate) fn new(quotas: &OrdMap<QuotaEntity, OrdMap<Arc<str>, f64>>) -> Self {
        let mut table = Self::default();
        for (entity, values) in quotas {
            let (user, client_id) = (entity.0.get("user"), entity.0.get("client-id"));
            for (key, quota) in values {
                let Some(kind) = QuotaKind::from_key(key) else { continue };
                let of_kind = &mut table.by_kind[kind.index()];
                match (user, client_id) {
                    (None, None) => continue,
                    (Some(user), None) => of_kind.user(user.as_ref()).whole = Some(*quota),
                    (None, Some(client_id)) => of_kind.any_user.set(client_id.as_ref(), *quota),
                    (Some(user), Some(client_id)) => {
                        of_kind.user(user.as_ref()).client_ids.set(client_id.as_ref(), *quota);
                    }
                }
                of_kind.count += 1;
            }
        }
        table
    }

    /// Whether anybody has a quota of this kind.
    pub(crate) fn has(&self, kind: QuotaKind) -> bool {
        self.by_kind[kind.index()].count > 0
    }

    /// The quota that holds, and whose usage counts against it. The most specific one holds, a user's before a client
    /// id's. Source: Kafka's `ClientQuotaManager.DefaultQuotaCallback`.
    pub(crate) fn find<'a>(&self, kind: QuotaKind, client: Client<'a>) -> Option<(f64, Client<'a>)> {
        let table = &self.by_kind[kind.index()];
        let Client { user, client_id } = client;
        let of_both = |quotas: &UserQuotas| Some((quotas.client_ids.find(client_id)?, client));
        let of_user = |quotas: &UserQuotas| Some((quotas.whole?, Client { user, client_id: "" }));
        let own = table.users.get(user);
        own.and_then(of_both)
            .or_else(|| own.and_then(of_user))
            .or_else(|| of_both(&table.default_user))
            .or_else(|| of_user(&table.default_user))
            .or_else(|| Some((table.any_user.find(client_id)?, Client { user: "", client_id })))
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

    fn of(user: &'static str, client_id: &'static str) -> Client<'static> {
        Client { user, client_id }
    }

    /// Types and names, and whose usage counts.
    type Ranked = (&'static [(&'static str, Option<&'static str>)], Client<'static>);

    /// All eight kinds of entities, the least specific first, and whose usage counts against the quota of each.
    const BY_PRECEDENCE: [Ranked; 8] = [
        (&[("client-id", None)], Client { user: "", client_id: "c" }),
        (&[("client-id", Some("c"))], Client { user: "", client_id: "c" }),
        (&[("user", None)], Client { user: "u", client_id: "" }),
        (&[("user", None), ("client-id", None)], Client { user: "u", client_id: "c" }),
        (&[("user", None), ("client-id", Some("c"))], Client { user: "u", client_id: "c" }),
        (&[("user", Some("u"))], Client { user: "u", client_id: "" }),
        (&[("user", Some("u")), ("client-id", None)], Client { user: "u", client_id: "c" }),
        (&[("user", Some("u")), ("client-id", Some("c"))], Client { user: "u", client_id: "c" }),
    ];

    /// The quotas of some of the entities above: the value of each is its place.
    fn table(present: impl Fn(usize) -> bool) -> QuotaTable {
        let mut quotas = OrdMap::new();
        let mut value = 0.0;
        for (place, (parts, _)) in BY_PRECEDENCE.iter().enumerate() {
            value += 1.0;
            if present(place) {
                let _ = quotas.insert(entity(parts), OrdMap::unit(Arc::from("producer_byte_rate"), value));
            }
        }
        QuotaTable::new(&quotas)
    }

    #[test]
    fn the_most_specific_quota_holds_in_every_combination() {
        for combination in 1_usize..256 {
            let table = table(|place| combination >> place & 1 == 1);
            let (quota, whose) = table.find(QuotaKind::Produce, of("u", "c")).expect("a quota");
            let place = usize::try_from(combination.ilog2()).expect("small");
            assert_eq!(format!("{quota}"), format!("{}", place + 1), "{combination:08b}");
            assert_eq!(whose, BY_PRECEDENCE[place].1, "{combination:08b}");
        }
    }

    #[test]
    fn others_have_the_defaults() {
        let table = table(|_| true);
        assert_eq!(table.find(QuotaKind::Produce, of("v", "d")), Some((4.0, of("v", "d"))));
        assert_eq!(table.find(QuotaKind::Produce, of("v", "c")), Some((5.0, of("v", "c"))));
        assert_eq!(table.find(QuotaKind::Produce, of("u", "d")), Some((7.0, of("u", "d"))));
        assert_eq!(table.find(QuotaKind::Fetch, of("u", "c")), None, "another kind");
        assert!(table.has(QuotaKind::Produce) && !table.has(QuotaKind::Fetch));
    }

    #[test]
    fn without_a_client_id_only_quotas_of_users_hold() {
        let all = table(|_| true);
        assert_eq!(all.find(QuotaKind::Produce, of("u", "")), Some((6.0, of("u", ""))));
        assert_eq!(all.find(QuotaKind::Produce, of("v", "")), Some((3.0, of("v", ""))));
        let of_client_ids = table(|place| place < 2 || place == 6);
        assert_eq!(of_client_ids.find(QuotaKind::Produce, of("u", "")), None);
    }

    #[test]
    fn quotas_of_addresses_are_not_for_clients() {
        let values = OrdMap::unit(Arc::from("connection_creation_rate"), 5.0);
        let table = QuotaTable::new(&OrdMap::unit(entity(&[("ip", None)]), values));
        assert_eq!(table, QuotaTable::default());
    }
}
