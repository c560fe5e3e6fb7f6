//! How a command fails: what it prints and with which code it ends.

use std::fmt;
use std::io;
use std::process::ExitCode;

use medallion_serdes::RegistryError;

use crate::client::ClientError;
use crate::client::admin::AdminError;
use crate::output::Output;

const FAILED: u8 = 1;
const USAGE: u8 = 2;
const UNREACHABLE: u8 = 3;
const DAMAGED: u8 = 4;

/// Arguments that clap lets pass but that make no sense together.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct UsageError(pub(crate) String);

/// Damage that was looked for and found; it has been printed.
#[derive(Debug, thiserror::Error)]
#[error("{count} damaged {}", if *count == 1 { "place" } else { "places" })]
pub(crate) struct DamageFound {
    /// How many places.
    pub(crate) count: usize,
}

/// What to do about an error, as a context that is printed on a line of its own.
#[derive(Debug)]
pub(crate) struct Hint(pub(crate) String);

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An error that says what to do.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Failure {
    /// What went wrong.
    pub(crate) message: String,
    /// What to do about it.
    pub(crate) hint: Hint,
}

impl Failure {
    /// An error that says what to do.
    pub(crate) fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { message: message.into(), hint: Hint(hint.into()) }
    }
}

/// Prints an error and gives the exit code. A reader that went away (`medallion ... | head`) is no error.
pub(crate) fn report(error: &anyhow::Error, output: &Output) -> ExitCode {
    if is_broken_pipe(error) {
        return ExitCode::SUCCESS;
    }
    let code = exit_code(error);
    output.error(&message(error), hint(error).as_deref(), code);
    ExitCode::from(code)
}

/// The error with its causes, without what a cause repeats.
fn message(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain() {
        let cause = cause.to_string();
        if text.ends_with(&cause) {
            continue;
        }
        if !text.is_empty() {
            text.push_str(": ");
        }
        text.push_str(&cause);
    }
    text
}

fn hint(error: &anyhow::Error) -> Option<String> {
    error.chain().find_map(|cause| {
        let failure = cause.downcast_ref::<Failure>().map(|failure| failure.hint.to_string());
        let failure = failure.or_else(|| cause.downcast_ref::<ClientError>().and_then(ClientError::hint));
        failure.or_else(|| cause.downcast_ref::<AdminError>().and_then(AdminError::hint))
    })
}

fn exit_code(error: &anyhow::Error) -> u8 {
    for cause in error.chain() {
        let is_address = cause.downcast_ref::<ClientError>().is_some_and(ClientError::is_usage)
            || matches!(cause.downcast_ref(), Some(AdminError::Address { .. }));
        if cause.is::<UsageError>() || is_address {
            return USAGE;
        }
        if cause.is::<DamageFound>() {
            return DAMAGED;
        }
        if cause.downcast_ref::<ClientError>().is_some_and(ClientError::is_unreachable)
            || cause.downcast_ref::<AdminError>().is_some_and(AdminError::is_unreachable)
            || cause.downcast_ref::<RegistryError>().is_some_and(is_registry_unreachable)
        {
            return UNREACHABLE;
        }
    }
    FAILED
}

fn is_registry_unreachable(error: &RegistryError) -> bool {
    matches!(error, RegistryError::Unreachable { .. })
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let is_pipe = |cause: &(dyn std::error::Error + 'static)| {
        cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    };
    !error.chain().any(<dyn std::error::Error>::is::<ClientError>) && error.chain().any(is_pipe)
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::*;

    #[test]
    fn exit_codes_tell_the_kinds_apart() {
        let refused = || ClientError::Unreachable {
            address: "a:1".to_owned(),
            reason: io::Error::from(io::ErrorKind::ConnectionRefused),
        };
        assert_eq!(exit_code(&refused().into()), UNREACHABLE);
        assert_eq!(exit_code(&UsageError("x".to_owned()).into()), USAGE);
        assert_eq!(exit_code(&ClientError::Address { address: "a:b".to_owned() }.into()), USAGE);
        assert_eq!(exit_code(&DamageFound { count: 1 }.into()), DAMAGED);
        assert_eq!(exit_code(&anyhow::anyhow!("x")), FAILED);
        let wrapped = Err::<(), _>(refused()).context("while starting").unwrap_err();
        assert_eq!(exit_code(&wrapped), UNREACHABLE);
        assert!(hint(&wrapped).is_some());
    }

    #[test]
    fn a_cause_is_printed_once() {
        let source = io::Error::other("disk on fire");
        let error = Err::<(), _>(source).context("cannot read a: disk on fire").unwrap_err();
        assert_eq!(message(&error), "cannot read a: disk on fire");
    }

    #[test]
    fn only_our_own_pipe_is_quiet() {
        let pipe = || io::Error::from(io::ErrorKind::BrokenPipe);
        assert!(is_broken_pipe(&pipe().into()));
        assert!(is_broken_pipe(&Err::<(), _>(pipe()).context("cannot write").unwrap_err()));
        let lost = ClientError::Unreachable { address: "a:1".to_owned(), reason: pipe() };
        assert!(!is_broken_pipe(&lost.into()));
    }
}
