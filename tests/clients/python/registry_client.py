"""confluent-kafka-python's client of schema registries: the argument is a URL, the last line printed what was seen."""

import json
import sys

from confluent_kafka.schema_registry import Schema, SchemaReference, SchemaRegistryClient
from confluent_kafka.schema_registry.error import SchemaRegistryError

SUBJECT = "python-value"
V1 = json.dumps({"type": "record", "name": "Trip", "fields": [{"name": "zone", "type": "string"}]})
V2 = json.dumps({"type": "record", "name": "Trip", "fields": [
    {"name": "zone", "type": "string"}, {"name": "fare", "type": "double", "default": 0.0}]})
BROKEN = json.dumps({"type": "record", "name": "Trip", "fields": [
    {"name": "zone", "type": "string"}, {"name": "tip", "type": "double"}]})
USER = json.dumps({"type": "record", "name": "User", "fields": [{"name": "trip", "type": "Trip"}]})
JSON_SCHEMA = json.dumps({"type": "object", "properties": {"zone": {"type": "string"}}})


def code_of(call):
    try:
        call()
    except SchemaRegistryError as error:
        return [error.http_status_code, error.error_code]
    return None


def main():
    client = SchemaRegistryClient({"url": sys.argv[1]})
    seen = {}
    first = client.register_schema(SUBJECT, Schema(V1, "AVRO"))
    # A client of its own: the other one remembers.
    again = SchemaRegistryClient({"url": sys.argv[1]}).register_schema(SUBJECT, Schema(V1, "AVRO"))
    second = client.register_schema(SUBJECT, Schema(V2, "AVRO"))
    seen["same_id"] = first == again
    seen["next_id"] = second - first
    seen["versions"] = client.get_versions(SUBJECT)
    seen["subjects"] = client.get_subjects()
    latest = client.get_latest_version(SUBJECT)
    seen["latest"] = [latest.version, latest.schema_id == second, json.loads(latest.schema.schema_str) == json.loads(V2)]
    seen["text_by_id"] = json.loads(SchemaRegistryClient({"url": sys.argv[1]}).get_schema(first).schema_str) == json.loads(V1)
    looked_up = client.lookup_schema(SUBJECT, Schema(V1, "AVRO"))
    seen["lookup"] = [looked_up.version, looked_up.schema_id == first]
    seen["guid"] = json.loads(client.get_schema_by_guid(looked_up.guid).schema_str) == json.loads(V1)
    seen["compatible"] = [client.test_compatibility(SUBJECT, Schema(V2, "AVRO"), 1),
                          client.test_compatibility(SUBJECT, Schema(BROKEN, "AVRO"))]
    seen["incompatible"] = code_of(lambda: client.register_schema(SUBJECT, Schema(BROKEN, "AVRO")))
    seen["invalid"] = code_of(lambda: client.register_schema(SUBJECT, Schema('{"type": "what"}', "AVRO")))
    seen["global_level"] = client.get_compatibility()
    seen["no_level"] = code_of(lambda: client.get_compatibility(SUBJECT))
    client.set_compatibility(SUBJECT, "NONE")
    seen["own_level"] = client.get_compatibility(SUBJECT)
    seen["unchecked"] = client.register_schema(SUBJECT, Schema(BROKEN, "AVRO")) - second
    user = client.register_schema("python-user", Schema(USER, "AVRO", [SchemaReference("Trip", SUBJECT, 1)]))
    seen["reference"] = [[one.name, one.subject, one.version] for one in client.get_schema(user).references]
    seen["referenced"] = code_of(lambda: client.delete_version(SUBJECT, 1))
    seen["json"] = client.get_schema(client.register_schema("python-json", Schema(JSON_SCHEMA, "JSON"))).schema_type
    seen["deleted_version"] = client.delete_version(SUBJECT, 3)
    seen["missing_version"] = code_of(lambda: client.get_version(SUBJECT, 3))
    seen["deleted_user"] = client.delete_subject("python-user")
    seen["permanently"] = client.delete_subject("python-user", permanent=True)
    seen["missing_subject"] = code_of(lambda: client.get_versions("python-user"))
    seen["missing_id"] = code_of(lambda: client.get_schema(100000))
    print(json.dumps(seen))


main()
