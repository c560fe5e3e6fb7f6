//! What may be done to a subject.

use std::fmt;

/// What may be done to a subject, a context, or all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Everything.
    ReadWrite,
    /// Only reading.
    ReadOnly,
    /// Only reading; the older way to say it of all subjects.
    ReadOnlyOverride,
    /// Registering with ids and versions of another registry, unchecked.
    Import,
    /// Requests are forwarded to another registry.
    Forward,
}

impl Mode {
    const ALL: [Self; 5] =
        [Self::ReadWrite, Self::ReadOnly, Self::ReadOnlyOverride, Self::Import, Self::Forward];

    /// The name in requests and records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ReadWrite => "READWRITE",
            Self::ReadOnly => "READONLY",
            Self::ReadOnlyOverride => "READONLY_OVERRIDE",
            Self::Import => "IMPORT",
            Self::Forward => "FORWARD",
        }
    }

    /// The mode of this name, in letters of either case.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.as_str().eq_ignore_ascii_case(name))
    }

    pub(super) fn is_read_only(self) -> bool {
        matches!(self, Self::ReadOnly | Self::ReadOnlyOverride)
    }

    pub(super) fn is_import_or_forward(self) -> bool {
        matches!(self, Self::Import | Self::Forward)
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
