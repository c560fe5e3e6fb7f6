//! `medallion registry`, and the registry beside a broker.

use std::future::pending;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::pin;
use std::time::Instant;

use anyhow::Context;
use clap::{Args, ValueHint};
use medallion_broker::Broker;
use medallion_client::admin::{ClassicMember, GroupDescription, MemberName};
use medallion_client::{Admin, Client, ClientSettings};
use medallion_schema_registry_server::{Registry, RegistrySettings, StartError};
use medallion_settings::Properties;
use serde_json::Value;
use tracing::{info, warn};

use super::server::{StopWith, stdin_ends, variables};
use super::stopping;
use crate::failure::{Failure, UsageError};
use crate::logging::{self, LogFormat};
use crate::output::Output;

/// The group of the registries on a broker of this process.
const GROUP: &str = "schema-registry";
/// The beginning of variables that are settings, as in Confluent's container images.
const VARIABLES: &str = "SCHEMA_REGISTRY_";

/// Start a schema registry from a properties file of Confluent's.
#[derive(Debug, Args)]
#[command(after_help = "\
Settings are those of Confluent's registry. Each can be set in the file, in the environment
(SCHEMA_REGISTRY_KAFKASTORE_TOPIC is kafkastore.topic), or with --set; the later ones win.

Examples:
  medallion registry registry.properties
  medallion registry --set kafkastore.bootstrap.servers=127.0.0.1:9092 --set listeners=http://127.0.0.1:8081")]
pub(crate) struct RegistryArguments {
    /// A properties file of Confluent's registry
    #[arg(value_hint = ValueHint::FilePath)]
    file: Option<PathBuf>,
    /// A setting; may be repeated
    #[arg(long = "set", value_name = "NAME=VALUE")]
    set: Vec<String>,
    /// Stop when standard input ends
    #[arg(long, hide = true)]
    stop_with_stdin: bool,
}

/// Runs `medallion registry`.
pub(crate) fn run(arguments: &RegistryArguments, _output: &Output) -> anyhow::Result<()> {
    let started = Instant::now();
    let read = || settings(arguments);
    let settings = read()?;
    let loggers = logging::start(settings.log_level(), LogFormat::from_name(settings.log_format()))?;
    // Once more, now that there is a log: it tells which settings are without effect.
    let settings = read()?;
    let stop_with = if arguments.stop_with_stdin { StopWith::Stdin } else { StopWith::Signals };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("medallion")
        .build()
        .context("cannot start the asynchronous runtime")?;
    runtime.block_on(async move {
        let asked_to_stop = stopping();
        let mut asked_to_stop = pin!(asked_to_stop);
        let registry = tokio::select! {
            registry = Registry::start(settings) => registry.map_err(explain)?,
            () = &mut asked_to_stop => return Ok(()),
        };
        for (scheme, address) in registry.addresses() {
            info!(%scheme, %address, "listening");
        }
        info!(after_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX), "started");
        let failure = tokio::select! {
            () = &mut asked_to_stop => None,
            () = stdin_ends(stop_with) => None,
            reason = registry.failed() => Some(reason),
        };
        let mut impatient = pin!(stopping());
        tokio::select! {
            result = registry.shutdown() => result.context("the stop was not clean")?,
            () = &mut impatient => anyhow::bail!("stopped at once"),
        }
        drop(loggers);
        match failure {
            Some(reason) => Err(Failure::new(reason, "the log above says more").into()),
            None => Ok(()),
        }
    })
}

/// Settings of the file, then of the environment, then of `--set`.
fn settings(arguments: &RegistryArguments) -> anyhow::Result<RegistrySettings> {
    let mut properties = Properties::new();
    if let Some(path) = &arguments.file {
        let shown = path.display().to_string();
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {shown}"))?;
        properties.add_file(&shown, &text)?;
    }
    properties.add_environment(VARIABLES, variables());
    for argument in &arguments.set {
        let (name, value) = argument
            .split_once('=')
            .ok_or_else(|| UsageError(format!("--set {argument}: expected NAME=VALUE")))?;
        properties.add_option("--set", name, value);
    }
    Ok(RegistrySettings::from_properties(properties)?)
}

/// Starts a registry on a broker of this process.
pub(super) async fn start_beside(broker: &Broker, port: Option<u16>) -> anyhow::Result<Option<Registry>> {
    let Some(port) = port else { return Ok(None) };
    let listener = broker.listeners().iter().find(|listener| !listener.is_controller);
    let listener = listener.context("the broker has no listener for clients")?;
    let host = listener.address.ip();
    if let Err(error) = forget_predecessor(listener.address, port).await {
        warn!(%error, "a schema registry that was killed may keep others from writing until its session is over");
    }
    let settings = RegistrySettings::from_properties([
        ("kafkastore.bootstrap.servers", listener.address.to_string()),
        ("schema.registry.group.id", GROUP.to_owned()),
        ("kafkastore.topic.replication.factor", "1".to_owned()),
        ("kafkastore.timeout.ms", "5000".to_owned()),
        ("kafkagroup.session.timeout.ms", "30000".to_owned()),
        ("listeners", format!("http://{}", SocketAddr::new(host, port))),
        ("host.name", host.to_string()),
    ])?;
    Ok(Some(Registry::start(settings).await.map_err(explain)?))
}

/// A process that was killed is a member of the registries' group until its session is over, and nobody can write for as long.
/// The one that had this address here is dead: its broker held the lock of the data.
async fn forget_predecessor(broker: SocketAddr, port: u16) -> Result<(), medallion_client::Error> {
    let client = Client::new(ClientSettings::new(&broker.to_string()))?;
    let admin = Admin::new(&client);
    let described = admin.describe_groups(&[GROUP]).await?;
    let groups = described.into_values().filter_map(|group| group.ok());
    let members = groups.flat_map(|group| match group {
        GroupDescription::Classic(group) => group.members,
        _ => Vec::new(),
    });
    let is_predecessor = |member: &ClassicMember| {
        let identity: Value = serde_json::from_slice(&member.metadata).unwrap_or_default();
        identity["host"] == broker.ip().to_string() && identity["port"] == port
    };
    let dead: Vec<MemberName> =
        members.filter(is_predecessor).map(|member| MemberName::Id(member.id)).collect();
    if !dead.is_empty() {
        drop(admin.remove_members(GROUP, &dead).await?);
    }
    Ok(())
}

/// Ends with the reason when the registry, if there is one, cannot go on.
pub(super) async fn failed(registry: Option<&Registry>) -> String {
    match registry {
        Some(registry) => registry.failed().await,
        None => pending().await,
    }
}

/// Says what to do where the error alone does not.
fn explain(error: StartError) -> anyhow::Error {
    match &error {
        StartError::Listen(reason) if reason.kind() == std::io::ErrorKind::AddrInUse => {
            let hint = "another registry may be running already; choose another port by `listeners`, with \
                        `medallion up --registry-port`, or leave it out with `medallion up --no-registry`";
            Failure::new(reason.to_string(), hint).into()
        }
        _ => error.into(),
    }
}
