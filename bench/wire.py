"""As much of Kafka's protocol as the benchmarks need: ask for versions, make a topic, produce one batch to many partitions.

Only the oldest versions that Kafka 4 still speaks are used, because they need no flexible encoding.
"""

import socket
import struct
import time

API_PRODUCE, API_VERSIONS, API_CREATE_TOPICS = 0, 18, 19


class Closed(OSError):
    """The server closed the connection before it had answered."""


def string(text):
    data = text.encode()
    return struct.pack(">h", len(data)) + data


def array(items):
    return struct.pack(">i", len(items)) + b"".join(items)


class Reader:
    """Takes the fields of a response one after another."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, form):
        values = struct.unpack_from(">" + form, self.data, self.at)
        self.at += struct.calcsize(">" + form)
        return values if len(values) > 1 else values[0]

    def string(self):
        size = max(0, self.take("h"))  # -1 is null
        self.at += size
        return self.data[self.at - size : self.at].decode()

    def array(self, item):
        return [item(self) for _ in range(self.take("i"))]


class Connection:
    """One connection, one request at a time."""

    def __init__(self, port, timeout=60):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def request(self, api, version, body):
        header = struct.pack(">hhi", api, version, 7) + string("bench")
        self.socket.sendall(struct.pack(">i", len(header) + len(body)) + header + body)
        (size,) = struct.unpack(">i", self.receive(4))
        reader = Reader(self.receive(size))
        assert reader.take("i") == 7, "the answer is to another request"
        return reader

    def receive(self, size):
        parts = bytearray()
        while len(parts) < size:
            part = self.socket.recv(size - len(parts))
            if not part:
                raise Closed("the server closed the connection")
            parts += part
        return bytes(parts)

    def api_versions(self):
        """The error code, which is 0 once the server answers."""
        return self.request(API_VERSIONS, 0, b"").take("h")

    def create_topic(self, name, partitions, configs=()):
        """The error code."""
        pairs = array([string(key) + string(value) for key, value in configs])
        topic = string(name) + struct.pack(">ih", partitions, 1) + array([]) + pairs
        reader = self.request(API_CREATE_TOPICS, 4, array([topic]) + struct.pack(">i?", 60_000, False))
        reader.take("i")
        return reader.array(lambda r: (r.string(), r.take("h"), r.string()))[0][1]

    def produce(self, topic, partitions, batch, acks=-1):
        """Sends one batch to each partition; returns a dict from partition to error code."""
        parts = array([struct.pack(">ii", index, len(batch)) + batch for index in partitions])
        body = struct.pack(">hhi", -1, acks, 60_000) + array([string(topic) + parts])
        reader = self.request(API_PRODUCE, 7, body)
        answer = reader.array(lambda r: (r.string(), r.array(lambda p: p.take("ihqqq"))))
        return {partition[0]: partition[1] for partition in answer[0][1]}


def crc32c_table():
    table = []
    for value in range(256):
        for _ in range(8):
            value = (value >> 1) ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return table


CRC32C = crc32c_table()


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = CRC32C[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


def varint(value):
    value = (value << 1) ^ (value >> 63)
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def record_batch(values):
    """A batch of magic 2, not compressed, with one record a value. The server assigns the offsets, so it can be sent again."""
    now = int(time.time() * 1000)
    records = bytearray()
    for index, value in enumerate(values):
        body = b"\0" + varint(0) + varint(index) + varint(-1) + varint(len(value)) + value + varint(0)
        records += varint(len(body)) + body
    last = len(values) - 1
    covered = struct.pack(">hiqqqhii", 0, last, now, now, -1, -1, -1, len(values)) + bytes(records)
    checked = struct.pack(">ibI", 0, 2, crc32c(covered)) + covered
    return struct.pack(">qi", 0, len(checked)) + checked


def until_answered(port, alive, deadline_s=120.0):
    """Asks for the versions every millisecond until the server answers; returns when that was (time.perf_counter)."""
    end = time.perf_counter() + deadline_s
    while time.perf_counter() < end:
        alive()
        try:
            with Connection(port, timeout=deadline_s) as connection:
                if connection.api_versions() == 0:
                    return time.perf_counter()
        except OSError:
            pass
        time.sleep(0.001)
    raise TimeoutError(f"no answer on port {port} within {deadline_s} s")


def until_created(port, name, partitions, deadline_s=120.0, configs=()):
    """Makes a topic, however often a server that has just started refuses; returns when it stood."""
    end = time.perf_counter() + deadline_s
    code = None
    while time.perf_counter() < end:
        try:
            with Connection(port, timeout=deadline_s) as connection:
                code = connection.create_topic(name, partitions, configs)
        except OSError as error:
            code = error
        if code == 0:
            return time.perf_counter()
        time.sleep(0.002)
    raise TimeoutError(f"topic {name} was not made within {deadline_s} s; the last answer was {code}")


def until_acknowledged(port, topic, partitions, deadline_s=600.0):
    """Writes one record to each of `partitions` partitions until all are acknowledged (acks=all).

    Returns a sorted list with the time of each partition's first acknowledgement.
    """
    end = time.perf_counter() + deadline_s
    batch = record_batch([b"first"])
    waiting, times = list(range(partitions)), []
    last = None
    while waiting:
        if time.perf_counter() > end:
            raise TimeoutError(f"{len(waiting)} of {partitions} partitions acknowledged nothing; the last answer was {last}")
        try:
            with Connection(port, timeout=deadline_s) as connection:
                waiting, last = acknowledge_some(connection, topic, waiting, batch, times)
        except OSError as error:
            last = error
        if waiting:
            time.sleep(0.002)
    return sorted(times)


def acknowledge_some(connection, topic, waiting, batch, times):
    """One round over the waiting partitions, some at a time so that a slow one does not hold up the clock of all others."""
    left, last = [], 0
    for start in range(0, len(waiting), 50):
        some = waiting[start : start + 50]
        codes = connection.produce(topic, some, batch)
        now = time.perf_counter()
        for index in some:
            if codes.get(index) == 0:
                times.append(now)
            else:
                left.append(index)
                last = codes.get(index)
    return left, last
