"""A consumer that keeps what it is given, for tests of what kombu delivers."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from kombu import Connection, Consumer, Queue
from kombu.message import Message

_SECONDS = 10.0
# How long a message that must not come is given to come nevertheless.
_QUIET_SECONDS = 0.3


class Inbox:
    """Consumes while the context is entered; `messages` is what has arrived, none of it acknowledged.

    `prefetch` is the number of unacknowledged messages that it takes, 0 for any number.
    """

    def __init__(self, connection: Connection, *queues: Queue, prefetch: int = 0, no_ack: bool = False) -> None:
        self.connection = connection
        self.channel = connection.channel()
        self.messages: list[Message] = []
        self._returned = 0
        if prefetch:
            self.channel.basic_qos(0, prefetch, False)
        self._consumer = Consumer(
            self.channel, queues=list(queues), on_message=self.messages.append, no_ack=no_ack, auto_declare=False
        )

    def __enter__(self) -> Self:
        self._consumer.consume()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the channel: what is not acknowledged goes back."""
        self.channel.close()

    def cancel(self) -> None:
        """Take no more; what was taken can still be acknowledged."""
        self._consumer.cancel()

    @property
    def bodies(self) -> list[Any]:
        """What has arrived, decoded, in the order of arrival."""
        return [message.decode() for message in self.messages]

    def wait_for(self, count: int, seconds: float = _SECONDS) -> list[Any]:
        """Wait until that many have arrived, and return all bodies; fails after the seconds."""
        drain(self.connection, lambda: len(self.messages) >= count, seconds, f"{count} messages in {self.bodies}")
        return self.bodies

    def get(self) -> Message:
        """Wait for the first that this has not returned before, and return it."""
        self.wait_for(self._returned + 1)
        self._returned += 1
        return self.messages[self._returned - 1]

    def ack_all(self) -> None:
        for message in self.messages:
            if not message.acknowledged:
                message.ack()

    def stays_at(self, count: int, seconds: float = _QUIET_SECONDS) -> None:
        """Fail unless exactly that many have arrived and none follows within the seconds."""
        self.wait_for(count)
        self.settle(seconds)
        assert len(self.messages) == count, self.bodies

    def settle(self, seconds: float = _QUIET_SECONDS) -> None:
        """Take what is on its way, for that long."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            with contextlib.suppress(TimeoutError):
                self.connection.drain_events(timeout=left)


def drain(connection: Connection, condition: Callable[[], object], seconds: float, what: str) -> None:
    """Handle events until the condition holds; fails after the seconds with what did not happen."""
    deadline = time.monotonic() + seconds
    while not condition():
        left = deadline - time.monotonic()
        assert left > 0, f"{what} did not happen within {seconds:g} s"
        with contextlib.suppress(TimeoutError):
            connection.drain_events(timeout=left)
