//! What `up`, `broker` and `format` share: where settings come from, and a broker's life as a process.

use std::io::Read;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;
use medallion_broker::config::{BrokerConfig, Settings};
use medallion_broker::{Broker, StartError};
use medallion_schema_registry_server::Registry;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

use super::{registry, stopping};
use crate::failure::{Failure, UsageError};
use crate::logging::{self, LogFormat};

/// Variables of the client commands and of the build that are no settings.
const NO_SETTINGS: [&str; 2] = ["MEDALLION_BOOTSTRAP_SERVER", "MEDALLION_CACHE"];
const LOG_LEVEL: &str = "medallion.log.level";

/// Settings of a properties file, then of the environment, then of `--set`; the later ones win.
pub(crate) fn settings(file: Option<&Path>, arguments: &[String]) -> anyhow::Result<Settings> {
    let mut settings = Settings::new();
    if let Some(path) = file {
        let shown = path.display().to_string();
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {shown}"))?;
        settings.add_file(&shown, &text)?;
    }
    settings.add_environment(variables().filter(|(name, _)| !NO_SETTINGS.contains(&name.as_str())));
    for argument in arguments {
        settings.add_argument(argument).map_err(|error| UsageError(error.to_string()))?;
    }
    Ok(settings)
}

/// The environment variables that are text.
pub(super) fn variables() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

/// The checked settings, with what is assumed where nothing is set.
pub(crate) fn config(settings: &Settings) -> anyhow::Result<BrokerConfig> {
    let mut settings = settings.clone();
    settings.assume_defaults();
    Ok(BrokerConfig::new(&settings)?.0)
}

/// When a server ends, besides on Ctrl-C and SIGTERM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StopWith {
    /// Nothing else.
    Signals,
    /// The end of standard input: whoever started this process holds its other end.
    Stdin,
}

/// Runs a broker until it is asked to stop or cannot go on, and a schema registry on it where there is a port for one.
/// `announce` is called when they serve.
pub(crate) fn run(
    settings: Settings,
    default_level: &str,
    stop_with: StopWith,
    registry_port: Option<u16>,
    announce: impl FnOnce(&Broker, Option<&Registry>, Instant) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let started = Instant::now();
    let config = config(&settings)?;
    let level = if settings.get(LOG_LEVEL).is_some() { config.log_level.as_str() } else { default_level };
    let loggers = logging::start(level, LogFormat::from_name(&config.log_format))?;
    let runtime = runtime(&config)?;
    runtime.block_on(async move {
        let asked_to_stop = stopping();
        let broker = Broker::start(settings, Arc::clone(&loggers)).await.map_err(explain)?;
        let registry = match registry::start_beside(&broker, registry_port).await {
            Ok(registry) => registry,
            Err(error) => {
                broker.shutdown().await.context("the stop was not clean")?;
                return Err(error);
            }
        };
        let announced = announce(&broker, registry.as_ref(), started);
        let failure = tokio::select! {
            () = asked_to_stop => None,
            () = stdin_ends(stop_with) => None,
            reason = broker.failed() => Some(reason),
            reason = registry::failed(registry.as_ref()) => Some(reason),
        };
        // Whoever asks a second time does not want to wait.
        let mut impatient = pin!(stopping());
        let stopped = async {
            if let Some(registry) = registry {
                registry.shutdown().await.context("the stop of the schema registry was not clean")?;
            }
            broker.shutdown().await.context("the stop was not clean")
        };
        tokio::select! {
            result = stopped => result?,
            () = &mut impatient => anyhow::bail!("stopped at once; the next start will recover what is needed"),
        }
        match failure {
            Some(reason) => Err(Failure::new(reason, "the log above says more").into()),
            None => announced,
        }
    })
}

/// The fewest threads that serve connections: while one writes, another one waits for requests.
const WORKERS_MIN: usize = 2;

/// The threads that serve connections, and a pool for the disk.
fn runtime(config: &BrokerConfig) -> anyhow::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("medallion")
        .worker_threads(
            std::thread::available_parallelism().map_or(WORKERS_MIN, |cores| cores.get().max(WORKERS_MIN)),
        )
        .max_blocking_threads(config.num_io_threads.max(1))
        .build()
        .context("cannot start the asynchronous runtime")
}

/// Says what to do where the error alone does not.
fn explain(error: StartError) -> anyhow::Error {
    match &error {
        StartError::Io(reason) if reason.kind() == std::io::ErrorKind::AddrInUse => {
            let hint = "another broker may be running already; choose other ports with `medallion up --port`, or by \
                        `listeners` and `medallion.metrics.listener`";
            Failure::new(reason.to_string(), hint).into()
        }
        _ => error.into(),
    }
}

pub(crate) async fn stdin_ends(stop_with: StopWith) {
    if stop_with == StopWith::Signals {
        return std::future::pending().await;
    }
    let (sender, ended) = oneshot::channel::<()>();
    // A thread of its own: a read of standard input cannot be given up, and must not keep the process.
    let read = move || {
        let mut block = [0; 256];
        while matches!(std::io::stdin().read(&mut block), Ok(count) if count > 0) {}
        drop(sender);
    };
    if std::thread::Builder::new().name("stdin".to_owned()).spawn(read).is_err() {
        return std::future::pending().await;
    }
    let _ = ended.await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_win_over_the_file() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("server.properties");
        std::fs::write(&file, "num.partitions=3\nnode.id=7\n").unwrap();
        let settings = settings(Some(&file), &["num.partitions=5".to_owned()]).unwrap();
        let config = config(&settings).unwrap();
        assert_eq!((config.num_partitions, config.node_id.get()), (5, 7));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let missing = settings(Some(Path::new("no-such-file")), &[]).unwrap_err();
        assert!(format!("{missing:#}").contains("no-such-file"));
        assert!(settings(None, &["nonsense".to_owned()]).unwrap_err().is::<UsageError>());
        let wrong = settings(None, &["num.partitions=many".to_owned()]).unwrap();
        assert!(config(&wrong).unwrap_err().to_string().contains("num.partitions"));
    }
}
