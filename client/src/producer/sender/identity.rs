//! As whom an idempotent producer writes.

use medallion_wire::{ProducerEpoch, ProducerId};

use crate::error::Error;

/// The producer id and epoch that new batches get.
#[derive(Debug, Clone)]
pub(super) enum Identity {
    /// The producer is not idempotent.
    NotNeeded,
    /// None yet, and nobody was asked.
    Unknown,
    /// A broker was asked.
    Asked,
    Known(ProducerId, ProducerEpoch),
    /// There will be none, and nothing can be sent.
    Failed(Error),
}

impl Identity {
    /// Id and epoch, where they are known.
    pub(super) fn known(&self) -> Option<(ProducerId, ProducerEpoch)> {
        match self {
            Self::Known(id, epoch) => Some((*id, *epoch)),
            _ => None,
        }
    }

    /// Moves on to the next epoch; behind the last one a new id is needed.
    ///
    /// Brokers take a higher epoch of an id without transactions as it comes, so that nobody has to be asked.
    pub(super) fn bump(&mut self) {
        if let Self::Known(id, epoch) = *self {
            *self = match epoch.get().checked_add(1) {
                Some(next) if next < i16::MAX => Self::Known(id, ProducerEpoch(next)),
                _ => Self::Unknown,
            };
        }
    }
}
