//! How much a comparison may cost.

use std::collections::HashMap;

use regex::{Regex, RegexBuilder};

use crate::json::Json;

/// How many steps a comparison takes at most, in all rounds: pairs of schemas, names and values that are looked at.
const STEPS_MAX: usize = 4_000_000;
/// How many all comparisons of one check take together, whatever the number of versions.
const ALL_STEPS_MAX: usize = 4 * STEPS_MAX;

/// How many bytes of a value cost a step.
const VALUE_BYTES_PER_STEP: usize = 32;
/// How many bytes of a text that is only compared cost a step.
const TEXT_BYTES_PER_STEP: usize = 256;
/// How many steps each byte of a pattern costs: the classes of a few letters take kilobytes.
const STEPS_PER_PATTERN_BYTE: usize = 32;

/// What is left for the comparisons of one check.
#[derive(Debug)]
pub(crate) struct Allowance {
    left: usize,
}

impl Default for Allowance {
    fn default() -> Self {
        Self { left: ALL_STEPS_MAX }
    }
}

impl Allowance {
    /// What one of them may take.
    pub(super) fn take(&mut self) -> Budget {
        let steps = self.left.min(STEPS_MAX);
        self.left -= steps;
        Budget { left: steps, is_spent: false }
    }

    /// What it has not taken.
    pub(super) fn give_back(&mut self, budget: &Budget) {
        self.left += budget.left;
    }
}

/// The steps that are left.
#[derive(Debug)]
pub(super) struct Budget {
    left: usize,
    is_spent: bool,
}

impl Budget {
    pub(super) fn spend(&mut self, steps: usize) {
        self.is_spent |= self.left < steps;
        self.left = self.left.saturating_sub(steps);
    }

    /// Spends what it takes to hash values, or to compare them.
    pub(super) fn spend_on_values(&mut self, values: &[Json]) {
        for value in values {
            if self.is_spent {
                return;
            }
            match value {
                Json::Null | Json::Bool(_) => self.spend(1),
                Json::Number(number) => self.spend(1 + number.as_written().len() / VALUE_BYTES_PER_STEP),
                Json::String(text) => self.spend(1 + text.len() / VALUE_BYTES_PER_STEP),
                Json::Array(elements) => {
                    self.spend(1);
                    self.spend_on_values(elements);
                }
                Json::Object(entries) => {
                    self.spend(1);
                    for (key, value) in entries {
                        self.spend(1 + key.len() / VALUE_BYTES_PER_STEP);
                        self.spend_on_values(std::slice::from_ref(value));
                    }
                }
            }
        }
    }

    /// Spends what it takes to compare texts: those of different lengths are no work.
    pub(super) fn spend_on_texts(&mut self, a: Option<&String>, b: Option<&String>) {
        if let (Some(a), Some(b)) = (a, b)
            && a.len() == b.len()
        {
            self.spend(a.len() / TEXT_BYTES_PER_STEP);
        }
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
        let pattern = self.0.entry(pattern).or_insert_with(|| compile(pattern, budget));
        let Some(Pattern { regex, cost }) = pattern else {
            budget.spend(1);
            return false;
        };
        budget.spend(*cost * (1 + name.len() / NAME_BYTES_PER_COST));
        !budget.is_spent() && regex.is_match(name)
    }
}

fn compile(pattern: &str, budget: &mut Budget) -> Option<Pattern> {
    budget.spend(pattern.len().saturating_mul(STEPS_PER_PATTERN_BYTE));
    for (bytes_max, steps, cost) in SIZES {
        budget.spend(steps);
        if budget.is_spent() {
            return None;
        }
        match RegexBuilder::new(pattern).size_limit(bytes_max).build() {
            Ok(regex) => return Some(Pattern { regex, cost }),
            Err(regex::Error::CompiledTooBig(_)) => {}
            // What only other languages have, as looking ahead, is no better known with more room.
            Err(_) => return None,
        }
    }
    None
}
