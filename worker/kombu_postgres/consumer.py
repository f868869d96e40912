"""Claims messages for one transport, and acknowledges them, in as few statements as there can be."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from kombu_postgres import database, statements
from kombu_postgres.frontier import Frontier
from kombu_postgres.keeper import Identity, Keeper
from kombu_postgres.message import Delivery
from kombu_postgres.options import Options
from kombu_postgres.publishing import Wakeup
from kombu_postgres.session import Session
from kombu_postgres.silence import Silence

logger = logging.getLogger(__name__)


class Consumer:
    """One registered consumer: its claims, and what it knows about its queues.

    It waits in four steps, so that no wake-up is lost: say that it waits, claim once more, sleep until notified, claim.
    It goes on saying so while it has room for messages.

    All methods may raise `database.ERRORS`. The claims outlive a broken connection: the next call connects again.
    """

    def __init__(
        self, parameters: Mapping[str, Any], options: Options, ring: Callable[[], None], silence: Silence
    ) -> None:
        self._parameters = parameters
        self._silence = silence
        self._keeper = Keeper(parameters, options, self._on_call)
        self._ring = ring
        self._lock = threading.RLock()
        self._session: Session | None = None
        self._queues: list[str] = []
        self._streams: list[str] = []
        self._frontier = Frontier()
        self._held: dict[str, int] = {}
        self._acks: list[int] = []
        self._look = True
        self._look_urgently = True
        self._look_at_streams = True
        self._wait_next = False
        self._look_again_at: float | None = None
        self.connections = 0
        """How many sessions there were so far."""

    # What is consumed.

    def subscribe(self, queues: Iterable[str], streams: Iterable[str]) -> None:
        """Consume these queues, and read these without acknowledgement, from now on."""
        with self._lock:
            self._queues, self._streams = list(dict.fromkeys(queues)), list(dict.fromkeys(streams))
            self._look = self._look_at_streams = True
            if self._session is not None:
                self._keeper.subscribe(self._queues, self._streams)

    def look(self) -> None:
        """Have the next `receive` look into the queues: there is more room, or a reason to believe in work."""
        self._look = True

    def is_wanted(self, *, room: bool) -> bool:
        """Tell whether `receive` has something to do; `room` says whether more could be delivered."""
        return self.is_urgent or bool(self._acks) or (room and (self._look or self.rest() == 0))

    @property
    def is_urgent(self) -> bool:
        """Tell whether `receive` should be called whatever room there is."""
        return (
            (self._look_at_streams and bool(self._streams))
            or self._keeper.lost
            or self._session is None
            or not self._session.lives
        )

    def rest(self) -> float | None:
        """Return the seconds until the consumer looks again by itself; None when it does not."""
        return None if self._look_again_at is None else max(0.0, self._look_again_at - time.monotonic())

    def fileno(self) -> int | None:
        """Return the socket that becomes readable when the consumer is notified; None without a connection."""
        return self._session.fileno() if self._session is not None and self._session.lives else None

    # Receiving.

    def listen(self) -> None:
        """Read the notifications that have arrived, if there is a connection."""
        with self._lock:
            if self._session is not None and self._session.lives:
                with contextlib.suppress(*database.ERRORS):
                    self._hear(self._session)

    def receive(self, queues: Collection[str], room: int, streams_room: int) -> list[Delivery]:
        """Acknowledge what is to be acknowledged, and claim up to `room` messages of these of its queues.

        Streams give up to `streams_room` messages on top. When less came than there was room for, the consumer waits
        from then on.
        """
        with self._lock:
            session = self._connected()
            self._hear(session)
            received = self._take(session, streams_room) if self._look_at_streams and self._streams else []
            if self.rest() == 0:
                self._look = True
            if queues and self._look and room:
                received += self._claim(session, [queue for queue in self._queues if queue in queues], room)
            elif self._acks:
                self._acknowledge(session)
            return received

    def get(self, queue: str, *, keep: bool) -> Delivery | None:
        """Claim one message of a queue, or take it when it need not be kept until it is acknowledged."""
        with self._lock:
            session = self._connected()
            if not keep:
                return next(iter(self._deliveries(session.prepared("kombu_take", [queue], 1))), None)
            received, _ = self._run_claim(session, [queue], 1, full=False)
            if not received:
                received, _ = self._run_claim(session, [queue], 1, full=True)
            return next(iter(received), None)

    def pause(self) -> None:
        """Say that there is no room for more: others are to be woken instead."""
        with self._lock:
            if self._session is not None and self._session.lives and self._session.waiting:
                self._look = True
                self._keeper.waiting = False
                self._session.stop_waiting()

    # Settling.

    def ack(self, tag: str) -> None:
        """Acknowledge a delivery with the next `receive` or `settle`; a late one is refused, and logged."""
        with self._lock:
            message_id = self._held.pop(tag, None)
            if message_id is None:
                self._refuse(1)
            else:
                self._acks.append(message_id)

    def settle(self) -> None:
        """Acknowledge now."""
        with self._lock:
            if self._acks:
                self._acknowledge(self._connected())

    def requeue(self, tags: Iterable[str]) -> None:
        """Put deliveries back where they were."""
        with self._lock:
            message_ids = [message_id for tag in list(tags) if (message_id := self._held.pop(tag, None)) is not None]
            if message_ids:
                session = self._connected()
                self._returned(session, session.prepared("kombu_requeue", message_ids))

    def close(self) -> None:
        """Acknowledge, sign off, and put back what is left."""
        with self._lock:
            if self._session is None:
                return
            try:
                self.settle()
            except database.ERRORS as error:
                logger.warning("could not acknowledge %d messages: %s", len(self._acks), str(error).strip())
            finally:
                self._session.close()
                self._session = None
                self._keeper.stop()

    # Claiming.

    def _claim(self, session: Session, queues: Sequence[str], room: int) -> list[Delivery]:
        if self._wait_next and not session.waiting:
            session.start_waiting()
            self._keeper.waiting = True
        self._wait_next = False
        urgently = self._look_urgently or self._keeper.returned
        full = self._frontier.full_look_wanted(urgently=urgently)
        received, seen = self._run_claim(session, queues, room, full=full)
        if full:
            self._look_urgently = self._keeper.returned = False
        served = dict.fromkeys(delivery.queue for delivery in received)
        self._queues = [queue for queue in self._queues if queue not in served] + list(served)
        if len(received) < room and seen <= len(received):
            self._nothing_left(session)
        return received

    def _nothing_left(self, session: Session) -> None:
        """Go to sleep, when publishers know that they have to wake us; or else say so, and look once more."""
        if not session.waiting:
            self._wait_next = True
            return
        self._look = False
        # Called for something that may stand before the frontier, where there was no time to look?
        self._look_again_at = time.monotonic() + self._frontier.rest_seconds() if self._look_urgently else None

    def _run_claim(
        self, session: Session, queues: Sequence[str], room: int, *, full: bool
    ) -> tuple[list[Delivery], int]:
        """Claim with one statement; return what was claimed, and if known how many messages could have been."""
        asked = len(self._acks)
        ranges = self._frontier.ranges(queues, full=full)
        began = time.monotonic()
        rows = session.prepared("kombu_look" if full else "kombu_claim", list(self._acks), room, *ranges)
        if full:
            self._frontier.looked(time.monotonic() - began)
        acked, seen = rows[0][:2]
        self._acknowledged(asked, acked)
        claimed = sorted((row[2:] for row in rows if row[2] is not None), key=lambda row: row[3])
        deliveries = self._deliveries(claimed)
        self._held.update((delivery.tag, delivery.id) for delivery in deliveries)
        self._frontier.advance((queue, position) for _, queue, _, position, _, _ in claimed)
        return deliveries, seen or 0

    def _take(self, session: Session, limit: int) -> list[Delivery]:
        received = self._deliveries(session.prepared("kombu_take", self._streams, limit))
        self._look_at_streams = len(received) == limit
        return received

    def _deliveries(self, rows: Iterable[Sequence[Any]]) -> list[Delivery]:
        consumer_id = self._keeper.identity.consumer_id
        return [
            Delivery(consumer_id, message_id, queue, payload, deliveries, held)
            for message_id, queue, payload, _position, deliveries, held in rows
        ]

    def _acknowledge(self, session: Session) -> None:
        asked = len(self._acks)
        ((acked,),) = session.prepared("kombu_ack", list(self._acks))
        self._acknowledged(asked, acked)

    def _acknowledged(self, asked: int, done: int) -> None:
        del self._acks[:asked]
        self._keeper.settled(done)
        self._refuse(asked - done)

    def _refuse(self, number: int) -> None:
        if number:
            logger.warning("%d late acknowledgements are refused: the messages were given to others", number)

    def _returned(self, session: Session, rows: Iterable[Sequence[Any]]) -> None:
        """Wake consumers for messages that are back in their queues, a row each."""
        queues = [queue for (queue,) in rows]
        self._frontier.forget()
        self._look = True
        if queues:
            session.execute(statements.WAKE, **Wakeup.into(queues).parameters())

    # The session.

    def _connected(self) -> Session:
        """Return a session of an identity that is not lost, made anew if need be."""
        if self._session is None:
            identity = self._keeper.register(self._queues, self._streams)
            self._session = self._open(identity)
        elif self._keeper.lost:
            self._begin_anew(self._session)
        if not self._session.lives:
            self._session = self._open(self._keeper.identity)
            logger.info("consumer %d is connected again", self._keeper.identity.consumer_id)
            self._compare_claims(self._session)
        return self._session

    def _open(self, identity: Identity) -> Session:
        session = Session(self._parameters, identity)
        self.connections += 1
        self._silence.forget()
        self._keeper.waiting = self._wait_next = False
        self._look = self._look_urgently = self._look_at_streams = True
        return session

    def _compare_claims(self, session: Session) -> None:
        """Settle what a broken connection left open: the answer to a claim or to acknowledgements may be lost."""
        rows = session.execute(statements.HELD, consumer_id=session.identity.consumer_id)
        claimed = {message_id for (message_id,) in rows}
        self._acks = [message_id for message_id in self._acks if message_id in claimed]
        unknown = claimed.difference(self._held.values(), self._acks)
        if unknown:
            logger.warning("%d messages were claimed while the connection broke, they are put back", len(unknown))
            consumer_id = session.identity.consumer_id
            rows = session.execute(statements.TAKE_BACK, consumer_id=consumer_id, message_ids=list(unknown))
            self._returned(session, rows)

    def _begin_anew(self, session: Session) -> None:
        """Take a new identity after the old one was declared lost; what it held belongs to others."""
        logger.warning(
            "consumer %d was out of reach for longer than its lease: %d messages that it holds are given to others, "
            "and their acknowledgement will be refused",
            session.identity.consumer_id,
            len(self._held) + len(self._acks),
        )
        self._held.clear()
        self._acks.clear()
        identity = self._keeper.register(self._queues, self._streams)
        self._keeper.waiting = False
        self._look = self._look_urgently = self._look_at_streams = True
        if session.lives:
            session.adopt(identity)

    def _hear(self, session: Session) -> None:
        reasons = session.hear()
        if "stream" in reasons:
            self._look_at_streams = True
        if "queue" in reasons:
            self._look = self._look_urgently = True
        if "due" in reasons:
            self._keeper.call()
        if "binding" in reasons:
            self._silence.forget()

    def _on_call(self) -> None:
        """Look everywhere: the keeper found something; called in its thread."""
        self._look = self._look_at_streams = self._look_urgently = True
        self._ring()
