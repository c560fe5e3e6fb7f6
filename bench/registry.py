#!/usr/bin/env python3
"""Compares Medallion's schema registry with Apicurio Registry: pairs of runs, one after the other. See README.md.

Usage: registry.py [--pairs 1] [--schemas 100000] [--only medallion|apicurio] [--medallion BINARY] [--out FILE-WITHOUT-ENDING]
"""

import argparse
import datetime
import http.client
import json
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import figures
import machine
import run
import servers

APICURIO_VERSION = "2.6.13.Final"  # the last line that runs on Java 17
MEDIA_TYPE = "application/vnd.schemaregistry.v1+json"
CONNECTIONS = 8
JVM = ["-Xmx2G", "-XX:+UseG1GC"]


def schema(number):
    """A record of ten fields, as taxi trips have; each number gives another schema."""
    fields = [{"name": "id", "type": "long"}, {"name": f"trip_{number}", "type": "string", "default": ""}]
    fields += [{"name": f"field_{at}", "type": ["null", "double"], "default": None} for at in range(8)]
    return json.dumps({"type": "record", "name": f"Trip{number}", "namespace": "rides", "fields": fields})


def subject(number):
    return f"topic-{number}-value"


class Connection:
    """A connection that is kept, and what it asks."""

    def __init__(self, port, prefix):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self.prefix = prefix

    def ask(self, method, path, body=None):
        headers = {"Content-Type": MEDIA_TYPE, "Accept": MEDIA_TYPE}
        self.connection.request(method, self.prefix + path, json.dumps(body) if body is not None else None, headers)
        answer = self.connection.getresponse()
        text = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{method} {path}: {answer.status} {text[:300]}")
        return json.loads(text)

    def register(self, number):
        return self.ask("POST", f"/subjects/{subject(number)}/versions", {"schema": schema(number)})["id"]

    def look_up(self, number):
        return self.ask("POST", f"/subjects/{subject(number)}", {"schema": schema(number)})["id"]

    def by_id(self, schema_id):
        return self.ask("GET", f"/schemas/ids/{schema_id}")["schema"]

    def latest(self, number):
        return self.ask("GET", f"/subjects/{subject(number)}/versions/latest")["version"]

    def check(self, number):
        answer = self.ask("POST", f"/compatibility/subjects/{subject(number)}/versions/latest", {"schema": schema(number)})
        return answer["is_compatible"]


def work(port, prefix, what, numbers, results):
    try:
        connection = Connection(port, prefix)
        begin = time.perf_counter()
        answers = [getattr(connection, what)(number) for number in numbers]
        results.put((time.perf_counter() - begin, answers))
    except Exception as error:  # told to the parent, which would wait for ever otherwise
        results.put(error)


class Registry:
    """A registry as a process."""

    prefix = ""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True)
        self.port = servers.free_port()
        self.process = None

    def start(self, ready="/subjects"):
        """Starts it and returns the seconds until it answered."""
        with open(self.folder / "registry.out", "ab") as output:
            begin = time.perf_counter()
            self.process = subprocess.Popen(self.command(), cwd=self.directory(), stdout=output, stderr=output)
        while True:
            if self.process.poll() is not None:
                raise RuntimeError((self.folder / "registry.out").read_text(errors="replace")[-3000:])
            try:
                Connection(self.port, self.prefix).ask("GET", ready)
                return time.perf_counter() - begin
            except (OSError, RuntimeError, http.client.HTTPException):
                if time.perf_counter() - begin > 120:
                    raise
                time.sleep(0.005)

    def directory(self):
        return self.folder

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(60)

    def remove(self):
        self.stop()


class Medallion(Registry):
    name = "Medallion"

    def __init__(self, folder):
        super().__init__(folder)
        self.broker = servers.Medallion(self.folder / "broker")
        self.broker.start()

    def command(self):
        settings = {
            "listeners": f"http://127.0.0.1:{self.port}",
            "kafkastore.bootstrap.servers": f"PLAINTEXT://127.0.0.1:{self.broker.port}",
            "kafkastore.topic.replication.factor": "1",
        }
        return [servers.Medallion.binary, "registry", *(f"--set={name}={value}" for name, value in settings.items())]

    def remove(self):
        super().remove()
        self.broker.remove()


class Apicurio(Registry):
    """With its schemas in memory (H2), so it has nothing to start from again."""

    name = "Apicurio"
    prefix = "/apis/ccompat/v7"

    def command(self):
        jar = f"apicurio-registry-app-{APICURIO_VERSION}-runner.jar"
        return ["java", *JVM, f"-Dquarkus.http.port={self.port}", "-Dquarkus.http.host=127.0.0.1", "-jar", jar]

    def directory(self):
        return apicurio_folder()


def apicurio_folder():
    """Where Apicurio is; it is brought by Maven when it is asked for first."""
    folder = servers.cache() / f"apicurio-{APICURIO_VERSION}"
    if not (folder / "lib").is_dir():
        artifact = f"io.apicurio:apicurio-registry-app:{APICURIO_VERSION}:tar.gz:all"
        folder.mkdir(parents=True, exist_ok=True)
        copy = ["mvn", "-q", "-B", "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:unpack"]
        subprocess.run([*copy, f"-Dartifact={artifact}", f"-DoutputDirectory={folder}"], check=True, cwd=folder)
    return folder


class Bench:
    """One registry and its figures."""

    def __init__(self, registry, options):
        self.registry, self.options, self.figures, self.noise = registry, options, {}, []

    def many(self, name, what, numbers):
        """Asks over several connections at once; notes how many a second, and the CPU for each."""
        results = multiprocessing.Queue()
        shares = [numbers[at::CONNECTIONS] for at in range(CONNECTIONS)]
        arguments = [(self.registry.port, self.registry.prefix, what, share, results) for share in shares]
        asking = [multiprocessing.Process(target=work, args=each) for each in arguments]
        pid, begin, before = self.registry.process.pid, time.perf_counter(), self.cpu_s()
        for process in asking:
            process.start()
        answers = []
        for _ in asking:
            answer = results.get()
            if isinstance(answer, Exception):
                raise answer
            answers += answer[1]
        for process in asking:
            process.join()
        took, cpu = time.perf_counter() - begin, self.cpu_s() - before
        if name:
            self.figures[f"{name}: rate"] = len(numbers) / took
            self.figures[f"{name}: CPU"] = cpu * 1e6 / len(numbers)
            progress(f"{self.registry.name}: {name}: {len(numbers) / took:.0f}/s, CPU {cpu * 1e6 / len(numbers):.0f} µs each")
        assert machine.memory_mib(pid, "VmRSS") > 0
        return answers

    def cpu_s(self):
        return machine.process_cpu_s(self.registry.process.pid)

    def memory(self, name):
        self.figures[f"{name}: memory"] = machine.memory_mib(self.registry.process.pid, "VmRSS")


def measure(kind, options):
    folder = Path(servers.new_folder(options.folder))
    registry = kind(folder / "registry")
    try:
        bench = Bench(registry, options)
        bench.figures["start, empty: first answer"] = registry.start() * 1000
        bench.memory("empty")
        cases(bench, options)
        return bench.figures, {}
    finally:
        registry.remove()


def cases(bench, options):
    count = options.schemas
    measured = list(range(min(count, options.requests)))
    shuffled = random.Random(1).sample(measured, len(measured))
    bench.many(None, "register", list(range(count, count + options.requests // 4)))  # a JVM has to warm up
    ids = bench.many("register a new schema", "register", measured)
    assert len(set(ids)) == len(measured), "two schemas have one id"
    bench.many("register a known schema", "register", shuffled)
    bench.many("look up a schema", "look_up", shuffled)
    bench.many("get by id", "by_id", random.Random(2).sample(ids, len(ids)))
    bench.many("get the latest version", "latest", shuffled)
    assert all(bench.many("check a schema", "check", shuffled)), "a schema is not compatible with itself"
    bench.memory(f"{len(measured)} schemas")
    if isinstance(bench.registry, Medallion):
        many_schemas(bench, len(measured), count)


def many_schemas(bench, have, count):
    """Memory and start where there are more than Apicurio would take in a short time."""
    bench.many(None, "register", list(range(have, count)))
    bench.memory(f"{count} schemas")
    last = bench.many(None, "look_up", [count - 1])[0]
    bench.registry.stop()
    took = bench.registry.start(f"/schemas/ids/{last}")
    bench.figures[f"start, {count} schemas: first answer"] = took * 1000
    bench.memory(f"{count} schemas, started again")
    progress(f"{bench.registry.name}: started again with {count} schemas in {took:.2f} s")


UNITS = {"rate": "1/s", "CPU": "µs each", "memory": "MiB", "first answer": "ms"}


def progress(text):
    print(text, file=sys.stderr, flush=True)


def result_of(pairs, began, revision):
    names = list(dict.fromkeys(name for pair in pairs for figures_of, _ in pair for name in figures_of))
    listed = [(name, UNITS[name.rpartition(": ")[2]], None) for name in names]
    return {
        "began": began,
        "medallion": revision,
        "apicurio": APICURIO_VERSION,
        "machine": machine.facts(),
        "pairs": [[{"figures": f, "extra": extra} for f, extra in pair] for pair in pairs],
        "summary": figures.summarize([(m[0], a[0]) for m, a in pairs], listed),
    }


def parse(arguments):
    parser = argparse.ArgumentParser(description="The schema registry beside Apicurio Registry; see bench/README.md.")
    parser.add_argument("--pairs", type=int, default=int(os.environ.get("PAIRS", 1)))
    parser.add_argument("--schemas", type=int, default=100_000, help="how many there are in the end")
    parser.add_argument("--requests", type=int, default=10_000, help="how many of each kind are measured")
    parser.add_argument("--only", choices=["medallion", "apicurio"])
    parser.add_argument("--medallion", help="a binary that is already built")
    parser.add_argument("--folder", help="where the data goes (default: the folder for temporary files)")
    parser.add_argument("--out", default=str(Path(__file__).parent / "results" / "latest-registry"))
    return parser.parse_args(arguments)


def main():
    options = parse(sys.argv[1:])
    if options.only != "apicurio":
        servers.Medallion.binary = options.medallion or servers.build_medallion()
    began = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    if options.only:
        kind = {"medallion": Medallion, "apicurio": Apicurio}[options.only]
        print(json.dumps(measure(kind, options)[0], indent=1))
        return
    pairs, out = [], Path(options.out)
    out.parent.mkdir(parents=True, exist_ok=True)
    for _ in range(options.pairs):
        pairs.append((measure(Medallion, options), measure(Apicurio, options)))
        result = result_of(pairs, began, run.built_revision(options))
        Path(f"{out}.json").write_text(json.dumps(result, indent=1) + "\n")
        Path(f"{out}.md").write_text(figures.table(result["summary"]).replace("Kafka", "Apicurio") + "\n")
    print(Path(f"{out}.md").read_text())


if __name__ == "__main__":
    main()
