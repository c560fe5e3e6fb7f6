//! `medallion broker`.

use clap::Args;

use crate::output::Output;

/// Placeholder.
#[derive(Debug, Args)]
pub(crate) struct BrokerArguments {}

/// Runs `medallion broker`.
pub(crate) fn run(_arguments: &BrokerArguments, _output: &Output) -> anyhow::Result<()> {
    anyhow::bail!("not built yet")
}
