//! Other people's clients of schema registries, each through the whole life of some subjects.

use medallion_tests::need;
use medallion_tests::registry::{RegistryClient, RegistryServer};
use medallion_tests::server::Server;
use serde_json::{Value, json};

/// What a client must see.
fn run(client: RegistryClient, expected: &Value) {
    let kafka = need!(Server::start_default());
    let registry = RegistryServer::start(&kafka.bootstrap(), &[]);
    let seen = need!(client.run(&registry.url()));
    let expected = expected.as_object().expect("an object");
    for (what, value) in expected {
        assert_eq!(&seen[what], value, "{client:?}: {what} in {seen}");
    }
    assert_eq!(seen.as_object().map(|seen| seen.len()), Some(expected.len()), "{seen}");
}

#[test]
fn confluent_kafka_python() {
    run(
        RegistryClient::Confluent,
        &json!({
            "same_id": true,
            "next_id": 1,
            "versions": [1, 2],
            "subjects": ["python-value"],
            "latest": [2, true, true],
            "text_by_id": true,
            "lookup": [1, true],
            "guid": true,
            "compatible": [true, false],
            "incompatible": [409, 409],
            "invalid": [422, 42201],
            "global_level": "BACKWARD",
            "no_level": [404, 40408],
            "own_level": "NONE",
            "unchecked": 1,
            "reference": [["Trip", "python-value", 1]],
            "referenced": [422, 42206],
            "json": "JSON",
            "deleted_version": 3,
            "missing_version": [404, 40402],
            "deleted_user": [1],
            "permanently": [1],
            "missing_subject": [404, 40401],
            "missing_id": [404, 40403],
        }),
    );
}
