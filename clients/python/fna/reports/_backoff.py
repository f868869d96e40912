"""How long to wait before trying again."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta

_INITIAL_SECONDS = 0.1
# Small enough that a server that was restarted is found again within about a second.
_LONGEST_SECONDS = 1.0


class Backoff:
    """Waits that double from 0.1 s to 1 s, each shortened at random by up to half.

    The randomness keeps many clients of one server from coming back at the same moment. `fraction` returns a number
    from 0 to 1.
    """

    def __init__(self, fraction: Callable[[], float] = random.random) -> None:
        self._fraction = fraction
        self._bound = _INITIAL_SECONDS

    def reset(self) -> None:
        """Start again with the shortest wait, since something worked."""
        self._bound = _INITIAL_SECONDS

    def wait(self, retry_delay: timedelta | None) -> float:
        """Return the seconds to wait next: never less than the server asked for in `retry_delay`."""
        seconds = self._bound * (1 - self._fraction() / 2)
        self._bound = min(self._bound * 2, _LONGEST_SECONDS)
        return seconds if retry_delay is None else retry_delay.total_seconds() + seconds
