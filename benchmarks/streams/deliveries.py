"""What watchers received: each message once, with the times at which it arrived."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field

from fna.reports.v1.batch_pb2 import BatchEvent
from fna.reports.v1.batch_status_service_pb2 import WatchBatchResponse

_STORED = frozenset({"status_changed", "item_changed", "items_changed"})


@dataclass(slots=True)
class Delivery:
    """A message with stored events, the sequences `first` to `last`, and when each watcher had it, in nanoseconds."""

    first: int
    last: int
    size: int
    arrivals: array[int] = field(default_factory=lambda: array("q"))


@dataclass(frozen=True, slots=True)
class Taken:
    """What all watchers received in a stretch of time.

    `silences` are the nanoseconds of silence before each heartbeat, `waiting` those since the last message of each
    watcher, and `faults` tell of events that were missing, came twice, or of streams that ended.
    """

    deliveries: list[Delivery]
    silences: array[int]
    waiting: array[int]
    faults: list[str]


class OutOfOrder(Exception):
    """The events of one message do not follow on each other."""


def stored(event: BatchEvent) -> bool:
    """Tell whether an event is part of the history of its batch."""
    return event.WhichOneof("event") in _STORED


def read(data: bytes) -> Delivery | int:
    """Return what a message delivers, or the sequence that it repeats when nothing in it is stored."""
    events = WatchBatchResponse.FromString(data).events
    sequences = [event.sequence for event in events if stored(event)]
    if not sequences:
        return int(events[-1].sequence)
    first, last = sequences[0], sequences[-1]
    if sequences != list(range(first, last + 1)):
        raise OutOfOrder(f"a message has the events {sequences}")
    return Delivery(first, last, len(data))
