"""Reads trips by confluent-kafka's consumer and its Avro deserializer: BOOTSTRAP REGISTRY TOPIC COUNT SCHEMA-FILE-OR-EMPTY.

Prints `version VERSION`, then `read NUMBER` at the first trip and every thousand, then all sums as one line of JSON.
"""

import collections
import json
import struct
import sys
import time

import confluent_kafka
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext

address, registry, topic, count = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
print("version", confluent_kafka.version()[0] if isinstance(confluent_kafka.version(), tuple) else confluent_kafka.version(), flush=True)
deserializer = AvroDeserializer(SchemaRegistryClient({"url": registry}))
consumer = confluent_kafka.Consumer({
    "bootstrap.servers": address,
    "group.id": "demo-python",
    "auto.offset.reset": "earliest",
    "enable.auto.commit": False,
})
consumer.subscribe([topic])
zones = collections.defaultdict(lambda: [0, 0])
schemas, tips, read = collections.Counter(), 0, 0
deadline = time.monotonic() + 60
while read < count and time.monotonic() < deadline:
    for message in consumer.consume(500, 0.2):
        if message.error():
            sys.exit(str(message.error()))
        trip = deserializer(message.value(), SerializationContext(topic, MessageField.VALUE))
        zone = zones[trip["pickup_location_id"]]
        zone[0] += 1
        zone[1] += round(trip["fare_amount"] * 100)
        tips += round((trip.get("tip_amount") or 0) * 100)
        schemas[struct.unpack(">I", message.value()[1:5])[0]] += 1
        read += 1
        if read == 1 or read % 1000 == 0:
            print("read", read, flush=True)
consumer.close()
print(json.dumps({"zones": zones, "schemas": schemas, "tips": tips}), flush=True)
