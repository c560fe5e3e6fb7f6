//! What a crash leaves of the unsynced.

use super::random::Random;

/// How much of what was not synced survives a crash.
///
/// Disks mostly write in the order of the changes and stop somewhere, but may write in any: so a crash keeps nothing, all,
/// a beginning, single parts, or a beginning and single parts behind it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Survival {
    beginning: Beginning,
    /// Whether single parts survive behind the beginning.
    is_scattered: bool,
}

#[derive(Debug, Clone, Copy)]
enum Beginning {
    None,
    Some,
    All,
}

impl Survival {
    pub(super) fn pick(random: &mut Random) -> Self {
        let (beginning, is_scattered) = match random.below(5) {
            0 => (Beginning::None, false),
            1 => (Beginning::All, false),
            2 => (Beginning::Some, false),
            3 => (Beginning::None, true),
            _ => (Beginning::Some, true),
        };
        Self { beginning, is_scattered }
    }

    /// Tells of `parts` parts, oldest first, whether each survives.
    pub(super) fn of(self, parts: usize, random: &mut Random) -> impl FnMut() -> bool {
        let mut sure = match self.beginning {
            Beginning::None => 0,
            Beginning::Some => random.below(parts as u64 + 1),
            Beginning::All => parts as u64,
        };
        move || {
            let is_sure = sure > 0;
            sure = sure.saturating_sub(1);
            is_sure || (self.is_scattered && random.below(2) == 0)
        }
    }
}
