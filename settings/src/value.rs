//! The types of settings' values, read from the text that stands in a file.

use std::path::PathBuf;
use std::time::Duration;

use crate::Secret;

/// A type that a setting can have.
pub trait Value: Sized {
    /// What the reference calls the type.
    const TYPE: &'static str;
    /// What the reference calls a list of it.
    const LIST_TYPE: &'static str = "a list with commas";
    /// Whether it must never be shown.
    const IS_SECRET: bool = false;

    /// Reads a trimmed text.
    ///
    /// # Errors
    /// What was expected, as `expected true or false`.
    fn parse(text: &str) -> Result<Self, String>;

    /// The text that [`Value::parse`] reads; nothing that says more for secrets.
    fn text(&self) -> String;

    /// The number that a range is about: bytes, milliseconds or a count.
    fn number(&self) -> Option<i128> {
        None
    }

    /// The error of [`Value::parse`] that names the type.
    fn expected() -> String {
        format!("expected {}", Self::TYPE)
    }
}

macro_rules! integers {
    ($($type:ty => $name:literal),*) => {$(
        impl Value for $type {
            const TYPE: &'static str = $name;

            fn parse(text: &str) -> Result<Self, String> {
                text.parse().map_err(|_| Self::expected())
            }

            fn text(&self) -> String {
                self.to_string()
            }

            fn number(&self) -> Option<i128> {
                i128::try_from(*self).ok()
            }
        }
    )*};
}

integers!(
    i16 => "a number up to 32767",
    u16 => "a number from 0 to 65535",
    i32 => "an int",
    u32 => "a number from 0",
    usize => "a number from 0"
);

impl Value for bool {
    const TYPE: &'static str = "true or false";

    fn parse(text: &str) -> Result<Self, String> {
        match text.to_ascii_lowercase().as_str() {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(Self::expected()),
        }
    }

    fn text(&self) -> String {
        self.to_string()
    }
}

impl Value for String {
    const TYPE: &'static str = "text";

    fn parse(text: &str) -> Result<Self, String> {
        Ok(text.to_owned())
    }

    fn text(&self) -> String {
        self.clone()
    }
}

impl Value for PathBuf {
    const TYPE: &'static str = "a file";

    fn parse(text: &str) -> Result<Self, String> {
        Ok(text.into())
    }

    fn text(&self) -> String {
        self.display().to_string()
    }
}

/// Milliseconds in files.
impl Value for Duration {
    const TYPE: &'static str = "milliseconds";

    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map(Self::from_millis).map_err(|_| Self::expected())
    }

    fn text(&self) -> String {
        self.as_millis().to_string()
    }

    fn number(&self) -> Option<i128> {
        i128::try_from(self.as_millis()).ok()
    }
}

impl Value for Secret {
    const TYPE: &'static str = "a secret";
    const IS_SECRET: bool = true;

    fn parse(text: &str) -> Result<Self, String> {
        Ok(Self::new(text))
    }

    fn text(&self) -> String {
        Self::SHOWN.to_owned()
    }
}

#[cfg(feature = "uuid")]
impl Value for uuid::Uuid {
    const TYPE: &'static str = "a GUID";

    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| Self::expected())
    }

    fn text(&self) -> String {
        self.to_string()
    }
}

/// No value is an empty text.
impl<T: Value> Value for Option<T> {
    const TYPE: &'static str = T::TYPE;
    const LIST_TYPE: &'static str = T::LIST_TYPE;
    const IS_SECRET: bool = T::IS_SECRET;

    fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() { Ok(None) } else { T::parse(text).map(Some) }
    }

    fn text(&self) -> String {
        self.as_ref().map(Value::text).unwrap_or_default()
    }

    fn number(&self) -> Option<i128> {
        self.as_ref().and_then(Value::number)
    }
}

/// Separated by commas; empty parts are left out.
impl<T: Value> Value for Vec<T> {
    const TYPE: &'static str = T::LIST_TYPE;
    const IS_SECRET: bool = T::IS_SECRET;

    fn parse(text: &str) -> Result<Self, String> {
        text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(T::parse).collect()
    }

    fn text(&self) -> String {
        self.iter().map(Value::text).collect::<Vec<_>>().join(",")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_part_by_part() {
        assert_eq!(Vec::<u16>::parse(" 1, 2,,3 ,"), Ok(vec![1, 2, 3]));
        assert_eq!(Vec::<u16>::parse("1,x"), Err("expected a number from 0 to 65535".to_owned()));
        assert_eq!(vec![1_u16, 2].text(), "1,2");
        assert_eq!(Vec::<u16>::parse(""), Ok(Vec::new()));
    }

    #[test]
    fn an_empty_text_is_no_value() {
        assert_eq!(Option::<i32>::parse(""), Ok(None));
        assert_eq!(Option::<i32>::parse("-1"), Ok(Some(-1)));
        assert!(i32::parse("").is_err());
        assert_eq!(Option::<Duration>::parse("7").unwrap().number(), Some(7));
        assert_eq!(Option::<Secret>::parse("hunter2").unwrap().text(), "[hidden]");
    }
}
