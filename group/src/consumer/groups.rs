//! All consumer groups of a shard, as their records say.

use std::sync::Arc;

use imbl::OrdMap;
use medallion_wire::internal_records::{GroupRecordKey, GroupRecordValue};

use super::group::ConsumerGroup;
use super::member::{ConsumerMember, LEAVING_EPOCH};
use super::records;
use crate::ids::{GroupId, MemberId};
use crate::record::Record;

/// The epoch of a target that was taken away.
const NO_TARGET_EPOCH: i32 = -1;

/// The consumer groups of one partition of `__consumer_offsets`: a persistent map, changed by
/// [`ConsumerGroups::apply`] alone. Groups are shared between versions of the map one by one: a node of the map that is copied
/// for a change of one of its groups copies pointers to the others.
#[derive(Debug, Clone, Default)]
pub struct ConsumerGroups {
    groups: OrdMap<GroupId, Arc<ConsumerGroup>>,
}

impl ConsumerGroups {
    /// A group.
    pub fn get(&self, id: &str) -> Option<&ConsumerGroup> {
        self.groups.get(id).map(|group| &**group)
    }

    /// All groups in the order of their ids.
    pub fn iter(&self) -> impl Iterator<Item = &ConsumerGroup> {
        self.groups.values().map(|group| &**group)
    }

    /// Forgets a group that a record of another kind shows to be over.
    pub(crate) fn forget(&mut self, id: &str) {
        let _ = self.groups.remove(id);
    }

    fn change(&mut self, id: &str) -> &mut ConsumerGroup {
        if !self.groups.contains_key(id) {
            let id = GroupId::from(id);
            let _ = self.groups.insert(id.clone(), Arc::new(ConsumerGroup::new(id)));
        }
        Arc::make_mut(self.groups.get_mut(id).expect("it was just made"))
    }

    /// Takes a record, live or from the log; gives the group that it set something of. Records of other things than
    /// consumer groups are not looked at. What a tombstone takes away need not be there.
    pub(crate) fn apply(&mut self, record: &Record) -> Option<GroupId> {
        match &record.value {
            Some((value, _)) => self.set(&record.key, value),
            None => {
                self.take_away(&record.key);
                None
            }
        }
    }

    fn set(&mut self, key: &GroupRecordKey, value: &GroupRecordValue) -> Option<GroupId> {
        use {GroupRecordKey as Key, GroupRecordValue as Value};
        let group = match (key, value) {
            (Key::ConsumerGroupMetadata(key), Value::ConsumerGroupMetadata(value)) => {
                let group = self.change(&key.group_id);
                (group.epoch, group.metadata_hash) = (value.epoch, value.metadata_hash);
                &key.group_id
            }
            (Key::ConsumerGroupPartitionMetadata(key), Value::ConsumerGroupPartitionMetadata(_)) => {
                self.change(&key.group_id).has_partition_metadata = true;
                &key.group_id
            }
            (Key::ConsumerGroupMemberMetadata(key), Value::ConsumerGroupMemberMetadata(value)) => {
                self.change_member(&key.group_id, &key.member_id, |member| member.read_metadata(value));
                &key.group_id
            }
            (
                Key::ConsumerGroupCurrentMemberAssignment(key),
                Value::ConsumerGroupCurrentMemberAssignment(value),
            ) => {
                self.change_member(&key.group_id, &key.member_id, |member| member.read_current(value));
                &key.group_id
            }
            (
                Key::ConsumerGroupTargetAssignmentMetadata(key),
                Value::ConsumerGroupTargetAssignmentMetadata(value),
            ) => {
                let group = self.change(&key.group_id);
                group.assignment_epoch = value.assignment_epoch;
                group.assignment_timestamp_ms = value.assignment_timestamp;
                &key.group_id
            }
            (
                Key::ConsumerGroupTargetAssignmentMember(key),
                Value::ConsumerGroupTargetAssignmentMember(value),
            ) => {
                let target = Arc::new(records::read_target(value));
                let _ =
                    self.change(&key.group_id).target.insert(MemberId::from(key.member_id.as_str()), target);
                &key.group_id
            }
            (Key::ConsumerGroupRegularExpression(key), Value::ConsumerGroupRegularExpression(value)) => {
                let resolved = records::read_regex(value);
                self.change(&key.group_id).set_regex(&key.regular_expression, Some(resolved));
                &key.group_id
            }
            _ => return None,
        };
        Some(GroupId::from(group.as_str()))
    }

    fn change_member(&mut self, group: &str, member: &str, change: impl FnOnce(&mut ConsumerMember)) {
        let group = self.change(group);
        let mut changed = match group.members.get(member) {
            Some(member) => (**member).clone(),
            None => ConsumerMember::new(MemberId::from(member)),
        };
        change(&mut changed);
        group.set_member(changed);
    }

    fn take_away(&mut self, key: &GroupRecordKey) {
        use GroupRecordKey as Key;
        match key {
            Key::ConsumerGroupMetadata(key) => self.forget(&key.group_id),
            Key::ConsumerGroupPartitionMetadata(key) => {
                self.with(&key.group_id, |group| group.has_partition_metadata = false);
            }
            Key::ConsumerGroupMemberMetadata(key) => {
                self.with(&key.group_id, |group| group.remove_member(&key.member_id));
            }
            Key::ConsumerGroupCurrentMemberAssignment(key) => {
                self.with(&key.group_id, |group| reset_member(group, &key.member_id));
            }
            Key::ConsumerGroupTargetAssignmentMetadata(key) => self.with(&key.group_id, |group| {
                (group.assignment_epoch, group.assignment_timestamp_ms) = (NO_TARGET_EPOCH, 0);
            }),
            Key::ConsumerGroupTargetAssignmentMember(key) => self.with(&key.group_id, |group| {
                let _ = group.target.remove(key.member_id.as_str());
            }),
            Key::ConsumerGroupRegularExpression(key) => {
                self.with(&key.group_id, |group| group.set_regex(&key.regular_expression, None));
            }
            _ => {}
        }
    }

    fn with(&mut self, id: &str, change: impl FnOnce(&mut ConsumerGroup)) {
        if let Some(group) = self.groups.get_mut(id) {
            change(Arc::make_mut(group));
        }
    }

    /// All groups are sound.
    ///
    /// # Panics
    /// Where that is not so.
    pub fn check_invariants(&self) {
        for (id, group) in &self.groups {
            assert_eq!(id, group.id());
            group.check_invariants();
        }
    }
}

/// A member that owns nothing any more.
fn reset_member(group: &mut ConsumerGroup, id: &str) {
    let Some(member) = group.members.get(id) else { return };
    let mut member = (**member).clone();
    (member.epoch, member.previous_epoch) = (LEAVING_EPOCH, LEAVING_EPOCH);
    member.assigned.clear();
    member.revoking.clear();
    group.set_member(member);
}
