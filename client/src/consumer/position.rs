//! Where a consumer stands in a partition.

use std::time::Duration;

use medallion_wire::{LeaderEpoch, Offset};

use crate::config::OffsetReset;

/// An offset, with the epoch of the leader that wrote the record before it. By the epoch a consumer notices that records which it
/// has read were lost by a leader's failure (KIP-320).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The offset of the next record.
    pub offset: Offset,
    /// The epoch; `None` where it is not known, and nothing can be noticed.
    pub leader_epoch: Option<LeaderEpoch>,
}

impl From<Offset> for Position {
    fn from(offset: Offset) -> Self {
        Self { offset, leader_epoch: None }
    }
}

impl From<i64> for Position {
    fn from(offset: i64) -> Self {
        Offset(offset).into()
    }
}

/// A place that a broker has to be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// The first record.
    Earliest,
    /// Behind the last one.
    Latest,
    /// The first record that is not older than this.
    Before(Duration),
}

impl Place {
    /// Where `auto.offset.reset` leads; `None` where it leads nowhere.
    pub(super) fn of(reset: OffsetReset) -> Option<Self> {
        match reset {
            OffsetReset::Earliest => Some(Self::Earliest),
            OffsetReset::Latest => Some(Self::Latest),
            OffsetReset::ByDuration(duration) => Some(Self::Before(duration)),
            OffsetReset::None => None,
        }
    }
}
