//! Newtypes for what can be mixed up. All print as the bare number.

use std::fmt;
use std::ops::{Add, Sub};
use std::sync::Arc;

pub use uuid::Uuid;

macro_rules! number {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub $inner);

        impl $name {
            /// The bare number, as it stands on the wire.
            pub const fn get(self) -> $inner {
                self.0
            }
        }

        impl From<$inner> for $name {
            fn from(value: $inner) -> Self {
                Self(value)
            }
        }

        impl From<$name> for $inner {
            fn from(value: $name) -> Self {
                value.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    };
}

number!(
    /// The position of a record in a partition's log.
    Offset(i64)
);
number!(
    /// The number of a leadership of a partition; -1 where none is known.
    LeaderEpoch(i32)
);
number!(
    /// A node's id (`node.id`).
    BrokerId(i32)
);
number!(
    /// The index of a partition within its topic, from 0.
    PartitionIndex(i32)
);
number!(
    /// A producer's id as given by `InitProducerId`; -1 without idempotence.
    ProducerId(i64)
);
number!(
    /// The epoch that fences older instances of one producer id; -1 without idempotence.
    ProducerEpoch(i16)
);

impl Offset {
    /// The first offset of every log.
    pub const ZERO: Self = Self(0);

    /// The offset behind this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl Add<i64> for Offset {
    type Output = Self;

    fn add(self, records: i64) -> Self {
        Self(self.0 + records)
    }
}

impl Sub for Offset {
    type Output = i64;

    fn sub(self, other: Self) -> i64 {
        self.0 - other.0
    }
}

impl LeaderEpoch {
    /// No epoch is known (-1 on the wire).
    pub const NONE: Self = Self(-1);
}

impl ProducerId {
    /// A batch without idempotence (-1 on the wire).
    pub const NONE: Self = Self(-1);
}

impl ProducerEpoch {
    /// A batch without idempotence (-1 on the wire).
    pub const NONE: Self = Self(-1);
}

/// A topic's id. Kafka writes it as base64url without padding, and so does [`fmt::Display`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct TopicId(pub Uuid);

impl TopicId {
    /// No id (all zeros).
    pub const NONE: Self = Self(Uuid::nil());

    /// Whether this is [`TopicId::NONE`].
    pub fn is_none(self) -> bool {
        self.0.is_nil()
    }

    /// Reads the 22 characters that [`fmt::Display`] writes; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != 22 {
            return None;
        }
        let mut bits: u32 = 0;
        let mut pending = 0;
        let mut bytes = [0_u8; 16];
        let mut filled = 0;
        for character in text.bytes() {
            let value = BASE64_URL.iter().position(|c| *c == character)?;
            bits = (bits << 6) | u32::try_from(value).ok()?;
            pending += 6;
            if pending >= 8 && filled < 16 {
                pending -= 8;
                bytes[filled] = u8::try_from((bits >> pending) & 0xff).ok()?;
                filled += 1;
            }
        }
        let rest = bits & ((1 << pending) - 1);
        (rest == 0).then_some(Self(Uuid::from_bytes(bytes)))
    }
}

const BASE64_URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

impl fmt::Display for TopicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.as_bytes().chunks(3) {
            let mut group = [0_u8; 3];
            group[..chunk.len()].copy_from_slice(chunk);
            let bits = (u32::from(group[0]) << 16) | (u32::from(group[1]) << 8) | u32::from(group[2]);
            for position in 0..=chunk.len() {
                let index = (bits >> (18 - 6 * position)) & 0x3f;
                write!(f, "{}", char::from(BASE64_URL[usize::try_from(index).unwrap_or(0)]))?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for TopicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TopicId({self})")
    }
}

impl From<Uuid> for TopicId {
    fn from(value: Uuid) -> Self {
        Self(value)
    }
}

/// A partition by name; prints as `topic-0`, the name of its folder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicPartition {
    /// The topic's name.
    pub topic: Arc<str>,
    /// The partition's index.
    pub partition: PartitionIndex,
}

impl TopicPartition {
    /// The partition `partition` of `topic`.
    pub fn new(topic: impl Into<Arc<str>>, partition: impl Into<PartitionIndex>) -> Self {
        Self { topic: topic.into(), partition: partition.into() }
    }
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topic_id_prints_as_kafka_does() {
        let metadata = TopicId(Uuid::from_u128(1));
        assert_eq!(metadata.to_string(), "AAAAAAAAAAAAAAAAAAAAAQ");
        assert_eq!(TopicId::parse("AAAAAAAAAAAAAAAAAAAAAQ"), Some(metadata));
    }

    #[test]
    fn topic_id_survives_a_round_trip() {
        for seed in 0..200_u128 {
            let id = TopicId(Uuid::from_u128(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)));
            assert_eq!(TopicId::parse(&id.to_string()), Some(id));
        }
        assert_eq!(TopicId::parse("too short"), None);
        assert_eq!(TopicId::parse("AAAAAAAAAAAAAAAAAAAA=="), None);
    }
}
