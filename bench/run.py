#!/usr/bin/env python3
"""Compares Medallion with Apache Kafka on this machine: pairs of runs, one server after the other. See README.md.

Usage: run.py [--pairs 7] [--quick] [--only medallion|kafka] [--medallion BINARY] [--out FILE-WITHOUT-ENDING]
"""

import argparse
import datetime
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import figures
import machine
import servers
import wire

PARTITIONS = 8
LOADS = [(100, "1"), (100, "all"), (1024, "1"), (1024, "all")]
SENT = re.compile(r"(\d+) records sent, ([\d.]+) records/sec .*?([\d.]+) ms 50th, .*?([\d.]+) ms 99th")
CLIENT_JVM = ["-Xmx512M", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"]


class Measurement:
    """CPU of the server, and of everything that is neither the server nor the client, while the block runs."""

    def __init__(self, server, noise):
        self.server, self.noise = server, noise

    def __enter__(self):
        self.before = self.now()
        return self

    def __exit__(self, kind, *_):
        if kind is not None:
            return
        busy, server, client, wall = (b - a for a, b in zip(self.before, self.now()))
        self.cpu_s = server
        self.noise.append(max(0.0, busy - server - client) / wall / os.cpu_count())

    def now(self):
        return machine.machine_busy_s(), self.server.cpu_s(), machine.children_cpu_s(), time.perf_counter()


def size_name(size):
    return "1 KiB" if size == 1024 else f"{size} B"


def produce(server, topic, size, acks, records):
    """One run of Kafka's producer-perf; returns payload bytes a second and the median and 99th latency in ms."""
    command = ["java", *CLIENT_JVM, "-cp", servers.kafka_classpath(), "org.apache.kafka.tools.ProducerPerformance"]
    command += ["--topic", topic, "--num-records", str(records), "--record-size", str(size), "--throughput", "-1"]
    command += ["--reporting-interval", "600000", "--bootstrap-server", f"127.0.0.1:{server.port}"]
    command += ["--command-property", f"acks={acks}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    found = SENT.findall(done.stdout)
    if done.returncode != 0 or not found or int(found[-1][0]) != records:
        raise RuntimeError(f"producer-perf against {server.name}: {done.stdout[-1500:]}\n{done.stderr[-1500:]}")
    _, per_second, p50, p99 = found[-1]
    return float(per_second) * size, float(p50), float(p99)


def read(server, topic, records, classes):
    """Reads a whole topic by assigned partitions; returns payload bytes a second."""
    command = ["java", *CLIENT_JVM, "-cp", f"{classes}:{servers.kafka_classpath()}", "ReadPartitions"]
    command += [f"127.0.0.1:{server.port}", topic, str(PARTITIONS), str(records)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    fields = done.stdout.split()
    if done.returncode != 0 or int(fields[0]) != records:
        raise RuntimeError(f"reading from {server.name}: {done.stdout[-500:]}\n{done.stderr[-1500:]}")
    return int(fields[1]) / float(fields[2])


def measure_start(server, seen):
    seen["start, empty directory: first answer"] = server.start() * 1000
    wire.until_created(server.port, "first", 1)
    times = wire.until_acknowledged(server.port, "first", 1)
    seen["start, empty directory: new topic's first acknowledged write"] = (times[-1] - server.started) * 1000


def measure_idle(server, seen):
    time.sleep(5)
    seen["memory idle (resident)"] = machine.memory_mib(server.pid, "VmRSS")
    before, begin = server.cpu_s(), time.perf_counter()
    time.sleep(3)
    seen["CPU idle"] = (server.cpu_s() - before) * 1000 / (time.perf_counter() - begin)


def measure_load(server, seen, extra, options, noise):
    wire.until_created(server.port, "warm", PARTITIONS)
    produce(server, "warm", 1024, "1", options.records_of(1024) // 4)
    read(server, "warm", options.records_of(1024) // 4, options.classes)
    for size, acks in LOADS:
        topic, records = f"load-{size}-{acks}", options.records_of(size)
        wire.until_created(server.port, topic, PARTITIONS)
        with Measurement(server, noise) as measured:
            rate, p50, p99 = produce(server, topic, size, acks, records)
        name = f"produce {size_name(size)} acks={acks}"
        seen[f"{name}: rate"] = rate / 1e6
        seen[f"{name}: server CPU"] = measured.cpu_s / (records * size / 1e9)
        extra[f"{name}: latency ms p50, p99"] = [p50, p99]
    for size in (100, 1024):
        records = options.records_of(size)
        with Measurement(server, noise) as measured:
            rate = read(server, f"load-{size}-1", records, options.classes)
        seen[f"read {size_name(size)}: rate"] = rate / 1e6
        seen[f"read {size_name(size)}: server CPU"] = measured.cpu_s / (records * size / 1e9)
    seen["memory under load (most ever resident)"] = machine.memory_mib(server.pid, "VmHWM")
    extra["threads under load"] = machine.thread_count(server.pid)


def measure_restart(server, seen):
    wire.until_created(server.port, "hundred", 100)
    wire.until_acknowledged(server.port, "hundred", 100)
    seen["stop, 100 partitions, after the load"] = server.stop() * 1000
    seen["start, 100 partitions: first answer"] = server.start() * 1000
    times = wire.until_acknowledged(server.port, "hundred", 100)
    seen["start, 100 partitions: every partition acknowledged a write"] = (times[-1] - server.started) * 1000


def measure(kind, options):
    """All figures of one server on a fresh folder."""
    folder = Path(servers.new_folder(options.folder))
    server = kind(folder / "server")
    seen, extra, noise = {}, {"load average before": machine.load_average()}, []
    try:
        measure_start(server, seen)
        measure_idle(server, seen)
        measure_load(server, seen, extra, options, noise)
        measure_restart(server, seen)
        server.stop()
    finally:
        server.remove()
        folder.rmdir()
        os.sync()  # so that the next server does not wait for this one's writes
    extra["CPU used by others"] = round(max(noise), 3)
    return seen, extra


def parse(arguments):
    parser = argparse.ArgumentParser(description="Compares Medallion with Apache Kafka; see bench/README.md.")
    parser.add_argument("--pairs", type=int, default=int(os.environ.get("PAIRS", 7)))
    parser.add_argument("--quick", action="store_true", help="a tenth of the load: to try it out, not for figures")
    parser.add_argument("--only", choices=["medallion", "kafka"], help="one server, without a table")
    parser.add_argument("--medallion", help="a binary that is already built")
    parser.add_argument("--megabytes", type=int, help="payload of each 1 KiB load in MB (default 1000; 100 B loads take 0.3 of it)")
    parser.add_argument("--folder", help="where the data goes (default: the folder for temporary files)")
    parser.add_argument("--out", default=str(Path(__file__).parent / "results" / "latest"), help="where the result goes, without ending")
    options = parser.parse_args(arguments)
    payload = (options.megabytes or (100 if options.quick else 1000)) * 1_000_000
    options.records_of = lambda size: int(payload * (1.0 if size >= 1024 else 0.3)) // size
    return options


def compile_reader():
    classes = servers.cache() / "bench"
    classes.mkdir(parents=True, exist_ok=True)
    source = Path(__file__).parent / "ReadPartitions.java"
    subprocess.run(["javac", "-cp", servers.kafka_classpath(), "-d", classes, source], check=True)
    return classes


def run_pairs(options, kinds, save):
    pairs = []
    for index in range(options.pairs):
        pair = []
        for kind in kinds:
            begin = time.perf_counter()
            seen, extra = measure(kind, options)
            pair.append((seen, extra))
            print(f"pair {index + 1} of {options.pairs}: {kind.name}, {time.perf_counter() - begin:.0f} s, "
                  f"others used {extra['CPU used by others']:.0%} of the CPU at most", file=sys.stderr, flush=True)
            if len(kinds) == 1:
                print(json.dumps({**seen, **extra}, indent=1))
        pairs.append(pair)
        save(pairs)  # each pair, so that a run that is cut short keeps what it has seen


def result_of(pairs, began, revision):
    return {
        "began": began,
        "machine": machine.facts(),
        "kafka": servers.KAFKA_VERSION,
        "medallion": revision,
        "pairs": [[{"figures": seen, "extra": extra} for seen, extra in pair] for pair in pairs],
        "summary": figures.summarize([(m[0], k[0]) for m, k in pairs]),
    }


def built_revision(options):
    if options.medallion:
        return "(a given binary)"
    described = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=servers.REPOSITORY, capture_output=True, text=True)
    return described.stdout.strip() or "unknown"


def markdown(result):
    others = [run["extra"]["CPU used by others"] for pair in result["pairs"] for run in pair]
    host = result["machine"]
    head = [
        f"Medallion {result['medallion']} beside Apache Kafka {result['kafka']}, {len(result['pairs'])} pairs, {result['began']}.",
        f"{host['cores']} cores of {host['cpu']}, {host['memory_gib']} GiB, Linux {host['kernel']}.",
        f"Other programs used up to {max(others):.0%} of the CPU during a measurement (median {sorted(others)[len(others) // 2]:.0%}).",
    ]
    return "\n".join([*head, "", figures.table(result["summary"]), ""])


def main():
    options = parse(sys.argv[1:])
    options.classes = compile_reader()
    if options.only != "kafka":
        servers.Medallion.binary = options.medallion or servers.build_medallion()
    kinds = [kind for kind in (servers.Medallion, servers.Kafka) if options.only in (None, kind.name.lower())]
    began = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    revision = built_revision(options)
    out = Path(options.out)

    def save(pairs):
        if len(kinds) < 2:
            return
        result = result_of(pairs, began, revision)
        out.parent.mkdir(parents=True, exist_ok=True)
        Path(f"{out}.json").write_text(json.dumps(result, indent=1) + "\n")
        Path(f"{out}.md").write_text(markdown(result))

    run_pairs(options, kinds, save)
    if len(kinds) == 2:
        print(Path(f"{out}.md").read_text())


if __name__ == "__main__":
    main()
