//! The demo's broker: this program once more, as a process of its own.

use std::fs::{self, File};
use std::io;
use std::net::TcpListener;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::time::sleep;

use crate::client::{Client, Connect};
use crate::failure::Failure;

const PORT: u16 = 9092;
const METRICS_PORT: u16 = 8080;
const REGISTRY_PORT: u16 = 8081;
const START_TIMEOUT: Duration = Duration::from_secs(30);
const STOP_TIMEOUT: Duration = Duration::from_secs(20);

/// A broker that the demo has started, or a cluster that was running.
#[derive(Debug)]
pub(super) struct DemoBroker {
    address: String,
    /// The URL of its schema registry.
    registry: Option<String>,
    own: Option<OwnBroker>,
}

#[derive(Debug)]
struct OwnBroker {
    child: Mutex<Child>,
    pid: u32,
    first_answer: Duration,
    metrics: String,
    /// Data and log; removed at the end when it is ours.
    folder: PathBuf,
    is_temporary: bool,
    note: Option<String>,
}

impl DemoBroker {
    /// A cluster that is running already, and a registry, where there is one.
    pub(super) fn running(address: &str, registry: Option<&str>) -> Self {
        Self { address: address.to_owned(), registry: registry.map(str::to_owned), own: None }
    }

    /// Starts a broker and waits for its first answer.
    pub(super) async fn start(asked: AskedPorts, data: Option<PathBuf>) -> anyhow::Result<Self> {
        let (ports, note) = choose_ports(asked)?;
        let is_temporary = data.is_none();
        let folder = data
            .unwrap_or_else(|| std::env::temp_dir().join(format!("medallion-demo-{}", std::process::id())));
        fs::create_dir_all(&folder)
            .with_context(|| format!("cannot make the folder {}", folder.display()))?;
        let started = Instant::now();
        let child = spawn(&folder, &ports)?;
        let address = format!("127.0.0.1:{}", ports.broker);
        let mut own = OwnBroker {
            pid: child.id(),
            child: Mutex::new(child),
            first_answer: Duration::ZERO,
            metrics: format!("http://127.0.0.1:{}/metrics", ports.metrics),
            folder,
            is_temporary,
            note,
        };
        own.first_answer = own.wait_for_answer(&address, started).await?;
        let registry = Some(format!("http://127.0.0.1:{}", ports.registry));
        Ok(Self { address, registry, own: Some(own) })
    }

    /// `host:port`.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// Where its schema registry is.
    pub(super) fn registry(&self) -> Option<&str> {
        self.registry.as_deref()
    }

    /// Where its metrics are.
    pub(super) fn metrics(&self) -> Option<&str> {
        self.own.as_ref().map(|own| own.metrics.as_str())
    }

    /// Where its data is.
    pub(super) fn folder(&self) -> Option<&Path> {
        self.own.as_ref().map(|own| own.folder.as_path())
    }

    /// From the start of the process to the first answer.
    pub(super) fn first_answer(&self) -> Option<Duration> {
        self.own.as_ref().map(|own| own.first_answer)
    }

    /// In words.
    pub(super) fn describe(&self) -> String {
        match &self.own {
            None => format!("the running cluster at {}", self.address),
            Some(own) => {
                let note = own.note.as_ref().map(|note| format!(" ({note})")).unwrap_or_default();
                format!("at {}{note}, first answer after {} ms", self.address, own.first_answer.as_millis())
            }
        }
    }

    /// The memory of the broker's process, where the system tells.
    pub(super) fn resident_bytes(&self) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.own.as_ref()?.pid)).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1024)
    }

    /// Asks the broker to stop and waits; then removes what is temporary, unless something has failed.
    pub(super) async fn stop(self, has_failed: bool) -> anyhow::Result<()> {
        let Some(own) = self.own else { return Ok(()) };
        let result = own.stop().await;
        if own.is_temporary && !has_failed && result.is_ok() {
            fs::remove_dir_all(&own.folder)
                .with_context(|| format!("cannot remove {}", own.folder.display()))?;
        }
        result
    }
}

impl OwnBroker {
    async fn wait_for_answer(&self, address: &str, started: Instant) -> anyhow::Result<Duration> {
        let connect = &Connect::to(address)?;
        loop {
            if let Some(status) = self.exit_status()? {
                return Err(self.failure(&format!("the broker ended with {status}")));
            }
            if let Ok(client) = Client::connect(connect).await
                && client.has_brokers().await
            {
                return Ok(started.elapsed());
            }
            if started.elapsed() > START_TIMEOUT {
                return Err(self.failure(&format!("the broker does not answer at {address}")));
            }
            sleep(Duration::from_millis(2)).await;
        }
    }

    async fn stop(&self) -> anyhow::Result<()> {
        // The broker stops when its standard input ends.
        drop(self.child().stdin.take());
        let asked = Instant::now();
        loop {
            match self.exit_status()? {
                Some(status) if status.success() || status.signal().is_some() => return Ok(()),
                Some(status) => return Err(self.failure(&format!("the broker ended with {status}"))),
                None if asked.elapsed() > STOP_TIMEOUT => {
                    self.child().kill().context("cannot end the broker")?;
                    self.child().wait().context("cannot end the broker")?;
                    return Err(self.failure("the broker did not stop in time and was killed"));
                }
                None => sleep(Duration::from_millis(10)).await,
            }
        }
    }

    fn child(&self) -> std::sync::MutexGuard<'_, Child> {
        self.child.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn exit_status(&self) -> anyhow::Result<Option<std::process::ExitStatus>> {
        self.child().try_wait().context("cannot look after the broker")
    }

    /// An error with the end of the broker's log.
    fn failure(&self, message: &str) -> anyhow::Error {
        let log = self.folder.join(LOG);
        let text = fs::read_to_string(&log).unwrap_or_default();
        let skipped = text.lines().count().saturating_sub(10);
        let mut hint = vec![format!("its log is {}", log.display())];
        hint.extend(text.lines().skip(skipped).map(|line| format!("  {line}")));
        Failure::new(message, hint.join("\n  ")).into()
    }
}

impl Drop for OwnBroker {
    fn drop(&mut self) {
        // Reached with a broker that still runs only when an error has come in between; nobody else would end it.
        let mut child = self.child();
        if matches!(child.try_wait(), Ok(None)) {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

const DATA: &str = "data";
const LOG: &str = "broker.log";

fn spawn(folder: &Path, ports: &Ports) -> anyhow::Result<Child> {
    let log = folder.join(LOG);
    let log = File::create(&log).with_context(|| format!("cannot make {}", log.display()))?;
    let program = std::env::current_exe().context("cannot find this program")?;
    Command::new(program)
        .arg("up")
        .arg("--data")
        .arg(folder.join(DATA))
        .args(["--port", &ports.broker.to_string(), "--controller-port", &ports.controller.to_string()])
        .args(["--registry-port", &ports.registry.to_string()])
        .args(["--set", &format!("medallion.metrics.listener=127.0.0.1:{}", ports.metrics)])
        .arg("--stop-with-stdin")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(log)
        // Ctrl-C is for the demo, which then stops the broker.
        .process_group(0)
        .spawn()
        .context("cannot start the broker")
}

/// Ports that somebody asked for.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct AskedPorts {
    /// Of the broker; the controller has the next one.
    pub(super) broker: Option<u16>,
    /// Of the broker's metrics.
    pub(super) metrics: Option<u16>,
    /// Of the schema registry.
    pub(super) registry: Option<u16>,
}

#[derive(Debug, PartialEq, Eq)]
struct Ports {
    broker: u16,
    controller: u16,
    metrics: u16,
    registry: u16,
}

/// The usual ports where they are free; free ones instead, unless a port was asked for.
fn choose_ports(asked: AskedPorts) -> anyhow::Result<(Ports, Option<String>)> {
    let metrics = asked_usual_or_free(asked.metrics, METRICS_PORT)?;
    let registry = asked_usual_or_free(asked.registry, REGISTRY_PORT)?;
    let asked = asked.broker;
    let port = asked.unwrap_or(PORT);
    if port < u16::MAX && is_free(port) && is_free(port + 1) {
        return Ok((Ports { broker: port, controller: port + 1, metrics, registry }, None));
    }
    if asked.is_some() {
        let message = format!("port {port} or the one behind it is taken");
        return Err(Failure::new(message, "name another one with --port").into());
    }
    let ports = Ports { broker: free_port()?, controller: free_port()?, metrics, registry };
    Ok((ports, Some(format!("port {PORT} is taken"))))
}

fn asked_usual_or_free(asked: Option<u16>, usual: u16) -> anyhow::Result<u16> {
    match asked {
        Some(port) => Ok(port),
        None if is_free(usual) => Ok(usual),
        None => free_port(),
    }
}

fn is_free(port: u16) -> bool {
    TcpListener::bind(("127.0.0.1", port)).is_ok()
}

fn free_port() -> anyhow::Result<u16> {
    let port = || -> io::Result<u16> { Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port()) };
    port().context("cannot find a free port")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_refused_when_it_was_asked_for() {
        let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = taken.local_addr().unwrap().port();
        assert!(!is_free(port));
        assert!(
            choose_ports(AskedPorts { broker: Some(port), ..AskedPorts::default() })
                .unwrap_err()
                .to_string()
                .contains(&port.to_string())
        );
    }
}
