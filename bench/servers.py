"""Medallion and Apache Kafka as processes: the same properties, a data directory each, start, stop and kill."""

import os
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import machine
import wire

REPOSITORY = Path(__file__).resolve().parent.parent
KAFKA_VERSION = "4.3.1"
# What kafka-server-start.sh gives a broker.
KAFKA_JVM = """-Xmx1G -Xms1G -server -XX:+UseG1GC -XX:MaxGCPauseMillis=20 -XX:InitiatingHeapOccupancyPercent=35
-XX:+ExplicitGCInvokesConcurrent -XX:MaxInlineLevel=15 -Djava.awt.headless=true
-Dorg.slf4j.simpleLogger.defaultLogLevel=warn""".split()
PROPERTIES = """process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller_port}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
log.dirs={data}
num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
"""


def cache():
    """The user's cache folder, where `make setup` puts other people's programs."""
    users = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("MEDALLION_CACHE") or Path(users) / "medallion")


def kafka_classpath():
    path = cache() / "tests" / f"kafka-{KAFKA_VERSION}.classpath"
    if not path.exists():
        raise SystemExit(f"Apache Kafka {KAFKA_VERSION} is not here: run `make setup`")
    return path.read_text().strip()


def build_medallion():
    """Builds the release binary and returns its path."""
    target = os.environ.setdefault("CARGO_TARGET_DIR", str(cache() / "target"))
    subprocess.run(["cargo", "build", "--release", "--quiet", "--bin", "medallion"], cwd=REPOSITORY, check=True)
    return Path(target) / "release" / "medallion"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """One server over one folder; it can be started again on the same data."""

    def __init__(self, folder, settings=None):
        self.folder = Path(folder)
        self.data = self.folder / "data"
        self.port, self.controller_port = free_port(), free_port()
        self.process = None
        self.started = 0.0
        self.settings = settings or {}
        self.folder.mkdir(parents=True)

    def properties(self):
        text = PROPERTIES.format(port=self.port, controller_port=self.controller_port, data=self.data)
        return text + "".join(f"{name}={value}\n" for name, value in self.settings.items())

    def start(self):
        """Starts the process and returns the seconds until it answered its first request."""
        file = self.folder / "server.properties"
        file.write_text(self.properties())
        self.prepare(file)
        with open(self.folder / "server.out", "ab") as output:
            self.started = time.perf_counter()
            self.process = subprocess.Popen(self.command(file), stdout=output, stderr=output, preexec_fn=many_files)
        return wire.until_answered(self.port, self.assert_alive) - self.started

    def prepare(self, file):
        """What has to be done before the first start."""

    def assert_alive(self):
        if self.process.poll() is not None:
            end = (self.folder / "server.out").read_text(errors="replace")[-3000:]
            raise RuntimeError(f"{self.name} ended with {self.process.returncode}:\n{end}")

    @property
    def pid(self):
        return self.process.pid

    def cpu_s(self):
        return machine.process_cpu_s(self.pid)

    def stop(self):
        """Stops the server and returns the seconds that this took."""
        begin = time.perf_counter()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(300)
        return time.perf_counter() - begin

    def kill(self):
        self.process.kill()
        self.process.wait(60)

    def remove(self):
        if self.process and self.process.poll() is None:
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


class Medallion(Server):
    name = "Medallion"
    binary = None

    def properties(self):
        return super().properties() + f"medallion.metrics.listener=127.0.0.1:{free_port()}\n"

    def command(self, file):
        return [self.binary, "broker", file]


class Kafka(Server):
    name = "Kafka"
    formatted = None  # what the format tool writes, made once, since the tool takes longer than the server's start

    def command(self, file):
        return ["java", *KAFKA_JVM, "-cp", kafka_classpath(), "kafka.Kafka", file]

    def prepare(self, file):
        if self.data.exists():
            return
        if Kafka.formatted is None:
            tool = ["java", "-cp", kafka_classpath(), "kafka.tools.StorageTool", "format", "-t", "4L6g3nShT-eMCtK--X86sw"]
            subprocess.run([*tool, "-c", file], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            Kafka.formatted = {path.name: path.read_bytes() for path in self.data.iterdir()}
        self.data.mkdir(exist_ok=True)
        for name, content in Kafka.formatted.items():
            (self.data / name).write_bytes(content)


def many_files():
    """A thousand partitions need more open files than a shell's soft limit often allows."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def new_folder(under):
    return tempfile.mkdtemp(prefix="medallion-bench-", dir=under)
