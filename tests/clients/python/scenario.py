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


def main(steps):
    request = json.load(sys.stdin)
    for step in request["steps"]:
        try:
            run = steps.get(step["do"])
            result = run(request["bootstrap"], step) if run else {"unsupported": step["do"]}
        except Exception as error:  # the test shows it and decides
            result = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(result), flush=True)
