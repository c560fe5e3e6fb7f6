"""Says what Avro's Python libraries make of schemas. A line of the standard input is a JSON object {"reader": text, "writer": text},
a line of the output its answer:

{"compatible": of the library avro, "decodes": of fastavro}, each null with {"avro_error"} or {"fastavro_error"} where the library does
not take the schemas. fastavro writes three random values with the writer's schema and reads them with the reader's,
if the question does not say "decode": false."""

import io
import json
import sys

import avro.compatibility
import avro.schema
import fastavro
import fastavro.utils


def judge_avro(reader, writer, answer):
    try:
        parsed = [avro.schema.parse(text) for text in (reader, writer)]
        checker = avro.compatibility.ReaderWriterCompatibilityChecker()
        found = checker.get_compatibility(*parsed)
        answer["compatible"] = found.compatibility is avro.compatibility.SchemaCompatibilityType.compatible
    except Exception as error:  # pylint: disable=broad-except
        answer["avro_error"] = f"{type(error).__name__}: {error}"


def judge_fastavro(reader, writer, answer):
    try:
        parsed = [fastavro.parse_schema(json.loads(text)) for text in (reader, writer)]
        values = list(fastavro.utils.generate_many(parsed[1], 3))
        encoded = []
        for value in values:
            buffer = io.BytesIO()
            fastavro.schemaless_writer(buffer, parsed[1], value)
            encoded.append(buffer.getvalue())
    except Exception as error:  # pylint: disable=broad-except
        answer["fastavro_error"] = f"{type(error).__name__}: {error}"
        return
    try:
        for data in encoded:
            fastavro.schemaless_reader(io.BytesIO(data), parsed[1], parsed[0])
        answer["decodes"] = True
    except Exception as error:  # pylint: disable=broad-except
        answer["decodes"] = False
        answer["reason"] = f"{type(error).__name__}: {error}"


def main():
    for line in sys.stdin:
        request = json.loads(line)
        answer = {"compatible": None, "decodes": None}
        judge_avro(request["reader"], request["writer"], answer)
        if request.get("decode", True):
            judge_fastavro(request["reader"], request["writer"], answer)
        print(json.dumps(answer))


main()
