"""confluent-kafka-python (librdkafka)."""
import time

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicCollection, TopicPartition
from confluent_kafka.admin import (
    AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewPartitions, NewTopic, OffsetSpec, ResourceType,
)

from scenario import Journal, Steering, ends, load_ids, main, record_json, unhex, wait_until


def producer(bootstrap, step):
    return Producer({
        "bootstrap.servers": bootstrap,
        "acks": step.get("acks", "all"),
        "enable.idempotence": step.get("idempotent", False),
        "compression.type": step.get("codec", "none"),
        "message.max.bytes": 4 << 20,
        "linger.ms": step.get("linger_ms", 20),
        "reconnect.backoff.ms": 20,
        "reconnect.backoff.max.ms": 200,
        "retry.backoff.ms": 50,
        "message.timeout.ms": 60000,
    })


def produce(bootstrap, step):
    client = producer(bootstrap, step)
    offsets = [None] * len(step["records"])
    failures = []

    def delivered(index):
        def report(error, message):
            if error:
                failures.append(str(error))
            else:
                offset = message.offset()
                offsets[index] = -1 if offset is None or offset < 0 else offset
        return report

    for index, record in enumerate(step["records"]):
        headers = [(name, unhex(value)) for name, value in record.get("headers", [])]
        extra = {} if record.get("timestamp") is None else {"timestamp": record["timestamp"]}
        client.produce(step["topic"], partition=step["partition"], key=unhex(record["key"]), value=unhex(record["value"]),
                       headers=headers, on_delivery=delivered(index), **extra)
    left = client.flush(60)
    if failures or left:
        return {"error": f"{left} not sent, {failures[:3]}"}
    return {"offsets": offsets}


def consumer(bootstrap, step):
    return Consumer({
        "bootstrap.servers": bootstrap,
        "group.id": "none",  # asked for by the library; assigned partitions and no commits need no group
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "enable.partition.eof": True,
        "auto.offset.reset": "error",
        "isolation.level": step.get("isolation", "read_uncommitted"),
        "reconnect.backoff.ms": 20,
        "reconnect.backoff.max.ms": 200,
        "fetch.message.max.bytes": 4 << 20,
    })


def read(bootstrap, step):
    client = consumer(bootstrap, step)
    client.assign([TopicPartition(step["topic"], step["partition"], step.get("from", 0))])
    records = []
    deadline = time.monotonic() + step.get("seconds", 30)
    while time.monotonic() < deadline:
        message = client.poll(0.2)
        if message is None:
            continue
        if message.error():
            if message.error().code() == KafkaError._PARTITION_EOF:
                if message.offset() >= step["until"]:
                    break
                continue
            if message.error().retriable() or message.error().code() in (KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN):
                continue
            return {"error": str(message.error())}
        records.append(record_json(message.offset(), message.timestamp()[1], message.key(), message.value(), message.headers()))
        if message.offset() + 1 >= step["until"]:
            break
    client.close()
    return {"records": records}


def offsets_for_time(bootstrap, step):
    client = consumer(bootstrap, step)
    found = client.offsets_for_times([TopicPartition(step["topic"], step["partition"], step["timestamp"])], timeout=20)[0]
    client.close()
    if found.error:
        return {"error": str(found.error)}
    return {"offset": found.offset if found.offset >= 0 else -1}


def load(bootstrap, step):
    client = producer(bootstrap, step)
    acknowledged = []
    failed = [0]
    for number in load_ids(step):
        def report(error, message, number=number):
            if error:
                failed[0] += 1
            else:
                acknowledged.append([message.partition(), message.offset(), number])
        while True:
            try:
                client.produce(step["topic"], partition=number % step["partitions"], value=str(number).encode(), on_delivery=report)
                break
            except BufferError:
                client.poll(0.1)
        client.poll(0)
    failed[0] += client.flush(60)
    return {"acknowledged": acknowledged, "failed": failed[0]}


def member_settings(bootstrap, step):
    settings = {
        "bootstrap.servers": bootstrap,
        "group.id": step["group"],
        "enable.auto.commit": False,
        "auto.offset.reset": "earliest",
        "reconnect.backoff.ms": 20,
        "reconnect.backoff.max.ms": 200,
    }
    if step.get("instance"):
        settings["group.instance.id"] = step["instance"]
    if step["assignor"] == "consumer":
        settings["group.protocol"] = "consumer"
    else:
        settings["partition.assignment.strategy"] = step["assignor"]
        settings["session.timeout.ms"] = step["session_timeout_ms"]
        settings["heartbeat.interval.ms"] = 300
    return settings


def partitions_of(step, positions):
    return [TopicPartition(step["topic"], partition, offset) for partition, offset in positions.items()]


def member(bootstrap, step):
    journal = Journal(step)

    def answered(error, partitions):
        error = error or next((p.error for p in partitions if p.error), None)
        if error:
            journal.refused(KafkaException(error))
        else:
            journal.committed({p.partition: p.offset for p in partitions})

    client = Consumer({**member_settings(bootstrap, step), **({"on_commit": answered} if journal.is_async else {})})

    def send(positions):
        failed = [p.error for p in client.commit(offsets=partitions_of(step, positions), asynchronous=False) if p.error]
        if failed:
            raise KafkaException(failed[0])

    def send_later(positions):
        client.commit(offsets=partitions_of(step, positions), asynchronous=True)

    def revoked(_, partitions):
        journal.commit(send)
        journal.revoked([p.partition for p in partitions])

    client.subscribe(
        [step["topic"]],
        on_assign=lambda _, partitions: journal.assigned([p.partition for p in partitions], member=client.memberid()),
        on_revoke=revoked,
        on_lost=lambda _, partitions: journal.revoked([p.partition for p in partitions]),
    )
    while journal.goes_on():
        message = client.poll(0.1)
        if message is None:
            journal.turn(send, send_later)
        elif message.error():
            journal.emit({"refused": str(message.error())})
        else:
            journal.take(message.partition(), message.offset(), message.value())
            if len(journal.delivered) >= 50:
                journal.turn(send, send_later)
    journal.commit(send)
    client.close()
    return {"left": True}


def steer(bootstrap, step):
    answers = []
    client = Consumer({**member_settings(bootstrap, step), "on_commit": lambda error, partitions: answers.append(error or partitions)})
    client.subscribe([step["topic"]])

    def poll():
        messages = client.consume(100, 0.1)
        return [[m.partition(), m.offset()] for m in messages if not m.error()]

    def seek(offsets):
        for partition in partitions_of(step, offsets):
            client.seek(partition)

    def commit_later(offsets):
        client.commit(offsets=partitions_of(step, offsets), asynchronous=True)

    def committed():
        client.poll(0)
        if answers and (not isinstance(answers[0], list) or any(p.error for p in answers[0])):
            raise RuntimeError(answers[0])
        return bool(answers)

    first = [TopicPartition(step["topic"], 0)]
    result = Steering(step, poll, lambda: client.pause(first), lambda: client.resume(first), seek).run()
    commit_later(ends(step))
    wait_until(committed)
    client.close()
    return result


def committed(bootstrap, step):
    client = Consumer({"bootstrap.servers": bootstrap, "group.id": step["group"]})
    asked = [TopicPartition(step["topic"], partition) for partition in range(step["partitions"])]
    found = client.committed(asked, timeout=30)
    client.close()
    return {"offsets": [p.offset if p.offset >= 0 else -1 for p in found]}


def commit(bootstrap, step):
    client = Consumer({"bootstrap.servers": bootstrap, "group.id": step["group"], "enable.auto.commit": False})
    offsets = [TopicPartition(step["topic"], partition, offset) for partition, offset in step["offsets"]]
    failed = [str(p.error) for p in client.commit(offsets=offsets, asynchronous=False) if p.error]
    client.close()
    return {"error": failed[0]} if failed else {}


def admin(bootstrap, step):
    client = AdminClient({"bootstrap.servers": bootstrap})
    topic = step["topic"]
    partition = TopicPartition(topic, 0)
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[
        ConfigEntry("retention.ms", "7200000", incremental_operation=AlterConfigOpType.SET),
    ])

    def of(futures, key=topic):
        return futures[key].result(30)

    def create():
        return client.create_topics([NewTopic(topic, num_partitions=2, replication_factor=1)])

    of(create())
    try:
        again = of(create()) is None
    except KafkaException:
        again = False
    of(client.create_partitions([NewPartitions(topic, 3)]))
    of(client.incremental_alter_configs([resource]), resource)
    configs = of(client.describe_configs([resource]), resource)
    everything = client.list_topics(timeout=30)
    described = of(client.describe_topics(TopicCollection([topic])))
    cluster = client.describe_cluster().result(30)
    produce(bootstrap, {**step, "partition": 0, "records": [{"key": None, "value": "61"}, {"key": None, "value": "62"}]})
    low = of(client.delete_records([TopicPartition(topic, 0, 1)]), partition).low_watermark
    high = of(client.list_offsets({partition: OffsetSpec.latest()}), partition).offset
    # What is asked for by name is created, so this comes before the end.
    alone = client.list_topics(topic, timeout=30).topics
    of(client.delete_topics([topic]))
    return {
        "created": True, "again": again, "listed": topic in everything.topics,
        "alone": {name: len(one.partitions) for name, one in alone.items()},
        "leftover": topic in client.list_topics(timeout=30).topics, "groups": len(client.list_consumer_groups().result(30).valid),
        "brokers": len(everything.brokers), "nodes": len(cluster.nodes), "controller": cluster.controller.id,
        "partitions": len(described.partitions), "retention": configs["retention.ms"].value, "low": low, "high": high,
    }


main({
    "produce": produce, "read": read, "offsets_for_time": offsets_for_time, "load": load, "member": member, "steer": steer,
    "committed": committed, "commit": commit, "admin": admin,
})
