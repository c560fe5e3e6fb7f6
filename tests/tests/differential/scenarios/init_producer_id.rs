//! InitProducerId: ids of idempotent producers.

use medallion_tests::differential::script::{Scenario, Script};
use serde_json::{Value, json};

/// The scenario.
pub(crate) const SCENARIO: Scenario =
    // A transactional id is another protocol, which comes with transactions. Kafka's first ids take a moment, so it is
    // asked again.
    Scenario { api: "InitProducerId", reads: true, frozen: &["TransactionalId"], run, ..super::USUAL };

fn run(script: &mut Script<'_>) {
    let request = |timeout: i32, id: i64, epoch: i16| json!({ "TransactionalId": Value::Null, "TransactionTimeoutMs": timeout, "ProducerId": id, "ProducerEpoch": epoch });
    for timeout in [60_000, i32::MAX, 0, -1, i32::MIN] {
        script.ask("a timeout", request(timeout, -1, -1));
    }
    for (id, epoch) in [(0, -1), (-1, 0), (7, 3), (-2, -2), (i64::MAX, i16::MAX)] {
        script.ask("a known id", request(60_000, id, epoch));
    }
    script.ask("an empty transactional id", json!({ "TransactionalId": "", "TransactionTimeoutMs": 60_000 }));
}
