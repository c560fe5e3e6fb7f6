//! Every declared setting with its value, from what was given and the defaults.

use super::declaration::{Declaration, DefaultValue, Effect};
use super::declarations;
use super::error::{ConfigError, ConfigErrors};
use super::notice::Notice;
use super::settings::{Origin, Setting, Settings};
use super::value::Value;
use std::collections::BTreeMap;

/// The values of all broker settings.
#[derive(Debug, Clone)]
pub(super) struct Resolved<'a> {
    settings: &'a Settings,
    values: BTreeMap<&'static str, Value>,
}

/// A type that a setting's value can be read as.
pub(super) trait FromValue: Sized {
    fn from_value(value: &Value) -> Option<Self>;
}

macro_rules! from_number {
    ($($number:ty),*) => {
        $(impl FromValue for $number {
            fn from_value(value: &Value) -> Option<Self> {
                match value {
                    Value::Number(number) => Self::try_from(*number).ok(),
                    _ => None,
                }
            }
        })*
    };
}

from_number!(i16, i32, i64, u32, u64, usize);

impl FromValue for bool {
    fn from_value(value: &Value) -> Option<Self> {
        if let Value::Boolean(value) = value { Some(*value) } else { None }
    }
}

impl FromValue for f64 {
    fn from_value(value: &Value) -> Option<Self> {
        if let Value::Double(value) = value { Some(*value) } else { None }
    }
}

impl FromValue for String {
    fn from_value(value: &Value) -> Option<Self> {
        if let Value::Text(text) = value { Some(text.clone()) } else { None }
    }
}

impl FromValue for Vec<String> {
    fn from_value(value: &Value) -> Option<Self> {
        if let Value::List(items) = value { Some(items.clone()) } else { None }
    }
}

impl<T: FromValue> FromValue for Option<T> {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Null => Some(None),
            value => T::from_value(value).map(Some),
        }
    }
}

impl<'a> Resolved<'a> {
    /// Checks each setting by itself.
    pub(super) fn new(settings: &'a Settings) -> Result<(Self, Vec<Notice>), ConfigErrors> {
        let mut errors = Vec::new();
        let mut values = BTreeMap::new();
        for (name, declaration) in declarations::broker() {
            match resolve(declaration, settings.get(name)) {
                Ok(value) => {
                    values.insert(*name, value);
                }
                Err(error) => errors.push(error),
            }
        }
        if errors.is_empty() {
            let resolved = Self { settings, values };
            let notices = resolved.notices();
            Ok((resolved, notices))
        } else {
            Err(ConfigErrors(errors))
        }
    }

    fn notices(&self) -> Vec<Notice> {
        let mut notices = Vec::new();
        for (name, setting) in self.settings.iter() {
            match declarations::broker().get(base_name(name)) {
                None => notices.push(Notice::unknown(name, &setting.origin)),
                Some(declaration) => {
                    let changed = self.values.get(name) != Some(&Value::default_of(declaration));
                    if let (Effect::Without(reason), true) = (declaration.effect, changed) {
                        notices.push(Notice::WithoutEffect { name: name.to_owned(), reason });
                    }
                }
            }
        }
        notices
    }

    /// The value of a declared setting.
    pub(super) fn value(&self, name: &str) -> &Value {
        self.values.get(name).unwrap_or(&Value::Null)
    }

    /// The value of a declared setting as a Rust type.
    pub(super) fn read<T: FromValue>(&self, name: &str) -> Result<T, ConfigError> {
        let value = self.value(name);
        match (T::from_value(value), value) {
            (Some(read), _) => Ok(read),
            (None, Value::Null) => Err(ConfigError::Missing { name: name.to_owned() }),
            (None, value) => Err(self.invalid(name, &value.to_string(), "Value is out of range")),
        }
    }

    /// What is set for single listeners as `listener.name.NAME.` and then `base`: the listener, the setting's whole name, its
    /// value.
    pub(super) fn of_listeners(&self, base: &str) -> impl Iterator<Item = (&'a str, &'a str, &'a str)> {
        self.settings.iter().filter_map(move |(name, setting)| {
            let listener = name.strip_prefix("listener.name.")?.strip_suffix(base)?.strip_suffix('.')?;
            Some((listener, name, setting.value.as_str()))
        })
    }

    /// Whether somebody set it.
    pub(super) fn is_set(&self, name: &str) -> bool {
        self.settings.get(name).is_some()
    }

    /// Where the setting stands.
    pub(super) fn origin(&self, name: &str) -> Origin {
        self.settings.get(name).map_or(Origin::Assumed, |setting| setting.origin.clone())
    }

    /// The error for a value that its type and validator let through.
    pub(super) fn invalid(&self, name: &str, value: &str, allowed: &str) -> ConfigError {
        ConfigError::Invalid {
            name: name.to_owned(),
            message: invalid_value(name, value, allowed),
            origin: self.origin(name),
        }
    }

    /// The error for settings that do not go together.
    pub(super) fn conflict(&self, name: &str, message: impl Into<String>) -> ConfigError {
        ConfigError::Conflict { name: name.to_owned(), message: message.into(), origin: self.origin(name) }
    }

    /// The error for a value that is known and does not work yet.
    pub(super) fn refused(&self, name: &str, reason: impl Into<String>) -> ConfigError {
        ConfigError::Refused {
            name: name.to_owned(),
            value: self.value(name).to_string(),
            origin: self.origin(name),
            reason: reason.into(),
        }
    }
}

/// Kafka's words for a value that a setting does not take.
pub(super) fn invalid_value(name: &str, value: &str, allowed: &str) -> String {
    format!("Invalid value {value} for configuration {name}: {allowed}")
}

/// The name without `listener.name.<listener>.` in front, and without a SASL mechanism behind that.
pub(super) fn base_name(name: &str) -> &str {
    let Some((_, rest)) = name.strip_prefix("listener.name.").and_then(|rest| rest.split_once('.')) else {
        return name;
    };
    let table = declarations::broker();
    match rest.split_once('.') {
        Some((_, inner)) if !table.contains_key(rest) && table.contains_key(inner) => inner,
        _ => rest,
    }
}

fn resolve(declaration: &Declaration, setting: Option<&Setting>) -> Result<Value, ConfigError> {
    let Some(setting) = setting else {
        return match declaration.default {
            DefaultValue::Required => Err(ConfigError::Missing { name: declaration.name.to_owned() }),
            DefaultValue::Null | DefaultValue::Value(_) => Ok(Value::default_of(declaration)),
        };
    };
    let value = Value::parse(declaration, &setting.value).map_err(|message| ConfigError::Invalid {
        name: declaration.name.to_owned(),
        message,
        origin: setting.origin.clone(),
    })?;
    check_not_refused(declaration, &value, &setting.origin)?;
    Ok(value)
}

/// Refuses a value that would harm if it were ignored.
pub(super) fn check_not_refused(
    declaration: &Declaration,
    value: &Value,
    origin: &Origin,
) -> Result<(), ConfigError> {
    let Effect::Refused(reason) = declaration.effect else { return Ok(()) };
    if *value == Value::default_of(declaration) || value.to_string().is_empty() {
        return Ok(());
    }
    Err(ConfigError::Refused {
        name: declaration.name.to_owned(),
        value: if declaration.is_sensitive() { "[hidden]".into() } else { value.to_string() },
        origin: origin.clone(),
        reason: reason.to_owned(),
    })
}
