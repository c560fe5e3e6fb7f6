//! Offsets that are too old, and groups that nothing is left of (KIP-211).

use super::Shard;
use crate::environment::Environment;
use crate::ids::GroupId;
use crate::offsets::{Expired, OffsetExpiry};
use crate::output::Output;
use crate::timers::TimerKey;

impl Shard {
    /// Takes away what has expired, and empty groups with nothing left.
    pub(super) fn expire(&mut self, environment: &mut Environment<'_>, output: &mut Output) {
        let interval_ms = environment.settings.offsets.retention_check_interval_ms;
        self.timers.set(TimerKey::Expiration, environment.monotonic_ms + interval_ms);
        let classic = self.classic.iter().map(|group| group.id().clone());
        let groups: Vec<GroupId> =
            classic.chain(self.state.consumer.iter().map(|group| group.id().clone())).collect();
        for group in groups {
            self.expire_group(&group, environment, output);
        }
    }

    /// One group is one decision, so that no batch grows too large.
    fn expire_group(&mut self, group: &GroupId, environment: &mut Environment<'_>, output: &mut Output) {
        let Some(expired) = self.expired(group, environment) else { return };
        if expired.all && self.is_deletable(group) {
            let deleted = self.delete_with(group, expired.records, environment, output);
            debug_assert!(deleted.is_ok(), "{group} was without members");
        } else {
            self.append(expired.records, output);
        }
    }

    fn is_deletable(&self, id: &GroupId) -> bool {
        match self.state.consumer.get(id.as_str()) {
            Some(group) => group.is_empty(),
            None => self.classic.get(id.as_str()).is_some_and(|group| group.validate_delete().is_ok()),
        }
    }

    fn expired(&self, id: &GroupId, environment: &Environment<'_>) -> Option<Expired> {
        let offsets = &self.state.offsets;
        if offsets.of_group(id).next().is_none() {
            return Some(Expired { records: Vec::new(), all: !offsets.has_pending(id) });
        }
        let retention_ms = environment.settings.offsets.retention_ms;
        let expire = |expiry, is_subscribed: &dyn Fn(&str) -> bool| {
            offsets.expire(id, expiry, is_subscribed, environment.now_ms, retention_ms)
        };
        if let Some(group) = self.state.consumer.get(id.as_str()) {
            return Some(expire(OffsetExpiry::SinceCommit, &|topic| group.is_subscribed_to(topic)));
        }
        let group = self.classic.get(id.as_str())?;
        let is_subscribed = |topic: &str| !group.is_empty() && group.is_subscribed_to(topic);
        Some(expire(group.offset_expiry()?, &is_subscribed))
    }
}
