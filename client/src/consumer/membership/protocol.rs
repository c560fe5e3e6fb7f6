//! What members of a classic group tell each other, in the bytes of Java's consumers: subscriptions and assignments, and what the
//! sticky assignors add to them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use medallion_wire::TopicPartition;
use medallion_wire::kafka_protocol::protocol::{Decodable, Encodable, StrBytes};
use medallion_wire::messages::consumer_protocol_assignment::TopicPartition as WireAssigned;
use medallion_wire::messages::consumer_protocol_subscription::TopicPartition as WireOwned;
use medallion_wire::messages::{ConsumerProtocolAssignment, ConsumerProtocolSubscription, TopicName};

use super::super::assignor::Member;
use crate::config::PartitionAssignor;
use crate::error::Error;

/// The version that we write: with owned partitions, generation and rack.
const VERSION: i16 = 3;
/// From this version on a subscription says what is owned.
const OWNED_FROM: i16 = 1;
/// Nothing was assigned yet.
const NO_GENERATION: i32 = -1;

/// What a member says of itself.
#[derive(Debug, Clone)]
pub(super) struct Said<'a> {
    pub(super) topics: &'a BTreeSet<Arc<str>>,
    /// What it owns while it joins.
    pub(super) owned: &'a BTreeSet<TopicPartition>,
    /// What it was assigned last, which it may have given back.
    pub(super) last: &'a BTreeSet<TopicPartition>,
    pub(super) generation: i32,
    pub(super) rack: Option<&'a str>,
}

/// A subscription for one assignor.
pub(super) fn subscription(said: &Said<'_>, assignor: PartitionAssignor) -> Result<Bytes, Error> {
    let owned = by_topic(said.owned).into_iter().map(|(topic, partitions)| {
        WireOwned::default().with_topic(topic_name(topic)).with_partitions(partitions)
    });
    let user_data = match assignor {
        PartitionAssignor::Range | PartitionAssignor::RoundRobin => None,
        PartitionAssignor::Sticky if said.last.is_empty() => None,
        PartitionAssignor::Sticky => Some(sticky(said)),
        PartitionAssignor::CooperativeSticky => Some(Bytes::copy_from_slice(&said.generation.to_be_bytes())),
    };
    let message = ConsumerProtocolSubscription::default()
        .with_topics(said.topics.iter().map(|topic| text(topic)).collect())
        .with_user_data(user_data)
        .with_owned_partitions(owned.collect())
        .with_generation_id(said.generation)
        .with_rack_id(said.rack.map(text));
    encode(&message, "a subscription")
}

/// What the sticky assignor remembers: the last assignment and its generation.
fn sticky(said: &Said<'_>) -> Bytes {
    let mut bytes = BytesMut::new();
    let topics = by_topic(said.last);
    put_count(&mut bytes, topics.len());
    for (topic, partitions) in topics {
        bytes.put_i16(i16::try_from(topic.len()).unwrap_or(i16::MAX));
        bytes.put_slice(topic.as_bytes());
        put_count(&mut bytes, partitions.len());
        for index in partitions {
            bytes.put_i32(index);
        }
    }
    bytes.put_i32(said.generation);
    bytes.freeze()
}

fn put_count(bytes: &mut BytesMut, count: usize) {
    bytes.put_i32(i32::try_from(count).unwrap_or(i32::MAX));
}

/// What a member has said, for `assignor`.
pub(super) fn member(
    id: &str,
    instance_id: Option<&str>,
    bytes: &Bytes,
    assignor: PartitionAssignor,
) -> Result<Member, Error> {
    let what = || format!("the subscription of member {id}");
    let (version, message) = decode::<ConsumerProtocolSubscription>(bytes, &what())?;
    let topics: BTreeSet<Arc<str>> = message.topics.iter().map(|topic| topic.as_str().into()).collect();
    let owned = || {
        let each = message.owned_partitions.iter();
        partitions(each.map(|topic| (topic.topic.as_str(), topic.partitions.as_slice())))
    };
    let of_data = |mut data: &[u8]| (data.len() >= size_of::<i32>()).then(|| data.get_i32());
    let (owned, generation) = match assignor {
        PartitionAssignor::Range | PartitionAssignor::RoundRobin => (BTreeSet::new(), NO_GENERATION),
        PartitionAssignor::Sticky => {
            let data = message.user_data.as_deref().filter(|data| !data.is_empty());
            data.and_then(read_sticky).unwrap_or((BTreeSet::new(), NO_GENERATION))
        }
        PartitionAssignor::CooperativeSticky if version < OWNED_FROM => (BTreeSet::new(), NO_GENERATION),
        PartitionAssignor::CooperativeSticky => {
            let data = message.user_data.as_deref().and_then(of_data).unwrap_or(NO_GENERATION);
            let said = message.generation_id;
            (owned(), if said == NO_GENERATION { data } else { said })
        }
    };
    let rack = message.rack_id.as_deref().filter(|rack| !rack.is_empty()).map(Arc::from);
    Ok(Member { id: id.into(), instance_id: instance_id.map(Arc::from), topics, owned, generation, rack })
}

/// The sticky assignor's memory; `None` where it cannot be read: then nothing is known, which does no harm.
fn read_sticky(mut data: &[u8]) -> Option<(BTreeSet<TopicPartition>, i32)> {
    let mut owned = BTreeSet::new();
    for _ in 0..data.try_get_i32().ok()? {
        let length = usize::try_from(data.try_get_i16().ok()?).ok()?;
        let topic: Arc<str> = std::str::from_utf8(data.get(..length)?).ok()?.into();
        data.advance(length);
        for _ in 0..data.try_get_i32().ok()? {
            owned.insert(TopicPartition::new(Arc::clone(&topic), data.try_get_i32().ok()?));
        }
    }
    // Version 0 has no generation.
    let generation = if data.is_empty() { NO_GENERATION } else { data.try_get_i32().ok()? };
    Some((owned, generation))
}

/// An assignment.
pub(super) fn assignment(assigned: &BTreeSet<TopicPartition>) -> Result<Bytes, Error> {
    let topics = by_topic(assigned).into_iter().map(|(topic, partitions)| {
        WireAssigned::default().with_topic(topic_name(topic)).with_partitions(partitions)
    });
    encode(&ConsumerProtocolAssignment::default().with_assigned_partitions(topics.collect()), "an assignment")
}

/// What a member is assigned. Without bytes that is nothing.
pub(super) fn assigned(bytes: &Bytes) -> Result<BTreeSet<TopicPartition>, Error> {
    if bytes.is_empty() {
        return Ok(BTreeSet::new());
    }
    let (_, message) = decode::<ConsumerProtocolAssignment>(bytes, "the assignment")?;
    let each = message.assigned_partitions.iter();
    Ok(partitions(each.map(|topic| (topic.topic.as_str(), topic.partitions.as_slice()))))
}

fn encode(message: &impl Encodable, what: &str) -> Result<Bytes, Error> {
    let mut bytes = BytesMut::new();
    bytes.put_i16(VERSION);
    message.encode(&mut bytes, VERSION).map_err(|error| Error::malformed(what, format!("{error:#}")))?;
    Ok(bytes.freeze())
}

/// The version and the message. Later versions are read as far as we know them, as Java does.
fn decode<M: Decodable>(bytes: &Bytes, what: &str) -> Result<(i16, M), Error> {
    let mut bytes = bytes.clone();
    let version = bytes.try_get_i16().map_err(|error| Error::malformed(what, error))?;
    if version < 0 {
        return Err(Error::malformed(what, format!("version {version}")));
    }
    let version = version.min(VERSION);
    let message =
        M::decode(&mut bytes, version).map_err(|error| Error::malformed(what, format!("{error:#}")))?;
    Ok((version, message))
}

fn by_topic(partitions: &BTreeSet<TopicPartition>) -> BTreeMap<&str, Vec<i32>> {
    let mut topics: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
    for partition in partitions {
        topics.entry(&partition.topic).or_default().push(partition.partition.get());
    }
    topics
}

fn partitions<'a>(topics: impl Iterator<Item = (&'a str, &'a [i32])>) -> BTreeSet<TopicPartition> {
    let named = topics.map(|(topic, indexes)| (Arc::<str>::from(topic), indexes));
    named
        .flat_map(|(topic, indexes)| {
            indexes.iter().map(move |index| TopicPartition::new(Arc::clone(&topic), *index))
        })
        .collect()
}

fn topic_name(name: &str) -> TopicName {
    TopicName(text(name))
}

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(partitions: &[(&str, i32)]) -> BTreeSet<TopicPartition> {
        partitions.iter().map(|(topic, index)| TopicPartition::new(*topic, *index)).collect()
    }

    #[test]
    fn subscriptions_are_read_as_they_are_written() {
        let (topics, owned) =
            (BTreeSet::from(["a".into(), "b".into()]), set(&[("a", 1), ("a", 2), ("b", 0)]));
        let nothing = BTreeSet::new();
        let said = Said { topics: &topics, owned: &nothing, last: &owned, generation: 7, rack: Some("r") };
        let bytes = subscription(&said, PartitionAssignor::Sticky).unwrap();
        let read = member("m", Some("i"), &bytes, PartitionAssignor::Sticky).unwrap();
        assert_eq!((read.owned, read.generation, read.topics), (owned.clone(), 7, topics.clone()));
        assert_eq!(read.rack.as_deref(), Some("r"));
        let said = Said { owned: &owned, ..said };
        let bytes = subscription(&said, PartitionAssignor::CooperativeSticky).unwrap();
        assert_eq!(bytes[..2], [0, 3]);
        let read = member("m", None, &bytes, PartitionAssignor::CooperativeSticky).unwrap();
        assert_eq!((read.owned, read.generation), (owned.clone(), 7));
        assert_eq!(assigned(&assignment(&owned).unwrap()).unwrap(), owned);
        assert!(assigned(&Bytes::new()).unwrap().is_empty());
        assert!(assigned(&Bytes::from_static(b"\0")).is_err());
    }

    /// Version 0, as `kafka-python` and old clients write it.
    #[test]
    fn old_subscriptions_are_read() {
        let bytes = Bytes::from_static(b"\0\0\0\0\0\x01\0\x01t\xff\xff\xff\xff");
        let read = member("m", None, &bytes, PartitionAssignor::CooperativeSticky).unwrap();
        assert_eq!((read.topics, read.owned), (BTreeSet::from(["t".into()]), BTreeSet::new()));
    }
}
