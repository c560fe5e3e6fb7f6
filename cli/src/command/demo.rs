//! `medallion demo`.

use clap::Args;

use crate::output::Output;

/// Show it all.
#[derive(Debug, Args)]
pub(crate) struct DemoArguments {}

/// Runs `medallion demo`.
#[expect(clippy::unused_async, reason = "it is being built")]
pub(crate) async fn run(_arguments: DemoArguments, _output: &Output) -> anyhow::Result<()> {
    anyhow::bail!("not built yet")
}
