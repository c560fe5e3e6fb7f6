//! Settings of consumer, share and streams groups and of committed offsets.

use super::super::declaration::{Declaration, Validator, int, list, long, short, string};
use super::reasons::{ONE_REPLICA, PURGATORY, REGEXES, SHARE_GROUPS, STREAMS_GROUPS, THREADS, TURNS};

pub(super) const SETTINGS: &[Declaration] = &[
    int("group.consumer.assignment.interval.ms")
        .default("1000")
        .at_least(0)
        .cluster_wide()
        .doc("Shortest time between two assignments of a consumer group."),
    list("group.consumer.assignors")
        .default("uniform,range")
        .list_of(&["uniform", "range"])
        .doc("Assignors of consumer groups, the first being the default: `uniform`, `range`. Classes of one's own cannot be loaded."),
    int("group.consumer.heartbeat.interval.ms")
        .default("5000")
        .at_least(1)
        .doc("Heartbeat interval of members of consumer groups."),
    int("group.consumer.max.assignment.interval.ms")
        .default("15000")
        .at_least(0)
        .doc("Upper bound of a group's own `consumer.assignment.interval.ms`."),
    int("group.consumer.max.heartbeat.interval.ms")
        .default("15000")
        .at_least(1)
        .doc("Upper bound of a group's own `consumer.heartbeat.interval.ms`."),
    int("group.consumer.max.session.timeout.ms")
        .default("60000")
        .at_least(1)
        .doc("Upper bound of a group's own `consumer.session.timeout.ms`."),
    int("group.consumer.max.size")
        .default("2147483647")
        .at_least(1)
        .doc("Most members of a consumer group."),
    string("group.consumer.migration.policy")
        .default("bidirectional")
        .takes(Validator::OneOfIgnoringCase(&["DISABLED", "DOWNGRADE", "UPGRADE", "BIDIRECTIONAL"]))
        .doc(
            "Which way groups may move between the classic and the consumer protocol while they have \
             members.",
        ),
    int("group.consumer.min.assignment.interval.ms")
        .default("0")
        .at_least(0)
        .doc("Lower bound of a group's own `consumer.assignment.interval.ms`."),
    int("group.consumer.min.heartbeat.interval.ms")
        .default("5000")
        .at_least(1)
        .doc("Lower bound of a group's own `consumer.heartbeat.interval.ms`."),
    int("group.consumer.min.session.timeout.ms")
        .default("45000")
        .at_least(1)
        .doc("Lower bound of a group's own `consumer.session.timeout.ms`."),
    int("group.consumer.regex.refresh.interval.ms")
        .default("600000")
        .at_least(10000)
        .internal()
        .without_effect(REGEXES)
        .doc("Time after which subscriptions by regular expression are matched again."),
    int("group.consumer.session.timeout.ms")
        .default("45000")
        .at_least(1)
        .doc("Time without heartbeats after which a member of a consumer group is removed."),
    int("group.coordinator.append.linger.ms")
        .default("-1")
        .at_least(-1)
        .without_effect(TURNS)
        .doc("Time for which the group coordinator gathers writes; -1 adapts it to the load."),
    int("group.coordinator.background.threads")
        .default("2")
        .at_least(1)
        .high()
        .without_effect(THREADS)
        .doc("Threads of the group coordinator for background work."),
    int("group.coordinator.cached.buffer.max.bytes")
        .default("1048588")
        .at_least(524_288)
        .cluster_wide()
        .without_effect(TURNS)
        .doc("Largest buffer that the group coordinator keeps for reuse."),
    list("group.coordinator.rebalance.protocols")
        .default("classic,consumer,streams")
        .list_of(&["consumer", "classic", "share", "streams"])
        .doc("Rebalance protocols that are served."),
    int("group.coordinator.threads")
        .default("4")
        .at_least(1)
        .high()
        .without_effect(THREADS)
        .doc("Threads of the group coordinator."),
    int("group.initial.rebalance.delay.ms")
        .default("3000")
        .doc("Time for which a new classic group waits for more members before its first rebalance."),
    int("group.max.session.timeout.ms")
        .default("1800000")
        .doc("Longest session timeout of a classic group's member."),
    int("group.max.size").default("2147483647").at_least(1).doc("Most members of a classic group."),
    int("group.min.session.timeout.ms")
        .default("6000")
        .doc("Shortest session timeout of a classic group's member."),
    int("group.share.assignment.interval.ms")
        .default("1000")
        .at_least(0)
        .cluster_wide()
        .without_effect(SHARE_GROUPS)
        .doc("Shortest time between two assignments of a share group."),
    list("group.share.assignors")
        .default("simple")
        .list_of(&[])
        .without_effect(SHARE_GROUPS)
        .doc("Assignor of share groups."),
    int("group.share.delivery.count.limit")
        .default("5")
        .between(2, 10)
        .without_effect(SHARE_GROUPS)
        .doc("Most deliveries of one record to a share group."),
    int("group.share.heartbeat.interval.ms")
        .default("5000")
        .at_least(1)
        .without_effect(SHARE_GROUPS)
        .doc("Heartbeat interval of members of share groups."),
    int("group.share.initialize.retry.interval.ms")
        .default("30000")
        .at_least(1)
        .low()
        .internal()
        .without_effect(SHARE_GROUPS)
        .doc("Time before the state of a share group is initialized again."),
    int("group.share.max.assignment.interval.ms")
        .default("15000")
        .at_least(0)
        .without_effect(SHARE_GROUPS)
        .doc("Upper bound of a group's own `share.assignment.interval.ms`."),
    int("group.share.max.delivery.count.limit")
        .default("10")
        .between(5, 25)
        .without_effect(SHARE_GROUPS)
        .doc("Upper bound of a group's own `share.delivery.count.limit`."),
    int("group.share.max.heartbeat.interval.ms")
        .default("15000")
        .at_least(1)
        .without_effect(SHARE_GROUPS)
        .doc("Upper bound of a group's own `share.heartbeat.interval.ms`."),
    int("group.share.max.partition.max.record.locks")
        .default("4000")
        .between(2000, 10000)
        .without_effect(SHARE_GROUPS)
        .doc("Upper bound of a group's own `share.partition.max.record.locks`."),
    int("group.share.max.record.lock.duration.ms")
        .default("60000")
        .between(30000, 3_600_000)
        .without_effect(SHARE_GROUPS)
        .doc("Upper bound of a group's own `share.record.lock.duration.ms`."),
    int("group.share.max.session.timeout.ms")
        .default("60000")
        .at_least(1)
        .without_effect(SHARE_GROUPS)
        .doc("Upper bound of a group's own `share.session.timeout.ms`."),
    int("group.share.max.share.sessions")
        .default("2000")
        .at_least(1)
        .without_effect(SHARE_GROUPS)
        .doc("Most share sessions of a broker."),
    int("group.share.max.size")
        .default("200")
        .between(1, 1000)
        .without_effect(SHARE_GROUPS)
        .doc("Most members of a share group."),
    int("group.share.min.assignment.interval.ms")
        .default("0")
        .at_least(0)
        .without_effect(SHARE_GROUPS)
        .doc("Lower bound of a group's own `share.assignment.interval.ms`."),
    int("group.share.min.delivery.count.limit")
        .default("2")
        .between(2, 5)
        .without_effect(SHARE_GROUPS)
        .doc("Lower bound of a group's own `share.delivery.count.limit`."),
    int("group.share.min.heartbeat.interval.ms")
        .default("5000")
        .at_least(1)
        .without_effect(SHARE_GROUPS)
        .doc("Lower bound of a group's own `share.heartbeat.interval.ms`."),
    int("group.share.min.partition.max.record.locks")
        .default("100")
        .between(100, 2000)
        .without_effect(SHARE_GROUPS)
        .doc("Lower bound of a group's own `share.partition.max.record.locks`."),
    int("group.share.min.record.lock.duration.ms")
        .default("15000")
        .between(1000, 30000)
        .without_effect(SHARE_GROUPS)
        .doc("Lower bound of a group's own `share.record.lock.duration.ms`."),
    int("group.share.min.session.timeout.ms")
        .default("45000")
        .at_least(1)
        .without_effect(SHARE_GROUPS)
        .doc("Lower bound of a group's own `share.session.timeout.ms`."),
    int("group.share.partition.max.record.locks")
        .default("2000")
        .between(100, 10000)
        .without_effect(SHARE_GROUPS)
        .doc("Most records of a partition that a share group may hold unacknowledged."),
    string("group.share.persister.class.name")
        .default("org.apache.kafka.server.share.persister.DefaultStatePersister")
        .internal()
        .without_effect(SHARE_GROUPS)
        .doc("Class that keeps the state of share groups."),
    int("group.share.record.lock.duration.ms")
        .default("30000")
        .between(1000, 3_600_000)
        .without_effect(SHARE_GROUPS)
        .doc("Time for which a delivered record is locked for its consumer."),
    int("group.share.session.timeout.ms")
        .default("45000")
        .at_least(1)
        .without_effect(SHARE_GROUPS)
        .doc("Time without heartbeats after which a member of a share group is removed."),
    int("group.streams.assignment.interval.ms")
        .default("1000")
        .at_least(0)
        .cluster_wide()
        .without_effect(STREAMS_GROUPS)
        .doc("Shortest time between two assignments of a streams group."),
    int("group.streams.heartbeat.interval.ms")
        .default("5000")
        .at_least(1)
        .without_effect(STREAMS_GROUPS)
        .doc("Heartbeat interval of members of streams groups."),
    int("group.streams.initial.rebalance.delay.ms")
        .default("3000")
        .at_least(0)
        .without_effect(STREAMS_GROUPS)
        .doc("Time for which a new streams group waits for more members before its first rebalance."),
    int("group.streams.max.assignment.interval.ms")
        .default("15000")
        .at_least(0)
        .without_effect(STREAMS_GROUPS)
        .doc("Upper bound of a group's own `streams.assignment.interval.ms`."),
    int("group.streams.max.heartbeat.interval.ms")
        .default("15000")
        .at_least(1)
        .without_effect(STREAMS_GROUPS)
        .doc("Upper bound of a group's own `streams.heartbeat.interval.ms`."),
    int("group.streams.max.session.timeout.ms")
        .default("60000")
        .at_least(1)
        .without_effect(STREAMS_GROUPS)
        .doc("Upper bound of a group's own `streams.session.timeout.ms`."),
    int("group.streams.max.size")
        .default("2147483647")
        .at_least(1)
        .without_effect(STREAMS_GROUPS)
        .doc("Most members of a streams group."),
    int("group.streams.max.standby.replicas")
        .default("2")
        .at_least(0)
        .without_effect(STREAMS_GROUPS)
        .doc("Upper bound of a group's own `streams.num.standby.replicas`."),
    int("group.streams.min.assignment.interval.ms")
        .default("0")
        .at_least(0)
        .without_effect(STREAMS_GROUPS)
        .doc("Lower bound of a group's own `streams.assignment.interval.ms`."),
    int("group.streams.min.heartbeat.interval.ms")
        .default("5000")
        .at_least(1)
        .without_effect(STREAMS_GROUPS)
        .doc("Lower bound of a group's own `streams.heartbeat.interval.ms`."),
    int("group.streams.min.session.timeout.ms")
        .default("45000")
        .at_least(1)
        .without_effect(STREAMS_GROUPS)
        .doc("Lower bound of a group's own `streams.session.timeout.ms`."),
    int("group.streams.num.standby.replicas")
        .default("0")
        .at_least(0)
        .without_effect(STREAMS_GROUPS)
        .doc("Standby replicas of each task of a streams group."),
    int("group.streams.session.timeout.ms")
        .default("45000")
        .at_least(1)
        .without_effect(STREAMS_GROUPS)
        .doc("Time without heartbeats after which a member of a streams group is removed."),
    int("offset.metadata.max.bytes")
        .default("4096")
        .high()
        .doc("Most bytes of metadata in an offset commit."),
    int("offsets.commit.timeout.ms")
        .default("5000")
        .at_least(1)
        .high()
        .without_effect(ONE_REPLICA)
        .doc("Time in which the replicas must have an offset commit."),
    int("offsets.load.buffer.size")
        .default("5242880")
        .at_least(1)
        .high()
        .doc("Bytes read at a time when offsets are loaded."),
    long("offsets.retention.check.interval.ms")
        .default("600000")
        .at_least(1)
        .high()
        .doc("Time between two looks for offsets to expire."),
    int("offsets.retention.minutes")
        .default("10080")
        .at_least(1)
        .high()
        .doc("Minutes for which offsets of a group without members are kept."),
    int("offsets.topic.compression.codec")
        .default("0")
        .high()
        .doc("Codec of `__consumer_offsets`, by number."),
    int("offsets.topic.num.partitions")
        .default("50")
        .at_least(1)
        .high()
        .doc("Partitions of `__consumer_offsets`."),
    short("offsets.topic.replication.factor")
        .default("3")
        .at_least(1)
        .high()
        .doc("Replicas of `__consumer_offsets`."),
    int("offsets.topic.segment.bytes")
        .default("104857600")
        .at_least(1)
        .high()
        .doc("Segment size of `__consumer_offsets`."),
    int("share.coordinator.append.linger.ms")
        .default("-1")
        .at_least(-1)
        .without_effect(SHARE_GROUPS)
        .doc("Time for which the share coordinator gathers writes; -1 adapts it to the load."),
    int("share.coordinator.cached.buffer.max.bytes")
        .default("1048588")
        .at_least(524_288)
        .cluster_wide()
        .without_effect(SHARE_GROUPS)
        .doc("Largest buffer that the share coordinator keeps for reuse."),
    int("share.coordinator.cold.partition.snapshot.interval.ms")
        .default("300000")
        .at_least(1)
        .low()
        .internal()
        .without_effect(SHARE_GROUPS)
        .doc("Time between snapshots of share partitions that do not change."),
    int("share.coordinator.load.buffer.size")
        .default("5242880")
        .at_least(1)
        .high()
        .without_effect(SHARE_GROUPS)
        .doc("Bytes read at a time when the state of share groups is loaded."),
    int("share.coordinator.snapshot.update.records.per.snapshot")
        .default("500")
        .between(0, 500)
        .without_effect(SHARE_GROUPS)
        .doc("Updates of a share partition's state between two snapshots."),
    int("share.coordinator.state.topic.compression.codec")
        .default("0")
        .high()
        .without_effect(SHARE_GROUPS)
        .doc("Codec of `__share_group_state`, by number."),
    short("share.coordinator.state.topic.min.isr")
        .default("2")
        .at_least(1)
        .high()
        .without_effect(SHARE_GROUPS)
        .doc("`min.insync.replicas` of `__share_group_state`."),
    int("share.coordinator.state.topic.num.partitions")
        .default("50")
        .at_least(1)
        .high()
        .without_effect(SHARE_GROUPS)
        .doc("Partitions of `__share_group_state`."),
    int("share.coordinator.state.topic.prune.interval.ms")
        .default("300000")
        .at_least(1)
        .low()
        .internal()
        .without_effect(SHARE_GROUPS)
        .doc("Time between two prunings of `__share_group_state`."),
    short("share.coordinator.state.topic.replication.factor")
        .default("3")
        .at_least(1)
        .high()
        .without_effect(SHARE_GROUPS)
        .doc("Replicas of `__share_group_state`."),
    int("share.coordinator.state.topic.segment.bytes")
        .default("104857600")
        .at_least(1)
        .high()
        .without_effect(SHARE_GROUPS)
        .doc("Segment size of `__share_group_state`."),
    int("share.coordinator.threads")
        .default("1")
        .at_least(1)
        .without_effect(THREADS)
        .doc("Threads of the share coordinator."),
    int("share.coordinator.write.timeout.ms")
        .default("5000")
        .at_least(1)
        .high()
        .without_effect(SHARE_GROUPS)
        .doc("Time in which the replicas must have a write of the share coordinator."),
    int("share.fetch.purgatory.purge.interval.requests")
        .default("1000")
        .without_effect(PURGATORY)
        .doc("Finished share fetches after which the list of waiting ones is tidied."),
];
