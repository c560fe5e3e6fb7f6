//! The page of what Medallion answers otherwise than Kafka, made from the lists that the test uses.

use std::fmt::Write as _;

use medallion_tests::differential::compare::{Accepted, AcceptedField};
use medallion_tests::server::KAFKA;

use crate::{accepted::ACCEPTED, not_served::NOT_SERVED, rules::RULES, scenarios};

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/compatibility.md");

fn page() -> String {
    let mut page = format!(
        "# Medallion's answers beside Kafka's\n\n\
         This page is made from the lists in `tests/tests/differential` (`UPDATE_DOCS=1 cargo test -p medallion-tests --test \
         differential page`); a test fails where it is stale.\n\n\
         A test starts Apache Kafka {KAFKA} and Medallion on fresh directories and sends both the same requests, for each API \
         in each version that both advertise. Some are written by hand, good and bad ones; the others are made out of these \
         by changing one to three fields, from a fixed seed, most of them out of \
         requests that Kafka refuses nothing of. The bytes are written and read by Kafka's own descriptions of its \
         messages, which lie in its jar. Replies are compared field by field, error codes and messages included; so is what \
         closes a connection. A difference that is not on this page fails the test, and so does an entry that nothing needs \
         any more. `make test` asks with a few made requests for each API and version, `make differential` with more; \
         `MEDALLION_DIFFERENTIAL_SEED`, `MEDALLION_DIFFERENTIAL_CASES` and `MEDALLION_DIFFERENTIAL_ONLY` (an API) change \
         what is asked.\n\n\
         ## Accepted differences\n\n\
         `*` stands for any text, `absent` for a field that only the other has, `{{...}}` for elements by their names.\n\n\
         | API | Versions | What | Fields | Kafka | Medallion |\n|---|---|---|---|---|---|\n"
    );
    for entry in ACCEPTED {
        page.push_str(&row(entry));
    }
    page.push_str(
        "\n## What is taken out of replies\n\n\
         Ids of topics, the servers' addresses and folders, and the ids that members of groups were given are replaced by \
         names that both servers share. Replies to requests that only read are asked for again for up to two seconds where \
         they differ, because a broker learns of a change a little after the controller. Besides, of these fields less than \
         their value is compared:\n\n| API | Field | What is compared |\n|---|---|---|\n",
    );
    for rule in RULES {
        let api = if rule.api == "*" { "all" } else { rule.api };
        let _ = writeln!(page, "| {api} | `{}` | {} |", rule.path, rule.keep);
    }
    page.push_str(
        "\n## What made requests leave as it is\n\n\
         Waits, isolation levels and the number of acknowledgements never change; neither do these:\n\n\
         | API | Fields |\n|---|---|\n",
    );
    for scenario in scenarios::ALL.iter().filter(|scenario| scenario.mutations_percent == 0) {
        let _ = writeln!(page, "| {} | all: there are no made requests |", scenario.api);
    }
    for scenario in scenarios::ALL.iter().filter(|scenario| !scenario.frozen.is_empty()) {
        let _ = writeln!(page, "| {} | `{}` |", scenario.api, scenario.frozen.join("`, `"));
    }
    page.push_str("\n## What is not served yet\n\n| API | Comes |\n|---|---|\n");
    for (api, comes) in NOT_SERVED {
        let _ = writeln!(page, "| {api} | {} |", comes.trim_start_matches("comes "));
    }
    page
}

fn row(entry: &Accepted) -> String {
    let Accepted { api, versions, fields, reason, is_timing } = entry;
    let code = |text: &str| format!("`{}`", text.replace('|', "\\|"));
    let column = |of: fn(&AcceptedField) -> &'static str| {
        let texts: Vec<_> = fields.iter().map(|field| code(of(field))).collect();
        texts.join("<br>")
    };
    let times = if *is_timing { " (at times)" } else { "" };
    let (paths, kafka, medallion) =
        (column(|field| field.0), column(|field| field.1), column(|field| field.2));
    format!("| {api} | {versions} | {reason}{times} | {paths} | {kafka} | {medallion} |\n")
}

#[test]
fn the_page_is_fresh() {
    let page = page();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(PATH, &page).unwrap();
    }
    let present = std::fs::read_to_string(PATH).unwrap_or_default();
    assert!(present == page, "{PATH} is stale; run the tests with UPDATE_DOCS=1 and commit it");
}

#[test]
fn the_list_is_short_and_every_entry_is_about_one_thing() {
    assert!(ACCEPTED.len() <= 20, "{} entries", ACCEPTED.len());
    for entry in ACCEPTED {
        assert!(!entry.api.contains('*'), "too wide: {entry:?}");
        assert!(entry.fields.iter().all(|(path, ..)| !matches!(*path, "" | "*")), "too wide: {entry:?}");
        assert!(entry.reason.len() > 20, "no reason: {entry:?}");
    }
}
