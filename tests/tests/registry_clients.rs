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

#[test]
fn kafkajs() {
    run(
        RegistryClient::KafkaJs,
        &json!({
            "same_id": true,
            "next_id": 1,
            "refused": 409,
            "by_version": true,
            "latest": true,
            "by_schema": true,
            "decoded": { "zone": "JFK", "fare": 52 },
            "json": { "zone": "EWR" },
            "proto": { "zone": "LGA" },
            "missing": 404,
        }),
    );
}

#[test]
fn confluent_node() {
    run(
        RegistryClient::ConfluentNode,
        &json!({
            "same_id": true,
            "next_id": 1,
            "text": "Trip",
            "latest": [2, { "owner": "taxi" }, "no_cash"],
            "with_metadata": 2,
            "guid": 2,
            "versions": [1, 2],
            "version": 1,
            "subjects": ["node-value"],
            "compatible": [true, false],
            "refused": [409, 409],
            "level": ["BACKWARD", "FULL", "FULL"],
            "config": { "normalize": true, "compatibility": "NONE" },
            "deleted_version": 2,
            "deleted": [[1], [1, 2]],
            "missing": [404, 40401],
        }),
    );
}

/// Its serializers, too, and rules: a condition in CEL, and a migration in JSONata from one major version to the next.
#[test]
fn confluent_go() {
    let usage = json!([{ "subject": "go/trips value", "version": 1 }]);
    run(
        RegistryClient::ConfluentGo,
        &json!({
            "same_id": true,
            "next_id": 1,
            "normalized": true,
            "lookup": 1,
            "versions": [1, 2],
            "subjects": ["go/trips value"],
            "by_guid": true,
            "by_id": true,
            "latest": [2, "go/trips value", 1],
            "usages": usage,
            "compatible": [true, false],
            "refused": 409,
            "invalid": 42201,
            "references": [{ "name": "Trip", "subject": "go/trips value", "version": 1 }],
            "referenced": 42206,
            "deleted_version": 2,
            "deleted_is_there": 2,
            "deleted": [[1], [1]],
            "missing": 40401,
            "level": ["FULL_TRANSITIVE", "FULL_TRANSITIVE", "BACKWARD"],
            "config": ["NONE", "application.major", { "owner": "taxi" }],
            "no_config": 40408,
            "with_metadata": 1,
            "avro": [true, [1]],
            "json": true,
            "protobuf": ["start", "PROTOBUF", 0],
            "condition": true,
            "migrated": { "pickup": "JFK", "fare": 9.5 },
            "context": [1, [":.go:go-value"], [".", ".go"]],
        }),
    );
}

#[test]
fn confluent_java() {
    run(
        RegistryClient::ConfluentJava,
        &json!({
            "same_id": true,
            "next_id": 1,
            "refused": [409, 409],
            "compatible": [true, false],
            "reasons": true,
            "by_id": true,
            "text_by_id": true,
            "latest": 2,
            "versions": [1, 2],
            "version_of": 1,
            "subjects": ["java/trips value"],
            "usages": 1,
            "schemas": 1,
            "referenced_by": true,
            "resolved": "java/trips value",
            "referenced": [422, 42206],
            "deleted_version": 2,
            "deleted": [[1], [1]],
            "missing": [404, 40401],
            "types": ["JSON", "PROTOBUF", "AVRO"],
            "cluster": ["path", "clusters"],
            "level": ["FULL", "FULL"],
            "no_level": [404, 40408],
            "config": "NONE",
            "mode": ["READWRITE", "READONLY"],
            "frozen": [422, 42205],
            "imported": [4242, 7],
            "contract": [1, { "owner": "taxi" }, "fares"],
            "context": [1, [":.java:java-value"]],
        }),
    );
}

#[test]
fn franz_go() {
    run(
        RegistryClient::FranzGo,
        &json!({
            "same_id": true,
            "next_id": 1,
            "version": 2,
            "types": 3,
            "by_id": true,
            "text_by_id": true,
            "latest": 2,
            "versions": [1, 2],
            "subjects": ["go-value"],
            "lookup": 1,
            "subjects_of_id": ["go-value"],
            "usages": [1, "go-value", 1],
            "compatible": [true, false],
            "refused": [409, 409],
            "references": [1, true],
            "level": ["FULL", "FULL"],
            "mode": "READWRITE",
            "readonly": "READONLY",
            "frozen": [422, 42205],
            "deleted": [1],
            "missing": [404, 40401],
        }),
    );
}

#[test]
fn schema_registry_converter() {
    run(
        RegistryClient::RustConverter,
        &json!({
            "same_id": true,
            "next_id": 1,
            "by_id": true,
            "by_guid": true,
            "latest": 2,
            "versions": [1, 2],
            "subjects": ["rust-user", "rust-value"],
            "references": [["Trip", "rust-value", 2]],
            "compatible": [true, false],
            "decoded": true,
            "refused": true,
        }),
    );
}
