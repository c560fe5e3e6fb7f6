//! A number that changes when a topic that a group reads changes: its id, its partitions, the racks of their replicas.
//!
//! The same as Kafka's (`Utils.computeGroupHash`, XXH3), so that groups do not rebalance when the broker of a directory
//! changes.

use std::sync::Arc;

use twox_hash::XxHash3_64;

use super::group::ConsumerGroup;
use crate::environment::{TopicView, Topics};

/// The first byte of what is hashed of a topic.
const MAGIC: u8 = 0;

/// Of the topics that a group is subscribed to and that are there; 0 where there is none.
pub(super) fn metadata_hash(group: &ConsumerGroup, topics: &dyn Topics) -> i64 {
    let mut hashes = Vec::new();
    // Java orders names by UTF-16 units; topics' names are ASCII, for which that is the order of bytes.
    for name in group.subscribed.keys() {
        if let Some(topic) = topics.by_name(name) {
            hashes.extend_from_slice(&topic_hash(&topic, topics).to_le_bytes());
        }
    }
    if hashes.is_empty() { 0 } else { hash(&hashes) }
}

fn topic_hash(topic: &TopicView, topics: &dyn Topics) -> i64 {
    let mut bytes = vec![MAGIC];
    let (most, least) = topic.id.0.as_u64_pair();
    bytes.extend_from_slice(&most.to_le_bytes());
    bytes.extend_from_slice(&least.to_le_bytes());
    put_text(&mut bytes, &topic.name);
    bytes.extend_from_slice(&topic.partitions.to_le_bytes());
    for partition in 0..topic.partitions {
        bytes.extend_from_slice(&partition.to_le_bytes());
        let mut racks: Vec<Arc<str>> = topics.racks(topic.id, partition);
        racks.sort_unstable();
        for rack in racks {
            bytes.extend_from_slice(&utf16_length(&rack).to_le_bytes());
            put_text(&mut bytes, &rack);
        }
    }
    hash(&bytes)
}

/// As the library that Kafka uses puts text: UTF-16, then its length.
fn put_text(bytes: &mut Vec<u8>, text: &str) {
    for unit in text.encode_utf16() {
        bytes.extend_from_slice(&unit.to_le_bytes());
    }
    bytes.extend_from_slice(&utf16_length(text).to_le_bytes());
}

fn utf16_length(text: &str) -> i32 {
    i32::try_from(text.encode_utf16().count()).unwrap_or(i32::MAX)
}

fn hash(bytes: &[u8]) -> i64 {
    XxHash3_64::oneshot(bytes).cast_signed()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use medallion_wire::TopicId;
    use medallion_wire::types::Uuid;

    use super::*;
    use crate::consumer::group::ResolvedRegex;

    /// Two topics with racks.
    struct TwoTopics;

    impl Topics for TwoTopics {
        fn by_name(&self, name: &str) -> Option<TopicView> {
            let topics =
                BTreeMap::from([("bar", (1, 1)), ("foo", (0x0123_4567_89ab_cdef_fedc_ba98_7654_3210, 3))]);
            let (id, partitions) = *topics.get(name)?;
            Some(TopicView { id: TopicId(Uuid::from_u128(id)), name: Arc::from(name), partitions })
        }

        fn by_id(&self, _: TopicId) -> Option<TopicView> {
            None
        }

        fn for_each(&self, _: &mut dyn FnMut(&TopicView)) {}

        fn racks(&self, id: TopicId, partition: i32) -> Vec<Arc<str>> {
            let racks: &[&str] = match (id.0.as_u128() > 1, partition) {
                (true, 0) => &["rack-b", "rack-a"],
                (true, 1) => &["rack-c"],
                _ => &[],
            };
            racks.iter().map(|rack| Arc::from(*rack)).collect()
        }

        fn version(&self) -> i64 {
            0
        }
    }

    /// The numbers were computed with the library and the calls of Kafka 4.3.1.
    #[test]
    fn hashes_are_those_of_kafka() {
        let topic = |name| topic_hash(&TwoTopics.by_name(name).expect("a topic"), &TwoTopics);
        assert_eq!(topic("bar"), -7_407_264_700_876_838_811);
        assert_eq!(topic("foo"), -6_346_571_288_961_480_529);
        let mut group = ConsumerGroup::new("g".into());
        assert_eq!(metadata_hash(&group, &TwoTopics), 0);
        let names = |names: &[&str]| Arc::new(names.iter().map(|name| Arc::from(*name)).collect());
        let resolved = |topics: &[&str]| ResolvedRegex { topics: names(topics), version: 0, timestamp_ms: 0 };
        group.set_regex("x", Some(resolved(&["bar", "not there"])));
        assert_eq!(metadata_hash(&group, &TwoTopics), 2_140_167_822_816_343_900);
        group.set_regex("x", Some(resolved(&["foo", "bar"])));
        assert_eq!(metadata_hash(&group, &TwoTopics), -436_367_531_710_386_448);
    }
}
