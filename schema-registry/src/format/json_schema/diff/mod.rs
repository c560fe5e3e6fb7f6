//! What changed between an older and a newer schema (the rules of Confluent's `SchemaDiff`).

mod array;
mod budget;
mod combined;
mod object;
mod scalar;

use std::collections::{HashMap, HashSet};

use crate::compatibility::CompatibilityPolicy;

use super::difference::{JsonDifference, JsonDifferenceKind};
use super::model::{Criterion, JsonSchema, Kind, Node, NodeId};
pub(crate) use budget::Allowance;
use budget::{Budget, Patterns};

impl JsonSchema {
    /// All that changed from `original` to this schema, what is compatible under the policy as well as what is not.
    pub fn changes_from(&self, original: &Self, policy: CompatibilityPolicy) -> Vec<JsonDifference> {
        self.changes_within(original, policy, &mut Allowance::default())
    }

    fn changes_within(
        &self,
        original: &Self,
        policy: CompatibilityPolicy,
        allowance: &mut Allowance,
    ) -> Vec<JsonDifference> {
        let (changes, budget) = self.compared(original, policy, allowance.take());
        allowance.give_back(&budget);
        changes
    }

    /// What has changed, and what is left of the budget.
    fn compared(
        &self,
        original: &Self,
        policy: CompatibilityPolicy,
        mut budget: Budget,
    ) -> (Vec<JsonDifference>, Budget) {
        let (original_root, update_root) =
            (Some(At { is_update: false, id: original.root }), Some(At { is_update: true, id: self.root }));
        // A pair that is met again while it is being compared is taken for compatible. Where that was wrong, what was found is
        // put in its place and all is compared again, until nothing new is found, or the budget is spent.
        let mut patterns = Patterns::default();
        let mut seeds: HashMap<Pair, Vec<JsonDifference>> = HashMap::new();
        loop {
            let mut diff = Diff {
                original,
                update: self,
                memo: HashMap::new(),
                in_progress: HashSet::new(),
                seeds,
                assumed: false,
                depth: 0,
                is_too_deep: false,
                left: FOUND_MAX,
                budget,
                patterns,
            };
            let mut found = Found { policy, ..Found::default() };
            diff.compare(&mut found, original_root, update_root);
            if diff.is_too_deep {
                found.add("COMPARISON_TOO_DEEP");
                return (found.changes, diff.budget);
            }
            if diff.budget.is_spent() {
                found.add("COMPARISON_TOO_LARGE");
                return (found.changes, diff.budget);
            }
            let is_incompatible = |(_, changes): &(&Pair, &Vec<JsonDifference>)| {
                changes.iter().any(|change| !change.kind.is_compatible(policy))
            };
            let incompatible: HashMap<Pair, Vec<JsonDifference>> = diff
                .memo
                .iter()
                .filter(is_incompatible)
                .map(|(pair, changes)| (*pair, changes.clone()))
                .collect();
            let is_settled = incompatible.len() == diff.seeds.len()
                && incompatible.keys().all(|pair| diff.seeds.contains_key(pair));
            if !diff.assumed || is_settled {
                return (found.changes, diff.budget);
            }
            (seeds, budget, patterns) = (incompatible, diff.budget, diff.patterns);
        }
    }

    /// What keeps this schema from reading what was written with `writer`.
    pub fn incompatibilities(&self, writer: &Self, policy: CompatibilityPolicy) -> Vec<JsonDifference> {
        self.incompatibilities_within(writer, policy, &mut Allowance::default())
    }

    /// The same, as one of several comparisons.
    pub(crate) fn incompatibilities_within(
        &self,
        writer: &Self,
        policy: CompatibilityPolicy,
        allowance: &mut Allowance,
    ) -> Vec<JsonDifference> {
        let mut changes = self.changes_within(writer, policy, allowance);
        changes.retain(|change| !change.kind.is_compatible(policy));
        changes
    }
}

/// How many pairs may lie in each other.
const DEPTH_MAX: usize = 1_000;

/// How many changes are kept: schemas that refer to others twice, and those others again, find one change at the bottom in
/// 2^depth places. Behind this many only one of each pair is kept, one that is incompatible where there is one.
const FOUND_MAX: usize = 10_000;

/// What a pair costs that is met for the first time.
const PAIR_STEPS: usize = 4;

/// How many bytes of paths cost a step.
const PATH_BYTES_PER_STEP: usize = 32;

/// A node of one of the two schemas.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct At {
    is_update: bool,
    id: NodeId,
}

impl At {
    fn child(self, id: NodeId) -> Self {
        Self { id, ..self }
    }
}

type Pair = (At, At);

/// Changes so far, and the path that is being looked at.
#[derive(Debug, Clone, Default)]
struct Found {
    policy: CompatibilityPolicy,
    path: Vec<String>,
    changes: Vec<JsonDifference>,
}

impl Found {
    fn add(&mut self, kind: &'static str) {
        let path = format!("#/{}", self.path.join("/"));
        self.changes.push(JsonDifference { kind: JsonDifferenceKind(kind), path });
    }

    fn add_at(&mut self, keyword: &str, kind: &'static str) {
        self.path.push(keyword.to_owned());
        self.add(kind);
        self.path.pop();
    }

    fn enter<T>(&mut self, token: &str, look: impl FnOnce(&mut Self) -> T) -> T {
        self.path.push(token.to_owned());
        let result = look(self);
        self.path.pop();
        result
    }

    /// The same place, without what was found.
    fn fork(&self) -> Self {
        Self { policy: self.policy, path: self.path.clone(), changes: Vec::new() }
    }

    fn is_compatible(&self) -> bool {
        self.changes.iter().all(|change| change.kind.is_compatible(self.policy))
    }

    /// Adds changes whose paths begin here, which costs by the length of their paths.
    fn add_below(&mut self, changes: &[JsonDifference], budget: &mut Budget) {
        let prefix_bytes: usize = self.path.iter().map(|token| token.len() + 1).sum();
        let path_bytes: usize = changes.iter().map(|change| prefix_bytes + change.path.len()).sum();
        budget.spend(path_bytes / PATH_BYTES_PER_STEP);
        if budget.is_spent() {
            return;
        }
        if self.path.is_empty() {
            return self.changes.extend_from_slice(changes);
        }
        let prefix = format!("#/{}", self.path.join("/"));
        self.changes.extend(changes.iter().map(|change| {
            let rest = &change.path[2..];
            let path = if rest.is_empty() { prefix.clone() } else { format!("{prefix}/{rest}") };
            JsonDifference { kind: change.kind, path }
        }));
    }
}

/// All changes as long as there is room, then one that is incompatible, or none.
fn few<'a>(
    left: &mut usize,
    changes: &'a [JsonDifference],
    policy: CompatibilityPolicy,
) -> &'a [JsonDifference] {
    if changes.len() <= *left {
        *left -= changes.len();
        return changes;
    }
    *left = 0;
    let bad = changes.iter().position(|change| !change.kind.is_compatible(policy));
    bad.map_or(&[], |at| &changes[at..=at])
}

struct Diff<'a> {
    original: &'a JsonSchema,
    update: &'a JsonSchema,
    /// What was found for a pair, with paths that begin there.
    memo: HashMap<Pair, Vec<JsonDifference>>,
    in_progress: HashSet<Pair>,
    seeds: HashMap<Pair, Vec<JsonDifference>>,
    /// Whether a pair was taken for compatible unseen.
    assumed: bool,
    depth: usize,
    /// Whether something was left out because it lies too deep.
    is_too_deep: bool,
    /// How many more changes may be kept, of [`FOUND_MAX`].
    left: usize,
    budget: Budget,
    patterns: Patterns<'a>,
}

impl<'a> Diff<'a> {
    fn node(&self, at: At) -> &'a Node {
        let schema = if at.is_update { self.update } else { self.original };
        schema.node(at.id)
    }

    fn kind(&self, at: At) -> &'a Kind {
        &self.node(at).kind
    }

    /// Where a chain of references ends; one that runs in a circle ends anywhere.
    fn referred(&self, mut at: At) -> At {
        for _ in 0..100 {
            match self.kind(at) {
                Kind::Reference(target) => at = at.child(*target),
                _ => break,
            }
        }
        at
    }

    fn compare(&mut self, found: &mut Found, original: Option<At>, update: Option<At>) {
        let (original, update) = match (original, update) {
            (None, None) => return,
            (None, Some(_)) => return found.add("SCHEMA_ADDED"),
            (Some(_), None) => return found.add("SCHEMA_REMOVED"),
            (Some(original), Some(update)) => (self.referred(original), self.referred(update)),
        };
        let pair = (original, update);
        self.budget.spend(1);
        if self.budget.is_spent() {
            return;
        }
        if let Some(known) = self.memo.get(&pair) {
            return found.add_below(few(&mut self.left, known, found.policy), &mut self.budget);
        }
        if !self.in_progress.insert(pair) {
            match self.seeds.get(&pair) {
                Some(seed) => found.add_below(few(&mut self.left, seed, found.policy), &mut self.budget),
                None => self.assumed = true,
            }
            return;
        }
        self.budget.spend(PAIR_STEPS);
        // Two circles of schemas of different lengths go round as often as the product of both.
        if self.depth == DEPTH_MAX {
            self.in_progress.remove(&pair);
            self.is_too_deep = true;
            return;
        }
        let mut inner = Found { policy: found.policy, ..Found::default() };
        self.depth += 1;
        self.compare_pair(&mut inner, original, update);
        self.depth -= 1;
        self.in_progress.remove(&pair);
        let kept = few(&mut self.left, &inner.changes, found.policy);
        found.add_below(kept, &mut self.budget);
        let kept = kept.to_vec();
        self.memo.insert(pair, kept);
    }

    fn compare_pair(&mut self, found: &mut Found, original: At, update: At) {
        if self.compare_with_branches(found, original, update) {
            return;
        }
        let (a, b) = (self.node(original), self.node(update));
        if std::mem::discriminant(&a.kind) != std::mem::discriminant(&b.kind) {
            let is_wider = matches!(a.kind, Kind::False) || matches!(b.kind, Kind::Empty);
            let are_bytes = a.is_connect_bytes && b.is_connect_bytes;
            if !is_wider && !are_bytes {
                found.add("TYPE_CHANGED");
            }
            return;
        }
        self.spend_on_contents(a, b);
        if self.budget.is_spent() {
            return;
        }
        for (is_changed, kind) in [
            (a.id != b.id, "ID_CHANGED"),
            (a.title != b.title, "TITLE_CHANGED"),
            (a.description != b.description, "DESCRIPTION_CHANGED"),
            (a.default != b.default, "DEFAULT_CHANGED"),
        ] {
            if is_changed {
                found.add(kind);
            }
        }
        match (&a.kind, &b.kind) {
            (Kind::String(a), Kind::String(b)) => scalar::compare_strings(found, a, b),
            (Kind::Number(a), Kind::Number(b)) => scalar::compare_numbers(found, a, b),
            (Kind::Enum(a), Kind::Enum(b)) => scalar::compare_enums(found, a, b),
            (Kind::Const(a), Kind::Const(b)) if a != b => found.add_at("const", "ENUM_ARRAY_CHANGED"),
            (Kind::Combined(a), Kind::Combined(b)) => {
                self.compare_combined(found, (original, a), (update, b));
            }
            (Kind::Not(a), Kind::Not(b)) => {
                // What is excluded is the other way round.
                let mut inner = found.fork();
                self.compare(&mut inner, Some(update.child(*b)), Some(original.child(*a)));
                let kind = if inner.is_compatible() { "NOT_TYPE_NARROWED" } else { "NOT_TYPE_EXTENDED" };
                found.add_at("not", kind);
            }
            (Kind::Object(a), Kind::Object(b)) => self.compare_objects(found, (original, a), (update, b)),
            (Kind::Array(a), Kind::Array(b)) => self.compare_arrays(found, (original, a), (update, b)),
            _ => {}
        }
    }

    /// Texts and values of two schemas may be large, and each is compared with those of all branches of another one.
    fn spend_on_contents(&mut self, a: &Node, b: &Node) {
        let budget = &mut self.budget;
        for (a, b) in [(&a.id, &b.id), (&a.title, &b.title), (&a.description, &b.description)] {
            budget.spend_on_texts(a.as_ref(), b.as_ref());
        }
        if let (Some(a), Some(_)) = (&a.default, &b.default) {
            budget.spend_on_values(std::slice::from_ref(a));
        }
        match (&a.kind, &b.kind) {
            (Kind::String(a), Kind::String(b)) => {
                budget.spend_on_texts(a.pattern.as_ref(), b.pattern.as_ref());
            }
            (Kind::Const(a), Kind::Const(_)) => budget.spend_on_values(std::slice::from_ref(a)),
            (Kind::Enum(a), Kind::Enum(b)) => {
                budget.spend_on_values(a);
                budget.spend_on_values(b);
            }
            _ => {}
        }
    }

    /// A simple schema against one of several: whether one of the branches decides it.
    fn compare_with_branches(&mut self, found: &mut Found, original: At, update: At) -> bool {
        let (branches, is_update, extended) = match (self.kind(original), self.kind(update)) {
            (Kind::Combined(_), Kind::Combined(_)) => return false,
            (_, Kind::Combined(combined)) => match (combined.subschemas.len(), combined.criterion) {
                (1, _) => (&combined.subschemas, true, None),
                (_, Criterion::Any | Criterion::One) => {
                    (&combined.subschemas, true, Some("SUM_TYPE_EXTENDED"))
                }
                (_, Criterion::All) => return false,
            },
            (Kind::Combined(combined), _) => match (combined.subschemas.len(), combined.criterion) {
                (1, _) => (&combined.subschemas, false, None),
                (_, Criterion::All) => (&combined.subschemas, false, Some("PRODUCT_TYPE_NARROWED")),
                (_, Criterion::Any | Criterion::One) => return false,
            },
            _ => return false,
        };
        for branch in branches {
            let mut inner = found.fork();
            let (from, to) =
                if is_update { (original, update.child(*branch)) } else { (original.child(*branch), update) };
            self.compare(&mut inner, Some(from), Some(to));
            if self.budget.is_spent() {
                return true;
            }
            if inner.is_compatible() {
                found.changes.append(&mut inner.changes);
                if let Some(kind) = extended {
                    found.add(kind);
                }
                return true;
            }
        }
        false
    }
}
