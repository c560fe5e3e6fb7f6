//! The `_schemas` topic under stress: many clients at once, a kill in the middle, records of others, junk.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use medallion_tests::client::{Client, Produce};
use medallion_tests::record::Record;
use medallion_tests::registry::{RegistryServer, ask};
use medallion_tests::server::Server;
use medallion_tests::{admin, need};
use serde_json::{Value, json};

const CONTENT: (&str, &str) = ("Content-Type", "application/vnd.schemaregistry.v1+json");

fn schema(name: &str) -> String {
    json!({ "type": "record", "name": name, "fields": [{ "name": "zone", "type": "string" }] }).to_string()
}

/// The id, or nothing where the registration failed.
fn register(address: &str, subject: &str, schema: &str) -> Option<i64> {
    let body = json!({ "schema": schema }).to_string();
    let answer = ask(address, "POST", &format!("/subjects/{subject}/versions"), &[CONTENT], &body).ok()?;
    if answer.status != 200 {
        return None;
    }
    serde_json::from_str::<Value>(&answer.body).ok()?["id"].as_i64()
}

/// What each of many threads makes of its number.
fn at_once<T: Send>(count: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let waiting = AtomicUsize::new(0);
    thread::scope(|scope| {
        let one = |number| {
            let (work, waiting) = (&work, &waiting);
            scope.spawn(move || {
                waiting.fetch_add(1, Ordering::SeqCst);
                while waiting.load(Ordering::SeqCst) < count {
                    thread::yield_now();
                }
                work(number)
            })
        };
        let threads: Vec<_> = (0..count).map(one).collect();
        threads.into_iter().map(|thread| thread.join().expect("a client ends well")).collect()
    })
}

#[test]
fn fifty_clients_at_once_get_one_id_for_one_schema() {
    let kafka = need!(Server::start_default());
    let mut registry = RegistryServer::start(&kafka.bootstrap(), &[]);
    let address = registry.address();
    let ids = at_once(50, |_| register(&address, "same", &schema("Same")));
    assert!(ids.iter().all(|id| *id == Some(1)), "{ids:?}");
    assert_eq!(registry.get("/subjects/same/versions"), json!([1]));

    // Different schemas, some of them under one subject: each has an id of its own, without gaps.
    let ids = at_once(50, |number| {
        register(&address, &format!("own-{}", number % 10), &schema(&format!("Own{}", number % 10)))
    });
    let distinct: BTreeSet<_> = ids.into_iter().map(|id| id.expect("it is registered")).collect();
    assert_eq!(distinct, (2..=11).collect());

    // Of schemas that conflict one wins, and all others are told so.
    let bodies = at_once(50, |number| {
        let text = json!({ "type": "record", "name": "Conflict", "fields": [{ "name": format!("f{number}"), "type": "string" }] });
        register(&address, "conflict", &text.to_string())
    });
    assert_eq!(bodies.iter().flatten().count(), 1, "{bodies:?}");
    assert_eq!(registry.get("/subjects/conflict/versions"), json!([1]));
    let before = registry.get("/schemas");
    registry.stop();
    registry.start_again();
    assert_eq!(registry.get("/schemas"), before, "the topic gives the same state again");
}

#[test]
fn what_was_acknowledged_survives_a_kill() {
    let kafka = need!(Server::start_default());
    // The group waits for the session of the one that was killed.
    let settings = [("kafkagroup.session.timeout.ms", "6000"), ("kafkagroup.heartbeat.interval.ms", "1000")];
    let mut registry = RegistryServer::start(&kafka.bootstrap(), &settings);
    let address = registry.address();
    let mut acknowledged = BTreeMap::new();
    for round in 0..3 {
        let ends = AtomicBool::new(false);
        let found = Mutex::new(Vec::new());
        thread::scope(|scope| {
            for client in 0..8 {
                let (ends, found, address) = (&ends, &found, &address);
                scope.spawn(move || {
                    for number in 0.. {
                        if ends.load(Ordering::SeqCst) {
                            return;
                        }
                        let name = format!("R{round}C{client}N{number}");
                        if let Some(id) = register(address, &name, &schema(&name)) {
                            found.lock().expect("no client panics").push((name, id));
                        }
                    }
                });
            }
            while found.lock().expect("no client panics").len() < 60 {
                thread::sleep(Duration::from_millis(5));
            }
            registry.kill();
            ends.store(true, Ordering::SeqCst);
        });
        registry.start_again();
        acknowledged.extend(found.into_inner().expect("no client panics"));
        for (name, id) in &acknowledged {
            let version = registry.get(&format!("/subjects/{name}/versions/1"));
            assert_eq!(version["id"].as_i64(), Some(*id), "{name}");
        }
    }
    // No id belongs to two schemas.
    let texts: BTreeMap<i64, BTreeSet<String>> =
        acknowledged.iter().fold(BTreeMap::new(), |mut texts, (name, id)| {
            texts.entry(*id).or_default().insert(name.clone());
            texts
        });
    assert!(texts.values().all(|names| names.len() == 1), "{texts:?}");
    assert!(acknowledged.len() >= 180);
}

#[test]
fn junk_in_the_topic_is_counted_and_harms_nobody() {
    let kafka = need!(Server::start_default());
    let mut registry = RegistryServer::start(&kafka.bootstrap(), &[]);
    assert_eq!(registry.register("before", &schema("Before")), 1);
    let record = |key: Option<&str>, value: Option<&str>| Record {
        offset: -1,
        timestamp: None,
        key: key.map(Into::into),
        value: value.map(Into::into),
        headers: Vec::new(),
    };
    // Brokers take no record without a key for a compacted topic.
    let records = [
        record(Some("\u{0}\u{1}"), Some("{}")),
        record(Some("{}"), Some("{}")),
        record(Some(r#"{"keytype":"WHAT","magic":7}"#), Some("{}")),
        record(Some(r#"{"keytype":"SCHEMA","subject":"x","version":0,"magic":1}"#), Some("{}")),
        record(Some(r#"{"keytype":"SCHEMA","subject":"x","version":1,"magic":1}"#), Some("[1,2")),
        record(Some(r#"{"keytype":"SCHEMA","subject":"x","version":1,"magic":1}"#), Some(r#"{"id":"one"}"#)),
        record(Some(r#"{"keytype":"CONFIG","magic":0}"#), Some(r#"{"compatibilityLevel":"SIDEWAYS"}"#)),
        // One of another registry, with spaces.
        record(
            Some(r#"{"keytype": "SCHEMA", "subject": "theirs", "version": 1, "magic": 1}"#),
            Some(
                r#"{"subject": "theirs", "version": 1, "id": 40, "schema": "\"string\"", "deleted": false}"#,
            ),
        ),
    ];
    let produce = Produce {
        topic: "_schemas",
        partition: 0,
        codec: "none",
        acks: "all",
        idempotent: true,
        records: &records,
    };
    need!(Client::FranzGo.run(&kafka.bootstrap(), &[produce.step()]));
    assert_eq!(registry.register("after", &schema("After")), 41, "the id of the other registry counts");
    for _ in 0..2 {
        assert_eq!(registry.get("/subjects"), json!(["after", "before", "theirs"]));
        assert_eq!(registry.get("/schemas/ids/40/schema"), json!("string"));
        assert_eq!(registry.get("/config"), json!({ "compatibilityLevel": "BACKWARD" }));
        let metrics = registry.try_ask("GET", "/metrics", &[], "").expect("the registry answers").body;
        assert!(metrics.contains("medallion_schema_registry_records_skipped 7"), "{metrics}");
        assert!(registry.log().contains("a record of the schemas topic is left out"));
        registry.stop();
        registry.start_again();
    }
}

#[test]
fn a_broker_that_is_gone_makes_writes_fail_and_reads_go_on() {
    let mut kafka = need!(Server::start_default());
    let registry = RegistryServer::start(
        &kafka.bootstrap(),
        &[("kafkastore.timeout.ms", "1500"), ("kafkagroup.session.timeout.ms", "10000")],
    );
    assert_eq!(registry.register("here", &schema("Here")), 1);
    kafka.stop();
    let started = Instant::now();
    let (status, body) =
        registry.ask("POST", "/subjects/gone/versions", &json!({ "schema": schema("Gone") }));
    assert_eq!(status, 500, "{body}");
    assert!(matches!(body["error_code"].as_i64(), Some(50_001 | 50_002 | 50_004)), "{body}");
    assert!(started.elapsed() < Duration::from_secs(25), "{:?}", started.elapsed());
    assert_eq!(registry.get("/subjects/here/versions"), json!([1]));
    kafka.start();
    let deadline = Instant::now() + Duration::from_secs(60);
    let address = Arc::new(registry.address());
    while register(&address, "back", &schema("Back")).is_none() {
        assert!(Instant::now() < deadline, "the registry does not write again");
        thread::sleep(Duration::from_millis(200));
    }
    let subjects = registry.get("/subjects");
    assert_eq!(subjects[0], "back");
}

#[test]
fn a_topic_that_would_lose_schemas_is_refused() {
    let kafka = need!(Server::start_default());
    admin::create_topic(&kafka, "kept", 1, &[]);
    let message = RegistryServer::refusal(&kafka.bootstrap(), &[("kafkastore.topic", "kept")]);
    assert!(message.contains("must have cleanup.policy=compact, and has delete"), "{message}");
    admin::create_topic(&kafka, "wide", 2, &[("cleanup.policy", "compact")]);
    let message = RegistryServer::refusal(&kafka.bootstrap(), &[("kafkastore.topic", "wide")]);
    assert!(message.contains("must have one partition, and has 2"), "{message}");
}

#[test]
fn a_topic_that_was_made_anew_ends_the_registry() {
    let kafka = need!(Server::start_default());
    let mut registry = RegistryServer::start(&kafka.bootstrap(), &[]);
    for name in ["One", "Two", "Three"] {
        registry.register(name, &schema(name));
    }
    admin::delete_topic(&kafka, "_schemas");
    admin::create_topic(&kafka, "_schemas", 1, &[("cleanup.policy", "compact")]);
    let message = registry.end();
    assert!(message.contains("it was made anew, or has lost records"), "{message}");
    registry.start_again();
    assert_eq!(registry.get("/subjects"), json!([]));
    assert_eq!(registry.register("Four", &schema("Four")), 1);
}
