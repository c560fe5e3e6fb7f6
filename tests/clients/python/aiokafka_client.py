"""aiokafka."""
import asyncio
import time

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener, TopicPartition
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.errors import KafkaError

from scenario import Journal, Steering, ends, main, paced_ids, record_json, unhex

BACKOFF = {"retry_backoff_ms": 50}


def producer(bootstrap, step):
    acks = step.get("acks", "all")
    codec = step.get("codec", "none")
    return AIOKafkaProducer(
        bootstrap_servers=bootstrap,
        acks=acks if acks == "all" else int(acks),
        enable_idempotence=step.get("idempotent", False),
        compression_type=None if codec == "none" else codec,
        linger_ms=step.get("linger_ms", 20),
        max_request_size=4 << 20,
        **BACKOFF,
    )


async def produce(bootstrap, step):
    async with producer(bootstrap, step) as client:
        sent = []
        for record in step["records"]:
            headers = [(name, unhex(value)) for name, value in record.get("headers", [])]
            sent.append(await client.send(step["topic"], partition=step["partition"], key=unhex(record["key"]), value=unhex(record["value"]),
                                          headers=headers, timestamp_ms=record.get("timestamp")))
        answers = await asyncio.gather(*sent)
    return {"offsets": [-1 if answer is None else answer.offset for answer in answers]}


async def load(bootstrap, step):
    async with producer(bootstrap, step) as client:
        sent = []
        for wait, number in paced_ids(step):
            await asyncio.sleep(wait)
            sent.append((number, await client.send(step["topic"], partition=number % step["partitions"], value=str(number).encode())))
        answers = await asyncio.gather(*(future for _, future in sent), return_exceptions=True)
    acknowledged = [[a.partition, a.offset, number] for (number, _), a in zip(sent, answers) if not isinstance(a, BaseException)]
    return {"acknowledged": acknowledged, "failed": len(sent) - len(acknowledged)}


async def read(bootstrap, step):
    partition = TopicPartition(step["topic"], step["partition"])
    client = AIOKafkaConsumer(
        bootstrap_servers=bootstrap, enable_auto_commit=False, auto_offset_reset="none", isolation_level=step.get("isolation", "read_uncommitted"),
        max_partition_fetch_bytes=4 << 20, **BACKOFF,
    )
    records = []
    async with client:
        client.assign([partition])
        client.seek(partition, step.get("from", 0))
        deadline = time.monotonic() + step.get("seconds", 30)
        while await client.position(partition) < step["until"] and time.monotonic() < deadline:
            for record in (await client.getmany(timeout_ms=200)).get(partition, []):
                records.append(record_json(record.offset, record.timestamp, record.key, record.value, record.headers))
    return {"records": records}


async def offsets_for_time(bootstrap, step):
    partition = TopicPartition(step["topic"], step["partition"])
    async with AIOKafkaConsumer(bootstrap_servers=bootstrap, **BACKOFF) as client:
        found = (await client.offsets_for_times({partition: step["timestamp"]}))[partition]
    return {"offset": -1 if found is None else found.offset}


def group_consumer(bootstrap, step, **more):
    return AIOKafkaConsumer(
        bootstrap_servers=bootstrap, group_id=step["group"], enable_auto_commit=False, auto_offset_reset="earliest", **BACKOFF, **more,
    )


def member_consumer(bootstrap, step):
    return group_consumer(
        bootstrap, step, group_instance_id=step.get("instance"), session_timeout_ms=step["session_timeout_ms"],
        heartbeat_interval_ms=300, partition_assignment_strategy=(RangePartitionAssignor,), max_poll_records=50,
    )


def offsets_of(step, positions):
    return {TopicPartition(step["topic"], partition): offset for partition, offset in positions.items()}


class Member(ConsumerRebalanceListener):
    """The listener runs in a task of its own, beside the one that polls."""

    def __init__(self, step, client):
        self.step, self.client, self.journal = step, client, Journal(step)
        self.lock = asyncio.Lock()
        self.commits = set()

    async def run(self):
        self.client.subscribe([self.step["topic"]], listener=self)
        while self.journal.goes_on():
            try:
                polled = await self.client.getmany(timeout_ms=100)
            except KafkaError as error:
                self.journal.refused(error)
                continue
            for records in polled.values():
                for record in records:
                    self.journal.take(record.partition, record.offset, record.value)
            if self.journal.is_async:
                self.journal.commit_later(self.send_later)
            else:
                await self.commit()
        await self.commit()

    async def commit(self):
        async with self.lock:
            self.journal.show()
            positions = self.journal.uncommitted()
            if positions and await self.send(positions):
                self.journal.settle()

    async def send(self, positions):
        try:
            await self.client.commit(offsets_of(self.step, positions))
        except KafkaError as error:
            self.journal.refused(error)
            return False
        self.journal.committed(positions)
        return True

    def send_later(self, positions):
        task = asyncio.create_task(self.send(positions))
        self.commits.add(task)
        task.add_done_callback(self.commits.discard)

    async def on_partitions_revoked(self, revoked):
        # What waits to be sent would be sent as of the next generation, when somebody else has the partitions.
        await asyncio.gather(*self.commits)
        await self.commit()
        self.journal.revoked([p.partition for p in revoked])

    async def on_partitions_assigned(self, assigned):
        self.journal.assigned(p.partition for p in assigned)


async def member(bootstrap, step):
    async with member_consumer(bootstrap, step) as client:
        await Member(step, client).run()
    return {"left": True}


async def steer(bootstrap, step):
    first = TopicPartition(step["topic"], 0)
    loop = asyncio.get_running_loop()

    async with member_consumer(bootstrap, step) as client:
        client.subscribe([step["topic"]])

        # The steering is written without awaiting; it runs in a thread, and the library in this loop.
        def on_loop(call):
            async def run():
                result = call()
                return await result if asyncio.iscoroutine(result) else result
            return asyncio.run_coroutine_threadsafe(run(), loop).result(timeout=30)

        def poll():
            polled = on_loop(lambda: client.getmany(timeout_ms=100))
            return [[record.partition, record.offset] for records in polled.values() for record in records]

        def seek(offsets):
            for partition, offset in offsets_of(step, offsets).items():
                on_loop(lambda partition=partition, offset=offset: client.seek(partition, offset))

        steering = Steering(step, poll, lambda: on_loop(lambda: client.pause(first)), lambda: on_loop(lambda: client.resume(first)), seek)
        result = await asyncio.to_thread(steering.run)
        commit = asyncio.create_task(client.commit(offsets_of(step, ends(step))))
        await asyncio.wait_for(commit, timeout=30)
    return result


async def committed(bootstrap, step):
    async with group_consumer(bootstrap, step) as client:
        client.assign([TopicPartition(step["topic"], partition) for partition in range(step["partitions"])])
        found = [await client.committed(TopicPartition(step["topic"], partition)) for partition in range(step["partitions"])]
    return {"offsets": [-1 if offset is None else offset for offset in found]}


async def commit(bootstrap, step):
    async with group_consumer(bootstrap, step) as client:
        offsets = offsets_of(step, dict(step["offsets"]))
        client.assign(list(offsets))
        await client.commit(offsets)
    return {}


def blocking(run):
    return lambda bootstrap, step: asyncio.run(run(bootstrap, step))


main({name: blocking(run) for name, run in {
    "produce": produce, "read": read, "offsets_for_time": offsets_for_time, "load": load, "member": member, "steer": steer,
    "committed": committed, "commit": commit,
}.items()})
