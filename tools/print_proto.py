"""Print `buf/validate/validate.proto`, of which protovalidate's wheel holds the descriptor but not the source.

buf needs source text to import. This knows as much of the language as that one file uses; comments are lost.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from importlib.metadata import version

from google.protobuf import descriptor_pb2, duration_pb2, field_mask_pb2, text_format, timestamp_pb2
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
)
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from protovalidate._gen.buf.validate import validate_pb

LICENCE = """\
// Copyright 2023-2026 Buf Technologies, Inc.
//
// Licensed under the Apache License, Version 2.0 (the "License");
// you may not use this file except in compliance with the License.
// You may obtain a copy of the License at
//
//      http://www.apache.org/licenses/LICENSE-2.0
//
// Unless required by applicable law or agreed to in writing, software
// distributed under the License is distributed on an "AS IS" BASIS,
// WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
// See the License for the specific language governing permissions and
// limitations under the License.
//"""
ORIGIN = f"""\
// Printed from the descriptor in the wheel protovalidate {version("protovalidate")} by
// tools/print_proto.py (the wheel has no source text); comments are lost.
"""
IMPORTED = (descriptor_pb2, duration_pb2, field_mask_pb2, timestamp_pb2)

TYPES = {number: name.removeprefix("TYPE_").lower() for name, number in FieldDescriptorProto.Type.items()}
LABELS = {number: name.removeprefix("LABEL_").lower() for name, number in FieldDescriptorProto.Label.items()}
LAST_FIELD_NUMBER = 536870911


class Printer:
    """Prints a file's descriptors; each method yields the lines of one kind of element."""

    def __init__(self, source: FileDescriptorProto) -> None:
        self._source = source
        self._pool = DescriptorPool()
        for module in IMPORTED:
            self._pool.AddSerializedFile(module.DESCRIPTOR.serialized_pb)
        self._pool.Add(source)  # Options are extensions that the file itself declares.

    def file(self) -> Iterator[str]:
        source = self._source
        yield f'syntax = "{source.syntax or "proto2"}";\n'
        yield f"package {source.package};\n"
        yield from (f'import "{path}";' for path in sorted(source.dependency))
        yield ""
        yield from self._option_lines(source.options)
        for extended in dict.fromkeys(field.extendee for field in source.extension):
            fields = (self._field(field) for field in source.extension if field.extendee == extended)
            yield from ("", *block(f"extend {extended}", fields))
        for message in source.message_type:
            yield from ("", *self._message(message))
        for enum in source.enum_type:
            yield from ("", *self._enum(enum))

    def _message(self, message: DescriptorProto) -> Iterator[str]:
        return block(f"message {message.name}", self._message_body(message))

    def _message_body(self, message: DescriptorProto) -> Iterator[str]:
        yield from self._option_lines(message.options)
        yield from (f"reserved {numbers(r.start, r.end - 1)};" for r in message.reserved_range)
        yield from (f'reserved "{name}";' for name in message.reserved_name)
        yield from (f"extensions {numbers(r.start, r.end - 1)};" for r in message.extension_range)
        for enum in message.enum_type:
            yield from self._enum(enum)
        for nested in message.nested_type:
            yield from self._message(nested)
        yield from self._fields(message)

    def _fields(self, message: DescriptorProto) -> Iterator[str]:
        printed = set()
        for field in message.field:
            if not field.HasField("oneof_index"):
                yield self._field(field)
            elif field.oneof_index not in printed:
                printed.add(field.oneof_index)
                yield from self._oneof(message, field.oneof_index)

    def _oneof(self, message: DescriptorProto, index: int) -> Iterator[str]:
        oneof = message.oneof_decl[index]
        members = (field for field in message.field if field.HasField("oneof_index") and field.oneof_index == index)
        fields = (self._field(member, label="") for member in members)
        return block(f"oneof {oneof.name}", (*self._option_lines(oneof.options), *fields))

    def _field(self, field: FieldDescriptorProto, label: str | None = None) -> str:
        label = f"{LABELS[field.label]} " if label is None else label
        default = [f"default = {field.default_value}"] if field.HasField("default_value") else []
        options = bracketed([*default, *self._options(field.options)])
        return f"{label}{field.type_name or TYPES[field.type]} {field.name} = {field.number}{options};"

    def _enum(self, enum: EnumDescriptorProto) -> Iterator[str]:
        return block(f"enum {enum.name}", self._enum_body(enum))

    def _enum_body(self, enum: EnumDescriptorProto) -> Iterator[str]:
        yield from self._option_lines(enum.options)
        for value in enum.value:
            yield f"{value.name} = {value.number}{bracketed(self._options(value.options))};"
        yield from (f"reserved {numbers(r.start, r.end)};" for r in enum.reserved_range)
        yield from (f'reserved "{name}";' for name in enum.reserved_name)

    def _option_lines(self, options: Message) -> Iterator[str]:
        return (f"option {option};" for option in self._options(options))

    def _options(self, options: Message) -> Iterator[str]:
        """Yield the options of one element as `name = value`, one for each value of a repeated one."""
        known = GetMessageClass(self._pool.FindMessageTypeByName(options.DESCRIPTOR.full_name))
        for field, value in known.FromString(options.SerializeToString()).ListFields():
            name = f"({field.full_name})" if field.is_extension else field.name
            for single in value if field.is_repeated else [value]:
                yield f"{name} = {self._literal(single, field)}"

    def _literal(self, value: object, field: FieldDescriptor) -> str:
        match value:
            case Message():
                text = text_format.MessageToString(value, indent=2, descriptor_pool=self._pool, as_utf8=True)
                return f"{{\n{text}}}"
            case bool():
                return str(value).lower()
            case int() if field.enum_type:
                return field.enum_type.values_by_number[value].name
            case str():
                return json.dumps(value, ensure_ascii=False)
            case _:
                return str(value)


def block(head: str, body: Iterable[str]) -> Iterator[str]:
    """Yield `body` in braces and indented; a line of it may hold several."""
    yield f"{head} {{"
    for text in body:
        yield from (f"  {line}" for line in text.split("\n"))
    yield "}"


def bracketed(options: Iterable[str]) -> str:
    """Return the options of a field or of an enum value as they stand behind it."""
    joined = ", ".join(options)
    return f" [{joined}]" if joined else ""


def numbers(first: int, last: int) -> str:
    """Return a range of field numbers, both ends included."""
    if first == last:
        return str(first)
    return f"{first} to {'max' if last == LAST_FIELD_NUMBER else last}"


def main() -> None:
    """Print the file as it belongs into `third_party/protovalidate`."""
    source = FileDescriptorProto.FromString(validate_pb.desc().proto.to_binary())
    sys.stdout.write("\n".join((LICENCE, ORIGIN, *Printer(source).file(), "")))


if __name__ == "__main__":
    main()
