//! All classic groups of a shard: the way in.

use std::collections::BTreeMap;

use medallion_wire::ResponseError;
use medallion_wire::internal_records::group::GroupMetadataValue;
use medallion_wire::kafka_protocol::protocol::StrBytes;
use medallion_wire::messages::describe_groups_response::DescribedGroup;
use medallion_wire::messages::list_groups_response::ListedGroup;
use medallion_wire::messages::{
    HeartbeatRequest, HeartbeatResponse, JoinGroupRequest, LeaveGroupRequest, SyncGroupRequest,
};

use super::answers::{join_refused, sync_refused};
use super::commit::Commit;
use super::group::ClassicGroup;
use super::join::Joining;
use super::journal::{Journal, Written};
use super::rebalance::Trigger;
use super::step::Step;
use super::{describe, records};
use crate::environment::Environment;
use crate::history::RebalanceCause;
use crate::ids::GroupId;
use crate::output::{Output, Token};
use crate::record::Record;
use crate::request::{Caller, Refusal, Reply, is_asked_for};
use crate::timers::{TimerKey, Timers};

/// The classic groups of one partition of `__consumer_offsets`.
///
/// Who drives it works in turns, see [`Shard`](crate::Shard): after each step [`ClassicGroups::stage`] or
/// [`ClassicGroups::undo`], at the end [`ClassicGroups::commit`] or [`ClassicGroups::roll_back`].
#[derive(Debug, Default)]
pub struct ClassicGroups {
    groups: BTreeMap<GroupId, ClassicGroup>,
    journal: Journal,
}

impl ClassicGroups {
    /// Takes a `JoinGroup`. Its reply comes out now, or when the next generation begins.
    pub fn join(
        &mut self,
        token: Token,
        caller: &Caller,
        request: &JoinGroupRequest,
        environment: &mut Environment<'_>,
        timers: &mut Timers,
        output: &mut Output,
    ) {
        let settings = &environment.settings.classic;
        let allowed = settings.session_timeout_ms_min..=settings.session_timeout_ms_max;
        if !allowed.contains(&request.session_timeout_ms) {
            let error = ResponseError::InvalidSessionTimeout;
            return output.reply(token, join_refused(&request.member_id, error));
        }
        let id = GroupId::from(&request.group_id.0);
        let is_new = !self.groups.contains_key(&id);
        if is_new && !request.member_id.is_empty() {
            return output.reply(token, join_refused(&request.member_id, ResponseError::UnknownMemberId));
        }
        self.create(&id, environment.now_ms);
        let mut step = Step { environment, timers, output, journal: &mut self.journal };
        let group = self.groups.get_mut(&id).expect("it was created");
        group.join(Joining { token, caller, request }, &mut step);
        if is_new {
            let record = records::created(group);
            step.output.append(vec![record]);
        }
    }

    /// Takes a `SyncGroup`. Its reply comes out now, or when the leader has brought the assignment.
    pub fn sync(
        &mut self,
        token: Token,
        request: &SyncGroupRequest,
        environment: &mut Environment<'_>,
        timers: &mut Timers,
        output: &mut Output,
    ) {
        let Some(group) = self.groups.get_mut(request.group_id.as_str()) else {
            return output.reply(token, sync_refused(ResponseError::UnknownMemberId));
        };
        let mut step = Step { environment, timers, output, journal: &mut self.journal };
        group.sync(token, request, &mut step);
    }

    /// Takes a `Heartbeat`.
    pub fn heartbeat(
        &mut self,
        token: Token,
        request: &HeartbeatRequest,
        environment: &mut Environment<'_>,
        timers: &mut Timers,
        output: &mut Output,
    ) {
        let mut step = Step { environment, timers, output, journal: &mut self.journal };
        let outcome = match self.groups.get(request.group_id.as_str()) {
            Some(group) => group.heartbeat(request, &mut step),
            None => Err(ResponseError::UnknownMemberId),
        };
        let code = outcome.err().map_or(0, |error| error.code());
        output.reply(token, HeartbeatResponse::default().with_error_code(code));
    }

    /// Takes a `LeaveGroup`, whose members must be in its list whatever its version.
    pub fn leave(
        &mut self,
        token: Token,
        request: &LeaveGroupRequest,
        environment: &mut Environment<'_>,
        timers: &mut Timers,
        output: &mut Output,
    ) {
        let Some(group) = self.groups.get_mut(request.group_id.as_str()) else {
            let refusal = Refusal::from(ResponseError::UnknownMemberId);
            return output.reply(token, Reply::Refused(refusal));
        };
        let mut step = Step { environment, timers, output, journal: &mut self.journal };
        let response = group.leave(request, &mut step);
        output.reply(token, response);
    }

    /// Takes a timer that is due. Those of other things than classic groups are not looked at.
    pub fn on_timer(
        &mut self,
        key: &TimerKey,
        environment: &mut Environment<'_>,
        timers: &mut Timers,
        output: &mut Output,
    ) {
        let mut step = Step { environment, timers, output, journal: &mut self.journal };
        let (TimerKey::ClassicSession(id, _) | TimerKey::ClassicJoin(id) | TimerKey::ClassicSync(id)) = key
        else {
            return;
        };
        let Some(group) = self.groups.get_mut(id) else { return };
        match key {
            TimerKey::ClassicSession(_, member) => group.on_session_timer(member, &mut step),
            TimerKey::ClassicJoin(_) => group.on_join_timer(&mut step),
            _ => group.on_sync_timer(&mut step),
        }
    }

    /// A group.
    pub fn get(&self, id: &str) -> Option<&ClassicGroup> {
        self.groups.get(id)
    }

    /// All groups in the order of their ids.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &ClassicGroup> {
        self.groups.values()
    }

    /// Makes a group without members, if there is none: one that has offsets only.
    pub fn create(&mut self, id: &GroupId, now_ms: i64) {
        if !self.groups.contains_key(id) {
            let _ = self.groups.insert(id.clone(), ClassicGroup::new(id.clone(), now_ms));
            self.journal.note(Written::Created(id.clone()));
        }
    }

    /// Checks who commits offsets to a group that is not of the consumer protocol; a group that is not there is made for
    /// who is no member. The commit of a member counts as a heartbeat.
    ///
    /// # Errors
    /// Kafka's, see [`ClassicGroup::validate_commit`]; without a group that of the request's version.
    pub fn validate_commit(
        &mut self,
        id: &GroupId,
        commit: &Commit<'_>,
        environment: &Environment<'_>,
        timers: &mut Timers,
    ) -> Result<(), ResponseError> {
        if let Some(error) = commit.without_group().filter(|_| !self.groups.contains_key(id)) {
            return Err(error);
        }
        self.create(id, environment.now_ms);
        let group = self.groups.get(id).expect("it was created");
        group.validate_commit(commit)?;
        if let Some(member) = group.member(commit.member_id).filter(|_| group.is_heartbeat(commit)) {
            let key = TimerKey::ClassicSession(id.clone(), member.id.clone());
            timers.set(key, environment.monotonic_ms + i64::from(member.session_timeout_ms));
        }
        Ok(())
    }

    /// Describes a group, or that there is none, as the version of the request has it.
    pub fn describe(&self, id: &GroupId, version: i16) -> DescribedGroup {
        match self.groups.get(id) {
            Some(group) => group.describe(),
            None => describe::describe_missing(id, version),
        }
    }

    /// Lists groups in some states and of some types, all where none is named. Upper and lower case are the same.
    pub fn list(&self, states: &[StrBytes], types: &[StrBytes]) -> Vec<ListedGroup> {
        if !is_asked_for(types, describe::GROUP_TYPE) {
            return Vec::new();
        }
        let groups = self.groups.values();
        groups
            .filter(|group| is_asked_for(states, group.state().as_str()))
            .map(ClassicGroup::listed)
            .collect()
    }

    /// Deletes a group that has no members. The record that takes it away is given back, for the caller to append beside
    /// those of its offsets.
    ///
    /// # Errors
    /// `GROUP_ID_NOT_FOUND`, `NON_EMPTY_GROUP`.
    pub fn delete(
        &mut self,
        id: &GroupId,
        environment: &mut Environment<'_>,
        timers: &mut Timers,
        output: &mut Output,
    ) -> Result<Record, ResponseError> {
        self.groups.get(id).ok_or(ResponseError::GroupIdNotFound)?.validate_delete()?;
        let _ = self.take(id, ResponseError::CoordinatorNotAvailable, environment, timers, output);
        Ok(records::tombstone(id))
    }

    /// Takes a group out that changes to the consumer protocol, to be looked at until the next step. Whoever waits in it
    /// must join again. The caller appends the tombstone.
    pub fn upgrade(
        &mut self,
        id: &GroupId,
        environment: &mut Environment<'_>,
        timers: &mut Timers,
        output: &mut Output,
    ) -> Option<(&ClassicGroup, Record)> {
        let group = self.take(id, ResponseError::RebalanceInProgress, environment, timers, output)?;
        Some((group, records::tombstone(id)))
    }

    fn take(
        &mut self,
        id: &GroupId,
        error: ResponseError,
        environment: &mut Environment<'_>,
        timers: &mut Timers,
        output: &mut Output,
    ) -> Option<&ClassicGroup> {
        let mut group = self.groups.remove(id)?;
        group.refuse_waiting(error, output);
        let mut step = Step { environment, timers, output, journal: &mut self.journal };
        group.cancel_timers(&mut step);
        self.journal.note(Written::Removed(Box::new(group)));
        self.journal.last_removed()
    }

    /// Takes in a group that was of the consumer protocol. Its record is given back, for the caller to append behind the
    /// tombstones of what it was. With a reason it rebalances at once.
    ///
    /// # Panics
    /// When there is a group with this id.
    pub fn downgrade(
        &mut self,
        group: ClassicGroup,
        reason: Option<String>,
        environment: &mut Environment<'_>,
        timers: &mut Timers,
        output: &mut Output,
    ) -> Record {
        let record = group.to_record();
        let id = group.group_id();
        assert!(!self.groups.contains_key(&id), "group {id} is there twice");
        let group = self.groups.entry(id.clone()).or_insert(group);
        self.journal.note(Written::Inserted(id));
        let mut step = Step { environment, timers, output, journal: &mut self.journal };
        group.set_timers(&mut step);
        if let Some(reason) = reason {
            let trigger = Trigger::of_none(RebalanceCause::Downgraded, reason);
            group.prepare_rebalance(trigger, &mut step);
        }
        record
    }

    /// Takes a record of the log, before the shard serves; a tombstone takes the group away.
    pub fn load(&mut self, id: GroupId, value: Option<&GroupMetadataValue>) {
        match value {
            Some(value) => {
                let group = ClassicGroup::from_record(id.clone(), value);
                let _ = self.groups.insert(id, group);
            }
            None => drop(self.groups.remove(&id)),
        }
    }

    /// All records were loaded: members' sessions begin anew, and groups that are too large rebalance.
    pub fn loaded(&mut self, environment: &mut Environment<'_>, timers: &mut Timers, output: &mut Output) {
        self.journal.commit();
        let members_max = environment.settings.classic.members_max;
        let mut step = Step { environment, timers, output, journal: &mut self.journal };
        for group in self.groups.values_mut() {
            group.set_timers(&mut step);
            if group.members.len() > members_max {
                let reason = format!(
                    "Freshly-loaded group {} (size {}) is over capacity {members_max}. Rebalancing in order to give a \
                     chance for consumers to commit offsets",
                    group.id,
                    group.members.len()
                );
                let trigger = Trigger::of_none(RebalanceCause::OverCapacity, reason);
                group.prepare_rebalance(trigger, &mut step);
            }
        }
    }

    /// The shard moves to another broker: whoever waits is told to look for it.
    pub fn unload(&mut self, output: &mut Output) {
        for group in self.groups.values_mut() {
            group.refuse_waiting(ResponseError::NotCoordinator, output);
        }
        self.groups.clear();
        self.journal.commit();
    }

    /// The records since the last call can be written.
    pub fn stage(&mut self) {
        self.journal.stage();
    }

    /// All staged records are committed.
    pub fn commit(&mut self) {
        self.journal.commit();
    }

    /// The records since the last [`ClassicGroups::stage`] cannot be written. What they stood for is taken back: see
    /// [`ClassicGroups::roll_back`].
    pub fn undo(
        &mut self,
        error: ResponseError,
        environment: &mut Environment<'_>,
        timers: &mut Timers,
        output: &mut Output,
    ) {
        let written = self.journal.take_unstaged();
        self.take_back(written, error, environment, timers, output);
    }

    /// The append failed. Generations that were to be stored are over, and their groups rebalance; static members that were
    /// replaced have their former ids; groups that were deleted or changed their protocol are there again. Timers are set to
    /// match. No records come out, only answers with `error` for those who waited in groups that are no more.
    pub fn roll_back(
        &mut self,
        error: ResponseError,
        environment: &mut Environment<'_>,
        timers: &mut Timers,
        output: &mut Output,
    ) {
        let written = self.journal.take_all();
        self.take_back(written, error, environment, timers, output);
    }

    fn take_back(
        &mut self,
        written: Vec<Written>,
        error: ResponseError,
        environment: &mut Environment<'_>,
        timers: &mut Timers,
        output: &mut Output,
    ) {
        let batches_before = output.batches.len();
        let mut step = Step { environment, timers, output, journal: &mut self.journal };
        for written in written {
            take_back_one(&mut self.groups, written, error, &mut step);
        }
        assert_eq!(output.batches.len(), batches_before, "taking back makes no records");
    }

    /// Every group's books balance, and what must not wait for ever has a timer.
    ///
    /// # Panics
    /// Where that is not so.
    pub fn check_invariants(&self, timers: &Timers) {
        for (id, group) in &self.groups {
            assert_eq!(id, group.id());
            group.check_invariants(timers);
        }
    }
}

fn take_back_one(
    groups: &mut BTreeMap<GroupId, ClassicGroup>,
    written: Written,
    error: ResponseError,
    step: &mut Step<'_, '_>,
) {
    match written {
        Written::Created(id) => {
            if groups.get(&id).is_some_and(ClassicGroup::is_simple) {
                drop(groups.remove(&id));
            }
        }
        Written::Inserted(id) => give_up(groups.remove(&id), error, step),
        Written::Removed(group) => {
            give_up(groups.remove(group.id()), error, step);
            group.set_timers(step);
            let _ = groups.insert(group.group_id(), *group);
        }
        Written::Assigned { group, generation, leader } => {
            if let Some(group) = groups.get_mut(&group) {
                group.undo_assignment(generation, &leader, error, step);
            }
        }
        Written::Replaced { group, before, after } => {
            if let Some(group) = groups.get_mut(&group) {
                group.undo_replacement(*before, &after, step);
            }
        }
    }
}

/// A group that should not have come to be.
fn give_up(group: Option<ClassicGroup>, error: ResponseError, step: &mut Step<'_, '_>) {
    if let Some(mut group) = group {
        group.refuse_waiting(error, step.output);
        group.cancel_timers(step);
    }
}
