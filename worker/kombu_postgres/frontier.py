"""Where a consumer's next claim begins: behind what it has claimed already."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

_URGENCY_BITS = 59
_LAST = 2**63 - 1
_SHARE = 0.02
_FULL_LOOK_SECONDS = 1.0


class Frontier:
    """The position of the last message claimed, by queue and priority.

    Rows of messages that are done stay in the index until they are vacuumed, and a single old transaction anywhere in
    the database prevents that for as long as it lasts. A claim that began at the start of its queue would wade
    through all of them, so it begins here. What stands before the frontier, because it was put back or because its
    transaction committed late, is found by a full look: one a second, or fewer when they are slow. They get a fiftieth
    of the time.
    """

    def __init__(self) -> None:
        self._positions: dict[str, dict[int, int]] = {}
        self._looked_at = float("-inf")
        self._rest_until = float("-inf")
        self._seconds = 0.0

    def full_look_wanted(self, *, urgently: bool) -> bool:
        """Tell whether the next claim should look at everything; `urgently`, if there is time for it at all."""
        now = time.monotonic()
        return now >= self._rest_until and (urgently or now >= self._looked_at + _FULL_LOOK_SECONDS)

    def looked(self, seconds: float) -> None:
        """Note that a full look took so long; a single slow one may have other reasons."""
        self._looked_at = time.monotonic()
        self._rest_until = self._looked_at + min(seconds, self._seconds) / _SHARE
        self._seconds = seconds

    def rest_seconds(self) -> float:
        """Return how long there is no time for a full look."""
        return max(0.0, self._rest_until - time.monotonic())

    def ranges(self, queues: Sequence[str], *, full: bool) -> tuple[list[str], list[int], list[int]]:
        """Return the ranges of positions to look at, the most urgent first: queues, starts, and ends (excluded).

        They are split where a priority begins that any of the queues had, so that none is served out of turn.
        """
        if full:
            return list(queues), [0] * len(queues), [_LAST] * len(queues)
        starts = sorted({0, *(u << _URGENCY_BITS for queue in queues for u in self._positions.get(queue, {}))})
        found = [
            (queue, max(start, self._positions.get(queue, {}).get(start >> _URGENCY_BITS, 0)), end)
            for start, end in zip(starts, [*starts[1:], _LAST], strict=True)
            for queue in queues
        ]
        return [queue for queue, _, _ in found], [low for _, low, _ in found], [high for _, _, high in found]

    def advance(self, claimed: Iterable[tuple[str, int]]) -> None:
        """Move to what was claimed, in the order of claiming: queue and position of each message."""
        for queue, position in claimed:
            self._positions.setdefault(queue, {})[position >> _URGENCY_BITS] = position

    def forget(self) -> None:
        """Begin at the start again: something was put back."""
        self._positions.clear()
