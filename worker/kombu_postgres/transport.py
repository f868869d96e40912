"""The transport: one connection to publish, one consumer, on Celery's event loop or in a loop of its caller."""

from __future__ import annotations

import logging
import os
import select
import time
import weakref
from collections import deque
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg2
from kombu.transport import virtual

from kombu_postgres import database
from kombu_postgres.channel import Channel
from kombu_postgres.consumer import Consumer
from kombu_postgres.doorbell import Doorbell
from kombu_postgres.message import Delivery
from kombu_postgres.options import Options, connection_parameters
from kombu_postgres.publisher import Publisher
from kombu_postgres.silence import silence_of

logger = logging.getLogger(__name__)

_AT_ONCE = 100
"""How much is claimed with one statement at most."""
_PATIENCE_SECONDS = 0.025
_RECONNECT_SECONDS = (0.1, 0.2, 0.5, 1.0)


class Transport(virtual.Transport):
    """Celery on PostgreSQL alone.

    `broker_url = "postgresql://..."`, `broker_transport = "kombu_postgres:Transport"`. The README says what is promised
    and lists the options.
    """

    Channel = Channel
    can_parse_url = True
    driver_type = "postgresql"
    driver_name = "psycopg2"
    connection_errors: tuple[type[Exception], ...] = (  # type: ignore[assignment]  # kombu's is empty
        *database.ERRORS,
        OSError,
    )
    implements = virtual.Transport.implements.extend(
        asynchronous=True,
        batch_publish=True,
        exchange_type=frozenset({"direct", "topic", "fanout"}),
        heartbeats=False,
    )

    def __init__(self, client: Any, **kwargs: Any) -> None:
        super().__init__(client, **kwargs)
        self._url: str = client.hostname
        self._parameters = connection_parameters(self._url)
        self._options = Options.of(client.transport_options)
        self._begin()
        _transports.add(self)

    def _begin(self) -> None:
        """Have nothing yet: no connection, no consumer, no place on a loop."""
        self.publisher = Publisher(self._parameters)
        self.silence = silence_of(self._url)
        self._doorbell = Doorbell()
        self._consumer: Consumer | None = None
        self._buffer: deque[Delivery] = deque()
        self._loop: Any = None
        self._reader: tuple[int, int] | None = None
        self._notified = False
        self._timer: Any = None
        self._failures = 0
        self._paused_until = 0.0
        self._patient_until: float | None = None

    def leave_to_parent(self) -> None:
        """Begin anew in a forked child: sessions, claims, the doorbell and the loop are those of the parent."""
        self._begin()

    def driver_version(self) -> str:
        return str(psycopg2.__libpq_version__)

    def establish_connection(self) -> Transport:
        """Connect, and make the tables if need be; raises connection errors and SchemaError."""
        self.publisher.connect()
        super().establish_connection()
        return self

    def close_connection(self, connection: Any) -> None:
        """Put back what was not acknowledged, sign off and close."""
        self._leave_loop()
        consumer, self._consumer = self._consumer, None
        super().close_connection(connection)
        if consumer is not None:
            consumer.close()
        self.publisher.close()
        self._doorbell.close()

    # What channels ask for.

    def close_channel(self, channel: Any) -> None:
        """Consume no more for a channel."""
        super().close_channel(channel)
        if self._consumer is not None:
            self.subscribe()

    def subscribe(self) -> None:
        """Consume what the channels consume now."""
        if self._consumer is None:
            self._consumer = Consumer(self._parameters, self._options, self._doorbell.ring, self.silence)
        self._consumer.subscribe(
            (queue for channel in self.channels for queue in channel.queues),
            (queue for channel in self.channels for queue in channel.streams),
        )
        self._doorbell.ring()

    def look(self) -> None:
        if self._consumer is not None:
            self._consumer.look()
            self._doorbell.ring()

    def get(self, queue: str, *, keep: bool) -> Delivery | None:
        """Return one message of a queue, or None."""
        if self._consumer is None:
            self._consumer = Consumer(self._parameters, self._options, self._doorbell.ring, self.silence)
        return self._consumer.get(queue, keep=keep)

    def ack(self, tag: str) -> None:
        """Acknowledge: together with the next claim on an event loop, at once without one."""
        if self._consumer is None:
            logger.warning("an acknowledgement is refused: the connection that received the message is gone")
            return
        self._consumer.ack(tag)
        if self._loop is None:
            with self._complaint("acknowledge"):
                self._consumer.settle()
        else:
            self._doorbell.ring()

    def requeue(self, tags: Iterable[str]) -> None:
        """Put messages back where they were."""
        if self._consumer is not None:
            with self._complaint("put messages back"):
                self._consumer.requeue(tags)
            self._doorbell.ring()

    @contextmanager
    def _complaint(self, what: str) -> Iterator[None]:
        """Log that the database is away: the consumer does it when it is connected again."""
        try:
            yield
        except database.ERRORS as error:
            logger.warning("could not %s now, will do when connected again: %s", what, str(error).strip())

    # Receiving: both ways.

    def _room(self) -> tuple[list[str], int, int]:
        """Return the queues that may deliver, how many messages they may deliver, and the size of the smallest window.

        One statement claims for all channels, so the channel with the least room decides; one without any is left out.
        """
        queues: list[str] = []
        rooms, windows = [_AT_ONCE], [_AT_ONCE]
        for channel in self.channels:
            if not channel.queues:
                continue
            room = channel.qos.room
            if room is not None:
                room -= sum(delivery.queue in channel.queues for delivery in self._buffer)
            if room is None or room > 0:
                queues += channel.queues
                rooms.append(_AT_ONCE if room is None else room)
                windows.append(channel.qos.prefetch_count or _AT_ONCE)
        return queues, min(rooms) if queues else 0, min(windows)

    def _deliver_buffered(self) -> bool:
        """Deliver one message; False when there is none."""
        if not self._buffer:
            return False
        delivery = self._buffer.popleft()
        try:
            raw = delivery.raw()
        except ValueError:
            # Not written by kombu. It stays claimed, so that it does not go round and round.
            logger.exception("message %d of queue %s cannot be read, it is left alone", delivery.id, delivery.queue)
            return True
        self._deliver(raw, delivery.queue)
        return True

    def _reject_inbound_message(self, raw_message: dict[str, Any]) -> None:
        """Put back what arrived after its consumer was cancelled."""
        self.requeue([raw_message["properties"]["delivery_tag"]])

    def _on_broken(self, error: Exception) -> float:
        """Log a lost connection once; return the seconds until it is tried again."""
        if not self._failures:
            logger.warning("lost the connection to the database, connecting again: %s", str(error).strip())
        pause = _RECONNECT_SECONDS[min(self._failures, len(_RECONNECT_SECONDS) - 1)]
        self._failures += 1
        return pause

    # Receiving in a loop of the caller's.

    def drain_events(self, connection: Any, timeout: float | None = None, **kwargs: Any) -> None:
        """Deliver one message, waiting for it; raises TimeoutError when none comes within `timeout` seconds."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while not self._deliver_buffered():
            pause = self._receive()
            if self._buffer:
                continue
            if deadline is not None:
                remaining = deadline - time.monotonic()
                if remaining <= 0:
                    raise TimeoutError
                pause = remaining if pause is None else min(pause, remaining)
            self._sleep(pause)

    def _receive(self) -> float | None:
        """Claim what there is; return how many seconds to wait at most, None for any time."""
        queues, room, window = self._room()
        consumer = self._consumer
        if consumer is None:
            # Also when this connection was made by the parent process, and its consumers are to go on here.
            if not any(channel.queues or channel.streams for channel in self.channels):
                return None
            self.subscribe()
            return 0.0
        # Without a prefetch count a caller gets one at a time, so that others get the others.
        room = room if window < _AT_ONCE else min(room, 1)
        try:
            while consumer.is_wanted(room=bool(queues)) and not self._buffer:
                self._buffer.extend(consumer.receive(queues, room, 1))
            if not queues:
                consumer.pause()
        except database.ERRORS as error:
            return self._on_broken(error)
        self._failures = 0
        return consumer.rest()

    def _sleep(self, seconds: float | None) -> None:
        poller = select.poll()
        poller.register(self._doorbell, select.POLLIN)
        if self._consumer is not None and (fd := self._consumer.fileno()) is not None:
            poller.register(fd, select.POLLIN)
        poller.poll(None if seconds is None else max(1, int(seconds * 1000)))
        self._doorbell.answer()
        if self._consumer is not None:
            self._consumer.listen()

    # Receiving on Celery's event loop.

    def register_with_event_loop(self, connection: Any, loop: Any) -> None:
        """Claim and acknowledge when a notification arrives, or when the doorbell rings.

        Not in `on_tick`: the pool looks there whether it has something to send to its processes, perhaps before us,
        and then the loop would sleep on what we deliver.
        """
        self._loop = loop
        self.silence.begin()
        loop.add_reader(self._doorbell.fileno(), self._on_ring)
        self._doorbell.ring()

    def _on_ring(self) -> None:
        self._doorbell.answer()
        self._attend()

    def _on_notified(self) -> None:
        self._notified = True
        self._attend()

    def _attend(self) -> None:
        """Do what there is to do, unless it is better done in a moment."""
        consumer = self._consumer
        now = time.monotonic()
        if consumer is None or now < self._paused_until:
            return
        queues, room, window = self._room()
        wanted = self._notified or bool(self._buffer) or consumer.is_wanted(room=bool(queues))
        if not wanted or self._is_patient(consumer, room, window, now):
            return
        try:
            self._turn(consumer, queues, room)
        except database.ERRORS as error:
            self._stop_reading()
            pause = self._on_broken(error)
            self._paused_until = now + pause
            self._ring_in(pause)

    def _is_patient(self, consumer: Consumer, room: int, window: int, now: float) -> bool:
        """Tell whether to wait a moment for more acknowledgements, while there are still messages to work on.

        So a large window is filled by quarters, and acknowledged so, and not one message at a time.
        """
        if self._notified or self._buffer or consumer.is_urgent or not 0 < room < window // 4:
            self._patient_until = None
            return False
        if self._patient_until is None:
            self._patient_until = now + _PATIENCE_SECONDS
            self._ring_in(_PATIENCE_SECONDS)
        if now < self._patient_until:
            return True
        self._patient_until = None
        return False

    def _turn(self, consumer: Consumer, queues: Collection[str], room: int) -> None:
        self._notified = False
        self._buffer.extend(consumer.receive(queues, room, _AT_ONCE))
        self._failures = 0
        self._read(consumer)
        while self._deliver_buffered():
            continue
        queues, _, _ = self._room()
        if not queues:
            consumer.pause()
        if consumer.is_wanted(room=bool(queues)):
            self._doorbell.ring()
        elif (rest := consumer.rest()) is not None:
            self._ring_in(rest)

    def _ring_in(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(seconds, self._doorbell.ring)

    def _read(self, consumer: Consumer) -> None:
        """Be told by the loop when notifications arrive; a new connection may have the number of the old socket."""
        fd = consumer.fileno()
        if fd is not None and (consumer.connections, fd) != self._reader:
            self._stop_reading()
            self._loop.add_reader(fd, self._on_notified)
            self._reader = (consumer.connections, fd)

    def _stop_reading(self) -> None:
        if self._reader is not None:
            self._loop.remove_reader(self._reader[1])
            self._reader = None

    def _leave_loop(self) -> None:
        if self._loop is None:
            return
        self._stop_reading()
        self._loop.remove_reader(self._doorbell.fileno())
        if self._timer is not None:
            self._timer.cancel()
        self.silence.end()
        self._loop = None


_transports: weakref.WeakSet[Transport] = weakref.WeakSet()


def _leave_to_parent() -> None:
    for transport in list(_transports):
        transport.leave_to_parent()


# After `silence`, which is imported above, has forgotten what it knew.
os.register_at_fork(after_in_child=_leave_to_parent)
