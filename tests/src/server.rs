//! A server under test, on a directory and loopback ports of its own: Medallion, or Apache Kafka as its peer.

use std::env;
use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use crate::connection::Connection;
use crate::environment::{Missing, cached, program};

/// Apache Kafka's version that judges; its tools and client are of the same one.
pub const KAFKA: &str = "4.3.1";

/// Which program serves a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    /// `medallion broker`.
    Medallion,
    /// Apache Kafka of a version that `make setup` brings.
    Kafka(&'static str),
}

impl Program {
    /// The program under test: Medallion, unless `MEDALLION_TESTS_PEER=kafka` asks for the peer.
    pub fn under_test() -> Self {
        match env::var("MEDALLION_TESTS_PEER").as_deref() {
            Err(_) | Ok("" | "medallion") => Self::Medallion,
            Ok("kafka") => Self::Kafka(KAFKA),
            Ok(other) => panic!("MEDALLION_TESTS_PEER must be medallion or kafka, not {other:?}"),
        }
    }

    /// How long this program may take to start or to stop.
    fn patience(self) -> Duration {
        match self {
            Self::Medallion => Duration::from_secs(20),
            Self::Kafka(_) => Duration::from_secs(90),
        }
    }
}

/// What a server is started with.
#[derive(Debug)]
pub struct Setup {
    program: Program,
    log_dirs: usize,
    standalone: bool,
    properties: Vec<(String, String)>,
    listeners: Vec<(String, String)>,
    data_parent: Option<PathBuf>,
    controller_port: Option<u16>,
    heap_mb_max: u32,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            program: Program::under_test(),
            log_dirs: 1,
            standalone: false,
            properties: Vec::new(),
            listeners: Vec::new(),
            data_parent: None,
            controller_port: None,
            heap_mb_max: 512,
        }
    }
}

impl Setup {
    /// The program that serves the directory first.
    #[must_use]
    pub fn program(mut self, program: Program) -> Self {
        self.program = program;
        self
    }

    /// How many folders `log.dirs` names.
    #[must_use]
    pub fn log_dirs(mut self, count: usize) -> Self {
        self.log_dirs = count;
        self
    }

    /// A quorum with dynamic voters (`format --standalone`) instead of `controller.quorum.voters`.
    #[must_use]
    pub fn standalone(mut self) -> Self {
        self.standalone = true;
        self
    }

    /// One more line of the properties file.
    #[must_use]
    pub fn property(mut self, name: &str, value: &str) -> Self {
        self.properties.push((name.to_owned(), value.to_owned()));
        self
    }

    /// One more listener for clients, advertised as `localhost`, with its security protocol.
    #[must_use]
    pub fn listener(mut self, name: &str, protocol: &str) -> Self {
        self.listeners.push((name.to_owned(), protocol.to_owned()));
        self
    }

    /// Where the data folders are made, instead of beside the properties file.
    #[must_use]
    pub fn data_parent(mut self, folder: &Path) -> Self {
        self.data_parent = Some(folder.to_owned());
        self
    }

    /// The controller listener's port, which other nodes have to know.
    #[must_use]
    pub fn controller_port(mut self, port: u16) -> Self {
        self.controller_port = Some(port);
        self
    }

    /// How large Kafka's heap may become, in MiB.
    #[must_use]
    pub fn heap_mb_max(mut self, megabytes: u32) -> Self {
        self.heap_mb_max = megabytes;
        self
    }

    /// Writes the properties, formats where the program asks for it, and starts.
    ///
    /// # Errors
    /// Where the program is not on this machine.
    pub fn start(self) -> Result<Server, Missing> {
        let mut server = self.prepare()?;
        server.try_start()?;
        Ok(server)
    }

    /// All but the start.
    ///
    /// # Errors
    /// Where the program is not on this machine.
    pub(crate) fn prepare(self) -> Result<Server, Missing> {
        let folder = TempDir::with_prefix("medallion-test-").expect("a temporary folder can be made");
        let parent = self.data_parent.clone().unwrap_or_else(|| folder.path().to_owned());
        let server = Server {
            program: self.program,
            port: free_port(),
            controller_port: self.controller_port.unwrap_or_else(free_port),
            heap_mb_max: self.heap_mb_max,
            metrics_port: free_port(),
            listeners: self
                .listeners
                .into_iter()
                .map(|(name, protocol)| (name, protocol, free_port()))
                .collect(),
            running: None,
            data_folders: (0..self.log_dirs).map(|i| parent.join(format!("data{i}"))).collect(),
            folder,
        };
        let properties = server.properties(self.standalone, &self.properties);
        fs::write(server.properties_file(), properties).expect("the properties file can be written");
        if let Program::Kafka(version) = self.program {
            server.format_by_kafka(version, self.standalone)?;
        }
        Ok(server)
    }
}

/// A server on its own directory; ends with the value, and its log is shown when the test panics.
#[derive(Debug)]
pub struct Server {
    program: Program,
    folder: TempDir,
    port: u16,
    controller_port: u16,
    metrics_port: u16,
    heap_mb_max: u32,
    /// More listeners: name, protocol and port.
    listeners: Vec<(String, String, u16)>,
    running: Option<Running>,
    data_folders: Vec<PathBuf>,
}

#[derive(Debug)]
struct Running {
    child: Child,
    /// Kills the server should the test program die: it reads a pipe that only the test program holds.
    watchdog: Child,
}

impl Server {
    /// What can be set before a start.
    pub fn setup() -> Setup {
        Setup::default()
    }

    /// A server under test with nothing special.
    ///
    /// # Errors
    /// Where the program is not on this machine.
    pub fn start_default() -> Result<Self, Missing> {
        Setup::default().start()
    }

    /// `host:port` for clients.
    pub fn bootstrap(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// `localhost:port` of a listener of [`Setup::listener`].
    pub fn listener(&self, name: &str) -> String {
        let found = self.listeners.iter().find(|(known, ..)| known == name);
        let (_, _, port) = found.unwrap_or_else(|| panic!("there is no listener {name}"));
        format!("localhost:{port}")
    }

    /// `host:port` of the controller listener.
    pub fn controller(&self) -> String {
        format!("127.0.0.1:{}", self.controller_port)
    }

    /// `host:port` of Medallion's metrics and health.
    pub fn metrics(&self) -> String {
        format!("127.0.0.1:{}", self.metrics_port)
    }

    /// The folders of `log.dirs`.
    pub fn data_folders(&self) -> Vec<PathBuf> {
        self.data_folders.clone()
    }

    /// The folder that holds the data folders, the properties and the log.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The properties file that the server is started with.
    pub fn properties_file(&self) -> PathBuf {
        self.folder.path().join("server.properties")
    }

    /// The program that serves now.
    pub fn program(&self) -> Program {
        self.program
    }

    /// The process id.
    pub fn process_id(&self) -> u32 {
        self.running.as_ref().expect("the server runs").child.id()
    }

    /// A connection that speaks the protocol directly.
    pub fn connect(&self) -> Connection {
        Connection::open(&self.bootstrap()).expect("the server takes connections")
    }

    /// Everything that the server has printed.
    pub fn log(&self) -> String {
        fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    /// Starts a stopped server and waits until it answers.
    pub fn start(&mut self) {
        if let Err(missing) = self.try_start() {
            panic!("{missing}");
        }
    }

    /// Starts another program on the stopped directory.
    pub fn start_as(&mut self, program: Program) {
        assert!(self.running.is_none(), "stop the server before another program takes its directory");
        self.program = program;
        self.start();
    }

    /// Asks the server to stop (SIGTERM) and waits for its end.
    pub fn stop(&mut self) {
        let status = self.signal(Signal::TERM);
        let good = status.success() || (status.code() == Some(143) && self.program != Program::Medallion);
        assert!(good, "the server ended with {status}\n{}", self.log_tail());
    }

    /// Kills the server (SIGKILL).
    pub fn kill(&mut self) {
        self.signal(Signal::KILL);
    }

    fn signal(&mut self, signal: Signal) -> ExitStatus {
        let mut running = self.running.take().expect("the server runs");
        let id = i32::try_from(running.child.id()).ok().and_then(Pid::from_raw).expect("a process id");
        kill_process(id, signal).expect("the server's process is there");
        let deadline = Instant::now() + self.program.patience();
        loop {
            if let Some(status) = running.child.try_wait().expect("the server is this process's child") {
                running.dismiss();
                return status;
            }
            if Instant::now() > deadline {
                running.end();
                panic!("the server did not stop on {signal:?}\n{}", self.log_tail());
            }
            thread::sleep(Duration::from_millis(2));
        }
    }

    fn try_start(&mut self) -> Result<(), Missing> {
        self.spawn()?;
        self.wait_until_ready();
        Ok(())
    }

    pub(crate) fn spawn(&mut self) -> Result<(), Missing> {
        assert!(self.running.is_none(), "the server runs already");
        let mut command = match self.program {
            Program::Medallion => medallion_command(),
            Program::Kafka(version) => {
                let (least, most) =
                    (format!("-Xms{}M", self.heap_mb_max / 2), format!("-Xmx{}M", self.heap_mb_max));
                kafka_command(version, "kafka.Kafka", &[&least, &most])?
            }
        };
        // What configures the tests is no setting of the server.
        for (name, _) in env::vars_os() {
            if name.to_str().is_some_and(|name| name.starts_with("MEDALLION_") || name.starts_with("KAFKA_"))
            {
                command.env_remove(name);
            }
        }
        command.arg(self.properties_file());
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.log_file())
            .expect("the log can be opened");
        let errors = log.try_clone().expect("a file handle can be doubled");
        let child = command.stdin(Stdio::null()).stdout(log).stderr(errors).spawn();
        let child = match (child, self.program) {
            (Ok(child), _) => child,
            // What is under test is never missing: that would count all tests as skipped.
            (Err(error), Program::Medallion) => panic!("{command:?} does not start: {error}"),
            (Err(error), Program::Kafka(_)) => return Err(Missing(format!("java does not start: {error}"))),
        };
        self.running = Some(Running { watchdog: watchdog(child.id()), child });
        Ok(())
    }

    /// Starts a stopped server that must refuse its directory, and returns what it printed.
    pub fn refusal(&mut self) -> String {
        let before = self.log().len();
        self.spawn().unwrap_or_else(|missing| panic!("{missing}"));
        let mut running = self.running.take().expect("just started");
        let deadline = Instant::now() + self.program.patience();
        loop {
            if let Some(status) = running.child.try_wait().expect("the server is this process's child") {
                running.dismiss();
                assert!(!status.success(), "the server ended well\n{}", self.log_tail());
                return self.log().split_off(before);
            }
            if Instant::now() > deadline {
                running.end();
                panic!("the server did not refuse\n{}", self.log_tail());
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    pub(crate) fn wait_until_ready(&mut self) {
        let deadline = Instant::now() + self.program.patience();
        loop {
            if Connection::open(&self.bootstrap()).and_then(|mut c| c.is_ready()).unwrap_or(false) {
                return;
            }
            let running = self.running.as_mut().expect("the server was started");
            if let Some(status) = running.child.try_wait().expect("the server is this process's child") {
                panic!("the server ended at start with {status}\n{}", self.log_tail());
            }
            assert!(Instant::now() < deadline, "the server does not answer\n{}", self.log_tail());
            thread::sleep(Duration::from_millis(5));
        }
    }

    fn log_file(&self) -> PathBuf {
        self.folder.path().join("server.log")
    }

    fn log_tail(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(80)..].join("\n")
    }

    fn properties(&self, standalone: bool, more: &[(String, String)]) -> String {
        let (port, controller) = (self.port, self.controller_port);
        let quorum = if standalone {
            format!("controller.quorum.bootstrap.servers=127.0.0.1:{controller}")
        } else {
            format!("controller.quorum.voters=1@127.0.0.1:{controller}")
        };
        let folders: Vec<_> = self.data_folders().iter().map(|f| f.display().to_string()).collect();
        let more_listeners = |host: &str| -> String {
            let one = |(name, _, port): &(String, String, u16)| format!(",{name}://{host}:{port}");
            self.listeners.iter().map(one).collect()
        };
        let protocol = |(name, protocol, _): &(String, String, u16)| format!(",{name}:{protocol}");
        let protocols: String = self.listeners.iter().map(protocol).collect();
        let (bound, advertised) = (more_listeners("127.0.0.1"), more_listeners("localhost"));
        let mut text = format!(
            "process.roles=broker,controller\nnode.id=1\n{quorum}\n\
             listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}{bound}\n\
             advertised.listeners=PLAINTEXT://127.0.0.1:{port}{advertised}\ncontroller.listener.names=CONTROLLER\n\
             listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT{protocols}\nlog.dirs={}\n\
             offsets.topic.replication.factor=1\noffsets.topic.num.partitions=3\n\
             transaction.state.log.replication.factor=1\ntransaction.state.log.min.isr=1\n\
             transaction.state.log.num.partitions=3\nshare.coordinator.state.topic.replication.factor=1\n\
             share.coordinator.state.topic.min.isr=1\ngroup.initial.rebalance.delay.ms=0\n\
             medallion.metrics.listener={}\n",
            folders.join(","),
            self.metrics()
        );
        for (name, value) in more {
            writeln!(text, "{name}={value}").expect("a string can be written to");
        }
        text
    }

    fn format_by_kafka(&self, version: &'static str, standalone: bool) -> Result<(), Missing> {
        let mut command = kafka_command(version, "kafka.tools.StorageTool", &[])?;
        command
            .args(["format", "--cluster-id", "MkU3OEVBNTcwNTJENDM2Qk", "--config"])
            .arg(self.properties_file());
        if standalone {
            command.arg("--standalone");
        }
        let output = command.output().map_err(|error| Missing(error.to_string()))?;
        assert!(output.status.success(), "format: {}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            running.end();
        }
        if thread::panicking() {
            eprintln!("--- log of the server ({:?}) ---\n{}\n---", self.program, self.log_tail());
        }
    }
}

impl Running {
    /// Kills the server and its watchdog.
    fn end(mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.dismiss();
    }

    /// Ends the watchdog of a server that has ended.
    fn dismiss(mut self) {
        let _ = self.watchdog.kill();
        let _ = self.watchdog.wait();
    }
}

/// Kills a server should the test program die.
pub(crate) fn watchdog(server: u32) -> Child {
    let script = format!("cat; kill -9 {server}");
    let command =
        Command::new("sh").args(["-c", &script]).stdin(Stdio::piped()).stdout(Stdio::null()).spawn();
    command.expect("a shell can be started")
}

/// `medallion broker`, ready for the properties file.
fn medallion_command() -> Command {
    let mut command = Command::new(medallion_binary());
    command.arg("broker");
    command
}

/// The `medallion` binary: `MEDALLION_BIN`, or what cargo builds (once for each test program). Panics where it does
/// not build, because a test that needs it fails then; it is not skipped.
pub fn medallion_binary() -> PathBuf {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| env::var_os("MEDALLION_BIN").map_or_else(build_medallion, PathBuf::from)).clone()
}

fn build_medallion() -> PathBuf {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "--quiet", "--package", "medallion-cli", "--bin", "medallion"]);
    command.args(["--message-format", "json-render-diagnostics"]).current_dir(env!("CARGO_MANIFEST_DIR"));
    let output = command.output().expect("cargo can be started");
    let text = String::from_utf8_lossy(&output.stdout);
    let messages = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let paths = messages.filter_map(|m| Some(m.get("executable")?.as_str()?.to_owned()));
    match paths.reduce(|_, last| last) {
        Some(path) if output.status.success() => PathBuf::from(path),
        _ => panic!("medallion does not build:\n{}", String::from_utf8_lossy(&output.stderr)),
    }
}

/// One of Kafka's main classes in a JVM of its own.
pub(crate) fn kafka_command(version: &str, class: &str, options: &[&str]) -> Result<Command, Missing> {
    let jars = cached(&format!("kafka-{version}.classpath"), &format!("kafka-{version}"))?;
    let jars = fs::read_to_string(jars).map_err(|error| Missing(error.to_string()))?;
    let mut command = Command::new(program("java")?);
    command.args([
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    ]);
    command.args(options).args(["-cp", jars.trim(), class]);
    Ok(command)
}

/// A port below the range that the system takes for outgoing connections, so that it stays free over a restart.
/// A port that nobody listens at now.
#[must_use]
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    const RANGE: u16 = 12_000;
    let start = u16::try_from(std::process::id() % 1500 * 8).expect("below the range");
    for _ in 0..RANGE {
        let port = 20_000 + start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % RANGE;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no free port");
}
