//! What one step works with.

use super::journal::Journal;
use crate::environment::Environment;
use crate::ids::{GroupId, MemberId};
use crate::output::Output;
use crate::timers::{TimerKey, Timers};

/// What a group's methods read and write beside the group.
pub(super) struct Step<'a, 'e> {
    pub(super) environment: &'a mut Environment<'e>,
    pub(super) timers: &'a mut Timers,
    pub(super) output: &'a mut Output,
    pub(super) journal: &'a mut Journal,
}

impl Step<'_, '_> {
    pub(super) fn set_timer(&mut self, key: TimerKey, timeout_ms: i32) {
        self.timers.set(key, self.environment.monotonic_ms + i64::from(timeout_ms));
    }

    pub(super) fn set_session(&mut self, group: &GroupId, member: &MemberId, timeout_ms: i32) {
        self.set_timer(TimerKey::ClassicSession(group.clone(), member.clone()), timeout_ms);
    }

    pub(super) fn cancel_session(&mut self, group: &GroupId, member: &MemberId) {
        self.timers.cancel(&TimerKey::ClassicSession(group.clone(), member.clone()));
    }
}
