//! Groups that change their protocol while they run (KIP-848): a classic group whose first member speaks the consumer
//! protocol, and a consumer group whose last such member goes.

use std::sync::Arc;

use bytes::Bytes;
use medallion_wire::ResponseError;

use super::group::ConsumerGroup;
use super::member::{ClassicPart, ConsumerMember, with_epoch};
use super::records;
use super::step::{Step, refused};
use crate::assignor::Assignment;
use crate::classic::{ClassicGroup, ClassicMember, ClassicParts, MemberParts};
use crate::embedded;
use crate::environment::Topics;
use crate::ids::{GroupId, MemberId};
use crate::request::Refusal;

impl Step<'_, '_> {
    /// A classic group without members makes room for a consumer group.
    pub(super) fn replace_empty_classic(&mut self, id: &GroupId) {
        let upgraded = self.classic.upgrade(id, self.environment, self.timers, self.output);
        let tombstone = upgraded.map(|(_, tombstone)| tombstone);
        self.write_all(tombstone);
    }

    /// A classic group becomes a consumer group, with its members and what they have.
    ///
    /// # Errors
    /// `GROUP_ID_NOT_FOUND` where it cannot; `GROUP_MAX_SIZE_REACHED` where there is no room for the one that comes.
    pub(super) fn upgrade(&mut self, id: &GroupId, joining: &str) -> Result<(), Refusal> {
        let settings = &self.environment.settings.consumer;
        let group = self.classic.get(id.as_str()).expect("the step has looked for the group");
        let cannot = |why: &str| {
            let message = format!("Cannot upgrade classic group {id} to consumer group because {why}.");
            refused(ResponseError::GroupIdNotFound, message)
        };
        if !settings.migration.upgrades() {
            return Err(cannot("online upgrade is disabled"));
        }
        if !group.uses_consumer_protocol() {
            return Err(cannot("the group does not use the consumer embedded protocol"));
        }
        let size = group.members().len();
        if size > settings.members_max {
            return Err(cannot("the group size exceeds the consumer group maximum size"));
        }
        if size == settings.members_max && group.member(joining).is_none() {
            let message = format!(
                "The consumer group has reached its maximum capacity of {} members.",
                settings.members_max
            );
            return Err(refused(ResponseError::GroupMaxSizeReached, message));
        }
        let members =
            upgraded_members(group, self.environment.topics).map_err(|why| cannot(why.message()))?;
        let generation = group.generation();
        let upgraded = self.classic.upgrade(id, self.environment, self.timers, self.output);
        let tombstone = upgraded.map(|(_, tombstone)| tombstone);
        self.write_all(tombstone);
        self.write_upgraded(id, generation, &members);
        Ok(())
    }

    fn write_upgraded(&mut self, id: &GroupId, generation: i32, members: &[(ConsumerMember, Assignment)]) {
        self.write_all(members.iter().map(|(member, _)| records::member(id, member)));
        // With the hash of the topics as they are, so that the upgrade alone changes nobody's assignment.
        let hash = super::metadata_hash::metadata_hash(self.group(id), self.environment.topics);
        self.write(records::epoch(id, generation, hash));
        self.write_all(members.iter().map(|(member, target)| records::target(id, &member.id, target)));
        self.write(records::target_epoch(id, generation, 0));
        self.write_all(members.iter().map(|(member, _)| records::current(id, member)));
        for (member, _) in members {
            self.set_session(id, member);
        }
    }

    /// Whether a group of which some members go may become a classic one.
    pub(super) fn may_downgrade(&self, id: &GroupId, gone: &[Arc<ConsumerMember>]) -> bool {
        let (left, classic) = self.group(id).remaining(gone);
        let settings = self.environment.settings;
        left > 0
            && left == classic
            && settings.consumer.migration.downgrades()
            && left <= settings.classic.members_max
            && gone.iter().any(|member| !member.is_classic())
    }

    /// A consumer group becomes a classic one, without those who go and with who takes a static member's place (the new
    /// member, and the id of the one before). With a reason it rebalances at once.
    pub(super) fn downgrade(
        &mut self,
        id: &GroupId,
        gone: &[Arc<ConsumerMember>],
        joining: Option<(&ConsumerMember, &MemberId)>,
        reason: Option<String>,
    ) {
        let group = self.group(id).clone();
        let classic = downgraded(&group, gone, joining, self.environment.now_ms, self.environment.topics);
        self.write_all(records::no_group(&group));
        for member in group.members.keys() {
            self.cancel_timers(id, member);
        }
        let waiting = self.soft.forget_group(id);
        self.timers.cancel(&crate::timers::TimerKey::ConsumerAssignment(id.clone()));
        if let Some(waiting) = waiting {
            let refusal = Refusal::from(ResponseError::RebalanceInProgress);
            self.output.reply(waiting.token, refusal);
        }
        let record = self.classic.downgrade(classic, reason, self.environment, self.timers, self.output);
        self.write(record);
    }
}

/// Why a classic group cannot become a consumer group.
#[derive(Debug, Clone, Copy)]
enum CannotUpgrade {
    Malformed,
    CustomAssignor,
}

impl CannotUpgrade {
    fn message(self) -> &'static str {
        match self {
            Self::Malformed => "the embedded consumer protocol is malformed",
            Self::CustomAssignor => {
                "an unsupported custom assignor is in use. Please refer to the documentation or switch to a default assignor \
                 before re-attempting the upgrade"
            }
        }
    }
}

/// The members as the consumer protocol has them, each with what it was assigned.
fn upgraded_members(
    group: &ClassicGroup,
    topics: &dyn Topics,
) -> Result<Vec<(ConsumerMember, Assignment)>, CannotUpgrade> {
    let protocol = group.protocol_name().ok_or(CannotUpgrade::Malformed)?;
    let generation = group.generation();
    let upgraded = group.members().map(|member| {
        let target = assigned(member, topics)?;
        let metadata = member.metadata(protocol).ok_or(CannotUpgrade::Malformed)?;
        let subscription = embedded::read_subscription(metadata).ok_or(CannotUpgrade::Malformed)?;
        let mut upgraded = ConsumerMember::new(member.id.clone());
        upgraded.instance_id.clone_from(&member.instance_id);
        upgraded.rack = subscription.rack;
        upgraded.client_id = Arc::clone(&member.client_id);
        upgraded.client_host = Arc::clone(&member.client_host);
        upgraded.topics = Arc::new(subscription.topics.into_iter().collect());
        upgraded.rebalance_timeout_ms = member.rebalance_timeout_ms;
        upgraded.classic = Some(ClassicPart {
            session_timeout_ms: member.session_timeout_ms,
            protocols: member.protocols.clone(),
        });
        (upgraded.epoch, upgraded.previous_epoch) = (generation, generation);
        upgraded.assigned = with_epoch(&target, generation);
        Ok((upgraded, target))
    });
    without_doubles(upgraded.collect::<Result<_, _>>()?)
}

/// What a member was given. In the middle of a rebalance an older assignment may give a partition twice.
fn assigned(member: &ClassicMember, topics: &dyn Topics) -> Result<Assignment, CannotUpgrade> {
    if member.assignment.is_empty() {
        return Ok(Assignment::new());
    }
    let given = embedded::read_assignment(&member.assignment).ok_or(CannotUpgrade::Malformed)?;
    if given.has_user_data {
        return Err(CannotUpgrade::CustomAssignor);
    }
    Ok(embedded::by_id(&given.partitions, topics))
}

fn without_doubles(
    members: Vec<(ConsumerMember, Assignment)>,
) -> Result<Vec<(ConsumerMember, Assignment)>, CannotUpgrade> {
    let mut owners = std::collections::BTreeSet::new();
    let is_sound =
        members.iter().flat_map(|(member, _)| member.held()).all(|partition| owners.insert(partition));
    if is_sound { Ok(members) } else { Err(CannotUpgrade::Malformed) }
}

fn downgraded(
    group: &ConsumerGroup,
    gone: &[Arc<ConsumerMember>],
    joining: Option<(&ConsumerMember, &MemberId)>,
    now_ms: i64,
    topics: &dyn Topics,
) -> ClassicGroup {
    let is_gone = |member: &ConsumerMember| {
        gone.iter().any(|gone| gone.id == member.id)
            || joining.is_some_and(|(new, old)| member.id == *old || member.id == new.id)
    };
    let staying = group.members().filter(|member| !is_gone(member)).chain(joining.map(|(member, _)| member));
    let members: Vec<ClassicMember> = staying.map(classic_member).collect();
    let ids: Vec<MemberId> = members.iter().map(|member| member.id.clone()).collect();
    let parts = ClassicParts { id: group.id.clone(), generation: group.epoch, members, now_ms };
    let mut classic = ClassicGroup::from_parts(parts);
    for id in ids {
        let had = joining.filter(|(member, _)| member.id == id).map_or(&id, |(_, old)| old);
        let target = group.target.get(had).or_else(|| group.target.get(&id)).cloned().unwrap_or_default();
        let version = subscription_version(&classic, &id);
        classic.set_assignment(&id, embedded::write_assignment(&target, version, topics));
    }
    classic
}

fn subscription_version(group: &ClassicGroup, member: &MemberId) -> i16 {
    let protocol = group.protocol_name().unwrap_or_default();
    let metadata = group.member(member.as_str()).and_then(|member| member.metadata(protocol)).cloned();
    embedded::read_subscription(&metadata.unwrap_or_default()).map_or(0, |subscription| subscription.version)
}

fn classic_member(member: &ConsumerMember) -> ClassicMember {
    let classic = member.classic.clone().expect("only members of the classic protocol remain");
    ClassicMember::from(MemberParts {
        id: member.id.clone(),
        instance_id: member.instance_id.clone(),
        client_id: Arc::clone(&member.client_id),
        client_host: Arc::clone(&member.client_host),
        rebalance_timeout_ms: member.rebalance_timeout_ms,
        session_timeout_ms: classic.session_timeout_ms,
        protocols: classic.protocols,
        assignment: Bytes::new(),
    })
}
