//! How much a comparison may cost.

use std::collections::HashMap;

use regex::{Regex, RegexBuilder};

/// How many steps a comparison takes at most, in all rounds: pairs of schemas, names and values that are looked at.
const STEPS_MAX: usize = 4_000_000;

/// The steps that are left.
#[derive(Debug)]
pub(super) struct Budget {
    left: usize,
    is_spent: bool,
}

impl Budget {
    pub(super) fn new() -> Self {
        Self { left: STEPS_MAX, is_spent: false }
    }

    pub(super) fn spend(&mut self, steps: usize) {
        self.is_spent |= self.left < steps;
        self.left = self.left.saturating_sub(steps);
    }

    /// Whether more was asked for than there was, so that the comparison is given up.
    pub(super) fn is_spent(&self) -> bool {
        self.is_spent
    }
}

/// The patterns of both schemas, compiled where a name is held against them.
#[derive(Debug, Default)]
pub(super) struct Patterns<'a>(HashMap<&'a str, Option<Pattern>>);

#[derive(Debug)]
struct Pattern {
    regex: Regex,
    /// What a name costs for each of [`NAME_BYTES_PER_COST`].
    cost: usize,
}

const NAME_BYTES_PER_COST: usize = 64;

/// The sizes that compiled patterns may have, in bytes; the steps that it takes to compile one; and what a name costs then.
const SIZES: [(usize, usize, usize); 2] = [(64 * 1024, 400, 4), (10 * 1024 * 1024, 400_000, 4_000)];

impl<'a> Patterns<'a> {
    /// Whether a name fulfils a pattern. One of a kind that is not known here fits no name.
    pub(super) fn is_match(&mut self, pattern: &'a str, name: &str, budget: &mut Budget) -> bool {
        let pattern = self.0.entry(pattern).or_insert_with(|| {
            SIZES.iter().find_map(|(bytes_max, steps, cost)| {
                budget.spend(*steps);
                let compile = || RegexBuilder::new(pattern).size_limit(*bytes_max).build().ok();
                let regex = (!budget.is_spent()).then(compile)??;
                Some(Pattern { regex, cost: *cost })
            })
        });
        let Some(Pattern { regex, cost }) = pattern else {
            budget.spend(1);
            return false;
        };
        budget.spend(*cost * (1 + name.len() / NAME_BYTES_PER_COST));
        !budget.is_spent() && regex.is_match(name)
    }
}
