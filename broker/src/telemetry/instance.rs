//! One client instance: what it is asked for, and when it came last.

use medallion_wire::ResponseError;
use medallion_wire::types::Uuid;

use super::subscription::Wanted;
use crate::config::ClientAttribute;

/// What is known of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ClientAttributes {
    /// Its `client.id`, if it sent one.
    pub(crate) client_id: Option<String>,
    /// The library and its version, if it said so in `ApiVersions`.
    pub(crate) software: Option<(String, String)>,
    /// The address that it connects from.
    pub(crate) source_address: String,
    /// The port that it connects from.
    pub(crate) source_port: String,
}

/// Where a client's request comes from.
pub(crate) trait Origin {
    /// What is known of the client.
    fn attributes(&self) -> ClientAttributes;
    /// This is the first that is heard of the client with this id.
    fn first_heard(&self, id: Uuid);
}

impl ClientAttributes {
    pub(super) fn get<'a>(&'a self, instance_id: &'a str, attribute: ClientAttribute) -> Option<&'a str> {
        match attribute {
            ClientAttribute::InstanceId => Some(instance_id),
            ClientAttribute::ClientId => self.client_id.as_deref(),
            ClientAttribute::SoftwareName => self.software.as_ref().map(|(name, _)| name.as_str()),
            ClientAttribute::SoftwareVersion => self.software.as_ref().map(|(_, version)| version.as_str()),
            ClientAttribute::SourceAddress => Some(&self.source_address),
            ClientAttribute::SourcePort => Some(&self.source_port),
        }
    }
}

/// A client instance. Times are of a clock that never goes back.
#[derive(Debug, Clone)]
pub(super) struct Instance {
    pub(super) attributes: ClientAttributes,
    pub(super) wanted: Wanted,
    pub(super) subscription_id: i32,
    /// Of which subscriptions `wanted` was made.
    pub(super) version: u64,
    pub(super) last_error: Option<ResponseError>,
    pub(super) is_terminating: bool,
    pub(super) expires_ms: i64,
    /// Its place among all instances in the order of use.
    pub(super) used: u64,
    last_get_ms: Option<i64>,
    last_push_ms: Option<i64>,
}

impl Instance {
    pub(super) fn new(id: Uuid, attributes: ClientAttributes, wanted: Wanted, version: u64) -> Self {
        let subscription_id = subscription_id(id, &wanted);
        Self {
            attributes,
            wanted,
            subscription_id,
            version,
            last_error: None,
            is_terminating: false,
            expires_ms: 0,
            used: 0,
            last_get_ms: None,
            last_push_ms: None,
        }
    }

    fn has_passed(&self, since_ms: Option<i64>, now_ms: i64) -> bool {
        since_ms.is_none_or(|since_ms| now_ms - since_ms >= i64::from(self.wanted.interval_ms))
    }

    /// Notes that it asks for its subscription; whether it may already.
    pub(super) fn may_get(&mut self, now_ms: i64) -> bool {
        let may = self.has_passed(self.last_get_ms.max(self.last_push_ms), now_ms);
        if may {
            self.last_get_ms = Some(now_ms);
        }
        may
    }

    /// Notes that it pushes; whether it may already. Behind an answer about its subscription it may at once.
    pub(super) fn may_push(&mut self, now_ms: i64) -> bool {
        let may = self.last_get_ms > self.last_push_ms || self.has_passed(self.last_push_ms, now_ms);
        if may {
            self.last_push_ms = Some(now_ms);
        }
        may
    }
}

/// Names what a client is asked for, and changes with it: the checksum (CRC-32C) of the metrics and the interval, and the
/// client's id folded into 32 bits.
fn subscription_id(id: Uuid, wanted: &Wanted) -> i32 {
    let text = format!("[{}]{}", wanted.metrics.join(", "), wanted.interval_ms);
    let folded =
        id.as_u128().to_be_bytes().chunks_exact(4).fold(0_u32, |folded, part| {
            folded ^ part.iter().fold(0, |word, byte| word << 8 | u32::from(*byte))
        });
    (crc32c::crc32c(text.as_bytes()) ^ folded).cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_change_with_what_is_asked_for() {
        let id = |client: u128, metrics: &[&str], interval_ms| {
            let metrics = metrics.iter().map(|metric| (*metric).to_owned()).collect();
            subscription_id(Uuid::from_u128(client), &Wanted { metrics, interval_ms })
        };
        let all =
            [id(7, &["a"], 1), id(7, &["a", "b"], 1), id(7, &["a"], 2), id(8, &["a"], 1), id(7, &[], 1)];
        assert_eq!(id(7, &["a"], 1), all[0]);
        let distinct: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(distinct.len(), all.len());
    }
}
