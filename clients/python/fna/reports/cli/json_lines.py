"""Messages as JSON, one object per line."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import cast

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc.status_pb2 import Status

from fna.reports._status import error_of_status
from fna.reports.cli.names import bare_name


def json_line(message: Message) -> str:
    """Return a message as one line: names in snake_case, enum values bare, whole numbers as numbers.

    Every field is there, null when it is not set, but of a choice only the chosen one. A status has the reason and the
    metadata of its `ErrorInfo`.
    """
    return json.dumps(_object(message), ensure_ascii=False)


def _object(message: Message) -> dict[str, object]:
    # The stubs have two classes for one thing: the descriptors of upb and those of Python.
    fields = cast("Sequence[FieldDescriptor]", message.DESCRIPTOR.fields)
    return {field.name: _field(message, field) for field in fields if not _not_chosen(message, field)}


def _not_chosen(message: Message, field: FieldDescriptor) -> bool:
    choice = field.containing_oneof
    return choice is not None and len(choice.fields) > 1 and not message.HasField(field.name)


def _field(message: Message, field: FieldDescriptor) -> object:
    if field.has_presence and not message.HasField(field.name):
        return None
    value = getattr(message, field.name)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [_value(field, element) for element in value]
    return _value(field, value)


def _value(field: FieldDescriptor, value: object) -> object:
    match value:
        case Timestamp() | Duration():
            return value.ToJsonString()
        case Status():
            error = error_of_status(value)
            return {
                "code": error.code.name,
                "reason": error.reason,
                "message": error.message,
                "metadata": error.metadata,
            }
        case Message():
            return _object(value)
        case int() if field.enum_type is not None:
            return bare_name(field.enum_type, value)
        case float() if field.type == FieldDescriptor.TYPE_FLOAT:
            return float(f"{value:.7g}")  # 0.4 and not 0.4000000059604645
    return value
