//! `medallion up`.

use clap::Args;

use crate::output::Output;

/// Placeholder.
#[derive(Debug, Args)]
pub(crate) struct UpArguments {}

/// Runs `medallion up`.
pub(crate) fn run(_arguments: &UpArguments, _output: &Output) -> anyhow::Result<()> {
    anyhow::bail!("not built yet")
}
