//! Rebalances as JSON, for `/admin`.

use std::collections::BTreeMap;

use medallion_group::{GroupId, History, Rebalance};
use serde::Serialize;

/// Rebalances, of one group or of all: the answer of `/admin/groups/{group}/rebalances` and `/admin/rebalances`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct RebalancesAnswer {
    /// The group; without it the answer is about all of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<String>,
    /// How many there were since the broker started.
    total: u64,
    /// How many by cause; causes that never occurred are left out.
    causes: BTreeMap<&'static str, u64>,
    /// The last ones, oldest first.
    rebalances: Vec<OneRebalance>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct OneRebalance {
    /// When it began, in milliseconds since 1970.
    time_ms: i64,
    group: String,
    /// The generation that ended.
    generation: i32,
    cause: &'static str,
    /// The member that caused it, the first of many; null where it was none.
    member: Option<String>,
    /// The member's `client.id` and address; null where they are not known.
    client_id: Option<String>,
    client_host: Option<String>,
    /// The cause in words, with what the client said.
    reason: String,
}

impl RebalancesAnswer {
    pub(super) fn new(group: Option<&GroupId>, history: &History) -> Self {
        Self {
            group: group.map(ToString::to_string),
            total: history.total(),
            causes: history.counts().map(|(cause, count)| (cause.as_str(), count)).collect(),
            rebalances: history.last().map(OneRebalance::from).collect(),
        }
    }
}

impl From<&Rebalance> for OneRebalance {
    fn from(rebalance: &Rebalance) -> Self {
        let client = rebalance.client.as_ref();
        Self {
            time_ms: rebalance.time_ms,
            group: rebalance.group.to_string(),
            generation: rebalance.generation,
            cause: rebalance.cause.as_str(),
            member: rebalance.member.as_ref().map(ToString::to_string),
            client_id: client.map(|client| client.id.to_string()),
            client_host: client.map(|client| client.host.to_string()),
            reason: rebalance.reason.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use medallion_group::{MemberClient, RebalanceCause};
    use serde_json::json;

    use super::*;

    #[test]
    fn the_documentation_explains_every_cause() {
        let page = include_str!("../../../docs/admin-api.md");
        for cause in RebalanceCause::ALL {
            assert!(page.contains(&format!("| `{cause}` |")), "{cause}");
        }
    }

    #[test]
    fn the_answer_has_the_documented_shape() {
        let mut history = History::default();
        history.note(Rebalance {
            group: "g".into(),
            generation: 3,
            cause: RebalanceCause::SessionExpired,
            member: Some("c-1".into()),
            client: Some(MemberClient { id: "c".into(), host: "/127.0.0.1".into() }),
            reason: "gone".to_owned(),
            time_ms: 1_764_000_000_000,
        });
        let rebalance = json!({
            "time_ms": 1_764_000_000_000_i64, "group": "g", "generation": 3, "cause": "session-expired",
            "member": "c-1", "client_id": "c", "client_host": "/127.0.0.1", "reason": "gone",
        });
        let all = json!({ "total": 1, "causes": { "session-expired": 1 }, "rebalances": [rebalance] });
        assert_eq!(serde_json::to_value(RebalancesAnswer::new(None, &history)).unwrap(), all);
        let of_group = RebalancesAnswer::new(Some(&"h".into()), &History::default());
        let of_group = serde_json::to_value(of_group).unwrap();
        assert_eq!(of_group, json!({ "group": "h", "total": 0, "causes": {}, "rebalances": [] }));
    }
}
