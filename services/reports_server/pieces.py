"""Events as they stand in the messages of a stream, serialised once for all its readers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from fna.reports.v1 import batch_pb2
from fna.reports.v1.batch_status_service_pb2 import WatchBatchResponse
from reports_core.storage.records import Event
from reports_server import mapping

MOST_BYTES = 256 * 1024
"""Size up to which events are put into one message; clients refuse one of more than 4 MiB."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One stored event.

    `data` is a message of a stream that has only this event. Protobuf merges messages that follow each other, so
    several of them in a row are one message with all the events. `ends` is the execution whose last event it is, and
    `statuses` has those of the batch before and after it, or is empty when nobody knows.
    """

    sequence: int
    data: bytes
    about_items: bool
    ends: UUID | None
    statuses: frozenset[str]
    xact: int

    @classmethod
    def of(cls, batch_id: UUID, event: Event) -> Piece:
        changed = event.kind == "STATUS_CHANGED"
        ends = UUID(event.data["batch"]["task_id"]) if changed and event.data["final"] else None
        before = event.data["previous_status"] if changed else None
        return cls(
            sequence=event.sequence,
            data=serialise([mapping.event_message(str(batch_id), event)]),
            about_items=not changed,
            ends=ends,
            statuses=frozenset(status for status in (event.status, before) if event.status and status),
            xact=event.xact,
        )


def serialise(events: Iterable[batch_pb2.BatchEvent]) -> bytes:
    """Return a message with these events; both kinds of streams have them in the same field."""
    return WatchBatchResponse(events=events).SerializeToString()


def portion(pieces: Sequence[Piece]) -> Sequence[Piece]:
    """Return the first of these events that together fit into a message; at least one."""
    size = 0
    for index, piece in enumerate(pieces):
        size += len(piece.data)
        if index and size > MOST_BYTES:
            return pieces[:index]
    return pieces


def join(pieces: Iterable[Piece], *, exclude_items: bool) -> bytes:
    """Return one message with all of these events; empty when there are none."""
    return b"".join(piece.data for piece in pieces if not (exclude_items and piece.about_items))
