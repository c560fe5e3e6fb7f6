"""kafka-python."""
import time

from kafka import ConsumerRebalanceListener, KafkaConsumer, KafkaProducer, OffsetAndMetadata, TopicPartition
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.coordinator.assignors.range import RangePartitionAssignor
from kafka.errors import KafkaConnectionError

from scenario import Journal, Steering, ends, load_ids, main, record_json, unhex, wait_until


def producer(bootstrap, step):
    acks = step.get("acks", "all")
    codec = step.get("codec", "none")
    return KafkaProducer(
        bootstrap_servers=bootstrap,
        acks=acks if acks == "all" else int(acks),
        enable_idempotence=step.get("idempotent", False),
        compression_type=None if codec == "none" else codec,
        linger_ms=step.get("linger_ms", 20),
        max_request_size=4 << 20,
        reconnect_backoff_ms=20,
        reconnect_backoff_max_ms=200,
        retry_backoff_ms=50,
    )


def produce(bootstrap, step):
    client = producer(bootstrap, step)
    sent = []
    for record in step["records"]:
        headers = [(name, unhex(value)) for name, value in record.get("headers", [])]
        sent.append(client.send(step["topic"], partition=step["partition"], key=unhex(record["key"]), value=unhex(record["value"]),
                                headers=headers, timestamp_ms=record.get("timestamp")))
    client.flush(60)
    offsets = [future.get(timeout=30).offset for future in sent]
    client.close()
    return {"offsets": offsets}


def consumer(bootstrap, step):
    return KafkaConsumer(
        bootstrap_servers=bootstrap,
        enable_auto_commit=False,
        auto_offset_reset="none",
        isolation_level=step.get("isolation", "read_uncommitted"),
        reconnect_backoff_ms=20,
        reconnect_backoff_max_ms=200,
        max_partition_fetch_bytes=4 << 20,
    )


def read(bootstrap, step):
    client = consumer(bootstrap, step)
    partition = TopicPartition(step["topic"], step["partition"])
    client.assign([partition])
    client.seek(partition, step.get("from", 0))
    records = []
    deadline = time.monotonic() + step.get("seconds", 30)
    while client.position(partition) < step["until"] and time.monotonic() < deadline:
        try:
            polled = client.poll(timeout_ms=200).get(partition, [])
        except KafkaConnectionError:  # the library leaves it to its user to try again
            time.sleep(0.1)
            continue
        for record in polled:
            records.append(record_json(record.offset, record.timestamp, record.key, record.value, record.headers))
    client.close()
    return {"records": records}


def offsets_for_time(bootstrap, step):
    client = consumer(bootstrap, step)
    partition = TopicPartition(step["topic"], step["partition"])
    found = client.offsets_for_times({partition: step["timestamp"]})[partition]
    client.close()
    return {"offset": -1 if found is None else found.offset}


def load(bootstrap, step):
    client = producer(bootstrap, step)
    sent = []
    for number in load_ids(step):
        sent.append((number, client.send(step["topic"], partition=number % step["partitions"], value=str(number).encode())))
    acknowledged = []
    failed = 0
    client.flush(60)
    for number, future in sent:
        try:
            metadata = future.get(timeout=30)
            acknowledged.append([metadata.partition, metadata.offset, number])
        except Exception:
            failed += 1
    client.close()
    return {"acknowledged": acknowledged, "failed": failed}


def group_consumer(bootstrap, step, **more):
    return KafkaConsumer(
        bootstrap_servers=bootstrap, group_id=step["group"], enable_auto_commit=False, auto_offset_reset="earliest",
        reconnect_backoff_ms=20, reconnect_backoff_max_ms=200, retry_backoff_ms=50, **more,
    )


def offsets_of(step, pairs):
    return {TopicPartition(step["topic"], partition): OffsetAndMetadata(offset, "", -1) for partition, offset in pairs}


def member_consumer(bootstrap, step):
    assignor = {"range": RangePartitionAssignor, "cooperative-sticky": CooperativeStickyAssignor}[step["assignor"]]
    return group_consumer(
        bootstrap, step, group_instance_id=step.get("instance"), session_timeout_ms=step["session_timeout_ms"],
        heartbeat_interval_ms=300, partition_assignment_strategy=(assignor,),
    )


def member(bootstrap, step):
    journal = Journal(step)
    client = member_consumer(bootstrap, step)

    def send(positions):
        client.commit(offsets_of(step, positions.items()))

    def answered(offsets, response):
        if isinstance(response, Exception):
            journal.refused(response)
        else:
            journal.committed({partition.partition: at.offset for partition, at in offsets.items()})

    def send_later(positions):
        client.commit_async(offsets_of(step, positions.items()), answered)

    class Listener(ConsumerRebalanceListener):
        def on_partitions_revoked(self, revoked):
            journal.commit(send)
            journal.revoked([p.partition for p in revoked])

        def on_partitions_assigned(self, assigned):
            journal.assigned(p.partition for p in assigned)

        def on_partitions_lost(self, lost):
            journal.revoked([p.partition for p in lost])

    client.subscribe([step["topic"]], listener=Listener())
    while journal.goes_on():
        try:
            polled = client.poll(timeout_ms=100, max_records=50)
        except KafkaConnectionError:  # the library leaves it to its user to try again
            time.sleep(0.1)
            continue
        for records in polled.values():
            for record in records:
                journal.take(record.partition, record.offset, record.value)
        journal.turn(send, send_later)
    journal.commit(send)
    client.close()
    return {"left": True}


def steer(bootstrap, step):
    client = member_consumer(bootstrap, step)
    client.subscribe([step["topic"]])
    first = TopicPartition(step["topic"], 0)
    answers = []

    def poll():
        return [[record.partition, record.offset] for records in client.poll(timeout_ms=100).values() for record in records]

    def seek(offsets):
        for partition, offset in offsets.items():
            client.seek(TopicPartition(step["topic"], partition), offset)

    def committed():
        client.poll(timeout_ms=20)
        if answers and isinstance(answers[0], Exception):
            raise answers[0]
        return bool(answers)

    result = Steering(step, poll, lambda: client.pause(first), lambda: client.resume(first), seek).run()
    client.commit_async(offsets_of(step, ends(step).items()), lambda _, response: answers.append(response))
    wait_until(committed)
    client.close()
    return result


def committed(bootstrap, step):
    client = group_consumer(bootstrap, step)
    found = [client.committed(TopicPartition(step["topic"], partition)) for partition in range(step["partitions"])]
    client.close()
    return {"offsets": [-1 if offset is None else offset for offset in found]}


def commit(bootstrap, step):
    client = group_consumer(bootstrap, step)
    client.assign([TopicPartition(step["topic"], partition) for partition, _ in step["offsets"]])
    client.commit(offsets_of(step, step["offsets"]))
    client.close()
    return {}


main({
    "produce": produce, "read": read, "offsets_for_time": offsets_for_time, "load": load, "member": member, "steer": steer,
    "committed": committed, "commit": commit,
})
