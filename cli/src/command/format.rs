//! `medallion format`.

use clap::Args;

use crate::output::Output;

/// Placeholder.
#[derive(Debug, Args)]
pub(crate) struct FormatArguments {}

/// Runs `medallion format`.
pub(crate) fn run(_arguments: &FormatArguments, _output: &Output) -> anyhow::Result<()> {
    anyhow::bail!("not built yet")
}
