//! The APIs of Apache Kafka 4.3.1: their numbers, names and header versions.
//!
//! What a listener advertises is the broker's choice; this table tells what exists.

mod generated;

/// One API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Api {
    key: i16,
    name: &'static str,
    first: i16,
    last: i16,
    flexible_from: i16,
    on_broker: bool,
    on_controller: bool,
}

/// The key of `ApiVersions`, whose response header never has tagged fields: a client cannot know yet whether the broker
/// understands them.
pub const API_VERSIONS: i16 = 18;

impl Api {
    /// The API with `key`; `None` for one that Kafka 4.3.1 does not have.
    pub fn of(key: i16) -> Option<&'static Self> {
        let apis = generated::APIS;
        // The keys have few gaps, so the entry stands at the key or shortly before it.
        let from = usize::try_from(key).ok()?.min(apis.len().checked_sub(1)?);
        apis[..=from].iter().rev().take_while(|api| api.key >= key).find(|api| api.key == key)
    }

    /// All APIs, by key.
    pub fn all() -> impl Iterator<Item = &'static Self> {
        generated::APIS.iter()
    }

    /// The number in a request's header.
    pub const fn key(&self) -> i16 {
        self.key
    }

    /// Kafka's name, as `ListOffsets`.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The first version that Kafka 4.3.1 takes.
    pub const fn first_version(&self) -> i16 {
        self.first
    }

    /// The last version that Kafka 4.3.1 takes without `unstable.api.versions.enable`.
    pub const fn last_version(&self) -> i16 {
        self.last
    }

    /// Whether Kafka 4.3.1 takes `version`.
    pub const fn has_version(&self, version: i16) -> bool {
        self.first <= version && version <= self.last
    }

    /// Whether Kafka's brokers take it from clients.
    pub const fn on_broker(&self) -> bool {
        self.on_broker
    }

    /// Whether Kafka's controllers take it.
    pub const fn on_controller(&self) -> bool {
        self.on_controller
    }

    /// The version of the header of a request in `version`: 2 (with tagged fields) where the version is flexible, else 1.
    pub const fn request_header_version(&self, version: i16) -> i16 {
        if version >= self.flexible_from { 2 } else { 1 }
    }

    /// The version of the header of a response in `version`: 1 (with tagged fields) where the version is flexible, else 0.
    pub const fn response_header_version(&self, version: i16) -> i16 {
        if version >= self.flexible_from && self.key != API_VERSIONS { 1 } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::messages::ApiKey;

    #[test]
    fn apis_are_found_by_their_keys() {
        let keys: Vec<i16> = Api::all().map(Api::key).collect();
        assert!(keys.is_sorted(), "{keys:?}");
        for key in -2..200 {
            assert_eq!(Api::of(key).map(Api::key), keys.contains(&key).then_some(key));
        }
        assert_eq!(Api::of(i16::MAX), None);
        assert_eq!(Api::of(2).map(Api::name), Some("ListOffsets"));
    }

    #[test]
    fn header_versions_agree_with_kafka_protocol() {
        for api in Api::all() {
            // The crate lacks the streams groups' APIs.
            let Ok(key) = ApiKey::try_from(api.key) else { continue };
            for version in api.first..=api.last {
                assert_eq!(
                    api.request_header_version(version),
                    key.request_header_version(version),
                    "{api:?}"
                );
                assert_eq!(
                    api.response_header_version(version),
                    key.response_header_version(version),
                    "{api:?}"
                );
            }
        }
    }
}
