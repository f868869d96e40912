"""What `with producer.batch():` publishes: many messages, one statement, one commit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kombu_postgres.message import Message

if TYPE_CHECKING:
    from kombu_postgres.channel import Channel


class PublishBatch:
    """Collects the messages of one batch; each flush is a transaction: all of them, or none."""

    def __init__(self, channel: Channel, max_size: int) -> None:
        self.channel = channel
        self._max_size = max_size
        self._messages: list[Message] = []

    def publish(self, message: dict[str, Any], exchange: str = "", routing_key: str = "", **_: Any) -> None:
        """Add a message for every queue that it is routed to."""
        self._messages += self.channel.routed(message, exchange, routing_key)
        if len(self._messages) >= self._max_size:
            self.flush()

    def flush(self) -> None:
        """Insert what was collected; raises connection errors, and then nothing of it was accepted for certain."""
        messages, self._messages = self._messages, []
        if messages:
            self.channel.connection.publisher.publish(messages)

    def discard(self) -> None:
        """Forget what was collected."""
        self._messages = []

    def close(self) -> None:
        """End the batch; what was not flushed is forgotten."""
        self.discard()
