//! Settings of a group.

use super::super::declaration::{Declaration, Validator, boolean, int, string};
use super::reasons::{SHARE_GROUPS, STREAMS_GROUPS};

pub(super) const SETTINGS: &[Declaration] = &[
    int("consumer.assignment.interval.ms")
        .default("1000")
        .at_least(0)
        .inherits(&["group.consumer.assignment.interval.ms"])
        .doc("Shortest time between two assignments of the group."),
    int("consumer.heartbeat.interval.ms")
        .default("5000")
        .at_least(1)
        .inherits(&["group.consumer.heartbeat.interval.ms"])
        .doc("Heartbeat interval of the members."),
    int("consumer.session.timeout.ms")
        .default("45000")
        .at_least(1)
        .inherits(&["group.consumer.session.timeout.ms"])
        .doc("Time without heartbeats after which a member is removed."),
    int("share.assignment.interval.ms")
        .default("1000")
        .at_least(0)
        .inherits(&["group.share.assignment.interval.ms"])
        .without_effect(SHARE_GROUPS)
        .doc("Shortest time between two assignments of the group."),
    string("share.auto.offset.reset")
        .default("latest")
        .takes(Validator::ShareAutoOffsetReset)
        .without_effect(SHARE_GROUPS)
        .doc("Where a share group starts: `latest`, `earliest` or `by_duration:` and a duration."),
    int("share.delivery.count.limit")
        .default("5")
        .at_least(2)
        .inherits(&["group.share.delivery.count.limit"])
        .without_effect(SHARE_GROUPS)
        .doc("Most deliveries of one record."),
    int("share.heartbeat.interval.ms")
        .default("5000")
        .at_least(1)
        .inherits(&["group.share.heartbeat.interval.ms"])
        .without_effect(SHARE_GROUPS)
        .doc("Heartbeat interval of the members."),
    string("share.isolation.level")
        .default("read_uncommitted")
        .one_of(&["read_committed", "read_uncommitted"])
        .without_effect(SHARE_GROUPS)
        .doc("Whether records of open and aborted transactions are delivered."),
    int("share.partition.max.record.locks")
        .default("2000")
        .at_least(100)
        .inherits(&["group.share.partition.max.record.locks"])
        .without_effect(SHARE_GROUPS)
        .doc("Most records of a partition that the group may hold unacknowledged."),
    int("share.record.lock.duration.ms")
        .default("30000")
        .at_least(1000)
        .inherits(&["group.share.record.lock.duration.ms"])
        .without_effect(SHARE_GROUPS)
        .doc("Time for which a delivered record is locked for its consumer."),
    boolean("share.renew.acknowledge.enable")
        .default("true")
        .without_effect(SHARE_GROUPS)
        .doc("Whether a consumer may renew the lock of a record."),
    int("share.session.timeout.ms")
        .default("45000")
        .at_least(1)
        .inherits(&["group.share.session.timeout.ms"])
        .without_effect(SHARE_GROUPS)
        .doc("Time without heartbeats after which a member is removed."),
    int("streams.assignment.interval.ms")
        .default("1000")
        .at_least(0)
        .inherits(&["group.streams.assignment.interval.ms"])
        .without_effect(STREAMS_GROUPS)
        .doc("Shortest time between two assignments of the group."),
    int("streams.heartbeat.interval.ms")
        .default("5000")
        .at_least(1)
        .inherits(&["group.streams.heartbeat.interval.ms"])
        .without_effect(STREAMS_GROUPS)
        .doc("Heartbeat interval of the members."),
    int("streams.initial.rebalance.delay.ms")
        .default("3000")
        .at_least(0)
        .inherits(&["group.streams.initial.rebalance.delay.ms"])
        .without_effect(STREAMS_GROUPS)
        .doc("Time for which a new group waits for more members before its first rebalance."),
    int("streams.num.standby.replicas")
        .default("0")
        .at_least(0)
        .inherits(&["group.streams.num.standby.replicas"])
        .without_effect(STREAMS_GROUPS)
        .doc("Standby replicas of each task."),
    int("streams.session.timeout.ms")
        .default("45000")
        .at_least(1)
        .inherits(&["group.streams.session.timeout.ms"])
        .without_effect(STREAMS_GROUPS)
        .doc("Time without heartbeats after which a member is removed."),
];
