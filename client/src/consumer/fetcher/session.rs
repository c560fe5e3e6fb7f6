//! A fetch session with one broker (KIP-227): only what has changed since the last request is sent.

use std::collections::BTreeMap;
use std::sync::Arc;

use medallion_wire::{LeaderEpoch, Offset, TopicId, TopicPartition};

/// The epoch of a request that names all partitions, and asks for a session.
const FULL: i32 = 0;

/// What is asked of one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) topic_id: TopicId,
    pub(crate) offset: Offset,
    /// The epoch of the leader that we know, which a broker compares with its own.
    pub(crate) current_leader_epoch: LeaderEpoch,
    /// What the answer may have of it.
    pub(crate) bytes_max: usize,
    /// Which of the partition's lives the request belongs to; no part of the request.
    pub(super) version: u64,
}

impl Asked {
    /// Whether both are the same on the wire.
    fn is_same(&self, other: &Self) -> bool {
        Self { version: 0, ..*self } == Self { version: 0, ..*other }
    }
}

/// What goes into a request.
#[derive(Debug, Clone, Default)]
pub(crate) struct SessionRequest {
    pub(crate) session_id: i32,
    pub(crate) session_epoch: i32,
    /// Partitions that are new in the session or asked differently.
    pub(crate) partitions: Vec<(TopicPartition, Asked)>,
    /// Partitions that are not wanted any more.
    pub(crate) forgotten: Vec<(TopicPartition, TopicId)>,
    /// The names of all topics in the session: an answer has ids alone.
    pub(crate) names: BTreeMap<TopicId, Arc<str>>,
    /// Whether every topic's id is known, without which an old version has to do.
    pub(crate) has_ids: bool,
}

/// The session.
#[derive(Debug, Default)]
pub(super) struct Session {
    id: i32,
    epoch: i32,
    has_ids: bool,
    /// What the broker was asked for last, as a whole.
    asked: BTreeMap<TopicPartition, Asked>,
}

impl Session {
    /// What was asked of a partition in the last request.
    pub(super) fn asked(&self, partition: &TopicPartition) -> Option<Asked> {
        self.asked.get(partition).copied()
    }

    /// The id, where the broker keeps a session.
    pub(super) fn id(&self) -> Option<i32> {
        Some(self.id).filter(|id| *id != 0)
    }

    /// Makes the next request, for all of `wanted` and nothing else.
    pub(super) fn request(&mut self, wanted: BTreeMap<TopicPartition, Asked>) -> SessionRequest {
        let has_ids = wanted.values().all(|asked| !asked.topic_id.is_none());
        if has_ids != self.has_ids {
            // A session has either ids or names. The id goes along, so that the broker closes the old session.
            self.epoch = FULL;
        }
        let mut request = SessionRequest {
            session_id: self.id,
            session_epoch: self.epoch,
            has_ids,
            ..SessionRequest::default()
        };
        for (partition, asked) in &wanted {
            request.names.insert(asked.topic_id, Arc::clone(&partition.topic));
            let before = self.asked.get(partition).filter(|_| self.epoch != FULL);
            if let Some(before) = before.filter(|before| before.topic_id != asked.topic_id) {
                request.forgotten.push((partition.clone(), before.topic_id));
            }
            if !before.is_some_and(|before| before.is_same(asked)) {
                request.partitions.push((partition.clone(), *asked));
            }
        }
        if self.epoch != FULL {
            let gone = self.asked.iter().filter(|(partition, _)| !wanted.contains_key(*partition));
            request.forgotten.extend(gone.map(|(partition, asked)| (partition.clone(), asked.topic_id)));
        }
        self.has_ids = has_ids;
        self.asked = wanted;
        request
    }

    /// The broker has answered, and keeps the session `id`, or none (0).
    pub(super) fn answered(&mut self, id: i32) {
        self.epoch = match self.epoch {
            _ if id == 0 => FULL,
            i32::MAX => 1,
            epoch => epoch + 1,
        };
        self.id = id;
    }

    /// Whether the broker took the last request is not known: the next one begins anew, and closes this session.
    pub(super) fn failed(&mut self) {
        self.epoch = FULL;
    }

    /// The broker does not know the session.
    pub(super) fn lost(&mut self) {
        (self.id, self.epoch) = (0, FULL);
    }
}
