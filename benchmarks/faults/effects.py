"""The record of all deliveries and effects, in a database that no fault touches."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self
from uuid import UUID

import psycopg2

_CREATE = """
    CREATE TABLE run (
        delivery uuid PRIMARY KEY,
        task_id uuid NOT NULL,
        number integer NOT NULL,
        redelivered boolean NOT NULL,
        worker text NOT NULL,
        pid integer NOT NULL,
        started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        ended_at timestamptz
    );
    CREATE INDEX ON run (task_id);
    CREATE TABLE effect (task_id uuid PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT clock_timestamp());
"""
_START = """
    INSERT INTO run (delivery, task_id, number, redelivered, worker, pid)
    SELECT %(delivery)s, %(task_id)s, count(*) + 1, %(redelivered)s, %(worker)s, %(pid)s
    FROM run WHERE task_id = %(task_id)s
"""
_END = "UPDATE run SET ended_at = clock_timestamp() WHERE delivery = %(delivery)s"
_APPLY = "INSERT INTO effect (task_id) VALUES (%(task_id)s) ON CONFLICT DO NOTHING"
_NOW = "SELECT clock_timestamp()"
_APPLIED = "SELECT count(*) FROM effect WHERE task_id = ANY(%(task_ids)s::uuid[])"
_RUNNING = "SELECT pid FROM run WHERE worker = %(worker)s AND ended_at IS NULL ORDER BY started_at"
_WORKERS = "SELECT DISTINCT worker FROM run WHERE task_id = ANY(%(task_ids)s::uuid[])"
_SUMMARY = """
    WITH task AS (
        SELECT task_id, bool_or(redelivered OR number > 1) AS again, count(ended_at) AS ended
        FROM run WHERE task_id = ANY(%(task_ids)s::uuid[]) GROUP BY task_id
    )
    SELECT
        (SELECT count(*) FROM task WHERE again),
        (SELECT count(*) FROM task WHERE ended > 1),
        (SELECT extract(epoch FROM min(started_at) - %(since)s)::float FROM run
         WHERE task_id = ANY(%(task_ids)s::uuid[]) AND (redelivered OR number > 1)),
        (SELECT extract(epoch FROM max(applied_at) - %(since)s)::float FROM effect
         WHERE task_id = ANY(%(task_ids)s::uuid[]))
"""


@dataclass(frozen=True, slots=True)
class Summary:
    """What happened to some tasks since a fault."""

    delivered_again: int
    """Tasks with a second start, or with a start that the broker calls a redelivery."""
    ended_twice: int
    """Tasks of which two deliveries came to their end, where the effect was refused the second time."""
    first_redelivery_seconds: float | None
    completion_seconds: float | None


class Effects:
    """One connection to the record, as the tasks and the observer of a fault use it."""

    def __init__(self, url: str) -> None:
        self._connection = psycopg2.connect(url)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def create(self) -> None:
        """Make the tables."""
        self._execute(_CREATE)

    def start(self, delivery: UUID, task_id: str, *, redelivered: bool, worker: str) -> None:
        """Record that a task starts in this process."""
        self._execute(
            _START,
            delivery=str(delivery),
            task_id=task_id,
            redelivered=redelivered,
            worker=worker,
            pid=os.getpid(),
        )

    def finish(self, delivery: UUID, task_id: str) -> None:
        """Record its end, and apply its effect unless an earlier delivery has."""
        self._execute(f"{_END}; {_APPLY}", delivery=str(delivery), task_id=task_id)

    def now(self) -> datetime:
        """Return the time of the clock that all records carry."""
        moment: datetime = self._execute(_NOW)[0][0]
        return moment

    def applied(self, task_ids: list[str]) -> int:
        """Count those tasks whose effect is there."""
        return int(self._execute(_APPLIED, task_ids=task_ids)[0][0])

    def running(self, worker: str) -> list[int]:
        """Return the processes of a worker that are in the middle of a task."""
        return [pid for (pid,) in self._execute(_RUNNING, worker=worker)]

    def workers(self, task_ids: list[str]) -> set[str]:
        """Return the workers that started any of the tasks."""
        return {worker for (worker,) in self._execute(_WORKERS, task_ids=task_ids)}

    def summary(self, task_ids: list[str], since: datetime) -> Summary:
        """Sum up what happened to the tasks."""
        return Summary(*self._execute(_SUMMARY, task_ids=task_ids, since=since)[0])

    def _execute(self, statement: str, **parameters: object) -> list[tuple[Any, ...]]:
        with self._connection, self._connection.cursor() as cursor:
            cursor.execute(statement, parameters)
            return cursor.fetchall() if cursor.description else []
