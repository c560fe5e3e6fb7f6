//! Apache Kafka 2.1, the oldest version that clients of Kafka 4 talk to, with the ZooKeeper that it needs.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::connection::Connection;
use crate::environment::Missing;
use crate::server::{free_port, kafka_command, watchdog};

/// The version that `make setup` brings.
pub const OLD_KAFKA: &str = "2.1.1";
const PATIENCE: Duration = Duration::from_secs(90);
const HEAP: &str = "-Xmx256M";

/// A running broker; it ends with the value.
#[derive(Debug)]
pub struct OldKafka {
    // The broker ends before what it needs.
    broker: Process,
    _zookeeper: Process,
    folder: TempDir,
    port: u16,
}

#[derive(Debug)]
struct Process {
    child: Child,
    watchdog: Child,
}

impl Drop for Process {
    fn drop(&mut self) {
        for child in [&mut self.child, &mut self.watchdog] {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl OldKafka {
    /// A broker with nothing special.
    ///
    /// # Errors
    /// Where there is no Java or no such Kafka on this machine.
    pub fn start() -> Result<Self, Missing> {
        let folder = TempDir::with_prefix("medallion-test-").expect("a temporary folder can be made");
        let (port, zookeeper_port, path) = (free_port(), free_port(), folder.path().display());
        let zookeeper = format!(
            "clientPort={zookeeper_port}\nclientPortAddress=127.0.0.1\ndataDir={path}/zookeeper\nmaxClientCnxns=0\nadmin.enableServer=false\n"
        );
        let broker = format!(
            "broker.id=1\nlisteners=PLAINTEXT://127.0.0.1:{port}\nzookeeper.connect=127.0.0.1:{zookeeper_port}\n\
             zookeeper.connection.timeout.ms=60000\nlog.dirs={path}/data\noffsets.topic.replication.factor=1\n\
             offsets.topic.num.partitions=3\ntransaction.state.log.replication.factor=1\ntransaction.state.log.min.isr=1\n\
             transaction.state.log.num.partitions=3\ngroup.initial.rebalance.delay.ms=0\n"
        );
        let zookeeper =
            spawn(folder.path(), "zookeeper", "org.apache.zookeeper.server.ZooKeeperServerMain", &zookeeper)?;
        let broker = spawn(folder.path(), "broker", "kafka.Kafka", &broker)?;
        let mut kafka = Self { broker, _zookeeper: zookeeper, folder, port };
        kafka.wait_until_ready();
        Ok(kafka)
    }

    /// `host:port` for clients.
    pub fn bootstrap(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    fn wait_until_ready(&mut self) {
        let until = Instant::now() + PATIENCE;
        while !Connection::open(&self.bootstrap()).and_then(|mut one| one.is_ready()).unwrap_or(false) {
            let ended = self.broker.child.try_wait().expect("the broker is this process's child");
            assert!(ended.is_none() && Instant::now() < until, "{ended:?}\n{}", self.log());
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn log(&self) -> String {
        let log = |name: &str| fs::read_to_string(self.folder.path().join(name)).unwrap_or_default();
        log("zookeeper.log") + &log("broker.log")
    }
}

impl Drop for OldKafka {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("--- log of Kafka {OLD_KAFKA} ---\n{}\n---", self.log());
        }
    }
}

fn spawn(folder: &Path, name: &str, class: &str, properties: &str) -> Result<Process, Missing> {
    let (file, log) = (folder.join(format!("{name}.properties")), folder.join(format!("{name}.log")));
    fs::write(&file, properties).expect("the properties file can be written");
    let mut command = kafka_command(OLD_KAFKA, class, &[HEAP])?;
    let log = File::create(log).expect("the log can be made");
    let errors = log.try_clone().expect("a file handle can be doubled");
    command.arg(file).stdin(Stdio::null()).stdout(log).stderr(errors);
    let child = command.spawn().map_err(|error| Missing(format!("java does not start: {error}")))?;
    Ok(Process { watchdog: watchdog(child.id()), child })
}
