//! What consumers of the classic protocol say within it: `ConsumerProtocolSubscription` and `ConsumerProtocolAssignment`.
//!
//! ```text
//! subscription: version int16 · topics [string] · user data nullable bytes · from 1: owned [topic string, partitions [int32]]
//!               · from 2: generation int32 · from 3: rack nullable string
//! assignment:   version int16 · [topic string, partitions [int32]] · user data nullable bytes
//! ```
//!
//! Counts are int32, strings have int16 lengths. Later versions are read as the last known one. Memory is taken for what is
//! there, not for what a count claims.

use std::sync::Arc;

use bytes::{Buf, BufMut, Bytes, BytesMut};

use crate::assignor::Assignment;
use crate::environment::Topics;

/// What a member subscribes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Subscription {
    pub(crate) version: i16,
    pub(crate) topics: Vec<Arc<str>>,
    /// What it still owns; nothing before version 1.
    pub(crate) owned: Vec<(Arc<str>, Vec<i32>)>,
    pub(crate) rack: Option<Arc<str>>,
}

/// What a member was given by another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ClientAssignment {
    pub(crate) partitions: Vec<(Arc<str>, Vec<i32>)>,
    pub(crate) has_user_data: bool,
}

/// The topics of a subscription; `None` where they cannot be read. As in Kafka, what follows the user's data is not looked
/// at.
pub(crate) fn read_topics(mut bytes: &[u8]) -> Option<Vec<Arc<str>>> {
    read_head(&mut bytes).map(|(_, topics)| topics)
}

/// Reads a subscription; `None` where it is none.
pub(crate) fn read_subscription(mut bytes: &[u8]) -> Option<Subscription> {
    let (version, topics) = read_head(&mut bytes)?;
    let owned = if version >= 1 { read_list(&mut bytes, read_partitions)? } else { Vec::new() };
    if version >= 2 {
        let _ = bytes.try_get_i32().ok()?;
    }
    let rack = if version >= 3 { read_nullable_text(&mut bytes)? } else { None };
    Some(Subscription { version, topics, owned, rack: rack.filter(|rack| !rack.is_empty()) })
}

/// What all versions of a subscription begin with: the version, the topics, and the user's data, which is skipped.
fn read_head(bytes: &mut &[u8]) -> Option<(i16, Vec<Arc<str>>)> {
    let version = bytes.try_get_i16().ok().filter(|version| *version >= 0)?;
    let topics = read_list(bytes, read_text)?;
    let _ = read_bytes(bytes)?;
    Some((version, topics))
}

/// Reads an assignment; `None` where it is none.
pub(crate) fn read_assignment(mut bytes: &[u8]) -> Option<ClientAssignment> {
    let _ = bytes.try_get_i16().ok().filter(|version| *version >= 0)?;
    let partitions = read_list(&mut bytes, read_partitions)?;
    let has_user_data = read_bytes(&mut bytes)? > 0;
    Some(ClientAssignment { partitions, has_user_data })
}

/// Partitions by id; topics that are not there are left out.
pub(crate) fn by_id(partitions: &[(Arc<str>, Vec<i32>)], topics: &dyn Topics) -> Assignment {
    let mut assignment = Assignment::new();
    for (name, partitions) in partitions {
        if let Some(topic) = topics.by_name(name).filter(|_| !partitions.is_empty()) {
            assignment.entry(topic.id).or_default().extend(partitions);
        }
    }
    assignment
}

/// Writes an assignment in the version of the member's subscription; topics that are not there are left out.
pub(crate) fn write_assignment(assignment: &Assignment, version: i16, topics: &dyn Topics) -> Bytes {
    /// The last version there is.
    const VERSION_MAX: i16 = 3;
    let mut bytes = BytesMut::new();
    bytes.put_i16(version.clamp(0, VERSION_MAX));
    let named: Vec<_> =
        assignment.iter().filter_map(|(id, of)| Some((topics.by_id(*id)?.name, of))).collect();
    put_count(&mut bytes, named.len());
    for (name, partitions) in named {
        bytes.put_i16(i16::try_from(name.len()).unwrap_or(i16::MAX)); // names have 249 bytes at most
        bytes.put_slice(name.as_bytes());
        put_count(&mut bytes, partitions.len());
        for partition in partitions {
            bytes.put_i32(*partition);
        }
    }
    bytes.put_i32(-1);
    bytes.freeze()
}

fn put_count(bytes: &mut BytesMut, count: usize) {
    bytes.put_i32(i32::try_from(count).unwrap_or(i32::MAX));
}

fn read_list<T>(bytes: &mut &[u8], read: impl Fn(&mut &[u8]) -> Option<T>) -> Option<Vec<T>> {
    let count = u32::try_from(bytes.try_get_i32().ok()?).ok()?;
    let mut items = Vec::new();
    for _ in 0..count {
        items.push(read(bytes)?);
    }
    Some(items)
}

fn read_partitions(bytes: &mut &[u8]) -> Option<(Arc<str>, Vec<i32>)> {
    Some((read_text(bytes)?, read_list(bytes, |bytes| bytes.try_get_i32().ok())?))
}

fn read_text(bytes: &mut &[u8]) -> Option<Arc<str>> {
    read_nullable_text(bytes)?
}

/// The outer `None` is for bytes that are no text.
#[allow(clippy::option_option)]
fn read_nullable_text(bytes: &mut &[u8]) -> Option<Option<Arc<str>>> {
    let length = bytes.try_get_i16().ok()?;
    let Ok(length) = usize::try_from(length) else { return Some(None) };
    let text = bytes.split_off(..length)?;
    Some(Some(Arc::from(std::str::from_utf8(text).ok()?)))
}

/// Skips bytes; gives their length, 0 for null.
fn read_bytes(bytes: &mut &[u8]) -> Option<usize> {
    let length = usize::try_from(bytes.try_get_i32().ok()?).unwrap_or(0);
    let _ = bytes.split_off(..length)?;
    Some(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUBSCRIPTION: &[u8] =
        b"\0\x03\0\0\0\x01\0\x01a\0\0\0\x01u\0\0\0\x01\0\x01b\0\0\0\x02\0\0\0\x04\0\0\0\x05\0\0\0\x07\0\x01r";

    #[test]
    fn subscriptions_of_every_version_are_read() {
        let read = read_subscription(SUBSCRIPTION).expect("a subscription");
        assert_eq!(read.version, 3);
        assert_eq!(read.topics, [Arc::from("a")]);
        assert_eq!(read.owned, [(Arc::from("b"), vec![4, 5])]);
        assert_eq!(read.rack.as_deref(), Some("r"));
        let ends = [(0_u8, 14), (1, 33), (2, 37)];
        for (version, end) in ends {
            let mut bytes = SUBSCRIPTION[..end].to_vec();
            bytes[1] = version;
            let read = read_subscription(&bytes).expect("a subscription");
            assert_eq!((read.topics.len(), read.owned.len()), (1, usize::from(version > 0)));
        }
        for end in 0..SUBSCRIPTION.len() {
            assert_eq!(read_subscription(&SUBSCRIPTION[..end]), None, "{end} bytes");
        }
    }

    #[test]
    fn huge_counts_take_no_memory() {
        assert_eq!(read_subscription(b"\0\x01\x7f\xff\xff\xff"), None);
        assert_eq!(read_assignment(b"\0\x01\x7f\xff\xff\xff\0\x01a\x7f\xff\xff\xff"), None);
    }

    #[test]
    fn topics_of_every_version_are_read() {
        let body = b"\0\0\0\x02\0\x01a\0\x03b.c\xff\xff\xff\xff";
        for version in [0_u8, 1, 3, 9] {
            let mut metadata = vec![0, version];
            metadata.extend_from_slice(body);
            if version > 0 {
                metadata.extend_from_slice(&[0, 0, 0, 0]);
            }
            let topics = read_topics(&metadata).expect("a subscription");
            assert_eq!(topics.iter().map(|topic| &**topic).collect::<Vec<_>>(), ["a", "b.c"]);
        }
    }

    #[test]
    fn what_is_no_subscription_has_no_topics() {
        let whole = b"\0\0\0\0\0\x01\0\x01a\0\0\0\x02xy";
        assert!(read_topics(whole).is_some());
        for end in 0..whole.len() {
            assert_eq!(read_topics(&whole[..end]), None, "{end} bytes");
        }
        assert_eq!(read_topics(b"\xff\xff\0\0\0\0\xff\xff\xff\xff"), None, "a negative version");
        assert_eq!(read_topics(b"\0\0\x7f\xff\xff\xff"), None, "more topics than bytes");
        assert_eq!(read_topics(b"\0\0\xff\xff\xff\xff\xff\xff\xff\xff"), None, "a negative count");
        assert_eq!(read_topics(b"\0\0\0\0\0\x01\0\x01\xff\xff\xff\xff\xff"), None, "no UTF-8");
    }
}
