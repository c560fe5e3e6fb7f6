//! Which offsets are too old (KIP-211).

use super::committed::{CommittedOffset, tombstone};
use super::state::Offsets;
use crate::ids::GroupId;
use crate::record::Record;

/// From when on a group's offsets age.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OffsetExpiry {
    /// From their commit.
    SinceCommit,
    /// From when the group became empty.
    Since(i64),
}

/// What has expired in one group.
#[derive(Debug, Clone, PartialEq)]
pub struct Expired {
    /// The records that take it away.
    pub records: Vec<Record>,
    /// Whether nothing is left, not in open transactions either.
    pub all: bool,
}

impl Offsets {
    /// What has expired in a group. Topics that the group reads now keep their offsets, and so do those that an open
    /// transaction would commit.
    pub fn expire(
        &self,
        group: &GroupId,
        expiry: OffsetExpiry,
        is_subscribed: &dyn Fn(&str) -> bool,
        now_ms: i64,
        retention_ms: i64,
    ) -> Expired {
        let mut expired = Expired { records: Vec::new(), all: !self.pending.has_group(group) };
        for (topic, partition, commit) in self.of_group(group) {
            let keep = is_subscribed(topic)
                || !is_expired(commit, expiry, now_ms, retention_ms)
                || self.pending.contains(group, topic, partition);
            if keep {
                expired.all = false;
            } else {
                expired.records.push(tombstone(group, topic, partition));
            }
        }
        expired
    }
}

fn is_expired(commit: &CommittedOffset, expiry: OffsetExpiry, now_ms: i64, retention_ms: i64) -> bool {
    if let Some(time) = commit.expire_timestamp_ms {
        return now_ms >= time;
    }
    let since = match expiry {
        OffsetExpiry::SinceCommit => commit.commit_timestamp_ms,
        OffsetExpiry::Since(time) => time,
    };
    now_ms.saturating_sub(since) >= retention_ms
}
