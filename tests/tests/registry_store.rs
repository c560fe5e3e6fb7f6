//! The `_schemas` topic under stress: many clients at once, a kill in the middle, records of others, junk.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use medallion_tests::client::{Client, Produce};
use medallion_tests::record::Record;
use medallion_tests::registry::{RegistryServer, ask};
use medallion_tests::server::{KAFKA, Program, Server};
use medallion_tests::{admin, need};
use rustix::process::{Pid, Signal, kill_process};
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
        record(Some(&"[".repeat(100_000)), Some(&"{".repeat(900_000))),
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
        assert!(metrics.contains("medallion_schema_registry_records_skipped 8"), "{metrics}");
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
    assert!(message.contains("it was made anew"), "{message}");
    registry.start_again();
    assert_eq!(registry.get("/subjects"), json!([]));
    assert_eq!(registry.register("Four", &schema("Four")), 1);
}

/// Waits for an answer of `/health/ready` with this status; its text.
fn wait_for_readiness(registry: &RegistryServer, status: u16) -> String {
    let deadline = Instant::now() + Duration::from_secs(55);
    loop {
        let answer = registry.try_ask("GET", "/health/ready", &[], "").expect("the registry answers");
        if answer.status == status {
            return answer.body;
        }
        assert!(Instant::now() < deadline, "{answer:?}");
        thread::sleep(Duration::from_millis(200));
    }
}

#[test]
fn a_registry_without_brokers_is_not_ready() {
    let mut kafka = need!(Server::start_default());
    let registry = RegistryServer::start(&kafka.bootstrap(), &[]);
    registry.register("here", &schema("Here"));
    kafka.stop();
    let problem = wait_for_readiness(&registry, 503);
    assert!(problem.contains("the schemas topic could not be read for 3"), "{problem}");
    assert_eq!(registry.get("/subjects"), json!(["here"]), "what it knows it tells all the same");
    let news = registry.log().matches("cannot join the group").count();
    assert!(news < 5, "{news} lines tell the same");
    kafka.start();
    wait_for_readiness(&registry, 200);
}

#[test]
fn a_registry_without_its_topic_is_not_ready() {
    let kafka = need!(Server::start_default());
    let registry = RegistryServer::start(&kafka.bootstrap(), &[("kafkastore.timeout.ms", "1000")]);
    registry.register("here", &schema("Here"));
    admin::delete_topic(&kafka, "_schemas");
    let (status, body) = registry.ask("POST", "/subjects/a/versions", &json!({ "schema": schema("A") }));
    assert_eq!((status, &body["error_code"]), (500, &json!(50_002)), "{body}");
    let problem = wait_for_readiness(&registry, 503);
    assert!(problem.contains("_schemas: UnknownTopicOrPartition"), "{problem}");
}

/// The reader alone would go on in the new topic, which has more records than the old one had.
#[test]
fn a_topic_that_was_made_anew_and_filled_ends_the_registry() {
    let kafka = need!(Server::start_default());
    let mut first = RegistryServer::start(&kafka.bootstrap(), &[]);
    first.register("old", &schema("Old"));
    first.signal(Signal::STOP);
    admin::delete_topic(&kafka, "_schemas");
    let other = [("schema.registry.group.id", "other")];
    let second = RegistryServer::start(&kafka.bootstrap(), &other);
    for number in 0..20 {
        second.register(&format!("new{number}"), &schema(&format!("New{number}")));
    }
    first.signal(Signal::CONT);
    let message = first.end();
    assert!(message.contains("it was made anew"), "{message}");
}

/// Clients that register all the time, each its own schemas, until they are told to end.
struct Clients<'a> {
    address: &'a str,
    ends: AtomicBool,
    registered: Mutex<Vec<(String, i64)>>,
    /// How often each `error_code` came, and the longest time of an answer.
    failed: Mutex<(BTreeMap<i64, usize>, Duration)>,
}

impl<'a> Clients<'a> {
    fn new(address: &'a str) -> Self {
        let (registered, failed) = (Mutex::default(), Mutex::default());
        Self { address, ends: AtomicBool::new(false), registered, failed }
    }

    fn run(&self, client: usize) {
        for number in 0.. {
            if self.ends.load(Ordering::SeqCst) {
                return;
            }
            let name = format!("C{client}N{number}");
            let body = json!({ "schema": schema(&name) }).to_string();
            let (path, asked) = (format!("/subjects/{name}/versions"), Instant::now());
            let answer = ask(self.address, "POST", &path, &[CONTENT], &body).expect("the registry answers");
            let json: Value = serde_json::from_str(&answer.body).expect("an answer in JSON");
            if answer.status == 200 {
                self.registered.lock().expect("no panic").push((name, json["id"].as_i64().expect("an id")));
            } else {
                let code = json["error_code"].as_i64().expect("a code");
                *self.failed.lock().expect("no panic").0.entry(code).or_default() += 1;
            }
            let slowest = &mut self.failed.lock().expect("no panic").1;
            *slowest = asked.elapsed().max(*slowest);
        }
    }

    fn count(&self) -> usize {
        self.registered.lock().expect("no panic").len()
    }

    fn wait_for_more(&self, more: usize) {
        let (wanted, deadline) = (self.count() + more, Instant::now() + Duration::from_secs(60));
        while self.count() < wanted {
            assert!(Instant::now() < deadline, "nothing is registered any more: {:?}", self.failed);
            thread::sleep(Duration::from_millis(10));
        }
    }
}

/// Twenty clients while the broker does something; all that was acknowledged is there afterwards.
fn check_through(registry: &RegistryServer, outage: impl FnOnce()) -> BTreeMap<i64, usize> {
    let address = registry.address();
    let clients = Clients::new(&address);
    let before = registry.get("/subjects").as_array().expect("a list").len();
    thread::scope(|scope| {
        for client in 0..20 {
            let clients = &clients;
            scope.spawn(move || clients.run(before * 100 + client));
        }
        clients.wait_for_more(40);
        outage();
        clients.wait_for_more(40);
        clients.ends.store(true, Ordering::SeqCst);
    });
    let registered = clients.registered.into_inner().expect("no panic");
    for (name, id) in &registered {
        assert_eq!(registry.get(&format!("/subjects/{name}/versions/1"))["id"], json!(id), "{name}");
    }
    let ids: BTreeSet<i64> = registered.iter().map(|(_, id)| *id).collect();
    assert_eq!(ids.len(), registered.len(), "an id was given twice");
    let (codes, slowest) = clients.failed.into_inner().expect("no panic");
    assert!(codes.keys().all(|code| [50_001, 50_002, 50_004].contains(code)), "{codes:?}");
    assert!(slowest < Duration::from_secs(30), "{slowest:?}");
    codes
}

fn check_outages(mut kafka: Server) {
    let settings = [("kafkastore.timeout.ms", "500"), ("kafkagroup.session.timeout.ms", "10000")];
    let mut registry = RegistryServer::start(&kafka.bootstrap(), &settings);
    check_through(&registry, || {
        kafka.kill();
        kafka.start();
    });
    let codes = check_through(&registry, || {
        let broker = i32::try_from(kafka.process_id()).ok().and_then(Pid::from_raw).expect("a process");
        kill_process(broker, Signal::STOP).expect("the broker is there");
        thread::sleep(Duration::from_secs(3));
        kill_process(broker, Signal::CONT).expect("the broker is there");
    });
    assert!(codes.contains_key(&50_002), "{codes:?}");
    check_through(&registry, || {
        kafka.stop();
        kafka.start();
    });
    let before = registry.get("/subjects");
    registry.stop();
    registry.start_again();
    assert_eq!(registry.get("/subjects"), before);
}

#[test]
fn outages_of_the_broker_lose_nothing() {
    check_outages(need!(Server::start_default()));
}

#[test]
fn outages_of_kafka_lose_nothing() {
    check_outages(need!(Server::setup().program(Program::Kafka(KAFKA)).start()));
}
