"""Celery's result backend on PostgreSQL: its own tables and names, results as JSON text that psql shows."""

from __future__ import annotations

import os
from functools import cached_property
from typing import Any

from celery import states
from celery.backends.base import BaseBackend
from celery.result import result_from_tuple
from celery.utils.time import maybe_timedelta
from sqlalchemy import Engine, Row, TextClause, create_engine, text

from reports_core.storage import results

# Like Celery's own backends: a result that was stored stays, a repeated run of the task does not replace it.
_STORE = text("""
    INSERT INTO celery_taskmeta (task_id, status, result, traceback, children, date_done)
    VALUES (:task_id, :status, :result, :traceback, :children, timezone('utc', now()))
    ON CONFLICT (task_id) DO UPDATE SET status = excluded.status, result = excluded.result,
        traceback = excluded.traceback, children = excluded.children, date_done = excluded.date_done
    WHERE celery_taskmeta.status <> 'SUCCESS'
""")
_GET = text("SELECT * FROM celery_taskmeta WHERE task_id = :task_id")
_FORGET = text("DELETE FROM celery_taskmeta WHERE task_id = :task_id")
_SAVE_GROUP = text("""
    INSERT INTO celery_tasksetmeta (taskset_id, result, date_done) VALUES (:group_id, :result, timezone('utc', now()))
    ON CONFLICT (taskset_id) DO UPDATE SET result = excluded.result, date_done = excluded.date_done
""")
_GET_GROUP = text("SELECT * FROM celery_tasksetmeta WHERE taskset_id = :group_id")
_DELETE_GROUP = text("DELETE FROM celery_tasksetmeta WHERE taskset_id = :group_id")


class BatchNotSuccessful(Exception):
    """What `AsyncResult.get()` raises for an execution in which no report succeeded."""


class PostgresqlBackend(BaseBackend):
    """One statement per result, and nothing is ever unpickled.

    The tables come with the application's migrations.
    """

    subpolling_interval = 0.5

    def __init__(self, url: str | None = None, **kwargs: Any) -> None:
        super().__init__(expires_type=maybe_timedelta, url=url, **kwargs)

    def _store_result(
        self, task_id: str, result: Any, state: str, traceback: str | None = None, request: Any = None, **_: Any
    ) -> Any:
        children = self.current_task_children(request)
        self._execute(
            _STORE,
            task_id=task_id,
            status=state,
            result=self.encode(result),
            traceback=traceback,
            children=self.encode(children) if children else None,
        )
        return result

    def _get_task_meta_for(self, task_id: str) -> dict[str, Any]:
        row = self._execute(_GET, task_id=task_id)
        if row is None:
            return {"task_id": task_id, "status": states.PENDING, "result": None}
        meta: dict[str, Any] = self.meta_from_decoded(
            {
                "task_id": row.task_id,
                "status": row.status,
                "result": self._decoded(row.result),
                "traceback": row.traceback,
                "children": self._decoded(row.children),
                "date_done": row.date_done,
            }
        )
        return meta

    def _forget(self, task_id: str) -> None:
        self._execute(_FORGET, task_id=task_id)

    def _save_group(self, group_id: str, result: Any) -> Any:
        self._execute(_SAVE_GROUP, group_id=group_id, result=self.encode(self.prepare_value(result)))
        return result

    def _restore_group(self, group_id: str) -> dict[str, Any] | None:
        row = self._execute(_GET_GROUP, group_id=group_id)
        if row is None:
            return None
        result = result_from_tuple(self.decode(row.result), self.app)
        return {"taskset_id": row.taskset_id, "result": result, "date_done": row.date_done}

    def _delete_group(self, group_id: str) -> None:
        self._execute(_DELETE_GROUP, group_id=group_id)

    def cleanup(self) -> None:
        """Delete expired results; those of running executions never expire."""
        with self._engines[os.getpid()].begin() as conn:
            results.expire(conn, self.expires)

    def _decoded(self, payload: str | None) -> Any:
        return None if payload is None else self.decode(payload)

    def _execute(self, statement: TextClause, **parameters: Any) -> Row[Any] | None:
        with self._engines[os.getpid()].begin() as conn:
            result = conn.execute(statement, parameters)
            return result.one_or_none() if result.returns_rows else None

    @cached_property
    def _engines(self) -> _Engines:
        return _Engines(self.url)


class _Engines(dict[int, Engine]):
    """One engine per process: a forked child must not use the connections of its parent."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url

    def __missing__(self, pid: int) -> Engine:
        engine = create_engine(self._url, pool_size=2, pool_pre_ping=True)
        self[pid] = engine
        return engine
