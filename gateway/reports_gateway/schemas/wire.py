"""JSON forms of protobuf's scalar-like values: enum values, times, durations, absent text."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Generic, TypeVar

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema, model_validator

if TYPE_CHECKING:
    from google.protobuf.internal.enum_type_wrapper import _EnumTypeWrapper

V = TypeVar("V", bound=int)


class ResponseModel(BaseModel):
    """A JSON object that the gateway answers; every field is always present, null when not set."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)


class RequestModel(BaseModel):
    """A JSON object that a client sends; a field that is not named here is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True)

    @model_validator(mode="before")
    @classmethod
    def _null_is_not_set(cls, data: object) -> object:
        """Read null as protobuf's JSON does: the field is not there."""
        return {key: value for key, value in data.items() if value is not None} if isinstance(data, dict) else data


class QueryModel(BaseModel):
    """Query parameters; one that is not named here is refused, so that a typo selects nothing by accident."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class BareEnum(Generic[V]):
    """Names of an enum's values without their prefix: `PROCESSING` for `BATCH_STATUS_PROCESSING`."""

    def __init__(self, enum: _EnumTypeWrapper[V]) -> None:
        prefix = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", enum.DESCRIPTOR.name).upper() + "_"
        self._values = {name.removeprefix(prefix): value for name, value in enum.items() if value}
        self._names = {value: name for name, value in self._values.items()}

    @property
    def names(self) -> list[str]:
        return list(self._values)

    def name(self, value: V) -> str | None:
        """Return the bare name: null when not set, the number when a newer server sent a value unknown here."""
        return self._names.get(value) or (str(value) if value else None)

    def value(self, name: str) -> V:
        return self._values[name]

    def checked(self, name: str) -> str:
        if name not in self._values:
            raise ValueError(f"must be one of {', '.join(self._values)}")
        return name

    def request_schema(self) -> WithJsonSchema:
        return WithJsonSchema({"type": "string", "enum": self.names})

    def response_schema(self) -> WithJsonSchema:
        """Describe the values without closing the list: the contract may add more."""
        return WithJsonSchema({"type": ["string", "null"], "examples": self.names, "x-extensible-enum": self.names})


def _duration(text: str) -> str:
    try:
        Duration().FromJsonString(text)
    except ValueError:
        raise ValueError('must be a number of seconds with an "s", for example "3600s"') from None
    return text


def demanded(**keywords: Any) -> Any:
    """Tell the OpenAPI document what the contract demands of a field; the service checks it, in its own words."""
    return Field(json_schema_extra=keywords)


DurationText = Annotated[
    str, AfterValidator(_duration), demanded(pattern=r"^[0-9]+(\.[0-9]{1,9})?s$", examples=["15s"])
]
"""A duration as protobuf's JSON writes it: `3s`, `0.5s`."""

Uuid = Annotated[str, demanded(format="uuid")]

OptionalUuid = Annotated[str, demanded(anyOf=[{"format": "uuid"}, {"const": ""}])]
"""A UUID, or nothing."""

Int32 = Annotated[int, Field(ge=-(2**31), le=2**31 - 1)]
Int64 = Annotated[int, Field(ge=-(2**63), le=2**63 - 1)]


PageSize = Annotated[Int32, demanded(minimum=0)]
PageToken = Annotated[str, demanded(maxLength=1024)]


def duration(text: str) -> Duration:
    parsed = Duration()
    parsed.FromJsonString(text)
    return parsed


def duration_text(message: Message, field: str) -> str | None:
    """Return a Duration field as text, null when not set."""
    if not message.HasField(field):
        return None
    value: Duration = getattr(message, field)
    return value.ToJsonString()


def time(message: Message, field: str) -> datetime | None:
    """Return a Timestamp field in UTC, null when not set."""
    if not message.HasField(field):
        return None
    value: Timestamp = getattr(message, field)
    return value.ToDatetime(tzinfo=UTC)


def fraction(value: float) -> float:
    """Return a 32-bit float without the digits that only its conversion to 64 bits added."""
    return float(f"{value:.6g}")
