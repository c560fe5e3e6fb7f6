//! kill -9 in a loop under load: nothing acknowledged is lost, nothing of an idempotent producer comes twice, the
//! files stay sound.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::env;
use std::thread;
use std::time::{Duration, Instant};

use medallion_tests::client::Client;
use medallion_tests::load::{Load, Shape};
use medallion_tests::server::{Program, Server};
use medallion_tests::{admin, need, server_files};

/// How often the server is killed; `MEDALLION_CRASH_ROUNDS` asks for more (`make soak`) or fewer.
fn rounds() -> u32 {
    match env::var("MEDALLION_CRASH_ROUNDS") {
        Ok(rounds) => rounds.parse().expect("MEDALLION_CRASH_ROUNDS is a number"),
        Err(_) => 50,
    }
}

/// How long a restart may take; the peer is a JVM.
fn patience() -> Duration {
    match Program::under_test() {
        Program::Medallion => Duration::from_secs(2),
        Program::Kafka(_) => Duration::from_mins(1),
    }
}

/// Small segments, so that the kills hit rolls and index files too.
fn start() -> Result<Server, medallion_tests::environment::Missing> {
    Server::setup()
        .log_dirs(2)
        .property("log.segment.bytes", "1048576")
        .property("log.index.interval.bytes", "512")
        .start()
}

fn survives_kills(client: Client) {
    need!(client.available());
    let mut server = need!(start());
    let bootstrap = server.bootstrap();
    let shape = |topic, idempotent| Shape { topic, partitions: 4, acks: "all", idempotent, rate: 1000 };
    let shapes = [shape("plain", false), shape("idempotent", true)];
    let configs = [("segment.bytes", "1048576"), ("index.interval.bytes", "512")];
    for shape in shapes {
        admin::create_topic(&server, shape.topic, shape.partitions, &configs);
    }
    let loads = shapes.map(|shape| Load::start(client, &bootstrap, shape));
    let mut slowest = Duration::ZERO;
    for round in 0..rounds() {
        // Not always at the same distance from the start: 30 to 330 ms.
        thread::sleep(Duration::from_millis(30 + u64::from(round * 97 % 300)));
        server.kill();
        let killed = Instant::now();
        server.start();
        slowest = slowest.max(killed.elapsed());
    }
    thread::sleep(Duration::from_millis(500));
    for (load, shape) in loads.into_iter().zip(shapes) {
        let outcome = need!(load.finish());
        let ends = admin::ends(&server, shape.topic, shape.partitions);
        let found = need!(outcome.check(client, &bootstrap, shape, &ends));
        let (acknowledged, topic) = (outcome.acknowledged.len(), shape.topic);
        eprintln!("{topic}: {acknowledged} acknowledged, {} given up, {found} found", outcome.failed);
        assert!(acknowledged > 1000, "{client:?} sent only {acknowledged}");
    }
    eprintln!("slowest of {} restarts: {slowest:?}", rounds());
    assert!(slowest < patience(), "a restart took {slowest:?}");
    server.kill();
    server.start();
    server.stop();
    need!(server_files::assert_sound(&server));
}

#[test]
fn acknowledged_records_of_confluent_survive_kills() {
    survives_kills(Client::Confluent);
}

#[test]
fn acknowledged_records_of_franz_go_survive_kills() {
    survives_kills(Client::FranzGo);
}

/// What is killed just after a topic was created, changed or deleted comes back as it was acknowledged.
#[test]
fn acknowledged_metadata_survives_kills() {
    let mut server = need!(start());
    for round in 0..(rounds() / 5).max(2) {
        let topic = format!("topic-{round}");
        admin::create_topic(
            &server,
            &topic,
            1 + i32::try_from(round % 3).unwrap(),
            &[("retention.ms", "123456")],
        );
        if round % 2 == 1 {
            admin::delete_topic(&server, &format!("topic-{}", round - 1));
        }
        server.kill();
        server.start();
        let alive: Vec<_> =
            (0..=round).filter(|r| r % 2 == 1 || *r == round).map(|r| format!("topic-{r}")).collect();
        let mut expected = alive.clone();
        expected.sort();
        assert_eq!(admin::topics(&server), expected, "after round {round}");
    }
    server.stop();
    need!(server_files::assert_sound(&server));
}
