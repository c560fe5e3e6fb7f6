//! `medallion log`.

use clap::Subcommand;

use crate::output::Output;

/// Look into log segments on disk.
#[derive(Debug, Subcommand)]
pub(crate) enum LogCommand {
    /// Placeholder
    Dump,
}

/// Runs `medallion log`.
pub(crate) fn run(_command: &LogCommand, _output: &Output) -> anyhow::Result<()> {
    anyhow::bail!("not built yet")
}
