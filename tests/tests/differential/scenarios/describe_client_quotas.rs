//! DescribeClientQuotas: filters, strict and not.

use medallion_tests::differential::script::{Scenario, Script};
use serde_json::{Value, json};

use super::alter_client_quotas::request as altered;

/// The scenario.
pub(crate) const SCENARIO: Scenario =
    Scenario { api: "DescribeClientQuotas", reads: true, run, ..super::USUAL };

const EXACT: i8 = 0;
const DEFAULT: i8 = 1;
const ANY: i8 = 2;

fn request(components: &[(&str, i8, Option<&str>)], strict: bool) -> Value {
    let of = |(kind, match_type, name): &(&str, i8, Option<&str>)| json!({ "EntityType": kind, "MatchType": match_type, "Match": name });
    json!({ "Components": components.iter().map(of).collect::<Vec<_>>(), "Strict": strict })
}

fn run(script: &mut Script<'_>) {
    let quota = &[("producer_byte_rate", Some(1e12)), ("request_percentage", Some(1e6))];
    let set = altered(&[
        (&[("user", Some("u"))], quota),
        (&[("user", Some("u")), ("client-id", Some("c"))], quota),
        (&[("user", Some("u")), ("client-id", None)], quota),
        (&[("user", None)], quota),
        (&[("user", None), ("client-id", Some("c"))], quota),
        (&[("client-id", Some("c"))], quota),
        (&[("ip", Some("10.0.0.1"))], &[("connection_creation_rate", Some(9.0))]),
    ]);
    script.other("set up", "AlterClientQuotas", 1, set);
    let filters: &[&[(&str, i8, Option<&str>)]] = &[
        &[],
        &[("user", EXACT, Some("u"))],
        &[("user", EXACT, Some("nobody"))],
        &[("user", EXACT, Some(""))],
        &[("user", DEFAULT, None)],
        &[("user", ANY, None)],
        &[("client-id", ANY, None)],
        &[("client-id", DEFAULT, None)],
        &[("user", ANY, None), ("client-id", ANY, None)],
        &[("user", EXACT, Some("u")), ("client-id", DEFAULT, None)],
        &[("ip", EXACT, Some("10.0.0.1"))],
        &[("ip", ANY, None)],
        &[("ip", ANY, None), ("user", ANY, None)],
        &[("ip", DEFAULT, None), ("client-id", EXACT, Some("c"))],
        &[("user", EXACT, None)],
        &[("user", DEFAULT, Some("u"))],
        &[("user", ANY, Some("u"))],
        &[("user", 3, None)],
        &[("user", -1, Some("u"))],
        &[("", ANY, None)],
        &[("moon", ANY, None)],
        &[("user", ANY, None), ("user", DEFAULT, None)],
    ];
    for filter in filters {
        for strict in [false, true] {
            script.ask("a filter", request(filter, strict));
        }
    }
    script.ask("null", json!({ "Components": null }));
}
