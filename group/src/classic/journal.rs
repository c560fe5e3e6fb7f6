//! What an append that failed takes back.

use super::group::ClassicGroup;
use super::member::ClassicMember;
use crate::ids::{GroupId, MemberId};

/// A change that a record stands for.
#[derive(Debug)]
pub(super) enum Written {
    /// A group came to be.
    Created(GroupId),
    /// A group was deleted, or changed its protocol.
    Removed(Box<ClassicGroup>),
    /// A group came from the consumer protocol.
    Inserted(GroupId),
    /// A generation has its assignment, which this member brought.
    Assigned { group: GroupId, generation: i32, leader: MemberId },
    /// A static member has another id without a rebalance. `before` is the member as it was.
    Replaced { group: GroupId, before: Box<ClassicMember>, after: MemberId },
}

/// What was written since the last commit, in order.
#[derive(Debug, Default)]
pub(super) struct Journal {
    written: Vec<Written>,
    staged: usize,
}

impl Journal {
    pub(super) fn note(&mut self, written: Written) {
        self.written.push(written);
    }

    pub(super) fn stage(&mut self) {
        self.staged = self.written.len();
    }

    pub(super) fn commit(&mut self) {
        self.written.clear();
        self.staged = 0;
    }

    /// What came after the last stage, the last first.
    pub(super) fn take_unstaged(&mut self) -> Vec<Written> {
        let mut unstaged = self.written.split_off(self.staged);
        unstaged.reverse();
        unstaged
    }

    /// All of it, the last first.
    pub(super) fn take_all(&mut self) -> Vec<Written> {
        self.staged = 0;
        self.take_unstaged()
    }

    /// The group that was removed last, if the last change was a removal.
    pub(super) fn last_removed(&self) -> Option<&ClassicGroup> {
        match self.written.last() {
            Some(Written::Removed(group)) => Some(group),
            _ => None,
        }
    }
}
