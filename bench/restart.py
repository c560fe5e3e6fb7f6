#!/usr/bin/env python3
"""How long a restart after kill -9 takes, as a function of what was not flushed. Kafka once beside it. See README.md.

Usage: restart.py [--gib 10] [--partitions 1000] [--unflushed-mib 0,64,256,1024] [--medallion BINARY] [--no-kafka]
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path

import machine
import servers
import wire

TOPIC = "restart"
BATCH_BYTES = 1_000_000  # below message.max.bytes
# Nothing is flushed in the background, so that what a case leaves unflushed is exactly what it wrote.
NO_BACKGROUND_FLUSH = {"Medallion": {"medallion.log.flush.background.interval.ms": 3_600_000}, "Kafka": {}}


def batch_of(size):
    """A batch of 1 KiB records, or one smaller record, of about `size` bytes."""
    value = os.urandom(min(1024, max(1, size - 70)))
    return wire.record_batch([value] * max(1, size // 1034))


def write(port, partitions, total_bytes):
    """Spreads about `total_bytes` evenly over all partitions; returns what was really written."""
    share = total_bytes // partitions
    if share == 0:
        return 0
    batch = batch_of(min(BATCH_BYTES, share))
    rounds = max(1, round(share / len(batch)))
    at_once = max(1, 8_000_000 // len(batch))
    with wire.Connection(port, timeout=600) as connection:
        for _ in range(rounds):
            for start in range(0, partitions, at_once):
                some = range(start, min(partitions, start + at_once))
                refused = {code for code in connection.produce(TOPIC, some, batch, acks=1).values() if code}
                if refused:
                    raise RuntimeError(f"a write was refused with the codes {refused}")
    return rounds * len(batch) * partitions


def restart(server, partitions):
    """Starts the server; the times in seconds from the start of the process."""
    answered = server.start()
    times = [at - server.started for at in wire.until_acknowledged(server.port, TOPIC, partitions)]
    return {
        "first_answer_s": answered,
        "first_partition_s": times[0],
        "half_of_partitions_s": times[len(times) // 2],
        "every_partition_s": times[-1],
        "cpu_s": server.cpu_s(),
        "memory_mib": machine.memory_mib(server.pid, "VmHWM"),
    }


def case_of(server, partitions, unflushed_mib):
    """Stops cleanly, which flushes everything, writes what shall stay unflushed, kills, and measures the next start."""
    server.stop()
    server.start()
    written = 0
    if unflushed_mib:
        wire.until_acknowledged(server.port, TOPIC, partitions)
        written = write(server.port, partitions, unflushed_mib << 20)
    else:
        time.sleep(5)  # let it come up wholly; nothing is written
    server.kill()
    return {"case": f"kill -9, {unflushed_mib} MiB unflushed", "written_bytes": written, **restart(server, partitions)}


def measure(kind, options, sizes):
    folder = Path(servers.new_folder(options.folder))
    server = kind(folder / "server", NO_BACKGROUND_FLUSH[kind.name])
    cases = []
    try:
        server.start()
        wire.until_created(server.port, TOPIC, options.partitions, deadline_s=600)
        wire.until_acknowledged(server.port, TOPIC, options.partitions)
        begin = time.perf_counter()
        filled = write(server.port, options.partitions, int(options.gib * (1 << 30)))
        progress(f"{kind.name}: {filled / (1 << 30):.2f} GiB in {time.perf_counter() - begin:.0f} s")
        stop_s = server.stop()
        cases.append({"case": "clean stop", "stop_s": stop_s, **restart(server, options.partitions)})
        for unflushed_mib in sizes:
            cases.append(case_of(server, options.partitions, unflushed_mib))
            progress(f"{kind.name}: {cases[-1]}")
        if options.all_unflushed:
            cases.append(fill_and_kill(server, options, filled))
    finally:
        server.remove()
        folder.rmdir()
        os.sync()
    return cases


def fill_and_kill(server, options, filled):
    """The worst case: as much again as the topic holds, none of it flushed."""
    written = write(server.port, options.partitions, filled)
    server.kill()
    return {"case": "kill -9, as much again unflushed", "written_bytes": written, **restart(server, options.partitions)}


def progress(text):
    print(text, file=sys.stderr, flush=True)


def table(results):
    lines = [
        "| server | case | first answer | first partition | half of the partitions | every partition | CPU | most memory |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, cases in results.items():
        for case in cases:
            times = [case[key] for key in ("first_answer_s", "first_partition_s", "half_of_partitions_s", "every_partition_s", "cpu_s")]
            cells = [name, case["case"], *(f"{value:.2f} s" for value in times), f"{case['memory_mib']:.0f} MiB"]
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def parse(arguments):
    parser = argparse.ArgumentParser(description="Restart after kill -9; see bench/README.md.")
    parser.add_argument("--gib", type=float, default=float(os.environ.get("RESTART_GIB", 10)))
    parser.add_argument("--partitions", type=int, default=1000)
    parser.add_argument("--unflushed-mib", default="0,64,256,1024")
    parser.add_argument("--all-unflushed", action="store_true", help="a last case that doubles the data, none of it flushed")
    parser.add_argument("--no-kafka", action="store_true")
    parser.add_argument("--medallion", help="a binary that is already built")
    parser.add_argument("--folder", help="where the data goes (default: the folder for temporary files)")
    parser.add_argument("--out", default=str(Path(__file__).parent / "results" / "latest-restart"))
    return parser.parse_args(arguments)


def main():
    options = parse(sys.argv[1:])
    servers.Medallion.binary = options.medallion or servers.build_medallion()
    sizes = [int(size) for size in options.unflushed_mib.split(",")]
    kinds = [servers.Medallion] if options.no_kafka else [servers.Medallion, servers.Kafka]
    results = {}
    for kind in kinds:
        results[kind.name] = measure(kind, options, sizes)
        save(options, results)  # each server's, so that a run that is cut short keeps what it has seen
    print(Path(f"{options.out}.md").read_text())


def save(options, results):
    Path(options.out).parent.mkdir(parents=True, exist_ok=True)
    whole = {"machine": machine.facts(), "gib": options.gib, "partitions": options.partitions, "cases": results}
    Path(f"{options.out}.json").write_text(json.dumps(whole, indent=1) + "\n")
    head = f"{options.gib:g} GiB in {options.partitions} partitions, times from the start of the process.\n\n"
    Path(f"{options.out}.md").write_text(head + table(results) + "\n")


if __name__ == "__main__":
    main()
