"""The sweep: repairs what crashes leave behind, so that nothing accepted stays undone.

Every worker's parent and every server sweeps on a timer, one at a time in the whole system. It needs no free worker
and no message, since it repairs just those.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar
from uuid import UUID

from kombu.exceptions import OperationalError as BrokerError
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from reports_core.storage import attempts, dispatch, events, items, results
from reports_core.storage.queue import Queue

logger = logging.getLogger(__name__)

T = TypeVar("T")

# Any constant will do, as long as every release uses the same one.
_TRY_LOCK = text("SELECT pg_try_advisory_xact_lock(7305311940287165)")

DISPATCH_GRACE = timedelta(seconds=5)
"""How old an execution may get before the sweeper looks for its message."""
DELIVERY_GRACE = timedelta(seconds=15)
"""How long a message may be on its way from the queue to the claim of its item."""
RESULT_EXPIRES = timedelta(hours=1)
_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Swept:
    """What one sweep repaired."""

    executions_dispatched: int = 0
    attempts_ended: int = 0
    items_dispatched: int = 0
    batches_timed_out: int = 0

    def __bool__(self) -> bool:
        return any((self.executions_dispatched, self.attempts_ended, self.items_dispatched, self.batches_timed_out))


class Sweeper:
    """Sweeps one database; every repair is a short transaction of its own."""

    def __init__(self, engine: Engine, broker: Queue) -> None:
        self._engine = engine
        self._broker = broker

    def sweep(self) -> Swept | None:
        """Sweep once; None when another process is sweeping right now."""
        with self._engine.connect() as guard, guard.begin():
            if not guard.execute(_TRY_LOCK).scalar_one():
                return None
            swept = Swept(
                executions_dispatched=self._dispatch_executions(),
                attempts_ended=self._end_lost_attempts(),
                batches_timed_out=self._time_out(),
                items_dispatched=self._dispatch_items(),
            )
            self._expire()
        if swept:
            logger.info("sweep repaired %s", swept)
        return swept

    def _dispatch_executions(self) -> int:
        found = self._do(dispatch.undispatched, self._broker, grace=DISPATCH_GRACE, limit=_AT_ONCE)
        return sum(bool(self._repair(dispatch.dispatch_execution, task_id, self._broker)) for task_id in found)

    def _end_lost_attempts(self) -> int:
        keys = self._do(attempts.expired, limit=_AT_ONCE)
        changed = [ended.batch.batch_id for key in keys if (ended := self._end_lost(key))]
        self._announce(changed)
        return len(changed)

    def _end_lost(self, key: attempts.AttemptKey) -> attempts.Ended | None:
        logger.warning("attempt %d at item %d of batch %s lost its worker", key.attempt, key.position, key.batch_id)
        return self._repair(attempts.end_lost, key, self._broker)

    def _time_out(self) -> int:
        found = self._do(items.overdue, limit=_AT_ONCE)
        changed = [batch.batch_id for batch_id in found if (batch := self._repair(items.fail_overdue, batch_id))]
        self._announce(changed)
        return len(changed)

    def _dispatch_items(self) -> int:
        due = self._do(dispatch.due_retries, limit=_AT_ONCE)
        lost = self._do(dispatch.stuck, self._broker, grace=DELIVERY_GRACE)
        return sum(
            self._repair(dispatch.dispatch_items, batch_id, positions, self._broker) or 0
            for found in (due, lost)
            for batch_id, positions in found.items()
        )

    def _expire(self) -> None:
        self._do(results.expire, RESULT_EXPIRES)
        self._do(self._broker.purge_delivered)

    def _announce(self, batch_ids: list[UUID]) -> None:
        if batch_ids:
            self._do(events.notify, batch_ids)

    def _repair(self, function: Callable[..., T], *args: object) -> T | None:
        """Do one repair; a failed one is logged and left to the next sweep, the others go on."""
        try:
            return self._do(function, *args)
        except (DBAPIError, BrokerError) as error:
            logger.warning("%s%s failed, the next sweep tries again: %s", function.__name__, args, error)
            return None

    def _do(self, function: Callable[..., T], *args: object, **kwargs: object) -> T:
        with self._engine.begin() as conn:
            result: T = function(conn, *args, **kwargs)
        return result
