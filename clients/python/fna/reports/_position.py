"""Where a watch stands in the history of its batch."""

from __future__ import annotations

from collections.abc import Sequence

from fna.reports.v1.batch_pb2 import BatchEvent

_UNSTORED = frozenset({"progress", "heartbeat"})


class Position:
    """Lets every event of a batch pass once, in order, however often the stream that brings them is cut.

    `last` is the sequence of the newest event that passed, None before the first one. `gap` is the sequence that came
    where `last + 1` should have, None while there was none; nothing passes after a gap until `resume` is called.
    """

    __slots__ = ("_gapless", "gap", "last")

    def __init__(self, last: int | None, *, gapless: bool = True) -> None:
        self.last = last
        self.gap: int | None = None
        self._gapless = gapless

    def take(self, events: Sequence[BatchEvent]) -> Sequence[BatchEvent]:
        """Return the events that are new, heartbeats left out, and move past them."""
        if self._all_pass(events):
            self.last = events[-1].sequence
            return events
        return [event for event in events if self.gap is None and self._passes(event)]

    def resume(self) -> None:
        """Continue after a gap, on a stream that starts at `last` again."""
        self.gap = None

    def restart(self) -> None:
        """Forget the position: the next event is the snapshot of a new beginning."""
        self.last = None
        self.gap = None

    def _all_pass(self, events: Sequence[BatchEvent]) -> bool:
        """Tell by its ends whether a message has nothing but the next stored events, as nearly all have.

        Looking at each would cost a fifth of what receiving it does. Sequences never fall, so n events from `last` + 1
        to `last` + n are those, unless the server left out as many as it put progress between, which it never does.
        """
        if self.last is None or self.gap is not None or not events:
            return False
        first, final = events[0], events[-1]
        return (
            first.sequence == self.last + 1
            and final.sequence == self.last + len(events)
            and first.WhichOneof("event") not in _UNSTORED
            and final.WhichOneof("event") not in _UNSTORED
        )

    def _passes(self, event: BatchEvent) -> bool:
        kind = event.WhichOneof("event")
        sequence = event.sequence
        if kind == "progress":
            return True  # Not part of the history: it repeats a sequence and moves nothing.
        if kind == "heartbeat":
            self._hear(sequence)
            return False
        if self.last is not None:
            if sequence <= self.last:
                return False
            if sequence != self.last + 1 and self._gapless and kind != "snapshot":
                self.gap = sequence
                return False
        self.last = sequence
        return True

    def _hear(self, sequence: int) -> None:
        """Note the sequence of a heartbeat: a later one than `last` says that events were left out, or were lost."""
        if self.last is None or sequence <= self.last:
            return
        if self._gapless:
            self.gap = sequence
        else:
            self.last = sequence
