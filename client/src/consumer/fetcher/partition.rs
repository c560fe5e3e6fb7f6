//! What is known of one assigned partition.

use std::collections::VecDeque;

use medallion_wire::{BrokerId, LeaderEpoch, TopicId};
use tokio::time::Instant;

use super::super::position::{Place, Position};
use super::event::{Content, Item, Watermarks};
use crate::error::Error;

/// What a partition needs.
#[derive(Debug, Clone)]
pub(super) enum Phase {
    /// The position that its group has committed has to be asked for.
    Committed,
    /// Its position has to be asked for.
    Place(Place),
    /// Whether the records before its position are still the leader's has to be asked (KIP-320).
    Validate,
    /// It can be fetched and polled.
    Ready,
    /// It stands until the user seeks. The error is told again and again: a partition does not stop in silence.
    Stopped(Error),
}

/// Who leads a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Leader {
    pub(super) id: BrokerId,
    pub(super) epoch: LeaderEpoch,
}

/// One assigned partition. Its version changes when what is under way for it becomes worthless.
#[derive(Debug)]
pub(super) struct Partition {
    pub(super) version: u64,
    pub(super) phase: Phase,
    /// Behind what was polled.
    pub(super) position: Position,
    /// Behind what was polled before the last poll: the user is done with that.
    pub(super) done: Option<Position>,
    /// What was committed last.
    pub(super) committed: Option<Position>,
    /// Behind what was fetched.
    pub(super) fetched: Position,
    pub(super) is_paused: bool,
    /// Whether it was assigned by a group.
    pub(super) is_of_group: bool,
    /// Whether it is about to be taken away: nothing of it is handed out any more.
    pub(super) is_frozen: bool,
    pub(super) topic_id: TopicId,
    pub(super) leader: Option<Leader>,
    /// The replica to read from instead of the leader, and until when (KIP-392).
    pub(super) preferred: Option<(BrokerId, Instant)>,
    /// What waits to be polled, from `position` to `fetched`.
    pub(super) items: VecDeque<Item>,
    /// Of these, and of those that are out to be decoded.
    pub(super) bytes: usize,
    /// Of those that are out alone.
    pub(super) leased_bytes: usize,
    /// Since when nothing is fetched because so much waits to be polled.
    pub(super) full_since: Option<Instant>,
    /// Whether its first items are out to be decoded.
    pub(super) is_leased: bool,
    pub(super) is_queued: bool,
    /// Whether the last item is broken, behind which nothing can be fetched.
    pub(super) is_broken: bool,
    /// Whether a question on its offsets is under way.
    pub(super) is_asked: bool,
    pub(super) watermarks: Watermarks,
    pub(super) failures: u32,
    pub(super) not_before: Option<Instant>,
    /// Whether the user was told that it does not exist.
    pub(super) is_reported: bool,
}

impl Partition {
    pub(super) fn new(version: u64, phase: Phase) -> Self {
        Self {
            version,
            phase,
            position: Position::from(0),
            done: None,
            committed: None,
            fetched: Position::from(0),
            is_paused: false,
            is_of_group: false,
            is_frozen: false,
            topic_id: TopicId::default(),
            leader: None,
            preferred: None,
            items: VecDeque::new(),
            bytes: 0,
            leased_bytes: 0,
            full_since: None,
            is_leased: false,
            is_queued: false,
            is_broken: false,
            is_asked: false,
            watermarks: Watermarks::default(),
            failures: 0,
            not_before: None,
            is_reported: false,
        }
    }

    pub(super) fn is_ready(&self) -> bool {
        matches!(self.phase, Phase::Ready)
    }

    /// Whether nothing of it is to be fetched or handed out.
    pub(super) fn is_held(&self) -> bool {
        self.is_paused || self.is_frozen
    }

    /// Whether less than `bytes_max` waits to be polled. Unless `counts_first`, the batch that is polled just now does not count: the
    /// next one is to be there when it ends.
    pub(super) fn has_room(&self, bytes_max: usize, counts_first: bool) -> bool {
        let first = self.items.front().filter(|_| !counts_first);
        self.bytes - first.map_or(0, |item| item.bytes) < bytes_max.max(1)
    }

    /// Whether the rest of a batch that was polled in part comes first.
    pub(super) fn begins_with_rest(&self) -> bool {
        matches!(self.items.front(), Some(Item { content: Content::Open(_), .. }))
    }

    /// Whether its leader is still in the epoch in which it was asked.
    pub(super) fn is_led_in(&self, epoch: LeaderEpoch) -> bool {
        self.leader.is_some_and(|leader| leader.epoch == epoch)
    }

    /// Whether its time to be asked for has come.
    pub(super) fn may_ask(&self, now: Instant) -> bool {
        !self.is_asked && self.not_before.is_none_or(|at| at <= now)
    }

    /// Begins a new life at `phase`, which nothing under way belongs to. Returns the bytes that were thrown away.
    pub(super) fn restart(&mut self, version: u64, phase: Phase) -> usize {
        (self.version, self.phase) = (version, phase);
        (self.is_leased, self.is_asked, self.is_broken, self.is_reported) = (false, false, false, false);
        (self.failures, self.not_before, self.full_since) = (0, None, None);
        self.items.clear();
        self.leased_bytes = 0;
        std::mem::take(&mut self.bytes)
    }

    /// The same at a known position, which is validated where that can be.
    pub(super) fn restart_at(&mut self, version: u64, position: Position) -> usize {
        (self.position, self.fetched) = (position, position);
        self.done = None;
        let phase = self.phase_at_leader();
        self.restart(version, phase)
    }

    /// What a position needs under a leader that is new to it.
    pub(super) fn phase_at_leader(&self) -> Phase {
        match (self.leader, self.fetched.leader_epoch) {
            (Some(leader), Some(_)) if leader.epoch != LeaderEpoch::NONE => Phase::Validate,
            _ => Phase::Ready,
        }
    }
}
