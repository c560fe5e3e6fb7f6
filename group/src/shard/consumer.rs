//! Steps of consumer groups, and which of a shard's two kinds of groups a request of the classic protocol is for.

use medallion_wire::ResponseError;
use medallion_wire::kafka_protocol::protocol::StrBytes;
use medallion_wire::messages::consumer_group_describe_response::DescribedGroup as DescribedConsumerGroup;
use medallion_wire::messages::describe_groups_response::DescribedGroup;
use medallion_wire::messages::list_groups_response::ListedGroup;
use medallion_wire::messages::{
    ConsumerGroupHeartbeatRequest, HeartbeatRequest, HeartbeatResponse, JoinGroupRequest, LeaveGroupRequest,
    SyncGroupRequest,
};

use super::Shard;
use crate::assignor::GroupAssignment;
use crate::classic::{join_refused, sync_refused};
use crate::consumer::{Step, view};
use crate::environment::Environment;
use crate::ids::GroupId;
use crate::output::{JobId, Output, Token};
use crate::record::Record;
use crate::request::{Caller, Refusal, Reply, is_asked_for, text};

impl Shard {
    /// Makes one decision on consumer groups; its records are one batch.
    pub(super) fn decide<T>(
        &mut self,
        environment: &mut Environment<'_>,
        output: &mut Output,
        work: impl FnOnce(&mut Step<'_, '_>) -> T,
    ) -> T {
        let mut step = Step {
            groups: &mut self.state.consumer,
            soft: &mut self.soft,
            classic: &mut self.classic,
            timers: &mut self.timers,
            environment,
            output,
            records: Vec::new(),
        };
        let outcome = work(&mut step);
        let Step { records, output, .. } = step;
        output.append(records);
        outcome
    }

    /// The same, for a request: a refusal, which `refused` puts into words, takes back what was decided on the way to it, as if
    /// nothing had been seen or begun.
    fn decide_request(
        &mut self,
        token: Token,
        environment: &mut Environment<'_>,
        output: &mut Output,
        work: impl FnOnce(&mut Step<'_, '_>) -> Result<Option<Reply>, Refusal>,
        refused: impl FnOnce(Refusal) -> Reply,
    ) {
        let before = self.state.consumer.clone();
        let rebalances_before = output.rebalances.len();
        let outcome = self.decide(environment, output, |step| {
            let outcome = work(step);
            if outcome.is_err() && !step.records.is_empty() {
                step.records.clear();
                step.output.rebalances.truncate(rebalances_before);
                step.soft.look_again();
            }
            outcome
        });
        match outcome {
            Ok(Some(reply)) => output.reply(token, reply),
            Ok(None) => {}
            Err(refusal) => {
                self.state.consumer = before;
                output.reply(token, refused(refusal));
            }
        }
    }

    /// An assignment has come back from where it was computed; `None` where that failed. One that nobody waits for any more is
    /// dropped.
    pub fn assigned(
        &mut self,
        group: &GroupId,
        job: JobId,
        assignment: Option<&GroupAssignment>,
        environment: &mut Environment<'_>,
        output: &mut Output,
    ) {
        let waiting = self.decide(environment, output, |step| step.assigned(group, job, assignment));
        if let Some(waiting) = waiting {
            let answer = |step: &mut Step<'_, '_>| step.answer_waiting(group, &waiting).map(Some);
            self.decide_request(waiting.token(), environment, output, answer, Reply::from);
        }
        self.decide(environment, output, |step| step.assign_again(group));
    }

    pub(super) fn consumer_heartbeat(
        &mut self,
        token: Token,
        caller: &Caller,
        request: &ConsumerGroupHeartbeatRequest,
        environment: &mut Environment<'_>,
        output: &mut Output,
    ) {
        let beat = |step: &mut Step<'_, '_>| Ok(step.heartbeat(token, caller, request)?.map(Reply::from));
        self.decide_request(token, environment, output, beat, Reply::from);
    }

    /// A consumer group without members becomes a classic one.
    pub(super) fn join(
        &mut self,
        token: Token,
        caller: &Caller,
        request: &JoinGroupRequest,
        environment: &mut Environment<'_>,
        output: &mut Output,
    ) {
        let group = GroupId::from(&request.group_id.0);
        let consumer = self.state.consumer.get(group.as_str());
        if consumer.is_some_and(|group| !group.is_empty()) {
            let join = |step: &mut Step<'_, '_>| Ok(step.join(token, caller, request)?.map(Reply::from));
            let refused = |refusal: Refusal| join_refused(&request.member_id, refusal.error).into();
            return self.decide_request(token, environment, output, join, refused);
        }
        let allowed = {
            let settings = &environment.settings.classic;
            settings.session_timeout_ms_min..=settings.session_timeout_ms_max
        };
        // A join that is refused leaves the group as it is.
        let begins = request.member_id.is_empty() && allowed.contains(&request.session_timeout_ms);
        if consumer.is_some() && begins {
            let deleted = self.decide(environment, output, |step| step.delete(&group));
            debug_assert!(deleted.is_ok(), "{group} was without members");
        }
        self.classic.join(token, caller, request, environment, &mut self.timers, output);
    }

    pub(super) fn sync(
        &mut self,
        token: Token,
        request: &SyncGroupRequest,
        environment: &mut Environment<'_>,
        output: &mut Output,
    ) {
        if self.state.consumer.get(&request.group_id).is_none() {
            return self.classic.sync(token, request, environment, &mut self.timers, output);
        }
        let answer = self.decide(environment, output, |step| step.sync(request));
        output.reply(token, answer.unwrap_or_else(sync_refused));
    }

    pub(super) fn heartbeat(
        &mut self,
        token: Token,
        request: &HeartbeatRequest,
        environment: &mut Environment<'_>,
        output: &mut Output,
    ) {
        if self.state.consumer.get(&request.group_id).is_none() {
            return self.classic.heartbeat(token, request, environment, &mut self.timers, output);
        }
        let outcome = self.decide(environment, output, |step| step.classic_heartbeat(request));
        let code = outcome.err().map_or(0, |error| error.code());
        output.reply(token, HeartbeatResponse::default().with_error_code(code));
    }

    pub(super) fn leave(
        &mut self,
        token: Token,
        request: &LeaveGroupRequest,
        environment: &mut Environment<'_>,
        output: &mut Output,
    ) {
        if self.state.consumer.get(&request.group_id).is_none() {
            return self.classic.leave(token, request, environment, &mut self.timers, output);
        }
        let answer = self.decide(environment, output, |step| step.classic_leave(request));
        output.reply(token, answer);
    }

    /// Describes a classic group; a consumer group is none.
    pub(super) fn describe(&self, id: &GroupId, version: i16) -> DescribedGroup {
        let described = self.classic.describe(id, version);
        if self.state.consumer.get(id.as_str()).is_none() || described.error_code == 0 {
            return described;
        }
        described.with_error_message(Some(text(&format!("Group {id} is not a classic group."))))
    }

    pub(super) fn describe_consumer(
        &self,
        id: &GroupId,
        environment: &Environment<'_>,
    ) -> DescribedConsumerGroup {
        let Some(group) = self.state.consumer.get(id.as_str()) else {
            let message = match self.classic.get(id.as_str()) {
                Some(_) => format!("Group {id} is not a consumer group."),
                None => format!("Group {id} not found."),
            };
            return DescribedConsumerGroup::default()
                .with_group_id(id.to_str_bytes().into())
                .with_error_code(ResponseError::GroupIdNotFound.code())
                .with_error_message(Some(text(&message)));
        };
        let default = environment.settings.consumer.assignors.first().map_or("", String::as_str);
        group.describe(default, environment.topics)
    }

    /// Lists groups of both kinds.
    pub(super) fn list(&self, states: &[StrBytes], types: &[StrBytes]) -> Vec<ListedGroup> {
        let mut listed = self.classic.list(states, types);
        if is_asked_for(types, view::GROUP_TYPE) {
            let groups = self.state.consumer.iter();
            let groups = groups.filter(|group| is_asked_for(states, group.state().as_str()));
            listed.extend(groups.map(crate::consumer::ConsumerGroup::listed));
        }
        listed
    }

    /// Takes a group without members away, in one decision with other records.
    ///
    /// # Errors
    /// `GROUP_ID_NOT_FOUND`, `NON_EMPTY_GROUP`.
    pub(super) fn delete_with(
        &mut self,
        group: &GroupId,
        mut records: Vec<Record>,
        environment: &mut Environment<'_>,
        output: &mut Output,
    ) -> Result<(), ResponseError> {
        if self.state.consumer.get(group.as_str()).is_none() {
            records.push(self.classic.delete(group, environment, &mut self.timers, output)?);
            self.append(records, output);
            return Ok(());
        }
        let offsets = records.clone();
        self.decide(environment, output, |step| {
            step.delete(group)?;
            records.append(&mut step.records);
            step.records = records;
            Ok(())
        })?;
        for record in &offsets {
            self.state.apply(record);
        }
        Ok(())
    }
}
