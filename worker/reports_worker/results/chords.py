"""Chords: counting the parts of a header in the database, and calling the body when all have returned."""

from __future__ import annotations

import logging
from typing import Any

from celery import states
from celery.canvas import maybe_signature
from celery.exceptions import ChordError
from celery.result import GroupResult, allow_join_result

from reports_worker.results import statements
from reports_worker.results.connections import Connections

logger = logging.getLogger(__name__)

# For a part without a place in its group.
_AT_THE_END = 2**31 - 1


class Chords:
    """The chords of one backend.

    The body is called once, by whoever returns the last part. If that process dies before it has, the part runs again
    (with late acknowledgement) and calls it. Twice it can be called only if the process, or its connection, ends
    between the call and the note of it, and the part runs again.
    """

    def __init__(self, backend: Any, connections: Connections) -> None:
        self._backend = backend
        self._connections = connections

    def start(self, group_id: str) -> None:
        """Begin a chord, before any of its header's tasks is sent."""
        self._execute(statements.START_CHORD, group_id)

    def set_size(self, group_id: str, size: int) -> None:
        """Say how many parts there are to return, before the last of them is sent."""
        self._execute(statements.SET_CHORD_SIZE, group_id, size=size)

    def add_part(self, group_id: str) -> None:
        """Await one part more."""
        self._execute(statements.ADD_TO_CHORD, group_id)

    def return_part(self, request: Any, state: str, encoded_result: str) -> None:
        """Note the result of a part; the last one calls the body, or its error callbacks if a part has failed."""
        (chord,) = self._execute(
            statements.RETURN_PART,
            request.group,
            position=_AT_THE_END if request.group_index is None else request.group_index,
            task_id=request.id,
            status=state,
            result=encoded_result,
        )
        if chord["complete"]:
            self._finish(request)

    def expire(self) -> None:
        """Delete the chords that were not completed in time, and what is left of others."""
        self._connections.execute(statements.EXPIRE_CHORDS)

    def _execute(self, statement: str, group_id: str, **parameters: Any) -> list[dict[str, Any]]:
        expires = self._backend.chord_expires
        return self._connections.execute(statement, group_id=group_id, expires=expires, **parameters)

    def _finish(self, request: Any) -> None:
        """Call the body under the lock of the chord's row, which ends with this process if need be."""
        called = False

        def finish() -> None:
            nonlocal called
            with self._connections.transaction() as execute:
                if not called and execute(statements.CLAIM_CHORD, group_id=request.group):
                    self._call(request)
                    called = True
                if called:
                    execute(statements.FINISH_CHORD, group_id=request.group)

        self._connections.insist(finish)

    def _call(self, request: Any) -> None:
        app = self._backend.app
        body = maybe_signature(request.chord, app=app)
        try:
            results = self._results(request.group)
        except ChordError as error:
            self._fail(request.group, body, error)
        except Exception as error:  # noqa: BLE001 - whatever a result does when it is read, its chord has to end
            self._fail(request.group, body, ChordError(f"Join error: {error!r}"))
        else:
            self._publish(request.group, body, results)

    def _publish(self, group_id: str, body: Any, results: list[Any]) -> None:
        try:
            self._backend.app.amqp._retry_publish(body.delay, results)  # noqa: SLF001 - as Celery's own backends do
        except Exception as error:  # noqa: BLE001 - of whatever broker; nobody else would end the chord
            self._fail(group_id, body, ChordError(f"Callback error: {error!r}"))

    def _fail(self, group_id: str, body: Any, error: ChordError) -> None:
        logger.error("chord %s failed: %s", group_id, error, exc_info=error)
        self._backend.chord_error_from_stack(body, error)

    def _results(self, group_id: str) -> list[Any]:
        app = self._backend.app
        header = GroupResult.restore(group_id, backend=self._backend, app=app)
        if header is None:
            return [self._unpack(**part) for part in self._connections.execute(statements.GET_PARTS, group_id=group_id)]
        # All parts have returned: nothing is left to wait for.
        header.on_ready()
        with allow_join_result():
            results: list[Any] = header.join_native(timeout=app.conf.result_chord_join_timeout, propagate=True)
        return results

    def _unpack(self, task_id: str, status: str, result: str) -> Any:
        value = self._backend.meta_from_decoded({"status": status, "result": self._backend.decode(result)})["result"]
        if status in states.PROPAGATE_STATES:
            raise ChordError(f"Dependency {task_id} raised {value!r}") from value
        return value
