//! Strings, numbers and enums.

use std::collections::HashSet;

use super::Found;
use crate::format::json_schema::model::{NumberKeywords, StringKeywords};
use crate::json::{Hashed, Hashes, Json, Number};

/// The names of a limit's changes: added, removed, increased, decreased.
pub(super) type LimitNames = [&'static str; 4];

/// Compares a limit that both may lack.
pub(super) fn compare_limits<T: PartialOrd>(
    found: &mut Found,
    keyword: &str,
    a: Option<T>,
    b: Option<T>,
    names: LimitNames,
) {
    let [added, removed, increased, decreased] = names;
    match (a, b) {
        (None, Some(_)) => found.add_at(keyword, added),
        (Some(_), None) => found.add_at(keyword, removed),
        (Some(a), Some(b)) if a < b => found.add_at(keyword, increased),
        (Some(a), Some(b)) if a > b => found.add_at(keyword, decreased),
        _ => {}
    }
}

pub(super) fn compare_strings(found: &mut Found, a: &StringKeywords, b: &StringKeywords) {
    let names = ["MAX_LENGTH_ADDED", "MAX_LENGTH_REMOVED", "MAX_LENGTH_INCREASED", "MAX_LENGTH_DECREASED"];
    compare_limits(found, "maxLength", a.max_length, b.max_length, names);
    let names = ["MIN_LENGTH_ADDED", "MIN_LENGTH_REMOVED", "MIN_LENGTH_INCREASED", "MIN_LENGTH_DECREASED"];
    compare_limits(found, "minLength", a.min_length, b.min_length, names);
    match (&a.pattern, &b.pattern) {
        (None, Some(_)) => found.add_at("pattern", "PATTERN_ADDED"),
        (Some(_), None) => found.add_at("pattern", "PATTERN_REMOVED"),
        (Some(a), Some(b)) if a != b => found.add_at("pattern", "PATTERN_CHANGED"),
        _ => {}
    }
}

pub(super) fn compare_numbers(found: &mut Found, a: &NumberKeywords, b: &NumberKeywords) {
    let mut limit = |keyword: &str, a: &Option<Number>, b: &Option<Number>, names: LimitNames| {
        compare_limits(found, keyword, a.as_ref().map(Number::as_f64), b.as_ref().map(Number::as_f64), names);
    };
    limit(
        "maximum",
        &a.maximum,
        &b.maximum,
        ["MAXIMUM_ADDED", "MAXIMUM_REMOVED", "MAXIMUM_INCREASED", "MAXIMUM_DECREASED"],
    );
    limit(
        "minimum",
        &a.minimum,
        &b.minimum,
        ["MINIMUM_ADDED", "MINIMUM_REMOVED", "MINIMUM_INCREASED", "MINIMUM_DECREASED"],
    );
    let names = [
        "EXCLUSIVE_MAXIMUM_ADDED",
        "EXCLUSIVE_MAXIMUM_REMOVED",
        "EXCLUSIVE_MAXIMUM_INCREASED",
        "EXCLUSIVE_MAXIMUM_DECREASED",
    ];
    limit("exclusiveMaximum", &a.exclusive_maximum, &b.exclusive_maximum, names);
    let names = [
        "EXCLUSIVE_MINIMUM_ADDED",
        "EXCLUSIVE_MINIMUM_REMOVED",
        "EXCLUSIVE_MINIMUM_INCREASED",
        "EXCLUSIVE_MINIMUM_DECREASED",
    ];
    limit("exclusiveMinimum", &a.exclusive_minimum, &b.exclusive_minimum, names);
    compare_multiples(found, a.multiple_of.as_ref(), b.multiple_of.as_ref());
    match (a.is_integer, b.is_integer) {
        (true, false) => found.add("TYPE_EXTENDED"),
        (false, true) => found.add("TYPE_NARROWED"),
        _ => {}
    }
}

fn compare_multiples(found: &mut Found, a: Option<&Number>, b: Option<&Number>) {
    let kind = match (a.map(Number::as_f64), b.map(Number::as_f64)) {
        (None, Some(_)) => "MULTIPLE_OF_ADDED",
        (Some(_), None) => "MULTIPLE_OF_REMOVED",
        (Some(a), Some(b)) if (a - b).abs() <= f64::EPSILON * a.abs() => return,
        (Some(a), Some(b)) if is_multiple(b, a) => "MULTIPLE_OF_EXPANDED",
        (Some(a), Some(b)) if is_multiple(a, b) => "MULTIPLE_OF_REDUCED",
        (Some(_), Some(_)) => "MULTIPLE_OF_CHANGED",
        (None, None) => return,
    };
    found.add_at("multipleOf", kind);
}

/// Whether a decimal number is a multiple of another; written decimals are not exact in binary.
fn is_multiple(number: f64, of: f64) -> bool {
    let quotient = number / of;
    (quotient - quotient.round()).abs() < 1e-9 && quotient.round() != 0.0
}

pub(super) fn compare_enums<'a>(found: &mut Found, a: &'a [Json], b: &'a [Json]) {
    let mut hashes = Hashes::default();
    let mut set =
        |values: &'a [Json]| values.iter().map(|value| hashes.of(value)).collect::<HashSet<Hashed<'a>>>();
    let (a, b) = (set(a), set(b));
    let kind = match (b.is_superset(&a), a.is_superset(&b)) {
        (true, true) => return,
        (true, false) => "ENUM_ARRAY_EXTENDED",
        (false, true) => "ENUM_ARRAY_NARROWED",
        (false, false) => "ENUM_ARRAY_CHANGED",
    };
    found.add_at("enum", kind);
}
