"""What tasks write down about their executions, for the benchmark to read while they run."""

from __future__ import annotations

import os
import struct
from dataclasses import astuple, dataclass
from functools import cache
from pathlib import Path

_FORMAT = struct.Struct("<ddd")


@dataclass(frozen=True, slots=True)
class Execution:
    """When a task was published, began and ended; `time.monotonic()` is one clock for all processes of a machine."""

    published_at: float
    began_at: float
    ended_at: float


def append(path: str, execution: Execution) -> None:
    """Add one execution; several processes may do so at the same time."""
    os.write(_appending(path), _FORMAT.pack(*astuple(execution)))


@cache
def _appending(path: str) -> int:
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)


def count(path: Path) -> int:
    """Count the executions so far without reading them."""
    return path.stat().st_size // _FORMAT.size if path.exists() else 0


def read(path: Path) -> list[Execution]:
    """Return the executions so far, in the order in which they ended."""
    return [Execution(*times) for times in _FORMAT.iter_unpack(path.read_bytes())] if path.exists() else []
