//! Kafka's choice of a partition for a key: murmur2 of the key, without its sign, modulo the partitions.
//!
//! Source: `org.apache.kafka.common.utils.Utils.murmur2` and `BuiltInPartitioner`.

const SEED: u32 = 0x9747_b28c;
const MIX: u32 = 0x5bd1_e995;
const SHIFT: u32 = 24;

/// The partition of `key` among `partitions`, as Kafka's Java producer picks it.
pub(crate) fn partition_of_key(key: &[u8], partitions: usize) -> usize {
    (murmur2(key) & 0x7fff_ffff) as usize % partitions.max(1)
}

/// murmur2 with the seed that Kafka uses.
pub(crate) fn murmur2(data: &[u8]) -> u32 {
    // Kafka's arrays are shorter than 2^31, so the length fits.
    let mut hash = SEED ^ u32::try_from(data.len()).unwrap_or(u32::MAX);
    let mut words = data.chunks_exact(4);
    for word in &mut words {
        let mut k = u32::from_le_bytes([word[0], word[1], word[2], word[3]]).wrapping_mul(MIX);
        k = (k ^ (k >> SHIFT)).wrapping_mul(MIX);
        hash = hash.wrapping_mul(MIX) ^ k;
    }
    let rest = words.remainder();
    if !rest.is_empty() {
        for (position, byte) in rest.iter().enumerate() {
            hash ^= u32::from(*byte) << (8 * position);
        }
        hash = hash.wrapping_mul(MIX);
    }
    hash = (hash ^ (hash >> 13)).wrapping_mul(MIX);
    hash ^ (hash >> 15)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Key, hash and partition of 12, printed by `Utils.murmur2` and `Utils.toPositive` of Kafka 4.3.1.
    const KAFKA: &[(&str, i32, usize)] = &[
        ("", 275_646_681, 9),
        ("a", -1_563_381_124, 4),
        ("ab", 316_155_434, 2),
        ("abc", 479_470_107, 3),
        ("abcd", -1_323_649_548, 8),
        ("21", -973_932_308, 0),
        ("foobar", -790_332_482, 6),
        ("a-little-bit-long-string", -985_981_536, 8),
        ("a-little-bit-longer-string", -1_486_304_829, 11),
        ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971, 5),
        ("237", 936_438_608, 8),
        ("grün", 350_648_321, 5),
    ];

    #[test]
    fn keys_go_where_kafka_sends_them() {
        for (key, hash, partition) in KAFKA {
            assert_eq!(murmur2(key.as_bytes()).cast_signed(), *hash, "hash of {key:?}");
            assert_eq!(partition_of_key(key.as_bytes(), 12), *partition, "partition of {key:?}");
        }
    }
}
