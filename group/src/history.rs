//! Why groups rebalanced: counted by cause, with the last ones in full.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::Arc;

use crate::ids::{GroupId, MemberId};

/// So many of a group's last rebalances are kept.
const KEPT_MAX: usize = 32;
/// Reasons hold text of clients, which is cut to this length.
const REASON_BYTES_MAX: usize = 512;

/// What made a group rebalance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RebalanceCause {
    /// A new member came.
    MemberJoined,
    /// The leader of a stable group joined again: it wants partitions to be assigned anew.
    LeaderRejoined,
    /// A member joined again with other protocols or another subscription.
    MetadataChanged,
    /// A static member came back under a new member id, and it mattered to the others.
    StaticMemberReplaced,
    /// Members left, by themselves or taken out by an administrator.
    MemberLeft,
    /// A member was not heard of within its session timeout.
    SessionExpired,
    /// Members did not ask for their assignment in time.
    SyncExpired,
    /// The group that was loaded has more members than `group.max.size` allows.
    OverCapacity,
    /// An assignment could not be stored.
    StoreFailed,
    /// A group of the consumer protocol became a classic one.
    Downgraded,
    /// A member of a consumer group did not give up partitions, or did not join again, within its rebalance timeout.
    RebalanceExpired,
    /// Topics that a consumer group reads were created, changed or deleted.
    TopicsChanged,
}

impl RebalanceCause {
    /// All causes.
    pub const ALL: [Self; 12] = [
        Self::MemberJoined,
        Self::LeaderRejoined,
        Self::MetadataChanged,
        Self::StaticMemberReplaced,
        Self::MemberLeft,
        Self::SessionExpired,
        Self::SyncExpired,
        Self::OverCapacity,
        Self::StoreFailed,
        Self::Downgraded,
        Self::RebalanceExpired,
        Self::TopicsChanged,
    ];

    /// The cause as a label of metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MemberJoined => "member-joined",
            Self::LeaderRejoined => "leader-rejoined",
            Self::MetadataChanged => "metadata-changed",
            Self::StaticMemberReplaced => "static-member-replaced",
            Self::MemberLeft => "member-left",
            Self::SessionExpired => "session-expired",
            Self::SyncExpired => "sync-expired",
            Self::OverCapacity => "over-capacity",
            Self::StoreFailed => "store-failed",
            Self::Downgraded => "downgraded",
            Self::RebalanceExpired => "rebalance-expired",
            Self::TopicsChanged => "topics-changed",
        }
    }
}

impl fmt::Display for RebalanceCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The client that a member is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberClient {
    /// Its `client.id`.
    pub id: Arc<str>,
    /// Its address as Kafka shows it: `/127.0.0.1`.
    pub host: Arc<str>,
}

/// A rebalance that began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rebalance {
    /// The group.
    pub group: GroupId,
    /// The generation that ended; of a consumer group the epoch.
    pub generation: i32,
    /// What made it begin.
    pub cause: RebalanceCause,
    /// The member that made it begin; the first of them where they are many.
    pub member: Option<MemberId>,
    /// That member's client, where it is known.
    pub client: Option<MemberClient>,
    /// The cause in words, with what the client said; at most 512 bytes.
    pub reason: String,
    /// When, by the wall clock.
    pub time_ms: i64,
}

/// Rebalances, of one group or of many: all counted by cause, the last ones kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    kept_max: usize,
    counts: BTreeMap<RebalanceCause, u64>,
    last: VecDeque<Rebalance>,
}

impl Default for History {
    fn default() -> Self {
        Self::keeping(KEPT_MAX)
    }
}

impl History {
    /// A history that keeps so many of the last rebalances.
    ///
    /// # Panics
    /// When that is none.
    pub fn keeping(kept_max: usize) -> Self {
        assert!(kept_max > 0, "a history keeps something");
        Self { kept_max, counts: BTreeMap::new(), last: VecDeque::new() }
    }

    /// Notes a rebalance, and forgets the oldest when there are too many.
    pub fn note(&mut self, mut rebalance: Rebalance) {
        rebalance.reason = shortened(rebalance.reason);
        *self.counts.entry(rebalance.cause).or_default() += 1;
        if self.last.len() == self.kept_max {
            let _ = self.last.pop_front();
        }
        self.last.push_back(rebalance);
    }

    /// How many there were for a cause.
    pub fn count(&self, cause: RebalanceCause) -> u64 {
        self.counts.get(&cause).copied().unwrap_or(0)
    }

    /// How many there were by cause; causes that never occurred are left out.
    pub fn counts(&self) -> impl Iterator<Item = (RebalanceCause, u64)> {
        self.counts.iter().map(|(cause, count)| (*cause, *count))
    }

    /// How many there were.
    pub fn total(&self) -> u64 {
        self.counts.values().sum()
    }

    /// The last ones, oldest first.
    pub fn last(&self) -> impl DoubleEndedIterator<Item = &Rebalance> + ExactSizeIterator {
        self.last.iter()
    }
}

/// Shortens a reason between two characters.
pub(crate) fn shortened(mut reason: String) -> String {
    let end = (0..=REASON_BYTES_MAX.min(reason.len())).rev().find(|end| reason.is_char_boundary(*end));
    reason.truncate(end.unwrap_or(0));
    reason
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rebalance(generation: i32, cause: RebalanceCause, reason: &str) -> Rebalance {
        Rebalance {
            group: "g".into(),
            generation,
            cause,
            member: Some(MemberId::from("m")),
            client: None,
            reason: reason.to_owned(),
            time_ms: 7,
        }
    }

    #[test]
    fn all_are_counted_and_the_last_are_kept() {
        let mut history = History::default();
        for generation in 0..100 {
            let cause =
                if generation % 4 == 0 { RebalanceCause::MemberLeft } else { RebalanceCause::MemberJoined };
            history.note(rebalance(generation, cause, "x"));
        }
        assert_eq!(history.total(), 100);
        assert_eq!(history.count(RebalanceCause::MemberLeft), 25);
        assert_eq!(history.count(RebalanceCause::SyncExpired), 0);
        let counts: Vec<_> = history.counts().collect();
        assert_eq!(counts, [(RebalanceCause::MemberJoined, 75), (RebalanceCause::MemberLeft, 25)]);
        let generations: Vec<i32> = history.last().map(|rebalance| rebalance.generation).collect();
        assert_eq!(generations, (68..100).collect::<Vec<_>>());
    }

    #[test]
    fn a_history_keeps_as_many_as_it_is_told() {
        let mut history = History::keeping(2);
        for generation in 0..5 {
            history.note(rebalance(generation, RebalanceCause::MemberLeft, "x"));
        }
        let generations: Vec<i32> = history.last().map(|rebalance| rebalance.generation).collect();
        assert_eq!((history.total(), generations), (5, vec![3, 4]));
    }

    #[test]
    fn causes_have_names_of_their_own() {
        let names: std::collections::BTreeSet<_> =
            RebalanceCause::ALL.into_iter().map(RebalanceCause::as_str).collect();
        assert_eq!(names.len(), RebalanceCause::ALL.len());
    }

    #[test]
    fn long_reasons_are_cut_between_characters() {
        let mut history = History::default();
        history.note(rebalance(1, RebalanceCause::MemberJoined, &"ä".repeat(300)));
        history.note(rebalance(2, RebalanceCause::MemberJoined, &format!("x{}", "ä".repeat(300))));
        let lengths: Vec<usize> = history.last().map(|rebalance| rebalance.reason.len()).collect();
        assert_eq!(lengths, [512, 511]);
    }
}
