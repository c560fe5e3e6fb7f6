//! `allOf`, `anyOf` and `oneOf`.

use super::budget::Budget;
use super::{At, Diff, Found};
use crate::format::json_schema::model::{Combined, Criterion};

impl Diff<'_> {
    pub(super) fn compare_combined(
        &mut self,
        found: &mut Found,
        (original, a): (At, &Combined),
        (update, b): (At, &Combined),
    ) {
        match criterion_change(a, b) {
            Some("COMBINED_TYPE_CHANGED") => return found.add("COMBINED_TYPE_CHANGED"),
            Some(kind) => found.add(kind),
            None => {}
        }
        let (from, to) = (&a.distinct, &b.distinct);
        if from.len() < to.len() {
            found.add(if b.criterion == Criterion::All {
                "PRODUCT_TYPE_EXTENDED"
            } else {
                "SUM_TYPE_EXTENDED"
            });
        } else if from.len() > to.len() {
            found.add(if a.criterion == Criterion::All {
                "PRODUCT_TYPE_NARROWED"
            } else {
                "SUM_TYPE_NARROWED"
            });
        }
        // Which branch of the old schema can be which of the new one, and with what changes.
        let mut edges = vec![Vec::new(); from.len()];
        for (index, branch) in from.iter().enumerate() {
            found.path.push(format!("{}/{index}", a.criterion.as_str()));
            for (other, candidate) in to.iter().enumerate() {
                let mut inner = found.fork();
                self.compare(&mut inner, Some(original.child(*branch)), Some(update.child(*candidate)));
                if self.budget.is_spent() {
                    return;
                }
                if inner.is_compatible() {
                    edges[index].push((other, inner.changes));
                }
            }
            found.path.pop();
        }
        let matched = maximum_matching(&edges, to.len(), &mut self.budget);
        for (candidate, branch) in
            matched.iter().enumerate().filter_map(|(candidate, branch)| Some((candidate, (*branch)?)))
        {
            let changes = edges[branch].iter().find(|(other, _)| *other == candidate);
            found.changes.extend(changes.into_iter().flat_map(|(_, changes)| changes.clone()));
        }
        if matched.iter().flatten().count() < from.len().min(to.len()) {
            found.add("COMBINED_TYPE_SUBSCHEMAS_CHANGED");
        }
    }
}

fn criterion_change(a: &Combined, b: &Combined) -> Option<&'static str> {
    if a.criterion == b.criterion {
        return None;
    }
    let is_single = |combined: &Combined| combined.subschemas.len() == 1;
    let is_wider = b.criterion == Criterion::Any
        || (is_single(a) && is_single(b))
        || (is_single(a) && b.criterion == Criterion::One)
        || (is_single(b) && a.criterion == Criterion::All);
    Some(if is_wider { "COMBINED_TYPE_EXTENDED" } else { "COMBINED_TYPE_CHANGED" })
}

/// How many pairs that are looked at for a matching cost a step.
const LOOKS_PER_STEP: usize = 8;

/// For each on the right the one on the left that it is paired with, in as many pairs as can be (augmenting paths).
fn maximum_matching<T>(
    edges: &[Vec<(usize, T)>],
    right_count: usize,
    budget: &mut Budget,
) -> Vec<Option<usize>> {
    let mut matching = Matching { edges, matched: vec![None; right_count], looks: 0 };
    for left in 0..edges.len() {
        matching.augment(left, &mut vec![false; right_count]);
        budget.spend(matching.looks / LOOKS_PER_STEP);
        matching.looks %= LOOKS_PER_STEP;
        if budget.is_spent() {
            break;
        }
    }
    matching.matched
}

struct Matching<'a, T> {
    edges: &'a [Vec<(usize, T)>],
    matched: Vec<Option<usize>>,
    looks: usize,
}

impl<T> Matching<'_, T> {
    fn augment(&mut self, left: usize, seen: &mut [bool]) -> bool {
        for (right, _) in &self.edges[left] {
            self.looks += 1;
            if std::mem::replace(&mut seen[*right], true) {
                continue;
            }
            if self.matched[*right].is_none_or(|other| self.augment(other, seen)) {
                self.matched[*right] = Some(left);
                return true;
            }
        }
        false
    }
}
