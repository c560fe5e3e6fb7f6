//! What one step works with: the groups, what surrounds them, and the records of the decision that is being made.

use std::sync::Arc;

use medallion_wire::ResponseError;

use super::group::ConsumerGroup;
use super::groups::ConsumerGroups;
use super::member::{ConsumerMember, MemberState};
use super::metadata_hash::metadata_hash;
use super::records;
use super::soft::Soft;
use crate::classic::ClassicGroups;
use crate::environment::Environment;
use crate::history::{MemberClient, Rebalance, RebalanceCause};
use crate::ids::{GroupId, MemberId};
use crate::output::Output;
use crate::record::Record;
use crate::request::Refusal;
use crate::timers::{TimerKey, Timers};

/// One decision on its way. Records take effect as they are made; whoever runs the step takes the groups back to what they
/// were when it is refused.
pub(crate) struct Step<'a, 'e> {
    pub(crate) groups: &'a mut ConsumerGroups,
    pub(crate) soft: &'a mut Soft,
    pub(crate) classic: &'a mut ClassicGroups,
    pub(crate) timers: &'a mut Timers,
    pub(crate) environment: &'a mut Environment<'e>,
    pub(crate) output: &'a mut Output,
    pub(crate) records: Vec<Record>,
}

/// A refusal with a message.
pub(super) fn refused(error: ResponseError, message: impl Into<String>) -> Refusal {
    Refusal { error, message: Some(message.into()) }
}

/// What made a group's epoch grow.
pub(super) struct Trigger<'a> {
    pub(super) cause: RebalanceCause,
    pub(super) member: Option<&'a ConsumerMember>,
    pub(super) reason: String,
}

impl Step<'_, '_> {
    pub(super) fn write(&mut self, record: Record) {
        let _ = self.groups.apply(&record);
        self.records.push(record);
    }

    pub(super) fn write_all(&mut self, records: impl IntoIterator<Item = Record>) {
        records.into_iter().for_each(|record| self.write(record));
    }

    pub(super) fn group(&self, id: &GroupId) -> &ConsumerGroup {
        self.groups.get(id.as_str()).expect("the step has looked for the group")
    }

    pub(super) fn member(&self, group: &GroupId, member: &MemberId) -> Option<Arc<ConsumerMember>> {
        self.groups.get(group.as_str())?.member(member.as_str()).cloned()
    }

    /// Begins another epoch of the group, and says why.
    pub(super) fn bump(&mut self, id: &GroupId, trigger: Trigger<'_>) {
        let (before, hash) = {
            let group = self.group(id);
            (group.epoch, metadata_hash(group, self.environment.topics))
        };
        self.write(records::epoch(id, before + 1, hash));
        self.note_checked(id);
        let rebalance = Rebalance {
            group: id.clone(),
            generation: before,
            cause: trigger.cause,
            member: trigger.member.map(|member| member.id.clone()),
            client: trigger.member.map(|member| MemberClient {
                id: Arc::clone(&member.client_id),
                host: Arc::clone(&member.client_host),
            }),
            reason: trigger.reason,
            time_ms: self.environment.now_ms,
        };
        self.output.rebalances.push(rebalance);
    }

    fn note_checked(&mut self, id: &GroupId) {
        let _ = self.soft.checked.insert(id.clone(), self.environment.topics.version());
    }

    /// Begins another epoch where topics that the group reads have changed since it was last looked.
    pub(super) fn bump_if_topics_changed(&mut self, id: &GroupId) {
        if self.soft.checked.get(id) == Some(&self.environment.topics.version()) {
            return;
        }
        self.refresh_regexes(id);
        let group = self.group(id);
        if metadata_hash(group, self.environment.topics) == group.metadata_hash {
            return self.note_checked(id);
        }
        let reason = "topics that the group is subscribed to were created, changed or deleted".to_owned();
        self.bump(id, Trigger { cause: RebalanceCause::TopicsChanged, member: None, reason });
        if self.group(id).has_partition_metadata {
            self.write(records::no_partition_metadata(id));
        }
    }

    /// Resolves a group's regular expressions anew.
    pub(super) fn refresh_regexes(&mut self, id: &GroupId) {
        let regexes: Vec<Arc<str>> = self.group(id).regex_members.keys().cloned().collect();
        for regex in regexes {
            let resolved = self.soft.regexes.resolve(&regex, self.environment);
            let known = self.group(id).regexes.get(&regex);
            if known.is_none_or(|known| known.topics != resolved.topics) {
                self.write(records::regex(id, &regex, &resolved));
            }
        }
    }

    pub(super) fn set_timer(&mut self, key: TimerKey, timeout_ms: i32) {
        self.timers.set(key, self.environment.monotonic_ms + i64::from(timeout_ms.max(0)));
    }

    /// A member was heard of.
    pub(super) fn set_session(&mut self, group: &GroupId, member: &ConsumerMember) {
        let timeout_ms = match &member.classic {
            Some(classic) => classic.session_timeout_ms,
            None => self.session_timeout_ms(group),
        };
        self.set_timer(TimerKey::ConsumerSession(group.clone(), member.id.clone()), timeout_ms);
    }

    /// The same, for whoever is a member by now.
    pub(super) fn hear_of(&mut self, group: &GroupId, member: &MemberId) {
        if let Some(member) = self.member(group, member) {
            self.set_session(group, &member);
        }
    }

    fn session_timeout_ms(&self, group: &GroupId) -> i32 {
        let own = (self.environment.overrides)(group.as_str()).session_timeout_ms;
        own.unwrap_or(self.environment.settings.consumer.session_timeout_ms)
    }

    pub(super) fn heartbeat_interval_ms(&self, group: &GroupId) -> i32 {
        let own = (self.environment.overrides)(group.as_str()).heartbeat_interval_ms;
        own.unwrap_or(self.environment.settings.consumer.heartbeat_interval_ms)
    }

    /// A member that must give up partitions has its rebalance timeout for it.
    pub(super) fn set_rebalance_timer(&mut self, group: &GroupId, member: &ConsumerMember) {
        let key = TimerKey::ConsumerRebalance(group.clone(), member.id.clone());
        if member.state == MemberState::UnrevokedPartitions && !member.is_classic() {
            self.set_timer(key, member.rebalance_timeout_ms);
        } else {
            self.timers.cancel(&key);
        }
    }

    pub(super) fn cancel_timers(&mut self, group: &GroupId, member: &MemberId) {
        let key = || (group.clone(), member.clone());
        let (session, rebalance, join, sync) = (key(), key(), key(), key());
        self.timers.cancel(&TimerKey::ConsumerSession(session.0, session.1));
        self.timers.cancel(&TimerKey::ConsumerRebalance(rebalance.0, rebalance.1));
        self.timers.cancel(&TimerKey::ConsumerJoin(join.0, join.1));
        self.timers.cancel(&TimerKey::ConsumerSync(sync.0, sync.1));
        self.soft.forget_member(group, member);
    }

    /// All timers of a member, from what the records say of it.
    pub(super) fn set_timers(&mut self, group: &GroupId, member: &ConsumerMember) {
        self.set_session(group, member);
        self.set_rebalance_timer(group, member);
    }
}
