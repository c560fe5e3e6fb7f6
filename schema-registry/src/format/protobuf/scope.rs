//! The types and extensions that a file can name, and what a name stands for.

use std::collections::HashMap;

use super::model::{Extend, Field, File, Message, TypeDef};

/// A type that can be named.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known<'a> {
    /// The package of its file; empty without one.
    pub(super) package: &'a str,
    pub(super) definition: &'a TypeDef,
    /// Whether it is of the file itself, not of one that it refers to.
    pub(super) is_local: bool,
}

/// What is known by full names.
#[derive(Debug, Default)]
pub(super) struct Scope<'a> {
    types: HashMap<String, Known<'a>>,
    extensions: HashMap<String, &'a Field>,
}

impl<'a> Scope<'a> {
    /// The scope of a file; where a name is defined twice, the file itself comes last.
    pub(super) fn of(file: &'a File, dependencies: impl IntoIterator<Item = &'a File>) -> Self {
        let mut scope = Self::default();
        for dependency in dependencies {
            scope.add(dependency, false);
        }
        scope.add(file, true);
        scope
    }

    fn add(&mut self, file: &'a File, is_local: bool) {
        let package = file.package.as_deref().unwrap_or_default();
        self.add_extensions(&file.extends, package);
        for definition in &file.types {
            self.add_type(definition, package, package, is_local);
        }
    }

    fn add_type(&mut self, definition: &'a TypeDef, prefix: &str, package: &'a str, is_local: bool) {
        let full = join(prefix, definition.name());
        if let TypeDef::Message(message) = definition {
            self.add_extensions(&message.extends, &full);
        }
        for nested in definition.nested() {
            self.add_type(nested, &full, package, is_local);
        }
        self.types.insert(full, Known { package, definition, is_local });
    }

    fn add_extensions(&mut self, extends: &'a [Extend], prefix: &str) {
        for field in extends.iter().flat_map(|extend| &extend.fields) {
            self.extensions.insert(join(prefix, &field.name), field);
        }
    }

    /// The full name of the type that a name stands for in a place: a package, or a message with its package.
    pub(super) fn resolve(&self, name: &str, place: &str) -> Option<String> {
        search(name, place, |full| self.types.contains_key(full))
    }

    /// The same for an extension.
    pub(super) fn resolve_extension(&self, name: &str, place: &str) -> Option<String> {
        search(name, place, |full| self.extensions.contains_key(full))
    }

    pub(super) fn get(&self, full: &str) -> Option<Known<'a>> {
        self.types.get(full).copied()
    }

    pub(super) fn extension(&self, full: &str) -> Option<&'a Field> {
        self.extensions.get(full).copied()
    }

    /// The type that a name stands for in a place.
    pub(super) fn find(&self, name: &str, place: &str) -> Option<Known<'a>> {
        self.get(&self.resolve(name, place)?)
    }

    /// The message that a name stands for in a place.
    pub(super) fn find_message(&self, name: &str, place: &str) -> Option<&'a Message> {
        self.find(name, place)?.definition.as_message()
    }
}

/// A name within a package or message; that may be empty.
pub(super) fn join(prefix: &str, name: &str) -> String {
    if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") }
}

/// From the innermost place outwards. A name that begins with a dot is a full one.
fn search(name: &str, place: &str, is_known: impl Fn(&str) -> bool) -> Option<String> {
    if let Some(full) = name.strip_prefix('.') {
        return is_known(full).then(|| full.to_owned());
    }
    let mut place = Some(place);
    while let Some(here) = place {
        let full = join(here, name);
        if is_known(&full) {
            return Some(full);
        }
        place = match here.rsplit_once('.') {
            Some((outer, _)) => Some(outer),
            None if here.is_empty() => None,
            None => Some(""),
        };
    }
    None
}
