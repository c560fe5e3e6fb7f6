//! Server-side assignors (KIP-848): who of a group reads which partitions. Pure functions of a [`GroupSpec`].
//!
//! - [`range`]: each topic's partitions in contiguous ranges, so that partitions of the same number of topics of the same
//!   size go to one member;
//! - [`uniform`]: sizes that differ by one at most where subscriptions allow it, and as few moves as that takes.
//!
//! Both give what Apache Kafka's assignors of these names give. Where those go by the order of a hash map, members and topics
//! are taken in the order of their ids; and of equals a member gets partitions with a replica in its own rack, where that costs
//! neither balance nor moves (Kafka 4.3 does not look at racks). A test holds both against Kafka's own.

mod levels;
mod range;
mod spec;
#[cfg(test)]
mod tests;
mod uniform;
mod uniform_mixed;

pub use spec::{Assignment, GroupSpec, MemberSpec, TopicSpec};

use crate::ids::MemberId;
use std::collections::BTreeMap;

/// What each member gets.
pub type GroupAssignment = BTreeMap<MemberId, Assignment>;

/// An assignor by its name in `group.consumer.assignors`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Assignor {
    /// `uniform`.
    Uniform,
    /// `range`.
    Range,
}

impl Assignor {
    /// The name in settings and requests.
    pub fn name(self) -> &'static str {
        match self {
            Self::Uniform => "uniform",
            Self::Range => "range",
        }
    }

    /// Reads [`Assignor::name`].
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Uniform, Self::Range].into_iter().find(|assignor| assignor.name() == name)
    }

    /// Assigns every partition of every topic that somebody subscribes to. Each member is in the answer.
    pub fn assign(self, spec: &GroupSpec) -> GroupAssignment {
        if spec.members.is_empty() {
            return GroupAssignment::new();
        }
        match self {
            Self::Range => range::assign(spec),
            Self::Uniform if spec.is_homogeneous() => uniform::assign(spec),
            Self::Uniform => uniform_mixed::assign(spec),
        }
    }
}
