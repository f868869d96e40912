"""Waits until a condition holds, with a deadline."""

import time
from collections.abc import Callable

_POLL_SECONDS = 0.02


def holds_within(condition: Callable[[], object], seconds: float) -> bool:
    """Ask the condition again and again; whether it became true within `seconds`. What it raises passes through."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True
