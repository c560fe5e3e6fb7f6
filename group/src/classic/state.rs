//! Where a group stands.

use std::fmt;

/// The state as others see it. A group that was deleted is `Dead` to them: it is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ClassicState {
    /// No members, maybe offsets.
    Empty,
    /// Members are to join the next generation.
    PreparingRebalance,
    /// The generation has its members, and waits for the leader's assignment.
    CompletingRebalance,
    /// Every member can have its assignment.
    Stable,
}

impl ClassicState {
    /// Kafka's name, as `DescribeGroups` and `ListGroups` show it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::PreparingRebalance => "PreparingRebalance",
            Self::CompletingRebalance => "CompletingRebalance",
            Self::Stable => "Stable",
        }
    }
}

impl fmt::Display for ClassicState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The state with what belongs to it only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Empty,
    /// `initial` holds while a group that was empty waits for more members.
    Preparing {
        initial: Option<InitialDelay>,
    },
    Completing,
    Stable,
}

/// The first rebalance waits `group.initial.rebalance.delay.ms` for more members, and as long again after each that came
/// in the meantime, all in all the rebalance timeout of the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct InitialDelay {
    /// What is waited now.
    pub(super) delay_ms: i32,
    /// What may be waited beyond it.
    pub(super) remaining_ms: i32,
    /// Whether someone came since the wait began.
    pub(super) new_member_added: bool,
}

impl Phase {
    pub(super) fn state(self) -> ClassicState {
        match self {
            Self::Empty => ClassicState::Empty,
            Self::Preparing { .. } => ClassicState::PreparingRebalance,
            Self::Completing => ClassicState::CompletingRebalance,
            Self::Stable => ClassicState::Stable,
        }
    }
}
