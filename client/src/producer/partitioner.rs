//! Which partition a record goes to.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use medallion_wire::PartitionIndex;

use super::record::Record;

/// Chooses partitions for records that name none.
///
/// ```
/// use medallion_client::{Choice, Partitioner, Record};
///
/// /// Everything of one tenant goes to one partition, whatever the key.
/// struct ByTenant;
///
/// impl Partitioner for ByTenant {
///     fn choose(&self, record: &Record<'_>, partitions: usize) -> Choice {
///         let tenant = record.headers.iter().find(|header| header.key == b"tenant");
///         match tenant.and_then(|header| header.value) {
///             Some(tenant) => Choice::At(medallion_client::partition_of_key(tenant, partitions)),
///             None => Choice::Any,
///         }
///     }
/// }
/// ```
pub trait Partitioner: Send + Sync {
    /// The partition for `record` in a topic of `partitions` partitions (at least one).
    fn choose(&self, record: &Record<'_>, partitions: usize) -> Choice;
}

/// What a [`Partitioner`] has chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// This one.
    At(PartitionIndex),
    /// Any: records of the same time go together, which makes full batches (KIP-794).
    Any,
}

/// Kafka's own choice: by the key where there is one.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ByKey {
    /// `partitioner.ignore.keys`.
    pub(super) ignores_keys: bool,
}

impl Partitioner for ByKey {
    fn choose(&self, record: &Record<'_>, partitions: usize) -> Choice {
        match record.key {
            Some(key) if !self.ignores_keys => Choice::At(partition_of_key(key, partitions)),
            _ => Choice::Any,
        }
    }
}

/// The partition of `key` among `partitions`, as Kafka's Java producer picks it: murmur2 without its sign, modulo.
///
/// Source: `org.apache.kafka.common.utils.Utils.murmur2` and `BuiltInPartitioner`.
pub fn partition_of_key(key: &[u8], partitions: usize) -> PartitionIndex {
    let partitions = u32::try_from(partitions).unwrap_or(u32::MAX).max(1);
    PartitionIndex(((murmur2(key) & 0x7fff_ffff) % partitions).cast_signed())
}

const SEED: u32 = 0x9747_b28c;
const MIX: u32 = 0x5bd1_e995;
const SHIFT: u32 = 24;

/// murmur2 with the seed that Kafka uses.
fn murmur2(data: &[u8]) -> u32 {
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

/// After so many bytes records that may go anywhere go elsewhere, or after `batch.size` where that is less: larger batches are filled
/// in several turns, so that few records are spread as evenly as Java's defaults spread them.
pub(super) const TURN_BYTES_MAX: usize = 16 << 10;

/// Where records go that may go anywhere: to one partition for a turn of about [`TURN_BYTES_MAX`], then to another.
///
/// Shared by all that send to a topic, without a lock.
#[derive(Debug, Default)]
pub(super) struct Sticky {
    /// The current partition.
    current: AtomicUsize,
    /// What it has got since the switch.
    bytes: AtomicUsize,
}

impl Sticky {
    pub(super) fn starting_at(partition: usize) -> Self {
        Self { current: AtomicUsize::new(partition), bytes: AtomicUsize::new(0) }
    }

    pub(super) fn current(&self) -> usize {
        self.current.load(Ordering::Relaxed)
    }

    /// Notes that `bytes` went to `partition`. Behind `turn_bytes` the next records go elsewhere, where that `cuts_none` of the
    /// batches or twice as much has come.
    pub(super) fn count(
        &self,
        partition: usize,
        bytes: usize,
        cuts_none: bool,
        turn_bytes: usize,
        next: impl FnOnce() -> usize,
    ) {
        if partition != self.current() {
            return;
        }
        let total = self.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if total < turn_bytes || !(cuts_none || total >= turn_bytes.saturating_mul(2)) {
            return;
        }
        let next = next();
        let switched = self.current.compare_exchange(partition, next, Ordering::Relaxed, Ordering::Relaxed);
        if switched.is_ok() {
            self.bytes.store(0, Ordering::Relaxed);
        }
    }
}

/// Picks a partition among `count` (at least one) that has a leader, at random. With `adaptive` it is the one of two with the
/// shorter queue, so that partitions whose batches pile up get less (the aim of KIP-794), at a cost that does not depend on
/// how many there are. `load` tells a partition's waiting batches and whether it is led; `random` draws below a number.
pub(super) fn pick(
    count: usize,
    adaptive: bool,
    load: impl Fn(usize) -> (usize, bool),
    mut random: impl FnMut(usize) -> usize,
) -> usize {
    let mut draw = || {
        let start = random(count);
        // Seldom more than a step: nearly all partitions have a leader.
        (0..count).map(|step| (start + step) % count).find(|index| load(*index).1).unwrap_or(start)
    };
    let first = draw();
    if !adaptive {
        return first;
    }
    let second = draw();
    if load(second).0 < load(first).0 { second } else { first }
}

/// A partitioner that can be shared.
pub(super) type SharedPartitioner = Arc<dyn Partitioner>;

#[cfg(test)]
mod tests {
    use super::*;

    /// Key, hash and partition of 12, printed by `Utils.murmur2` and `Utils.toPositive` of Kafka 4.3.1.
    const KAFKA: &[(&str, i32, i32)] = &[
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
            assert_eq!(partition_of_key(key.as_bytes(), 12).get(), *partition, "partition of {key:?}");
        }
    }

    #[test]
    fn a_partition_gets_a_batch_before_the_next() {
        let sticky = Sticky::starting_at(3);
        sticky.count(3, 60, true, 100, || 5);
        assert_eq!(sticky.current(), 3, "not enough yet");
        sticky.count(3, 60, false, 100, || 5);
        assert_eq!(sticky.current(), 3, "the batch is not finished");
        sticky.count(3, 60, true, 100, || 5);
        assert_eq!(sticky.current(), 5, "a new batch has begun");
        sticky.count(3, 60, true, 100, || 9);
        assert_eq!(sticky.current(), 5, "a latecomer changes nothing");
        sticky.count(5, 250, false, 100, || 7);
        assert_eq!(sticky.current(), 7, "twice a batch is enough in any case");
    }

    #[test]
    fn long_queues_and_partitions_without_leader_get_less() {
        let queues = [(0, true), (3, true), (0, false), (3, true)];
        let share = |adaptive: bool| {
            let (mut counts, mut random) = ([0; 4], fastrand::Rng::with_seed(1));
            for _ in 0..8000 {
                counts[pick(4, adaptive, |index| queues[index], |below| random.usize(..below))] += 1;
            }
            counts
        };
        let [idle, busy, leaderless, last] = share(true);
        assert!(leaderless == 0 && idle * 2 > busy * 3, "{idle} {busy} {leaderless} {last}");
        let evenly = share(false);
        assert!(evenly[2] == 0 && (1800..2200).contains(&evenly[0]), "{evenly:?}");
        assert_eq!(pick(2, true, |_| (0, false), |_| 1), 1, "none is led: any will do");
    }
}
