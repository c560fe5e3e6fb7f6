//! Why a known setting changes nothing here.

pub(super) const THREADS: &str = "there is no such pool of threads here: work shares the machine's cores";
pub(super) const PURGATORY: &str = "waiting requests are kept on their partitions here and need no tidying";
pub(super) const REGEXES: &str =
    "subscriptions by regular expression are matched again whenever topics have changed";
pub(super) const TURNS: &str =
    "what waits for a partition of groups is written together here, without waiting for more";
pub(super) const TRANSACTIONS: &str = "transactions are not served yet";
pub(super) const SHARE_GROUPS: &str = "share groups are not served yet";
pub(super) const STREAMS_GROUPS: &str = "streams groups are not served yet";
pub(super) const ONE_NODE_QUORUM: &str = "a cluster has one node for now, which asks no other one";
pub(super) const ONE_REPLICA: &str = "a cluster has one node for now, so a partition has one replica";
pub(super) const TLS: &str = "TLS is not served yet, and listeners that need it are refused";
pub(super) const SASL: &str = "SASL is not served yet, and listeners that need it are refused";
pub(super) const DELEGATION_TOKENS: &str = "delegation tokens are not served yet";
pub(super) const MOVE_RATE: &str = "the rate of moves between log directories is not limited yet";
pub(super) const METRICS: &str = "metrics are served for Prometheus at medallion.metrics.listener";
pub(super) const JVM: &str = "it tunes the Java process, and there is none";
pub(super) const TIERED_STORAGE: &str = "tiered storage does not work yet, and switching it on is refused";
pub(super) const INTERNAL: &str = "it is meant for Kafka's own tests";
pub(super) const BUFFERS: &str = "files and buffers grow as they are used here";
pub(super) const CHECKPOINTS: &str =
    "all checkpoints are written together, at log.flush.offset.checkpoint.interval.ms";
