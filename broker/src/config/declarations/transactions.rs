//! Settings of transactions.

use super::super::declaration::{Declaration, boolean, int, short};
use super::reasons::TRANSACTIONS;

pub(super) const SETTINGS: &[Declaration] = &[
    int("add.partitions.to.txn.retry.backoff.max.ms")
        .default("100")
        .at_least(0)
        .high()
        .without_effect(TRANSACTIONS)
        .doc("Longest wait of the server between two attempts to add a partition to a transaction."),
    int("add.partitions.to.txn.retry.backoff.ms")
        .default("20")
        .at_least(1)
        .high()
        .without_effect(TRANSACTIONS)
        .doc("First wait of the server between two attempts to add a partition to a transaction."),
    int("transaction.abort.timed.out.transaction.cleanup.interval.ms")
        .default("10000")
        .at_least(1)
        .low()
        .without_effect(TRANSACTIONS)
        .doc("Time between two looks for transactions that timed out."),
    int("transaction.max.timeout.ms")
        .default("900000")
        .at_least(1)
        .high()
        .without_effect(TRANSACTIONS)
        .doc("Longest timeout that a transaction may ask for."),
    boolean("transaction.partition.verification.enable")
        .default("true")
        .low()
        .cluster_wide()
        .without_effect(TRANSACTIONS)
        .doc("Whether a transactional write is checked against the transaction's partitions."),
    int("transaction.remove.expired.transaction.cleanup.interval.ms")
        .default("3600000")
        .at_least(1)
        .low()
        .without_effect(TRANSACTIONS)
        .doc("Time between two looks for expired transactional ids."),
    int("transaction.state.log.load.buffer.size")
        .default("5242880")
        .at_least(1)
        .high()
        .without_effect(TRANSACTIONS)
        .doc("Bytes read at a time when transactions are loaded."),
    int("transaction.state.log.min.isr")
        .default("2")
        .at_least(1)
        .high()
        .without_effect(TRANSACTIONS)
        .doc("`min.insync.replicas` of `__transaction_state`."),
    int("transaction.state.log.num.partitions")
        .default("50")
        .at_least(1)
        .high()
        .without_effect(TRANSACTIONS)
        .doc("Partitions of `__transaction_state`."),
    short("transaction.state.log.replication.factor")
        .default("3")
        .at_least(1)
        .high()
        .without_effect(TRANSACTIONS)
        .doc("Replicas of `__transaction_state`."),
    int("transaction.state.log.segment.bytes")
        .default("104857600")
        .at_least(1)
        .high()
        .without_effect(TRANSACTIONS)
        .doc("Segment size of `__transaction_state`."),
    boolean("transaction.two.phase.commit.enable")
        .default("false")
        .low()
        .without_effect(TRANSACTIONS)
        .doc("Whether transactions may take part in a two-phase commit."),
    int("transactional.id.expiration.ms")
        .default("604800000")
        .at_least(1)
        .high()
        .without_effect(TRANSACTIONS)
        .doc("Time without use after which a transactional id is forgotten."),
];
