//! What members of all groups have, and when groups have settled.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::Notify;

/// A member by its number, which no other has.
pub(crate) type MemberNumber = usize;

/// What one member has.
#[derive(Debug, Clone, Default)]
pub(crate) struct Has {
    /// Its generation or member epoch.
    pub(crate) epoch: i32,
    /// How many partitions.
    pub(crate) partitions: usize,
}

/// What is seen of one group.
#[derive(Debug, Default)]
struct Group {
    /// How many members it is to have, together with how many partitions, in an epoch after which.
    members: usize,
    partitions: usize,
    after_epoch: i32,
    has: HashMap<MemberNumber, Has>,
    epochs: BTreeMap<i32, usize>,
    sum: usize,
}

impl Group {
    fn take(&mut self, member: MemberNumber) {
        let Some(before) = self.has.remove(&member) else { return };
        self.sum -= before.partitions;
        if let Some(count) = self.epochs.get_mut(&before.epoch) {
            *count -= 1;
            if *count == 0 {
                let _ = self.epochs.remove(&before.epoch);
            }
        }
    }

    fn put(&mut self, member: MemberNumber, has: Has) {
        self.take(member);
        self.sum += has.partitions;
        *self.epochs.entry(has.epoch).or_default() += 1;
        let _ = self.has.insert(member, has);
    }

    fn is_settled(&self) -> bool {
        self.has.len() == self.members
            && self.sum == self.partitions
            && self.epochs.len() == 1
            && self.epochs.first_key_value().is_some_and(|(epoch, _)| *epoch > self.after_epoch)
    }
}

/// Counts of what happened since they were last asked for.
#[derive(Debug, Clone, Copy, Default, serde::Serialize)]
pub(crate) struct Counts {
    pub(crate) requests: u64,
    /// Requests that were refused in a way that a client does not expect, and connections that were lost.
    pub(crate) troubles: u64,
}

#[derive(Debug, Default)]
struct Inside {
    groups: HashMap<String, Group>,
    settled: usize,
    /// Since when all groups are settled.
    settled_at: Option<Instant>,
    counts: Counts,
    first_trouble: Option<String>,
}

/// The board that all members write to.
#[derive(Debug, Default)]
pub(crate) struct Board {
    inside: Mutex<Inside>,
    all_settled: Notify,
}

impl Board {
    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says what a group is to come to: so many members more (or less), with so many partitions, in a later epoch.
    pub(crate) fn expect(&self, group: &str, more_members: isize, partitions: usize) {
        self.change(group, |group| {
            group.members = group.members.saturating_add_signed(more_members);
            group.partitions = partitions;
            group.after_epoch = group.epochs.last_key_value().map_or(0, |(epoch, _)| *epoch);
        });
    }

    /// A member has something.
    pub(crate) fn put(&self, group: &str, member: MemberNumber, has: Has) {
        self.change(group, |group| group.put(member, has));
    }

    /// A member has left.
    pub(crate) fn take(&self, group: &str, member: MemberNumber) {
        self.change(group, |group| group.take(member));
    }

    fn change(&self, group: &str, change: impl FnOnce(&mut Group)) {
        let mut inside = self.inside();
        if !inside.groups.contains_key(group) {
            let _ = inside.groups.insert(group.to_owned(), Group::default());
        }
        let of = inside.groups.get_mut(group).expect("it was put there");
        let before = of.is_settled();
        change(of);
        let after = of.is_settled();
        inside.settled = inside.settled + usize::from(after) - usize::from(before);
        if inside.settled < inside.groups.len() {
            inside.settled_at = None;
        } else if inside.settled_at.is_none() {
            inside.settled_at = Some(Instant::now());
            self.all_settled.notify_waiters();
        }
    }

    /// Forgets a group.
    pub(crate) fn forget(&self, group: &str) {
        let mut inside = self.inside();
        if let Some(group) = inside.groups.remove(group) {
            inside.settled -= usize::from(group.is_settled());
        }
    }

    /// Waits until all groups have settled; gives when the last of them did.
    pub(crate) async fn all_settled(&self) -> Instant {
        loop {
            let notified = self.all_settled.notified();
            let settled_at = self.inside().settled_at;
            if let Some(at) = settled_at {
                return at;
            }
            notified.await;
        }
    }

    /// Where groups stand, for who waits in vain.
    pub(crate) fn describe(&self) -> String {
        let inside = self.inside();
        let open = inside.groups.iter().find(|(_, group)| !group.is_settled());
        let open = open.map(|(name, group)| {
            format!(
                "{name}: {} of {} members, {} of {} partitions, members by epoch {:?}",
                group.has.len(),
                group.members,
                group.sum,
                group.partitions,
                group.epochs
            )
        });
        format!("{} of {} groups have settled; {open:?}", inside.settled, inside.groups.len())
    }

    /// The last member that has partitions.
    pub(crate) fn last_with_partitions(&self, group: &str) -> Option<MemberNumber> {
        let inside = self.inside();
        let has = inside.groups.get(group)?.has.iter().filter(|(_, has)| has.partitions > 0);
        has.map(|(number, _)| *number).max()
    }

    pub(crate) fn count_request(&self) {
        self.inside().counts.requests += 1;
    }

    pub(crate) fn trouble(&self, what: impl FnOnce() -> String) {
        let mut inside = self.inside();
        inside.counts.troubles += 1;
        let _ = inside.first_trouble.get_or_insert_with(what);
    }

    /// The counts since the last call, and the first trouble in words.
    pub(crate) fn take_counts(&self) -> (Counts, Option<String>) {
        let mut inside = self.inside();
        (std::mem::take(&mut inside.counts), inside.first_trouble.take())
    }
}
