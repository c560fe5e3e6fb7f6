//! Settings that Kafka does not have.

use super::super::declaration::{Declaration, boolean, int, long, string};

pub(super) const SETTINGS: &[Declaration] = &[
    boolean("medallion.acks.all.fsync").default("false").doc(
        "Whether a write with `acks=all` is answered only after its records are flushed to disk; \
             one flush serves all that wait.",
    ),
    int("medallion.connection.requests.max")
        .default("64")
        .at_least(1)
        .doc("Requests of one connection that may be in work at a time; further ones stay unread."),
    long("medallion.disk.reserve.bytes").default("268435456").at_least(0).high().doc(
        "Free space of each log directory below which writes are refused with a retriable error, \
             so that deletes, metadata and checkpoints still find room.",
    ),
    long("medallion.log.flush.background.interval.ms").default("60000").at_least(0).low().doc(
        "Time after which written records are flushed in the background, so that a restart has \
             little to recover; it promises no durability; 0: never.",
    ),
    string("medallion.log.format")
        .default("text")
        .one_of(&["text", "json"])
        .low()
        .doc("Form of the log lines on standard error."),
    string("medallion.log.level").default("info").low().doc(
        "Which log lines are written: `error`, `warn`, `info`, `debug` or `trace`, or directives \
             such as `info,medallion_log=debug`.",
    ),
    int("medallion.metrics.client.series.max").default("10000").at_least(0).low().doc(
        "Series of clients' own metrics (KIP-714) that are kept and shown, of all clients together; \
             further ones are left out.",
    ),
    int("medallion.metrics.group.partitions.max").default("10000").at_least(0).low().doc(
        "Partitions for which the lag of groups is shown in the metrics, each group's counted by \
             itself; 0: the lag is not shown.",
    ),
    string("medallion.metrics.listener")
        .default("127.0.0.1:8080")
        .doc("Address of `/metrics`, `/health` and `/admin`, as host:port; nothing is served where empty."),
    int("medallion.request.read.timeout.ms").default("30000").at_least(1).doc(
        "Time in which a request whose first byte has come must be there in full; the connection \
             is closed otherwise.",
    ),
    long("medallion.request.memory.bytes").default("134217728").at_least(1_048_576).high().doc(
        "Memory for requests and responses of all connections together; further requests stay \
             unread until there is room.",
    ),
    int("medallion.response.write.timeout.ms").default("30000").at_least(1).doc(
        "Time in which a client must take some of its response; the connection is closed \
             otherwise.",
    ),
];
