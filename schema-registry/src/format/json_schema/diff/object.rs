//! Objects. Whether properties may come or go depends on what else an object may have.

use std::collections::BTreeSet;

use super::scalar::compare_limits;
use super::{At, Diff, Found};
use crate::format::json_schema::model::{Additional, Kind, NodeId, ObjectKeywords};

type Side<'a> = (At, &'a ObjectKeywords);

impl<'a> Diff<'a> {
    pub(super) fn compare_objects(&mut self, found: &mut Found, original: Side<'a>, update: Side<'a>) {
        self.budget.spend(original.1.properties.len() + update.1.properties.len());
        found.enter("required", |found| self.compare_required(found, original, update));
        found.enter("properties", |found| self.compare_properties(found, original, update));
        found.enter("dependencies", |found| self.compare_dependencies(found, original, update));
        found.enter("additionalProperties", |found| {
            let names = ADDITIONAL_PROPERTIES;
            self.compare_additional(
                found,
                (original.0, original.1.additional),
                (update.0, update.1.additional),
                names,
            );
        });
        found.enter("unevaluatedProperties", |found| {
            let names = UNEVALUATED_PROPERTIES;
            self.compare_unevaluated(
                found,
                (original.0, original.1.unevaluated),
                (update.0, update.1.unevaluated),
                names,
            );
        });
        let (a, b) = (original.1, update.1);
        let names = [
            "MAX_PROPERTIES_ADDED",
            "MAX_PROPERTIES_REMOVED",
            "MAX_PROPERTIES_INCREASED",
            "MAX_PROPERTIES_DECREASED",
        ];
        compare_limits(found, "maxProperties", a.max_properties, b.max_properties, names);
        let names = [
            "MIN_PROPERTIES_ADDED",
            "MIN_PROPERTIES_REMOVED",
            "MIN_PROPERTIES_INCREASED",
            "MIN_PROPERTIES_DECREASED",
        ];
        compare_limits(found, "minProperties", a.min_properties, b.min_properties, names);
    }

    fn compare_required(&self, found: &mut Found, (_, a): Side<'_>, (update, b): Side<'_>) {
        for (name, _) in &a.properties {
            let Some(node) = b.by_name.get(name) else { continue };
            let kind = match (a.required.contains(name), b.required.contains(name)) {
                (true, false) => "REQUIRED_ATTRIBUTE_REMOVED",
                (false, true) if self.node(update.child(*node)).default.is_some() => {
                    "REQUIRED_ATTRIBUTE_WITH_DEFAULT_ADDED"
                }
                (false, true) => "REQUIRED_ATTRIBUTE_ADDED",
                _ => continue,
            };
            found.add_at(name, kind);
        }
    }

    fn compare_properties(&mut self, found: &mut Found, (original, a): Side<'a>, (update, b): Side<'a>) {
        for (name, node) in &a.properties {
            found.path.push(name.clone());
            let from = original.child(*node);
            match b.by_name.get(name) {
                Some(to) => self.compare(found, Some(from), Some(update.child(*to))),
                None => self.property_removed(found, from, name, (update, b)),
            }
            found.path.pop();
        }
        for (name, node) in b.properties.iter().filter(|(name, _)| !a.by_name.contains_key(name)) {
            found.path.push(name.clone());
            let is_required = b.required.contains(name);
            self.property_added(found, (original, a), name, (update.child(*node), is_required));
            found.path.pop();
        }
    }

    fn property_removed(&mut self, found: &mut Found, from: At, name: &str, (update, b): Side<'a>) {
        if self.is_open(update, b) {
            return found.add("PROPERTY_REMOVED_FROM_OPEN_CONTENT_MODEL");
        }
        if let Some(cover) = self.cover(update, b, name) {
            let mut inner = found.fork();
            self.compare(&mut inner, Some(from), Some(update.child(cover)));
            let is_compatible = inner.is_compatible();
            found.changes.append(&mut inner.changes);
            return found.add(if is_compatible {
                "PROPERTY_REMOVED_IS_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL"
            } else {
                "PROPERTY_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL"
            });
        }
        found.add(if matches!(self.kind(from), Kind::False) {
            "PROPERTY_WITH_FALSE_REMOVED_FROM_CLOSED_CONTENT_MODEL"
        } else {
            "PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL"
        });
    }

    fn property_added(
        &mut self,
        found: &mut Found,
        (original, a): Side<'a>,
        name: &str,
        (to, is_required): (At, bool),
    ) {
        let has_default = self.node(to).default.is_some();
        if self.is_open(original, a) {
            return found.add(match self.kind(to) {
                Kind::Empty => "PROPERTY_WITH_EMPTY_SCHEMA_ADDED_TO_OPEN_CONTENT_MODEL",
                _ if is_required && has_default => {
                    "REQUIRED_PROPERTY_WITH_DEFAULT_ADDED_TO_OPEN_CONTENT_MODEL"
                }
                _ if is_required => "REQUIRED_PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL",
                _ => "OPTIONAL_PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL",
            });
        }
        if let Some(cover) = self.cover(original, a, name) {
            let mut inner = found.fork();
            self.compare(&mut inner, Some(original.child(cover)), Some(to));
            let is_compatible = inner.is_compatible();
            found.changes.append(&mut inner.changes);
            found.add(if is_compatible {
                "PROPERTY_ADDED_IS_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL"
            } else {
                "PROPERTY_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL"
            });
        }
        found.add(match (is_required, has_default) {
            (true, true) => "REQUIRED_PROPERTY_WITH_DEFAULT_ADDED_TO_UNOPEN_CONTENT_MODEL",
            (true, false) => "REQUIRED_PROPERTY_ADDED_TO_UNOPEN_CONTENT_MODEL",
            (false, _) => "OPTIONAL_PROPERTY_ADDED_TO_UNOPEN_CONTENT_MODEL",
        });
    }

    /// Whether an object may have any other property.
    fn is_open(&self, side: At, object: &ObjectKeywords) -> bool {
        object.additional == Additional::Anything
            && object.patterns.is_empty()
            && object.unevaluated.is_none_or(|node| matches!(self.kind(side.child(node)), Kind::Empty))
    }

    /// The schema that a property without its own has to fulfil.
    fn cover(&mut self, side: At, object: &'a ObjectKeywords, name: &str) -> Option<NodeId> {
        let matching = object
            .patterns
            .iter()
            .find(|(pattern, _)| self.patterns.is_match(pattern, name, &mut self.budget));
        if let Some((_, node)) = matching {
            return Some(*node);
        }
        match object.additional {
            Additional::Schema(node) => Some(node),
            Additional::Nothing => None,
            Additional::Anything => object
                .unevaluated
                .filter(|node| !matches!(self.kind(side.child(*node)), Kind::Empty | Kind::False)),
        }
    }

    fn compare_dependencies(&mut self, found: &mut Found, (original, a): Side<'_>, (update, b): Side<'_>) {
        let names: BTreeSet<&String> =
            a.property_dependencies.keys().chain(b.property_dependencies.keys()).collect();
        for name in names {
            let kind = match (a.property_dependencies.get(name), b.property_dependencies.get(name)) {
                (_, None) => "DEPENDENCY_ARRAY_REMOVED",
                (None, _) => "DEPENDENCY_ARRAY_ADDED",
                (Some(a), Some(b)) if a == b => continue,
                (Some(a), Some(b)) if b.is_superset(a) => "DEPENDENCY_ARRAY_EXTENDED",
                (Some(a), Some(b)) if a.is_superset(b) => "DEPENDENCY_ARRAY_NARROWED",
                _ => "DEPENDENCY_ARRAY_CHANGED",
            };
            found.add_at(name, kind);
        }
        let names: BTreeSet<&String> =
            a.schema_dependencies.keys().chain(b.schema_dependencies.keys()).collect();
        for name in names {
            found.path.push(name.clone());
            match (a.schema_dependencies.get(name), b.schema_dependencies.get(name)) {
                (_, None) => found.add("DEPENDENCY_SCHEMA_REMOVED"),
                (None, _) => found.add("DEPENDENCY_SCHEMA_ADDED"),
                (Some(a), Some(b)) => self.compare(found, Some(original.child(*a)), Some(update.child(*b))),
            }
            found.path.pop();
        }
    }

    /// `additionalProperties` or `additionalItems`.
    pub(super) fn compare_additional(
        &mut self,
        found: &mut Found,
        (original, a): (At, Additional),
        (update, b): (At, Additional),
        [added, removed, extended, narrowed]: [&'static str; 4],
    ) {
        match (a, b) {
            (Additional::Nothing, Additional::Nothing) | (Additional::Anything, Additional::Anything) => {}
            (Additional::Nothing, _) => found.add(added),
            (_, Additional::Nothing) => found.add(removed),
            (Additional::Anything, Additional::Schema(_)) => found.add(narrowed),
            (Additional::Schema(_), Additional::Anything) => found.add(extended),
            (Additional::Schema(a), Additional::Schema(b)) => {
                self.compare(found, Some(original.child(a)), Some(update.child(b)));
            }
        }
    }

    /// `unevaluatedProperties` or `unevaluatedItems`.
    pub(super) fn compare_unevaluated(
        &mut self,
        found: &mut Found,
        (original, a): (At, Option<NodeId>),
        (update, b): (At, Option<NodeId>),
        [added, removed, extended, narrowed]: [&'static str; 4],
    ) {
        let kind = |side: At, node: Option<NodeId>| node.map(|node| self.kind(side.child(node)));
        match (kind(original, a), kind(update, b)) {
            (None, None)
            | (Some(Kind::False), Some(Kind::False))
            | (Some(Kind::Empty), Some(Kind::Empty)) => {}
            (None | Some(_), Some(Kind::False)) => found.add(removed),
            (Some(Kind::False), _) => found.add(added),
            (Some(_), None | Some(Kind::Empty)) => found.add(extended),
            (None | Some(Kind::Empty), Some(_)) => found.add(narrowed),
            (Some(_), Some(_)) => {
                self.compare(found, a.map(|node| original.child(node)), b.map(|node| update.child(node)));
            }
        }
    }
}

/// Added, removed, extended, narrowed.
const ADDITIONAL_PROPERTIES: [&str; 4] = [
    "ADDITIONAL_PROPERTIES_ADDED",
    "ADDITIONAL_PROPERTIES_REMOVED",
    "ADDITIONAL_PROPERTIES_EXTENDED",
    "ADDITIONAL_PROPERTIES_NARROWED",
];
const UNEVALUATED_PROPERTIES: [&str; 4] = [
    "UNEVALUATED_PROPERTIES_ADDED",
    "UNEVALUATED_PROPERTIES_REMOVED",
    "UNEVALUATED_PROPERTIES_EXTENDED",
    "UNEVALUATED_PROPERTIES_NARROWED",
];
