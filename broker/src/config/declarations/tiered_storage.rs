//! Settings of tiered storage.

use super::super::declaration::{Declaration, Validator, boolean, double, int, long, string};
use super::reasons::TIERED_STORAGE;

pub(super) const SETTINGS: &[Declaration] = &[
    boolean("follower.fetch.last.tiered.offset.enable")
        .default("false")
        .cluster_wide()
        .without_effect(TIERED_STORAGE)
        .doc("Whether an empty follower starts behind what tiered storage holds."),
    int("remote.fetch.max.wait.ms")
        .default("500")
        .at_least(1)
        .cluster_wide()
        .without_effect(TIERED_STORAGE)
        .doc("Longest wait of a fetch for tiered storage."),
    long("remote.list.offsets.request.timeout.ms")
        .default("30000")
        .at_least(1)
        .cluster_wide()
        .without_effect(TIERED_STORAGE)
        .doc("Timeout of ListOffsets that ask tiered storage."),
    long("remote.log.index.file.cache.total.size.bytes")
        .default("1073741824")
        .at_least(1)
        .low()
        .cluster_wide()
        .without_effect(TIERED_STORAGE)
        .doc("Disk space for cached index files of tiered storage."),
    long("remote.log.index.file.cache.ttl.ms")
        .default("900000")
        .at_least(-1)
        .low()
        .internal()
        .without_effect(TIERED_STORAGE)
        .doc("Time for which index files of tiered storage stay cached."),
    int("remote.log.manager.copier.thread.pool.size")
        .default("10")
        .at_least(1)
        .cluster_wide()
        .without_effect(TIERED_STORAGE)
        .doc("Threads that copy segments to tiered storage."),
    long("remote.log.manager.copy.max.bytes.per.second")
        .default("9223372036854775807")
        .at_least(1)
        .cluster_wide()
        .without_effect(TIERED_STORAGE)
        .doc("Most bytes copied to tiered storage in a second."),
    int("remote.log.manager.copy.quota.window.num")
        .default("11")
        .at_least(1)
        .without_effect(TIERED_STORAGE)
        .doc("Samples kept to measure copies to tiered storage."),
    int("remote.log.manager.copy.quota.window.size.seconds")
        .default("1")
        .at_least(1)
        .without_effect(TIERED_STORAGE)
        .doc("Length of one sample of copies to tiered storage."),
    int("remote.log.manager.expiration.thread.pool.size")
        .default("10")
        .at_least(1)
        .cluster_wide()
        .without_effect(TIERED_STORAGE)
        .doc("Threads that expire segments of tiered storage."),
    long("remote.log.manager.fetch.max.bytes.per.second")
        .default("9223372036854775807")
        .at_least(1)
        .cluster_wide()
        .without_effect(TIERED_STORAGE)
        .doc("Most bytes fetched from tiered storage in a second."),
    int("remote.log.manager.fetch.quota.window.num")
        .default("11")
        .at_least(1)
        .without_effect(TIERED_STORAGE)
        .doc("Samples kept to measure fetches from tiered storage."),
    int("remote.log.manager.fetch.quota.window.size.seconds")
        .default("1")
        .at_least(1)
        .without_effect(TIERED_STORAGE)
        .doc("Length of one sample of fetches from tiered storage."),
    int("remote.log.manager.follower.thread.pool.size")
        .default("2")
        .at_least(1)
        .cluster_wide()
        .without_effect(TIERED_STORAGE)
        .doc("Threads of followers for tiered storage."),
    long("remote.log.manager.task.interval.ms")
        .default("30000")
        .at_least(1)
        .low()
        .without_effect(TIERED_STORAGE)
        .doc("Time between two runs of the tasks of tiered storage."),
    long("remote.log.manager.task.retry.backoff.max.ms")
        .default("30000")
        .at_least(1)
        .low()
        .internal()
        .without_effect(TIERED_STORAGE)
        .doc("Longest wait before a task of tiered storage is repeated."),
    long("remote.log.manager.task.retry.backoff.ms")
        .default("500")
        .at_least(1)
        .low()
        .internal()
        .without_effect(TIERED_STORAGE)
        .doc("First wait before a task of tiered storage is repeated."),
    double("remote.log.manager.task.retry.jitter")
        .default("0.2")
        .takes(Validator::DoubleBetween(0.0, 0.5))
        .low()
        .internal()
        .without_effect(TIERED_STORAGE)
        .doc("Random share of the wait before a task of tiered storage is repeated."),
    int("remote.log.manager.thread.pool.size")
        .default("2")
        .at_least(1)
        .without_effect(TIERED_STORAGE)
        .doc("Threads of tiered storage."),
    int("remote.log.metadata.custom.metadata.max.bytes")
        .default("128")
        .at_least(0)
        .low()
        .without_effect(TIERED_STORAGE)
        .doc("Most bytes of a plug-in's own metadata of a segment."),
    string("remote.log.metadata.manager.class.name")
        .default("org.apache.kafka.server.log.remote.metadata.storage.TopicBasedRemoteLogMetadataManager")
        .takes(Validator::NonEmpty)
        .without_effect(TIERED_STORAGE)
        .doc("Java class that keeps the metadata of tiered storage."),
    string("remote.log.metadata.manager.class.path")
        .without_effect(TIERED_STORAGE)
        .doc("Class path of the metadata manager of tiered storage."),
    string("remote.log.metadata.manager.impl.prefix")
        .default("rlmm.config.")
        .takes(Validator::NonEmpty)
        .without_effect(TIERED_STORAGE)
        .doc("Prefix of the metadata manager's own settings."),
    string("remote.log.metadata.manager.listener.name")
        .takes(Validator::NonEmpty)
        .without_effect(TIERED_STORAGE)
        .doc("Listener that the metadata manager of tiered storage connects to."),
    int("remote.log.reader.max.pending.tasks")
        .default("100")
        .at_least(1)
        .without_effect(TIERED_STORAGE)
        .doc("Most waiting reads of tiered storage."),
    int("remote.log.reader.threads")
        .default("10")
        .at_least(1)
        .cluster_wide()
        .without_effect(TIERED_STORAGE)
        .doc("Threads that read from tiered storage."),
    string("remote.log.storage.manager.class.name")
        .takes(Validator::NonEmpty)
        .without_effect(TIERED_STORAGE)
        .doc("Java class that stores segments in tiered storage."),
    string("remote.log.storage.manager.class.path")
        .without_effect(TIERED_STORAGE)
        .doc("Class path of the storage manager of tiered storage."),
    string("remote.log.storage.manager.impl.prefix")
        .default("rsm.config.")
        .takes(Validator::NonEmpty)
        .without_effect(TIERED_STORAGE)
        .doc("Prefix of the storage manager's own settings."),
    boolean("remote.log.storage.system.enable")
        .default("false")
        .refused(
            "segments would not be copied, and data that only tiered storage holds could not be \
             read; set it to false",
        )
        .doc("Whether tiered storage is on."),
];
