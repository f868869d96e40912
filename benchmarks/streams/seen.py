"""What one watcher has seen of a history: in order, without gaps, and exactly what."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from benchmarks.streams.deliveries import stored
from fna.reports.v1.batch_pb2 import BatchEvent


@dataclass(frozen=True, slots=True)
class Reading:
    """The events after `after` up to `last`, by their digest; `faults` of them did not follow on the one before.

    `interruptions` are the reasons for which the stream was opened again.
    """

    after: int
    last: int
    digest: str
    faults: int
    interruptions: tuple[str, ...] = ()

    def equals(self, other: Reading) -> bool:
        """Whether both saw exactly the same events."""
        return not self.faults and (self.after, self.last, self.digest) == (other.after, other.last, other.digest)


class Seen:
    """Follows the events of one watcher."""

    def __init__(self, after: int) -> None:
        self.last = self._after = after
        self._faults = 0
        self._digest = hashlib.sha256()
        self.interruptions: list[str] = []

    def take(self, events: Iterable[BatchEvent]) -> None:
        """Note events; what is not stored may be lost or come twice and does not count."""
        for event in events:
            if not stored(event):
                continue
            if event.sequence != self.last + 1:
                self._faults += 1
            self.last = event.sequence
            self._digest.update(event.SerializeToString(deterministic=True))

    def reading(self) -> Reading:
        """Return what was seen so far."""
        return Reading(self._after, self.last, self._digest.hexdigest(), self._faults, tuple(self.interruptions))
