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


def paced_ids(step):
    """Yields ids, each with the seconds until it is due at the asked rate, until the stop file is there or the time is up."""
    started = time.monotonic()
    number = 0
    while not os.path.exists(step["stop"]) and time.monotonic() - started < step.get("seconds", 60):
        yield max(0.0, started + number / step.get("rate", 1000) - time.monotonic()), number
        number += 1


def load_ids(step):
    """Yields ids as they are due."""
    for wait, number in paced_ids(step):
        if wait > 0:
            time.sleep(wait)
        yield number


class Journal:
    """What a member of a group sees, printed as it happens (see `member` in ../README.md)."""

    def __init__(self, step):
        self.step = step
        self.is_async = step.get("commit") == "async"
        self.owned = set()
        self.delivered = []
        # Offsets behind what was delivered and not committed; those whose commit is under way or was refused.
        self.positions = {}
        self.sent = {}
        self.deadline = time.monotonic() + step.get("seconds", 60)

    @staticmethod
    def emit(event):
        print(json.dumps(event), flush=True)

    def goes_on(self):
        return not os.path.exists(self.step["stop"]) and time.monotonic() < self.deadline

    def assigned(self, partitions, **more):
        self.show()
        self.owned |= set(partitions)
        self.emit({"assigned": sorted(self.owned), **more})

    def revoked(self, partitions):
        """They are somebody else's by now: nothing of them may be committed."""
        self.show()
        self.owned -= set(partitions)
        for partition in partitions:
            self.positions.pop(partition, None)
            self.sent.pop(partition, None)
        self.emit({"assigned": sorted(self.owned)})

    def take(self, partition, offset, value):
        self.delivered.append([partition, offset, value.decode()])
        self.positions[partition] = offset + 1

    def show(self):
        """Prints what was delivered, which comes before its commit."""
        if self.delivered:
            self.emit({"records": self.delivered})
            self.delivered = []

    def turn(self, send, send_later):
        """Commits as the step asks."""
        if self.is_async:
            self.commit_later(send_later)
        else:
            self.commit(send)

    def commit(self, send):
        """Prints what was delivered, then commits it through `send`, then prints that. What fails is tried with the next."""
        self.show()
        positions = self.uncommitted()
        if not positions:
            return
        try:
            send(positions)
        except Exception as error:  # the test shows it and decides
            self.refused(error)
            return
        self.committed(positions)
        self.settle()

    def commit_later(self, send_later):
        """Prints what was delivered, then has it committed by `send_later`, whose callback calls `committed` or `refused`."""
        self.show()
        positions, self.positions = self.positions, {}
        if not positions:
            return
        self.sent.update(positions)
        try:
            send_later(positions)
        except Exception as error:
            self.refused(error)

    def uncommitted(self):
        return {**self.sent, **self.positions}

    def settle(self):
        self.positions, self.sent = {}, {}

    def committed(self, positions):
        self.emit({"committed": sorted(positions.items())})

    def refused(self, error):
        self.emit({"refused": f"{type(error).__name__}: {error}"})


class Steering:
    """Goes about in a topic as the step `steer` of ../README.md says, by what a library has for it."""

    def __init__(self, step, poll, pause_first, resume_first, seek):
        self.step, self.poll, self.pause_first, self.resume_first, self.seek = step, poll, pause_first, resume_first, seek
        self.deadline = time.monotonic() + step.get("seconds", 60)

    def collect(self, count, at_least=0.0):
        found = []
        until = time.monotonic() + at_least
        while (len(found) < count or time.monotonic() < until) and time.monotonic() < self.deadline:
            found += self.poll()
        return found

    def run(self):
        count, partitions = self.step["count"], self.step["partitions"]
        result = {"all": self.collect(count * partitions)}
        self.pause_first()
        self.seek({partition: 0 for partition in range(partitions)})
        result["paused"] = self.collect(count * (partitions - 1), 0.5)
        self.seek({0: 5})
        self.resume_first()
        result["forward"] = self.collect(count - 5)
        self.seek({1: count - 3})
        result["back"] = self.collect(3, 0.2)
        return result


def ends(step):
    return {partition: step["count"] for partition in range(step["partitions"])}


def wait_until(condition, seconds=30):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("no answer to a commit")


def main(steps):
    request = json.load(sys.stdin)
    for step in request["steps"]:
        try:
            run = steps.get(step["do"])
            result = run(request["bootstrap"], step) if run else {"unsupported": step["do"]}
        except Exception as error:  # the test shows it and decides
            result = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(result), flush=True)
