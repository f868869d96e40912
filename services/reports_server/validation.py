"""Validates requests against the rules in the contract."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, MutableMapping, MutableSequence
from typing import Any

from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from protovalidate import Validator, Violation

from reports_server.contract import contract_files
from reports_server.errors import FieldViolation

_SHOWN = 5
"""Repeated elements that a message names at most."""


class RequestValidator:
    """Checks messages of the contract by the rules in this package's own image of it."""

    def __init__(self) -> None:
        self._pool = DescriptorPool()
        for file in contract_files():
            self._pool.Add(file)
        self._classes: dict[str, type[Message]] = {}
        self._validator = Validator()

    def violations(self, message: Message) -> list[FieldViolation]:
        """Return what is wrong with a message, field by field; nothing for a valid one."""
        serialized = message.SerializeToString()
        with_rules = self._class(message).FromString(serialized)
        # PostgreSQL's text cannot hold NUL. A walk over all fields only where there is such a byte at all.
        if b"\0" in serialized and (nul := _nul_fields(message)):
            return [FieldViolation(field, "must not contain NUL characters") for field in nul]
        return [_field_violation(violation) for violation in self._validator.collect_violations(with_rules)]

    def _class(self, message: Message) -> type[Message]:
        name = message.DESCRIPTOR.full_name
        if name not in self._classes:
            self._classes[name] = GetMessageClass(self._pool.FindMessageTypeByName(name))
        return self._classes[name]


def _field_violation(violation: Violation) -> FieldViolation:
    field, message = _path(violation), violation.proto.message
    if violation.proto.rule_id == "repeated.unique":
        message = f"must not contain duplicates: {_duplicates(violation.field_value)}"
    return FieldViolation(field, message)


def _nul_fields(message: Message, prefix: str = "") -> list[str]:
    found: list[str] = []
    for field, value in message.ListFields():
        path = prefix + field.name
        for element in _elements(value):
            if isinstance(element, str) and "\0" in element:
                found.append(path)
            elif isinstance(element, Message):
                found += _nul_fields(element, f"{path}.")
    return found


def _elements(value: Any) -> Iterable[Any]:
    """Return the keys and values of a map, the elements of a list, or the value itself."""
    if isinstance(value, MutableMapping):
        return [*value.keys(), *value.values()]
    return value if isinstance(value, MutableSequence) else [value]


def _duplicates(values: list[object]) -> str:
    repeated = [value for value, count in Counter(values).items() if count > 1]
    more = f" and {len(repeated) - _SHOWN} more" if len(repeated) > _SHOWN else ""
    return ", ".join(str(value) for value in repeated[:_SHOWN]) + more


def _path(violation: Violation) -> str:
    path = ""
    for element in violation.proto.field.elements if violation.proto.field else ():
        path += f".{element.field_name}" if path else element.field_name
        if element.subscript is not None:
            key = element.subscript.value
            path += f'["{key}"]' if isinstance(key, str) else f"[{key}]"
    return path
