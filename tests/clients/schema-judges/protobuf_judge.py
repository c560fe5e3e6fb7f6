"""Says what Google's libraries make of files in Protobuf's language. A line of the standard input is a JSON object, a line of the output its
answer.

{"text": file, "others": [file, ...], "descriptors": [Base64, ...]} is answered by {"error": why protoc does not take the file, or null} and, where
it does, {"differing": those of the others, as numbers, and of the descriptors, as numbers after them, that do not define the same}.

{"writer": file, "reader": file, "count": n, "seed": n} is answered by {"lost": why data written with the first message of the one cannot be read
with the other's, for each of n random messages where it cannot}, or {"error"} where protoc does not take both."""

import base64
import json
import os
import random
import sys
import tempfile

from google.protobuf import descriptor_pb2, descriptor_pool, message, message_factory, timestamp_pb2
from grpc_tools import protoc
import grpc_tools

INCLUDE = os.path.join(os.path.dirname(grpc_tools.__file__), "_proto")


class Invalid(Exception):
    pass


def compile_file(text, folder):
    path, output, log = (os.path.join(folder, name) for name in ("default", "out", "log"))
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    sys.stderr.flush()
    saved = os.dup(2)
    with open(log, "w+b") as file:
        os.dup2(file.fileno(), 2)
        code = protoc.main(["protoc", f"-I{folder}", f"-I{INCLUDE}", f"--descriptor_set_out={output}", path])
        os.dup2(saved, 2)
        os.close(saved)
        file.seek(0)
        said = file.read().decode("utf-8", "replace")
    if code != 0:
        raise Invalid(said or "protoc fails")
    files = descriptor_pb2.FileDescriptorSet()
    with open(output, "rb") as file:
        files.ParseFromString(file.read())
    return files.file[0]


def options_of(descriptor):
    return descriptor.options.SerializeToString(deterministic=True).hex()


def shape_of_field(field, oneofs):
    oneof = oneofs[field.oneof_index].name if field.HasField("oneof_index") and not field.proto3_optional else None
    return [field.name, field.type, field.type_name, field.label, field.default_value, field.HasField("default_value"), field.json_name,
            field.proto3_optional, oneof, options_of(field)]


def shape_of_enum(enum):
    return [sorted([value.number, value.name, options_of(value)] for value in enum.value), options_of(enum),
            sorted([part.start, part.end] for part in enum.reserved_range), sorted(enum.reserved_name)]


def shape_of_message(descriptor):
    return {
        "fields": {field.number: shape_of_field(field, descriptor.oneof_decl) for field in descriptor.field},
        "messages": {nested.name: shape_of_message(nested) for nested in descriptor.nested_type},
        "enums": {enum.name: shape_of_enum(enum) for enum in descriptor.enum_type},
        "reserved": sorted([part.start, part.end] for part in descriptor.reserved_range),
        "names": sorted(descriptor.reserved_name),
        "options": options_of(descriptor),
    }


def shape_of_file(file):
    """What a file defines, whatever the order of its statements."""
    return {
        "package": file.package,
        "syntax": file.syntax if file.syntax != "proto2" else "",
        "imports": sorted(file.dependency),
        "messages": {found.name: shape_of_message(found) for found in file.message_type},
        "enums": {enum.name: shape_of_enum(enum) for enum in file.enum_type},
        "options": options_of(file),
    }


def judge_text(request, folder):
    try:
        file = compile_file(request["text"], folder)
    except Invalid as error:
        return {"error": str(error)}
    differing = []
    others = [(compile_file, text, folder) for text in request["others"]]
    others += [(decode, text, folder) for text in request["descriptors"]]
    for number, (look, text, place) in enumerate(others):
        try:
            if shape_of_file(look(text, place)) != shape_of_file(file):
                differing.append(number)
        except (Invalid, message.DecodeError) as error:
            differing.append(f"{number}: {error}")
    return {"error": None, "differing": differing}


def decode(text, _folder):
    file = descriptor_pb2.FileDescriptorProto()
    file.ParseFromString(base64.b64decode(text))
    return file


def message_class(file):
    pool = descriptor_pool.DescriptorPool()
    pool.Add(descriptor_pb2.FileDescriptorProto.FromString(timestamp_pb2.DESCRIPTOR.serialized_pb))
    found = pool.AddSerializedFile(file.SerializeToString()) or pool.FindFileByName(file.name)
    return message_factory.GetMessageClass(found.message_types_by_name["A"])


def random_scalar(field, dice):
    kind = field.cpp_type
    if kind == field.CPPTYPE_STRING:
        text = "".join(dice.choice("aé ") for _ in range(dice.randrange(4)))
        return text if field.type == field.TYPE_STRING else text.encode()
    if kind == field.CPPTYPE_BOOL:
        return dice.random() < 0.5
    if kind == field.CPPTYPE_ENUM:
        return dice.choice(field.enum_type.values).number
    if kind in (field.CPPTYPE_DOUBLE, field.CPPTYPE_FLOAT):
        return dice.choice([0.0, 1.5, -2.25])
    values = [0, 1, 7] if kind in (field.CPPTYPE_UINT32, field.CPPTYPE_UINT64) else [0, 1, -1, 7]
    return dice.choice(values)


def fill(target, dice, depth):
    for field in target.DESCRIPTOR.fields:
        is_required = field.has_presence and not field.is_repeated and getattr(field, "is_required", False)
        if not is_required and dice.random() < 0.3:
            continue
        is_entry = field.message_type is not None and field.message_type.GetOptions().map_entry
        if is_entry:
            key, value = field.message_type.fields_by_name["key"], field.message_type.fields_by_name["value"]
            place = getattr(target, field.name)
            for _ in range(dice.randrange(3)):
                if value.message_type is not None:
                    if depth > 0:
                        fill(place[random_scalar(key, dice)], dice, depth - 1)
                else:
                    place[random_scalar(key, dice)] = random_scalar(value, dice)
        elif field.message_type is not None:
            if depth == 0 and not is_required:
                continue
            if field.is_repeated:
                for _ in range(dice.randrange(3)):
                    fill(getattr(target, field.name).add(), dice, depth - 1)
            elif depth > -5:
                getattr(target, field.name).SetInParent()
                fill(getattr(target, field.name), dice, depth - 1)
        elif field.is_repeated:
            getattr(target, field.name).extend(random_scalar(field, dice) for _ in range(dice.randrange(3)))
        else:
            setattr(target, field.name, random_scalar(field, dice))


def differs(old, new):
    """The path of a field of the same type in both that has another value; None where there is none."""
    for field in old.DESCRIPTOR.fields:
        other = new.DESCRIPTOR.fields_by_number.get(field.number)
        if other is None or other.type != field.type or other.is_repeated != field.is_repeated:
            continue
        if field.enum_type is not None or field.message_type is not None and field.is_repeated:
            continue
        if field.message_type is None:
            if getattr(old, field.name) != getattr(new, other.name) and (not field.has_presence or old.HasField(field.name)):
                return field.name
        elif old.HasField(field.name):
            if not new.HasField(other.name):
                return field.name
            below = differs(getattr(old, field.name), getattr(new, other.name))
            if below is not None:
                return f"{field.name}.{below}"
    return None


def judge_data(request, folder):
    try:
        writer, reader = (message_class(compile_file(request[side], folder)) for side in ("writer", "reader"))
    except (Invalid, TypeError) as error:
        return {"error": str(error)}
    dice, lost = random.Random(request["seed"]), []
    for _ in range(request["count"]):
        data = writer()
        fill(data, dice, 2)
        if not data.IsInitialized():
            continue
        try:
            read = reader.FromString(data.SerializeToString())
            path = differs(data, read)
            if path is not None:
                lost.append(f"{path} is lost")
            elif not read.IsInitialized():
                lost.append("a required field is missing")
        except message.DecodeError as error:
            lost.append(f"{error}")
    return {"lost": lost}


def main():
    with tempfile.TemporaryDirectory() as folder:
        for line in sys.stdin:
            request = json.loads(line)
            judge = judge_text if "text" in request else judge_data
            print(json.dumps(judge(request, folder)), flush=True)


main()
