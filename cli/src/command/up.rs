//! `medallion up`.

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::{Args, ValueHint};
use medallion_broker::Broker;
use medallion_broker::config::Origin;
use medallion_schema_registry_server::Registry;
use serde_json::json;

use super::server::{self, StopWith};
use crate::failure::UsageError;
use crate::output::Output;

/// Start everything in one process.
#[derive(Debug, Args)]
#[command(after_help = "\
It listens on 127.0.0.1 only. Ctrl-C stops it in order; what has been written is there at the next start.

Examples:
  medallion up
  medallion up --data /var/lib/medallion --port 19092 --set num.partitions=6")]
pub(crate) struct UpArguments {
    /// The folder of all data
    #[arg(long, default_value = "./medallion-data", value_hint = ValueHint::DirPath)]
    data: PathBuf,
    /// The port for Kafka's clients
    #[arg(long, default_value = "9092")]
    port: u16,
    /// The port of the controller [default: the one behind --port]
    #[arg(long)]
    controller_port: Option<u16>,
    /// The port for clients of the schema registry
    #[arg(long, default_value = "8081")]
    registry_port: u16,
    /// Start no schema registry
    #[arg(long)]
    no_registry: bool,
    /// A setting of the broker; may be repeated
    #[arg(long = "set", value_name = "NAME=VALUE")]
    set: Vec<String>,
    /// Stop when standard input ends
    #[arg(long, hide = true)]
    stop_with_stdin: bool,
}

/// Runs `medallion up`.
pub(crate) fn run(arguments: &UpArguments, output: &Output) -> anyhow::Result<()> {
    let mut settings = server::settings(None, &arguments.set)?;
    let next_port = || arguments.port.checked_add(1).filter(|_| arguments.port > 0);
    let controller_port = arguments.controller_port.or_else(next_port).ok_or_else(|| {
        UsageError(format!("no port comes behind {}: pass --controller-port", arguments.port))
    })?;
    let listeners =
        format!("PLAINTEXT://127.0.0.1:{},CONTROLLER://127.0.0.1:{controller_port}", arguments.port);
    let data = arguments.data.display().to_string();
    // As in Kafka's own file for one server: nobody else is coming that a new group should wait for.
    let delay = (&["group.initial.rebalance.delay.ms"][..], "0".to_owned());
    for (names, value) in [(&["listeners"][..], listeners), (&["log.dirs", "log.dir"], data), delay] {
        if names.iter().all(|name| settings.get(name).is_none()) {
            settings.set(names[0], value, Origin::CommandLine);
        }
    }
    let stop_with = if arguments.stop_with_stdin { StopWith::Stdin } else { StopWith::Signals };
    let registry_port = (!arguments.no_registry).then_some(arguments.registry_port);
    server::run(settings, "warn", stop_with, registry_port, |broker, registry, started| {
        announce(broker, registry, started, &arguments.data, output)
    })
}

/// Tells what listens where.
fn announce(
    broker: &Broker,
    registry: Option<&Registry>,
    started: Instant,
    data: &Path,
    output: &Output,
) -> anyhow::Result<()> {
    let took = started.elapsed();
    let data = data.canonicalize().unwrap_or_else(|_| data.to_owned());
    let address = |is_controller: bool| {
        let listener = broker.listeners().iter().find(|listener| listener.is_controller == is_controller);
        listener.map(|listener| listener.address.to_string())
    };
    let registry = registry.and_then(|registry| registry.addresses().first().copied());
    let registry = registry.map(|(scheme, address)| format!("{scheme}://{address}"));
    let metrics = broker.metrics_address().map(|address| format!("http://{address}/metrics"));
    if output.is_json() {
        let value = json!({
            "kafka": address(false),
            "controller": address(true),
            "schema_registry": registry,
            "metrics": metrics,
            "data": data.display().to_string(),
            "cluster_id": broker.cluster_id(),
            "started_in_ms": took.as_secs_f64() * 1000.0,
        });
        return output.line(&value.to_string());
    }
    if output.is_quiet() {
        return Ok(());
    }
    let kafka = address(false).unwrap_or_default();
    let elsewhere =
        if kafka == "127.0.0.1:9092" { String::new() } else { format!(" --bootstrap-server {kafka}") };
    output.line(&format!(
        "\n  Medallion {} is up after {} ms\n",
        env!("CARGO_PKG_VERSION"),
        took.as_millis()
    ))?;
    let data = data.display().to_string();
    let facts = [
        ("kafka", Some(kafka)),
        ("controller", address(true)),
        ("schemas", registry),
        ("metrics", metrics),
        ("data", Some(data)),
        ("cluster", Some(broker.cluster_id().to_owned())),
    ];
    for (name, text) in facts {
        if let Some(text) = text {
            output.line(&format!("    {name:<11} {text}"))?;
        }
    }
    output.line("\n  To begin with:\n")?;
    output.line(&format!("    echo hello | medallion produce greetings{elsewhere}"))?;
    output.line(&format!("    medallion consume greetings --until-end{elsewhere}"))?;
    output.line("\n  Ctrl-C stops it.\n")
}
