//! Settings of replication.

use super::super::declaration::{Declaration, int, list, long, string};
use super::reasons::{CHECKPOINTS, ONE_REPLICA, THREADS};

pub(super) const SETTINGS: &[Declaration] = &[
    list("cordoned.log.dirs")
        .default("")
        .list_or_empty(&[])
        .per_broker()
        .refused("new partitions would be placed in these directories all the same; remove the setting")
        .doc("Log directories that take no new partitions; `*` for all."),
    int("num.replica.alter.log.dirs.threads")
        .high()
        .without_effect(THREADS)
        .doc("Threads that move partitions between log directories."),
    int("num.replica.fetchers")
        .default("1")
        .at_least(1)
        .high()
        .cluster_wide()
        .without_effect(THREADS)
        .doc("Threads that fetch from each leader."),
    int("replica.fetch.backoff.ms")
        .default("1000")
        .at_least(0)
        .without_effect(ONE_REPLICA)
        .doc("Wait of a follower after a failed fetch."),
    int("replica.fetch.max.bytes")
        .default("1048576")
        .at_least(0)
        .without_effect(ONE_REPLICA)
        .doc("Bytes that a follower asks for per partition."),
    int("replica.fetch.min.bytes")
        .default("1")
        .high()
        .without_effect(ONE_REPLICA)
        .doc("Bytes for which a follower's fetch waits."),
    int("replica.fetch.response.max.bytes")
        .default("10485760")
        .at_least(0)
        .without_effect(ONE_REPLICA)
        .doc("Bytes that a follower asks for in one fetch."),
    int("replica.fetch.wait.max.ms")
        .default("500")
        .high()
        .without_effect(ONE_REPLICA)
        .doc("Longest wait of a follower's fetch."),
    long("replica.high.watermark.checkpoint.interval.ms")
        .default("5000")
        .high()
        .without_effect(CHECKPOINTS)
        .doc("Time between two writes of the high watermarks."),
    long("replica.lag.time.max.ms")
        .default("30000")
        .high()
        .without_effect(ONE_REPLICA)
        .doc("Time after which a follower that lags leaves the in-sync replicas."),
    string("replica.selector.class")
        .without_effect(ONE_REPLICA)
        .doc("Java class that chooses the replica to read from."),
    int("replica.socket.receive.buffer.bytes")
        .default("65536")
        .high()
        .without_effect(ONE_REPLICA)
        .doc("Socket receive buffer of followers."),
    int("replica.socket.timeout.ms")
        .default("30000")
        .high()
        .without_effect(ONE_REPLICA)
        .doc("Socket timeout of followers."),
    int("replication.quota.window.num")
        .default("11")
        .at_least(1)
        .low()
        .without_effect(ONE_REPLICA)
        .doc("Samples kept to measure the rate of replication."),
    int("replication.quota.window.size.seconds")
        .default("1")
        .at_least(1)
        .low()
        .without_effect(ONE_REPLICA)
        .doc("Length of one sample of the rate of replication."),
];
