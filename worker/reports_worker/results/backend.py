"""Celery's result backend: what `result_backend` names."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from typing import Any

from celery import states
from celery.backends.asynchronous import AsyncBackendMixin
from celery.backends.base import Backend
from celery.exceptions import ImproperlyConfigured
from celery.result import GroupResult, result_from_tuple
from celery.utils.functional import _regen
from celery.utils.time import maybe_timedelta
from sqlalchemy import NullPool, create_engine, make_url

from reports_core.storage import results
from reports_worker.results import statements
from reports_worker.results.chords import Chords
from reports_worker.results.connections import Connections
from reports_worker.results.errors import DatabaseUnreachable
from reports_worker.results.waiting import ResultConsumer

_ENCODED = {"result", "children", "args", "kwargs"}

Meta = dict[str, Any]
"""A result as Celery's result classes read it: `task_id`, `status`, `result`, `traceback`, `children`, `date_done`."""


class PostgresqlBackend(AsyncBackendMixin, Backend):
    """One statement per result, waits without polling, chords without a task that polls; nothing is ever unpickled.

    Works on the tables of Celery's database backend, and makes them where they are missing.
    """

    supports_native_join = True

    def __init__(self, url: str | None = None, **kwargs: Any) -> None:
        super().__init__(expires_type=maybe_timedelta, url=url, **kwargs)
        if not url:
            raise ImproperlyConfigured("result_backend names no database: it must end in +postgresql://...")
        if self.serializer != "json":
            raise ImproperlyConfigured(f"results are JSON text: result_serializer cannot be {self.serializer!r}")
        self._is_extended = bool(self.app.conf.find_value_for_key("extended", "result"))
        options = self.app.conf.result_backend_transport_options
        self._connections = Connections(url, self.retry_policy | options.get("retry_policy", {}))
        self._chords = Chords(self, self._connections)
        self.result_consumer = ResultConsumer(self, self.app, self.accept, self._pending_results, self._connections)
        _backends.add(self)

    def __reduce__(self, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None) -> Any:
        return super().__reduce__(args, {"url": self.url, "expires": self.expires} | (kwargs or {}))

    def close(self) -> None:
        """Close the connections of this process; they are made again when needed."""
        self._connections.close()

    def after_fork(self) -> None:
        """Begin anew in a forked child: what the parent has is not touched."""
        self._connections.abandon()
        self.result_consumer._after_fork()  # noqa: SLF001 - Celery's name for what others call

    def exception_safe_to_retry(self, exc: Exception) -> bool:
        return isinstance(exc, DatabaseUnreachable)

    # --- Results

    def _store_result(
        self, task_id: str, result: Any, state: str, traceback: str | None = None, request: Any = None, **_: Any
    ) -> Any:
        children = self.current_task_children(request)
        self._connections.execute(
            statements.STORE_EXTENDED if self._is_extended else statements.STORE,
            task_id=task_id,
            status=state,
            result=self.encode(result),
            traceback=traceback and _storable(traceback),
            children=self.encode(children) if children else None,
            **(self._extension(request) if self._is_extended else {}),
        )
        return result

    def _get_task_meta_for(self, task_id: str) -> Meta:
        for meta in self._metas([task_id], self._connections.execute):
            return meta
        return {"task_id": task_id, "status": states.PENDING, "result": None}

    def read_metas(self, task_ids: Iterable[str]) -> Iterator[Meta]:
        """Yield what is stored of these results, trying once; raises DatabaseUnreachable."""
        return self._metas(task_ids, self._connections.attempt)

    def get_many(self, task_ids: Iterable[str], on_message: Callable[[Meta], object] | None = None, **_: Any) -> Any:
        """Yield ids and metas of the results that are ready; to wait for the others is the consumer's task."""
        unknown = []
        for task_id in task_ids:
            if self.is_cached(task_id):
                yield task_id, self._cache[task_id]
            else:
                unknown.append(task_id)
        for meta in self._metas(unknown, self._connections.execute):
            if meta["status"] in states.READY_STATES:
                self._cache[meta["task_id"]] = meta
                if on_message:
                    on_message(meta)
                yield meta["task_id"], meta

    def task_result_exists(self, task_id: str) -> bool:
        return any(True for _ in self._metas([task_id], self._connections.execute))

    def _forget(self, task_id: str) -> None:
        self._connections.execute(statements.FORGET, task_id=task_id)
        self.result_consumer.cancel_for(task_id)

    def _metas(self, task_ids: Iterable[str], execute: Callable[..., list[dict[str, Any]]]) -> Iterator[Meta]:
        wanted = [str(task_id) for task_id in task_ids]
        for row in execute(statements.GET, task_ids=wanted) if wanted else []:
            del row["id"]
            stamps = self._decoded(row.pop("stamps", None)) or {}
            decoded = {name: self._decoded(row[name]) for name in _ENCODED & row.keys()}
            yield self.meta_from_decoded(stamps | row | decoded)

    def _extension(self, request: Any) -> dict[str, Any]:
        """Return what `result_extended` stores beside a result."""
        meta = self._get_result_meta(None, states.PENDING, None, request)
        stamped_headers = meta.get("stamped_headers") or ()
        stamps = {name: meta[name] for name in ("stamped_headers", *stamped_headers) if name in meta}
        extension = {name: meta.get(name) for name in statements.EXTENDED_COLUMNS}
        encoded = {"args": extension["args"], "kwargs": extension["kwargs"], "stamps": stamps or None}
        return extension | {name: None if value is None else self.encode(value) for name, value in encoded.items()}

    def _decoded(self, payload: str | None) -> Any:
        return None if payload is None else self.decode(payload)

    # --- Groups

    def _save_group(self, group_id: str, result: Any) -> Any:
        encoded = self.encode(self.prepare_value(result))
        self._connections.execute(statements.SAVE_GROUP, group_id=group_id, result=encoded)
        return result

    def _restore_group(self, group_id: str) -> Meta | None:
        for row in self._connections.execute(statements.GET_GROUP, group_id=group_id):
            return row | {"result": result_from_tuple(self.decode(row["result"]), self.app)}
        return None

    def _delete_group(self, group_id: str) -> None:
        self._connections.execute(statements.DELETE_GROUP, group_id=group_id)

    # --- Chords

    @property
    def chord_expires(self) -> timedelta | None:
        """How long an incomplete chord is kept after its last sign of life; None for ever."""
        seconds = self.app.conf.get("result_chord_expires")
        return (self.expires if seconds is None else self.prepare_expires(seconds, maybe_timedelta)) or None

    def apply_chord(self, header_result_args: tuple[Any, ...], body: Any, **_: Any) -> None:
        group_id, header = header_result_args
        self._chords.start(group_id)
        # The body gets results in the shape of the header, which the flat list of parts does not tell. A generator has
        # to stay unread until its tasks are sent.
        if not isinstance(header, _regen) and any(isinstance(result, GroupResult) for result in header):
            self.app.GroupResult(group_id, header).save(backend=self)

    def set_chord_size(self, group_id: str, chord_size: int) -> None:
        self._chords.set_size(group_id, chord_size)

    def add_to_chord(self, chord_id: str, result: Any) -> None:
        self._chords.add_part(chord_id)

    def on_chord_part_return(self, request: Any, state: str, result: Any, **_: Any) -> None:
        if request.group and request.id:
            self._chords.return_part(request, state, self.encode(self.encode_result(result, state)))

    # --- Upkeep

    def cleanup(self) -> None:
        """Delete expired results; those of running executions never expire."""
        self._chords.expire()
        if not self.expires:
            return
        engine = create_engine(make_url(self.url).set(drivername="postgresql+psycopg2"), poolclass=NullPool)
        with engine.begin() as conn:
            results.expire(conn, self.expires)


def _storable(traceback: str) -> str:
    """Return a text that PostgreSQL takes: exceptions can hold anything."""
    return traceback.encode("utf-8", "backslashreplace").decode().replace("\0", r"\x00")


_backends: weakref.WeakSet[PostgresqlBackend] = weakref.WeakSet()


def _begin_anew_after_fork() -> None:
    for backend in _backends:
        backend.after_fork()


os.register_at_fork(after_in_child=_begin_anew_after_fork)
