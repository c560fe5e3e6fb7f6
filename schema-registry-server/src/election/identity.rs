//! What instances tell each other through their group, byte for byte as Confluent's registry does (protocol type `sr`, protocol
//! `v0`): a member's identity is its metadata, and the leader's identity everybody's assignment.

use medallion_schema_registry::json::Json;

use crate::settings::Scheme;

/// The protocol type of the group.
pub(super) const PROTOCOL_TYPE: &str = "sr";
/// The protocol's name.
pub(super) const PROTOCOL: &str = "v0";
/// The version of both documents.
const VERSION: i32 = 1;
/// `DUPLICATE_URLS`
const DUPLICATE_ADDRESSES: i32 = 1;

/// An instance (`SchemaRegistryIdentity`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) scheme: Scheme,
    pub(super) host: String,
    pub(super) port: u16,
    /// `leader.eligibility`
    pub(super) is_eligible: bool,
    /// Whether it is the leader now, for `leader.election.sticky`.
    pub(super) is_leader: bool,
}

impl Identity {
    /// Where it is reached; instances are compared by this.
    pub(super) fn url(&self) -> String {
        format!("{}://{}:{}", self.scheme, self.host, self.port)
    }

    fn to_json(&self) -> Json {
        [
            ("version", Json::from(VERSION)),
            ("host", Json::from(&*self.host)),
            ("port", Json::from(i32::from(self.port))),
            ("master_eligibility", Json::Bool(self.is_eligible)),
            ("scheme", Json::String(self.scheme.to_string())),
            ("leader", Json::Bool(self.is_leader)),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
    }

    fn from_json(json: &Json) -> Result<Self, String> {
        let host = json.get_str("host").ok_or("it has no host")?.to_owned();
        let port = json.get("port").and_then(Json::as_i32).and_then(|port| u16::try_from(port).ok());
        let flag = |name: &str| json.get(name).and_then(Json::as_bool).unwrap_or(false);
        Ok(Self {
            scheme: if json.get_str("scheme") == Some("https") { Scheme::Https } else { Scheme::Http },
            host,
            port: port.ok_or("it has no port")?,
            is_eligible: flag("master_eligibility"),
            is_leader: flag("leader"),
        })
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        self.to_json().to_string().into_bytes()
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, String> {
        Self::from_json(&parse(bytes)?)
    }
}

/// What an election has come to (`Assignment`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Outcome {
    /// Several instances have one address, so that none can be told from the others.
    pub(super) has_duplicates: bool,
    /// The leader's id in the group, and its identity; none where nobody is eligible.
    pub(super) leader: Option<(String, Identity)>,
}

impl Outcome {
    pub(super) fn encode(&self) -> Vec<u8> {
        let error = if self.has_duplicates { DUPLICATE_ADDRESSES } else { 0 };
        let mut entries =
            vec![("version".to_owned(), Json::from(VERSION)), ("error".to_owned(), Json::from(error))];
        if let Some((member, identity)) = &self.leader {
            entries.push(("master".to_owned(), Json::from(&**member)));
            entries.push(("master_identity".to_owned(), identity.to_json()));
        }
        entries.into_iter().collect::<Json>().to_string().into_bytes()
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, String> {
        let json = parse(bytes)?;
        let identity = json.get("master_identity").filter(|identity| !identity.is_null());
        let identity = identity.map(Identity::from_json).transpose()?;
        let member = json.get_str("master").unwrap_or_default().to_owned();
        Ok(Self {
            has_duplicates: json.get("error").and_then(Json::as_i32).unwrap_or(0) != 0,
            leader: identity.map(|identity| (member, identity)),
        })
    }
}

fn parse(bytes: &[u8]) -> Result<Json, String> {
    let text = std::str::from_utf8(bytes).map_err(|error| error.to_string())?;
    Json::parse(text).map_err(|error| error.to_string())
}

/// Chooses the leader: of the eligible members the one with the smallest address; with `is_sticky` the one that is leader
/// already, if exactly one says so.
pub(super) fn elect(members: &[(String, Identity)], is_sticky: bool) -> Outcome {
    let mut urls: Vec<String> = members.iter().map(|(_, identity)| identity.url()).collect();
    urls.sort();
    let has_duplicates = urls.windows(2).any(|pair| pair[0] == pair[1]);
    let eligible = || members.iter().filter(|(_, identity)| identity.is_eligible);
    let mut leaders = eligible().filter(|(_, identity)| is_sticky && identity.is_leader);
    let leader = match (leaders.next(), leaders.next()) {
        (Some(only), None) => Some(only),
        _ => eligible().min_by_key(|(_, identity)| identity.url()),
    };
    Outcome { has_duplicates, leader: leader.cloned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(id: &str, host: &str, is_eligible: bool, is_leader: bool) -> (String, Identity) {
        let host = host.to_owned();
        (id.to_owned(), Identity { scheme: Scheme::Http, host, port: 8081, is_eligible, is_leader })
    }

    fn leader_of(members: &[(String, Identity)], is_sticky: bool) -> Option<String> {
        elect(members, is_sticky).leader.map(|(id, _)| id)
    }

    #[test]
    fn the_smallest_eligible_address_leads() {
        let members =
            [member("1", "c", true, true), member("2", "b", true, false), member("3", "a", false, false)];
        assert_eq!(leader_of(&members, false).as_deref(), Some("2"));
        assert_eq!(leader_of(&members, true).as_deref(), Some("1"));
        assert_eq!(leader_of(&members[2..], false), None);
        assert!(!elect(&members, false).has_duplicates);
        let twice = [member("1", "a", true, true), member("2", "a", true, true)];
        assert!(elect(&twice, true).has_duplicates);
        assert_eq!(leader_of(&twice, true).as_deref(), Some("1"), "two that say so are none");
    }

    #[test]
    fn documents_are_confluents() {
        let (_, identity) = member("", "a.example", true, false);
        let text = r#"{"version":1,"host":"a.example","port":8081,"master_eligibility":true,"scheme":"http","leader":false}"#;
        assert_eq!(String::from_utf8(identity.encode()).as_deref(), Ok(text));
        assert_eq!(Identity::decode(text.as_bytes()), Ok(identity.clone()));
        // Of releases before the sticky leader.
        let old = r#"{"version":1,"host":"b","port":1,"master_eligibility":false}"#;
        assert_eq!(
            Identity::decode(old.as_bytes()).map(|old| (old.url(), old.is_eligible)),
            Ok(("http://b:1".to_owned(), false))
        );
        let outcome = Outcome { has_duplicates: false, leader: Some(("sr-1".to_owned(), identity)) };
        let written = format!(r#"{{"version":1,"error":0,"master":"sr-1","master_identity":{text}}}"#);
        assert_eq!(String::from_utf8(outcome.encode()).as_deref(), Ok(written.as_str()));
        assert_eq!(Outcome::decode(written.as_bytes()), Ok(outcome));
        let nobody = Outcome { has_duplicates: true, leader: None };
        assert_eq!(Outcome::decode(&nobody.encode()), Ok(nobody));
        assert!(Identity::decode(b"[]").is_err() && Outcome::decode(b"\xff").is_err());
    }
}
