//! The page of clients, made from what the tests are made from.

use std::fmt::Write as _;

use serde_json::Value;

use super::{FEATURES, Feature};
use crate::client::Client;
use crate::environment::tests_folder;
use crate::kafka_tools::TOOLS;
use crate::server::KAFKA;

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/clients.md");

/// All clients, in the order of the page.
const CLIENTS: [Client; 9] = [
    Client::Java,
    Client::Confluent,
    Client::KafkaPython,
    Client::Aiokafka,
    Client::FranzGo,
    Client::Sarama,
    Client::KafkaJs,
    Client::Kcat,
    Client::Rdkafka,
];

/// A client's name, its language, and its version by the file that pins it.
fn identity(client: Client) -> (&'static str, &'static str, String) {
    match client {
        Client::Java => ("Apache Kafka's client", "Java", KAFKA.to_owned()),
        Client::Confluent => ("confluent-kafka", "Python, on librdkafka", of_python("confluent-kafka")),
        Client::KafkaPython => ("kafka-python", "Python", of_python("kafka-python")),
        Client::Aiokafka => ("aiokafka", "Python", of_python("aiokafka")),
        Client::FranzGo => ("franz-go", "Go", of_go("github.com/twmb/franz-go")),
        Client::Sarama => ("sarama", "Go", of_go("github.com/IBM/sarama")),
        Client::KafkaJs => ("KafkaJS", "JavaScript", of_node("kafkajs")),
        Client::Kcat => ("kcat", "C, on librdkafka", "the system's (Debian 12: 1.7.1)".to_owned()),
        Client::Rdkafka => {
            let librdkafka = of_rust("rdkafka-sys");
            let librdkafka = librdkafka.split_once('+').expect("its version names librdkafka's").1;
            ("rdkafka", "Rust, on librdkafka", format!("{} (librdkafka {librdkafka})", of_rust("rdkafka")))
        }
    }
}

fn file(path: &str) -> String {
    let path = tests_folder().join("clients").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What follows `before` on the line that begins with it.
fn after(text: &str, before: &str) -> String {
    let found = text.lines().find_map(|line| line.trim().strip_prefix(before));
    found.unwrap_or_else(|| panic!("no line begins with {before:?}")).to_owned()
}

fn of_python(package: &str) -> String {
    let text = file("python/requirements.txt");
    let found = text.lines().find_map(|line| {
        // Extras may stand between: name[extra]==version.
        let (name, version) = line.split_once("==")?;
        (name.split('[').next() == Some(package)).then_some(version)
    });
    found.unwrap_or_else(|| panic!("{package} is not among the requirements")).to_owned()
}

fn of_go(module: &str) -> String {
    after(&file("go/go.mod"), &format!("{module} v"))
}

fn of_node(package: &str) -> String {
    let lock: Value = serde_json::from_str(&file("node/package-lock.json")).expect("it is JSON");
    lock["packages"][format!("node_modules/{package}")]["version"].as_str().expect("it is locked").to_owned()
}

fn of_rust(package: &str) -> String {
    let lock = file("rust/Cargo.lock");
    let start = lock.find(&format!("name = \"{package}\"\n")).expect("it is locked");
    after(&lock[start..], "version = ").trim_matches('"').to_owned()
}

fn page() -> String {
    let mut page = String::from(
        "# Clients that Medallion is tested with\n\n\
         This page is made from the declaration in `tests/src/matrix.rs`, from which the tests are made too, and from the files \
         that pin the clients' versions (`UPDATE_DOCS=1 cargo test -p medallion-tests --lib page`); a test fails where it is \
         stale. `make test` runs all of it; `make setup` brings the clients.\n\n\
         | Client | Language | Version | Codecs |\n|---|---|---|---|\n",
    );
    for client in CLIENTS {
        let (name, language, version) = identity(client);
        let _ = writeln!(page, "| {name} | {language} | {version} | {} |", client.codecs().join(", "));
    }
    page.push_str(
        "\nThe codecs are those that a client has without C code that would have to be built. In every group nothing is \
         skipped, and nothing comes twice but what one that was killed or paused had not committed. A member that was paused \
         can commit nothing of what it still takes out of its memory when it goes on.\n\n",
    );
    page.push_str(&features());
    let _ = write!(
        page,
        "\n## Apache Kafka's tools\n\nThese of {KAFKA}'s command-line tools are run against Medallion, and what they print is \
         compared: `{}`.\n",
        TOOLS.map(|(tool, _)| tool).join("`, `")
    );
    page
}

/// The table of features and clients, and the reasons for what is absent.
fn features() -> String {
    let names: Vec<_> = CLIENTS.iter().map(|client| identity(*client).0).collect();
    let mut table = format!("| | {} |\n|---|{}\n", names.join(" | "), "---|".repeat(names.len()));
    let mut reasons: Vec<&str> = Vec::new();
    for feature in FEATURES {
        let cells = CLIENTS.map(|client| cell(*feature, client, &mut reasons));
        let _ = writeln!(table, "| {} | {} |", feature.what(), cells.join(" | "));
    }
    table.push('\n');
    for (number, reason) in (1..).zip(reasons) {
        let _ = writeln!(table, "{number}. {reason}");
    }
    table
}

/// `yes`, or the number of the reason.
fn cell(feature: Feature, client: Client, reasons: &mut Vec<&'static str>) -> String {
    if feature.clients().contains(&client) {
        return "yes".to_owned();
    }
    let absent = feature.absent().iter().find(|(absent, _)| *absent == client);
    let (_, reason) = absent.unwrap_or_else(|| panic!("{feature:?} neither has {client:?} nor says why"));
    let known = reasons.iter().position(|known| known == reason);
    let number = known.unwrap_or_else(|| {
        reasons.push(reason);
        reasons.len() - 1
    });
    format!("no ({})", number + 1)
}

#[test]
fn the_page_is_fresh() {
    let page = page();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(PATH, &page).expect("the page can be written");
    }
    let present = std::fs::read_to_string(PATH).unwrap_or_default();
    assert!(present == page, "{PATH} is stale; run the tests with UPDATE_DOCS=1 and commit it");
}

/// Nothing stands on the page that no test asks for.
#[test]
fn every_feature_and_every_tool_is_tested() {
    let folder = tests_folder().join("tests");
    let files =
        std::fs::read_dir(folder).expect("the tests are there").map(|entry| entry.expect("an entry").path());
    let files = files.filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    let text: String =
        files.map(|path| std::fs::read_to_string(path).expect("a source can be read")).collect();
    for feature in FEATURES {
        let tests = format!("medallion_tests::{}!(", feature.tests());
        assert!(text.contains(&tests), "no test of {feature:?}: {tests} is nowhere");
    }
    for (tool, _) in TOOLS {
        assert!(text.contains(&format!("\"{tool}\"")), "no test of {tool}");
    }
}
