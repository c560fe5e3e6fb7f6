#!/usr/bin/env python3
"""Compares the Rust client with librdkafka and with Kafka's Java client against one server: rounds of runs, one client after the other.

Usage: clients.py [--rounds 5] [--quick] [--server medallion|kafka] [--medallion BINARY] [--load BINARY] [--out FILE-WITHOUT-ENDING]
See README.md.
"""

import argparse
import datetime
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import machine
import run as servers_run
import servers
import wire

PARTITIONS = 8
CLIENTS = ["medallion", "librdkafka", "java"]
# The same for all three, by the names that they share; what else there is stays as each client has it.
PRODUCER = ["acks=all", "enable.idempotence=true", "linger.ms=5"]
CASES = [(100, "none"), (1024, "none"), (1024, "lz4"), (1024, "zstd")]
FIGURES = [("records per CPU second", "records/s"), ("throughput", "MB/s"), ("memory (most ever resident)", "MiB")]


def build_load():
    """Builds the release binary of the program with the two clients and returns its path."""
    target = os.environ.get("CARGO_TARGET_DIR") or str(servers.cache() / "target")
    target = str(Path(target) / "client-load")
    folder = Path(__file__).parent / "clients"
    subprocess.run(["cargo", "build", "--release", "--quiet", "--target-dir", target], cwd=folder, check=True)
    return Path(target) / "release" / "client-load"


def timed(command):
    """Runs a process; its output, its CPU seconds, the most memory that it had in MiB, and the seconds that it took."""
    begin = time.perf_counter()
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(command, stdout=output, stderr=errors)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        errors.seek(0)
        if process.returncode != 0:
            raise RuntimeError(f"{command[:3]}: {errors.read()[-1500:].decode(errors='replace')}")
        text = output.read().decode()
    return text, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, time.perf_counter() - begin


def java(main, *arguments, classes=None):
    path = servers.kafka_classpath() if classes is None else f"{classes}:{servers.kafka_classpath()}"
    return ["java", *servers_run.CLIENT_JVM, "-cp", path, main, *arguments]


def produce(client, options, server, topic, size, settings, records):
    address = f"127.0.0.1:{server.port}"
    if client != "java":
        command = [options.load, client, "produce", address, topic, str(PARTITIONS), str(records), str(size), *settings]
        text, cpu, memory, _ = timed(command)
        return json.loads(text)["seconds"], cpu, memory
    command = java("org.apache.kafka.tools.ProducerPerformance", "--topic", topic, "--num-records", str(records))
    command += ["--record-size", str(size), "--throughput", "-1", "--reporting-interval", "600000"]
    command += ["--bootstrap-server", address, "--command-property", *settings]
    text, cpu, memory, _ = timed(command)
    sent, per_second, _p50, _p99 = servers_run.SENT.findall(text)[-1]
    if int(sent) != records:
        raise RuntimeError(f"producer-perf sent {sent} of {records} records")
    return records / float(per_second), cpu, memory


def read(client, options, server, topic, size, records):
    address = f"127.0.0.1:{server.port}"
    if client != "java":
        command = [options.load, client, "read", address, topic, str(PARTITIONS), str(records), str(size)]
        text, cpu, memory, _ = timed(command)
        return json.loads(text)["seconds"], cpu, memory
    text, cpu, memory, _ = timed(java("ReadPartitions", address, topic, str(PARTITIONS), str(records), classes=options.classes))
    count, _bytes, seconds = text.split()
    if int(count) != records:
        raise RuntimeError(f"Kafka's consumer read {count} of {records} records")
    return float(seconds), cpu, memory


def figures_of(seconds, cpu, memory, records, size):
    return {FIGURES[0][0]: records / cpu, FIGURES[1][0]: records * size / 1e6 / seconds, FIGURES[2][0]: memory}


def one_round(options, server, number, seen):
    """Every case by every client, the clients in turns, each first once."""
    order = CLIENTS[number % len(CLIENTS):] + CLIENTS[:number % len(CLIENTS)]
    for size, codec in CASES:
        records = options.records_of(size)
        case = f"produce {servers_run.size_name(size)}, {codec}"
        for client in order:
            topic = f"{client}-{size}-{codec}-{number}"
            wire.until_created(server.port, topic, PARTITIONS)
            settings = [*PRODUCER, f"compression.type={codec}"]
            taken = produce(client, options, server, topic, size, settings, records)
            seen.setdefault(case, {}).setdefault(client, []).append(figures_of(*taken, records, size))
        # All read the same topic, which the first has written.
        topic, case = f"{order[0]}-{size}-{codec}-{number}", f"read {servers_run.size_name(size)}, {codec}"
        for client in order:
            taken = read(client, options, server, topic, size, records)
            seen.setdefault(case, {}).setdefault(client, []).append(figures_of(*taken, records, size))


def steady(options):
    """100 MB/s in and out over 1,000 partitions by the Rust client: who had to wait how long."""
    kind = servers.Medallion if options.server == "medallion" else servers.Kafka
    folder = servers.new_folder(options.folder)
    server = kind(Path(folder) / "server")
    try:
        server.start()
        wire.until_created(server.port, "steady", options.partitions)
        address, records = f"127.0.0.1:{server.port}", int(options.seconds * 100_000)
        command = [options.load, "medallion", "steady", address, "steady", str(options.partitions), str(records), "1000", *PRODUCER]
        return json.loads(timed(command)[0])
    finally:
        server.remove()
        shutil.rmtree(folder, ignore_errors=True)


def cell(values):
    middle = statistics.median(values)
    form = "{:,.0f}" if middle >= 100 else "{:.1f}"
    return f"**{form.format(middle)}** ({form.format(min(values))} – {form.format(max(values))})"


def table(seen):
    lines = ["| case | figure | Rust client | librdkafka | Java | to librdkafka | to Java |", "|---|---|---|---|---|---|---|"]
    for case, by_client in seen.items():
        for name, unit in FIGURES:
            columns = {client: [run[name] for run in runs] for client, runs in by_client.items()}
            ours = columns["medallion"]
            ratios = [statistics.median(a / b for a, b in zip(ours, columns[other])) for other in CLIENTS[1:]]
            cells = [cell(columns[client]) for client in CLIENTS] + [f"{ratio:.2f}" for ratio in ratios]
            lines.append("| " + " | ".join([case, f"{name}, {unit}", *cells]) + " |")
    return "\n".join(lines)


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="how often every client runs every case (default 5)")
    parser.add_argument("--quick", action="store_true", help="little load, to see that it works; the figures are worthless")
    parser.add_argument("--steady", action="store_true", help="100 MB/s over many partitions by the Rust client alone, and its longest waits")
    parser.add_argument("--partitions", type=int, default=1000, help="how many, with --steady")
    parser.add_argument("--seconds", type=float, default=60, help="for how long, with --steady")
    parser.add_argument("--server", choices=["medallion", "kafka"], default="medallion", help="against which server")
    parser.add_argument("--medallion", help="this server binary instead of building one")
    parser.add_argument("--load", help="this client-load binary instead of building one")
    parser.add_argument("--folder", help="where the data goes (default: the folder for temporary files)")
    parser.add_argument("--out", default=str(Path(__file__).parent / "results" / "latest-clients"), help="where the result goes, without ending")
    options = parser.parse_args(arguments)
    payload = 20_000_000 if options.quick else 1_000_000_000
    options.records_of = lambda size: int(payload * (1.0 if size >= 1024 else 0.3)) // size
    return options


def main():
    options = parse(sys.argv[1:])
    options.classes = servers_run.compile_reader()
    options.load = options.load or build_load()
    kind = servers.Medallion if options.server == "medallion" else servers.Kafka
    if kind is servers.Medallion:
        kind.binary = options.medallion or servers.build_medallion()
    if options.steady:
        print(json.dumps(steady(options), indent=1))
        return
    began = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    seen = {}
    for number in range(1 if options.quick else options.rounds):
        folder = servers.new_folder(options.folder)
        server = kind(Path(folder) / "server")
        try:
            server.start()
            one_round(options, server, number, seen)
            server.stop()
        finally:
            server.remove()
            shutil.rmtree(folder, ignore_errors=True)
        print(f"round {number + 1} of {options.rounds} done", file=sys.stderr, flush=True)
        out = Path(options.out)
        out.parent.mkdir(parents=True, exist_ok=True)
        result = {"began": began, "server": kind.name, "machine": machine.facts(), "cases": seen}
        Path(f"{out}.json").write_text(json.dumps(result, indent=1) + "\n")
        host = machine.facts()
        head = f"Clients against {kind.name}, {number + 1} rounds, {began}. {host['cores']} cores of {host['cpu']}."
        Path(f"{out}.md").write_text(f"{head}\n\n{table(seen)}\n")
    print(Path(f"{options.out}.md").read_text())


if __name__ == "__main__":
    main()
