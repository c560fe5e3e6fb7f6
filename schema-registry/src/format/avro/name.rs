//! Names of records, enums and fixed types.

use super::model::{AvroError, PRIMITIVES};
use super::parse::Validation;

/// A full name: the name, and the namespace it lies in, if any.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Name {
    pub(super) name: String,
    pub(super) space: Option<String>,
}

impl Name {
    /// A name within a namespace, which a dot in the name overrules.
    pub(super) fn new(name: &str, space: Option<&str>, validation: Validation) -> Result<Self, AvroError> {
        let (space, name) = match name.rsplit_once('.') {
            Some((space, name)) => (Some(space), name),
            None => (space, name),
        };
        check(name, validation)?;
        Ok(Self { name: name.to_owned(), space: space.filter(|space| !space.is_empty()).map(str::to_owned) })
    }

    pub(super) fn full(&self) -> String {
        match &self.space {
            Some(space) => format!("{space}.{}", self.name),
            None => self.name.clone(),
        }
    }

    /// As it has to be written within a namespace: short where that names the same.
    pub(super) fn qualified(&self, current: Option<&str>) -> String {
        let is_here = self.space.is_some() && self.space.as_deref() == current;
        if is_here && !is_type_name(&self.name) { self.name.clone() } else { self.full() }
    }

    /// A namespace's parts must be names, too.
    pub(super) fn check_space(&self, validation: Validation) -> Result<(), AvroError> {
        let Some(space) = &self.space else { return Ok(()) };
        if validation == Validation::Lenient {
            return Ok(());
        }
        for part in space.split('.') {
            if let Some(error) = error_in(part, char::is_ascii_alphabetic) {
                return Err(AvroError::Namespace { part: part.to_owned(), error });
            }
        }
        Ok(())
    }
}

/// Letters, digits and underscores, not beginning with a digit: of ASCII in new schemas, of any script in old ones.
pub(super) fn check(name: &str, validation: Validation) -> Result<(), AvroError> {
    let error = match validation {
        Validation::Strict => error_in(name, char::is_ascii_alphabetic),
        Validation::Lenient => error_in(name, |c| c.is_alphabetic()),
    };
    error.map_or(Ok(()), |error| Err(AvroError::Name(error)))
}

fn error_in(name: &str, is_letter: impl Fn(&char) -> bool) -> Option<String> {
    let Some(first) = name.chars().next() else { return Some("Empty name".to_owned()) };
    if !is_letter(&first) && first != '_' {
        return Some(format!("Illegal initial character: {name}"));
    }
    let is_digit = |c: &char| c.is_ascii_digit() || (!c.is_ascii() && is_letter(&'é') && c.is_numeric());
    let is_good = name.chars().all(|c| is_letter(&c) || is_digit(&c) || c == '_');
    if is_good { None } else { Some(format!("Illegal character in: {name}")) }
}

/// Names that mean a type where they are not qualified.
fn is_type_name(name: &str) -> bool {
    PRIMITIVES.iter().any(|(primitive, _)| *primitive == name)
        || ["record", "enum", "array", "map", "union", "fixed"].contains(&name)
}
