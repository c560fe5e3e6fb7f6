//! What the machine is told and what it wants done.

use std::time::Duration;

use medallion_wire::records::{DecodedRecords, RecordBatch};
use medallion_wire::{BrokerId, LeaderEpoch, Offset, ResponseError, TopicPartition};

use super::super::position::{Place, Position};
use super::session::SessionRequest;
use crate::error::Error;

/// What happens to it, apart from what the user does.
#[derive(Debug)]
pub(crate) enum Event {
    /// A broker has answered a fetch, or has not.
    Fetched { broker: BrokerId, outcome: Result<FetchAnswer, Error> },
    /// A place was looked for. `None` where no record is late enough.
    Placed { question: Question<Place>, outcome: Result<Option<Position>, Error> },
    /// The group's committed position was looked for.
    Committed { question: Question<()>, outcome: Result<Option<Position>, Error> },
    /// Where the records of an epoch end was looked for; `None` where the broker does not know the epoch.
    Validated { question: Question<LeaderEpoch>, outcome: Result<Option<Position>, Error> },
}

/// What is to be done.
#[derive(Debug)]
pub(crate) enum Command {
    /// Fetch, and tell of [`Event::Fetched`]. The broker may wait for records up to `max_wait`.
    Fetch { broker: BrokerId, request: SessionRequest, bytes_max: i32, max_wait: Duration },
    /// Look for places of partitions that the broker leads.
    Place { broker: BrokerId, questions: Vec<Question<Place>> },
    /// Look for the positions that the group has committed.
    Committed { questions: Vec<Question<()>> },
    /// Look where epochs end, at the broker that leads the partitions.
    Validate { broker: BrokerId, questions: Vec<Question<LeaderEpoch>> },
    /// What is known of leaders is wrong or not enough.
    RefreshMetadata,
}

/// A question on a partition's offsets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Question<T> {
    pub(crate) partition: TopicPartition,
    pub(crate) current_leader_epoch: LeaderEpoch,
    pub(crate) about: T,
    /// Which of the partition's lives it belongs to.
    pub(super) version: u64,
}

/// An answer to a fetch.
#[derive(Debug)]
pub(crate) struct FetchAnswer {
    pub(crate) error: Option<ResponseError>,
    pub(crate) session_id: i32,
    pub(crate) partitions: Vec<(TopicPartition, PartitionAnswer)>,
}

/// What an answer has of one partition.
#[derive(Debug, Default)]
pub(crate) struct PartitionAnswer {
    pub(crate) error: Option<ResponseError>,
    pub(crate) watermarks: Watermarks,
    /// The replica that the leader wants us to read from.
    pub(crate) preferred: Option<BrokerId>,
    pub(crate) items: Vec<Item>,
}

/// Offsets that a leader tells with every answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Watermarks {
    pub(crate) high_watermark: Option<Offset>,
    pub(crate) last_stable_offset: Option<Offset>,
    pub(crate) log_start_offset: Option<Offset>,
}

impl Watermarks {
    /// Takes what `newer` has.
    pub(super) fn update(&mut self, newer: Self) {
        self.high_watermark = newer.high_watermark.or(self.high_watermark);
        self.last_stable_offset = newer.last_stable_offset.or(self.last_stable_offset);
        self.log_start_offset = newer.log_start_offset.or(self.log_start_offset);
    }
}

/// A piece of what was fetched.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) content: Content,
    /// Where one stands behind it.
    pub(crate) next: Position,
    /// What it holds of the buffer.
    pub(crate) bytes: usize,
}

/// What a piece is.
#[derive(Debug)]
pub(crate) enum Content {
    /// A batch as it came.
    Sealed(RecordBatch),
    /// The rest of a batch that was polled in part.
    Open(Box<(RecordBatch, DecodedRecords)>),
    /// Nothing for the user: markers, aborted records.
    Gap,
    /// Bytes that cannot be read.
    Broken(Error),
}

impl Content {
    /// How many records it holds at most.
    pub(super) fn record_count(&self) -> usize {
        match self {
            Self::Sealed(batch) => usize::try_from(batch.record_count).unwrap_or(0),
            Self::Open(open) => open.1.len(),
            Self::Gap | Self::Broken(_) => 0,
        }
    }
}

/// Pieces of one partition that are taken out to be decoded. [`super::Fetcher::settle`] says what became of them.
#[derive(Debug)]
pub(crate) struct Lease {
    pub(crate) partition: TopicPartition,
    /// Where the user stands.
    pub(crate) from: Position,
    pub(crate) items: Vec<Item>,
    pub(super) version: u64,
}

/// What became of a lease.
#[derive(Debug)]
pub(crate) struct Settlement {
    /// Where the user stands now.
    pub(crate) position: Position,
    /// What was not used, in order.
    pub(crate) rest: Vec<Item>,
    /// What stopped it behind `position`.
    pub(crate) error: Option<Error>,
}
