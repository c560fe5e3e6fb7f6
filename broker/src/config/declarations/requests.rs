//! Settings of requests, topics, quotas, metrics and background work.

use super::super::declaration::{Declaration, boolean, class, int, list, long, string};
use super::reasons::{METRICS, MOVE_RATE, ONE_NODE_QUORUM, PURGATORY, THREADS};

pub(super) const SETTINGS: &[Declaration] = &[
    class("alter.config.policy.class.name")
        .low()
        .refused("a policy that is not asked would let forbidden changes through; remove the setting")
        .doc("Java class that is asked before settings are altered."),
    int("alter.log.dirs.replication.quota.window.num")
        .default("11")
        .at_least(1)
        .low()
        .without_effect(MOVE_RATE)
        .doc("Samples kept to measure the rate of moves between log directories."),
    int("alter.log.dirs.replication.quota.window.size.seconds")
        .default("1")
        .at_least(1)
        .low()
        .without_effect(MOVE_RATE)
        .doc("Length of one sample of the rate of moves between log directories."),
    boolean("auto.create.topics.enable")
        .default("true")
        .high()
        .doc("Whether a topic is created when a client asks for metadata of one that is not there."),
    int("background.threads")
        .default("10")
        .at_least(1)
        .high()
        .cluster_wide()
        .without_effect(THREADS)
        .doc("Threads for background work."),
    class("client.quota.callback.class")
        .low()
        .refused("the quotas that it computes would not be applied; remove the setting")
        .doc("Java class that computes client quotas."),
    list("config.providers")
        .default("")
        .list_or_empty(&[])
        .low()
        .cluster_wide()
        .refused(
            "values that point to an external source would be taken literally; put the values in the \
             file or in environment variables",
        )
        .doc("Sources outside of the file from which values are taken."),
    int("controller.quota.window.num")
        .default("11")
        .at_least(1)
        .low()
        .doc("Samples kept to measure the rate of topic and partition changes."),
    int("controller.quota.window.size.seconds")
        .default("1")
        .at_least(1)
        .low()
        .doc("Length of one sample of the rate of topic and partition changes."),
    int("controller.socket.timeout.ms")
        .default("30000")
        .without_effect(ONE_NODE_QUORUM)
        .doc("Socket timeout between controller and brokers."),
    class("create.topic.policy.class.name")
        .low()
        .refused("a policy that is not asked would let forbidden topics through; remove the setting")
        .doc("Java class that is asked before topics are created."),
    int("default.replication.factor")
        .default("1")
        .doc("Replicas of a topic that is created without a number of its own."),
    int("delete.records.purgatory.purge.interval.requests")
        .default("1")
        .without_effect(PURGATORY)
        .doc("Finished DeleteRecords requests after which the list of waiting ones is tidied."),
    boolean("delete.topic.enable").default("true").high().doc("Whether topics can be deleted."),
    int("fetch.max.bytes")
        .default("57671680")
        .at_least(1024)
        .doc("Most bytes of records in one fetch response."),
    int("fetch.purgatory.purge.interval.requests")
        .default("1000")
        .without_effect(PURGATORY)
        .doc("Finished fetch requests after which the list of waiting ones is tidied."),
    int("kafka.metrics.polling.interval.secs")
        .default("10")
        .at_least(1)
        .low()
        .without_effect(METRICS)
        .doc("Interval at which Kafka's own metrics reporters are polled."),
    list("kafka.metrics.reporters")
        .default("")
        .list_or_empty(&[])
        .low()
        .without_effect(METRICS)
        .doc("Java classes that report Kafka's server metrics."),
    int("max.incremental.fetch.session.cache.slots")
        .default("1000")
        .at_least(0)
        .doc("Most incremental fetch sessions that are kept."),
    int("max.request.partition.size.limit")
        .default("2000")
        .at_least(1)
        .doc("Most partitions in one answer of DescribeTopicPartitions."),
    list("metric.reporters")
        .default("org.apache.kafka.common.metrics.JmxReporter")
        .list_or_empty(&[])
        .low()
        .cluster_wide()
        .without_effect(METRICS)
        .doc("Java classes that report metrics."),
    int("metrics.num.samples")
        .default("2")
        .at_least(1)
        .low()
        .without_effect(METRICS)
        .doc("Samples from which Kafka computes its metrics."),
    string("metrics.recording.level")
        .default("INFO")
        .low()
        .without_effect(METRICS)
        .doc("How many of its metrics Kafka records."),
    long("metrics.sample.window.ms")
        .default("30000")
        .at_least(1)
        .low()
        .without_effect(METRICS)
        .doc("Length of one sample of Kafka's metrics."),
    int("num.partitions")
        .default("1")
        .at_least(1)
        .doc("Partitions of a topic that is created without a number of its own."),
    int("producer.purgatory.purge.interval.requests")
        .default("1000")
        .without_effect(PURGATORY)
        .doc("Finished produce requests after which the list of waiting ones is tidied."),
    int("quota.window.num").default("11").at_least(1).low().doc("Samples kept to measure client quotas."),
    int("quota.window.size.seconds")
        .default("1")
        .at_least(1)
        .low()
        .doc("Length of one sample of client quotas."),
    int("request.timeout.ms")
        .default("30000")
        .high()
        .without_effect(ONE_NODE_QUORUM)
        .doc("Time to wait for an answer of another node."),
    int("telemetry.max.bytes")
        .default("1048576")
        .at_least(1)
        .low()
        .doc("Most bytes of one push of client metrics, also when they are decompressed."),
];
