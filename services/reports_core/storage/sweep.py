"""The sweep: repairs what crashes leave behind, so that nothing accepted stays undone.

Every worker's parent and every server sweeps on a timer, one at a time in the whole system. It needs no free worker
and no message, since it repairs just those.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import astuple, dataclass
from datetime import timedelta
from typing import TypeVar
from uuid import UUID

from kombu.exceptions import OperationalError as BrokerError
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from reports_core.storage import (
    attempts,
    cancellation,
    compaction,
    dispatch,
    events,
    items,
    model_answers,
    outcomes,
    results,
    webhooks,
)
from reports_core.storage.endings import AttemptKey, Ended
from reports_core.storage.engine import frugal_engine
from reports_core.storage.queue import Queue
from reports_core.storage.transactions import transaction

logger = logging.getLogger(__name__)

T = TypeVar("T")

# Whatever a sweep may repair belongs to an open execution, or is a webhook that is due; results and groups expire,
# histories are compacted. Of these only the oldest is looked at: PostgreSQL takes many for due, and would read the
# whole table to find any of them.
_HAS_WORK = text("""
    SELECT EXISTS (SELECT FROM batch_executions WHERE processed_at IS NULL)
        OR EXISTS (SELECT FROM celery_taskmeta WHERE status IN ('SUCCESS', 'FAILURE', 'REVOKED')
            AND date_done < timezone('utc', now()) - :expires)
        OR EXISTS (SELECT FROM celery_tasksetmeta WHERE date_done < timezone('utc', now()) - :expires)
        OR EXISTS (SELECT FROM webhook_deliveries WHERE status IN ('PENDING', 'RETRYING') AND next_attempt_at <= now())
        OR coalesce((SELECT min(processed_at) FROM batches WHERE compacted_at IS NULL) < now() - :retention, false)
""")
# Any constant will do, as long as every release uses the same one.
_TRY_LOCK = text("SELECT pg_try_advisory_xact_lock(7305311940287165)")

DISPATCH_GRACE = timedelta(seconds=5)
"""How old an execution may get before the sweeper looks for its message; where it has none, it is not waited for."""
DELIVERY_GRACE = timedelta(seconds=15)
"""How long a message may be on its way from the queue to the claim of its item."""
OUTCOME_GRACE = timedelta(seconds=3)
"""How long an outcome may wait to be applied, before its finisher counts as dead."""
RESULT_EXPIRES = timedelta(hours=1)
MODEL_ANSWERS_EXPIRE = timedelta(days=30)
"""How long a model's answer is kept; it goes with the first sweep after that which has anything else to do."""
WEBHOOKS_EXPIRE = timedelta(days=30)
"""How long a delivery is kept; it goes with the first sweep after that which has anything else to do."""
_AT_ONCE = 200
_STUCK_AT_ONCE = 2_000
# A sweep must not keep the next one waiting: it deletes few events in one transaction, and not many in all.
_EVENTS_AT_ONCE = 5_000
_EVENTS_PER_SWEEP = 20_000


@dataclass(frozen=True, slots=True)
class Swept:
    """What one sweep repaired and tidied up."""

    executions_dispatched: int = 0
    batches_settled: int = 0
    attempts_ended: int = 0
    attempts_cancelled: int = 0
    items_dispatched: int = 0
    batches_timed_out: int = 0
    histories_compacted: int = 0
    webhooks_dispatched: int = 0

    def __bool__(self) -> bool:
        return any(astuple(self))


class Sweeper:
    """Sweeps one database; every repair is a short transaction of its own.

    Items that wait for their messages are looked at by and by, some at each sweep: there may be very many.
    """

    def __init__(self, engine: Engine, broker: Queue, *, event_retention: timedelta) -> None:
        self._engine = engine
        self._broker = broker
        self._event_retention = event_retention
        self._lookout = frugal_engine(engine)
        self._stuck_from = dispatch.FIRST

    def sweep(self) -> Swept | None:
        """Sweep once, which costs one statement when nothing is open; None when another process sweeps right now."""
        if not self._has_work():
            return Swept()
        with self._engine.connect() as guard, guard.begin():
            if not guard.execute(_TRY_LOCK).scalar_one():
                return None
            swept = Swept(
                executions_dispatched=self._dispatch_executions(),
                batches_settled=self._apply_outcomes(),
                attempts_ended=self._end_lost_attempts(),
                attempts_cancelled=self._end_stragglers(),
                batches_timed_out=self._time_out(),
                items_dispatched=self._dispatch_items(),
                histories_compacted=self._compact(),
                webhooks_dispatched=self._dispatch_webhooks(),
            )
            self._expire()
        if swept:
            logger.info("sweep repaired %s", swept)
        return swept

    def close(self) -> None:
        """Close the connection that it keeps beside those of its engine."""
        self._lookout.dispose()

    def _has_work(self) -> bool:
        try:
            return self._look()
        except DBAPIError as error:
            if not error.connection_invalidated:
                raise
            # It broke since the last sweep: databases restart.
            return self._look()

    def _look(self) -> bool:
        with self._lookout.connect() as conn:
            kept = {"expires": RESULT_EXPIRES, "retention": self._event_retention}
            return bool(conn.execute(_HAS_WORK, kept).scalar_one())

    def _dispatch_executions(self) -> int:
        grace = DISPATCH_GRACE if self._broker.transactional else timedelta(0)
        found = self._do(dispatch.undispatched, self._broker, grace=grace, limit=_AT_ONCE)
        return sum(bool(self._repair(dispatch.dispatch_execution, task_id, self._broker)) for task_id in found)

    def _apply_outcomes(self) -> int:
        found = self._do(outcomes.abandoned, grace=OUTCOME_GRACE, limit=_AT_ONCE)
        changed = [batch_id for batch_id in found if self._repair(outcomes.lock, batch_id, self._broker)]
        self._announce(changed)
        return len(changed)

    def _end_lost_attempts(self) -> int:
        keys = self._do(attempts.expired, limit=_AT_ONCE)
        changed = [ended.batch.batch_id for key in keys if (ended := self._end_lost(key))]
        self._announce(changed)
        return len(changed)

    def _end_lost(self, key: AttemptKey) -> Ended | None:
        logger.warning("attempt %d at item %d of batch %s lost its worker", key.attempt, key.position, key.batch_id)
        return self._repair(attempts.end_lost, key, self._broker)

    def _end_stragglers(self) -> int:
        keys = self._do(cancellation.stragglers, grace=cancellation.SWEEP_GRACE, limit=_AT_ONCE)
        changed = [ended.batch.batch_id for key in keys if (ended := self._repair(attempts.end_cancelled, key))]
        self._announce(changed)
        return len(changed)

    def _time_out(self) -> int:
        found = self._do(items.overdue, limit=_AT_ONCE)
        changed = [batch.batch_id for batch_id in found if (batch := self._repair(items.fail_overdue, batch_id))]
        self._announce(changed)
        return len(changed)

    def _dispatch_items(self) -> int:
        due = self._do(dispatch.due_retries, limit=_AT_ONCE)
        stuck = self._do(
            dispatch.stuck, self._broker, grace=DELIVERY_GRACE, after=self._stuck_from, limit=_STUCK_AT_ONCE
        )
        self._stuck_from = stuck.next
        return sum(
            self._repair(dispatch.dispatch_items, batch_id, positions, self._broker) or 0
            for found in (due, stuck.positions)
            for batch_id, positions in found.items()
        )

    def _compact(self) -> int:
        compacted, room = 0, _EVENTS_PER_SWEEP
        for batch_id in self._do(compaction.due, self._event_retention, limit=_AT_ONCE):
            self._repair(compaction.withdraw, batch_id, self._event_retention)
            while room > 0 and (deleted := self._repair(compaction.delete, batch_id, _EVENTS_AT_ONCE)):
                room -= deleted
            compacted += bool(self._repair(compaction.conclude, batch_id))
            if room <= 0:
                break
        return compacted

    def _dispatch_webhooks(self) -> int:
        found = self._do(webhooks.due, self._broker, grace=DELIVERY_GRACE, limit=_AT_ONCE)
        return (self._repair(webhooks.dispatch, found, self._broker) or 0) if found else 0

    def _expire(self) -> None:
        self._do(results.expire, RESULT_EXPIRES)
        self._do(model_answers.expire, MODEL_ANSWERS_EXPIRE)
        self._do(webhooks.expire, WEBHOOKS_EXPIRE)

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
        with transaction(self._engine) as conn:
            result: T = function(conn, *args, **kwargs)
        return result
