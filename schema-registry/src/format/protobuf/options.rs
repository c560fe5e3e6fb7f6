//! Options in their normalized form: custom ones by full names, one value for each, sorted.

use super::model::{Field, Label, Message, OptionEntry, OptionValue, parse_whole_number};
use super::scope::Scope;

pub(super) struct OptionNormalizer<'a> {
    pub(super) scope: &'a Scope<'a>,
    /// Where names are looked up.
    pub(super) place: &'a str,
}

impl OptionNormalizer<'_> {
    pub(super) fn normalize(&self, options: &[OptionEntry]) -> Vec<OptionEntry> {
        let mut sorted: Vec<OptionEntry> = options.iter().map(|option| self.option(option)).collect();
        sorted.sort_by(|a, b| a.name.cmp(&b.name));
        let mut merged: Vec<OptionEntry> = Vec::new();
        for option in sorted {
            let field = option.is_custom.then(|| self.scope.extension(&option.name)).flatten();
            let single = field.filter(|field| field.label != Some(Label::Repeated));
            if let Some(field) = single
                && let Some(last) = merged.last_mut()
                && last.name == option.name
            {
                let old = std::mem::replace(&mut last.value, OptionValue::List(Vec::new()));
                last.value = self.merge(Some(field), old, option.value);
                continue;
            }
            merged.push(option);
        }
        for option in &mut merged {
            option.value = self.tidy(&option.value);
        }
        merged
    }

    fn option(&self, option: &OptionEntry) -> OptionEntry {
        let resolved =
            option.is_custom.then(|| self.scope.resolve_extension(&option.name, self.place)).flatten();
        match resolved {
            Some(name) => OptionEntry { name, is_custom: true, value: as_map(&option.value) },
            None => option.clone(),
        }
    }

    /// The value of an option, or of a field in one, that is set twice.
    fn merge(&self, field: Option<&Field>, old: OptionValue, new: OptionValue) -> OptionValue {
        let is_single = field.is_some_and(|field| field.label != Some(Label::Repeated));
        let message = field.and_then(|field| self.scope.find_message(&field.field_type, self.place));
        match (old, new) {
            (OptionValue::Map(old), OptionValue::Map(new)) if is_single && message.is_some() => {
                OptionValue::Map(self.merge_maps(message, old, new))
            }
            (_, new) if is_single => new,
            (old, new) => {
                let mut values = into_list(old);
                for value in into_list(new) {
                    if !values.contains(&value) {
                        values.push(value);
                    }
                }
                OptionValue::List(values)
            }
        }
    }

    fn merge_maps(
        &self,
        message: Option<&Message>,
        mut old: Vec<(String, OptionValue)>,
        new: Vec<(String, OptionValue)>,
    ) -> Vec<(String, OptionValue)> {
        for (name, value) in new {
            let Some((_, known)) = old.iter_mut().find(|(known, _)| *known == name) else {
                old.push((name, value));
                continue;
            };
            let field = message.and_then(|message| {
                message.all_fields().map(|(field, _)| field).find(|field| field.name == name)
            });
            let before = std::mem::replace(known, OptionValue::List(Vec::new()));
            *known = self.merge(field, before, value);
        }
        old
    }

    /// Numbers in decimal digits, fields by name, extensions by full names, no lists of one value within messages.
    fn tidy(&self, value: &OptionValue) -> OptionValue {
        match value {
            OptionValue::Number(number) => OptionValue::Number(
                parse_whole_number(number).map_or_else(|| number.clone(), |number| number.to_string()),
            ),
            OptionValue::Map(entries) => {
                let filled = entries
                    .iter()
                    .filter(|(_, value)| !matches!(value, OptionValue::List(values) if values.is_empty()));
                let mut entries: Vec<(String, OptionValue)> =
                    filled.map(|(name, value)| (self.key(name), self.tidy_within(value))).collect();
                entries.sort_by(|a, b| a.0.cmp(&b.0));
                OptionValue::Map(entries)
            }
            OptionValue::List(values) => {
                OptionValue::List(values.iter().map(|value| self.tidy_within(value)).collect())
            }
            OptionValue::Nested(option) => OptionValue::Nested(Box::new(OptionEntry {
                value: self.tidy(&option.value),
                ..(**option).clone()
            })),
            OptionValue::Text(_) | OptionValue::Word(_) => value.clone(),
        }
    }

    fn tidy_within(&self, value: &OptionValue) -> OptionValue {
        match self.tidy(value) {
            OptionValue::List(mut values) if values.len() == 1 => values.remove(0),
            value => value,
        }
    }

    fn key(&self, name: &str) -> String {
        let extension = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
        let full = extension.and_then(|name| self.scope.resolve_extension(name, self.place));
        full.map_or_else(|| name.to_owned(), |full| format!("[{full}]"))
    }
}

/// `(option).field = value` as `(option) = { field: value }`.
fn as_map(value: &OptionValue) -> OptionValue {
    match value {
        OptionValue::Nested(option) => {
            let extension = option.name.strip_prefix('(').and_then(|name| name.strip_suffix(')'));
            let name = extension.map_or_else(|| option.name.clone(), |name| format!("[{name}]"));
            OptionValue::Map(vec![(name, as_map(&option.value))])
        }
        value => value.clone(),
    }
}

fn into_list(value: OptionValue) -> Vec<OptionValue> {
    match value {
        OptionValue::List(values) => values,
        value => vec![value],
    }
}
