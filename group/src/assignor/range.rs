//! Contiguous ranges of each topic. Source: Kafka's `RangeAssignor`.

use std::collections::BTreeMap;

use medallion_wire::TopicId;

use super::{Assignment, GroupAssignment, GroupSpec, MemberSpec};

/// What is left of one topic while members come in their order.
struct Rest {
    /// What each member gets at least.
    quota: i32,
    /// How many members get one more.
    extra: i32,
    next: i32,
}

pub(super) fn assign(spec: &GroupSpec) -> GroupAssignment {
    let mut members: Vec<&MemberSpec> = spec.members.iter().collect();
    // Static members come first, so that they keep their ranges when others come and go.
    members
        .sort_by_key(|member| (member.instance_id.is_none(), member.instance_id.clone(), member.id.clone()));
    let mut rest: BTreeMap<TopicId, Rest> = BTreeMap::new();
    for (id, topic) in &spec.topics {
        let subscribers = members.iter().filter(|member| member.topics.contains(id)).count();
        if let Ok(subscribers @ 1..) = i32::try_from(subscribers) {
            let quota = topic.partitions / subscribers;
            let _ = rest.insert(*id, Rest { quota, extra: topic.partitions % subscribers, next: 0 });
        }
    }
    let assigned = members.into_iter().map(|member| (member.id.clone(), take(member, &mut rest)));
    assigned.collect()
}

fn take(member: &MemberSpec, rest: &mut BTreeMap<TopicId, Rest>) -> Assignment {
    let mut assignment = Assignment::new();
    for topic in member.topics.iter() {
        let Some(left) = rest.get_mut(topic) else { continue };
        let size = left.quota + i32::from(left.extra > 0);
        left.extra -= i32::from(left.extra > 0);
        if size > 0 {
            let _ = assignment.insert(*topic, (left.next..left.next + size).collect());
            left.next += size;
        }
    }
    assignment
}
