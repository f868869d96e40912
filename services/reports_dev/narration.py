"""Tells a person what is happening, with the seconds since the command began."""

import sys
import time
from typing import TextIO


class Narration:
    """Prints lines to a stream, by default standard output, at once."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self._begin = time.monotonic()

    def step(self, text: str) -> None:
        """Tell what has just happened, or what is waited for."""
        self.line(f"{time.monotonic() - self._begin:5.1f} s  {text}")

    def line(self, text: str = "") -> None:
        """Tell something that has no time."""
        print(text, file=self._stream, flush=True)
