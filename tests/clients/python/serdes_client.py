"""confluent-kafka-python's serializers and deserializers. The argument is the registry's URL; a line of the standard input is a JSON object, a
line of the output its answer.

{"do": "serialize", "format": "avro" | "json" | "protobuf", "topic", "field": "key" | "value", "strategy": "topic" | "record" | "topic_record", "header": bool,
"conf": {...}, "value", and the schema} is answered by {"bytes": hex, "headers": [[name, hex]]}.
{"do": "deserialize", "format", "topic", "field", "bytes", "headers", and for Avro a reader's "schema" or null} is answered by {"value"}. Both by {"error"} where it
fails.

The schema: "schema" (text) and "references" ([name, subject, version]); for Protobuf "files" (a FileDescriptorSet in Base64) and "message" (full name), with values in
Protobuf's own JSON. In Avro's values {"$bytes": hex} are bytes, {"$union": [name, value]} is a value of that branch; what has a logical type comes back as text."""

import base64
import datetime
import decimal
import json
import sys
import uuid

from confluent_kafka import schema_registry as registry
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.schema_registry.json_schema import JSONDeserializer, JSONSerializer
from confluent_kafka.schema_registry.protobuf import ProtobufDeserializer, ProtobufSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory

CLIENT = registry.SchemaRegistryClient({"url": sys.argv[1]})
# The client keeps what it is told by subject and version, whatever the format: one that has registered takes texts for descriptors when it reads.
READER = registry.SchemaRegistryClient({"url": sys.argv[1]})
STRATEGIES = {
    "topic": registry.topic_subject_name_strategy,
    "record": registry.record_subject_name_strategy,
    "topic_record": registry.topic_record_subject_name_strategy,
}


def to_avro(value):
    if isinstance(value, dict):
        if set(value) == {"$bytes"}:
            return bytes.fromhex(value["$bytes"])
        if set(value) == {"$union"}:
            name, inner = value["$union"]
            # Null is found by its value alone.
            return None if name == "null" else (name, to_avro(inner))
        return {key: to_avro(inner) for key, inner in value.items()}
    return [to_avro(inner) for inner in value] if isinstance(value, list) else value


def from_avro(value):
    if isinstance(value, bytes):
        return {"$bytes": value.hex()}
    if isinstance(value, dict):
        return {key: from_avro(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [from_avro(inner) for inner in value]
    if isinstance(value, (datetime.date, datetime.time, decimal.Decimal, uuid.UUID)):
        return str(value)
    return value


def schema_of(request, kind):
    references = [registry.SchemaReference(*one) for one in request.get("references", [])]
    return registry.Schema(request["schema"], kind, references)


def message_class(request):
    files = descriptor_pb2.FileDescriptorSet.FromString(base64.b64decode(request["files"]))
    pool = descriptor_pool.DescriptorPool()
    for file in files.file:
        pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(request["message"]))


def serialize(request):
    conf = {**request.get("conf", {}), "subject.name.strategy": STRATEGIES[request.get("strategy", "topic")]}
    if request.get("header"):
        conf["schema.id.serializer"] = registry.header_schema_id_serializer
    headers, value = [], request["value"]
    if request["format"] == "avro":
        serializer, value = AvroSerializer(CLIENT, schema_of(request, "AVRO"), conf=conf), to_avro(value)
    elif request["format"] == "json":
        serializer = JSONSerializer(schema_of(request, "JSON"), CLIENT, conf=conf)
    else:
        found = message_class(request)
        serializer, value = ProtobufSerializer(found, CLIENT, conf=conf), json_format.ParseDict(value, found())
    data = serializer(value, SerializationContext(request["topic"], request["field"], headers))
    return {"bytes": data.hex(), "headers": [[name, inner.hex()] for name, inner in headers]}


def deserialize(request):
    headers = [(name, bytes.fromhex(inner)) for name, inner in request.get("headers", [])]
    conf = {"subject.name.strategy": STRATEGIES["topic"]}
    if request["format"] == "avro":
        reader = request.get("schema")
        deserializer = AvroDeserializer(READER, reader and registry.Schema(reader, "AVRO"), conf=conf)
    elif request["format"] == "json":
        deserializer = JSONDeserializer(None, schema_registry_client=READER, conf=conf)
    else:
        deserializer = ProtobufDeserializer(message_class(request), conf, READER)
    data = bytes.fromhex(request["bytes"])
    value = deserializer(data, SerializationContext(request["topic"], request["field"], headers))
    if request["format"] == "protobuf":
        return {"value": json_format.MessageToDict(value, preserving_proto_field_name=True)}
    return {"value": from_avro(value) if request["format"] == "avro" else value}


def main():
    assert {MessageField.KEY, MessageField.VALUE} == {"key", "value"}
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = (serialize if request["do"] == "serialize" else deserialize)(request)
        except Exception as error:  # The library has no common class of errors.
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


main()
