#!/usr/bin/env python3
"""Compares Medallion with Apache Kafka where groups are large or many: pairs of runs, one server after the other. See README.md.

Usage: groups.py [--pairs 1] [--quick] [--only medallion|kafka] [--medallion BINARY --load BINARY] [--out FILE-WITHOUT-ENDING]
"""

import argparse
import datetime
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import figures
import machine
import run
import servers

TOPIC = "scale"
SETTINGS = {
    "group.consumer.min.heartbeat.interval.ms": 100,
    "group.consumer.assignors": "uniform,range",
}


class Load:
    """The load driver, a process that is told one command after another."""

    def __init__(self, binary, port):
        command = [binary, f"127.0.0.1:{port}"]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, preexec_fn=servers.many_files
        )

    def ask(self, do, **arguments):
        self.process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline() or '{"error": "the load driver ended"}')
        if "error" in answer:
            raise RuntimeError(f"{do}: {answer['error']}")
        if answer.get("trouble"):
            progress(f"{do}: {answer['counts']['troubles']} troubles, the first: {answer['trouble']}")
        return answer

    def cpu_s(self):
        return machine.process_cpu_s(self.process.pid)

    def stop(self):
        self.process.kill()
        self.process.wait(60)


class Bench:
    """One server, one load driver, and the figures of both."""

    def __init__(self, server, options):
        self.server, self.load = server, Load(options.load, server.port)
        self.figures, self.noise, self.share = {}, [], 0.1 if options.quick else 1

    def of(self, count):
        return max(2, round(count * self.share))

    def ask(self, name, do, **arguments):
        """Asks the driver; notes the seconds until all had settled, and the CPU that the server took for it."""
        before = self.now()
        answer = self.load.ask(do, **arguments)
        busy, server, load, own, wall = (b - a for a, b in zip(before, self.now()))
        self.noise.append(max(0.0, busy - server - load - own) / wall / os.cpu_count())
        answer["cpu_s"] = server
        if name:
            self.figures[f"{name}: settled"] = answer["seconds"] * 1000
            self.figures[f"{name}: server CPU"] = server * 1000
            progress(f"{self.server.name}: {name}: {answer['seconds']:.3f} s, CPU {server:.2f} s, driver {load:.2f} s")
        return answer

    def now(self):
        return machine.machine_busy_s(), self.server.cpu_s(), self.load.cpu_s(), machine.children_cpu_s(), time.perf_counter()

    def memory(self, name):
        self.figures[f"{name}: memory"] = machine.memory_mib(self.server.pid, "VmRSS")

    def idle(self, name, seconds):
        answer = self.ask(None, "idle", seconds=seconds)
        self.figures[f"{name}: CPU of heartbeats"] = answer["cpu_s"] * 1e6 / max(1, answer["counts"]["requests"])
        progress(f"{self.server.name}: {name}: {answer['counts']['requests'] / seconds:.0f} heartbeats/s, CPU {answer['cpu_s']:.2f} s")

    def one_group(self, name, **join):
        """A group forms, gets a member more, loses one, rests."""
        self.ask(f"{name}, all join", "join", **join)
        self.memory(name)
        self.ask(f"{name}, one more joins", "join", **{**join, "members": 1})
        self.ask(f"{name}, one leaves", "leave", group=join["group"])
        self.idle(name, 4)
        self.load.ask("close")

    def classic_group(self, members, partitions):
        name = f"classic, {members} members"
        self.one_group(name, protocol="classic", group="classic", members=self.of(members), topic=TOPIC,
                       partitions=partitions, heartbeat_ms=500)

    def consumer_group(self, name, members, partitions, assignor, **intervals_ms):
        group = name.replace(" ", "-").replace(",", "")
        for setting, value in intervals_ms.items():
            self.load.ask("set", group=group, name=f"consumer.{setting}.interval.ms", value=str(value))
        join = dict(protocol="consumer", group=group, members=self.of(members), topic=TOPIC, partitions=partitions,
                    assignor=assignor)
        if intervals_ms:
            self.one_group(name, **join)
        else:  # with the default intervals changes are a wait for these
            self.ask(f"{name}, all join", "join", **join)
            self.load.ask("close")

    def many_groups(self, protocol, groups, members):
        name = f"{protocol}, {groups} groups of {members}"
        self.ask(f"{name}, all join", "join", protocol=protocol, group=protocol, groups=self.of(groups), members=members,
                 topic="small", partitions=2, assignor="uniform", heartbeat_ms=3000, connections=self.of(500))
        self.memory(name)
        commits = self.ask(None, "commit", seconds=4, connections=64)
        if commits["refused"]:
            raise RuntimeError(f"{name}: {commits['refused']} commits were refused")
        self.figures[f"{name}: commits"] = commits["commits"] / commits["seconds"]
        self.figures[f"{name}: CPU of commits"] = commits["cpu_s"] * 1e6 / commits["commits"]
        progress(f"{self.server.name}: {name}: {self.figures[f'{name}: commits']:.0f} commits/s, CPU {commits['cpu_s']:.2f} s")
        self.idle(name, 4)
        self.memory(f"{name}, after commits")
        self.load.ask("close")


def measure(kind, options):
    folder = Path(servers.new_folder(options.folder))
    server = kind(folder / "server", SETTINGS)
    bench = None
    try:
        server.start()
        bench = Bench(server, options)
        partitions = bench.of(1000)
        bench.load.ask("prepare", topic=TOPIC, partitions=partitions)
        bench.load.ask("prepare", topic="small", partitions=2)
        time.sleep(3)
        bench.memory("before")
        cases(bench, partitions)
        bench.figures["most ever: memory"] = machine.memory_mib(server.pid, "VmHWM")
        return bench.figures, {"CPU used by others": max(bench.noise)}
    finally:
        if bench:
            bench.load.stop()
        server.remove()
        folder.rmdir()


def cases(bench, partitions):
    bench.classic_group(2000, partitions)
    bench.consumer_group("consumer, 2000 members", 2000, partitions, "uniform", heartbeat=500)
    bench.consumer_group("consumer, 2000 members, assigned at once", 2000, partitions, "uniform", heartbeat=500, assignment=0)
    bench.consumer_group("consumer, 2000 members, default intervals", 2000, partitions, "uniform")
    for assignor in ("uniform", "range"):
        bench.consumer_group(f"{assignor}, 1000 partitions to 100", 100, partitions, assignor, heartbeat=100, assignment=0)
        bench.consumer_group(f"{assignor}, 1000 partitions to 1000", 1000, partitions, assignor, heartbeat=500, assignment=0)
    bench.many_groups("classic", 5000, 1)
    bench.many_groups("consumer", 5000, 2)


UNITS = {
    "settled": "ms",
    "server CPU": "ms",
    "memory": "MiB",
    "CPU of heartbeats": "µs each",
    "commits": "1/s",
    "CPU of commits": "µs each",
}


def progress(text):
    print(text, file=sys.stderr, flush=True)


def build():
    """Builds the server and the load driver; returns their paths."""
    target = os.environ.setdefault("CARGO_TARGET_DIR", str(servers.cache() / "target"))
    binaries = ["--bin", "medallion", "--bin", "group-load"]
    subprocess.run(["cargo", "build", "--release", "--quiet", *binaries], cwd=servers.REPOSITORY, check=True)
    return Path(target) / "release" / "medallion", Path(target) / "release" / "group-load"


def result_of(pairs, began, revision):
    names = list(dict.fromkeys(name for pair in pairs for figures_of, _ in pair for name in figures_of))
    listed = [(name, UNITS[name.rpartition(": ")[2]], None) for name in names]
    return {
        "began": began,
        "medallion": revision,
        "kafka": servers.KAFKA_VERSION,
        "machine": machine.facts(),
        "pairs": [[{"figures": f, "extra": extra} for f, extra in pair] for pair in pairs],
        "summary": figures.summarize([(m[0], k[0]) for m, k in pairs], listed),
    }


def parse(arguments):
    parser = argparse.ArgumentParser(description="Large and many groups beside Apache Kafka; see bench/README.md.")
    parser.add_argument("--pairs", type=int, default=int(os.environ.get("PAIRS", 1)))
    parser.add_argument("--quick", action="store_true", help="a tenth of the load, to see that it works")
    parser.add_argument("--only", choices=["medallion", "kafka"])
    parser.add_argument("--medallion", help="a binary that is already built")
    parser.add_argument("--load", help="the load driver, already built")
    parser.add_argument("--folder", help="where the data goes (default: the folder for temporary files)")
    parser.add_argument("--out", default=str(Path(__file__).parent / "results" / "latest-groups"))
    return parser.parse_args(arguments)


def main():
    options = parse(sys.argv[1:])
    if not (options.medallion and options.load):
        medallion, load = build()
        options.medallion, options.load = options.medallion or medallion, options.load or load
    servers.Medallion.binary = options.medallion
    began = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    if options.only:
        kind = {"medallion": servers.Medallion, "kafka": servers.Kafka}[options.only]
        print(json.dumps(measure(kind, options)[0], indent=1))
        return
    pairs, out = [], Path(options.out)
    out.parent.mkdir(parents=True, exist_ok=True)
    for _ in range(options.pairs):
        pairs.append((measure(servers.Medallion, options), measure(servers.Kafka, options)))
        result = result_of(pairs, began, run.built_revision(options))
        Path(f"{out}.json").write_text(json.dumps(result, indent=1) + "\n")
        Path(f"{out}.md").write_text(run.markdown(result))
    print(Path(f"{out}.md").read_text())


if __name__ == "__main__":
    main()
