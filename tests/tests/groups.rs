//! Groups of other people's consumers: members share a topic, come, go and die, and the server restarts under them.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::thread;
use std::time::Duration;

use medallion_tests::client::Client;
use medallion_tests::environment::Missing;
use medallion_tests::load::{Load, Shape};
use medallion_tests::member::{Account, Event, Join, Member, What, assigned};
use medallion_tests::server::{KAFKA, Program, Server, Setup};
use medallion_tests::{admin, kafka_tools, need};
use medallion_wire::kafka_protocol::protocol::StrBytes;
use medallion_wire::messages::{GroupId, HeartbeatRequest};
use serde_json::json;

const PARTITIONS: i32 = 4;
/// How members name the consumer protocol (KIP-848) in the place of an assignor.
const CONSUMER_PROTOCOL: &str = "consumer";

fn shape(topic: &str) -> Shape<'_> {
    Shape { topic, partitions: PARTITIONS, acks: "all", idempotent: true, rate: 200 }
}

/// A server whose sessions of the consumer protocol are as short as those that classic members ask for here.
fn setup() -> Setup {
    Server::setup()
        .property("group.consumer.min.session.timeout.ms", "6000")
        .property("group.consumer.session.timeout.ms", "6000")
        .property("group.consumer.min.heartbeat.interval.ms", "300")
        .property("group.consumer.heartbeat.interval.ms", "300")
}

/// The offsets that a group has committed, as a client reads them.
fn committed(client: Client, server: &Server, group: &str, topic: &str) -> Result<Vec<i64>, Missing> {
    let step = json!({ "do": "committed", "group": group, "topic": topic, "partitions": PARTITIONS });
    let answer = client.run_well(&server.bootstrap(), &[step])?.remove(0);
    Ok(serde_json::from_value(answer["offsets"].clone()).expect("a client answers with offsets"))
}

/// Waits until the group has committed all that is there.
fn wait_until_committed(server: &Server, group: &str, topic: &str) -> Result<(), Missing> {
    let ends = admin::ends(server, topic, PARTITIONS);
    let mut found = Vec::new();
    for _ in 0..60 {
        found = committed(Client::FranzGo, server, group, topic)?;
        if found == ends {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(250));
    }
    panic!("{group} has committed {found:?} of {ends:?}");
}

/// One member, two, the server restarts, one dies, the server dies, the other leaves, a third comes: every record is
/// delivered, none twice but what the dead one had not committed.
fn shares_a_topic(client: Client, assignor: &str) -> Result<(), Missing> {
    client.available()?;
    Client::FranzGo.available()?;
    let mut server = setup().start()?;
    let bootstrap = server.bootstrap();
    let (topic, group) = ("shared", "sharers");
    admin::create_topic(&server, topic, PARTITIONS, &[]);
    let load = Load::start(Client::FranzGo, &bootstrap, shape(topic));
    let start = || Member::start(client, &bootstrap, Join { group, topic, assignor, instance: None });
    let mut account = Account::default();
    let survives = client != Client::Kcat; // it ends when its only server is away

    let first = start()?;
    first.wait_for_partitions(4);
    first.wait_for_records(50);
    let second = start()?;
    second.wait_for_partitions(2);
    first.wait_for_partitions(2);
    assert_disjoint(&first.events(), &second.events());
    if survives {
        server.stop();
        server.start();
        first.wait_for_records(50);
        second.wait_for_records(50);
    }
    account.add("second", second.kill());
    first.wait_for_partitions(4);
    if survives {
        server.kill();
        server.start();
    }
    first.wait_for_records(50);
    account.add("first", first.stop());
    let third = start()?;
    third.wait_for_records(50);
    let outcome = load.finish()?;
    assert_eq!(outcome.failed, 0, "records were not sent");
    wait_until_committed(&server, group, topic)?;
    account.add("third", third.stop());

    let ends = admin::ends(&server, topic, PARTITIONS);
    account.check(&ends, fallible(client));
    for reader in [Client::Confluent, Client::KafkaPython, Client::FranzGo, Client::KafkaJs, Client::Java] {
        assert_eq!(committed(reader, &server, group, topic)?, ends, "{reader:?}");
    }
    Ok(())
}

/// Whose records may come twice: those of the one that is killed. KafkaJS reads again what it could not commit while the
/// server was away.
fn fallible(client: Client) -> &'static [&'static str] {
    if client == Client::KafkaJs { &["first", "second"] } else { &["second"] }
}

fn assert_disjoint(first: &[Event], second: &[Event]) {
    let mut all: Vec<i32> = [first, second].into_iter().filter_map(assigned).flatten().copied().collect();
    all.sort_unstable();
    assert_eq!(all, [0, 1, 2, 3]);
}

#[test]
fn java_shares_a_topic() {
    need!(shares_a_topic(Client::Java, "range"));
}

#[test]
fn java_shares_a_topic_cooperatively() {
    need!(shares_a_topic(Client::Java, "cooperative-sticky"));
}

#[test]
fn confluent_shares_a_topic() {
    need!(shares_a_topic(Client::Confluent, "range"));
}

#[test]
fn confluent_shares_a_topic_cooperatively() {
    need!(shares_a_topic(Client::Confluent, "cooperative-sticky"));
}

#[test]
fn kafka_python_shares_a_topic() {
    need!(shares_a_topic(Client::KafkaPython, "range"));
}

#[test]
fn franz_go_shares_a_topic() {
    need!(shares_a_topic(Client::FranzGo, "range"));
}

#[test]
fn franz_go_shares_a_topic_cooperatively() {
    need!(shares_a_topic(Client::FranzGo, "cooperative-sticky"));
}

#[test]
fn java_shares_a_topic_by_the_consumer_protocol() {
    need!(shares_a_topic(Client::Java, CONSUMER_PROTOCOL));
}

#[test]
fn confluent_shares_a_topic_by_the_consumer_protocol() {
    need!(shares_a_topic(Client::Confluent, CONSUMER_PROTOCOL));
}

#[test]
fn franz_go_shares_a_topic_by_the_consumer_protocol() {
    need!(shares_a_topic(Client::FranzGo, CONSUMER_PROTOCOL));
}

#[test]
fn kafkajs_shares_a_topic() {
    need!(shares_a_topic(Client::KafkaJs, "range"));
}

/// Four libraries in one group: whoever leads, the others understand its assignment.
#[test]
fn members_of_different_libraries_share_a_topic() {
    let clients = [Client::Java, Client::Confluent, Client::KafkaPython, Client::FranzGo];
    for client in clients {
        need!(client.available());
    }
    let server = need!(Server::start_default());
    let bootstrap = server.bootstrap();
    let (topic, group) = ("mixed", "mixture");
    admin::create_topic(&server, topic, PARTITIONS, &[]);
    let load = Load::start(Client::FranzGo, &bootstrap, shape(topic));
    let join = Join { group, topic, assignor: "range", instance: None };
    let mut members: Vec<_> =
        clients.into_iter().map(|client| need_member(Member::start(client, &bootstrap, join))).collect();
    for member in &members {
        member.wait_for_partitions(1);
        member.wait_for_records(20);
    }
    let mut account = Account::default();
    let last = members.pop().unwrap();
    for (client, member) in clients.iter().zip(members) {
        account.add(&format!("{client:?}"), member.stop());
        last.wait_for_records(20);
    }
    last.wait_for_partitions(4);
    assert_eq!(need!(load.finish()).failed, 0);
    need!(wait_until_committed(&server, group, topic));
    account.add("last", last.stop());
    account.check(&admin::ends(&server, topic, PARTITIONS), &[]);
}

fn need_member(member: Result<Member, Missing>) -> Member {
    member.unwrap_or_else(|missing| panic!("{missing}"))
}

/// Generations and assignments that a member saw.
fn assignments(events: &[Event]) -> Vec<What> {
    events
        .iter()
        .filter(|event| matches!(event.what, What::Assigned { .. }))
        .map(|event| event.what.clone())
        .collect()
}

/// A static member that restarts within its session has its partitions again, and the other member does not notice.
fn restarts_as_static_member(client: Client) -> Result<(), Missing> {
    client.available()?;
    let server = Server::start_default()?;
    let bootstrap = server.bootstrap();
    let (topic, group) = ("static", "statics");
    admin::create_topic(&server, topic, PARTITIONS, &[]);
    let join = |instance| Join { group, topic, assignor: "range", instance: Some(instance) };
    let witness = Member::start(Client::FranzGo, &bootstrap, join("witness"))?;
    witness.wait_for_partitions(4);
    let mut member = Member::start(client, &bootstrap, join("restarter"))?;
    member.wait_for_partitions(2);
    witness.wait_for_partitions(2);
    let before = assignments(&witness.events());
    let own = assigned(&member.events()).unwrap().to_vec();
    for round in 0..2 {
        drop(if round == 0 { member.stop() } else { member.kill() });
        member = Member::start(client, &bootstrap, join("restarter"))?;
        member.wait_for_partitions(2);
        assert_eq!(assigned(&member.events()).unwrap(), own);
    }
    thread::sleep(Duration::from_millis(1500));
    assert_eq!(assignments(&witness.events()), before, "the other member noticed");
    assert_eq!(heartbeat(&server, group, before.last().unwrap()), 0, "the generation of before is over");
    Ok(())
}

/// The error code of a heartbeat as the member, and of the generation, that a client told of.
fn heartbeat(server: &Server, group: &str, assignment: &What) -> i16 {
    let What::Assigned { member: Some(member), generation: Some(generation), .. } = assignment else {
        panic!("{assignment:?} tells no generation");
    };
    let text = |text: &str| StrBytes::from_string(text.to_owned());
    let request = HeartbeatRequest::default()
        .with_group_id(GroupId(text(group)))
        .with_member_id(text(member))
        .with_generation_id(*generation);
    server.connect().call(&request, 2).error_code
}

#[test]
fn java_restarts_as_static_member() {
    need!(restarts_as_static_member(Client::Java));
}

#[test]
fn confluent_restarts_as_static_member() {
    need!(restarts_as_static_member(Client::Confluent));
}

#[test]
fn kafka_python_restarts_as_static_member() {
    need!(restarts_as_static_member(Client::KafkaPython));
}

#[test]
fn franz_go_restarts_as_static_member() {
    need!(restarts_as_static_member(Client::FranzGo));
}

#[test]
fn a_classic_group_moves_between_kafka_and_medallion() {
    need!(moves_between_kafka_and_medallion("range"));
}

#[test]
fn a_consumer_group_moves_between_kafka_and_medallion() {
    need!(moves_between_kafka_and_medallion(CONSUMER_PROTOCOL));
}

/// A group lives on while Apache Kafka and Medallion serve its directory in turn; its member notices nothing of the kill
/// but the pause. (The member is Java's: franz-go joins anew as soon as a server cannot be reached.)
fn moves_between_kafka_and_medallion(assignor: &str) -> Result<(), Missing> {
    Client::FranzGo.available()?;
    Client::Java.available()?;
    let kafka = Program::Kafka(KAFKA);
    let session = "60000"; // it outlasts the start of any server
    let mut server = Server::setup()
        .program(kafka)
        .property("group.consumer.session.timeout.ms", session)
        .property("group.consumer.max.session.timeout.ms", session)
        .property("group.consumer.min.heartbeat.interval.ms", "300")
        .property("group.consumer.heartbeat.interval.ms", "300")
        .start()?;
    let bootstrap = server.bootstrap();
    let (topic, group) = ("swapped", "movers");
    admin::create_topic(&server, topic, PARTITIONS, &[]);
    let load = Load::start(Client::FranzGo, &bootstrap, shape(topic));
    let join = Join { group, topic, assignor, instance: None };
    let member = Member::start_patient(Client::Java, &bootstrap, join)?;
    member.wait_for_partitions(4);
    member.wait_for_records(50);
    let before = assignments(&member.events());
    for (round, program) in (0..).zip([Program::under_test(), kafka, Program::under_test()]) {
        commit_simply(&server, topic, &[(0, round), (3, 10 + round)])?;
        if round == 0 {
            server.kill();
        } else {
            server.stop();
        }
        server.start_as(program);
        member.wait_for_records(50);
        assert_eq!(committed(Client::Java, &server, "simple", topic)?, [round, -1, -1, 10 + round]);
        // What follows a stop is the member's to decide: it may join anew as soon as its server says that it stops.
        if round == 0 {
            if assignor != CONSUMER_PROTOCOL {
                assert_eq!(heartbeat(&server, group, before.last().unwrap()), 0, "the generation ended");
            }
            assert_eq!(assignments(&member.events()), before);
        }
    }
    assert_eq!(load.finish()?.failed, 0);
    wait_until_committed(&server, group, topic)?;
    let mut account = Account::default();
    account.add("member", member.stop());
    let ends = admin::ends(&server, topic, PARTITIONS);
    account.check(&ends, &[]);
    server.stop();
    assert_decodes(&server, &[group, "simple"])?;
    Ok(())
}

fn commit_simply(server: &Server, topic: &str, offsets: &[(i32, i64)]) -> Result<(), Missing> {
    let step = json!({ "do": "commit", "group": "simple", "topic": topic, "offsets": offsets });
    Client::Java.run_well(&server.bootstrap(), &[step]).map(drop)
}

/// Kafka's own decoder reads all records of groups, and finds these groups.
fn assert_decodes(server: &Server, groups: &[&str]) -> Result<(), Missing> {
    let mut all = String::new();
    for partition in 0..3 {
        let folder = server.data_folders()[0].join(format!("__consumer_offsets-{partition}"));
        let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        for file in files.filter(|file| file.extension().is_some_and(|extension| extension == "log")) {
            let file = file.display().to_string();
            let arguments = ["--offsets-decoder", "--print-data-log", "--deep-iteration", "--files", &file];
            all += &kafka_tools::run("kafka-dump-log", &arguments)?.success();
        }
    }
    for group in groups {
        assert!(all.contains(&format!("\"group\":\"{group}\"")), "no records of {group}");
    }
    let decoded = all.lines().filter(|line| line.contains("payload: ")).count();
    assert!(decoded > 20, "only {decoded} records");
    assert!(!all.contains("Could not decode"), "a record is not Kafka's");
    Ok(())
}

/// A static member of the consumer protocol that leaves for now has its partitions again, and the other member does not
/// notice.
fn leaves_for_now(client: Client) -> Result<(), Missing> {
    client.available()?;
    let server = setup().start()?;
    let bootstrap = server.bootstrap();
    let (topic, group) = ("static", "statics");
    admin::create_topic(&server, topic, PARTITIONS, &[]);
    let join = |instance| Join { group, topic, assignor: CONSUMER_PROTOCOL, instance: Some(instance) };
    let witness = Member::start(Client::Java, &bootstrap, join("witness"))?;
    witness.wait_for_partitions(4);
    let mut member = Member::start(client, &bootstrap, join("restarter"))?;
    member.wait_for_partitions(2);
    witness.wait_for_partitions(2);
    let before = assignments(&witness.events());
    let own = assigned(&member.events()).unwrap().to_vec();
    for _ in 0..2 {
        drop(member.stop());
        member = Member::start(client, &bootstrap, join("restarter"))?;
        member.wait_for_partitions(2);
        assert_eq!(assigned(&member.events()).unwrap(), own);
    }
    thread::sleep(Duration::from_millis(1500));
    assert_eq!(assignments(&witness.events()), before, "the other member noticed");
    Ok(())
}

#[test]
fn java_leaves_for_now_as_static_member() {
    need!(leaves_for_now(Client::Java));
}

#[test]
fn confluent_leaves_for_now_as_static_member() {
    need!(leaves_for_now(Client::Confluent));
}

/// The generation that a member was last told of.
fn generation(events: &[Event]) -> Option<i32> {
    events.iter().rev().find_map(|event| match event.what {
        What::Assigned { generation, .. } => generation,
        _ => None,
    })
}

fn need_generation(member: &Member) -> i32 {
    generation(&member.events()).expect("the client tells generations")
}

/// A group changes to the consumer protocol member by member, under load, and back. Nothing is skipped, and nothing comes
/// twice but what the one that is killed had not committed.
#[test]
fn a_live_group_changes_its_protocol_and_back() {
    need!(Client::Confluent.available());
    need!(Client::FranzGo.available());
    need!(Client::Java.available());
    let server = need!(setup().start());
    let bootstrap = server.bootstrap();
    let (topic, group) = ("migrated", "migrants");
    admin::create_topic(&server, topic, PARTITIONS, &[]);
    let load = Load::start(Client::FranzGo, &bootstrap, shape(topic));
    let start = |client, assignor| {
        need_member(Member::start(client, &bootstrap, Join { group, topic, assignor, instance: None }))
    };
    let mut account = Account::default();
    let kind = || admin::group_type(&server, group);

    let first = start(Client::Java, "cooperative-sticky");
    // It leads from now on: assignments of librdkafka hold data of its own, with which no group can change its protocol.
    first.wait_for_partitions(4);
    let second = start(Client::Confluent, "cooperative-sticky");
    first.wait_for_partitions(2);
    second.wait_for_partitions(2);
    assert_eq!(kind(), "classic");
    let third = start(Client::Java, CONSUMER_PROTOCOL);
    third.wait_for_records(20);
    assert_eq!(kind(), "consumer");
    account.add("first", first.stop());
    let fourth = start(Client::Confluent, CONSUMER_PROTOCOL);
    fourth.wait_for_records(20);
    account.add("killed", second.kill());
    third.wait_for_partitions(2);
    fourth.wait_for_partitions(2);
    let fifth = start(Client::FranzGo, "cooperative-sticky");
    fifth.wait_for_records(20);
    let before = need_generation(&fifth);
    account.add("third", third.stop());
    // Who is behind the group's epoch when it becomes a classic one is fenced, and reads again what it has not committed (as in Kafka).
    fifth.wait_for("the generation without the third", |events| generation(events) > Some(before));
    fifth.wait_for_partitions(2);
    fourth.wait_for_partitions(2);
    account.add("fourth", fourth.stop());
    fifth.wait_for_partitions(4);
    assert_eq!(kind(), "classic");
    assert_eq!(need!(load.finish()).failed, 0);
    need!(wait_until_committed(&server, group, topic));
    account.add("fifth", fifth.stop());
    account.check(&admin::ends(&server, topic, PARTITIONS), &["killed"]);
}
