//! Where a setting was set.

use std::fmt;
use std::sync::Arc;

/// Where a setting was set.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// By the program itself.
    Program,
    /// A line of a properties file.
    File {
        /// The file.
        path: Arc<str>,
        /// The line, from 1.
        line: usize,
    },
    /// An environment variable.
    Environment(Arc<str>),
    /// An option on the command line, as `--set`.
    CommandLine(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Program => f.write_str("set by the program"),
            Self::File { path, line } => write!(f, "{path}:{line}"),
            Self::Environment(variable) => write!(f, "environment variable {variable}"),
            Self::CommandLine(option) => f.write_str(option),
        }
    }
}
