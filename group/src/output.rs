//! What a step asks of whoever drives it.

use crate::assignor::{Assignor, GroupAssignment, GroupSpec};
use crate::history::Rebalance;
use crate::ids::GroupId;
use crate::record::Record;
use crate::request::Reply;

/// Names a request that waits for its reply. Whoever drives the shard gives it out; none is given out twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(pub u64);

/// Names an assignment that is being computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(pub u64);

/// An assignment that is to be computed, outside of the shard's turn: a value with all that it depends on.
#[derive(Debug, Clone)]
pub struct AssignmentJob {
    /// Its name, for [`Shard::assigned`](crate::Shard::assigned).
    pub id: JobId,
    /// The group.
    pub group: GroupId,
    /// The group epoch that it is for.
    pub epoch: i32,
    /// Who assigns.
    pub assignor: Assignor,
    /// The members and topics.
    pub spec: GroupSpec,
}

impl AssignmentJob {
    /// Computes the assignment.
    pub fn run(&self) -> GroupAssignment {
        self.assignor.assign(&self.spec)
    }
}

/// What came out of one or more steps.
///
/// Records are appended first, each decision as one batch, all in one append. Replies go out in their order once the
/// append is committed; when it failed, all of them are replaced by a retriable error.
#[derive(Debug, Default)]
pub struct Output {
    /// Decisions' records, in order. None is empty.
    pub batches: Vec<Vec<Record>>,
    /// Who is answered what, in order.
    pub replies: Vec<(Token, Reply)>,
    /// Assignments to compute. Whatever comes of the append, [`Shard::assigned`](crate::Shard::assigned) takes their results.
    pub assignments: Vec<AssignmentJob>,
    /// Rebalances that began, in order: for logs and metrics. They hold even where the append fails.
    pub rebalances: Vec<Rebalance>,
}

impl Output {
    /// Notes one decision's records; none is no batch.
    pub fn append(&mut self, records: Vec<Record>) {
        if !records.is_empty() {
            self.batches.push(records);
        }
    }

    /// Notes an answer.
    pub fn reply(&mut self, token: Token, reply: impl Into<Reply>) {
        self.replies.push((token, reply.into()));
    }
}
