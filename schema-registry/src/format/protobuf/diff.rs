//! What changed between an older and a newer file (the rules of Confluent's `SchemaDiff`): messages are compared by name,
//! fields by number. Groups, extensions and services are not compared.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::difference::{ProtobufDifference, ProtobufDifferenceKind};
use super::field_diff;
use super::model::{Enum, Field, File, Label, Message, TypeDef};
use super::scope::{Scope, join};

/// How deep messages of other files may lie in each other.
const DEPTH_MAX: usize = 200;
/// How many pairs of messages are compared.
const PAIRS_MAX: usize = 100_000;

/// All that changed, what is compatible as well as what is not.
pub(super) fn changes(
    (original, original_scope): (&File, &Scope<'_>),
    (update, update_scope): (&File, &Scope<'_>),
) -> Vec<ProtobufDifference> {
    let mut diff = Diff {
        original: original_scope,
        update: update_scope,
        changes: Vec::new(),
        in_progress: HashSet::new(),
        depth: 0,
        pairs: 0,
        is_too_large: false,
    };
    let package = |file: &File| file.package.clone().unwrap_or_default();
    let mut place = Place {
        original_package: package(original),
        update_package: package(update),
        names: Vec::new(),
        path: Vec::new(),
    };
    if original.package != update.package {
        diff.add(&place, "PACKAGE_CHANGED");
    }
    diff.compare_types(&mut place, &original.types, &update.types);
    diff.changes
}

pub(super) struct Diff<'a> {
    pub(super) original: &'a Scope<'a>,
    pub(super) update: &'a Scope<'a>,
    changes: Vec<ProtobufDifference>,
    /// Messages of the original that are being compared, by full name.
    in_progress: HashSet<String>,
    depth: usize,
    pairs: usize,
    is_too_large: bool,
}

/// Where in both files something is compared.
#[derive(Debug, Clone)]
pub(super) struct Place {
    original_package: String,
    update_package: String,
    /// The messages that lead here.
    names: Vec<String>,
    /// The same with oneofs and numbers.
    path: Vec<String>,
}

impl Place {
    /// A message of another file, from its packages and its name within them.
    pub(super) fn elsewhere(original_package: &str, update_package: &str, local_name: &str) -> Self {
        let names: Vec<String> = local_name.split('.').map(str::to_owned).collect();
        Self {
            original_package: original_package.to_owned(),
            update_package: update_package.to_owned(),
            path: names.clone(),
            names,
        }
    }

    pub(super) fn in_original(&self) -> String {
        join(&self.original_package, &self.names.join("."))
    }

    pub(super) fn in_update(&self) -> String {
        join(&self.update_package, &self.names.join("."))
    }

    fn enter_name<T>(&mut self, name: &str, look: impl FnOnce(&mut Self) -> T) -> T {
        self.names.push(name.to_owned());
        let result = self.enter(&[name], look);
        self.names.pop();
        result
    }

    fn enter<T>(&mut self, tokens: &[&str], look: impl FnOnce(&mut Self) -> T) -> T {
        let length = self.path.len();
        self.path.extend(tokens.iter().map(|token| (*token).to_owned()));
        let result = look(self);
        self.path.truncate(length);
        result
    }
}

/// A message's fields by number, each with the name of the oneof that it is in.
type Fields<'a> = BTreeMap<i32, (&'a Field, Option<&'a str>)>;

fn fields_of(message: &Message) -> Fields<'_> {
    let fields = message.all_fields();
    fields.map(|(field, oneof)| (field.tag, (field, oneof.map(|oneof| oneof.name.as_str())))).collect()
}

impl Diff<'_> {
    pub(super) fn add(&mut self, place: &Place, kind: &'static str) {
        let path = format!("#/{}", place.path.join("/"));
        self.changes.push(ProtobufDifference { kind: ProtobufDifferenceKind(kind), path });
    }

    fn add_at(&mut self, place: &mut Place, tokens: &[&str], kind: &'static str) {
        place.enter(tokens, |place| self.add(place, kind));
    }

    fn compare_types(&mut self, place: &mut Place, original: &[TypeDef], update: &[TypeDef]) {
        let (before, after) = (messages(original), messages(update));
        for name in names(&before, &after) {
            place.enter_name(name, |place| {
                let (old, new) = (position(&before, name), position(&after, name));
                match (old, new) {
                    (Some((_, old)), None) if old.as_map_entry().is_none() => {
                        self.add(place, "MESSAGE_REMOVED");
                    }
                    (None, Some((_, new))) if new.as_map_entry().is_none() => {
                        self.add(place, "MESSAGE_ADDED");
                    }
                    (Some((old_at, old)), Some((new_at, new))) => {
                        self.compare_messages(place, old, new);
                        if old_at != new_at {
                            self.add(place, "MESSAGE_MOVED");
                        }
                    }
                    _ => {}
                }
            });
        }
        let (before, after) = (enums(original), enums(update));
        for name in names(&before, &after) {
            place.enter_name(name, |place| match (position(&before, name), position(&after, name)) {
                (Some(_), None) => self.add(place, "ENUM_REMOVED"),
                (None, Some(_)) => self.add(place, "ENUM_ADDED"),
                (Some((_, old)), Some((_, new))) => self.compare_enums(place, old, new),
                (None, None) => {}
            });
        }
    }

    fn compare_enums(&mut self, place: &mut Place, original: &Enum, update: &Enum) {
        let by_tag = |definition: &Enum| -> BTreeMap<i32, String> {
            definition.constants.iter().map(|constant| (constant.tag, constant.name.clone())).collect()
        };
        let (before, after) = (by_tag(original), by_tag(update));
        let tags: BTreeSet<i32> = before.keys().chain(after.keys()).copied().collect();
        for tag in tags {
            let kind = match (before.get(&tag), after.get(&tag)) {
                (Some(_), None) => "ENUM_CONST_REMOVED",
                (None, Some(_)) => "ENUM_CONST_ADDED",
                (old, new) if old != new => "ENUM_CONST_CHANGED",
                _ => continue,
            };
            self.add_at(place, &[&tag.to_string()], kind);
        }
    }

    fn compare_messages(&mut self, place: &mut Place, original: &Message, update: &Message) {
        self.pairs += 1;
        if self.pairs > PAIRS_MAX {
            self.give_up(place);
        }
        if self.is_too_large {
            return;
        }
        let name = place.in_original();
        if self.in_progress.insert(name.clone()) {
            self.compare_fields(place, original, update);
            self.in_progress.remove(&name);
        }
        self.compare_types(place, &original.types, &update.types);
    }

    fn give_up(&mut self, place: &Place) {
        if !self.is_too_large {
            self.is_too_large = true;
            self.add(place, "COMPARISON_TOO_LARGE");
        }
    }

    /// Messages of other files. Whether the newer one reads all that the older one wrote; the changes are kept.
    pub(super) fn compare_elsewhere(
        &mut self,
        mut place: Place,
        original: &Message,
        update: &Message,
    ) -> bool {
        if self.depth == DEPTH_MAX {
            self.give_up(&place);
            return false;
        }
        let first = self.changes.len();
        self.depth += 1;
        self.compare_messages(&mut place, original, update);
        self.depth -= 1;
        self.changes[first..].iter().all(|change| change.kind.is_compatible())
    }

    fn compare_fields(&mut self, place: &mut Place, original: &Message, update: &Message) {
        let (before, after) = (fields_of(original), fields_of(update));
        self.compare_exclusions(place, &before, update);
        self.compare_oneof_names(place, original, update);
        let deleted = deleted_oneofs(original, update, &after);
        let tags: BTreeSet<i32> = before.keys().chain(after.keys()).copied().collect();
        for tag in tags {
            let number = tag.to_string();
            match (before.get(&tag), after.get(&tag)) {
                (Some((_, Some(oneof))), None) if !deleted.contains(oneof) => {
                    self.add_at(place, &[oneof, &number], "ONEOF_FIELD_REMOVED");
                }
                (Some((field, None)), None) => {
                    let is_required = field.label == Some(Label::Required);
                    let kind = if is_required { "REQUIRED_FIELD_REMOVED" } else { "FIELD_REMOVED" };
                    self.add_at(place, &[&number], kind);
                }
                (None, Some((_, Some(oneof)))) => {
                    self.add_at(place, &[oneof, &number], "ONEOF_FIELD_ADDED");
                }
                (None, Some((field, None))) => {
                    let is_required = field.label == Some(Label::Required);
                    let kind = if is_required { "REQUIRED_FIELD_ADDED" } else { "FIELD_ADDED" };
                    self.add_at(place, &[&number], kind);
                }
                (Some((old, old_oneof)), Some((new, new_oneof))) => {
                    if old_oneof.is_some() && new_oneof.is_none() {
                        self.add_at(place, &[&number], "ONEOF_FIELD_MOVED_TO_TOP_LEVEL");
                    }
                    let tokens: Vec<&str> = new_oneof.iter().copied().chain([number.as_str()]).collect();
                    place.enter(&tokens, |place| field_diff::compare(self, place, old, new));
                }
                (Some(_) | None, None) => {}
            }
        }
    }

    /// Fields that could be set together before, and cannot any more.
    fn compare_exclusions(&mut self, place: &mut Place, before: &Fields<'_>, update: &Message) {
        for oneof in &update.oneofs {
            let known = oneof.fields.iter().filter_map(|field| Some((field.tag, before.get(&field.tag)?.1)));
            let known: Vec<(i32, Option<&str>)> = known.collect();
            let outside = known.iter().filter(|(_, oneof)| oneof.is_none()).count();
            let oneofs: BTreeSet<&str> = known.iter().filter_map(|(_, oneof)| *oneof).collect();
            if outside + oneofs.len() > 1 {
                let kind = if outside > 1 {
                    "MULTIPLE_FIELDS_MOVED_TO_ONEOF"
                } else {
                    "FIELD_MOVED_TO_EXISTING_ONEOF"
                };
                self.add_at(place, &[&oneof.name], kind);
            }
        }
    }

    fn compare_oneof_names(&mut self, place: &mut Place, original: &Message, update: &Message) {
        let names = |message: &Message| -> BTreeSet<String> {
            message.oneofs.iter().map(|oneof| oneof.name.clone()).collect()
        };
        let (before, after) = (names(original), names(update));
        for name in before.union(&after) {
            if !after.contains(name) {
                self.add_at(place, &[name], "ONEOF_REMOVED");
            } else if !before.contains(name) {
                self.add_at(place, &[name], "ONEOF_ADDED");
            }
        }
    }
}

/// Oneofs that are gone together with all of their fields.
fn deleted_oneofs<'a>(original: &'a Message, update: &Message, after: &Fields<'_>) -> BTreeSet<&'a str> {
    let gone = original.oneofs.iter().filter(|oneof| {
        update.oneofs.iter().all(|other| other.name != oneof.name)
            && oneof.fields.iter().all(|field| !after.contains_key(&field.tag))
    });
    gone.map(|oneof| oneof.name.as_str()).collect()
}

type Named<'a, T> = Vec<(&'a str, &'a T)>;

fn messages(types: &[TypeDef]) -> Named<'_, Message> {
    let messages = types.iter().filter_map(TypeDef::as_message);
    messages.map(|message| (message.name.as_str(), message)).collect()
}

fn enums(types: &[TypeDef]) -> Named<'_, Enum> {
    let enums = types.iter().filter_map(|definition| match definition {
        TypeDef::Enum(definition) => Some((definition.name.as_str(), definition)),
        TypeDef::Message(_) => None,
    });
    enums.collect()
}

/// The names of the older file in its order, then those that are new.
fn names<'a, T>(before: &[(&'a str, &'a T)], after: &[(&'a str, &'a T)]) -> Vec<&'a str> {
    let mut seen = HashSet::new();
    before.iter().chain(after).map(|(name, _)| *name).filter(|name| seen.insert(*name)).collect()
}

fn position<'a, T>(named: &[(&'a str, &'a T)], name: &str) -> Option<(usize, &'a T)> {
    let found = named.iter().enumerate().find(|(_, (known, _))| *known == name);
    found.map(|(at, (_, definition))| (at, *definition))
}
