//! From names and texts to typed settings.

use std::sync::Arc;

use crate::{ConfigError, Declaration, Foreign, Properties, Property, Secret, Value};

/// A struct of settings, as [`settings!`](crate::settings) makes it.
pub trait Settings {
    /// All that it has.
    fn declarations(&self) -> &'static [Declaration];

    /// Reads the trimmed text of what is called `name`; `None` where nothing is.
    fn assign(&mut self, name: &str, text: &str) -> Option<Result<(), ConfigError>>;

    /// Holds all values against their ranges, wherever they come from.
    ///
    /// # Errors
    /// [`ConfigError::Invalid`] for the first that is out of it.
    fn check_ranges(&self) -> Result<(), ConfigError>;
}

impl Properties {
    /// Reads all properties into `targets`, each into the first that declares it; those of `foreign` are left aside.
    ///
    /// # Errors
    /// With name, value and place: for a value that is not allowed, a foreign setting that is refused, and a name that nobody has.
    pub fn read_into(&self, targets: &mut [&mut dyn Settings], foreign: &Foreign) -> Result<(), ConfigError> {
        let others = foreign.leave_aside(self.assign(targets)?)?;
        let known: Vec<_> = targets.iter().map(|target| target.declarations()).collect();
        check_unknown(&others, &known)
    }

    /// Reads what `targets` declare, and returns the others: for names that are not all known beforehand, as those behind a prefix.
    ///
    /// # Errors
    /// With name, value and place, for a value that is not allowed.
    pub fn assign(&self, targets: &mut [&mut dyn Settings]) -> Result<Vec<&Property>, ConfigError> {
        let mut others = Vec::new();
        for property in self {
            let outcome =
                targets.iter_mut().find_map(|one| one.assign(&property.name, property.value.trim()));
            match outcome {
                Some(outcome) => outcome.map_err(|error| error.at(&property.origin))?,
                None => others.push(property),
            }
        }
        Ok(others)
    }
}

/// Refuses the first of `properties`, if there is any, with the nearest of the `known` names.
///
/// # Errors
/// [`ConfigError::Unknown`].
pub fn check_unknown(properties: &[&Property], known: &[&'static [Declaration]]) -> Result<(), ConfigError> {
    match properties.first() {
        Some(property) => Err(ConfigError::unknown(&property.name, known).at(&property.origin)),
        None => Ok(()),
    }
}

/// Reads one text into its field.
///
/// # Errors
/// [`ConfigError::Invalid`].
pub fn assign<T: Value>(
    field: &mut T,
    name: &'static str,
    text: &str,
    range: Option<(i128, i128)>,
) -> Result<(), ConfigError> {
    let value = T::parse(text).map_err(|expected| {
        let value = if T::IS_SECRET { Secret::SHOWN } else { text };
        ConfigError::Invalid { name, value: value.into(), expected: expected.into() }
    })?;
    check_range(&value, name, range)?;
    *field = value;
    Ok(())
}

/// Holds a value against its range.
///
/// # Errors
/// [`ConfigError::Invalid`].
pub fn check_range<T: Value>(
    value: &T,
    name: &'static str,
    range: Option<(i128, i128)>,
) -> Result<(), ConfigError> {
    match (range, value.number()) {
        (Some((min, max)), Some(number)) if number < min || number > max => Err(ConfigError::Invalid {
            name,
            value: value.text().into(),
            expected: Arc::from(format!("expected {min} to {max}")),
        }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    crate::settings! {
        /// Of one part.
        struct Part with builders {
            /// A wait.
            wait: Duration ["wait.ms"] = Duration::from_millis(5), range 0..=100;
            /// A pin.
            pin: Option<Pin> ["pin"] = None;
            and {
                /// What is no setting.
                more: Vec<String>,
            }
        }
    }

    crate::settings! {
        /// Of another part.
        struct Other {
            /// A size.
            size: usize ["size"] = 10, range 1..=i64::MAX;
            /// Hidden by the first part's.
            wait: bool ["wait.ms"] = true;
        }
    }

    /// A secret that not every text is.
    #[derive(Debug, Clone, PartialEq)]
    struct Pin(u16);

    impl Value for Pin {
        const TYPE: &'static str = "a pin";
        const IS_SECRET: bool = true;

        fn parse(text: &str) -> Result<Self, String> {
            text.parse().map(Self).map_err(|_| Self::expected())
        }

        fn text(&self) -> String {
            Secret::SHOWN.to_owned()
        }
    }

    fn read(text: &str) -> Result<(Part, Other), String> {
        let mut properties = Properties::new();
        properties.add_file("f", text).unwrap();
        let (mut part, mut other) = (Part::default(), Other::default());
        let read = properties.read_into(&mut [&mut part, &mut other], &Foreign::NONE);
        read.map(|()| (part, other)).map_err(|error| error.to_string())
    }

    #[test]
    fn the_first_that_declares_a_name_gets_it() {
        let (part, other) = read("wait.ms= 7 \nsize=3").unwrap();
        assert_eq!(part, Part::default().wait(Duration::from_millis(7)));
        assert_eq!((other.size, other.wait), (3, true));
        assert_eq!(part.more, Vec::<String>::new());
    }

    #[test]
    fn errors_name_setting_value_and_place() {
        for (text, expected) in [
            ("wait.ms=x", "wait.ms=x: expected milliseconds (f:1)"),
            ("\nwait.ms=101", "wait.ms=101: expected 0 to 100 (f:2)"),
            ("size=0", "size=0: expected 1 to 9223372036854775807 (f:1)"),
            ("sizes=0", "there is no setting sizes; did you mean size? (f:1)"),
            ("pin=hunter2", "pin=[hidden]: expected a pin (f:1)"),
        ] {
            assert_eq!(read(text).unwrap_err(), expected);
        }
    }

    #[test]
    fn ranges_hold_for_builders_too() {
        let part = Part::default().wait(Duration::from_secs(1)).pin(Pin(1));
        assert_eq!(part.check_ranges().unwrap_err().to_string(), "wait.ms=1000: expected 0 to 100");
    }
}
