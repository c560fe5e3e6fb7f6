//! Which groups have rebalanced, when and why: what operators are shown. It begins empty with the broker.

use std::collections::{BTreeMap, HashMap};

use medallion_group::{GroupId, History, Rebalance, RebalanceCause};
use parking_lot::Mutex;
use tracing::info;

/// So many groups have a history of their own; those go first that have not rebalanced for longest.
const GROUPS_MAX: usize = 500;
/// So many rebalances of all groups together are kept.
const OVERALL_MAX: usize = 500;

/// The rebalances of all groups that this broker coordinates, or did.
#[derive(Debug)]
pub(crate) struct RebalanceLog {
    histories: Mutex<Histories>,
}

#[derive(Debug)]
struct Histories {
    groups_max: usize,
    overall: History,
    by_group: HashMap<GroupId, Placed>,
    /// Groups by when they last rebalanced.
    order: BTreeMap<u64, GroupId>,
    noted: u64,
}

/// A group's history and its place in the order.
#[derive(Debug, Default)]
struct Placed {
    history: History,
    at: u64,
}

impl Default for RebalanceLog {
    fn default() -> Self {
        Self { histories: Mutex::new(Histories::new(GROUPS_MAX)) }
    }
}

impl RebalanceLog {
    /// Notes a rebalance that began, and tells the log.
    pub(super) fn note(&self, rebalance: Rebalance) {
        let client = rebalance.client.as_ref();
        info!(
            group = %rebalance.group,
            generation = rebalance.generation,
            cause = %rebalance.cause,
            member = rebalance.member.as_ref().map(|member| member.as_str()),
            client_id = client.map(|client| &*client.id),
            client_host = client.map(|client| &*client.host),
            reason = rebalance.reason,
            "a group rebalances"
        );
        self.histories.lock().note(rebalance);
    }

    /// The rebalances of one group; `None` when it never rebalanced, or not for long.
    pub(crate) fn of_group(&self, group: &str) -> Option<History> {
        self.histories.lock().by_group.get(group).map(|placed| placed.history.clone())
    }

    /// Those of all groups.
    pub(crate) fn overall(&self) -> History {
        self.histories.lock().overall.clone()
    }

    /// How often each cause occurred in all groups.
    pub(crate) fn causes(&self) -> Vec<(RebalanceCause, u64)> {
        self.histories.lock().overall.counts().collect()
    }

    /// How often each cause occurred in each of the groups that `shows` picks, in the order of groups.
    pub(crate) fn counts(&self, shows: impl Fn(&GroupId) -> bool) -> Vec<(GroupId, RebalanceCause, u64)> {
        let histories = self.histories.lock();
        let mut counts = Vec::new();
        for (group, placed) in histories.by_group.iter().filter(|(group, _)| shows(group)) {
            counts.extend(placed.history.counts().map(|(cause, count)| (group.clone(), cause, count)));
        }
        drop(histories);
        counts.sort();
        counts
    }
}

impl Histories {
    fn new(groups_max: usize) -> Self {
        Self {
            groups_max,
            overall: History::keeping(OVERALL_MAX),
            by_group: HashMap::new(),
            order: BTreeMap::new(),
            noted: 0,
        }
    }

    fn note(&mut self, rebalance: Rebalance) {
        self.noted += 1;
        let placed = self.by_group.entry(rebalance.group.clone()).or_default();
        let _ = self.order.remove(&placed.at);
        placed.at = self.noted;
        placed.history.note(rebalance.clone());
        let _ = self.order.insert(self.noted, rebalance.group.clone());
        if self.by_group.len() > self.groups_max
            && let Some((_, oldest)) = self.order.pop_first()
        {
            let _ = self.by_group.remove(&oldest);
        }
        self.overall.note(rebalance);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rebalance(group: &str, generation: i32, cause: RebalanceCause) -> Rebalance {
        Rebalance {
            group: group.into(),
            generation,
            cause,
            member: Some("m".into()),
            client: None,
            reason: String::new(),
            time_ms: 7,
        }
    }

    #[test]
    fn rebalances_are_kept_by_group_and_together() {
        let log = RebalanceLog::default();
        log.note(rebalance("b", 1, RebalanceCause::MemberJoined));
        log.note(rebalance("a", 1, RebalanceCause::MemberJoined));
        log.note(rebalance("b", 2, RebalanceCause::SessionExpired));
        log.note(rebalance("b", 3, RebalanceCause::MemberJoined));
        let generations = |history: &History| history.last().map(|one| one.generation).collect::<Vec<_>>();
        assert_eq!(log.of_group("b").map(|history| generations(&history)), Some(vec![1, 2, 3]));
        assert_eq!(generations(&log.overall()), [1, 1, 2, 3]);
        assert!(log.of_group("c").is_none());
        let (joined, expired) = (RebalanceCause::MemberJoined, RebalanceCause::SessionExpired);
        assert_eq!(
            log.counts(|_| true),
            [("a".into(), joined, 1), ("b".into(), joined, 2), ("b".into(), expired, 1)]
        );
        assert_eq!(log.counts(|group| group.as_str() == "a"), [("a".into(), joined, 1)]);
    }

    #[test]
    fn the_group_that_was_quiet_for_longest_is_forgotten() {
        let mut histories = Histories::new(2);
        for group in ["a", "b", "a", "c", "c"] {
            histories.note(rebalance(group, 1, RebalanceCause::MemberLeft));
        }
        let mut groups: Vec<_> = histories.by_group.keys().map(GroupId::as_str).collect();
        groups.sort_unstable();
        assert_eq!(groups, ["a", "c"]);
        assert_eq!(histories.order.len(), 2);
        assert_eq!(histories.overall.total(), 5, "the whole still counts it");
    }
}
