//! What a coordinator knows of consumer groups that no record holds: assignments under way, who waits for them, and what
//! was last asked and answered.

use std::collections::{BTreeMap, HashMap};

use medallion_wire::messages::ConsumerGroupHeartbeatRequest;

use super::regex::RegexCache;
use crate::ids::{GroupId, MemberId};
use crate::output::{JobId, Token};

/// An assignment that is being computed.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) id: JobId,
    /// The group epoch that it is computed for.
    pub(super) epoch: i32,
    /// Who waits for it: the member whose request began it, unless a timer did.
    pub(super) waiting: Option<Waiting>,
}

/// A request that is answered once an assignment is there.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) token: Token,
    pub(super) member: MemberId,
    pub(super) request: WaitingRequest,
    pub(super) has_subscription_changed: bool,
}

/// Which request waits.
#[derive(Debug)]
pub(super) enum WaitingRequest {
    Heartbeat(Box<ConsumerGroupHeartbeatRequest>),
    Join(Box<super::classic_join::WaitingJoin>),
}

/// What is not in records.
#[derive(Debug, Default)]
pub struct Soft {
    pub(super) running: HashMap<GroupId, Running>,
    /// Until when, by the monotonic clock, no assignment of a group begins whose last one has failed.
    postponed: HashMap<GroupId, i64>,
    last_job: u64,
    /// Jobs that began since the last commit, and how many of them are staged.
    uncommitted: Vec<(GroupId, JobId)>,
    staged: usize,
    /// The version of the metadata that a group's hash was last computed for.
    pub(super) checked: HashMap<GroupId, i64>,
    /// The last heartbeats of members whose answers held an assignment, to answer them alike when they come again. Most
    /// members' do not, and need no place here.
    pub(super) last: HashMap<GroupId, BTreeMap<MemberId, Box<ConsumerGroupHeartbeatRequest>>>,
    pub(super) regexes: RegexCache,
}

impl Soft {
    pub(super) fn next_job(&mut self, group: &GroupId) -> JobId {
        self.last_job += 1;
        let id = JobId(self.last_job);
        self.uncommitted.push((group.clone(), id));
        id
    }

    /// A group's assignment has failed: the next one begins at a time of the monotonic clock.
    pub(super) fn postpone(&mut self, group: &GroupId, until_ms: i64) {
        let _ = self.postponed.insert(group.clone(), until_ms);
    }

    /// How long a group's next assignment is still postponed.
    pub(super) fn postponed_ms(&self, group: &GroupId, monotonic_ms: i64) -> i64 {
        self.postponed.get(group).map_or(0, |until_ms| (until_ms - monotonic_ms).max(0))
    }

    /// A group's next assignment begins.
    pub(super) fn begin(&mut self, group: &GroupId) {
        let _ = self.postponed.remove(group);
    }

    /// Takes a job that has come back; `None` for one that nobody waits for any more.
    pub(super) fn take_job(&mut self, group: &GroupId, id: JobId) -> Option<Running> {
        self.running.get(group).filter(|running| running.id == id)?;
        self.running.remove(group)
    }

    /// Notes a member's heartbeat whose answer holds an assignment.
    pub(super) fn remember(
        &mut self,
        group: &GroupId,
        member: &MemberId,
        request: &ConsumerGroupHeartbeatRequest,
    ) {
        let members = self.last.entry(group.clone()).or_default();
        let _ = members.insert(member.clone(), Box::new(request.clone()));
    }

    /// What was seen of topics may have led to decisions that were taken back: groups look at them again.
    pub(crate) fn look_again(&mut self) {
        self.checked.clear();
    }

    /// Forgets a member's last heartbeat.
    pub(super) fn forget_member(&mut self, group: &GroupId, member: &MemberId) {
        if let Some(members) = self.last.get_mut(group) {
            let _ = members.remove(member);
            if members.is_empty() {
                let _ = self.last.remove(group);
            }
        }
    }

    /// Forgets a group that is over; gives who still waits in it.
    pub(super) fn forget_group(&mut self, group: &GroupId) -> Option<Waiting> {
        let _ = self.checked.remove(group);
        let _ = self.last.remove(group);
        let _ = self.postponed.remove(group);
        self.running.remove(group)?.waiting
    }

    pub(crate) fn stage(&mut self) {
        self.staged = self.uncommitted.len();
    }

    pub(crate) fn commit(&mut self) {
        self.uncommitted.clear();
        self.staged = 0;
    }

    /// What began since the last stage (or, with `all`, since the last commit) is taken back; gives who waits for it.
    pub(super) fn take_back(&mut self, all: bool) -> Vec<Waiting> {
        let begin = if all { 0 } else { self.staged };
        self.staged = self.staged.min(begin);
        let jobs = self.uncommitted.split_off(begin);
        let taken = jobs.into_iter().filter_map(|(group, id)| self.take_job(&group, id)?.waiting).collect();
        self.look_again();
        self.last.clear();
        taken
    }
}
