//! What an operator should know about settings that are right.

use super::declarations;
use super::settings::Origin;
use std::fmt;

use medallion_settings::nearest;

/// Something to log once at the start.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// A name that nobody knows; as in Kafka it is ignored. To be logged as a warning.
    Unknown {
        /// The name.
        name: String,
        /// Where it was set.
        origin: Origin,
        /// A known name that is nearly the same.
        suggestion: Option<&'static str>,
    },
    /// A setting that changes nothing here. To be logged as information.
    WithoutEffect {
        /// The setting.
        name: String,
        /// Why.
        reason: &'static str,
    },
    /// A change in the metadata that cannot be applied. To be logged as a warning.
    NotApplied {
        /// The setting.
        name: String,
        /// Why.
        reason: String,
    },
    /// A listener without authentication that other machines can reach. To be logged as a warning.
    OpenListener {
        /// The listener as `NAME://host:port`.
        listener: String,
    },
}

impl Notice {
    /// Whether it is a warning.
    pub fn is_warning(&self) -> bool {
        !matches!(self, Self::WithoutEffect { .. })
    }

    pub(super) fn unknown(name: &str, origin: &Origin) -> Self {
        let suggestion = nearest(name, declarations::broker().keys().copied());
        Self::Unknown { name: name.to_owned(), origin: origin.clone(), suggestion }
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { name, origin, suggestion: Some(known) } => {
                write!(f, "unknown setting {name} ({origin}) is ignored; did you mean {known}?")
            }
            Self::Unknown { name, origin, suggestion: None } => {
                write!(f, "unknown setting {name} ({origin}) is ignored")
            }
            Self::WithoutEffect { name, reason } => write!(f, "{name} has no effect: {reason}"),
            Self::NotApplied { name, reason } => write!(f, "the change of {name} is not applied: {reason}"),
            Self::OpenListener { listener } => {
                write!(f, "listener {listener} has no authentication and is reachable from other machines")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_pen_is_answered_with_the_name_that_was_meant() {
        let notice = Notice::unknown("num.partition", &Origin::CommandLine);
        assert_eq!(
            notice.to_string(),
            "unknown setting num.partition (--set) is ignored; did you mean num.partitions?"
        );
        assert!(matches!(
            Notice::unknown("zookeeper.connect", &Origin::CommandLine),
            Notice::Unknown { suggestion: None, .. }
        ));
    }
}
