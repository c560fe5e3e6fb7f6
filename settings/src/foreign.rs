//! Settings of another program, in whose place this one stands, that are not declared here.

use crate::{ConfigError, Property};

/// Settings that are known from elsewhere and do nothing here.
#[derive(Debug, Clone, Copy)]
pub struct Foreign {
    /// Those whose value cannot matter here, with the reason: they are told of in the log.
    pub without_effect: &'static [(&'static str, &'static str)],
    /// Those that would change what is done: each with the only values that ask for what is done anyway (in any case), and the reason. A name that ends
    /// with a dot stands for all that begin so.
    pub refused: &'static [(&'static str, &'static [&'static str], &'static str)],
}

impl Foreign {
    /// No such settings.
    pub const NONE: Self = Self { without_effect: &[], refused: &[] };

    /// Those of `properties` that are not known here either.
    ///
    /// # Errors
    /// [`ConfigError::Unsupported`] for one that is refused.
    pub fn leave_aside<'a>(
        &self,
        mut properties: Vec<&'a Property>,
    ) -> Result<Vec<&'a Property>, ConfigError> {
        let mut outcome = Ok(());
        properties.retain(|property| match self.check(property) {
            None => true,
            Some(Ok(())) => false,
            Some(Err(error)) => {
                if outcome.is_ok() {
                    outcome = Err(error.at(&property.origin));
                }
                false
            }
        });
        outcome.map(|()| properties)
    }

    /// Whether `property` may be left aside; `None` where it is not known.
    fn check(&self, property: &Property) -> Option<Result<(), ConfigError>> {
        let (name, value) = (property.name.as_str(), property.value.trim());
        if let Some((name, reason)) = self.without_effect.iter().find(|(known, _)| *known == name) {
            tracing::info!(setting = name, reason, "a setting without effect");
            return Some(Ok(()));
        }
        let is_meant = |known: &str| known == name || known.ends_with('.') && name.starts_with(known);
        let (_, taken, reason) = self.refused.iter().find(|(known, ..)| is_meant(known))?;
        if taken.iter().any(|taken| taken.eq_ignore_ascii_case(value)) {
            return Some(Ok(()));
        }
        Some(Err(ConfigError::Unsupported { name: name.into(), reason }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Origin;

    const FOREIGN: Foreign = Foreign {
        without_effect: &[("jmx", "there is no JMX")],
        refused: &[("push", &["false", ""], "nothing is pushed"), ("rules.", &[], "there are no rules")],
    };

    fn left(name: &str, value: &str) -> Result<usize, String> {
        let mut property = Property::from((name, value));
        property.origin = Origin::CommandLine("--set");
        FOREIGN.leave_aside(vec![&property]).map(|left| left.len()).map_err(|error| error.to_string())
    }

    #[test]
    fn what_would_change_something_is_refused_and_the_rest_left_aside() {
        assert_eq!(left("jmx", "x"), Ok(0));
        assert_eq!(left("push", " FALSE "), Ok(0));
        assert_eq!(left("rules", "x"), Ok(1));
        assert_eq!(left("push", "true"), Err("push is not supported: nothing is pushed (--set)".to_owned()));
        let error = left("rules.password", "hunter2").unwrap_err();
        assert_eq!(error, "rules.password is not supported: there are no rules (--set)");
    }
}
