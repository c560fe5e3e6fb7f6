//! What a step asks of whoever drives it.

use crate::history::Rebalance;
use crate::record::Record;
use crate::request::Reply;

/// Names a request that waits for its reply. Whoever drives the shard gives it out; none is given out twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(pub u64);

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
