//! Everything in one partition of `__consumer_offsets`.
//!
//! Whoever drives a shard works in turns: any number of [`Shard::handle`] and [`Shard::on_time`], after each either
//! [`Shard::stage`] or, when its records cannot be written, [`Shard::undo`]; one append of all records; then
//! [`Shard::commit`] or [`Shard::roll_back`]. Replies go out after that.

use std::sync::Arc;

use medallion_wire::internal_records::{GroupRecordKey, GroupRecordValue};
use medallion_wire::messages as m;
use medallion_wire::messages::offset_fetch_request::OffsetFetchRequestGroup;
use medallion_wire::types::Uuid;
use medallion_wire::{ProducerId, ResponseError};

use crate::environment::Environment;
use crate::offsets::{Offsets, TransactionEnd};
use crate::output::{Output, Token};
use crate::record::Record;
use crate::request::{Caller, Reply, Request};
use crate::timers::{TimerKey, Timers};

/// What survives the coordinator, as of some record.
#[derive(Debug, Clone, Default)]
struct State {
    offsets: Offsets,
}

/// The groups and offsets of one partition.
#[derive(Debug, Default)]
pub struct Shard {
    /// As of the last record that was made.
    state: State,
    /// As of the last record that can be written.
    staged: State,
    /// As of the last record that is committed.
    committed: State,
    timers: Timers,
}

impl Shard {
    /// Takes a record of the log, before the shard serves. `producer` is set within a transaction.
    pub fn load(&mut self, record: &Record, producer: Option<ProducerId>) {
        self.state.apply(record, producer);
    }

    /// Takes the end of a producer's transaction from the log, before the shard serves.
    pub fn load_end(&mut self, producer: ProducerId, end: TransactionEnd) {
        self.state.offsets.end_transaction(producer, end);
    }

    /// All records were loaded: the shard serves from now on.
    pub fn loaded(&mut self, environment: &mut Environment<'_>) {
        self.staged = self.state.clone();
        self.committed = self.state.clone();
        self.timers.set(
            TimerKey::Expiration,
            environment.monotonic_ms + environment.settings.offsets.retention_check_interval_ms,
        );
    }

    /// Takes a request. Its reply comes out now, or out of a later step.
    pub fn handle(
        &mut self,
        token: Token,
        caller: &Caller,
        request: Request,
        environment: &mut Environment<'_>,
        output: &mut Output,
    ) {
        let reply = match request {
            Request::OffsetCommit(request) => self.commit_offsets(caller, &request, environment, output),
            Request::OffsetFetch { group, require_stable } => {
                Ok(self.fetch_offsets(&group, require_stable).into())
            }
            Request::OffsetDelete(request) => Ok(self.delete_offsets(&request, output).into()),
            _ => Err(ResponseError::CoordinatorNotAvailable),
        };
        output.reply(token, reply.unwrap_or_else(|error| Reply::Refused(error.into())));
    }

    fn commit_offsets(
        &mut self,
        _caller: &Caller,
        request: &m::OffsetCommitRequest,
        environment: &Environment<'_>,
        output: &mut Output,
    ) -> Result<Reply, ResponseError> {
        let (records, response) = Offsets::commit(request, environment, &|_, _, _| Ok(()))?;
        self.append(records, output);
        Ok(response.into())
    }

    fn fetch_offsets(
        &self,
        group: &OffsetFetchRequestGroup,
        require_stable: bool,
    ) -> m::offset_fetch_response::OffsetFetchResponseGroup {
        self.state.offsets.fetch(group, require_stable)
    }

    fn delete_offsets(
        &mut self,
        request: &m::OffsetDeleteRequest,
        output: &mut Output,
    ) -> m::OffsetDeleteResponse {
        let (records, response) = self.state.offsets.delete(request, &|_| false);
        self.append(records, output);
        response
    }

    /// Topics, given by id and name, were deleted: so are the offsets that are theirs.
    pub fn topics_deleted(&mut self, topics: &[(Uuid, Arc<str>)], output: &mut Output) {
        let records = self.state.offsets.delete_topics(topics);
        self.append(records, output);
    }

    /// Does what is due.
    pub fn on_time(&mut self, environment: &mut Environment<'_>, _output: &mut Output) {
        while let Some(key) = self.timers.take_due(environment.monotonic_ms) {
            if key == TimerKey::Expiration {
                let interval_ms = environment.settings.offsets.retention_check_interval_ms;
                self.timers.set(key, environment.monotonic_ms + interval_ms);
            }
        }
    }

    /// When something is due next, on the monotonic clock.
    pub fn next_deadline(&self) -> Option<i64> {
        self.timers.next_deadline()
    }

    /// Applies a decision and gives it out to be appended.
    fn append(&mut self, records: Vec<Record>, output: &mut Output) {
        for record in &records {
            self.state.apply(record, None);
        }
        output.append(records);
    }

    /// The records since the last call can be written.
    pub fn stage(&mut self) {
        self.staged = self.state.clone();
    }

    /// The records since the last [`Shard::stage`] cannot be written, and are forgotten.
    pub fn undo(&mut self) {
        self.state = self.staged.clone();
    }

    /// All staged records are committed.
    pub fn commit(&mut self) {
        self.committed = self.staged.clone();
    }

    /// The append failed: everything since the last [`Shard::commit`] is forgotten.
    pub fn roll_back(&mut self) {
        self.state = self.committed.clone();
        self.staged = self.committed.clone();
    }

    /// What is committed.
    pub fn offsets(&self) -> &Offsets {
        &self.committed.offsets
    }
}

impl State {
    fn apply(&mut self, record: &Record, producer: Option<ProducerId>) {
        let value = record.value.as_ref().map(|(value, _)| value);
        if let GroupRecordKey::OffsetCommit(key) = &record.key {
            let value = match value {
                Some(GroupRecordValue::OffsetCommit(value)) => Some(value),
                _ => None,
            };
            self.offsets.apply(key, value, producer);
        }
    }
}
