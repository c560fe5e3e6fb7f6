//! Settings of listeners and connections.

use super::super::declaration::{Declaration, int, list, long, string};
use super::reasons::{ONE_NODE_QUORUM, THREADS};

pub(super) const SETTINGS: &[Declaration] = &[
    list("advertised.listeners").list_of(&[]).high().doc(
        "Addresses that clients are told to connect to, as NAME://host:port; the listeners \
             themselves where not set.",
    ),
    long("connections.max.idle.ms")
        .default("600000")
        .doc("Idle time after which a connection is closed; negative: never."),
    string("inter.broker.listener.name").doc("Name of the listener that brokers use among themselves."),
    string("listener.security.protocol.map")
        .default("SASL_SSL:SASL_SSL,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT")
        .low()
        .per_broker()
        .doc("The security protocol of each listener name, as NAME:PROTOCOL."),
    list("listeners")
        .default("PLAINTEXT://:9092")
        .list_of(&[])
        .high()
        .per_broker()
        .doc("Addresses to listen on, as NAME://host:port; an empty host is every interface."),
    int("max.connection.creation.rate")
        .default("2147483647")
        .at_least(0)
        .cluster_wide()
        .doc(
            "Most new connections in a second, of the broker and of each listener; those above wait to be \
             accepted. `listener.name.NAME.` before it sets it for a listener.",
        ),
    int("max.connections")
        .default("2147483647")
        .at_least(0)
        .cluster_wide()
        .doc("Most open connections of the broker."),
    int("max.connections.per.ip")
        .default("2147483647")
        .at_least(0)
        .cluster_wide()
        .doc("Most open connections from one address."),
    string("max.connections.per.ip.overrides")
        .default("")
        .cluster_wide()
        .doc("Limits of single IP addresses, as address:limit separated by commas; names of hosts are refused."),
    int("num.io.threads")
        .default("8")
        .at_least(1)
        .high()
        .cluster_wide()
        .without_effect(THREADS)
        .doc("Threads that answer requests."),
    int("num.network.threads")
        .default("3")
        .at_least(1)
        .high()
        .cluster_wide()
        .without_effect(THREADS)
        .doc("Threads that read requests and write answers."),
    long("queued.max.request.bytes").default("-1").doc(
        "Most bytes of requests that are read and not yet answered; -1 leaves it to \
             `medallion.request.memory.bytes`.",
    ),
    int("queued.max.requests")
        .default("500")
        .at_least(1)
        .high()
        .without_effect(THREADS)
        .doc("Requests waiting for a thread."),
    long("socket.connection.setup.timeout.max.ms")
        .default("30000")
        .without_effect(ONE_NODE_QUORUM)
        .doc("Longest time to wait for a connection to another node."),
    long("socket.connection.setup.timeout.ms")
        .default("10000")
        .without_effect(ONE_NODE_QUORUM)
        .doc("Time to wait for a connection to another node at first."),
    int("socket.listen.backlog.size")
        .default("50")
        .at_least(1)
        .doc("Connections that the operating system holds before they are accepted."),
    int("socket.receive.buffer.bytes")
        .default("102400")
        .high()
        .doc(
            "Receive buffer of a connection; -1 leaves it to the operating system, as does 102400, which nobody chooses \
             because it is Kafka's default: a producer would wait for room for every request.",
        ),
    int("socket.request.max.bytes")
        .default("104857600")
        .at_least(1)
        .high()
        .doc("Largest request in bytes; a connection that announces more is closed."),
    int("socket.send.buffer.bytes")
        .default("102400")
        .high()
        .doc(
            "Send buffer of a connection; -1 leaves it to the operating system, as does 102400, which nobody chooses \
             because it is Kafka's default: a large fetch would wait for its reader again and again.",
        ),
];
