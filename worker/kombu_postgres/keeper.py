"""Keeps a consumer's claims alive, and gives back those of consumers that are gone.

A thread with a connection of its own: it goes on while the consumer's thread runs a task for hours (solo pool) or waits
for a connection.
"""

from __future__ import annotations

import logging
import os
import select
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kombu_postgres import database, statements
from kombu_postgres.database import Connection, execute
from kombu_postgres.doorbell import Doorbell
from kombu_postgres.options import Options
from kombu_postgres.pooler import refuse_pooler
from kombu_postgres.publishing import Wakeup
from kombu_postgres.vacuum import Vacuum

logger = logging.getLogger(__name__)

_SECOND_LOOK_SECONDS = 0.5
"""How long a session must have ended for its consumer to count as gone: a terminated one is back much sooner."""
_RECONNECT_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Identity:
    """A registered consumer: owner of claims, and the channel on which it is notified."""

    consumer_id: int
    channel: str


class Keeper:
    """Holds the session lock and the lease of one consumer.

    `ring` is called from the keeper's thread when the consumer should look: at `lost`, at `returned`, or into its
    queues.
    """

    def __init__(self, parameters: Mapping[str, Any], options: Options, ring: Callable[[], None]) -> None:
        self._parameters = parameters
        self._options = options
        self._ring = ring
        self._lock = threading.RLock()
        self._stopped = False
        self._bell = Doorbell()
        self._conn: Connection | None = None
        self._thread: threading.Thread | None = None
        self._identity: Identity | None = None
        self._queues: list[str] = []
        self._streams: list[str] = []
        self._shown_alive = False
        self._silent_since: dict[int, float] = {}
        self._judges_from = 0.0
        self._vacuum = Vacuum(parameters, options.vacuum_after_rows)
        self._complained = False
        self.waiting = False
        """Set by the consumer: it waits, so that something overlooked would wait as well."""
        self.lost = False
        """The consumer was declared lost, its claims are no longer its own."""
        self.returned = False
        """Messages were put back into the queue; the consumer sets this to False when it has looked."""

    def register(self, queues: Sequence[str], streams: Sequence[str]) -> Identity:
        """Make a new consumer of these queues, and of these that are read without acknowledgement; raises ERRORS."""
        with self._lock:
            self._queues, self._streams = list(queues), list(streams)
            if not database.lives(self._conn):
                self._connect(grace=self._thread is not None)
            self._identity = self._insert()
            self._shown_alive = True
            self.lost = False
            if self._thread is None:
                self._thread = threading.Thread(target=self._patrol_until_stopped, name="kombu-postgres", daemon=True)
                self._thread.start()
            return self._identity

    def subscribe(self, queues: Sequence[str], streams: Sequence[str]) -> None:
        """Change what the consumer is notified of; without a connection, as soon as there is one."""
        with self._lock:
            if (list(queues), list(streams)) == (self._queues, self._streams):
                return
            left = {*self._queues, *self._streams}.difference(queues, streams)
            self._queues, self._streams = list(queues), list(streams)
            if database.lives(self._conn):
                try:
                    self._tell_queues()
                    self._run(statements.DELETE_UNUSED, queues=list(left), consumer_id=self._id)
                except database.ERRORS:
                    # The thread finds it closed, connects and tells again.
                    database.close(self._conn)

    def stop(self) -> None:
        """Sign off, and put back what is still claimed: nobody has to find out that the consumer is gone."""
        self._stopped = True
        self._bell.ring()
        if self._thread is not None and self._thread.is_alive():
            self._thread.join(timeout=self._options.patrol_seconds)
        with self._lock:
            try:
                if not database.lives(self._conn):
                    self._connect(grace=True)
                self._sign_off()
            except database.ERRORS as error:
                logger.warning("could not sign off consumer %d, others will notice: %s", self._id, str(error).strip())
            finally:
                database.close(self._conn)
                self._bell.close()

    def _sign_off(self) -> None:
        queues = [queue for (queue,) in self._run(statements.UNREGISTER, consumer_id=self._id)]
        self._wake(queues)
        self._run(statements.DELETE_UNUSED, queues=[*self._queues, *self._streams], consumer_id=self._id)

    def call(self) -> None:
        """Have the keeper look now: something is due soon."""
        self._bell.ring()

    def settled(self, messages: int) -> None:
        """Count messages that the consumer has done: their rows are dead."""
        self._vacuum.settled(messages)

    @property
    def identity(self) -> Identity:
        """The registered consumer; `register` must have been called."""
        if self._identity is None:
            raise RuntimeError("the consumer is not registered")
        return self._identity

    @property
    def _id(self) -> int:
        return self.identity.consumer_id

    def _connect(self, *, grace: bool) -> None:
        conn = database.connect(self._parameters)
        try:
            refuse_pooler(conn, self._parameters)
        except BaseException:
            conn.close()
            raise
        self._conn = conn
        self._run(statements.PLAN_BY_INDEX)
        self._shown_alive = False
        self._silent_since.clear()
        # Where one session broke, others may have broken too, and their owners come back for their claims.
        ((uptime,),) = self._run("SELECT extract(epoch FROM now() - pg_postmaster_start_time())::float8")
        wait = self._options.reconnect_grace_seconds
        self._judges_from = time.monotonic() + (wait if grace else max(0.0, wait - uptime))

    def _tell_queues(self) -> None:
        self._run(statements.SUBSCRIBE, queues=self._queues, streams=self._streams, consumer_id=self._id)

    def _insert(self) -> Identity:
        while True:
            rows = self._run(
                statements.REGISTER,
                queues=self._queues,
                streams=self._streams,
                host=socket.gethostname(),
                pid=os.getpid(),
                lease_seconds=self._options.lease_seconds,
            )
            # None when the lock of the new id is held: after two thousand million consumers, ids begin again.
            if rows:
                return Identity(*rows[0])

    def _patrol_until_stopped(self) -> None:
        pause = self._options.patrol_seconds
        while True:
            self._wait(pause)
            if self._stopped:
                return
            with self._lock:
                try:
                    pause = self._patrol()
                    self._complained = False
                except database.ERRORS as error:
                    if not self._complained:
                        logger.warning(
                            "the keeper of consumer %d lost its connection: %s", self._id, str(error).strip()
                        )
                    self._complained = True
                    database.close(self._conn)
                    pause = _RECONNECT_SECONDS
                except Exception:
                    # Without it the claims of a living consumer would end, so it outlives what nobody thought of.
                    logger.exception("the keeper of consumer %d failed, trying again", self._id)
                    pause = self._options.patrol_seconds

    def _wait(self, seconds: float) -> None:
        """Wait until the time is over, the keeper is called, or its connection breaks: others see that at once."""
        poller = select.poll()
        poller.register(self._bell, select.POLLIN)
        if self._conn is not None and not self._conn.closed:
            poller.register(self._conn, select.POLLIN)
        poller.poll(int(seconds * 1000))
        self._bell.answer()

    def _patrol(self) -> float:
        """Look once, and return the seconds until the next look."""
        if not database.lives(self._conn):
            self._connect(grace=True)
            self._tell_queues()
            logger.info("the keeper of consumer %d is connected again", self._id)
        if not self._shown_alive:
            # Not while a session of ours that the server believes in still holds it: just as good.
            ((self._shown_alive,),) = self._run(statements.SHOW_ALIVE, consumer_id=self._id)
        ((alive, silent, orphans, overlooked, untidy, due_in),) = self._run(
            statements.KEEP,
            consumer_id=self._id,
            lease_seconds=self._options.lease_seconds,
            queues=[*self._queues, *self._streams] if self.waiting else [],
        )
        if not alive:
            self.lost = True
        if self._judge(silent) or orphans:
            self._return_orphans()
        if untidy:
            self._tidy_up()
        if self.lost or overlooked:
            self._ring()
        self._vacuum.consider(self._run)
        pause = _SECOND_LOOK_SECONDS if self._silent_since else self._options.patrol_seconds
        return pause if due_in is None else min(pause, self._release(due_in))

    def _judge(self, silent: Sequence[int]) -> bool:
        """Declare lost whoever is silent for long enough; tell whether there was one."""
        now = time.monotonic()
        if now < self._judges_from:
            return False
        self._silent_since = {consumer_id: self._silent_since.get(consumer_id, now) for consumer_id in silent}
        gone = [c for c, since in self._silent_since.items() if now - since >= _SECOND_LOOK_SECONDS * 0.95]
        if not gone:
            return False
        declared = self._run(statements.DECLARE_LOST, consumer_ids=gone)
        for consumer_id, host, pid in declared:
            logger.warning("consumer %d (process %d on %s) is gone, its messages are put back", consumer_id, pid, host)
        for consumer_id in gone:
            del self._silent_since[consumer_id]
        return bool(declared)

    def _return_orphans(self) -> None:
        queues = [queue for (queue,) in self._run(statements.RETURN_ORPHANS)]
        if queues:
            logger.warning("%d messages of consumers that are gone are put back", len(queues))
            self.returned = True
            self._wake(queues)
            self._ring()

    def _wake(self, queues: Sequence[str]) -> None:
        """Wake consumers for messages that are back in these queues, one entry each."""
        if queues:
            self._run(statements.WAKE, **Wakeup.into(queues).parameters())

    def _release(self, due_in: float) -> float:
        """Let messages go that are due; return the seconds until there may be more."""
        if due_in > 0:
            return due_in
        queues = [queue for (queue,) in self._run(statements.RELEASE)]
        self._wake(queues)
        return 0.0 if queues else _SECOND_LOOK_SECONDS

    def _tidy_up(self) -> None:
        """Delete what has expired, unless another consumer is at it."""
        ((ours,),) = self._run(statements.UPKEEP_IS_OURS)
        if not ours:
            return
        self._run(statements.DELETE_EXPIRED_MESSAGES)
        queues = [queue for (queue,) in self._run(statements.FORGET_LOST)]
        self._run(statements.DELETE_UNUSED, queues=queues, consumer_id=0)
        self._run(statements.DELETE_EXPIRED_QUEUES)
        self._run(statements.UPKEEP_IS_DONE)

    def _run(self, statement: str, **values: object) -> list[Any]:
        if self._conn is None:
            raise RuntimeError("the keeper is not connected")
        return execute(self._conn, statement, **values)
