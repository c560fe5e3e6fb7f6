//! From one generation to the next.

use bytes::Bytes;
use medallion_wire::ResponseError;

use super::answers;
use super::group::ClassicGroup;
use super::state::{InitialDelay, Phase};
use super::step::Step;
use crate::history::{MemberClient, Rebalance, RebalanceCause, shortened};
use crate::ids::MemberId;
use crate::timers::TimerKey;

/// Why a group rebalances.
#[derive(Debug)]
pub(super) struct Trigger {
    pub(super) cause: RebalanceCause,
    pub(super) member: Option<MemberId>,
    /// The member's client, where the member is no longer in the group.
    pub(super) client: Option<MemberClient>,
    pub(super) reason: String,
}

impl Trigger {
    /// Because of a member.
    pub(super) fn of(cause: RebalanceCause, member: &MemberId, reason: String) -> Self {
        Self { cause, member: Some(member.clone()), client: None, reason }
    }

    /// Because of a member that was taken out, whose client was this.
    pub(super) fn gone(
        cause: RebalanceCause,
        (member, client): (MemberId, Option<MemberClient>),
        reason: String,
    ) -> Self {
        Self { cause, member: Some(member), client, reason }
    }

    /// Because of no member.
    pub(super) fn of_none(cause: RebalanceCause, reason: String) -> Self {
        Self { cause, member: None, client: None, reason }
    }
}

impl ClassicGroup {
    pub(super) fn join_key(&self) -> TimerKey {
        TimerKey::ClassicJoin(self.group_id())
    }

    pub(super) fn sync_key(&self) -> TimerKey {
        TimerKey::ClassicSync(self.group_id())
    }

    /// Begins a rebalance; or, while one waits for members, ends the wait if everyone has joined.
    pub(super) fn rebalance_or_complete(&mut self, trigger: Trigger, step: &mut Step<'_, '_>) {
        if matches!(self.phase, Phase::Preparing { .. }) {
            self.maybe_complete_join(step);
        } else {
            self.prepare_rebalance(trigger, step);
        }
    }

    /// Begins a rebalance. An empty group waits a moment for more members before its first generation.
    pub(super) fn prepare_rebalance(&mut self, trigger: Trigger, step: &mut Step<'_, '_>) {
        assert!(!matches!(self.phase, Phase::Preparing { .. }), "{} rebalances already", self.id);
        if self.phase == Phase::Completing {
            self.reset_assignments(ResponseError::RebalanceInProgress, step);
        }
        self.pending_sync.clear();
        step.timers.cancel(&self.sync_key());
        let initial = self.is_empty().then(|| self.initial_delay(step));
        self.enter(Phase::Preparing { initial }, step.environment.now_ms);
        self.note(trigger, step);
        match initial {
            Some(initial) => step.set_timer(self.join_key(), initial.delay_ms),
            None if self.have_all_joined() => self.complete_join(step),
            None => step.set_timer(self.join_key(), self.rebalance_timeout_ms()),
        }
    }

    fn initial_delay(&self, step: &Step<'_, '_>) -> InitialDelay {
        let delay_ms = step.environment.settings.classic.initial_rebalance_delay_ms;
        let remaining_ms = self.rebalance_timeout_ms().saturating_sub(delay_ms).max(0);
        InitialDelay { delay_ms, remaining_ms, new_member_added: false }
    }

    fn note(&mut self, trigger: Trigger, step: &mut Step<'_, '_>) {
        let of_member = || self.client_of(trigger.member.as_ref()?.as_str());
        let client = trigger.client.or_else(of_member);
        let rebalance = Rebalance {
            group: self.group_id(),
            generation: self.generation,
            cause: trigger.cause,
            member: trigger.member,
            client,
            reason: shortened(trigger.reason),
            time_ms: step.environment.now_ms,
        };
        step.output.rebalances.push(rebalance);
    }

    /// Ends the wait for members if all are there. The first rebalance of an empty group always waits its time.
    pub(super) fn maybe_complete_join(&mut self, step: &mut Step<'_, '_>) {
        if self.phase == (Phase::Preparing { initial: None }) && self.have_all_joined() {
            self.complete_join(step);
        }
    }

    /// The time to join is over.
    pub(super) fn on_join_timer(&mut self, step: &mut Step<'_, '_>) {
        let Phase::Preparing { initial } = self.phase else { return };
        match initial {
            Some(initial) if initial.new_member_added && initial.remaining_ms > 0 => {
                let again_ms = step.environment.settings.classic.initial_rebalance_delay_ms;
                let delay_ms = again_ms.min(initial.remaining_ms);
                let remaining_ms = initial.remaining_ms.saturating_sub(initial.delay_ms).max(0);
                let initial = InitialDelay { delay_ms, remaining_ms, new_member_added: false };
                self.phase = Phase::Preparing { initial: Some(initial) };
                step.set_timer(self.join_key(), delay_ms);
            }
            _ => self.complete_join(step),
        }
    }

    /// Ends the wait for members: who did not join is out, but for static members. Those who did are the next generation.
    pub(super) fn complete_join(&mut self, step: &mut Step<'_, '_>) {
        step.timers.cancel(&self.join_key());
        self.remove_absent(step);
        if !self.members.is_empty() && !self.elect_leader() {
            return self.wait_again(step);
        }
        self.begin_generation(step.environment.now_ms);
        if self.is_empty() {
            step.output.append(vec![self.to_record()]);
            return;
        }
        for id in self.member_ids() {
            let answer = self.joined(id.as_str());
            self.answer_join(id.as_str(), &answer, step.output);
            let member = self.members.get_mut(&id).expect("it was listed");
            member.is_new = false;
            step.set_session(&self.id, &id, member.session_timeout_ms);
            let _ = self.pending_sync.insert(id);
        }
        step.set_timer(self.sync_key(), self.rebalance_timeout_ms());
    }

    fn remove_absent(&mut self, step: &mut Step<'_, '_>) {
        let absent = self.members.values().filter(|member| !member.is_awaiting_join());
        let dynamic = absent.filter(|member| member.instance_id.is_none());
        let dynamic: Vec<MemberId> = dynamic.map(|member| member.id.clone()).collect();
        for id in dynamic {
            self.remove(id.as_str(), step);
        }
    }

    /// Lets a member that joined lead; whether there is one.
    fn elect_leader(&mut self) -> bool {
        let leader = self.leader.as_ref().and_then(|leader| self.members.get(leader));
        if leader.expect("a group with members has a leader").is_awaiting_join() {
            return true;
        }
        let joined = self.members.values().find(|member| member.is_awaiting_join());
        let Some(joined) = joined.map(|member| member.id.clone()) else { return false };
        self.leader = Some(joined);
        true
    }

    /// Only static members are left and none of them joined: their sessions decide.
    fn wait_again(&mut self, step: &mut Step<'_, '_>) {
        if let Phase::Preparing { initial: Some(initial) } = &mut self.phase {
            initial.remaining_ms = 0; // the next wait is the last
        }
        step.set_timer(self.join_key(), self.rebalance_timeout_ms());
    }

    fn begin_generation(&mut self, now_ms: i64) {
        self.generation = self.generation.wrapping_add(1);
        let phase = if self.members.is_empty() { Phase::Empty } else { Phase::Completing };
        self.protocol_name = (phase == Phase::Completing).then(|| self.select_protocol());
        self.subscribed_topics = self.compute_subscribed_topics();
        self.pending_sync.clear();
        self.enter(phase, now_ms);
    }

    /// Forgets all assignments, and refuses those who wait for theirs.
    pub(super) fn reset_assignments(&mut self, error: ResponseError, step: &mut Step<'_, '_>) {
        for id in self.member_ids() {
            let waited = self.answer_sync(id.as_str(), &answers::sync_refused(error), step.output);
            let member = self.members.get_mut(&id).expect("it was listed");
            member.assignment = Bytes::new();
            if waited {
                step.set_session(&self.id, &id, member.session_timeout_ms);
            }
        }
    }
}
