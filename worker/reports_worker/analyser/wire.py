"""The messages between a worker and its analysis process: JSON, so that nothing that comes back can run.

A process that has just started sends `Ready`, or `Unusable` with the reason. The worker then sends a `Request` and the
content. The process answers with a `Step` each time one begins, and in the end with `Done`, `Refused`, `OutOfMemory` or
`Failed`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from typing import Any

from reports_core.domain import analysis
from reports_worker.processor import Analysed, Passage

_MAX_MESSAGE_BYTES = 64 * 1024 * 1024


class ProtocolError(Exception):
    """The other side sent what it never should."""


@dataclass(frozen=True, slots=True)
class Ready:
    """The process can analyse."""


@dataclass(frozen=True, slots=True)
class Unusable:
    """The process can never analyse, and why."""

    message: str


@dataclass(frozen=True, slots=True)
class Request:
    """Asks for an analysis; the content follows as a message of its own."""

    report_type: str
    with_narrative: bool


@dataclass(frozen=True, slots=True)
class Step:
    """A step of the report begins."""

    step: str
    fraction: float


@dataclass(frozen=True, slots=True)
class Refused:
    """The document cannot be analysed."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class OutOfMemory:
    """The process reached its limit and could still say so."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The processor raised what it should not; the traceback is in the log."""

    error: str


@dataclass(frozen=True, slots=True)
class Done:
    """The analysis, and the memory that it took at its peak."""

    analysed: Analysed
    peak_bytes: int


Message = Ready | Unusable | Request | Step | Refused | OutOfMemory | Failed | Done

_KINDS: dict[str, type[Any]] = {
    kind.__name__: kind for kind in (Ready, Unusable, Request, Step, Refused, OutOfMemory, Failed)
}


def send(connection: Connection, message: Message) -> None:
    """Send a message; raises OSError when nobody is there to receive it."""
    connection.send_bytes(json.dumps([type(message).__name__, asdict(message)]).encode())


def receive(connection: Connection) -> Message:
    """Return the next message, of which there must be one. Raises EOFError, OSError and ProtocolError."""
    data = connection.recv_bytes(_MAX_MESSAGE_BYTES)
    try:
        name, fields = json.loads(data)
        message: Message = _done(fields) if name == Done.__name__ else _KINDS[name](**fields)
    except (ValueError, KeyError, TypeError) as error:
        raise ProtocolError(f"a message of {len(data):,} bytes is malformed") from error
    return message


def _done(fields: Mapping[str, Any]) -> Done:
    analysed = fields["analysed"]
    narrative = tuple(Passage(**passage) for passage in analysed["narrative"])
    return Done(Analysed(analysis.from_document(analysed["analysis"]), narrative), int(fields["peak_bytes"]))
