//! `medallion group history`.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt::Write as _;

use clap::{Args, ValueHint};
use serde::{Deserialize, Serialize};

use crate::client::admin;
use crate::output::{Output, counted};
use crate::time::format_timestamp;

/// Arguments of `group history`.
#[derive(Debug, Args)]
#[command(after_help = "\
A broker keeps the last rebalances of the groups that it coordinates while it runs: 32 of each group, 500 of all.

Examples:
  medallion group history
  medallion group history billing --last 5 --json
  medallion group history billing --admin-address broker-1:8080")]
pub(crate) struct HistoryArguments {
    /// The group; all of them where none is named
    group: Option<String>,
    /// Only this many of the last rebalances
    #[arg(long, value_name = "COUNT")]
    last: Option<usize>,
    /// Where the broker serves metrics and what operators ask (medallion.metrics.listener)
    #[arg(
        long,
        value_name = "ADDRESS",
        env = "MEDALLION_ADMIN_ADDRESS",
        default_value = "127.0.0.1:8080",
        hide_env_values = true,
        value_hint = ValueHint::Hostname
    )]
    admin_address: String,
}

/// What a broker tells of rebalances.
#[derive(Debug, Serialize, Deserialize)]
struct History {
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<String>,
    total: u64,
    causes: BTreeMap<String, u64>,
    rebalances: Vec<Rebalance>,
}

/// One rebalance.
#[derive(Debug, Serialize, Deserialize)]
struct Rebalance {
    time_ms: i64,
    group: String,
    generation: i32,
    cause: String,
    member: Option<String>,
    client_id: Option<String>,
    client_host: Option<String>,
    reason: String,
}

pub(super) async fn run(arguments: &HistoryArguments, output: &Output) -> anyhow::Result<()> {
    let path = match &arguments.group {
        Some(group) => format!("/admin/groups/{}/rebalances", admin::segment(group)),
        None => "/admin/rebalances".to_owned(),
    };
    let mut history: History = admin::get(&arguments.admin_address, &path).await?;
    let surplus = history.rebalances.len().saturating_sub(arguments.last.unwrap_or(usize::MAX));
    drop(history.rebalances.drain(..surplus));
    if output.is_json() { output.value(&history) } else { output.line(&text_of(&history)) }
}

fn text_of(history: &History) -> String {
    let subject = history.group.as_deref().unwrap_or("all groups");
    if history.total == 0 {
        return format!("{subject}: no rebalance since the broker started");
    }
    let mut causes: Vec<_> = history.causes.iter().collect();
    causes.sort_by_key(|(cause, count)| (Reverse(**count), cause.as_str()));
    let causes: Vec<_> = causes.into_iter().map(|(cause, count)| format!("{count} {cause}")).collect();
    let total = counted(history.total, "rebalance");
    format!("{subject}: {total} since the broker started ({})\n\n{}", causes.join(", "), paragraphs(history))
}

/// A rebalance a paragraph, the last one at the end: ids and reasons are too long for a table.
fn paragraphs(history: &History) -> String {
    let names_group = history.group.is_none();
    let paragraphs: Vec<_> = history.rebalances.iter().map(|at| paragraph(at, names_group)).collect();
    paragraphs.join("\n\n")
}

fn paragraph(rebalance: &Rebalance, names_group: bool) -> String {
    let group = if names_group { format!("  {}", printable(&rebalance.group)) } else { String::new() };
    let time = format_timestamp(rebalance.time_ms);
    let mut text = format!("{time}{group}  generation {}  {}", rebalance.generation, rebalance.cause);
    let host = rebalance.client_host.as_deref().map(|host| format!(" at {}", host.trim_start_matches('/')));
    let client = rebalance.client_id.as_deref().map(|id| format!("{id}{}", host.unwrap_or_default()));
    let reason = Some(rebalance.reason.clone()).filter(|reason| !reason.is_empty());
    for (name, value) in [("client", client), ("member", rebalance.member.clone()), ("reason", reason)] {
        if let Some(value) = value {
            let _ = write!(text, "\n  {name}  {}", printable(&value));
        }
    }
    text
}

/// What clients say on one line, and without what a terminal would obey.
fn printable(text: &str) -> String {
    text.replace(char::is_control, " ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_history_is_easy_to_read() {
        let history = json!({
            "group": "billing", "total": 3, "causes": { "member-joined": 1, "session-expired": 2 },
            "rebalances": [{
                "time_ms": 1_553_372_469_000_i64, "group": "billing", "generation": 2, "cause": "session-expired",
                "member": "c-1", "client_id": "c", "client_host": "/10.0.0.7", "reason": "go\u{1b}ne",
            }],
        });
        let text = text_of(&serde_json::from_value(history).unwrap());
        assert_eq!(
            text,
            "billing: 3 rebalances since the broker started (2 session-expired, 1 member-joined)\n\n\
             2019-03-23T20:21:09.000Z  generation 2  session-expired\n  \
               client  c at 10.0.0.7\n  member  c-1\n  reason  go ne"
        );
        let none = json!({ "total": 0, "causes": {}, "rebalances": [] });
        let text = text_of(&serde_json::from_value(none).unwrap());
        assert_eq!(text, "all groups: no rebalance since the broker started");
    }
}
