"""Several writers of one batch, and when each of its events was committed."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self, TypeVar
from uuid import UUID

import psycopg2

from benchmarks.streams.child import Child
from benchmarks.streams.writer import Change, Writer
from reports_core.storage.records import Batch

T = TypeVar("T")

# Time for all writers to have heard when to begin.
_BEGIN_SECONDS = 0.1
_STORED = """
    SELECT sequence, (data -> 'item' ->> 'position')::int, xact::text FROM batch_events
    WHERE batch_id = %s AND kind = 'ITEM_CHANGED' AND data -> 'item' ->> 'status' = 'COMPLETED' ORDER BY sequence
"""
_NEWEST = "SELECT max(sequence) FROM batch_events WHERE batch_id = %s"


@dataclass(frozen=True, slots=True)
class Completion:
    """The stored event of a finished item, and the transaction that wrote it."""

    sequence: int
    position: int
    xact: str


def committed(changes: Iterable[Change], completions: Sequence[Completion]) -> dict[int, int]:
    """Return when each event was committed, by sequence.

    Outcomes that come together are applied by one of their writers, and the others learn of it later: the first to know
    of a transaction is the one that committed it.
    """
    known = {change.position: change.committed_at for change in changes}
    firsts: dict[str, int] = {}
    for completion in completions:
        if (at := known.get(completion.position)) is not None:
            firsts[completion.xact] = min(at, firsts.get(completion.xact, at))
    return {c.sequence: firsts[c.xact] for c in completions if c.position in known}


class Writers:
    """So many processes that write, while the context is entered; they take turns."""

    def __init__(self, url: str, count: int) -> None:
        self._url = url
        self._children = [Child(Writer, url) for _ in range(count)]
        self._resources = contextlib.ExitStack()

    def __enter__(self) -> Self:
        for child in self._children:
            self._resources.enter_context(child)
        self._connection = psycopg2.connect(self._url)
        self._resources.callback(self._connection.close)
        self._connection.autocommit = True
        return self

    def __exit__(self, *_: object) -> None:
        self._resources.close()

    def submit(self, reports: int) -> Batch:
        """Submit a batch of so many new reports."""
        return self._children[0].ask(Writer.submit, reports)

    def claim(self, batch: Batch, positions: Sequence[int]) -> None:
        """Start an attempt at each of these items, as fast as possible."""
        shares = self._shares(positions)
        waits = [
            child.begin(Writer.claim, batch.batch_id, batch.task_id, share)
            for child, share in zip(self._children, shares, strict=True)
        ]
        for wait in waits:
            wait()

    def finish(self, batch: Batch, offsets: Sequence[float]) -> dict[int, int]:
        """Finish one of the claimed items at each of these times; return when each event was committed, by sequence."""
        begin = time.monotonic() + _BEGIN_SECONDS
        shares = self._shares(offsets)
        waits = [child.begin(Writer.finish, begin, share) for child, share in zip(self._children, shares, strict=True)]
        changes = [change for wait in waits for change in wait()]
        return committed(changes, self._completions(batch.batch_id))

    def newest(self, batch: Batch) -> int:
        """Return the sequence of the newest event of a batch."""
        with self._connection.cursor() as cursor:
            cursor.execute(_NEWEST, (str(batch.batch_id),))
            return int(cursor.fetchall()[0][0])

    def _shares(self, values: Sequence[T]) -> list[list[T]]:
        return [list(values[number :: len(self._children)]) for number in range(len(self._children))]

    def _completions(self, batch_id: UUID) -> list[Completion]:
        with self._connection.cursor() as cursor:
            cursor.execute(_STORED, (str(batch_id),))
            return [Completion(*row) for row in cursor.fetchall()]
