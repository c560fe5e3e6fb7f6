//! The target: who of a group is to have what. It is computed elsewhere, from a value with all inputs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use medallion_wire::TopicId;

use super::group::ConsumerGroup;
use super::records;
use super::soft::{Running, Waiting};
use super::step::Step;
use crate::assignor::{Assignor, GroupAssignment, GroupSpec, MemberSpec, TopicSpec};
use crate::environment::Topics;
use crate::ids::GroupId;
use crate::output::AssignmentJob;
use crate::timers::TimerKey;

impl Step<'_, '_> {
    /// Whether an assignment may begin: the target is of an older epoch than the group, none is being computed, and the
    /// interval since the last one is over, and the pause after one that failed. Where it is not, a timer is set.
    pub(super) fn may_start(&mut self, id: &GroupId) -> bool {
        let group = self.group(id);
        if group.assignment_epoch >= group.epoch || self.soft.running.contains_key(id) {
            return false;
        }
        let left_ms = self.until_interval(group);
        if left_ms <= 0 {
            return true;
        }
        let deadline_ms = self.environment.monotonic_ms + left_ms;
        self.timers.set(TimerKey::ConsumerAssignment(id.clone()), deadline_ms);
        false
    }

    /// How long the group must wait for its next assignment. A clock that went back does not make it wait longer.
    fn until_interval(&self, group: &ConsumerGroup) -> i64 {
        self.until_interval_is_over(group)
            .max(self.soft.postponed_ms(&group.id, self.environment.monotonic_ms))
    }

    fn until_interval_is_over(&self, group: &ConsumerGroup) -> i64 {
        let own = (self.environment.overrides)(group.id.as_str()).assignment_interval_ms;
        let interval_ms = own.unwrap_or(self.environment.settings.consumer.assignment_interval_ms);
        let since_ms = self.environment.now_ms - group.assignment_timestamp_ms;
        if group.assignment_timestamp_ms == 0 || since_ms < 0 { 0 } else { i64::from(interval_ms) - since_ms }
    }

    /// Gives out a job for the group as it is.
    pub(super) fn start(&mut self, id: &GroupId, waiting: Option<Waiting>) {
        let job = self.soft.next_job(id);
        let group = self.group(id);
        let epoch = group.epoch;
        let named = group.preferred_assignor().and_then(|name| Assignor::from_name(name));
        let assignor = named.or_else(|| self.default_assignor()).unwrap_or(Assignor::Uniform);
        let spec = spec_of(group, self.environment.topics);
        self.timers.cancel(&TimerKey::ConsumerAssignment(id.clone()));
        self.soft.begin(id);
        let _ = self.soft.running.insert(id.clone(), Running { id: job, epoch, waiting });
        self.output.assignments.push(AssignmentJob { id: job, group: id.clone(), epoch, assignor, spec });
    }

    pub(super) fn default_assignor(&self) -> Option<Assignor> {
        self.environment.settings.consumer.assignors.iter().find_map(|name| Assignor::from_name(name))
    }

    /// Writes a target that was computed, unless the group has one that is as new.
    pub(super) fn write_target(&mut self, id: &GroupId, epoch: i32, assignment: &GroupAssignment) {
        let group = self.group(id);
        if epoch <= group.assignment_epoch || epoch > group.epoch {
            return;
        }
        let mut changed = Vec::new();
        for member in group.members.keys() {
            let new = assignment.get(member).cloned().unwrap_or_default();
            if group.target.get(member).is_none_or(|target| **target != new) {
                changed.push(records::target(id, member, &new));
            }
        }
        self.write_all(changed);
        self.write(records::target_epoch(id, epoch, self.environment.now_ms));
    }
}

/// All that an assignor looks at.
fn spec_of(group: &ConsumerGroup, topics: &dyn Topics) -> GroupSpec {
    let mut subscriptions = Subscriptions { group, topics, known: BTreeMap::new() };
    let members: Vec<MemberSpec> = group
        .members
        .values()
        .map(|member| MemberSpec {
            id: member.id.clone(),
            instance_id: member.instance_id.as_ref().map(|instance| Arc::from(instance.as_str())),
            rack: member.rack.clone(),
            topics: subscriptions.of(member),
            assigned: (*group.target_of(member.id.as_str())).clone(),
        })
        .collect();
    let ids: BTreeSet<TopicId> = subscriptions.known.values().flat_map(|ids| ids.iter().copied()).collect();
    let topics = ids.into_iter().filter_map(|id| Some((id, topic_spec(id, topics)?))).collect();
    GroupSpec { members, topics }
}

/// Members that say the same share one set of ids.
struct Subscriptions<'a> {
    group: &'a ConsumerGroup,
    topics: &'a dyn Topics,
    known: BTreeMap<(super::member::TopicNames, Arc<str>), Arc<BTreeSet<TopicId>>>,
}

impl Subscriptions<'_> {
    fn of(&mut self, member: &super::member::ConsumerMember) -> Arc<BTreeSet<TopicId>> {
        let key = (Arc::clone(&member.topics), Arc::clone(&member.regex));
        let ids =
            self.known.entry(key).or_insert_with(|| Arc::new(self.group.subscribed_ids(member, self.topics)));
        Arc::clone(ids)
    }
}

fn topic_spec(id: TopicId, topics: &dyn Topics) -> Option<TopicSpec> {
    let topic = topics.by_id(id)?;
    let racks: Vec<Vec<Arc<str>>> =
        (0..topic.partitions).map(|partition| topics.racks(id, partition)).collect();
    let has_racks = racks.iter().any(|racks| !racks.is_empty());
    Some(TopicSpec { partitions: topic.partitions, racks: if has_racks { racks } else { Vec::new() } })
}
