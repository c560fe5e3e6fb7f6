//! What operators see of other people's groups: why they rebalanced, who it was, and how far they are behind.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use medallion_tests::client::Client;
use medallion_tests::environment::Missing;
use medallion_tests::load::{Load, Shape};
use medallion_tests::member::{Event, Join, Member, What};
use medallion_tests::metrics::Page;
use medallion_tests::server::{Program, Server, medallion_binary};
use medallion_tests::{admin, http, need};
use serde_json::Value;

const PARTITIONS: i32 = 4;
const TOPIC: &str = "watched";
const PATIENCE: Duration = Duration::from_secs(30);

/// The peer has no such interface.
fn medallion() -> Result<Server, Missing> {
    Server::setup().program(Program::Medallion).start()
}

fn rebalances(server: &Server, group: &str) -> Vec<Value> {
    let group = group.replace('/', "%2F").replace(' ', "%20");
    let (status, body) = http::get(&server.metrics(), &format!("/admin/groups/{group}/rebalances"));
    assert_eq!(status, 200, "{body}");
    let answer: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(answer["total"], answer["rebalances"].as_array().unwrap().len());
    answer["rebalances"].as_array().unwrap().clone()
}

/// Waits until the group has rebalanced for this cause, because of this member where it is known.
fn wait_for_cause(server: &Server, group: &str, cause: &str, member: Option<&str>) -> Value {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let all = rebalances(server, group);
        let found = all.iter().rev().find(|rebalance| {
            rebalance["cause"] == cause && member.is_none_or(|member| rebalance["member"] == member)
        });
        if let Some(found) = found {
            return found.clone();
        }
        assert!(Instant::now() < deadline, "no {cause} by {member:?}: {all:#?}");
        thread::sleep(Duration::from_millis(100));
    }
}

/// The member id that a client told of, if it does.
fn member_id(events: &[Event]) -> Option<String> {
    events.iter().rev().find_map(|event| match &event.what {
        What::Assigned { member, .. } => member.clone().filter(|member| !member.is_empty()),
        _ => None,
    })
}

/// One member comes, another one does, dies, and the first leaves: each rebalance has its cause and its member.
fn is_watched(client: Client, group: &str) -> Result<(), Missing> {
    client.available()?;
    let server = medallion()?;
    let bootstrap = server.bootstrap();
    admin::create_topic(&server, TOPIC, PARTITIONS, &[]);
    let join = Join { group, topic: TOPIC, assignor: "range", instance: None };
    let first = Member::start(client, &bootstrap, join)?;
    first.wait_for_partitions(4);
    let first_id = member_id(&first.events());
    let joined = wait_for_cause(&server, group, "member-joined", first_id.as_deref());
    assert_eq!((&joined["generation"], &joined["group"]), (&0.into(), &group.into()));
    assert_eq!(joined["client_host"], "/127.0.0.1");
    assert!(joined["client_id"].is_string(), "{joined}");

    let second = Member::start(client, &bootstrap, join)?;
    second.wait_for_partitions(2);
    first.wait_for_partitions(2);
    let second_id = member_id(&second.events());
    let joined = wait_for_cause(&server, group, "member-joined", second_id.as_deref());
    assert_eq!(joined["generation"], 1);
    drop(second.kill());
    let expired = wait_for_cause(&server, group, "session-expired", second_id.as_deref());
    assert_eq!(expired["client_host"], "/127.0.0.1", "who is gone is known still");
    assert!(expired["reason"].as_str().unwrap().contains("heartbeat expiration"), "{expired}");
    first.wait_for_partitions(4);
    first.stop();
    wait_for_cause(&server, group, "member-left", first_id.as_deref());

    let page = Page::of(&server);
    for (cause, least) in [("member-joined", 2.0), ("session-expired", 1.0), ("member-left", 1.0)] {
        let all = page.value("medallion_rebalances_total", &[("cause", cause)]);
        let own = page.value("medallion_group_rebalances_total", &[("group", group), ("cause", cause)]);
        assert!(all >= Some(least) && own == all, "{cause}: {all:?} {own:?}");
    }
    let empty = page.value("medallion_groups", &[("type", "classic"), ("state", "Empty")]);
    assert_eq!(empty, Some(1.0));
    let log = server.log();
    let line = log.lines().find(|line| line.contains("session-expired")).expect("it is logged");
    assert!(line.contains(group) && line.contains("/127.0.0.1"), "{line}");
    assert_command_shows(&server, group, &rebalances(&server, group));
    Ok(())
}

fn assert_command_shows(server: &Server, group: &str, expected: &[Value]) {
    let run = |more: &[&str]| {
        let mut command = Command::new(medallion_binary());
        command.args(["group", "history", "--admin-address", &server.metrics()]).args(more);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let told: Value = serde_json::from_str(&run(&[group, "--json"])).unwrap();
    assert_eq!(told["rebalances"].as_array().unwrap(), expected);
    let all: Value = serde_json::from_str(&run(&["--json", "--last", "1"])).unwrap();
    assert_eq!(all["rebalances"].as_array().unwrap()[..], expected[expected.len() - 1..]);
    let text = run(&[group]);
    let reasons = text.lines().filter(|line| line.starts_with("  reason  ")).count();
    assert_eq!(reasons, expected.len(), "{text}");
    assert!(text.contains("  session-expired\n") && text.starts_with(group), "{text}");
}

#[test]
fn a_group_of_java_is_watched() {
    need!(is_watched(Client::Java, "java/watched group"));
}

#[test]
fn a_group_of_confluent_is_watched() {
    need!(is_watched(Client::Confluent, "confluent-watched"));
}

#[test]
fn a_group_of_franz_go_is_watched() {
    need!(is_watched(Client::FranzGo, "franz-go-watched"));
}

fn lag(page: &Page, name: &str, group: &str) -> f64 {
    let series = page.series(name, &[("group", group), ("topic", TOPIC)]);
    assert_eq!(series.len(), usize::try_from(PARTITIONS).unwrap(), "{series:?}");
    series.into_iter().map(|(_, value)| value).fold(0.0, f64::max)
}

/// While its member is away a group falls behind, in records and in seconds; `group describe` says the same; when the member
/// is back it catches up.
#[test]
fn a_group_that_falls_behind_is_seen() {
    need!(Client::FranzGo.available());
    let server = need!(medallion());
    let bootstrap = server.bootstrap();
    let group = "late";
    admin::create_topic(&server, TOPIC, PARTITIONS, &[]);
    let shape = Shape { topic: TOPIC, partitions: PARTITIONS, acks: "all", idempotent: true, rate: 200 };
    let load = Load::start(Client::FranzGo, &bootstrap, shape);
    let join = Join { group, topic: TOPIC, assignor: "range", instance: None };
    let member = need!(Member::start(Client::FranzGo, &bootstrap, join));
    member.wait_for_partitions(4);
    member.wait_for_records(50);
    member.stop();
    let (records, seconds) = ("medallion_group_lag_records", "medallion_group_lag_seconds");
    let before = Page::of(&server);
    thread::sleep(Duration::from_secs(3));
    let after = Page::of(&server);
    assert!(lag(&after, records, group) > lag(&before, records, group) + 20.0, "{}", after.text());
    let aged = lag(&after, seconds, group) - lag(&before, seconds, group);
    assert!((2.5..6.0).contains(&aged), "{aged} s older after 3 s");
    assert_eq!(need!(load.finish()).failed, 0);

    let told = describe(&server, group);
    let page = Page::of(&server);
    for at in &told {
        let partition = at["partition"].to_string();
        let labels = [("group", group), ("topic", TOPIC), ("partition", partition.as_str())];
        assert_eq!(page.value(records, &labels), at["lag"].as_f64(), "{at}");
        let (ours, theirs) = (page.value(seconds, &labels).unwrap(), at["lag_ms"].as_f64().unwrap() / 1000.0);
        assert!((0.0..3.0).contains(&(ours - theirs)), "{ours} s, and a moment before {theirs} s");
    }
    for reason in ["limit", "log", "time"] {
        let left_out = page.value("medallion_group_lag_left_out_partitions", &[("reason", reason)]);
        assert_eq!(left_out, Some(0.0), "{reason}");
    }
    let member = need!(Member::start(Client::FranzGo, &bootstrap, join));
    let deadline = Instant::now() + PATIENCE;
    loop {
        let page = Page::of(&server);
        if (lag(&page, records, group), lag(&page, seconds, group)) == (0.0, 0.0) {
            break;
        }
        assert!(Instant::now() < deadline, "it stays behind:\n{}", page.text());
        thread::sleep(Duration::from_millis(200));
    }
    member.stop();
}

fn describe(server: &Server, group: &str) -> Vec<Value> {
    let mut command = Command::new(medallion_binary());
    command.args(["group", "describe", group, "--json", "--bootstrap-server", &server.bootstrap()]);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let described: Value = serde_json::from_slice(&output.stdout).unwrap();
    described[0]["offsets"].as_array().unwrap().clone()
}
