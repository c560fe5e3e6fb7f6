//! Several instances of the registry on one topic: one writes, the others hand on, and another one takes over.

use std::thread;
use std::time::{Duration, Instant};

use medallion_tests::need;
use medallion_tests::registry::RegistryServer;
use medallion_tests::server::Server;
use rustix::process::Signal;
use serde_json::{Value, json};

const SETTINGS: &[(&str, &str)] = &[
    ("kafkagroup.session.timeout.ms", "6000"),
    ("kafkagroup.heartbeat.interval.ms", "1000"),
    ("kafkastore.timeout.ms", "3000"),
];

fn schema(name: &str) -> String {
    json!({ "type": "record", "name": name, "fields": [{ "name": "zone", "type": "string" }] }).to_string()
}

fn wait_for(wanted: &str, patience: Duration, mut is_there: impl FnMut() -> bool) {
    let deadline = Instant::now() + patience;
    while !is_there() {
        assert!(Instant::now() < deadline, "{wanted} does not come");
        thread::sleep(Duration::from_millis(50));
    }
}

/// Which of the instances writes; there is never more than one.
fn leader(instances: &[&RegistryServer]) -> usize {
    let mut found = None;
    wait_for("a leader", Duration::from_secs(40), || {
        let leaders: Vec<usize> = (0..instances.len()).filter(|at| instances[*at].is_leader()).collect();
        assert!(leaders.len() < 2, "{leaders:?} write");
        found = leaders.first().copied();
        found.is_some()
    });
    found.expect("just found")
}

#[test]
fn followers_hand_writes_on_and_take_over() {
    let kafka = need!(Server::start_default());
    let a = RegistryServer::start(&kafka.bootstrap(), SETTINGS);
    let b = RegistryServer::start(&kafka.bootstrap(), SETTINGS);
    wait_for("a group of two", Duration::from_secs(20), || {
        [&a, &b].iter().any(|one| one.log().contains("another instance writes"))
    });
    let first = leader(&[&a, &b]);
    let (leading, following) = if first == 0 { (&a, &b) } else { (&b, &a) };
    let id = following.register("by-follower", &schema("ByFollower"));
    assert_eq!(leading.get("/subjects/by-follower/versions/1")["id"], json!(id));
    wait_for("the follower's state", Duration::from_secs(10), || {
        following.ask("GET", "/subjects/by-follower/versions/1", &Value::Null).0 == 200
    });
    // A refusal of the leader comes back as it is; a forwarded write goes no further.
    let broken = json!({ "schema": "{\"type\":\"what\"}" });
    assert_eq!(following.ask("POST", "/subjects/x/versions", &broken).1["error_code"], 42_201);
    let forwarded = following.try_ask(
        "POST",
        "/subjects/y/versions",
        &[("Content-Type", "application/json"), ("X-Forward", "true")],
        &json!({ "schema": schema("Y") }).to_string(),
    );
    assert_eq!(forwarded.expect("an answer").status, 500);
    let version = following.ask("PUT", "/config/by-follower", &json!({ "compatibility": "NONE" }));
    assert_eq!(version, (200, json!({ "compatibility": "NONE" })));

    // The leader stops in order: the other one writes at once.
    let (mut leading, following) = if first == 0 { (a, b) } else { (b, a) };
    leading.stop();
    check_takes_over(&following, id);
}

fn check_takes_over(left: &RegistryServer, last_id: i64) {
    let started = Instant::now();
    assert_eq!(left.register("after", &schema("After")), last_id + 1);
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    assert!(left.is_leader());
}

#[test]
fn a_leader_that_was_frozen_does_not_write_any_more() {
    let kafka = need!(Server::start_default());
    let a = RegistryServer::start(&kafka.bootstrap(), SETTINGS);
    assert_eq!(a.register("one", &schema("One")), 1);
    let b = RegistryServer::start(&kafka.bootstrap(), SETTINGS);
    wait_for("a group of two", Duration::from_secs(20), || {
        [&a, &b].iter().any(|one| one.log().contains("another instance writes"))
    });
    let (frozen, awake) = if leader(&[&a, &b]) == 0 { (&a, &b) } else { (&b, &a) };
    frozen.signal(Signal::STOP);
    wait_for("another leader", Duration::from_secs(40), || awake.is_leader());
    assert_eq!(awake.register("two", &schema("Two")), 2);
    frozen.signal(Signal::CONT);
    // Whatever it believes in the first moment: nothing gets an id twice.
    let mut ids = vec![1, 2];
    for number in 0..20 {
        let name = format!("Later{number}");
        let body = json!({ "schema": schema(&name) });
        let (status, body) = frozen.ask("POST", &format!("/subjects/{name}/versions"), &body);
        if status == 200 {
            ids.push(body["id"].as_i64().expect("an id"));
        }
        thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(ids, (1..=i64::try_from(ids.len()).expect("few")).collect::<Vec<_>>());
    assert!(ids.len() > 2, "nothing was registered");
    assert!(leader(&[&a, &b]) < 2);
    wait_for("equal states", Duration::from_secs(10), || a.get("/schemas") == b.get("/schemas"));
}

#[test]
fn an_instance_that_may_not_lead_never_does() {
    let kafka = need!(Server::start_default());
    let settings: Vec<(&str, &str)> =
        SETTINGS.iter().copied().chain([("leader.eligibility", "false")]).collect();
    let reading = RegistryServer::start(&kafka.bootstrap(), &settings);
    let (status, body) = reading.ask("POST", "/subjects/a/versions", &json!({ "schema": schema("A") }));
    assert_eq!((status, &body["error_code"]), (500, &json!(50_004)), "{body}");
    let writing = RegistryServer::start(&kafka.bootstrap(), SETTINGS);
    wait_for("a leader", Duration::from_secs(20), || writing.is_leader());
    wait_for("that it is known", Duration::from_secs(20), || {
        reading.log().contains("another instance writes")
    });
    assert_eq!(reading.register("a", &schema("A")), 1);
    assert!(!reading.is_leader());
}

/// Its clients hear of it as soon as another instance leads, not when `leader.read.timeout.ms` (60 s) is over.
#[test]
fn a_leader_that_freezes_on_a_forwarded_write_is_not_waited_for() {
    let kafka = need!(Server::start_default());
    let a = RegistryServer::start(&kafka.bootstrap(), SETTINGS);
    let b = RegistryServer::start(&kafka.bootstrap(), SETTINGS);
    wait_for("a group of two", Duration::from_secs(20), || {
        [&a, &b].iter().any(|one| one.log().contains("another instance writes"))
    });
    a.register("one", &schema("One"));
    // Whatever the group has still to do has begun by now.
    thread::sleep(Duration::from_secs(2));
    let (leading, following) = if leader(&[&a, &b]) == 0 { (&a, &b) } else { (&b, &a) };
    leading.signal(Signal::STOP);
    let started = Instant::now();
    let (status, body) = following.ask("POST", "/subjects/two/versions", &json!({ "schema": schema("Two") }));
    assert_eq!((status, &body["error_code"]), (500, &json!(50_003)), "{body}");
    assert!(started.elapsed() < Duration::from_secs(30), "{:?}", started.elapsed());
    assert_eq!(following.register("three", &schema("Three")), 2);
    leading.signal(Signal::CONT);
    // The frozen one has the write still, and may hand it to nobody.
    wait_for("equal states", Duration::from_secs(20), || {
        let states = (a.get("/schemas"), b.get("/schemas"));
        states.0 == states.1 && !(a.is_leader() && b.is_leader())
    });
    let id = following.register("two", &schema("Two"));
    assert_eq!(id, 3, "an id has one schema");
}
