//! What is due when: any number of timers, each with a key that can be set anew or cancelled.

use std::collections::{BTreeSet, HashMap};

use crate::ids::{GroupId, MemberId};

/// What a timer is for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TimerKey {
    /// A member of a classic group is removed unless it is heard of.
    ClassicSession(GroupId, MemberId),
    /// The time to join a classic group's next generation is over.
    ClassicJoin(GroupId),
    /// The time for members of a classic group to ask for their assignment is over.
    ClassicSync(GroupId),
    /// A member of a consumer group is removed unless it is heard of.
    ConsumerSession(GroupId, MemberId),
    /// A member of a consumer group must have given up its partitions.
    ConsumerRebalance(GroupId, MemberId),
    /// A member that speaks the classic protocol in a consumer group must have joined again.
    ConsumerJoin(GroupId, MemberId),
    /// A member that speaks the classic protocol in a consumer group must have asked for its assignment.
    ConsumerSync(GroupId, MemberId),
    /// A consumer group may be assigned anew.
    ConsumerAssignment(GroupId),
    /// Old offsets and empty groups are looked for.
    Expiration,
}

/// All timers of a shard. Times are of the monotonic clock.
#[derive(Debug, Default)]
pub struct Timers {
    deadlines: HashMap<TimerKey, i64>,
    order: BTreeSet<(i64, TimerKey)>,
}

impl Timers {
    /// Sets a timer, or sets it anew.
    pub fn set(&mut self, key: TimerKey, deadline_ms: i64) {
        let mut timer = (deadline_ms, key);
        match self.deadlines.get_mut(&timer.1) {
            Some(before) if *before == deadline_ms => return,
            Some(before) => {
                timer.0 = std::mem::replace(before, deadline_ms);
                let _ = self.order.remove(&timer);
                timer.0 = deadline_ms;
            }
            None => drop(self.deadlines.insert(timer.1.clone(), deadline_ms)),
        }
        let _ = self.order.insert(timer);
    }

    /// Cancels a timer, if it is set.
    pub fn cancel(&mut self, key: &TimerKey) {
        if let Some(deadline) = self.deadlines.remove(key) {
            let _ = self.order.remove(&(deadline, key.clone()));
        }
    }

    /// When a timer is due.
    pub fn deadline(&self, key: &TimerKey) -> Option<i64> {
        self.deadlines.get(key).copied()
    }

    /// When the next one is due.
    pub fn next_deadline(&self) -> Option<i64> {
        self.order.first().map(|(deadline, _)| *deadline)
    }

    /// Takes the first timer that is due, earliest first.
    pub fn take_due(&mut self, monotonic_ms: i64) -> Option<TimerKey> {
        if self.next_deadline()? > monotonic_ms {
            return None;
        }
        let (_, key) = self.order.pop_first()?;
        let _ = self.deadlines.remove(&key);
        Some(key)
    }

    /// Both views hold the same timers.
    pub fn check_invariants(&self) {
        assert_eq!(self.deadlines.len(), self.order.len());
        for (deadline, key) in &self.order {
            assert_eq!(self.deadlines.get(key), Some(deadline), "{key:?}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_are_taken_in_their_order_and_once() {
        let mut timers = Timers::default();
        let (join, sync) = (TimerKey::ClassicJoin("g".into()), TimerKey::ClassicSync("g".into()));
        timers.set(join.clone(), 20);
        timers.set(sync.clone(), 10);
        timers.set(TimerKey::Expiration, 5);
        timers.cancel(&TimerKey::Expiration);
        timers.set(sync.clone(), 30);
        timers.check_invariants();
        assert_eq!(timers.next_deadline(), Some(20));
        assert_eq!(timers.take_due(19), None);
        assert_eq!(timers.take_due(40), Some(join));
        assert_eq!(timers.take_due(40), Some(sync));
        assert_eq!(timers.take_due(40), None);
        timers.check_invariants();
    }
}
