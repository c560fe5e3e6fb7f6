//! Apache Kafka's own command-line tools on groups.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;

use medallion_tests::client::{Client, Produce};
use medallion_tests::environment::Missing;
use medallion_tests::kafka_tools::{self, Output};
use medallion_tests::member::{Join, Member, What};
use medallion_tests::record::{Record, number};
use medallion_tests::server::Server;
use medallion_tests::{admin, need};
use serde_json::json;

/// A server with a topic of two partitions and ten records each, and the tools on it.
struct Bench {
    server: Server,
}

impl Bench {
    fn start() -> Result<Self, Missing> {
        kafka_tools::available()?;
        let server = Server::start_default()?;
        admin::create_topic(&server, "trips", 2, &[]);
        let records = number((0..10).map(|i| Record::of_value(&format!("trip {i}"))).collect());
        let step = |partition| {
            Produce {
                topic: "trips",
                partition,
                codec: "none",
                acks: "all",
                idempotent: true,
                records: &records,
            }
            .step()
        };
        Client::Java.run_well(&server.bootstrap(), &[step(0), step(1)])?;
        Ok(Self { server })
    }

    fn run(&self, tool: &str, arguments: &[&str]) -> Output {
        let bootstrap = self.server.bootstrap();
        let arguments = [&["--bootstrap-server", &bootstrap], arguments].concat();
        kafka_tools::run(tool, &arguments).expect("the tools are there")
    }

    /// What `kafka-consumer-groups` prints, with one space between words. It ends well even where it fails.
    fn groups(&self, arguments: &[&str]) -> String {
        let output = self.run("kafka-consumer-groups", arguments);
        let text = output.out + &output.err;
        let line = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        text.lines().map(line).collect::<Vec<_>>().join("\n")
    }

    fn commit(&self, group: &str, offsets: &[(i32, i64)]) {
        let step = json!({ "do": "commit", "group": group, "topic": "trips", "offsets": offsets });
        Client::Java.run_well(&self.server.bootstrap(), &[step]).expect("Java is there");
    }

    fn committed(&self, group: &str) -> Vec<i64> {
        let step = json!({ "do": "committed", "group": group, "topic": "trips", "partitions": 2 });
        let answer =
            Client::Java.run_well(&self.server.bootstrap(), &[step]).expect("Java is there").remove(0);
        serde_json::from_value(answer["offsets"].clone()).unwrap()
    }
}

fn assert_contains(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in:\n{text}");
    }
}

#[test]
fn the_console_consumer_goes_on_where_its_group_was() {
    let bench = need!(Bench::start());
    let read = |more: &[&str]| {
        let topic = ["--topic", "trips", "--group", "readers", "--timeout-ms", "8000"];
        bench.run("kafka-console-consumer", &[&topic, more].concat()).success()
    };
    let mut all: Vec<String> = Vec::new();
    for (more, count) in
        [(&["--from-beginning", "--max-messages", "13"][..], 13), (&["--max-messages", "7"], 7)]
    {
        let out = read(more);
        assert_eq!(out.lines().count(), count, "{out}");
        all.extend(out.lines().map(str::to_owned));
    }
    all.sort();
    let expected: Vec<_> = (0..10).flat_map(|i| [format!("trip {i}"), format!("trip {i}")]).collect();
    assert_eq!(all, expected);
    assert_eq!(bench.committed("readers"), [10, 10]);
    let state = bench.groups(&["--describe", "--group", "readers", "--state"]);
    assert_contains(&state, &["Consumer group 'readers' has no active members.", "- Empty 0"]);
}

#[test]
fn groups_are_listed_by_state_and_type() {
    let bench = need!(Bench::start());
    for group in ["one", "two"] {
        bench.commit(group, &[(0, 1)]);
    }
    let sorted = |text: &str| {
        let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(sorted(&bench.groups(&["--list"])), ["one", "two"]);
    assert_contains(&bench.groups(&["--list", "--state"]), &["one Empty", "two Empty"]);
    assert_contains(
        &bench.groups(&["--list", "--state", "empty", "--type", "classic"]),
        &["one Classic Empty"],
    );
    assert!(!bench.groups(&["--list", "--state", "Stable"]).contains("one"));
    let all = bench.run("kafka-groups", &["--list"]).success();
    let rows: Vec<Vec<_>> = all.lines().map(|line| line.split_whitespace().collect()).collect();
    assert!(rows.contains(&vec!["one", "Classic"]) && rows.contains(&vec!["two", "Classic"]), "{all}");
    assert_contains(
        &bench.groups(&["--describe", "--all-groups"]),
        &["one trips 0 1 10 9 - - -", "two trips 0 1 10 9"],
    );
    let absent = bench.groups(&["--describe", "--group", "absent"]);
    assert_contains(&absent, &["Group absent not found."]);
}

#[test]
fn an_active_group_is_described_and_not_changed() {
    need!(Client::FranzGo.available());
    let bench = need!(Bench::start());
    let join = Join { group: "active", topic: "trips", assignor: "range", instance: None };
    let member = need!(Member::start(Client::FranzGo, &bench.server.bootstrap(), join));
    member.wait_for_partitions(2);
    member.wait_for("a commit", |events| events.iter().any(|event| matches!(event.what, What::Committed(_))));
    let offsets = bench.groups(&["--describe", "--group", "active"]);
    assert_contains(&offsets, &["active trips 0 ", "active trips 1 ", " /127.0.0.1 "]);
    let members = bench.groups(&["--describe", "--group", "active", "--members", "--verbose"]);
    assert_contains(&members, &["/127.0.0.1", " 2 ", "trips:0,1"]);
    let state = bench.groups(&["--describe", "--group", "active", "--state"]);
    assert_contains(&state, &["range Stable 1", &format!("{} (1)", bench.server.bootstrap())]);
    assert_contains(&bench.groups(&["--list", "--state", "Stable"]), &["active Stable"]);
    let reset = ["--reset-offsets", "--group", "active", "--topic", "trips", "--to-earliest", "--execute"];
    assert_contains(&bench.groups(&reset), &["only be reset if the group 'active' is inactive", "Stable"]);
    assert_contains(&bench.groups(&["--delete", "--group", "active"]), &["GroupNotEmptyException"]);
    let delete = bench.groups(&["--delete-offsets", "--group", "active", "--topic", "trips"]);
    assert_contains(&delete, &["GroupSubscribedToTopicException"]);
    member.stop();
    assert_contains(&bench.groups(&["--describe", "--group", "active", "--state"]), &["- Empty 0"]);
    assert_contains(&bench.groups(&["--delete", "--group", "active"]), &["was successful"]);
    assert_eq!(bench.groups(&["--list"]).trim(), "");
}

#[test]
fn offsets_are_reset_in_every_way() {
    let bench = need!(Bench::start());
    bench.commit("reset", &[(0, 5), (1, 5)]);
    let file = bench.server.folder().join("offsets.csv");
    fs::write(&file, "trips,0,2\ntrips,1,3\n").unwrap();
    let file = file.display().to_string();
    // Between the fifth record and the sixth.
    let between = "2023-11-14T22:13:24.500+00:00";
    let ways: [(&[&str], [i64; 2]); 8] = [
        (&["--to-earliest"], [0, 0]),
        (&["--to-latest"], [10, 10]),
        (&["--to-offset", "7"], [7, 7]),
        (&["--shift-by", "-3"], [4, 4]),
        (&["--to-datetime", between], [5, 5]),
        (&["--by-duration", "P0DT0H0M1S"], [10, 10]),
        (&["--from-file", &file], [2, 3]),
        (&["--to-current"], [2, 3]),
    ];
    let mut now = vec![5, 5];
    for (way, expected) in ways {
        let reset = [&["--reset-offsets", "--group", "reset", "--topic", "trips"], way].concat();
        let planned = bench.groups(&[&reset[..], &["--dry-run"]].concat());
        let row = |partition: usize| format!("reset trips {partition} {}", expected[partition]);
        assert_contains(&planned, &[&row(0), &row(1)]);
        assert_eq!(bench.committed("reset"), now, "{way:?} was only planned");
        assert_contains(&bench.groups(&[&reset[..], &["--execute"]].concat()), &[&row(0), &row(1)]);
        assert_eq!(bench.committed("reset"), expected, "{way:?}");
        now = expected.to_vec();
    }
    let one = ["--reset-offsets", "--group", "reset", "--topic", "trips:1", "--to-offset", "9", "--execute"];
    bench.groups(&one);
    assert_eq!(bench.committed("reset"), [2, 9]);
}

#[test]
fn offsets_and_groups_are_deleted_and_stay_away() {
    let mut bench = need!(Bench::start());
    bench.commit("some", &[(0, 3), (1, 4)]);
    bench.commit("other", &[(0, 3), (1, 4)]);
    let deleted = bench.groups(&["--delete-offsets", "--group", "some", "--topic", "trips:0"]);
    assert_contains(&deleted, &["Request succeeded", "trips 0 Successful"]);
    assert_eq!(bench.committed("some"), [-1, 4]);
    assert_contains(&bench.groups(&["--delete", "--group", "other"]), &["('other') was successful"]);
    assert_contains(&bench.groups(&["--delete", "--group", "other"]), &["GroupIdNotFoundException"]);
    for round in 0..2 {
        if round == 0 {
            bench.server.stop();
        } else {
            bench.server.kill();
        }
        bench.server.start();
        assert_eq!(bench.committed("some"), [-1, 4]);
        assert_eq!(bench.groups(&["--list"]).trim(), "some");
    }
    bench.run("kafka-topics", &["--delete", "--topic", "trips"]).success();
    admin::create_topic(&bench.server, "trips", 2, &[]);
    assert_eq!(bench.committed("some"), [-1, -1], "offsets go with their topic");
}

#[test]
fn the_perf_tools_consume() {
    let bench = need!(Bench::start());
    let consumed = bench
        .run("kafka-consumer-perf-test", &["--topic", "trips", "--num-records", "20", "--group", "perf"])
        .success();
    let row: Vec<_> = consumed.lines().last().unwrap().split(", ").collect();
    assert_eq!(row[4], "20", "{consumed}");
    assert_eq!(bench.committed("perf"), [10, 10]);
    let arguments =
        ["--topic", "latency", "--num-records", "50", "--producer-acks", "all", "--record-size", "100"];
    assert_contains(&bench.run("kafka-e2e-latency", &arguments).success(), &["Avg latency: "]);
}
