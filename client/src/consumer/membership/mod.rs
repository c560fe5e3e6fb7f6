//! Membership in groups: two machines without I/O, one for each protocol, and one task around them.
//!
//! ```text
//!  subscribe, poll, close ──> shell ──> consumer (KIP-848) or classic ──> requests, changes
//!                              ^                                             │
//!                              └──── answers, time, topics, "changed" ───────┘
//! ```
//!
//! A machine announces a [`Change`] of what is owned and waits until the user has taken it, which happens within a poll
//! ([`super::rebalance`]); heartbeats go on meanwhile.

mod classic;
#[cfg(test)]
mod classic_tests;
mod consumer;
#[cfg(test)]
mod consumer_tests;
#[cfg(test)]
mod java_tests;
mod protocol;
mod request;
mod shell;

use std::collections::BTreeSet;
use std::sync::Arc;

use medallion_wire::TopicPartition;

pub(super) use shell::{Ask, Shell};

/// Which topics are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Subscription {
    Names(BTreeSet<Arc<str>>),
    /// An expression that topics' whole names must match.
    Pattern(Arc<str>),
}

/// A change of what is owned.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) revoked: BTreeSet<TopicPartition>,
    pub(crate) added: BTreeSet<TopicPartition>,
    /// Whether others may have what is revoked already, so that nothing of it can be committed.
    pub(crate) is_lost: bool,
}

impl Change {
    fn is_empty(&self) -> bool {
        self.revoked.is_empty() && self.added.is_empty()
    }
}
