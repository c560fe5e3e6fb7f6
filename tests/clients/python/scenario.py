"""Reads the steps from standard input and prints each one's result as a line of JSON (see ../README.md)."""
import json
import os
import sys
import time


def unhex(text):
    return None if text is None else bytes.fromhex(text)


def tohex(value):
    return None if value is None else bytes(value).hex()


def record_json(offset, timestamp, key, value, headers):
    pairs = [[name, tohex(content)] for name, content in headers or []]
    return {"offset": offset, "timestamp": timestamp, "key": tohex(key), "value": tohex(value), "headers": pairs}


def load_ids(step):
    """Yields ids at the asked rate until the stop file is there or the time is up."""
    started = time.monotonic()
    number = 0
    while not os.path.exists(step["stop"]) and time.monotonic() - started < step.get("seconds", 60):
        wait = started + number / step.get("rate", 1000) - time.monotonic()
        if wait > 0:
            time.sleep(wait)
        yield number
        number += 1


class Journal:
    """What a member of a group sees, printed as it happens (see `member` in ../README.md)."""

    def __init__(self, step):
        self.step = step
        self.owned = set()
        self.delivered = []
        self.positions = {}
        self.deadline = time.monotonic() + step.get("seconds", 60)

    @staticmethod
    def emit(event):
        print(json.dumps(event), flush=True)

    def goes_on(self):
        return not os.path.exists(self.step["stop"]) and time.monotonic() < self.deadline

    def assigned(self, partitions, **more):
        self.owned |= set(partitions)
        self.emit({"assigned": sorted(self.owned), **more})

    def revoked(self, partitions):
        self.owned -= set(partitions)
        self.emit({"assigned": sorted(self.owned)})

    def lost(self, partitions):
        """They are somebody else's by now: nothing of them may be committed."""
        for partition in partitions:
            self.positions.pop(partition, None)
        self.revoked(partitions)

    def take(self, partition, offset, value):
        self.delivered.append([partition, offset, value.decode()])
        self.positions[partition] = offset + 1

    def commit(self, send):
        """Prints what was delivered, then commits it through `send`, then prints that. What fails is tried with the next."""
        if self.delivered:
            self.emit({"records": self.delivered})
            self.delivered = []
        if not self.positions:
            return
        try:
            send(self.positions)
        except Exception as error:  # the test shows it and decides
            self.emit({"refused": f"{type(error).__name__}: {error}"})
            return
        self.emit({"committed": sorted(self.positions.items())})
        self.positions = {}


def main(steps):
    request = json.load(sys.stdin)
    for step in request["steps"]:
        try:
            run = steps.get(step["do"])
            result = run(request["bootstrap"], step) if run else {"unsupported": step["do"]}
        except Exception as error:  # the test shows it and decides
            result = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(result), flush=True)
