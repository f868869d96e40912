"""What a channel holds unacknowledged, and how much more it may."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kombu.transport import virtual

if TYPE_CHECKING:
    from kombu_postgres.channel import Channel


class QoS(virtual.QoS):
    """Acknowledgements and rejections of one channel; the claims behind them are those of the transport's consumer."""

    channel: Channel

    @property
    def room(self) -> int | None:
        """How many more messages the channel takes; None for any number."""
        room: int | None = self.can_consume_max_estimate()
        return room

    def ack(self, delivery_tag: str) -> None:
        """Acknowledge: the message is deleted."""
        self.channel.connection.ack(delivery_tag)
        super().ack(delivery_tag)

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        """Delete the message, or put it back where it was."""
        if requeue:
            self.channel.connection.requeue([delivery_tag])
            super().ack(delivery_tag)
        else:
            self.ack(delivery_tag)

    def restore_unacked(self) -> list[Any]:
        """Put back whatever is not acknowledged."""
        self._flush()
        tags = list(self._delivered)
        self._delivered.clear()
        self.channel.connection.requeue(tags)
        return []
