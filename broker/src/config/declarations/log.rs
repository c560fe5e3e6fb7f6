//! Settings of the logs: defaults of topics, flushing, cleaning.

use super::super::declaration::{Declaration, Validator, boolean, double, int, list, long, string};
use super::reasons::{BUFFERS, CHECKPOINTS, INTERNAL, ONE_REPLICA, THREADS, TIERED_STORAGE};

pub(super) const SETTINGS: &[Declaration] = &[
    int("compression.gzip.level")
        .default("-1")
        .takes(Validator::GzipLevel)
        .cluster_wide()
        .doc("Level of gzip where `compression.type` is gzip; -1 is the codec's own."),
    int("compression.lz4.level")
        .default("9")
        .between(1, 17)
        .cluster_wide()
        .doc("Level of lz4 where `compression.type` is lz4."),
    string("compression.type")
        .default("producer")
        .one_of(&["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"])
        .high()
        .cluster_wide()
        .doc("Codec in which batches are stored; `producer` keeps what the producer chose."),
    int("compression.zstd.level")
        .default("3")
        .between(-131_072, 22)
        .cluster_wide()
        .doc("Level of zstd where `compression.type` is zstd."),
    long("log.cleaner.backoff.ms")
        .default("15000")
        .at_least(0)
        .cluster_wide()
        .doc("Time for which the cleaner sleeps when there is nothing to compact."),
    long("log.cleaner.dedupe.buffer.size")
        .default("134217728")
        .cluster_wide()
        .doc("Memory for the keys of one compaction, over all cleaners."),
    long("log.cleaner.delete.retention.ms").default("86400000").at_least(0).cluster_wide().doc(
        "Time for which tombstones and transaction markers stay readable after compaction has \
             reached them.",
    ),
    boolean("log.cleaner.enable")
        .default("true")
        .doc("Whether logs with `cleanup.policy=compact` are compacted."),
    double("log.cleaner.io.buffer.load.factor")
        .default("0.9")
        .cluster_wide()
        .without_effect(BUFFERS)
        .doc("How full the key buffer of a compaction may get."),
    int("log.cleaner.io.buffer.size")
        .default("524288")
        .at_least(0)
        .cluster_wide()
        .without_effect(BUFFERS)
        .doc("Memory for the reads and writes of compactions."),
    double("log.cleaner.io.max.bytes.per.second")
        .default("1.7976931348623157E308")
        .cluster_wide()
        .doc("Most bytes that compactions read and write in a second."),
    long("log.cleaner.max.compaction.lag.ms")
        .default("9223372036854775807")
        .at_least(1)
        .cluster_wide()
        .doc("Age from which on a record is compacted whatever the dirty ratio."),
    double("log.cleaner.min.cleanable.ratio")
        .default("0.5")
        .takes(Validator::DoubleBetween(0.0, 1.0))
        .cluster_wide()
        .doc("Share of a log that must be dirty before it is compacted."),
    long("log.cleaner.min.compaction.lag.ms")
        .default("0")
        .at_least(0)
        .cluster_wide()
        .doc("Age below which a record is not compacted away."),
    int("log.cleaner.threads")
        .default("1")
        .at_least(0)
        .cluster_wide()
        .without_effect(THREADS)
        .doc("Threads that compact logs."),
    list("log.cleanup.policy")
        .default("delete")
        .list_or_empty(&["compact", "delete"])
        .cluster_wide()
        .doc("What happens to old segments: `delete`, `compact`, both, or neither where empty."),
    list("log.dir")
        .default("/tmp/kafka-logs")
        .list_of(&[])
        .high()
        .doc("Directories of the logs where `log.dirs` is not set."),
    long("log.dir.failure.timeout.ms").default("30000").at_least(1).low().without_effect(ONE_REPLICA).doc(
        "Time after which a broker stops when it cannot tell the controller of a failed log \
             directory.",
    ),
    list("log.dirs").list_of(&[]).high().doc("Directories in which partitions are stored."),
    long("log.flush.interval.messages")
        .default("9223372036854775807")
        .at_least(1)
        .high()
        .cluster_wide()
        .doc("Records after which a partition is flushed to disk."),
    long("log.flush.interval.ms")
        .high()
        .cluster_wide()
        .doc("Time after which a partition with new records is flushed to disk."),
    int("log.flush.offset.checkpoint.interval.ms")
        .default("60000")
        .at_least(0)
        .high()
        .doc("Time between two writes of the recovery points."),
    long("log.flush.scheduler.interval.ms")
        .default("9223372036854775807")
        .high()
        .doc("As `log.flush.interval.ms`, where that is not set."),
    int("log.flush.start.offset.checkpoint.interval.ms")
        .default("60000")
        .at_least(0)
        .high()
        .without_effect(CHECKPOINTS)
        .doc("Time between two writes of the log start offsets."),
    int("log.index.interval.bytes")
        .default("4096")
        .at_least(0)
        .cluster_wide()
        .doc("Bytes of log between two entries of the offset index."),
    int("log.index.size.max.bytes")
        .default("10485760")
        .at_least(4)
        .cluster_wide()
        .doc("Largest size of an index file."),
    long("log.initial.task.delay.ms")
        .default("30000")
        .at_least(0)
        .low()
        .internal()
        .without_effect(INTERNAL)
        .doc("Delay of the log's periodic tasks after the start."),
    long("log.local.retention.bytes")
        .default("-2")
        .at_least(-2)
        .cluster_wide()
        .without_effect(TIERED_STORAGE)
        .doc("Size of a partition's local part under tiered storage."),
    long("log.local.retention.ms")
        .default("-2")
        .at_least(-2)
        .cluster_wide()
        .without_effect(TIERED_STORAGE)
        .doc("Age of a partition's local part under tiered storage."),
    long("log.message.timestamp.after.max.ms")
        .default("3600000")
        .at_least(0)
        .cluster_wide()
        .doc("How far a record's timestamp may lie ahead of the broker's clock."),
    long("log.message.timestamp.before.max.ms")
        .default("9223372036854775807")
        .at_least(0)
        .cluster_wide()
        .doc("How far a record's timestamp may lie behind the broker's clock."),
    string("log.message.timestamp.type")
        .default("CreateTime")
        .one_of(&["CreateTime", "LogAppendTime"])
        .cluster_wide()
        .doc("Whose timestamps are kept: the producer's or the broker's."),
    boolean("log.preallocate")
        .default("false")
        .cluster_wide()
        .without_effect(BUFFERS)
        .doc("Whether a new segment file takes its full size at once."),
    long("log.retention.bytes")
        .default("-1")
        .high()
        .cluster_wide()
        .doc("Size of a partition above which its oldest segments are deleted; -1: no limit."),
    long("log.retention.check.interval.ms")
        .default("300000")
        .at_least(1)
        .doc("Time between two looks for segments to delete."),
    int("log.retention.hours")
        .default("168")
        .high()
        .doc("Hours after which a segment is deleted, where minutes and milliseconds are not set."),
    int("log.retention.minutes")
        .high()
        .doc("Minutes after which a segment is deleted, where milliseconds are not set."),
    long("log.retention.ms")
        .high()
        .cluster_wide()
        .doc("Milliseconds after which a segment is deleted; -1: never."),
    int("log.roll.hours")
        .default("168")
        .at_least(1)
        .high()
        .doc("Hours after which a new segment is begun, where milliseconds are not set."),
    int("log.roll.jitter.hours").default("0").at_least(0).high().doc(
        "Most hours by which a segment is rolled earlier, at random, where milliseconds are not \
             set.",
    ),
    long("log.roll.jitter.ms")
        .high()
        .cluster_wide()
        .doc("Most milliseconds by which a segment is rolled earlier, at random."),
    long("log.roll.ms").high().cluster_wide().doc("Milliseconds after which a new segment is begun."),
    int("log.segment.bytes")
        .default("1073741824")
        .at_least(1_048_576)
        .high()
        .cluster_wide()
        .doc("Size at which a new segment is begun."),
    long("log.segment.delete.delay.ms")
        .default("60000")
        .at_least(0)
        .high()
        .cluster_wide()
        .doc("Delay between the renaming of a deleted file and its removal."),
    int("message.max.bytes")
        .default("1048588")
        .at_least(0)
        .high()
        .cluster_wide()
        .doc("Largest record batch that a producer may send, as it is stored."),
    int("min.insync.replicas")
        .default("1")
        .at_least(1)
        .high()
        .cluster_wide()
        .doc("In-sync replicas without which a write with `acks=all` is refused."),
    int("num.recovery.threads.per.data.dir")
        .default("2")
        .at_least(1)
        .high()
        .cluster_wide()
        .doc("Partitions of one log directory that are recovered at a time after a crash."),
    int("producer.id.expiration.check.interval.ms")
        .default("600000")
        .at_least(1)
        .low()
        .internal()
        .without_effect(INTERNAL)
        .doc("Time between two looks for producer ids to expire."),
    int("producer.id.expiration.ms")
        .default("86400000")
        .at_least(1)
        .low()
        .cluster_wide()
        .doc("Time without writes after which a partition forgets a producer id."),
];
