//! Changes of one partition: its replicas, its ISR and its leader.
//!
//! The rules are those of Kafka's `PartitionChangeBuilder`: a reassignment that is done is completed, the eligible
//! leader replicas follow the ISR (KIP-966), the leader is elected from what is left, and the record holds only what
//! differs.

use std::collections::BTreeMap;

use medallion_wire::types::{PartitionIndex, TopicId, Uuid};

use crate::controller::image::brokers::{MIGRATING_DIRECTORY, UNASSIGNED_DIRECTORY};
use crate::controller::image::{LeaderRecoveryState, MetadataImage, NO_LEADER, PartitionRegistration};
use crate::controller::records::PartitionChangeRecord;

/// The record's "leader" field when the leader stays.
const NO_LEADER_CHANGE: i32 = -2;

/// Who may be elected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Election {
    /// The first replica when it can, else as `Online`.
    Preferred,
    /// The present leader when it can, else the first replica in sync.
    Online,
    /// As `Online`, else any live replica, with loss.
    Unclean,
}

/// Brokers whose standing differs from what the image says while a change is computed.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct BrokerStanding {
    /// A broker about to go: not acceptable as a leader.
    pub(crate) leaving: Option<i32>,
    /// A broker about to be unfenced: acceptable though still fenced.
    pub(crate) joining: Option<i32>,
    /// A broker that died without a clean shutdown: out of the ISR and the ELR.
    pub(crate) unclean: Option<i32>,
}

/// A change of one partition in the making.
#[derive(Debug)]
pub(crate) struct PartitionChange<'a> {
    image: &'a MetadataImage,
    partition: &'a PartitionRegistration,
    standing: BrokerStanding,
    min_isr: usize,
    election: Election,
    isr: Vec<i32>,
    replicas: Vec<i32>,
    removing: Vec<i32>,
    adding: Vec<i32>,
    elr: Vec<i32>,
    directories: BTreeMap<i32, Uuid>,
    recovery_state: LeaderRecoveryState,
}

impl<'a> PartitionChange<'a> {
    /// No change yet.
    pub(crate) fn new(
        image: &'a MetadataImage,
        partition: &'a PartitionRegistration,
        min_isr: usize,
    ) -> Self {
        let directories =
            partition.replicas.iter().copied().zip(partition.directories.iter().copied()).collect();
        Self {
            image,
            partition,
            standing: BrokerStanding::default(),
            min_isr,
            election: Election::Online,
            isr: partition.isr.clone(),
            replicas: partition.replicas.clone(),
            removing: partition.removing_replicas.clone(),
            adding: partition.adding_replicas.clone(),
            elr: partition.elr.clone(),
            directories,
            recovery_state: partition.leader_recovery_state,
        }
    }

    /// Sets who may be elected.
    #[must_use]
    pub(crate) fn election(mut self, election: Election) -> Self {
        self.election = election;
        self
    }

    /// Sets the brokers that come or go; those that go leave the ISR.
    #[must_use]
    pub(crate) fn standing(mut self, standing: BrokerStanding) -> Self {
        self.standing = standing;
        self.isr.retain(|replica| Some(*replica) != standing.leaving && Some(*replica) != standing.unclean);
        self
    }

    /// Sets the ISR.
    #[must_use]
    pub(crate) fn isr(mut self, isr: Vec<i32>) -> Self {
        self.isr = isr;
        self
    }

    /// Sets the replicas and those on their way in and out.
    #[must_use]
    pub(crate) fn assignment(mut self, replicas: Vec<i32>, adding: Vec<i32>, removing: Vec<i32>) -> Self {
        self.replicas = replicas;
        self.adding = adding;
        self.removing = removing;
        self
    }

    /// Sets the directory of one replica.
    #[must_use]
    pub(crate) fn directory(mut self, broker: i32, directory: Uuid) -> Self {
        self.directories.insert(broker, directory);
        self
    }

    /// Sets whether the leader has recovered.
    #[must_use]
    pub(crate) fn recovery_state(mut self, state: LeaderRecoveryState) -> Self {
        self.recovery_state = state;
        self
    }

    /// The record of the change; `None` when there is none.
    pub(crate) fn build(
        mut self,
        topic: TopicId,
        partition: PartitionIndex,
    ) -> Option<PartitionChangeRecord> {
        let mut record = PartitionChangeRecord {
            topic_id: topic.0,
            partition_id: partition.get(),
            ..PartitionChangeRecord::default()
        };
        let nothing = record.clone();
        self.complete_reassignment();
        self.derive_elr();
        self.elect(&mut record);
        if record.leader == NO_LEADER_CHANGE && !contains_all(&self.replicas, &self.partition.replicas) {
            record.leader = self.partition.leader; // raises the leader epoch: a replica is gone
        }
        self.put_elr(&mut record);
        let may_set_isr = !self.isr.is_empty() || self.elr_enabled();
        if record.isr.is_none() && may_set_isr && self.isr != self.partition.isr {
            record.isr = Some(self.isr.clone());
        }
        self.put_last_known_leader(&mut record);
        self.put_assignment(&mut record);
        if self.recovery_state != self.partition.leader_recovery_state {
            record.leader_recovery_state = self.recovery_state.code();
        }
        (record != nothing).then_some(record)
    }

    fn elr_enabled(&self) -> bool {
        self.image.features.is_elr_enabled()
    }

    fn is_acceptable(&self, replica: i32) -> bool {
        let excluded = Some(replica) == self.standing.leaving || Some(replica) == self.standing.unclean;
        if excluded || !(Some(replica) == self.standing.joining || self.image.is_active(replica)) {
            return false;
        }
        let directory = self.partition.directory(replica).unwrap_or(UNASSIGNED_DIRECTORY);
        self.image.brokers.get(&replica).is_some_and(|broker| broker.has_online_directory(directory))
    }

    fn is_valid_leader(&self, replica: i32) -> bool {
        let in_sync = self.isr.contains(&replica) || (self.isr.is_empty() && self.elr.contains(&replica));
        in_sync && self.is_acceptable(replica)
    }

    /// The leader to be, and whether its election is unclean.
    fn pick_leader(&self) -> (i32, bool) {
        let preferred = match self.election {
            Election::Preferred => self.replicas.first().copied(),
            Election::Online | Election::Unclean => None,
        };
        let candidates =
            preferred.into_iter().chain([self.partition.leader]).chain(self.replicas.iter().copied());
        if let Some(clean) = candidates.into_iter().find(|replica| self.is_valid_leader(*replica)) {
            return (clean, false);
        }
        if self.may_elect_last_known_leader() {
            return (self.partition.last_known_elr[0], true);
        }
        let unclean = self.replicas.iter().copied().find(|replica| self.is_acceptable(*replica));
        match (self.election, unclean) {
            (Election::Unclean, Some(replica)) => (replica, true),
            _ => (NO_LEADER, false),
        }
    }

    /// KIP-966's balanced recovery: with nobody in sync or eligible, the last leader may lead again.
    fn may_elect_last_known_leader(&self) -> bool {
        self.elr_enabled()
            && self.elr.is_empty()
            && self.isr.is_empty()
            && matches!(self.partition.last_known_elr.as_slice(), [last] if self.is_acceptable(*last))
    }

    fn elect(&mut self, record: &mut PartitionChangeRecord) {
        let (leader, unclean) = self.pick_leader();
        if leader == self.partition.leader {
            return;
        }
        if self.elr.contains(&leader) {
            self.isr = vec![leader];
            self.elr.retain(|replica| *replica != leader);
        }
        record.leader = leader;
        if unclean {
            record.isr = Some(vec![leader]);
            if self.partition.leader_recovery_state != LeaderRecoveryState::Recovering {
                record.leader_recovery_state = LeaderRecoveryState::Recovering.code();
            }
        }
    }

    fn complete_reassignment(&mut self) {
        if self.removing.is_empty() && self.adding.is_empty() {
            return;
        }
        let stays = |replica: &&i32| !self.removing.contains(replica);
        let isr: Vec<i32> = self.isr.iter().filter(stays).copied().collect();
        let replicas: Vec<i32> = self.replicas.iter().filter(stays).copied().collect();
        let somebody_is_left = self.removing.is_empty() || !(replicas.is_empty() || isr.is_empty());
        // Who was there before may lag, unless replicas become fewer.
        let shrinks = self.adding.len() < self.removing.len();
        let in_sync = contains_all(&isr, &self.adding) && (!shrinks || contains_all(&isr, &replicas));
        let done = somebody_is_left && in_sync;
        if done {
            self.isr = isr;
            self.replicas = replicas;
            self.removing.clear();
            self.adding.clear();
        }
    }

    fn derive_elr(&mut self) {
        if !self.elr_enabled() {
            return;
        }
        if self.isr.len() >= self.min_isr {
            self.elr.clear();
            return;
        }
        let mut candidates: Vec<i32> = self.elr.iter().chain(&self.partition.isr).copied().collect();
        candidates.sort_unstable();
        candidates.dedup();
        candidates.retain(|replica| !self.isr.contains(replica) && Some(*replica) != self.standing.unclean);
        self.elr = candidates;
    }

    fn put_elr(&mut self, record: &mut PartitionChangeRecord) {
        let clean = record.isr.is_none();
        if !clean || !self.elr_enabled() {
            self.elr.clear();
        }
        if self.elr != self.partition.elr {
            record.eligible_leader_replicas = Some(self.elr.clone());
        }
    }

    fn put_last_known_leader(&self, record: &mut PartitionChangeRecord) {
        if !self.elr_enabled() {
            return;
        }
        let is_known = !self.partition.last_known_elr.is_empty();
        if record.leader == NO_LEADER && !is_known {
            record.last_known_elr = Some(vec![self.partition.leader]);
        } else if record.leader >= 0 && is_known {
            record.last_known_elr = Some(Vec::new());
        }
    }

    fn put_assignment(&self, record: &mut PartitionChangeRecord) {
        if !self.replicas.is_empty() {
            let directories: Vec<Uuid> =
                self.replicas.iter().map(|replica| self.directory_of(*replica)).collect();
            if directories != self.partition.directories
                && crate::controller::records::has_directories(self.image)
            {
                record.directories = Some(directories);
            }
            if self.replicas != self.partition.replicas {
                record.replicas = Some(self.replicas.clone());
            }
        }
        if self.removing != self.partition.removing_replicas {
            record.removing_replicas = Some(self.removing.clone());
        }
        if self.adding != self.partition.adding_replicas {
            record.adding_replicas = Some(self.adding.clone());
        }
    }

    fn directory_of(&self, replica: i32) -> Uuid {
        let default = || self.image.brokers.get(&replica).map(|broker| broker.default_directory());
        self.directories.get(&replica).copied().or_else(default).unwrap_or(MIGRATING_DIRECTORY)
    }
}

fn contains_all(all: &[i32], some: &[i32]) -> bool {
    some.iter().all(|replica| all.contains(replica))
}
