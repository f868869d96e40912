"""Tells on standard error how far a measurement is, now and then."""

from __future__ import annotations

import sys
import time

_EVERY_SECONDS = 10.0


class Progress:
    """The progress of one measurement."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._told_at = float("-inf")

    def tell(self, text: str) -> None:
        """Print how far it is, unless that was done a moment ago."""
        if time.monotonic() >= self._told_at + _EVERY_SECONDS:
            self._told_at = time.monotonic()
            print(f"{self._name}: {text}", file=sys.stderr, flush=True)
