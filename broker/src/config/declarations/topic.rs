//! Settings of a topic.

use super::super::declaration::{Declaration, Validator, boolean, double, int, list, long, string};
use super::reasons::{BUFFERS, INTERNAL, ONE_REPLICA, TIERED_STORAGE};

pub(super) const SETTINGS: &[Declaration] = &[
    list("cleanup.policy")
        .default("delete")
        .list_or_empty(&["compact", "delete"])
        .inherits(&["log.cleanup.policy"])
        .doc("What happens to old segments: `delete`, `compact`, both, or neither where empty."),
    int("compression.gzip.level")
        .default("-1")
        .takes(Validator::GzipLevel)
        .inherits(&["compression.gzip.level"])
        .doc("Level of gzip where `compression.type` is gzip; -1 is the codec's own."),
    int("compression.lz4.level")
        .default("9")
        .between(1, 17)
        .inherits(&["compression.lz4.level"])
        .doc("Level of lz4 where `compression.type` is lz4."),
    string("compression.type")
        .default("producer")
        .one_of(&["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"])
        .inherits(&["compression.type"])
        .doc("Codec in which batches are stored; `producer` keeps what the producer chose."),
    int("compression.zstd.level")
        .default("3")
        .between(-131_072, 22)
        .inherits(&["compression.zstd.level"])
        .doc("Level of zstd where `compression.type` is zstd."),
    long("delete.retention.ms")
        .default("86400000")
        .at_least(0)
        .inherits(&["log.cleaner.delete.retention.ms"])
        .doc(
            "Time for which tombstones and transaction markers stay readable after compaction has \
             reached them.",
        ),
    long("file.delete.delay.ms")
        .default("60000")
        .at_least(0)
        .inherits(&["log.segment.delete.delay.ms"])
        .doc("Delay between the renaming of a deleted file and its removal."),
    long("flush.messages")
        .default("9223372036854775807")
        .at_least(1)
        .inherits(&["log.flush.interval.messages"])
        .doc("Records after which a partition is flushed to disk."),
    long("flush.ms")
        .default("9223372036854775807")
        .at_least(0)
        .inherits(&["log.flush.interval.ms", "log.flush.scheduler.interval.ms"])
        .doc("Time after which a partition with new records is flushed to disk."),
    list("follower.replication.throttled.replicas")
        .default("")
        .takes(Validator::ThrottledReplicas)
        .without_effect(ONE_REPLICA)
        .doc("Replicas whose fetches are throttled, as partition:broker pairs or `*`."),
    int("index.interval.bytes")
        .default("4096")
        .at_least(0)
        .inherits(&["log.index.interval.bytes"])
        .doc("Bytes of log between two entries of the offset index."),
    int("internal.segment.bytes").internal().without_effect(INTERNAL).doc("Segment size in Kafka's tests."),
    list("leader.replication.throttled.replicas")
        .default("")
        .takes(Validator::ThrottledReplicas)
        .without_effect(ONE_REPLICA)
        .doc("Replicas whose answers to followers are throttled, as partition:broker pairs or `*`."),
    long("local.retention.bytes")
        .default("-2")
        .at_least(-2)
        .inherits(&["log.local.retention.bytes"])
        .without_effect(TIERED_STORAGE)
        .doc("Size of a partition's local part under tiered storage."),
    long("local.retention.ms")
        .default("-2")
        .at_least(-2)
        .inherits(&["log.local.retention.ms"])
        .without_effect(TIERED_STORAGE)
        .doc("Age of a partition's local part under tiered storage."),
    long("max.compaction.lag.ms")
        .default("9223372036854775807")
        .at_least(1)
        .inherits(&["log.cleaner.max.compaction.lag.ms"])
        .doc("Age from which on a record is compacted whatever the dirty ratio."),
    int("max.message.bytes")
        .default("1048588")
        .at_least(0)
        .inherits(&["message.max.bytes"])
        .doc("Largest record batch that a producer may send, as it is stored."),
    long("message.timestamp.after.max.ms")
        .default("3600000")
        .at_least(0)
        .inherits(&["log.message.timestamp.after.max.ms"])
        .doc("How far a record's timestamp may lie ahead of the broker's clock."),
    long("message.timestamp.before.max.ms")
        .default("9223372036854775807")
        .at_least(0)
        .inherits(&["log.message.timestamp.before.max.ms"])
        .doc("How far a record's timestamp may lie behind the broker's clock."),
    string("message.timestamp.type")
        .default("CreateTime")
        .one_of(&["CreateTime", "LogAppendTime"])
        .inherits(&["log.message.timestamp.type"])
        .doc("Whose timestamps are kept: the producer's or the broker's."),
    double("min.cleanable.dirty.ratio")
        .default("0.5")
        .takes(Validator::DoubleBetween(0.0, 1.0))
        .inherits(&["log.cleaner.min.cleanable.ratio"])
        .doc("Share of a log that must be dirty before it is compacted."),
    long("min.compaction.lag.ms")
        .default("0")
        .at_least(0)
        .inherits(&["log.cleaner.min.compaction.lag.ms"])
        .doc("Age below which a record is not compacted away."),
    int("min.insync.replicas")
        .default("1")
        .at_least(1)
        .inherits(&["min.insync.replicas"])
        .doc("In-sync replicas without which a write with `acks=all` is refused."),
    boolean("preallocate")
        .default("false")
        .inherits(&["log.preallocate"])
        .without_effect(BUFFERS)
        .doc("Whether a new segment file takes its full size at once."),
    boolean("remote.log.copy.disable")
        .default("false")
        .without_effect(TIERED_STORAGE)
        .doc("Whether copying to tiered storage has ended."),
    boolean("remote.log.delete.on.disable")
        .default("false")
        .without_effect(TIERED_STORAGE)
        .doc("Whether tiered data is deleted when tiered storage is switched off."),
    boolean("remote.storage.enable")
        .default("false")
        .refused("tiered storage does not work yet; set it to false")
        .doc("Whether the topic uses tiered storage."),
    long("retention.bytes")
        .default("-1")
        .inherits(&["log.retention.bytes"])
        .doc("Size of a partition above which its oldest segments are deleted; -1: no limit."),
    long("retention.ms")
        .default("604800000")
        .at_least(-1)
        .inherits(&["log.retention.ms", "log.retention.minutes", "log.retention.hours"])
        .doc("Milliseconds after which a segment is deleted; -1: never."),
    int("segment.bytes")
        .default("1073741824")
        .at_least(1_048_576)
        .inherits(&["log.segment.bytes"])
        .doc("Size at which a new segment is begun."),
    int("segment.index.bytes")
        .default("10485760")
        .at_least(4)
        .inherits(&["log.index.size.max.bytes"])
        .doc("Largest size of an index file."),
    long("segment.jitter.ms")
        .default("0")
        .at_least(0)
        .inherits(&["log.roll.jitter.ms", "log.roll.jitter.hours"])
        .doc("Most milliseconds by which a segment is rolled earlier, at random."),
    long("segment.ms")
        .default("604800000")
        .at_least(1)
        .inherits(&["log.roll.ms", "log.roll.hours"])
        .doc("Milliseconds after which a new segment is begun."),
    boolean("unclean.leader.election.enable")
        .default("false")
        .inherits(&["unclean.leader.election.enable"])
        .without_effect(ONE_REPLICA)
        .doc("Whether a replica that is not in sync may become leader, at the price of data."),
];
