//! Offsets that are too old, and groups that nothing is left of (KIP-211).

use super::Shard;
use crate::environment::Environment;
use crate::ids::GroupId;
use crate::offsets::Expired;
use crate::output::Output;
use crate::timers::TimerKey;

impl Shard {
    /// Takes away what has expired, and empty groups with nothing left.
    pub(super) fn expire(&mut self, environment: &mut Environment<'_>, output: &mut Output) {
        let interval_ms = environment.settings.offsets.retention_check_interval_ms;
        self.timers.set(TimerKey::Expiration, environment.monotonic_ms + interval_ms);
        let groups: Vec<GroupId> = self.classic.iter().map(|group| group.id().clone()).collect();
        for group in groups {
            self.expire_group(&group, environment, output);
        }
    }

    /// One group is one decision, so that no batch grows too large.
    fn expire_group(&mut self, group: &GroupId, environment: &mut Environment<'_>, output: &mut Output) {
        let Some(expired) = self.expired(group, environment) else { return };
        let mut records = expired.records;
        if expired.all
            && let Ok(tombstone) = self.classic.delete(group, environment, &mut self.timers, output)
        {
            records.push(tombstone);
        }
        self.append(records, output);
    }

    fn expired(&self, id: &GroupId, environment: &Environment<'_>) -> Option<Expired> {
        let group = self.classic.get(id.as_str())?;
        let offsets = &self.state.offsets;
        if offsets.of_group(id).next().is_none() {
            return Some(Expired { records: Vec::new(), all: !offsets.has_pending(id) });
        }
        let expiry = group.offset_expiry()?;
        let retention_ms = environment.settings.offsets.retention_ms;
        let is_subscribed = |topic: &str| !group.is_empty() && group.is_subscribed_to(topic);
        Some(offsets.expire(id, expiry, &is_subscribed, environment.now_ms, retention_ms))
    }
}
