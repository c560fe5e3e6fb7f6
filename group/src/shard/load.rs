//! From the records of a log to a shard.

use medallion_wire::ProducerId;
use medallion_wire::internal_records::group::{
    LegacyOffsetCommitKey, LegacyOffsetCommitValue, OffsetCommitKey, OffsetCommitValue,
};
use medallion_wire::internal_records::{GroupRecordKey, GroupRecordValue};

use super::Shard;
use crate::environment::Environment;
use crate::ids::GroupId;
use crate::offsets::TransactionEnd;
use crate::output::Output;
use crate::record::Record;
use crate::timers::TimerKey;

impl Shard {
    /// Takes a record of the log, before the shard serves. `producer` is set within a transaction. Records of groups that are
    /// not served (share and streams groups) stay in the log and are not looked at.
    pub fn load(&mut self, record: &Record, producer: Option<ProducerId>) {
        let value = record.value.as_ref().map(|(value, _)| value);
        match (&record.key, value) {
            (GroupRecordKey::OffsetCommit(key), None) => self.state.offsets.apply(key, None, producer),
            (GroupRecordKey::OffsetCommit(key), Some(GroupRecordValue::OffsetCommit(value))) => {
                self.state.offsets.apply(key, Some(value), producer);
            }
            (GroupRecordKey::LegacyOffsetCommit(key), None) => {
                self.state.offsets.apply(&newer_key(key), None, producer);
            }
            (GroupRecordKey::LegacyOffsetCommit(key), Some(GroupRecordValue::LegacyOffsetCommit(value))) => {
                self.state.offsets.apply(&newer_key(key), Some(&newer_value(value)), producer);
            }
            (GroupRecordKey::GroupMetadata(key), None) => {
                self.classic.load(GroupId::from(key.group.as_str()), None);
            }
            (GroupRecordKey::GroupMetadata(key), Some(GroupRecordValue::GroupMetadata(value))) => {
                self.state.consumer.forget(&key.group);
                self.classic.load(GroupId::from(key.group.as_str()), Some(value));
            }
            _ => {
                if let Some(group) = self.state.consumer.apply(record) {
                    self.classic.load(group, None);
                }
            }
        }
    }

    /// Takes the end of a producer's transaction from the log, before the shard serves.
    pub fn load_end(&mut self, producer: ProducerId, end: TransactionEnd) {
        self.state.offsets.end_transaction(producer, end);
    }

    /// All records were loaded: the shard serves from now on.
    pub fn loaded(&mut self, environment: &mut Environment<'_>, output: &mut Output) {
        let with_offsets: Vec<GroupId> = self.state.offsets.groups_with_pending().cloned().collect();
        for group in with_offsets.iter().filter(|group| self.state.consumer.get(group.as_str()).is_none()) {
            self.classic.create(group, environment.now_ms);
        }
        self.classic.loaded(environment, &mut self.timers, output);
        self.decide(environment, output, |step| step.loaded());
        self.timers.set(
            TimerKey::Expiration,
            environment.monotonic_ms + environment.settings.offsets.retention_check_interval_ms,
        );
        self.stage();
        self.commit();
    }
}

fn newer_key(key: &LegacyOffsetCommitKey) -> OffsetCommitKey {
    OffsetCommitKey { group: key.group.clone(), topic: key.topic.clone(), partition: key.partition }
}

fn newer_value(value: &LegacyOffsetCommitValue) -> OffsetCommitValue {
    OffsetCommitValue {
        offset: value.offset,
        leader_epoch: -1,
        metadata: value.metadata.clone(),
        commit_timestamp: value.commit_timestamp,
        expire_timestamp: -1,
        ..OffsetCommitValue::default()
    }
}
