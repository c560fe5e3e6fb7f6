//! `medallion broker`.

use std::path::PathBuf;
use std::time::Instant;

use clap::{Args, ValueHint};
use medallion_broker::Broker;
use tracing::info;

use super::server::{self, StopWith};
use crate::output::Output;

/// Start a broker from a Kafka properties file.
#[derive(Debug, Args)]
#[command(after_help = "\
Settings are Kafka's. Each can be set in the file, in the environment (KAFKA_LOG_DIRS or MEDALLION_LOG_DIRS is
log.dirs), or with --set; the later ones win. Empty log directories are formatted when all of them are empty.

Examples:
  medallion broker server.properties
  medallion broker server.properties --set num.partitions=6 --set medallion.log.level=debug")]
pub(crate) struct BrokerArguments {
    /// A Kafka properties file [default: one node with both roles on 127.0.0.1, data in ./medallion-data]
    #[arg(value_hint = ValueHint::FilePath)]
    file: Option<PathBuf>,
    /// A setting; may be repeated
    #[arg(long = "set", value_name = "NAME=VALUE")]
    set: Vec<String>,
    /// Stop when standard input ends
    #[arg(long, hide = true)]
    stop_with_stdin: bool,
}

/// Runs `medallion broker`.
pub(crate) fn run(arguments: &BrokerArguments, _output: &Output) -> anyhow::Result<()> {
    let settings = server::settings(arguments.file.as_deref(), &arguments.set)?;
    let stop_with = if arguments.stop_with_stdin { StopWith::Stdin } else { StopWith::Signals };
    server::run(settings, "info", stop_with, None, |broker, _, started| {
        announce(broker, started);
        Ok(())
    })
}

fn announce(broker: &Broker, started: Instant) {
    for listener in broker.listeners() {
        info!(listener = listener.name, address = %listener.address, "listening");
    }
    if let Some(address) = broker.metrics_address() {
        info!(%address, "metrics and health");
    }
    info!(
        cluster_id = broker.cluster_id(),
        after_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        "started"
    );
}
