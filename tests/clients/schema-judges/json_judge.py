"""Says whether data that fit an old JSON schema fit a new one, by the library jsonschema. A line of the standard input is a JSON object
{"writer": schema, "reader": schema, "values": [value, ...]}, a line of the output its answer:

{"fitting": how many of the values fit the writer's schema, "lost": [those of them that do not fit the reader's]}, or {"error"}."""

import json
import sys

import jsonschema


def main():
    for line in sys.stdin:
        request = json.loads(line)
        answer = {}
        try:
            schemas = [request["writer"], request["reader"]]
            for schema in schemas:
                jsonschema.Draft7Validator.check_schema(schema)
            writer, reader = [jsonschema.Draft7Validator(schema) for schema in schemas]
            fitting = [value for value in request["values"] if writer.is_valid(value)]
            answer["fitting"] = len(fitting)
            answer["lost"] = [value for value in fitting if not reader.is_valid(value)]
        except Exception as error:  # pylint: disable=broad-except
            answer["error"] = f"{type(error).__name__}: {error}"
        print(json.dumps(answer))


main()
