//! Arrays. Whether items may come or go depends on what else an array may have.

use super::scalar::compare_limits;
use super::{At, Diff, Found};
use crate::format::json_schema::model::{Additional, ArrayKeywords, Kind, NodeId};

type Side<'a> = (At, &'a ArrayKeywords);

impl Diff<'_> {
    pub(super) fn compare_arrays(
        &mut self,
        found: &mut Found,
        (original, a): Side<'_>,
        (update, b): Side<'_>,
    ) {
        self.budget.spend(a.items.len() + b.items.len());
        found.enter("items", |found| {
            let (from, to) =
                (a.all_items.map(|node| original.child(node)), b.all_items.map(|node| update.child(node)));
            self.compare(found, from, to);
        });
        for index in 0..a.items.len().max(b.items.len()) {
            found.path.push(format!("items/{index}"));
            match (a.items.get(index), b.items.get(index)) {
                (Some(from), Some(to)) => {
                    self.compare(found, Some(original.child(*from)), Some(update.child(*to)));
                }
                (Some(from), None) => self.item_removed(found, original.child(*from), (update, b)),
                (None, Some(to)) => self.item_added(found, (original, a), update.child(*to)),
                (None, None) => {}
            }
            found.path.pop();
        }
        found.enter("additionalItems", |found| {
            self.compare_additional(
                found,
                (original, a.additional),
                (update, b.additional),
                ADDITIONAL_ITEMS,
            );
        });
        found.enter("unevaluatedItems", |found| {
            self.compare_unevaluated(
                found,
                (original, a.unevaluated),
                (update, b.unevaluated),
                UNEVALUATED_ITEMS,
            );
        });
        let names = ["MAX_ITEMS_ADDED", "MAX_ITEMS_REMOVED", "MAX_ITEMS_INCREASED", "MAX_ITEMS_DECREASED"];
        compare_limits(found, "maxItems", a.max_items, b.max_items, names);
        let names = ["MIN_ITEMS_ADDED", "MIN_ITEMS_REMOVED", "MIN_ITEMS_INCREASED", "MIN_ITEMS_DECREASED"];
        compare_limits(found, "minItems", a.min_items, b.min_items, names);
        match (a.unique_items, b.unique_items) {
            (true, false) => found.add_at("uniqueItems", "UNIQUE_ITEMS_REMOVED"),
            (false, true) => found.add_at("uniqueItems", "UNIQUE_ITEMS_ADDED"),
            _ => {}
        }
        let names = [
            "MAX_CONTAINS_ADDED",
            "MAX_CONTAINS_REMOVED",
            "MAX_CONTAINS_INCREASED",
            "MAX_CONTAINS_DECREASED",
        ];
        compare_limits(found, "maxContains", a.max_contains, b.max_contains, names);
        let names = [
            "MIN_CONTAINS_ADDED",
            "MIN_CONTAINS_REMOVED",
            "MIN_CONTAINS_INCREASED",
            "MIN_CONTAINS_DECREASED",
        ];
        compare_limits(found, "minContains", a.min_contains, b.min_contains, names);
    }

    fn item_removed(&mut self, found: &mut Found, from: At, (update, b): Side<'_>) {
        if self.is_open_array(update, b) {
            return found.add("ITEM_REMOVED_FROM_OPEN_CONTENT_MODEL");
        }
        let Some(cover) = self.item_cover(update, b) else {
            return found.add(if matches!(self.kind(from), Kind::False) {
                "ITEM_WITH_FALSE_REMOVED_FROM_CLOSED_CONTENT_MODEL"
            } else {
                "ITEM_REMOVED_FROM_CLOSED_CONTENT_MODEL"
            });
        };
        let mut inner = found.fork();
        self.compare(&mut inner, Some(from), Some(update.child(cover)));
        let is_compatible = inner.is_compatible();
        found.changes.append(&mut inner.changes);
        found.add(if is_compatible {
            "ITEM_REMOVED_IS_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL"
        } else {
            "ITEM_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL"
        });
    }

    fn item_added(&mut self, found: &mut Found, (original, a): Side<'_>, to: At) {
        if self.is_open_array(original, a) {
            return found.add(match self.kind(to) {
                Kind::Empty => "ITEM_WITH_EMPTY_SCHEMA_ADDED_TO_OPEN_CONTENT_MODEL",
                _ => "ITEM_ADDED_TO_OPEN_CONTENT_MODEL",
            });
        }
        let Some(cover) = self.item_cover(original, a) else {
            return found.add("ITEM_ADDED_TO_CLOSED_CONTENT_MODEL");
        };
        let mut inner = found.fork();
        self.compare(&mut inner, Some(original.child(cover)), Some(to));
        let is_compatible = inner.is_compatible();
        found.changes.append(&mut inner.changes);
        found.add(if is_compatible {
            "ITEM_ADDED_IS_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL"
        } else {
            "ITEM_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL"
        });
    }

    fn is_open_array(&self, side: At, array: &ArrayKeywords) -> bool {
        array.additional == Additional::Anything
            && array.unevaluated.is_none_or(|node| matches!(self.kind(side.child(node)), Kind::Empty))
    }

    fn item_cover(&self, side: At, array: &ArrayKeywords) -> Option<NodeId> {
        match array.additional {
            Additional::Schema(node) => Some(node),
            Additional::Nothing => None,
            Additional::Anything => array
                .unevaluated
                .filter(|node| !matches!(self.kind(side.child(*node)), Kind::Empty | Kind::False)),
        }
    }
}

/// Added, removed, extended, narrowed.
const ADDITIONAL_ITEMS: [&str; 4] = [
    "ADDITIONAL_ITEMS_ADDED",
    "ADDITIONAL_ITEMS_REMOVED",
    "ADDITIONAL_ITEMS_EXTENDED",
    "ADDITIONAL_ITEMS_NARROWED",
];
const UNEVALUATED_ITEMS: [&str; 4] = [
    "UNEVALUATED_ITEMS_ADDED",
    "UNEVALUATED_ITEMS_REMOVED",
    "UNEVALUATED_ITEMS_EXTENDED",
    "UNEVALUATED_ITEMS_NARROWED",
];
