//! The ends of steps that are not requests: assignments that come back, failed appends, loading, deletion.

use medallion_wire::ResponseError;

use super::group::ConsumerGroup;
use super::records;
use super::soft::{Waiting, WaitingRequest};
use super::step::Step;
use crate::assignor::GroupAssignment;
use crate::ids::GroupId;
use crate::output::JobId;
use crate::record::Record;
use crate::request::{Refusal, Reply};

/// After an assignor has failed it is not asked again for so long.
const RETRY_MS: i64 = 5_000;

impl Step<'_, '_> {
    /// An assignment has come back: it becomes the target. Without one, because the assignor failed, the target stays as it is
    /// and is computed again after a while. Who waits for it is given back, to be answered by [`Step::answer_waiting`] as a
    /// decision of its own.
    pub(crate) fn assigned(
        &mut self,
        id: &GroupId,
        job: JobId,
        assignment: Option<&GroupAssignment>,
    ) -> Option<WaitingMember> {
        let running = self.soft.take_job(id, job)?;
        if self.groups.get(id.as_str()).is_some() {
            match assignment {
                Some(assignment) => self.write_target(id, running.epoch, assignment),
                None => self.soft.postpone(id, self.environment.monotonic_ms + RETRY_MS),
            }
        }
        running.waiting.map(WaitingMember)
    }

    /// Answers who waited for an assignment.
    ///
    /// # Errors
    /// Kafka's: the member may be gone meanwhile.
    pub(crate) fn answer_waiting(
        &mut self,
        group: &GroupId,
        waiting: &WaitingMember,
    ) -> Result<Reply, Refusal> {
        let Waiting { member, request, has_subscription_changed, .. } = &waiting.0;
        if self.groups.get(group.as_str()).is_none() {
            return Err(ResponseError::RebalanceInProgress.into());
        }
        match request {
            WaitingRequest::Heartbeat(request) => {
                self.finish_heartbeat(group, member, request, *has_subscription_changed).map(Reply::from)
            }
            WaitingRequest::Join(join) => {
                self.finish_join(group, member, join, *has_subscription_changed).map(Reply::from)
            }
        }
    }

    /// Begins the next assignment where the target is stale: the group has changed while the last one was computed, or its
    /// interval is over.
    pub(crate) fn assign_again(&mut self, id: &GroupId) {
        let is_wanted = self.groups.get(id.as_str()).is_some_and(|group| !group.is_empty());
        if is_wanted && self.may_start(id) {
            self.start(id, None);
        }
    }

    /// What was decided since the last stage, or with `all` since the last commit, is taken back: the groups are what they
    /// were. Who waits is answered with `error`; timers are set anew where they are missing.
    pub(crate) fn take_back(&mut self, error: ResponseError, all: bool) {
        for waiting in self.soft.take_back(all) {
            self.output.reply(waiting.token, Refusal::from(error));
        }
        self.set_missing_timers();
    }

    /// All records were loaded: members' sessions begin anew.
    pub(crate) fn loaded(&mut self) {
        self.set_missing_timers();
    }

    fn set_missing_timers(&mut self) {
        let groups: Vec<ConsumerGroup> = self.groups.iter().cloned().collect();
        for group in groups {
            for member in group.members() {
                let key = crate::timers::TimerKey::ConsumerSession(group.id.clone(), member.id.clone());
                if self.timers.deadline(&key).is_none() {
                    self.set_timers(&group.id, member);
                }
            }
        }
    }

    /// Takes a group away that has no members.
    ///
    /// # Errors
    /// `NON_EMPTY_GROUP`.
    pub(crate) fn delete(&mut self, id: &GroupId) -> Result<(), ResponseError> {
        let group = self.groups.get(id.as_str()).ok_or(ResponseError::GroupIdNotFound)?;
        if !group.is_empty() {
            return Err(ResponseError::NonEmptyGroup);
        }
        let tombstones: Vec<Record> = records::no_group(group);
        self.write_all(tombstones);
        self.timers.cancel(&crate::timers::TimerKey::ConsumerAssignment(id.clone()));
        let _ = self.soft.forget_group(id);
        Ok(())
    }
}

/// A member whose request waits for an assignment that has come back.
#[derive(Debug)]
pub(crate) struct WaitingMember(Waiting);

impl WaitingMember {
    /// The request.
    pub(crate) fn token(&self) -> crate::output::Token {
        self.0.token
    }
}
