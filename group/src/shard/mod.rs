//! Everything in one partition of `__consumer_offsets`.
//!
//! Whoever drives a shard works in turns: any number of steps ([`Shard::handle`], [`Shard::topics_deleted`],
//! [`Shard::on_time`]), after each either [`Shard::stage`] or, when its records cannot be written, [`Shard::undo`]; one append
//! of all records; then [`Shard::commit`] or [`Shard::roll_back`]. Replies go out after that.
//!
//! - `load`: from records to a shard; `requests`: who answers what; `consumer`: steps of consumer groups; `expiration`: what
//!   grows old.

mod consumer;
mod expiration;
mod load;
mod requests;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use medallion_wire::ResponseError;
use medallion_wire::internal_records::{GroupRecordKey, GroupRecordValue};
use medallion_wire::types::Uuid;

use crate::classic::ClassicGroups;
use crate::consumer::{ConsumerGroups, Soft};
use crate::environment::Environment;
use crate::ids::GroupId;
use crate::offsets::Offsets;
use crate::output::Output;
use crate::record::Record;
use crate::timers::{TimerKey, Timers};

/// What survives the coordinator, as of some record.
#[derive(Debug, Clone, Default)]
struct State {
    offsets: Offsets,
    consumer: ConsumerGroups,
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
    classic: ClassicGroups,
    soft: Soft,
    timers: Timers,
}

impl Shard {
    /// Topics, given by id and name, were deleted: so are the offsets that are theirs.
    pub fn topics_deleted(&mut self, topics: &[(Uuid, Arc<str>)], output: &mut Output) {
        let records = self.state.offsets.delete_topics(topics);
        self.append(records, output);
    }

    /// Does what is due.
    pub fn on_time(&mut self, environment: &mut Environment<'_>, output: &mut Output) {
        while let Some(key) = self.timers.take_due(environment.monotonic_ms) {
            match &key {
                TimerKey::Expiration => self.expire(environment, output),
                TimerKey::ClassicSession(..) | TimerKey::ClassicJoin(_) | TimerKey::ClassicSync(_) => {
                    self.classic.on_timer(&key, environment, &mut self.timers, output);
                }
                TimerKey::ConsumerSession(..)
                | TimerKey::ConsumerRebalance(..)
                | TimerKey::ConsumerJoin(..)
                | TimerKey::ConsumerSync(..)
                | TimerKey::ConsumerAssignment(_) => {
                    self.decide(environment, output, |step| step.on_timer(&key));
                }
            }
        }
    }

    /// When something is due next, on the monotonic clock.
    pub fn next_deadline(&self) -> Option<i64> {
        self.timers.next_deadline()
    }

    fn has_group(&self, id: &GroupId) -> bool {
        self.classic.get(id.as_str()).is_some() || self.state.consumer.get(id.as_str()).is_some()
    }

    /// Applies a decision and gives it out to be appended.
    fn append(&mut self, records: Vec<Record>, output: &mut Output) {
        for record in &records {
            self.state.apply(record);
        }
        output.append(records);
    }

    /// The records since the last call can be written.
    pub fn stage(&mut self) {
        self.staged = self.state.clone();
        self.classic.stage();
        self.soft.stage();
    }

    /// The records since the last [`Shard::stage`] cannot be written: what they stood for is taken back. Whoever waits for
    /// something that is no more is answered with `error`.
    pub fn undo(&mut self, error: ResponseError, environment: &mut Environment<'_>, output: &mut Output) {
        self.state = self.staged.clone();
        self.classic.undo(error, environment, &mut self.timers, output);
        self.decide(environment, output, |step| step.take_back(error, false));
    }

    /// All staged records are committed.
    pub fn commit(&mut self) {
        self.committed = self.staged.clone();
        self.classic.commit();
        self.soft.commit();
    }

    /// The append failed: everything since the last [`Shard::commit`] is taken back, as by [`Shard::undo`].
    pub fn roll_back(
        &mut self,
        error: ResponseError,
        environment: &mut Environment<'_>,
        output: &mut Output,
    ) {
        self.state = self.committed.clone();
        self.staged = self.committed.clone();
        self.classic.roll_back(error, environment, &mut self.timers, output);
        self.decide(environment, output, |step| step.take_back(error, true));
    }

    /// The offsets that are committed.
    pub fn offsets(&self) -> &Offsets {
        &self.committed.offsets
    }

    /// The classic groups as they are.
    pub fn classic_groups(&self) -> &ClassicGroups {
        &self.classic
    }

    /// The consumer groups that are committed.
    pub fn consumer_groups(&self) -> &ConsumerGroups {
        &self.committed.consumer
    }

    /// All parts are sound by themselves, every group with offsets is there, and no group is there twice.
    ///
    /// # Panics
    /// Where that is not so.
    pub fn check_invariants(&self) {
        self.state.offsets.check_invariants();
        self.timers.check_invariants();
        self.classic.check_invariants(&self.timers);
        self.state.consumer.check_invariants();
        for group in self.state.offsets.groups() {
            assert!(self.has_group(group), "{group} has offsets and is no group");
        }
        for group in self.state.consumer.iter() {
            assert!(self.classic.get(group.id().as_str()).is_none(), "{} is there twice", group.id());
            for member in group.members() {
                let session = TimerKey::ConsumerSession(group.id().clone(), member.id.clone());
                assert!(self.timers.deadline(&session).is_some(), "{} may be silent for ever", member.id);
            }
        }
    }
}

impl State {
    /// Takes a record that this shard has made. Groups are not changed here: classic ones not by their records while they
    /// run, consumer groups while their records are made.
    fn apply(&mut self, record: &Record) {
        if let GroupRecordKey::OffsetCommit(key) = &record.key {
            let value = match &record.value {
                Some((GroupRecordValue::OffsetCommit(value), _)) => Some(value),
                _ => None,
            };
            self.offsets.apply(key, value, None);
        }
    }
}
